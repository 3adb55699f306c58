/* An execution: arguments are checked on all ranks, then stage after stage, chunk after chunk. While a chunk is computed, the next one comes and the one
 * before goes. */
#include "dist/cp/stage.h"

#include <math.h>
#include <string.h>

/* What an execution over ranks does not take. */
static attn_status check_args(const struct attn_cp *cp, const attn_args *args, bool backward) {
    attn_ctx *ctx = cp->ctx;
    if (args->mask)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "context parallelism: args.mask is given; expected NULL: the mask was given to the plan");
    if (args->q_lens || args->kv_lens || args->q_starts || args->kv_starts)
        return attn_fail(
            ctx, ATTN_EUNSUPPORTED,
            "context parallelism: lengths or starts of sequences are given; expected none: a mask says which tokens there are");
    if ((args->batch != -1 && args->batch != cp->problem.batch) || (args->q_len != -1 && args->q_len != cp->places) ||
        (args->kv_len != -1 && args->kv_len != cp->places) || args->q_offset || args->kv_offset)
        return attn_fail(
            ctx, ATTN_ESHAPE,
            "context parallelism: args has batch %lld, lengths %lld and %lld and offsets %lld and %lld; expected -1 or %lld, -1 or "
            "%lld, and 0",
            (long long)args->batch, (long long)args->q_len, (long long)args->kv_len, (long long)args->q_offset, (long long)args->kv_offset,
            (long long)cp->problem.batch, (long long)cp->places);
    if (!backward && (args->accumulate & ATTN_ACCUMULATE_O))
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "context parallelism: ATTN_ACCUMULATE_O; expected O to be set");
    if (cp->workspace > 0 && (!args->workspace || (uintptr_t)args->workspace % 64 || args->workspace_bytes < cp->workspace))
        return attn_fail(ctx, ATTN_EWORKSPACE, "context parallelism: a workspace of %zu bytes at %p; expected %zu, aligned to 64",
                         args->workspace_bytes, args->workspace, cp->workspace);
    return ATTN_OK;
}

static attn_status bind(const struct attn_cp *cp, const attn_args *args, const attn_gradients *gradients, bool backward,
                        struct attn_exec *x) {
    if (cp->transport->counts_only) return ATTN_OK;
    attn_status status = attn_args_check(cp->ctx, args);
    if (!status) status = check_args(cp, args, backward);
    if (status) return status;
    attn_args own = *args;
    own.workspace_bytes = SIZE_MAX; /* the binding's plan is never executed */
    return attn_bind(cp->binding, &own, gradients, backward ? ATTN_PASS_BACKWARD : ATTN_PASS_FORWARD, x);
}

static attn_status compute(struct attn_cp_pass *p, bool backward, int chunk) {
    const struct attn_grid *grid = &p->stage->grid;
    if (grid->mechanism == ATTN_CP_ALLGATHER && grid->ring > 1)
        return backward ? attn_cp_gather_backward(p, chunk) : attn_cp_gather_forward(p, chunk);
    if (grid->windows > 1) return backward ? attn_cp_double_ring_backward(p, chunk) : attn_cp_double_ring_forward(p, chunk);
    return backward ? attn_cp_ring_backward(p, chunk) : attn_cp_ring_forward(p, chunk);
}

/* LSE of the rows of piece w at places [place, end). */
static void empty_rows(const struct attn_cp_pass *p, int chunk, int w, int64_t place, int64_t end) {
    const struct attn_cp_stage *s = p->stage;
    float *lse = (float *)(void *)attn_cp_at(p, ATTN_CP_LSE, chunk);
    for (int64_t line = 0; line < s->cp->problem.batch * s->heads; line++)
        for (int64_t i = place; i < end; i++) lse[(line * s->grid.ulysses + w) * s->places + i] = -INFINITY;
}

/* A sink has given its logit to the rows of padding too, which would give theirs, whatever it is, to the sink's gradient. */
static void clear_padding(const struct attn_cp_pass *p, int chunk) {
    const struct attn_shards *shards = &p->stage->shards;
    for (int w = 0; w < p->stage->grid.ulysses; w++) {
        const int part = p->stage->y * p->stage->grid.ulysses + w;
        int64_t place = 0;
        for (int64_t n = shards->begin[part]; n < shards->begin[part + 1]; n++) {
            empty_rows(p, chunk, w, place, shards->run[n].place);
            place = shards->run[n].place + shards->run[n].count;
        }
        empty_rows(p, chunk, w, place, p->stage->places);
    }
}

static attn_status run_stage(struct attn_cp_pass *p, bool backward) {
    const int chunks = p->stage->chunks;
    attn_status status = attn_cp_bring(p, backward, 0);
    for (int chunk = 0; chunk < chunks && !status; chunk++) {
        status = attn_cp_bring_end(p, chunk);
        if (!status && chunk + 1 < chunks) status = attn_cp_bring(p, backward, chunk + 1);
        if (!status) status = compute(p, backward, chunk);
        if (!status && !backward && p->x.sink.data) clear_padding(p, chunk);
        if (!status) status = attn_cp_give(p, backward, chunk);
    }
    return status ? status : attn_cp_give_end(p, backward);
}

/* dSink is of this rank's rows alone; heads that others compute have none of it here. */
static void clear_dsink(const struct attn_cp *cp, const struct attn_exec *x) {
    if (!x->dsink.data || (x->accumulate & ATTN_ACCUMULATE_REST)) return;
    for (int64_t b = 0; b < (x->dsink.b ? cp->problem.batch : 1); b++)
        for (int32_t h = 0; h < cp->problem.heads; h++) ((float *)x->dsink.data)[b * x->dsink.b + h * x->dsink.h] = 0.0f;
}

static attn_status execute(struct attn_cp *cp, const attn_args *args, const attn_gradients *gradients, bool backward) {
    struct attn_cp_pass pass = {.call = {cp->ctx, backward ? "backward over ranks" : "forward over ranks", cp->step++}};
    attn_status status = attn_transport_agree(cp->transport, &pass.call, bind(cp, args, gradients, backward, &pass.x));
    if (status) return status;
    if (!cp->transport->counts_only) {
        pass.base = args->workspace;
        pass.lse = (struct attn_array){pass.x.lse.data, pass.x.lse.b, pass.x.lse.h, pass.x.lse.t, pass.x.lse.d, pass.x.lse.type};
        if (backward) clear_dsink(cp, &pass.x);
    }
    for (int64_t n = 0; n < cp->stages && !status; n++) {
        pass.stage = &cp->stage[n];
        status = run_stage(&pass, backward);
    }
    if (status) cp->transport->lost = true; /* whatever it was: messages are under way, and the others wait for more */
    return status;
}

attn_status attn_cp_forward(struct attn_cp *cp, const attn_args *args) {
    return execute(cp, args, NULL, false);
}

attn_status attn_cp_backward(struct attn_cp *cp, const attn_args *args, const attn_gradients *gradients) {
    return execute(cp, args, gradients, true);
}
