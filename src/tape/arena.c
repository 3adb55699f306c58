/* Blocks form a list in the order of their first use; a request that does not fit into what is left of a block goes to the next one if
 * that is large enough, or to a new one behind the current. */
#include "tape/arena.h"

enum { LEAST = 1 << 20 };

struct attn_arena_block {
    struct attn_arena_block *next;
    size_t size; /* of the memory that begins at the next multiple of 64 */
};

enum { HEAD = 64 };

static struct attn_arena_block *new_block(struct attn_arena *a, size_t bytes) {
    size_t whole;
    const size_t size = bytes > LEAST ? bytes : LEAST;
    if (!attn_add_size(size, HEAD, &whole)) return NULL;
    struct attn_arena_block *block = attn_alloc(a->ctx, whole);
    if (!block) return NULL;
    block->size = size;
    block->next = NULL;
    a->bytes += whole;
    a->allocations++;
    return block;
}

void *attn_arena_take(struct attn_arena *a, size_t bytes) {
    if (bytes > SIZE_MAX - HEAD) return NULL;
    const size_t size = attn_round64(bytes > 0 ? bytes : 1); /* places differ, those of nothing too */
    while (!a->current || a->current->size - a->used < size) {
        struct attn_arena_block **next = a->current ? &a->current->next : &a->first;
        if (!*next || (*next)->size < size) {
            struct attn_arena_block *block = new_block(a, size);
            if (!block) return NULL;
            block->next = *next;
            *next = block;
        }
        a->current = *next;
        a->used = 0;
    }
    void *memory = (char *)a->current + HEAD + a->used;
    a->used += size;
    a->taken += size;
    if (a->taken > a->most) a->most = a->taken;
    return memory;
}

struct attn_arena_mark attn_arena_mark(const struct attn_arena *a) {
    return (struct attn_arena_mark){a->current, a->used, a->taken};
}

void attn_arena_back(struct attn_arena *a, struct attn_arena_mark mark) {
    a->current = mark.current ? mark.current : a->first;
    a->used = mark.used;
    a->taken = mark.taken;
}

void attn_arena_empty(struct attn_arena *a) {
    const size_t most = a->most;
    if (a->first && a->first->next) {
        attn_arena_close(a);
        a->first = new_block(a, most);
    }
    a->current = a->first;
    a->used = a->taken = a->most = 0;
}

void attn_arena_close(struct attn_arena *a) {
    for (struct attn_arena_block *block = a->first, *next; block; block = next) {
        next = block->next;
        attn_free(a->ctx, block);
    }
    a->first = a->current = NULL;
    a->used = a->taken = a->bytes = 0;
}
