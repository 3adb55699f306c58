#include "system/longctx/ranks.h"

#include "dist/cp/count.h"
#include "mask/generate.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------------- cases */

static attn_status draw(int64_t tokens, enum attn_ranks_documents documents, uint64_t seed, struct attn_lengths *out) {
    return documents == ATTN_RANKS_LONG ? attn_generate_long_documents(attn_corpus_for(tokens), tokens, seed, out)
                                        : attn_generate_documents(ATTN_CORPUS_PILE, tokens, seed, out);
}

static attn_status one_document(struct attn_ranks_case *c) {
    c->document = attn_alloc(c->ctx, sizeof *c->document);
    if (!c->document) return attn_no_memory(c->ctx, "documents", sizeof *c->document);
    c->document[0] = (struct attn_document){0, c->tokens};
    c->documents = 1;
    return ATTN_OK;
}

static attn_status some_documents(struct attn_ranks_case *c, const struct attn_lengths *lengths) {
    const size_t bytes = (size_t)lengths->count * sizeof *c->document;
    int64_t at = 0;
    c->document = attn_alloc(c->ctx, bytes);
    if (!c->document) return attn_no_memory(c->ctx, "documents", bytes);
    c->documents = lengths->count;
    for (int64_t n = 0; n < c->documents; n++) {
        c->document[n] = (struct attn_document){at, lengths->length[n]};
        at += lengths->length[n];
    }
    return ATTN_OK;
}

/* Causal inside each document. */
static attn_status make_mask(struct attn_ranks_case *c) {
    const size_t bytes = (size_t)c->documents * sizeof(attn_slice);
    attn_slice *slice = attn_alloc(c->ctx, bytes);
    attn_mask *slices = NULL;
    if (!slice) return attn_no_memory(c->ctx, "documents", bytes);
    for (int64_t n = 0; n < c->documents; n++) {
        const int64_t begin = c->document[n].begin, end = begin + c->document[n].length;
        slice[n] = (attn_slice){begin, end, begin, end, -ATTN_UNLIMITED, 0};
    }
    attn_status status = attn_mask_slices(c->ctx, c->tokens, c->tokens, slice, c->documents, &slices);
    if (!status) status = attn_mask_compile(c->ctx, slices, c->tokens, c->tokens, &c->mask);
    attn_mask_destroy(slices);
    attn_free(c->ctx, slice);
    return status;
}

attn_status attn_ranks_case_open(attn_ctx *ctx, int64_t tokens, enum attn_ranks_documents documents, uint64_t seed,
                                 struct attn_ranks_case *out) {
    struct attn_lengths lengths = {.ctx = ctx};
    *out = (struct attn_ranks_case){.ctx = ctx, .tokens = tokens};
    attn_status status = documents == ATTN_RANKS_CAUSAL ? one_document(out) : draw(tokens, documents, seed, &lengths);
    if (!status && documents != ATTN_RANKS_CAUSAL) status = some_documents(out, &lengths);
    attn_lengths_free(&lengths);
    if (!status) status = make_mask(out);
    if (status) attn_ranks_case_close(out);
    return status;
}

void attn_ranks_case_close(struct attn_ranks_case *c) {
    attn_mask_destroy(c->mask);
    attn_free(c->ctx, c->document);
    c->mask = NULL;
    c->document = NULL;
}

/* ----------------------------------------------------------------------------------------------------------- balance */

/* Pairs that the position's queries are allowed. */
static attn_status area_of(const struct attn_ranks_case *c, const struct attn_shards *shards, int y, double *area) {
    const int64_t count = attn_shards_position_runs(shards, y);
    const struct attn_run all = {0, 1, c->tokens, 0};
    struct attn_run *run = attn_alloc(c->ctx, (size_t)count * sizeof *run);
    *area = 0;
    if (!run) return attn_no_memory(c->ctx, "runs of a position", (size_t)count * sizeof *run);
    const int64_t runs = attn_shards_position(shards, y, run);
    for (int64_t n = 0; n < runs; n++) /* of a stride, one by one: keys have another */
        for (int64_t i = 0; i < (run[n].stride > 1 ? run[n].count : 1); i++) {
            const struct attn_run one = {run[n].first + i * run[n].stride, 1, run[n].stride > 1 ? 1 : run[n].count, 0};
            const struct attn_places q = {&one, 1, one.count}, k = {&all, 1, c->tokens};
            *area += attn_cut_area(c->mask, c->tokens, 1, &q, &k);
        }
    attn_free(c->ctx, run);
    return ATTN_OK;
}

attn_status attn_ranks_balance(const struct attn_ranks_case *c, enum attn_sharding sharding, int ranks, double *balance, double *padding) {
    const struct attn_shard_config config = {.sharding = sharding,
                                             .ring = ranks,
                                             .pieces = 1,
                                             .document = c->document,
                                             .documents = c->documents,
                                             .mask = c->mask,
                                             .mask_len = c->tokens};
    struct attn_shards shards;
    double sum = 0, most = 0;
    attn_status status = attn_shards_open(c->ctx, &config, &shards);
    if (status) return status;
    for (int y = 0; y < ranks && !status; y++) {
        double area;
        status = area_of(c, &shards, y, &area);
        sum += area;
        most = fmax(most, area);
    }
    *balance = most / (sum / ranks);
    *padding = (double)shards.padded / (double)shards.tokens;
    attn_shards_close(&shards);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------- bytes */

bool attn_ranks_grid(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, struct attn_grid *out) {
    if (mechanism != ATTN_CP_HYBRID)
        return attn_grid_make(ctx, mechanism, ranks, ATTN_RANKS_HEADS, ATTN_RANKS_KV_HEADS, 0, 0, true, out) == ATTN_OK;
    *out = (struct attn_grid){ATTN_CP_HYBRID, 0, 1, ranks, 1, false};
    return true;
}

void attn_ranks_problem(int64_t tokens, attn_problem *out) {
    attn_problem_init(out);
    out->layout = ATTN_BTHD;
    out->features = ATTN_BACKWARD;
    out->heads = ATTN_RANKS_HEADS;
    out->kv_heads = ATTN_RANKS_KV_HEADS;
    out->dim = ATTN_RANKS_DIM;
    out->q_len = tokens;
}

struct attn_cp_config attn_ranks_config(const struct attn_ranks_case *c, const struct attn_grid *grid) {
    return (struct attn_cp_config){.grid = *grid,
                                   .sharding = ATTN_SHARD_ZIGZAG,
                                   .document = c->document,
                                   .documents = c->documents,
                                   .capacity = ATTN_RANKS_TOKENS,
                                   .keep = true};
}

attn_status attn_ranks_count(const struct attn_ranks_case *c, const struct attn_grid *grid, int rank, struct attn_ranks_sent *out) {
    const struct attn_cp_config config = attn_ranks_config(c, grid);
    struct attn_transport transport;
    struct attn_cp *cp;
    attn_problem problem;
    attn_args args;
    attn_gradients gradients;
    *out = (struct attn_ranks_sent){.places = 0};
    attn_ranks_problem(c->tokens, &problem);
    attn_args_init(&args);
    attn_gradients_init(&gradients);
    attn_count_open(rank, grid->ulysses * grid->ring, &transport);
    attn_status status = attn_cp_open(c->ctx, &problem, c->mask, &config, &transport, &cp);
    if (status) return status;
    out->places = cp->places;
    status = attn_cp_forward(cp, &args);
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) out->bytes[0][kind] = transport.sent[kind].bytes;
    if (!status) status = attn_cp_backward(cp, &args, &gradients);
    for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) out->bytes[1][kind] = transport.sent[kind].bytes - out->bytes[0][kind];
    attn_cp_close(cp);
    return status;
}

attn_status attn_ranks_total(const struct attn_ranks_case *c, const struct attn_grid *grid, double *bytes) {
    attn_status status = ATTN_OK;
    *bytes = 0;
    for (int rank = 0; rank < grid->ulysses * grid->ring && !status; rank++) {
        struct attn_ranks_sent sent;
        status = attn_ranks_count(c, grid, rank, &sent);
        for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) *bytes += (double)(sent.bytes[0][kind] + sent.bytes[1][kind]);
    }
    return status;
}
