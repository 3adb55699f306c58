/* One measured search: random queries and keys, checked against the reference before it is timed. */
#ifndef ATTN_BENCH_SEARCH_H
#define ATTN_BENCH_SEARCH_H

#include "bench/measure.h"
#include "bench/peers/torch.h"

struct attn_search_case {
    attn_ctx *ctx;
    attn_search search;
    float *q, *k;
};

/* Draws queries and keys from N(0, 1). On failure the sentence is in ctx; attn_search_case_close is always called. */
attn_status attn_search_case_open(struct attn_search_case *c, attn_ctx *ctx, int64_t queries, int64_t keys, int32_t dim, int32_t top,
                                  uint64_t seed);
void attn_search_case_close(struct attn_search_case *c);

/* Runs once, and the first queries also by the reference. *error: the greatest difference of two scores at the same place of the sorted
 * lists, over the greatest score. */
attn_status attn_search_case_check(struct attn_search_case *c, double *error);

/* Opens the same search in PyTorch, topk of a matrix product, runs it once and compares the scores as attn_search_case_check does. */
attn_status attn_search_case_torch(void *self, struct attn_torch *torch, char *name, size_t size, double *difference);

/* As a subject of attn_measure; self is a struct attn_search_case. */
attn_status attn_search_case_run(void *self, enum attn_direction pass, double *seconds);

#endif
