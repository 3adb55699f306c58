/* A stage is made: who holds what, which steps have pairs, the plan of a chunk, memory. */
#include "dist/cp/stage.h"

#include "mask/mask.h"

#include <string.h>

/* --------------------------------------------------------------------------------------------------- masks */

static bool is_by_query(const struct attn_cp_stage *s, const attn_mask *stack) {
    return stack->heads == s->cp->problem.heads;
}

/* Members that a chunk's heads have. */
static int32_t members_of(const struct attn_cp_stage *s, const attn_mask *stack) {
    return is_by_query(s, stack) ? s->heads : s->kv_heads;
}

static const attn_mask *member_of(const struct attn_cp_stage *s, const attn_mask *stack, int chunk, int32_t n) {
    const int32_t number = (s->u * s->chunks + chunk) * members_of(s, stack) + n;
    return stack->member[is_by_query(s, stack) ? number : number / s->copies];
}

static attn_status no_pair(attn_ctx *ctx, const struct attn_places *q, const struct attn_places *k, attn_mask **out) {
    attn_mask *slices = NULL;
    attn_status status = attn_mask_slices(ctx, q->places, k->places, NULL, 0, &slices);
    if (!status) status = attn_mask_compile(ctx, slices, q->places, k->places, out);
    attn_mask_destroy(slices);
    return status;
}

static attn_status cut_stack(const struct attn_cp_stage *s, const attn_mask *stack, int chunk, const struct attn_places *q,
                             const struct attn_places *k, attn_mask **out) {
    attn_ctx *ctx = s->cp->ctx;
    const int32_t count = members_of(s, stack);
    bool some = false;
    attn_status status = ATTN_OK;
    attn_mask **member = attn_alloc(ctx, (size_t)count * sizeof *member);
    if (!member) return attn_no_memory(ctx, "context parallelism", (size_t)count * sizeof *member);
    memset(member, 0, (size_t)count * sizeof *member);
    for (int32_t n = 0; n < count && !status; n++) {
        status = attn_cut_mask(ctx, member_of(s, stack, chunk, n), s->cp->problem.q_len, 0, 1, q, k, &member[n]);
        some = some || member[n];
        if (!status && !member[n]) status = no_pair(ctx, q, k, &member[n]);
    }
    if (!status && some) status = attn_mask_stack(ctx, 1, count, (const attn_mask *const *)member, out);
    for (int32_t n = 0; n < count; n++) attn_mask_destroy(member[n]);
    attn_free(ctx, member);
    return status;
}

/* The masks of a step for all chunks. */
static attn_status cut_step(struct attn_cp_stage *s, const attn_mask *mask, int step, const struct attn_places *q,
                            const struct attn_places *k) {
    attn_mask **out = &s->mask[step * s->chunks];
    const bool needed = step == 0 && (s->cp->problem.features & ATTN_SINK); /* which gives its rows the sink */
    attn_status status = ATTN_OK;
    if (mask && mask->kind == ATTN_MASK_STACK && mask->heads == 1) mask = mask->member[0];
    const bool stack = mask && mask->kind == ATTN_MASK_STACK;
    for (int chunk = 0; chunk < s->chunks && !status; chunk++) {
        if (stack)
            status = cut_stack(s, mask, chunk, q, k, &out[chunk]);
        else if (chunk == 0)
            status = attn_cut_mask(s->cp->ctx, mask, s->cp->problem.q_len, 0, 1, q, k, &out[0]);
        else if (out[0])
            out[chunk] = attn_mask_retain(out[0]);
        if (!status && !out[chunk] && needed) status = no_pair(s->cp->ctx, q, k, &out[chunk]);
    }
    return status;
}

/* Runs of the positions that lie 1, 2, ... before this one, one after the other. */
static attn_status list_others(const struct attn_cp_stage *s, struct attn_run **run, struct attn_places *places) {
    const int ring = s->grid.ring;
    int64_t count = 0;
    for (int x = 0; x < ring; x++) count += x == s->y ? 0 : attn_shards_position_runs(&s->shards, x);
    *run = attn_alloc(s->cp->ctx, (size_t)count * sizeof **run);
    if (!*run) return attn_no_memory(s->cp->ctx, "context parallelism", (size_t)count * sizeof **run);
    *places = (struct attn_places){*run, 0, (ring - 1) * s->tokens};
    for (int i = 1; i < ring; i++) {
        struct attn_run *mine = *run + places->runs;
        const int64_t n = attn_shards_position(&s->shards, (s->y - i + ring) % ring, mine);
        for (int64_t r = 0; r < n; r++) mine[r].place += (i - 1) * s->tokens;
        places->runs += n;
    }
    return ATTN_OK;
}

static attn_status open_places(const struct attn_cp_stage *s, int y, struct attn_run **run, struct attn_places *places) {
    const int64_t count = attn_shards_position_runs(&s->shards, y);
    *run = attn_alloc(s->cp->ctx, (size_t)count * sizeof **run);
    if (!*run) return attn_no_memory(s->cp->ctx, "context parallelism", (size_t)count * sizeof **run);
    *places = (struct attn_places){*run, attn_shards_position(&s->shards, y, *run), s->tokens};
    return ATTN_OK;
}

static attn_status cut_steps(struct attn_cp_stage *s, const attn_mask *mask) {
    attn_ctx *ctx = s->cp->ctx;
    const bool gather = s->grid.mechanism == ATTN_CP_ALLGATHER;
    struct attn_run *own = NULL;
    struct attn_places q = {NULL, 0, 0};
    attn_status status = open_places(s, s->y, &own, &q);
    for (int i = 0; i < s->steps && !status; i++) {
        struct attn_run *run = NULL;
        struct attn_places k = {NULL, 0, 0};
        status = gather && i == 1 ? list_others(s, &run, &k) : open_places(s, attn_grid_source(&s->grid, s->y, i), &run, &k);
        if (!status) status = cut_step(s, mask, i, &q, &k);
        attn_free(ctx, run);
    }
    attn_free(ctx, own);
    return status;
}

/* Own keys backward in two halves of about the same number of pairs: work for the time in which the first keys come, and for that in which the last
 * gradients go. */
static attn_status halve(struct attn_cp_stage *s) {
    const attn_mask *own = s->mask[0];
    const bool backward = s->cp->problem.features & ATTN_BACKWARD;
    if (!backward || s->grid.ring == 1 || s->grid.windows > 1 || !own || own->kind == ATTN_MASK_STACK || s->tokens < 2) return ATTN_OK;
    const int64_t keys = s->tokens, pairs = attn_mask_area(own);
    attn_status status = ATTN_OK;
    int64_t low = 1, high = keys - 1;
    while (low < high && !status) {
        const int64_t middle = (low + high) / 2;
        attn_mask *begin = NULL;
        status = attn_mask_cut(s->cp->ctx, own, 0, middle, 0, keys, &begin);
        if (!status && attn_mask_area(begin) < pairs / 2)
            low = middle + 1;
        else
            high = middle;
        attn_mask_destroy(begin);
    }
    s->cut = low;
    if (!status) status = attn_mask_cut(s->cp->ctx, own, 0, low, 0, keys, &s->early);
    if (!status) status = attn_mask_cut(s->cp->ctx, own, low, keys, 0, keys, &s->late);
    return status;
}

/* -------------------------------------------------------------------------------- what need not be sent */

/* The last step at which the keys of position x are needed. */
static attn_status find_last(struct attn_cp_stage *s, const attn_mask *mask, int x) {
    const int ring = s->grid.ring;
    struct attn_run *k_run = NULL;
    struct attn_places k = {NULL, 0, 0};
    attn_status status = open_places(s, x, &k_run, &k);
    int i = ring - 1;
    for (bool needed = false; i > 0 && !status && !needed; i -= !needed) {
        struct attn_run *q_run = NULL;
        struct attn_places q = {NULL, 0, 0};
        status = open_places(s, (x + i) % ring, &q_run, &q);
        needed = status || !attn_cut_empty(mask, s->cp->problem.q_len, &q, &k);
        attn_free(s->cp->ctx, q_run);
    }
    attn_free(s->cp->ctx, k_run);
    s->last[x] = i;
    return status;
}

static attn_status find_needs(struct attn_cp_stage *s, const attn_mask *mask) {
    const bool sparse = s->cp->config.sparse && s->grid.mechanism != ATTN_CP_ALLGATHER && s->grid.windows == 1;
    attn_status status = ATTN_OK;
    for (int x = 0; x < s->grid.ring && !status; x++) {
        s->last[x] = s->grid.ring - 1;
        if (sparse) status = find_last(s, mask, x);
    }
    return status;
}

/* --------------------------------------------------------------------------------------------------- opened */

static attn_status open_plan(struct attn_cp_stage *s) {
    attn_problem p = s->cp->problem;
    if (s->cp->transport->counts_only) return ATTN_OK;
    p.layout = ATTN_BHTD;
    p.heads = s->heads;
    p.kv_heads = s->kv_heads;
    p.q_len = s->tokens;
    p.kv_len = s->grid.mechanism == ATTN_CP_ALLGATHER ? attn_max64(s->grid.ring - 1, 1) * s->tokens : s->tokens;
    p.q_tokens = p.kv_tokens = -1;
    p.o_dtype = p.grad_dtype = ATTN_F32; /* parts add up */
    return attn_progress_failed(s->cp->ctx, s->cp->child, attn_plan_create(s->cp->child, &p, &s->plan));
}

static attn_status open_list(struct attn_cp_stage *s, struct attn_cp_list *list, int64_t capacity) {
    if (capacity > INT32_MAX)
        return attn_fail(s->cp->ctx, ATTN_ESHAPE,
                         "context parallelism: %lld messages at once, one for each sequence and head; expected fewer", (long long)capacity);
    list->capacity = (int)capacity;
    list->ticket = attn_alloc(s->cp->ctx, (size_t)capacity * sizeof *list->ticket);
    return list->ticket ? ATTN_OK : attn_no_memory(s->cp->ctx, "context parallelism", (size_t)capacity * sizeof *list->ticket);
}

/* Twice, as messages go and come, one for each head. */
static attn_status open_lists(struct attn_cp_stage *s) {
    const int64_t pieces = 2 * s->cp->problem.batch * s->grid.ulysses, q = s->heads, kv = s->kv_heads;
    const bool gather = s->grid.mechanism == ATTN_CP_ALLGATHER;
    attn_status status = open_list(s, &s->coming[0], pieces * (4 * q + 2 * kv));
    if (!status) status = open_list(s, &s->coming[1], pieces * (4 * q + 2 * kv));
    if (!status) status = open_list(s, &s->going, pieces * s->chunks * (2 * q + 2 * kv));
    if (!status) status = open_list(s, &s->around, gather ? 4 * s->cp->problem.batch * kv * (s->grid.ring + 1) : 8);
    return status;
}

static void *take(attn_ctx *ctx, size_t bytes, attn_status *status) {
    void *memory = *status ? NULL : attn_alloc(ctx, bytes);
    if (memory) memset(memory, 0, bytes);
    if (!memory && !*status) *status = attn_no_memory(ctx, "context parallelism", bytes);
    return memory;
}

attn_status attn_cp_stage_open(struct attn_cp *cp, const attn_mask *mask, const struct attn_grid *grid, enum attn_sharding sharding,
                               const struct attn_document *document, int64_t documents, struct attn_cp_stage *out) {
    const struct attn_shard_config config = {.sharding = sharding,
                                             .ring = grid->ring,
                                             .pieces = grid->ulysses,
                                             .document = document,
                                             .documents = documents,
                                             .mask = mask,
                                             .mask_len = cp->problem.q_len,
                                             .chunks = cp->config.chunks};
    struct attn_cp_stage *s = out;
    *s = (struct attn_cp_stage){.cp = cp, .grid = *grid};
    s->u = attn_grid_piece(grid, cp->transport->rank);
    s->y = attn_grid_position(grid, cp->transport->rank);
    s->steps = grid->mechanism == ATTN_CP_ALLGATHER && grid->ring > 1 ? 2 : grid->ring;
    attn_status status = attn_shards_open(cp->ctx, &config, &s->shards);
    if (status) return status;
    s->places = s->shards.places;
    s->tokens = s->places * grid->ulysses;
    const int32_t sent = attn_grid_kv_heads(grid, cp->problem.kv_heads), kv_heads = sent / grid->ulysses;
    s->chunks = attn_grid_chunks(grid, cp->config.exchanges, sent);
    s->heads = cp->problem.heads / grid->ulysses / s->chunks;
    s->kv_heads = kv_heads / s->chunks;
    s->copies = sent / cp->problem.kv_heads;
    s->mask = take(cp->ctx, (size_t)s->steps * (size_t)s->chunks * sizeof *s->mask, &status);
    s->last = take(cp->ctx, (size_t)grid->ring * sizeof *s->last, &status);
    if (!status) status = cut_steps(s, mask);
    if (!status) status = find_needs(s, mask);
    if (!status) status = halve(s);
    if (!status) status = open_plan(s);
    if (!status) status = open_lists(s);
    if (!status && !attn_cp_lay_out(s, &s->rooms))
        status = attn_fail(cp->ctx, ATTN_ESHAPE, "context parallelism: the workspace of %lld tokens passes memory's addresses",
                           (long long)s->tokens);
    return status;
}

void attn_cp_stage_close(struct attn_cp_stage *s) {
    attn_ctx *ctx = s->cp->ctx;
    for (int i = 0; s->mask && i < s->steps * s->chunks; i++) attn_mask_destroy(s->mask[i]);
    attn_mask_destroy(s->early);
    attn_mask_destroy(s->late);
    attn_plan_destroy(s->plan);
    attn_free(ctx, s->mask);
    attn_free(ctx, s->last);
    attn_free(ctx, s->coming[0].ticket);
    attn_free(ctx, s->coming[1].ticket);
    attn_free(ctx, s->going.ticket);
    attn_free(ctx, s->around.ticket);
    attn_shards_close(&s->shards);
}

/* Allowed pairs of all heads that this rank computes. */
double attn_cp_stage_area(const struct attn_cp_stage *s) {
    double area = 0.0;
    for (int i = 0; i < s->steps * s->chunks; i++) {
        const attn_mask *m = s->mask[i];
        const bool stack = m && m->kind == ATTN_MASK_STACK;
        const int32_t members = stack ? m->heads : 1, each = s->heads / members;
        for (int32_t n = 0; m && n < members; n++) area += (double)attn_mask_area(stack ? m->member[n] : m) * (double)each;
    }
    return area * (double)s->cp->problem.batch;
}
