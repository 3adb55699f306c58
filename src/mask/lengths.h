/* Lists of document lengths. */
#ifndef ATTN_MASK_LENGTHS_H
#define ATTN_MASK_LENGTHS_H

#include "base/context.h"

enum { ATTN_LENGTHS_MAX = 1 << 22 }; /* documents of one list */

/* Each length is at least 1; the total is at most 2^60. */
struct attn_lengths {
    attn_ctx *ctx; /* set by the caller; the rest is 0 at first */
    int64_t *length;
    int64_t count, capacity, total;
    bool no_memory; /* why the last append failed */
};

void attn_lengths_free(struct attn_lengths *l);

/* Adds `times` documents. NULL, or what is wrong; nothing is added then. */
const char *attn_lengths_append(struct attn_lengths *l, int64_t length, int64_t times);

/* prefix and "512,300x4,212", in memory of the context. NULL: no memory, recorded. */
char *attn_lengths_text(const struct attn_lengths *l, const char *prefix);

#endif
