/* Who holds which tokens, for each length that the tape has met. */
#include "tape/token_split_attention.h"

#include "dist/cp/shard.h"
#include "dist/cp/transport.h"

#include <string.h>

attn_status attn_token_split_open(attn_ctx *ctx, struct attn_transport *transport, const struct attn_grid *grid,
                                  struct attn_token_split **out) {
    struct attn_token_split *split = attn_alloc(ctx, sizeof *split);
    if (!split) return attn_no_memory(ctx, "sequences over ranks", sizeof *split);
    *split = (struct attn_token_split){.ctx = ctx, .transport = transport, .grid = *grid};
    *out = split;
    return ATTN_OK;
}

void attn_token_split_close(struct attn_token_split *split) {
    if (!split) return;
    attn_token_split_free_plans(split);
    for (struct attn_token_split_layout *l = split->layouts, *before; l; l = before) {
        before = l->before;
        attn_free(split->ctx, l->token);
        attn_free(split->ctx, l);
    }
    attn_free(split->ctx, split);
}

/* ----------------------------------------------------------------------------------------------------------- layouts */

enum attn_sharding attn_token_split_sharding(const struct attn_token_split *split) {
    return split->grid.ring > 1 ? ATTN_SHARD_ZIGZAG
                                : ATTN_SHARD_CONTIGUOUS; /* causal attention is as much work for all positions of a ring */
}

/* The tokens of this rank's part. */
static attn_status fill_tokens(const struct attn_token_split *split, const struct attn_shards *shards, struct attn_token_split_layout *l) {
    const struct attn_grid *g = &split->grid;
    const int rank = split->transport->rank, part = attn_grid_position(g, rank) * g->ulysses + attn_grid_piece(g, rank);
    int64_t *token = attn_alloc(split->ctx, (size_t)shards->places * sizeof *token);
    l->places = shards->places;
    l->token = attn_alloc(split->ctx, (size_t)shards->places * sizeof *l->token);
    if (token && l->token) {
        attn_shards_tokens(shards, part, token);
        for (int64_t i = 0; i < l->places; i++) l->token[i] = (int32_t)token[i];
    }
    attn_free(split->ctx, token);
    return token && l->token ? ATTN_OK : attn_no_memory(split->ctx, "tokens of a rank", (size_t)shards->places * sizeof *token);
}

static attn_status make_layout(const struct attn_token_split *split, struct attn_token_split_layout *l) {
    const struct attn_document all = {0, l->tokens};
    const struct attn_shard_config config = {.sharding = attn_token_split_sharding(split),
                                             .ring = split->grid.ring,
                                             .pieces = split->grid.ulysses,
                                             .document = &all,
                                             .documents = 1,
                                             .mask_len = l->tokens};
    struct attn_shards shards;
    if (l->tokens > INT32_MAX)
        return attn_fail(split->ctx, ATTN_EUNSUPPORTED, "sequences over ranks: %lld tokens; at most %d are supported", (long long)l->tokens,
                         INT32_MAX);
    attn_status status = attn_shards_open(split->ctx, &config, &shards);
    if (status) return status;
    status = fill_tokens(split, &shards, l);
    attn_shards_close(&shards);
    return status;
}

bool attn_token_split_choose(attn_tape *tape, int64_t tokens) {
    struct attn_token_split *split = tape->split;
    if (!split || tape->status) return !tape->status;
    for (const struct attn_token_split_layout *l = split->layouts; l; l = l->before)
        if (l->tokens == tokens) {
            split->current = l;
            return true;
        }
    struct attn_token_split_layout *fresh = attn_alloc(split->ctx, sizeof *fresh);
    if (!fresh) return attn_tape_fail(tape, ATTN_ENOMEM, "sequences over ranks: no memory for a layout") != NULL;
    *fresh = (struct attn_token_split_layout){.tokens = tokens, .before = split->layouts};
    tape->status = make_layout(split, fresh);
    if (tape->status) {
        attn_free(split->ctx, fresh->token);
        attn_free(split->ctx, fresh);
        return false;
    }
    split->current = split->layouts = fresh;
    return true;
}

int64_t attn_token_split_places(const attn_tape *tape, int64_t tokens) {
    return tape->split ? tape->split->current->places : tokens;
}

/* -------------------------------------------------------------------------------------------------------------- rows */

const void *attn_token_split_rows(attn_tape *tape, int64_t batch, int64_t tokens, size_t bytes, const void *rows) {
    if (!attn_token_split_choose(tape, tokens)) return NULL;
    if (!tape->split) return rows;
    const struct attn_token_split_layout *l = tape->split->current;
    char *own = attn_tape_take(tape, (size_t)(batch * l->places) * bytes), *to = own;
    for (int64_t b = 0; b < batch && own; b++)
        for (int64_t i = 0; i < l->places; i++, to += bytes)
            if (l->token[i] < 0)
                memset(to, 0, bytes);
            else
                memcpy(to, (const char *)rows + (size_t)(b * tokens + l->token[i]) * bytes, bytes);
    return own;
}

const int32_t *attn_token_split_labels(attn_tape *tape, int64_t batch, int64_t tokens, const int32_t *label, int64_t *labelled) {
    int32_t *own;
    *labelled = 0;
    for (int64_t i = 0; i < batch * tokens; i++) *labelled += label[i] >= 0;
    if (!attn_token_split_choose(tape, tokens)) return NULL;
    if (!tape->split) return label;
    const struct attn_token_split_layout *l = tape->split->current;
    own = attn_tape_take(tape, (size_t)(batch * l->places) * sizeof *own);
    for (int64_t i = 0; i < batch * l->places && own; i++) {
        const int32_t token = l->token[i % l->places];
        own[i] = token < 0 ? -1 : label[i / l->places * tokens + token];
    }
    return own;
}

int64_t attn_token_split_token(const attn_tape *tape, int64_t place) {
    return tape->split ? tape->split->current->token[place] : place;
}

/* -------------------------------------------------------------------------------------------------------------- sums */

/* all: [ranks, n]. */
static attn_status sum_piece(const struct attn_token_split *split, double *all, double *numbers, int64_t n) {
    struct attn_transport *t = split->transport;
    const struct attn_link_call call = {split->ctx, "sums", 0};
    const size_t bytes = (size_t)n * sizeof *all;
    memcpy(all + t->rank * n, numbers, bytes);
    for (int d = 1; d < t->count; d++) {
        const int to = (t->rank + d) % t->count, from = (t->rank + t->count - d) % t->count;
        const attn_status status = attn_transport_pass(t, &call, ATTN_TRAFFIC_CONTROL, to, all + t->rank * n, from, all + from * n, bytes);
        if (status) return status;
    }
    for (int64_t i = 0; i < n; i++) {
        numbers[i] = 0;
        for (int r = 0; r < t->count; r++) numbers[i] += all[r * n + i];
    }
    return ATTN_OK;
}

attn_status attn_token_split_sum(attn_tape *tape, double *numbers, int64_t count) {
    enum { PIECE = 1 << 14 };
    const struct attn_token_split *split = tape->split;
    if (!split) return ATTN_OK;
    const size_t bytes = (size_t)split->transport->count * (size_t)attn_min64(PIECE, count) * sizeof(double);
    double *all = attn_alloc(split->ctx, bytes);
    attn_status status = all ? ATTN_OK : attn_no_memory(split->ctx, "sums over ranks", bytes);
    for (int64_t at = 0; at < count && !status; at += PIECE) status = sum_piece(split, all, numbers + at, attn_min64(PIECE, count - at));
    attn_free(split->ctx, all);
    return status;
}
