/* Memory that goes all at once: blocks of the context's allocator, kept when the arena is emptied, so that the same requests in the same
 * order need no new one. */
#ifndef ATTN_TAPE_ARENA_H
#define ATTN_TAPE_ARENA_H

#include "base/context.h"

struct attn_arena_block;

struct attn_arena {
    attn_ctx *ctx;
    struct attn_arena_block *first, *current;
    size_t used;         /* of the current block */
    size_t bytes;        /* of all blocks */
    int64_t allocations; /* asked of the context so far */
};

/* Memory aligned to 64; NULL: none is left. */
void *attn_arena_take(struct attn_arena *a, size_t bytes);
/* Where it is, and back to there: what was taken since is gone. */
struct attn_arena_mark {
    struct attn_arena_block *current;
    size_t used;
};
struct attn_arena_mark attn_arena_mark(const struct attn_arena *a);
void attn_arena_back(struct attn_arena *a, struct attn_arena_mark mark);
/* Empties it and keeps the blocks. */
void attn_arena_empty(struct attn_arena *a);
/* Gives the blocks back. */
void attn_arena_close(struct attn_arena *a);

#endif
