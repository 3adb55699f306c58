/* Context parallelism without arithmetic: who computes how much, and what is sent, for any number of ranks. The benchmark's setting: 8192 tokens a rank, 64
 * query heads over 8 key/value heads of 128, float32. */
#ifndef ATTN_SYSTEM_LONGCTX_RANKS_H
#define ATTN_SYSTEM_LONGCTX_RANKS_H

#include "dist/cp/predict.h"
#include "system/longctx/ranks_figures.h"

enum { ATTN_RANKS_TOKENS = 8192, ATTN_RANKS_HEADS = 64, ATTN_RANKS_KV_HEADS = 8, ATTN_RANKS_DIM = 128, ATTN_RANKS_MOST = 96 };

/* A mask over all ranks' tokens, and the documents that it never leaves. */
struct attn_ranks_case {
    attn_ctx *ctx;
    int64_t tokens;
    attn_mask *mask;
    struct attn_document *document;
    int64_t documents;
};
/* seed: of drawn documents. A failure leaves nothing. */
attn_status attn_ranks_case_open(attn_ctx *ctx, int64_t tokens, enum attn_ranks_documents documents, uint64_t seed,
                                 struct attn_ranks_case *out);
void attn_ranks_case_close(struct attn_ranks_case *c);

/* The greatest area of a ring's position over the mean of all, and padded tokens over tokens. */
attn_status attn_ranks_balance(const struct attn_ranks_case *c, enum attn_sharding sharding, int ranks, double *balance, double *padding);

/* Bytes by kind of traffic, forward and backward, that a rank sends when the schedule is executed over a transport that counts. */
struct attn_ranks_sent {
    int64_t bytes[2][ATTN_TRAFFIC_KINDS], places;
};
attn_status attn_ranks_count(const struct attn_ranks_case *c, const struct attn_grid *grid, int rank, struct attn_ranks_sent *out);

/* Of all ranks together, forward and backward. */
attn_status attn_ranks_total(const struct attn_ranks_case *c, const struct attn_grid *grid, double *bytes);

/* The setting's problem, and zigzag over a grid. */
void attn_ranks_problem(int64_t tokens, attn_problem *out);
struct attn_cp_config attn_ranks_config(const struct attn_ranks_case *c, const struct attn_grid *grid);

/* The usual grid of a mechanism; false: it has none for so many ranks and these heads. */
bool attn_ranks_grid(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, struct attn_grid *out);

#endif
