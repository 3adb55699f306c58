#include "io/vocabulary.h"

#include <string.h>

enum { FIRST = 64 };

attn_status attn_grow(attn_ctx *ctx, const char *what, void **items, size_t *room, size_t need, size_t size) {
    size_t more = *room < FIRST ? FIRST : *room, bytes;
    if (need <= *room) return ATTN_OK;
    while (more < need && more <= SIZE_MAX / 2) more *= 2;
    if (more < need || !attn_mul_size(more, size, &bytes)) return attn_no_memory(ctx, what, SIZE_MAX);
    void *fresh = attn_alloc(ctx, bytes);
    if (fresh == NULL) return attn_no_memory(ctx, what, bytes);
    if (*room > 0) memcpy(fresh, *items, *room * size);
    attn_free(ctx, *items);
    *items = fresh;
    *room = more;
    return ATTN_OK;
}

/* Eight bytes at a time, each multiplied in; the high bits are folded down, as slots are chosen by the low ones. */
static uint64_t hash(const char *bytes, size_t length) {
    const uint64_t factor = 0x9E3779B97F4A7C15u;
    uint64_t h = length * factor, word = 0;
    for (; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        h = (h ^ word) * factor;
        h ^= h >> 29;
    }
    word = 0;
    memcpy(&word, bytes, length);
    h = (h ^ word) * factor;
    return h ^ h >> 32;
}

const char *attn_vocabulary_get(const struct attn_vocabulary *v, int32_t number, size_t *length) {
    *length = v->begin[number + 1] - v->begin[number];
    return v->bytes + v->begin[number];
}

/* The slot of a string: where it is, or where it would be put. */
static size_t slot_of(const struct attn_vocabulary *v, const char *bytes, size_t length) {
    size_t at = (size_t)hash(bytes, length) & (v->slots - 1);
    for (; v->slot[at] >= 0; at = (at + 1) & (v->slots - 1)) {
        size_t other;
        const char *held = attn_vocabulary_get(v, v->slot[at], &other);
        if (other == length && (length == 0 || memcmp(held, bytes, length) == 0)) break;
    }
    return at;
}

int32_t attn_vocabulary_find(const struct attn_vocabulary *v, const char *bytes, size_t length) {
    return v->slots == 0 ? -1 : v->slot[slot_of(v, bytes, length)];
}

/* At most half of the slots are taken. */
static attn_status spread(attn_ctx *ctx, struct attn_vocabulary *v) {
    const size_t slots = v->slots == 0 ? 2 * FIRST : 2 * v->slots;
    int32_t *slot = attn_alloc(ctx, slots * sizeof *slot);
    if (slot == NULL) return attn_no_memory(ctx, "a vocabulary", slots * sizeof *slot);
    attn_free(ctx, v->slot);
    v->slot = slot;
    v->slots = slots;
    memset(slot, 0xFF, slots * sizeof *slot);
    for (int32_t i = 0; i < v->count; i++) {
        size_t length;
        const char *bytes = attn_vocabulary_get(v, i, &length);
        slot[slot_of(v, bytes, length)] = i;
    }
    return ATTN_OK;
}

attn_status attn_vocabulary_add(attn_ctx *ctx, struct attn_vocabulary *v, const char *bytes, size_t length, int32_t *number) {
    attn_status status = ATTN_OK;
    if (2 * ((size_t)v->count + 1) > v->slots) status = spread(ctx, v);
    if (status != ATTN_OK) return status;
    const size_t at = slot_of(v, bytes, length);
    *number = v->slot[at];
    if (*number >= 0) return ATTN_OK;
    if (v->count == INT32_MAX - 1 || length > UINT32_MAX - v->used)
        return attn_fail(ctx, ATTN_EINVAL, "vocabulary: found more than %d strings or 4 GiB of them, expected less", INT32_MAX - 1);
    status = attn_grow(ctx, "a vocabulary", (void **)&v->begin, &v->most, (size_t)v->count + 2, sizeof *v->begin);
    if (status == ATTN_OK) status = attn_grow(ctx, "a vocabulary", (void **)&v->bytes, &v->room, v->used + length, 1);
    if (status != ATTN_OK) return status;
    if (length > 0) memcpy(v->bytes + v->used, bytes, length);
    v->begin[v->count] = (uint32_t)v->used;
    v->used += length;
    v->begin[v->count + 1] = (uint32_t)v->used;
    v->slot[at] = *number = v->count++;
    return ATTN_OK;
}

void attn_vocabulary_free(attn_ctx *ctx, struct attn_vocabulary *v) {
    attn_free(ctx, v->bytes);
    attn_free(ctx, v->begin);
    attn_free(ctx, v->slot);
    *v = (struct attn_vocabulary){.bytes = NULL};
}
