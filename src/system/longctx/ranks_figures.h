/* What claims and charts say of context parallelism (ranks.h), for the files that know of runs and arms: the two floors below have names in common. */
#ifndef ATTN_SYSTEM_LONGCTX_RANKS_FIGURES_H
#define ATTN_SYSTEM_LONGCTX_RANKS_FIGURES_H

#include "dist/cp/grid.h"

/* Causal over all tokens; or the benchmark's documents, each causal in itself: short, of its corpus with the shortest ones (pile), or long, three
 * fifths of the tokens in documents of 8192 and more. */
enum attn_ranks_documents { ATTN_RANKS_CAUSAL, ATTN_RANKS_SHORT, ATTN_RANKS_LONG };

/* Checks of claims (claims.c): of each, the value that must be at least what stands behind it. */
attn_status attn_ranks_check_zigzag(attn_ctx *ctx, double *value); /* -1.01: minus the greatest balance of zigzag, causal, 2 to 96 ranks */
attn_status attn_ranks_check_documents(attn_ctx *ctx,
                                       double *value); /* -1.01: the same of 30 draws of long documents, on 8, 32 and 96 ranks */
attn_status attn_ranks_check_contiguous(attn_ctx *ctx,
                                        double *value); /* -1e-3: minus the greatest distance of balance / ((2 P - 1) / P) from 1 */
attn_status attn_ranks_check_volume(attn_ctx *ctx, double *value); /* 1: share of ranks whose counters are the specification's formulas */
attn_status attn_ranks_check_hybrid(attn_ctx *ctx,
                                    double *value); /* -0.5: minus the greatest bytes of hybrid over those of ring, short documents */
attn_status attn_ranks_check_useless(attn_ctx *ctx,
                                     double *value); /* -0.01: minus the distance from 1/4 of what a causal ring sends in vain */
attn_status attn_ranks_check_padding(attn_ctx *ctx, double *value); /* 0.05: what zigzag over 96 ranks adds to short documents */
attn_status attn_ranks_check_heads(attn_ctx *ctx, double *value);   /* 1: of 64 heads, ulysses has no grid of 96 ranks, usp has */
attn_status attn_ranks_check_scale(attn_ctx *ctx,
                                   double *value); /* 1: model: the fastest of one dimension over the fastest of two, at 256 ranks */

/* Points of charts, on draw 1 of the documents. The greatest area of a rank over the mean, and places over tokens; sharding: its name. */
attn_status attn_ranks_balance_at(attn_ctx *ctx, const char *sharding, enum attn_ranks_documents documents, int ranks, double *balance,
                                  double *padding);
/* What a rank sends in the mean, forward and backward; NaN: the mechanism has no grid of so many ranks. */
attn_status attn_ranks_bytes_at(attn_ctx *ctx, enum attn_mechanism mechanism, enum attn_ranks_documents documents, int ranks,
                                double *bytes);
/* The model's seconds, forward and backward, of 131072 tokens on a cluster as is usual, 8 ranks a node, 400 TFLOP/s a rank; NaN as above. */
attn_status attn_ranks_model_at(attn_ctx *ctx, enum attn_mechanism mechanism, int ranks, double *seconds);

#endif
