/* Which two tokens merge to which, and how early: a hash table of open addresses. */
#ifndef ATTN_IO_BPE_MERGES_H
#define ATTN_IO_BPE_MERGES_H

#include "base/context.h"

struct attn_merge {
    int32_t left, right, product;
};

/* All zeros: empty. */
struct attn_merges {
    struct attn_merge *list; /* [count], in their order: a merge's number is its rank */
    int32_t *slot;           /* [slots], a power of 2: the number of a merge, -1: none */
    size_t slots, room;
    int32_t count;
};

/* The rank of what merges these two; -1: nothing does. */
int32_t attn_merges_find(const struct attn_merges *merges, int32_t left, int32_t right);
/* Puts one at the end of the list; the pair must be new. */
attn_status attn_merges_add(attn_ctx *ctx, struct attn_merges *merges, int32_t left, int32_t right, int32_t product);
void attn_merges_free(attn_ctx *ctx, struct attn_merges *merges);

#endif
