/* Masks, problems and grids of attn bench cp. */
#include "cli/bench_cp.h"

#include "mask/generate.h"

#include <string.h>

/* Documents of the protocol: two fifths of the tokens from the corpus, the rest long ones. */
static attn_status long_documents(attn_ctx *ctx, const char *prefix, int64_t len, uint64_t seed, char **text) {
    struct attn_lengths lengths = {.ctx = ctx};
    attn_status status = attn_generate_long_documents(attn_corpus_for(len), len, seed, &lengths);
    if (!status && !(*text = attn_lengths_text(&lengths, prefix))) status = ATTN_ENOMEM;
    attn_lengths_free(&lengths);
    return status;
}

static attn_status draw(attn_ctx *ctx, const char *name, int64_t len, uint64_t seed, char **text) {
    *text = NULL;
    if (strcmp(name, "full_document_long") == 0) return long_documents(ctx, "document:", len, seed, text);
    if (strcmp(name, "causal_document_long") == 0) return long_documents(ctx, "causal & document:", len, seed, text);
    return attn_generate_knows(name) ? attn_generate_pattern(ctx, name, -1, len, seed, text) : ATTN_OK;
}

attn_status attn_bench_cp_mask_open(attn_ctx *ctx, const char *name, int64_t len, uint64_t seed, struct attn_bench_cp_mask *out) {
    attn_mask *mask = NULL;
    char *text;
    *out = (struct attn_bench_cp_mask){.mask = NULL};
    attn_status status = draw(ctx, name, len, seed, &text);
    if (!status) status = attn_mask_parse(ctx, text ? text : name, &mask);
    if (!status) status = attn_mask_compile(ctx, mask, len, len, &out->mask);
    if (!status) status = attn_mask_documents(ctx, out->mask, len, &out->document, &out->documents);
    attn_mask_destroy(mask);
    attn_free(ctx, text);
    if (status) attn_bench_cp_mask_close(ctx, out);
    return status;
}

void attn_bench_cp_mask_close(attn_ctx *ctx, struct attn_bench_cp_mask *mask) {
    attn_mask_destroy(mask->mask);
    attn_free(ctx, mask->document);
    *mask = (struct attn_bench_cp_mask){.mask = NULL};
}

attn_status attn_bench_cp_problem(const struct attn_bench_cp *b, int64_t len, attn_problem *out) {
    attn_problem p;
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.dtype = b->type;
    p.features = b->backward ? ATTN_BACKWARD : 0;
    p.heads = (int32_t)b->heads;
    p.kv_heads = (int32_t)b->kv_heads;
    p.dim = (int32_t)b->dim;
    p.q_len = len;
    p.threads = (int)b->threads;
    return attn_problem_check(b->ctx, &p, out);
}

attn_status attn_bench_cp_config(const struct attn_bench_cp *b, enum attn_mechanism mechanism, int ranks,
                                 const struct attn_bench_cp_mask *mask, struct attn_cp_config *out) {
    const bool by_document = b->how == ATTN_SHARD_ZIGZAG || mechanism == ATTN_CP_HYBRID;
    const bool free_grid = mechanism == ATTN_CP_USP || mechanism == ATTN_CP_LOONGTRAIN, windowed = mechanism == ATTN_CP_LOONGTRAIN;
    *out = (struct attn_cp_config){.grid = {.mechanism = mechanism, .ulysses = 1, .ring = ranks, .windows = 1},
                                   .sharding = b->how,
                                   .document = by_document ? mask->document : NULL,
                                   .documents = by_document ? mask->documents : 0,
                                   .capacity = b->capacity,
                                   .exchanges = (int)b->exchanges,
                                   .sparse = b->sparse,
                                   .keep = !b->exchange_again};
    if (mechanism == ATTN_CP_HYBRID) return ATTN_OK;
    return attn_grid_make(b->ctx, mechanism, ranks, (int32_t)b->heads, (int32_t)b->kv_heads, free_grid ? (int)b->ulysses : 0,
                          windowed ? (int)b->windows : 0, windowed, &out->grid);
}

attn_status attn_bench_cp_speed(struct attn_bench_cp *b, const attn_problem *problem) {
    struct attn_speed *s = &b->machine.speed;
    if (b->tflops > 0 || b->table.rows > 0) {
        *s = (struct attn_speed){.flops = b->tflops * 1e12, .rates = &b->table};
        return ATTN_OK;
    }
    if (b->machine.topology.flops > 0) {
        *s = (struct attn_speed){.flops = b->machine.topology.flops};
        return ATTN_OK;
    }
    return attn_speed_usual(b->ctx, problem, s);
}

const char *attn_bench_cp_grid(const struct attn_grid *grid, char *text, size_t size) {
    text[0] = '\0';
    attn_append(text, size, "%dx%d", grid->ulysses, grid->ring);
    if (grid->windows > 1) attn_append(text, size, "/%d", grid->windows);
    return text;
}
