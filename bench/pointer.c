/* The additive score with its arrays, in one piece of memory. */
#include "bench/pointer.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

double attn_pointer_case_tanhs(const struct attn_pointer_case *c, enum attn_direction pass) {
    const attn_problem *p = &c->problem;
    const double once = (double)p->batch * p->heads * (double)p->q_len * (double)p->kv_len * p->dim;
    return pass == ATTN_FWD ? once : pass == ATTN_BWD ? 2 * once : 3 * once;
}

double attn_pointer_case_flops(const struct attn_pointer_case *c, enum attn_direction pass) {
    const double once = attn_pointer_case_tanhs(c, ATTN_FWD);
    const double forward = 2 * 14 * once, backward = 2 * (14 + 13 + 3) * once;
    return pass == ATTN_FWD ? forward : pass == ATTN_BWD ? backward : forward + backward;
}

static float *take(float **at, double count) {
    float *mine = *at;
    *at += ((size_t)count + 15) / 16 * 16;
    return mine;
}

attn_status attn_pointer_case_open(struct attn_pointer_case *c, attn_ctx *ctx, const attn_problem *shape, uint64_t seed) {
    *c = (struct attn_pointer_case){.ctx = ctx, .problem = *shape};
    attn_problem *p = &c->problem;
    p->score = ATTN_SCORE_ADDITIVE;
    p->features = ATTN_BACKWARD;
    attn_status status = attn_plan_create(ctx, p, &c->plan);
    if (status != ATTN_OK) return status;
    const double rows = (double)p->batch * p->heads * (double)p->q_len, keys = (double)p->batch * p->kv_heads * (double)p->kv_len;
    const double q = rows * p->dim, k = keys * p->dim, weights = rows * (double)p->kv_len, w = (double)p->heads * p->dim;
    const double bytes = (2 * q + 2 * k + 2 * w + 2 * weights + rows + 8 * 16) * sizeof(float) + (double)attn_plan_workspace(c->plan);
    if (bytes > 0x1p60 || (c->memory = attn_alloc(ctx, (size_t)bytes)) == NULL)
        return attn_no_memory(ctx, "bench pointer", bytes > 0x1p60 ? SIZE_MAX : (size_t)bytes);
    struct attn_random random;
    float *at = c->memory;
    attn_args_init(&c->args);
    attn_gradients_init(&c->gradients);
    c->args.q.data = take(&at, q);
    c->args.k.data = take(&at, k);
    c->args.w.data = take(&at, w);
    c->gradients.d_weights.data = take(&at, weights);
    attn_random_init(&random, seed);
    attn_random_fill_normal(&random, c->memory, at - (float *)c->memory, 1.0f);
    c->args.weights.data = take(&at, weights);
    c->args.lse.data = take(&at, rows);
    c->gradients.dq.data = take(&at, q);
    c->gradients.dk.data = take(&at, k);
    c->gradients.dw.data = take(&at, w);
    c->args.workspace = at;
    c->args.workspace_bytes = attn_plan_workspace(c->plan);
    return ATTN_OK;
}

void attn_pointer_case_close(struct attn_pointer_case *c) {
    attn_plan_destroy(c->plan);
    attn_free(c->ctx, c->memory);
}

attn_status attn_pointer_case_check(struct attn_pointer_case *c, double *error) {
    const attn_problem *p = &c->problem;
    float *row = attn_alloc(c->ctx, (size_t)p->kv_len * sizeof *row);
    if (row == NULL) return attn_no_memory(c->ctx, "bench pointer", (size_t)p->kv_len * sizeof *row);
    attn_status status = attn_forward(c->plan, &c->args);
    *error = 0.0;
    for (int32_t h = 0; h < p->heads && status == ATTN_OK; h++) {
        const float *got = (const float *)c->args.weights.data + h * p->q_len * p->kv_len;
        status = attn_weights(c->plan, &c->args, 0, h, 0, p->q_len > 0 ? 1 : 0, row);
        for (int64_t j = 0; j < (p->q_len > 0 ? p->kv_len : 0) && status == ATTN_OK; j++)
            *error = fmax(*error, fabs((double)got[j] - (double)row[j]));
    }
    attn_free(c->ctx, row);
    return status;
}

/* One of PyTorch's results against ours. */
static attn_status compare(const struct attn_pointer_case *c, struct attn_torch *torch, const char *name, const float *ours, double *off) {
    struct attn_npy theirs = {.data = NULL};
    double most = 0.0;
    const attn_status status = attn_torch_take(torch, name, &theirs);
    *off = 0.0;
    for (size_t i = 0; i < theirs.count && status == ATTN_OK; i++) {
        const double own = (double)ours[i], other = (double)((const float *)theirs.data)[i];
        *off = fmax(*off, isfinite(other) ? fabs(own - other) : (double)INFINITY);
        most = fmax(most, fabs(own));
    }
    if (strcmp(name, "weights") != 0 && most > 0.0) *off /= most;
    attn_npy_free(c->ctx, &theirs);
    return status;
}

attn_status attn_pointer_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference) {
    struct attn_pointer_case *c = self;
    const attn_problem *p = &c->problem;
    const struct {
        const char *name;
        const void *data;
        int rank;
        int64_t shape[4];
    } inputs[] = {{"q", c->args.q.data, 4, {p->batch, p->heads, p->q_len, p->dim}},
                  {"k", c->args.k.data, 4, {p->batch, p->kv_heads, p->kv_len, p->dim}},
                  {"w", c->args.w.data, 2, {p->heads, p->dim}},
                  {"dweights", c->gradients.d_weights.data, 4, {p->batch, p->heads, p->q_len, p->kv_len}}};
    const struct {
        const char *name;
        const void *data;
    } results[] = {
        {"weights", c->args.weights.data}, {"dq", c->gradients.dq.data}, {"dk", c->gradients.dk.data}, {"dw", c->gradients.dw.data}};
    char answer[16];
    double seconds;
    attn_status status = attn_pointer_case_run(c, ATTN_BOTH, &seconds);
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0] && status == ATTN_OK; i++)
        status = attn_torch_give(torch, inputs[i].name, ATTN_NPY_F32, inputs[i].rank, inputs[i].shape, inputs[i].data);
    if (status == ATTN_OK) status = attn_torch_ask(torch, name, size, "pointer %s %d", torch->folder, torch->threads);
    for (int pass = ATTN_FWD; pass <= ATTN_BWD && status == ATTN_OK; pass++)
        status = attn_torch_run(torch, (enum attn_direction)pass, &seconds);
    if (status == ATTN_OK) status = attn_torch_ask(torch, answer, sizeof answer, "save %s", torch->folder);
    *difference = 0.0;
    for (size_t i = 0; i < sizeof results / sizeof results[0] && status == ATTN_OK; i++) {
        double off;
        status = compare(c, torch, results[i].name, results[i].data, &off);
        *difference = fmax(*difference, off);
    }
    return status;
}

attn_status attn_pointer_case_run(void *self, enum attn_direction pass, double *seconds) {
    struct attn_pointer_case *c = self;
    const double start = attn_clock();
    attn_status status = pass == ATTN_BWD ? ATTN_OK : attn_forward(c->plan, &c->args);
    if (status == ATTN_OK && pass != ATTN_FWD) status = attn_backward(c->plan, &c->args, &c->gradients);
    *seconds = attn_clock() - start;
    return status;
}
