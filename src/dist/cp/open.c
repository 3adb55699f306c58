/* An attention over ranks is planned: the problem is checked, its documents get their rings, stages are made. */
#include "dist/cp/stage.h"

#include "mask/mask.h"

#include <assert.h>
#include <string.h>

static attn_status check_problem(attn_ctx *ctx, const attn_problem *p) {
    const uint32_t known = ATTN_BACKWARD | ATTN_SINK;
    if (p->layout == ATTN_THD)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "context parallelism: problem.layout is ATTN_THD; expected ATTN_BTHD or ATTN_BHTD: packed documents are one "
                         "sequence with a mask such as document:512,300");
    if (p->score != ATTN_SCORE_DOT)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "context parallelism: problem.score is %s; expected ATTN_SCORE_DOT",
                         attn_score_name(p->score));
    if (p->dtype == ATTN_F64 || p->kv_dtype != p->dtype || p->block_tokens)
        return attn_fail(
            ctx, ATTN_EUNSUPPORTED,
            "context parallelism: problem.dtype is %s with kv_dtype %s and block_tokens %d; expected f32, bf16 or f16, the same "
            "for keys, no pages",
            attn_dtype_name(p->dtype), attn_dtype_name(p->kv_dtype), p->block_tokens);
    if (p->features & ~known)
        return attn_fail(ctx, ATTN_EUNSUPPORTED,
                         "context parallelism: problem.features is 0x%x; expected ATTN_BACKWARD and ATTN_SINK at most", p->features);
    if (p->batch < 1) return attn_fail(ctx, ATTN_EINVAL, "context parallelism: problem.batch is 0; expected at least 1 sequence");
    if (p->q_len != p->kv_len || p->q_len < 1)
        return attn_fail(ctx, ATTN_ESHAPE, "context parallelism: problem.q_len is %lld and kv_len %lld; expected the same, at least 1",
                         (long long)p->q_len, (long long)p->kv_len);
    return ATTN_OK;
}

static attn_status check_mask(attn_ctx *ctx, const attn_problem *p, const attn_mask *mask) {
    if (attn_mask_batch(mask) != 1)
        return attn_fail(ctx, ATTN_EUNSUPPORTED, "context parallelism: a mask for each of %lld sequences; expected one for all",
                         (long long)attn_mask_batch(mask));
    return attn_mask_fits(ctx, mask, 0, 1, p->heads, p->kv_heads, p->q_len, p->q_len, 0, 0, p->q_len, p->q_len);
}

/* Documents must follow one another and fill the sequence. */
static attn_status check_documents(attn_ctx *ctx, int64_t tokens, const struct attn_document *document, int64_t count) {
    int64_t end = 0;
    for (int64_t n = 0; n < count; n++) {
        if (document[n].begin != end || document[n].length < 1 || document[n].length > tokens - end)
            return attn_fail(
                ctx, ATTN_EINVAL,
                "context parallelism: document %lld has %lld tokens from %lld on; expected at least 1 from %lld on, and not more "
                "than the %lld tokens of the sequence",
                (long long)n, (long long)document[n].length, (long long)document[n].begin, (long long)end, (long long)tokens);
        end += document[n].length;
    }
    if (end == tokens) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "context parallelism: the documents have %lld tokens together, the sequence has %lld",
                     (long long)end, (long long)tokens);
}

static double area_of(const struct attn_cp *cp, const attn_mask *mask) {
    const attn_problem *p = &cp->problem;
    const struct attn_run run = {0, 1, p->q_len, 0};
    const struct attn_places all = {&run, 1, p->q_len};
    return attn_cut_area(mask, p->q_len, p->heads, &all, &all) * (double)p->batch;
}

/* --------------------------------------------------------------------------------------------------- stages */

static attn_status open_group(struct attn_cp *cp, const attn_mask *mask, const struct attn_hybrid *hybrid,
                              const struct attn_hybrid_group *group, const struct attn_document *document) {
    const struct attn_grid grid = {ATTN_CP_HYBRID, group->first, 1, group->count, 1, false};
    struct attn_document *own = attn_alloc(cp->ctx, (size_t)group->documents * sizeof *own);
    if (!own) return attn_no_memory(cp->ctx, "context parallelism", (size_t)group->documents * sizeof *own);
    attn_hybrid_documents(hybrid, group, document, own);
    struct attn_cp_stage *s = &cp->stage[cp->stages++];
    const attn_status status = attn_cp_stage_open(cp, mask, &grid, ATTN_SHARD_ZIGZAG, own, group->documents, s);
    attn_free(cp->ctx, own);
    return status;
}

static attn_status open_hybrid(struct attn_cp *cp, const attn_mask *mask, const struct attn_document *document, int64_t documents) {
    const int rank = cp->transport->rank;
    const int64_t capacity = cp->config.capacity ? cp->config.capacity : ATTN_HYBRID_CAPACITY;
    struct attn_hybrid hybrid;
    attn_status status = attn_documents_check(cp->ctx, mask, cp->problem.q_len, document, documents);
    if (!status) status = attn_hybrid_open(cp->ctx, cp->transport->count, document, documents, capacity, &hybrid);
    if (status) return status;
    cp->stage = attn_alloc(cp->ctx, (size_t)hybrid.rounds * sizeof *cp->stage);
    if (!cp->stage) status = attn_no_memory(cp->ctx, "context parallelism", (size_t)hybrid.rounds * sizeof *cp->stage);
    for (int64_t round = 0; round < hybrid.rounds && !status; round++)
        for (int64_t n = hybrid.round[round]; n < hybrid.round[round + 1] && !status; n++) {
            const struct attn_hybrid_group *group = &hybrid.group[n];
            if (rank >= group->first && rank < group->first + group->count) status = open_group(cp, mask, &hybrid, group, document);
        }
    attn_hybrid_close(&hybrid);
    return status;
}

static attn_status open_stages(struct attn_cp *cp, const attn_mask *mask, const struct attn_document *document, int64_t documents) {
    if (cp->config.grid.mechanism == ATTN_CP_HYBRID) return open_hybrid(cp, mask, document, documents);
    cp->stage = attn_alloc(cp->ctx, sizeof *cp->stage);
    if (!cp->stage) return attn_no_memory(cp->ctx, "context parallelism", sizeof *cp->stage);
    cp->stages = 1;
    return attn_cp_stage_open(cp, mask, &cp->config.grid, cp->config.sharding, document, documents, cp->stage);
}

/* What all stages make together. */
static void sum_up(struct attn_cp *cp) {
    if (cp->stages > 1) cp->config.keep = false; /* they share their memory, and exchange no heads that could be kept */
    for (int64_t n = 0; n < cp->stages; n++) {
        struct attn_cp_stage *s = &cp->stage[n];
        s->first_place = cp->places;
        cp->places += s->places;
        cp->own_area += attn_cp_stage_area(s);
        if (s->rooms.bytes > cp->workspace) cp->workspace = s->rooms.bytes;
    }
}

/* Besides those on lists, a ring has some, and ranks that agree two. */
static attn_status reserve_messages(struct attn_cp *cp) {
    enum { OTHERS = 10 };
    const struct attn_link_call call = {cp->ctx, "context parallelism", 0};
    struct attn_transport *t = cp->transport;
    int64_t most = 0;
    for (int64_t n = 0; n < cp->stages; n++) {
        const struct attn_cp_stage *s = &cp->stage[n];
        most = attn_max64(most, (int64_t)s->coming[0].capacity + s->coming[1].capacity + s->going.capacity + s->around.capacity);
    }
    return t->reserve ? t->reserve(t, &call, (int)attn_min64(most + OTHERS, INT32_MAX)) : ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------- opened */

/* A plan of this rank's arrays, for its checks. */
static attn_status open_binding(struct attn_cp *cp) {
    attn_problem p = cp->problem;
    if (cp->transport->counts_only) return ATTN_OK;
    p.q_len = p.kv_len = cp->places;
    p.q_tokens = p.kv_tokens = -1;
    return attn_plan_create(cp->ctx, &p, &cp->binding);
}

static attn_status open_inside(struct attn_cp *cp, const attn_problem *problem, const attn_mask *mask) {
    const struct attn_document whole = {0, problem->q_len};
    const struct attn_grid *grid = &cp->config.grid;
    const bool given = cp->config.documents > 0;
    const struct attn_document *document = given ? cp->config.document : &whole;
    const int64_t documents = given ? cp->config.documents : 1;
    attn_status status = attn_problem_check(cp->ctx, problem, &cp->problem);
    if (!status) status = check_problem(cp->ctx, &cp->problem);
    if (!status) status = check_mask(cp->ctx, &cp->problem, mask);
    if (!status) status = check_documents(cp->ctx, cp->problem.q_len, document, documents);
    if (!status && (int64_t)grid->ulysses * grid->ring != cp->transport->count)
        status = attn_fail(cp->ctx, ATTN_EINVAL, "context parallelism: a grid of %d x %d for %d ranks", grid->ulysses, grid->ring,
                           cp->transport->count);
    if (!status && !cp->transport->counts_only) status = attn_progress_context(cp->ctx, cp->transport, &cp->child);
    if (status) return status;
    cp->area = area_of(cp, mask);
    status = open_stages(cp, mask, document, documents);
    if (!status) sum_up(cp);
    if (!status) status = reserve_messages(cp);
    return status ? status : open_binding(cp);
}

attn_status attn_cp_open(attn_ctx *ctx, const attn_problem *problem, const attn_mask *mask, const struct attn_cp_config *config,
                         struct attn_transport *transport, struct attn_cp **out) {
    const struct attn_link_call call = {ctx, "context parallelism", 0};
    struct attn_cp *cp = attn_alloc(ctx, sizeof *cp);
    attn_status status = cp ? ATTN_OK : attn_no_memory(ctx, "context parallelism", sizeof *cp);
    if (cp) *cp = (struct attn_cp){.ctx = ctx, .config = *config, .transport = transport};
    if (cp) status = open_inside(cp, problem, mask);
    status = attn_transport_agree(transport, &call, status);
    if (status) {
        attn_cp_close(cp);
        return status;
    }
    assert(cp);                /* none has failed: this one has not */
    cp->problem.kernel = NULL; /* the caller's text */
    cp->config.document = NULL;
    cp->config.documents = 0;
    *out = cp;
    return ATTN_OK;
}

void attn_cp_close(struct attn_cp *cp) {
    if (!cp) return;
    for (int64_t n = 0; n < cp->stages; n++) attn_cp_stage_close(&cp->stage[n]);
    attn_free(cp->ctx, cp->stage);
    attn_plan_destroy(cp->binding);
    attn_ctx_destroy(cp->child);
    attn_free(cp->ctx, cp);
}

void attn_cp_tokens(const struct attn_cp *cp, int64_t *token) {
    for (int64_t n = 0; n < cp->stages; n++) {
        const struct attn_cp_stage *s = &cp->stage[n];
        attn_shards_tokens(&s->shards, s->y * s->grid.ulysses + s->u, token + s->first_place);
    }
}
