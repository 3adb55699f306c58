/* One step: the queries of a chunk on keys and values at hand. */
#include "dist/cp/stage.h"

#include <math.h>
#include <string.h>

/* The chunk's heads of an array by heads. */
static const char *heads_of(const struct attn_cp_pass *p, const void *data, int64_t stride, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    return data ? (const char *)data + (s->u * s->chunks + chunk) * s->heads * stride * (int64_t)sizeof(float) : NULL;
}

/* Rows of the chunk on keys; mask: of these rows. */
struct rows {
    int64_t begin, end;
    const attn_mask *mask;
};

/* An array of the chunk's heads, from a row on. */
static attn_input lines(const struct attn_cp_pass *p, enum attn_cp_room room, int chunk, int64_t begin, int64_t width, size_t element) {
    const struct attn_cp_stage *s = p->stage;
    const bool numbers = width == 1 && (room == ATTN_CP_LSE || room == ATTN_CP_DELTA);
    return (attn_input){attn_cp_at(p, room, chunk) + (size_t)(begin * width) * element,
                        {s->heads * s->tokens * width, s->tokens * width, width, numbers ? 0 : 1}};
}

static attn_output output(attn_input x) {
    return (attn_output){(void *)(uintptr_t)x.data, {x.stride[0], x.stride[1], x.stride[2], x.stride[3]}};
}

static void describe(const struct attn_cp_pass *p, int chunk, const struct rows *rows, const char *kv, int64_t tokens, bool sink,
                     attn_args *args) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    const size_t element = attn_dtype_bytes(o->dtype);
    attn_args_init(args);
    args->q = lines(p, ATTN_CP_Q, chunk, rows->begin, o->dim, element);
    args->k.data = kv;
    args->v.data = kv + (size_t)(o->batch * tokens * s->kv_heads * o->dim) * element;
    args->lse = output(lines(p, ATTN_CP_LSE, chunk, rows->begin, 1, sizeof(float)));
    args->batch = o->batch;
    args->q_len = rows->end - rows->begin;
    args->kv_len = tokens;
    args->mask = rows->mask;
    if (sink) args->sink = (attn_input){heads_of(p, p->x.sink.data, p->x.sink.h, chunk), {p->x.sink.b, p->x.sink.h, 0, 0}};
    args->workspace = attn_cp_at(p, ATTN_CP_PLAN, 0);
    args->workspace_bytes = attn_plan_workspace(s->plan);
}

attn_status attn_cp_attend(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, bool merge) {
    const struct attn_cp_stage *s = p->stage;
    const struct rows all = {0, s->tokens, s->mask[step * s->chunks + chunk]};
    attn_args args;
    if (!p->base) return ATTN_OK;
    describe(p, chunk, &all, kv, tokens, !merge, &args);
    args.o.data = attn_cp_at(p, ATTN_CP_O, chunk);
    args.accumulate = merge ? ATTN_ACCUMULATE_O : 0;
    return attn_progress_failed(s->cp->ctx, s->cp->child, attn_forward(s->plan, &args));
}

/* -------------------------------------------------------------------------------------------------- backward */

/* sink: these rows give dSink their share. */
static attn_status backward(struct attn_cp_pass *p, int chunk, const struct rows *rows, const char *kv, int64_t tokens, char *dkv,
                            bool sink, uint32_t accumulate) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    attn_args args;
    attn_gradients g;
    if (!p->base) return ATTN_OK;
    describe(p, chunk, rows, kv, tokens, sink, &args);
    attn_gradients_init(&g);
    /* O is 0: what of dO . O belongs to a row, delta has */
    args.o = (attn_output){attn_cp_at(p, ATTN_CP_ZERO, 0), {0, 0, 0, 1}};
    memset(args.o.data, 0, (size_t)o->v_dim * sizeof(float));
    args.accumulate = accumulate | ATTN_ACCUMULATE_REST;
    g.d_o = lines(p, ATTN_CP_DO, chunk, rows->begin, o->v_dim, attn_dtype_bytes(o->dtype));
    g.d_lse = lines(p, ATTN_CP_DELTA, chunk, rows->begin, 1, sizeof(float));
    g.dq = output(lines(p, ATTN_CP_DQ, chunk, rows->begin, o->dim, sizeof(float)));
    g.dk.data = dkv;
    g.dv.data = dkv + (size_t)(o->batch * tokens * s->kv_heads * o->dim) * sizeof(float);
    if (args.sink.data && p->x.dsink.data) {
        const char *at = heads_of(p, p->x.dsink.data, p->x.dsink.h, chunk);
        g.dsink = (attn_output){(void *)(uintptr_t)at, {p->x.dsink.b, p->x.dsink.h, 0, 0}};
    }
    return attn_progress_failed(s->cp->ctx, s->cp->child, attn_backward(s->plan, &args, &g));
}

attn_status attn_cp_attend_backward(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, char *dkv, bool first) {
    const struct attn_cp_stage *s = p->stage;
    const struct rows all = {0, s->tokens, s->mask[step * s->chunks + chunk]};
    return backward(p, chunk, &all, kv, tokens, dkv, step == 0, first ? 0 : ATTN_ACCUMULATE_DQ);
}

attn_status attn_cp_own_early(struct attn_cp_pass *p, int chunk, bool *some) {
    const struct attn_cp_stage *s = p->stage;
    char *kv = attn_cp_at(p, ATTN_CP_KV, chunk), *dkv = attn_cp_at(p, ATTN_CP_DKV, chunk);
    const struct rows early = {0, s->cut, s->early};
    if (!s->early) return attn_cp_share(p, chunk, 0, kv, dkv, some);
    attn_cp_nothing(p, chunk, true); /* rows from the cut on are added to before they are computed */
    *some = true;
    return backward(p, chunk, &early, kv, s->tokens, dkv, true, ATTN_ACCUMULATE_DQ);
}

attn_status attn_cp_own_late(struct attn_cp_pass *p, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    const struct rows late = {s->cut, s->tokens, s->late};
    if (!s->late) return ATTN_OK;
    return backward(p, chunk, &late, attn_cp_at(p, ATTN_CP_KV, chunk), s->tokens, attn_cp_at(p, ATTN_CP_DKV, chunk), true,
                    ATTN_ACCUMULATE_DQ | ATTN_ACCUMULATE_DK | ATTN_ACCUMULATE_DV);
}

void attn_cp_nothing(struct attn_cp_pass *p, int chunk, bool backward) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    const int64_t rows = o->batch * s->tokens * s->heads;
    if (!p->base) return;
    if (backward) {
        memset(attn_cp_at(p, ATTN_CP_DQ, chunk), 0, (size_t)(rows * o->dim) * sizeof(float));
        return;
    }
    float *lse = (float *)(void *)attn_cp_at(p, ATTN_CP_LSE, chunk);
    memset(attn_cp_at(p, ATTN_CP_O, chunk), 0, (size_t)(rows * o->v_dim) * sizeof(float));
    for (int64_t i = 0; i < rows; i++) lse[i] = -INFINITY;
}

attn_status attn_cp_share(struct attn_cp_pass *p, int chunk, int step, const char *kv, char *dkv, bool *some) {
    const struct attn_cp_stage *s = p->stage;
    if (!s->mask[step * s->chunks + chunk]) {
        if (p->base) memset(dkv, 0, attn_cp_kv_bytes(s, sizeof(float)));
        return ATTN_OK;
    }
    const bool first = !*some;
    *some = true;
    return attn_cp_attend_backward(p, chunk, step, kv, s->tokens, dkv, first);
}

void attn_cp_add(const struct attn_cp_pass *p, char *to, const char *from) {
    const int64_t count = attn_cp_k_count(p->stage) + attn_cp_v_count(p->stage);
    float *x = (float *)(void *)to;
    const float *y = (const float *)(const void *)from;
    for (int64_t i = 0; i < count && p->base; i++) x[i] += y[i];
}

void attn_cp_set(const struct attn_cp_pass *p, char *to, const char *from) {
    if (p->base) memcpy(to, from, attn_cp_kv_bytes(p->stage, sizeof(float)));
}
