/* Memory that goes all at once, in blocks of the context's allocator. An arena that needed several is given one of the most that was in
 * use at a time when it is emptied: the same requests then need no new one, and nothing is held that was too small. */
#ifndef ATTN_TAPE_ARENA_H
#define ATTN_TAPE_ARENA_H

#include "base/context.h"

struct attn_arena_block;

struct attn_arena {
    attn_ctx *ctx;
    struct attn_arena_block *first, *current;
    size_t used;         /* of the current block */
    size_t taken, most;  /* of all blocks, without what was left over; the most since the arena was emptied */
    size_t bytes;        /* of all blocks */
    int64_t allocations; /* asked of the context so far */
};

/* Memory aligned to 64; NULL: none is left. */
void *attn_arena_take(struct attn_arena *a, size_t bytes);
/* Where it is, and back to there: what was taken since is gone. */
struct attn_arena_mark {
    struct attn_arena_block *current;
    size_t used, taken;
};
struct attn_arena_mark attn_arena_mark(const struct attn_arena *a);
void attn_arena_back(struct attn_arena *a, struct attn_arena_mark mark);
/* Empties it and keeps its memory, in one block. Without memory for that block it holds none. */
void attn_arena_empty(struct attn_arena *a);
/* Gives the blocks back. */
void attn_arena_close(struct attn_arena *a);

#endif
