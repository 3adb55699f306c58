/* Attention in PyTorch as a peer of the library's. */
#include "bench/peers/torch.h"

#include "base/context.h"
#include "bench/peers/peer.h"
#include "kernel/convert/convert.h"
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

struct attention {
    struct attn_case *c;
    struct attn_torch torch;
    char name[32];
    struct attn_npy o, dq, dk, dv; /* its results, once read */
};

/* The context's sentence to the case. */
static attn_status explain(struct attn_case *c, attn_status status) {
    if (status != ATTN_OK) attn_ctx_error(c->ctx, c->message, sizeof c->message);
    return status;
}

/* The mask as intervals of each row, padded with empty ones to the longest row. */
static attn_status give_rows(struct attention *t) {
    const struct attn_case_spec *s = &t->c->spec;
    int64_t most = 1;
    for (int64_t i = 0; i < s->q_len; i++) most = attn_max64(most, attn_mask_row(t->c->masks[0], i, NULL, 0));
    const size_t bytes = (size_t)(s->q_len * most) * 2 * sizeof(int64_t);
    int64_t *rows = attn_alloc(t->c->ctx, bytes);
    if (rows == NULL) return attn_no_memory(t->c->ctx, "rows for PyTorch", bytes);
    memset(rows, 0, bytes);
    for (int64_t i = 0; i < s->q_len; i++) attn_mask_row(t->c->masks[0], i, rows + i * most * 2, most);
    const attn_status status = attn_torch_give(&t->torch, "rows", ATTN_NPY_I64, 3, (int64_t[]){s->q_len, most, 2}, rows);
    attn_free(t->c->ctx, rows);
    return status;
}

/* "full", "causal" (of equal lengths, as PyTorch aligns it to the top left), "rows" or, of a learned query, "scan". */
static const char *mask_kind(const struct attn_case *c) {
    const double all = (double)c->spec.q_len * (double)c->spec.kv_len, area = (double)attn_mask_area(c->masks[0]);
    if (c->spec.learned) return "scan";
    if (area == all) return "full";
    const int64_t last = c->spec.q_len - 1;
    bool causal = c->spec.q_len == c->spec.kv_len && area == 0.5 * (double)c->spec.q_len * (double)(c->spec.q_len + 1);
    for (int64_t i = 0; i <= last && causal; i++) {
        int64_t interval[2];
        causal = attn_mask_row(c->masks[0], i, interval, 1) == 1 && interval[0] == 0 && interval[1] == i + 1;
    }
    return causal ? "causal" : "rows";
}

/* An input of the case; what has 16 bits travels as floats, which hold it exactly. */
static attn_status give_input(struct attention *t, const char *name, const int64_t shape[4], const void *data) {
    const attn_dtype dtype = t->c->spec.dtype;
    const size_t count = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
    if (dtype == ATTN_F32 || dtype == ATTN_F64)
        return attn_torch_give(&t->torch, name, dtype == ATTN_F64 ? ATTN_NPY_F64 : ATTN_NPY_F32, 4, shape, data);
    float *wide = attn_alloc(t->c->ctx, count * sizeof *wide);
    if (wide == NULL) return attn_no_memory(t->c->ctx, "an array for PyTorch", count * sizeof *wide);
    for (size_t i = 0; i < count; i++) wide[i] = attn_f32_of_half(dtype, ((const uint16_t *)data)[i]);
    const attn_status status = attn_torch_give(&t->torch, name, ATTN_NPY_F32, 4, shape, wide);
    attn_free(t->c->ctx, wide);
    return status;
}

static attn_status give_all(struct attention *t, const char *kind, bool backward) {
    const struct attn_case *c = t->c;
    const struct attn_case_spec *s = &c->spec;
    const int64_t rows = s->learned ? 1 : s->q_len;
    attn_status status = give_input(t, "q", (int64_t[]){s->learned ? 1 : s->batch, s->heads, rows, s->dim}, c->q);
    if (status == ATTN_OK) status = give_input(t, "k", (int64_t[]){s->batch, s->kv_heads, s->kv_len, s->dim}, c->k);
    if (status == ATTN_OK) status = give_input(t, "v", (int64_t[]){s->batch, s->kv_heads, s->kv_len, s->v_dim}, c->v);
    if (status == ATTN_OK && backward) status = give_input(t, "do", (int64_t[]){s->batch, s->heads, s->q_len, s->v_dim}, c->d_o);
    return status == ATTN_OK && strcmp(kind, "rows") == 0 ? give_rows(t) : status;
}

static void torch_close(void *self) {
    struct attention *t = self;
    attn_ctx *ctx = t->c->ctx;
    struct attn_npy *const arrays[] = {&t->o, &t->dq, &t->dk, &t->dv};
    attn_torch_close(&t->torch);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_npy_free(ctx, arrays[i]);
    attn_free(ctx, t);
}

static attn_status torch_open(struct attn_case *c, enum attn_direction direction, void **self) {
    const bool backward = direction != ATTN_FWD;
    char name[64] = "";
    if (c->mask_count > 1) {
        snprintf(c->message, sizeof c->message, "masks that differ by head are not passed on");
        return ATTN_EUNSUPPORTED;
    }
    struct attention *t = attn_alloc(c->ctx, sizeof *t);
    if (t == NULL) return attn_no_memory(c->ctx, "PyTorch", sizeof *t);
    memset(t, 0, sizeof *t);
    *self = t;
    t->c = c;
    const char *kind = mask_kind(c);
    attn_status status = attn_torch_open(&t->torch, c->ctx, c->spec.threads);
    if (status == ATTN_OK) status = give_all(t, kind, backward);
    if (status == ATTN_OK)
        status = attn_torch_ask(&t->torch, name, sizeof name, "open %s %d %s %d %s", t->torch.folder, c->spec.threads, kind,
                                backward ? 1 : 0, attn_dtype_name(c->spec.dtype));
    snprintf(t->name, sizeof t->name, "torch-%.20s", name);
    return explain(c, status);
}

static attn_status torch_run(void *self, enum attn_direction direction, double *seconds) {
    struct attention *t = self;
    return explain(t->c, attn_torch_run(&t->torch, direction, seconds));
}

static attn_status torch_outputs(void *self, struct attn_outputs *outputs) {
    struct attention *t = self;
    struct attn_npy *const arrays[] = {&t->o, &t->dq, &t->dk, &t->dv};
    static const char *const names[] = {"o", "dq", "dk", "dv"};
    char answer[64];
    const bool backward = t->c->spec.backward;
    attn_status status = attn_torch_ask(&t->torch, answer, sizeof answer, "save %s", t->torch.folder);
    for (int i = 0; i < (backward ? 4 : 1) && status == ATTN_OK; i++) status = attn_torch_take(&t->torch, names[i], arrays[i]);
    const attn_dtype dtype = t->c->spec.dtype == ATTN_F64 ? ATTN_F64 : ATTN_F32; /* as they travel */
    *outputs = (struct attn_outputs){t->o.data, NULL, t->dq.data, t->dk.data, t->dv.data, backward, dtype};
    return explain(t->c, status);
}

static size_t torch_bytes(void *self) {
    (void)self;
    return 0;
}

static const char *torch_name(void *self) {
    return ((struct attention *)self)->name;
}

const struct attn_peer attn_peer_torch = {"torch", torch_open, torch_run, torch_outputs, torch_bytes, torch_name, torch_close};
