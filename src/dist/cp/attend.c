/* One step: the queries of a chunk on keys and values at hand. */
#include "dist/cp/stage.h"

#include <math.h>
#include <string.h>

/* The chunk's heads of an array by heads. */
static const char *heads_of(const struct attn_cp_pass *p, const void *data, int64_t stride, int chunk) {
    const struct attn_cp_stage *s = p->stage;
    return data ? (const char *)data + (s->u * s->chunks + chunk) * s->heads * stride * (int64_t)sizeof(float) : NULL;
}

static void describe(const struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, bool first, attn_args *args) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    attn_args_init(args);
    args->q.data = attn_cp_at(p, ATTN_CP_Q, chunk);
    args->k.data = kv;
    args->v.data = kv + (size_t)(o->batch * tokens * s->kv_heads * o->dim) * attn_dtype_bytes(o->dtype);
    args->lse.data = attn_cp_at(p, ATTN_CP_LSE, chunk);
    args->batch = o->batch;
    args->q_len = s->tokens;
    args->kv_len = tokens;
    args->mask = s->mask[step * s->chunks + chunk];
    if (first) args->sink = (attn_input){heads_of(p, p->x.sink.data, p->x.sink.h, chunk), {p->x.sink.b, p->x.sink.h, 0, 0}};
    args->workspace = attn_cp_at(p, ATTN_CP_PLAN, 0);
    args->workspace_bytes = attn_plan_workspace(s->plan);
}

attn_status attn_cp_attend(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, bool merge) {
    attn_args args;
    if (!p->base) return ATTN_OK;
    describe(p, chunk, step, kv, tokens, !merge, &args);
    args.o.data = attn_cp_at(p, ATTN_CP_O, chunk);
    args.accumulate = merge ? ATTN_ACCUMULATE_O : 0;
    return attn_progress_failed(p->stage->cp->ctx, p->stage->cp->child, attn_forward(p->stage->plan, &args));
}

attn_status attn_cp_attend_backward(struct attn_cp_pass *p, int chunk, int step, const char *kv, int64_t tokens, char *dkv, bool first) {
    const struct attn_cp_stage *s = p->stage;
    const attn_problem *o = &s->cp->problem;
    attn_args args;
    attn_gradients g;
    if (!p->base) return ATTN_OK;
    describe(p, chunk, step, kv, tokens, first, &args);
    attn_gradients_init(&g);
    /* O is 0: what of dO . O belongs to a row, delta has */
    args.o = (attn_output){attn_cp_at(p, ATTN_CP_ZERO, 0), {0, 0, 0, 1}};
    memset(args.o.data, 0, (size_t)o->v_dim * sizeof(float));
    args.accumulate = (first ? 0 : ATTN_ACCUMULATE_DQ) | ATTN_ACCUMULATE_REST;
    g.d_o.data = attn_cp_at(p, ATTN_CP_DO, chunk);
    g.d_lse.data = attn_cp_at(p, ATTN_CP_DELTA, chunk);
    g.dq.data = attn_cp_at(p, ATTN_CP_DQ, chunk);
    g.dk.data = dkv;
    g.dv.data = dkv + (size_t)(o->batch * tokens * s->kv_heads * o->dim) * sizeof(float);
    if (args.sink.data && p->x.dsink.data) {
        const char *at = heads_of(p, p->x.dsink.data, p->x.dsink.h, chunk);
        g.dsink = (attn_output){(void *)(uintptr_t)at, {p->x.dsink.b, p->x.dsink.h, 0, 0}};
    }
    return attn_progress_failed(s->cp->ctx, s->cp->child, attn_backward(s->plan, &args, &g));
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
