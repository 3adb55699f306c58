/* Different strings of bytes, numbered from 0 in the order in which they were added, and found by what they are: a hash table of open
 * addresses over bytes that lie one string behind the other. */
#ifndef ATTN_IO_VOCABULARY_H
#define ATTN_IO_VOCABULARY_H

#include "base/context.h"

#include <stddef.h>
#include <stdint.h>

/* All zeros: empty. */
struct attn_vocabulary {
    char *bytes;
    uint32_t *begin; /* [count + 1]: where string i begins; it ends where the next begins */
    int32_t *slot;   /* [slots], a power of 2: the number of a string, -1: none */
    size_t used, room, slots;
    size_t most; /* room in `begin` */
    int32_t count;
};

/* The number of a string, which is added if it is new. ATTN_EINVAL: more than 2^31 - 2 strings or 4 GiB; ATTN_ENOMEM. */
attn_status attn_vocabulary_add(attn_ctx *ctx, struct attn_vocabulary *v, const char *bytes, size_t length, int32_t *number);
int32_t attn_vocabulary_find(const struct attn_vocabulary *v, const char *bytes, size_t length); /* -1: it is not there */
const char *attn_vocabulary_get(const struct attn_vocabulary *v, int32_t number, size_t *length);
void attn_vocabulary_free(attn_ctx *ctx, struct attn_vocabulary *v);

/* Room for `need` items of `size` bytes where there is room for *room: twice as many, those that are there kept. */
attn_status attn_grow(attn_ctx *ctx, const char *what, void **items, size_t *room, size_t need, size_t size);

#endif
