#include "system/zoology/slices.h"

#include <string.h>

/* Fibonacci hashing: the high bits of the product are mixed well. */
static size_t place_of(uint64_t key, size_t places) {
    return (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & (places - 1);
}

static size_t places_for(size_t entries) {
    size_t places = 16;
    while (places < 2 * entries) places *= 2;
    return places;
}

static size_t find(const struct attn_bigrams *b, uint64_t key) {
    size_t place = place_of(key, b->places);
    while (b->key[place] != 0 && b->key[place] != key) place = (place + 1) & (b->places - 1);
    return place;
}

static uint64_t key_of(int64_t vocabulary, int32_t previous, int32_t token) {
    return (uint64_t)previous * (uint64_t)vocabulary + (uint64_t)token + 1;
}

static attn_status make_places(attn_ctx *ctx, size_t places, struct attn_bigrams *b) {
    b->places = places;
    b->key = attn_alloc(ctx, places * sizeof *b->key);
    b->count = attn_alloc(ctx, places * sizeof *b->count);
    if (!b->key || !b->count) return attn_no_memory(ctx, "pairs of neighbours", places * (sizeof *b->key + sizeof *b->count));
    memset(b->key, 0, places * sizeof *b->key);
    memset(b->count, 0, places * sizeof *b->count);
    return ATTN_OK;
}

static attn_status grow(attn_ctx *ctx, struct attn_bigrams *b) {
    struct attn_bigrams larger = *b;
    const attn_status status = make_places(ctx, 2 * b->places, &larger);
    for (size_t p = 0; p < b->places && !status; p++) {
        if (b->key[p] == 0) continue;
        const size_t place = find(&larger, b->key[p]);
        larger.key[place] = b->key[p];
        larger.count[place] = b->count[p];
    }
    attn_bigrams_close(ctx, status ? &larger : b);
    if (!status) *b = larger;
    return status;
}

attn_status attn_bigrams_open(attn_ctx *ctx, const int32_t *token, size_t count, int64_t vocabulary, struct attn_bigrams *out) {
    size_t pairs = 0;
    *out = (struct attn_bigrams){.vocabulary = vocabulary};
    attn_status status = make_places(ctx, places_for(0), out);
    for (size_t i = 1; i < count && !status; i++) {
        const uint64_t key = key_of(vocabulary, token[i - 1], token[i]);
        const size_t place = find(out, key);
        pairs += out->key[place] == 0;
        out->key[place] = key;
        out->count[place] += out->count[place] < INT32_MAX;
        if (2 * pairs > out->places) status = grow(ctx, out);
    }
    if (status) attn_bigrams_close(ctx, out);
    return status;
}

void attn_bigrams_close(attn_ctx *ctx, struct attn_bigrams *b) {
    attn_free(ctx, b->key);
    attn_free(ctx, b->count);
    *b = (struct attn_bigrams){NULL, NULL, 0, 0};
}

int32_t attn_bigrams_count(const struct attn_bigrams *b, int32_t previous, int32_t token) {
    return b->count[find(b, key_of(b->vocabulary, previous, token))];
}

size_t attn_slices_scratch(int64_t tokens) {
    return places_for((size_t)tokens) * sizeof(uint64_t);
}

void attn_slices_mark(const struct attn_bigrams *training, const int32_t *token, int64_t tokens, int32_t *seen, void *scratch) {
    struct attn_bigrams context = {scratch, NULL, places_for((size_t)tokens), training->vocabulary};
    memset(scratch, 0, context.places * sizeof *context.key);
    if (tokens > 0) seen[0] = ATTN_SLICE_NEW;
    for (int64_t i = 1; i < tokens; i++) {
        const uint64_t key = key_of(training->vocabulary, token[i - 1], token[i]);
        const size_t place = find(&context, key);
        seen[i] = context.key[place] == key ? attn_bigrams_count(training, token[i - 1], token[i]) : ATTN_SLICE_NEW;
        context.key[place] = key; /* after the test: a pair is no repetition of itself */
    }
}
