/* Rows between a whole array and the parts' arrays. */
#include "dist/cp/shard.h"

#include <string.h>

void attn_shards_tokens(const struct attn_shards *shards, int part, int64_t *token) {
    for (int64_t p = 0; p < shards->places; p++) token[p] = -1;
    for (int64_t i = shards->begin[part]; i < shards->begin[part + 1]; i++) {
        const struct attn_run *r = &shards->run[i];
        for (int64_t n = 0; n < r->count; n++) token[r->place + n] = r->first + n * r->stride;
    }
}

void attn_shards_dispatch(const struct attn_shards *shards, int part, size_t bytes, const void *whole, size_t whole_stride, void *own,
                          size_t own_stride) {
    const char *from = whole;
    char *to = own;
    int64_t place = 0;
    for (int64_t i = shards->begin[part]; i < shards->begin[part + 1]; i++) {
        const struct attn_run *r = &shards->run[i];
        for (; place < r->place; place++) memset(to + (size_t)place * own_stride, 0, bytes);
        for (int64_t n = 0; n < r->count; n++, place++)
            memcpy(to + (size_t)place * own_stride, from + (size_t)(r->first + n * r->stride) * whole_stride, bytes);
    }
    for (; place < shards->places; place++) memset(to + (size_t)place * own_stride, 0, bytes);
}

void attn_shards_undispatch(const struct attn_shards *shards, int part, size_t bytes, const void *own, size_t own_stride, void *whole,
                            size_t whole_stride) {
    const char *from = own;
    char *to = whole;
    for (int64_t i = shards->begin[part]; i < shards->begin[part + 1]; i++) {
        const struct attn_run *r = &shards->run[i];
        for (int64_t n = 0; n < r->count; n++)
            memcpy(to + (size_t)(r->first + n * r->stride) * whole_stride, from + (size_t)(r->place + n) * own_stride, bytes);
    }
}
