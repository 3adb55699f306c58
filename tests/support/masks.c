/* Random masks, each made twice: through the library, and as plain bytes that are the truth. */
#include "support/parts.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t below(struct attn_random *r, int64_t n) {
    return (int64_t)attn_random_below(r, (uint64_t)n);
}

static void must(const struct test_case *c, attn_status status) {
    char text[512];
    if (status == ATTN_OK) return;
    fprintf(stderr, "a mask of the test was refused: %s: %s\n", attn_status_name(status), attn_ctx_error(c->ctx, text, sizeof(text)));
    test_case_print(c);
    abort();
}

static attn_mask *compiled(struct test_case *c, attn_mask *mask, int64_t rows, int64_t keys) {
    attn_mask *out;
    must(c, attn_mask_compile(c->ctx, mask, rows, keys, &out));
    attn_mask_destroy(mask);
    return out;
}

static attn_mask *bits_mask(struct test_case *c, struct attn_random *r, int64_t rows, int64_t keys, uint8_t *truth) {
    const size_t row_bytes = (size_t)(keys + 7) / 8 + 1;
    uint8_t *bits = test_memory((size_t)rows * row_bytes);
    const double density = attn_random_uniform(r);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < keys; j++)
            if (test_chance(r, density)) {
                truth[i * keys + j] = 1;
                bits[(size_t)i * row_bytes + (size_t)j / 8] |= (uint8_t)(1 << j % 8);
            }
    attn_mask *mask;
    must(c, attn_mask_bits(c->ctx, rows, keys, bits, row_bytes, &mask));
    free(bits);
    return compiled(c, mask, rows, keys);
}

static attn_mask *slices_mask(struct test_case *c, struct attn_random *r, int64_t rows, int64_t keys, uint8_t *truth) {
    attn_slice slices[6];
    const int64_t count = below(r, 7);
    for (int64_t n = 0; n < count; n++) {
        attn_slice *s = &slices[n];
        s->q_begin = below(r, rows + 1);
        s->q_end = s->q_begin + below(r, rows - s->q_begin + 1);
        s->k_begin = below(r, keys + 1);
        s->k_end = s->k_begin + below(r, keys - s->k_begin + 1);
        s->low = test_chance(r, 0.4) ? -ATTN_UNLIMITED : below(r, rows + 1) - rows;
        s->high = test_chance(r, 0.4) ? ATTN_UNLIMITED : below(r, keys + 1);
        for (int64_t i = s->q_begin; i < s->q_end; i++)
            for (int64_t j = s->k_begin; j < s->k_end; j++)
                if (j - i >= s->low && j - i <= s->high) truth[i * keys + j] = 1;
    }
    attn_mask *mask;
    must(c, attn_mask_slices(c->ctx, rows, keys, slices, count, &mask));
    return compiled(c, mask, rows, keys);
}

/* Random cuts 0 = cut[0] < cut[1] < ... = length; returns the number of blocks. */
static int64_t random_cuts(struct attn_random *r, int64_t length, int64_t cuts[8]) {
    int64_t blocks = 0;
    cuts[0] = 0;
    while (cuts[blocks] < length) {
        const int64_t left = length - cuts[blocks];
        cuts[blocks + 1] = cuts[blocks] + (blocks == 6 ? left : 1 + below(r, left));
        blocks++;
    }
    return blocks;
}

static attn_mask *blocks_mask(struct test_case *c, struct attn_random *r, int64_t rows, int64_t keys, uint8_t *truth) {
    int64_t q_cuts[8], k_cuts[8];
    uint8_t keep[64];
    const int64_t q_blocks = random_cuts(r, rows, q_cuts), k_blocks = random_cuts(r, keys, k_cuts);
    for (int64_t n = 0; n < q_blocks * k_blocks; n++) {
        keep[n] = test_chance(r, 0.5);
        for (int64_t i = q_cuts[n / k_blocks]; keep[n] && i < q_cuts[n / k_blocks + 1]; i++)
            for (int64_t j = k_cuts[n % k_blocks]; j < k_cuts[n % k_blocks + 1]; j++) truth[i * keys + j] = 1;
    }
    attn_mask *mask;
    must(c, attn_mask_blocks(c->ctx, q_cuts, q_blocks, k_cuts, k_blocks, keep, &mask));
    return compiled(c, mask, rows, keys);
}

static bool sequences_have_the_same_lengths(const struct test_case *c) {
    for (int64_t b = 1; b < c->batch; b++)
        for (int side = 0; side < 2; side++)
            if (test_span_of(c, b, side).global != test_span_of(c, 0, side).global) return false;
    return true;
}

/* A stack of masks of one dense kind; each sequence and head has its own, or shares it. */
static void make_stack(struct test_case *c, struct attn_random *r) {
    attn_mask *(*const make[])(struct test_case *, struct attn_random *, int64_t, int64_t, uint8_t *) = {bits_mask, slices_mask,
                                                                                                         blocks_mask};
    const int32_t heads[] = {1, c->problem.kv_heads, c->problem.heads};
    c->mask_batch = sequences_have_the_same_lengths(c) && test_chance(r, 0.5) ? 1 : c->batch;
    c->mask_heads = heads[below(r, 3)];
    const int64_t count = c->mask_batch * c->mask_heads;
    c->allowed = test_memory((size_t)count * sizeof(*c->allowed));
    attn_mask **masks = test_memory((size_t)count * sizeof(attn_mask *));
    for (int64_t n = 0; n < count; n++) {
        const int64_t b = n / c->mask_heads, rows = test_span_of(c, b, 0).global, keys = test_span_of(c, b, 1).global;
        c->allowed[n] = test_memory((size_t)(rows * keys));
        masks[n] = make[c->mask_kind - TEST_MASK_BITS](c, r, rows, keys, c->allowed[n]);
    }
    must(c, attn_mask_stack(c->ctx, c->mask_batch, c->mask_heads, (const attn_mask *const *)masks, &c->mask));
    for (int64_t n = 0; n < count; n++) attn_mask_destroy(masks[n]);
    free(masks);
}

void test_mask_make(struct test_case *c, struct attn_random *r, enum test_mask_kind kind) {
    c->mask_kind = kind == TEST_MASK_ANY ? (enum test_mask_kind)below(r, TEST_MASK_KINDS) : kind;
    switch (c->mask_kind) {
    case TEST_MASK_ANY:
    case TEST_MASK_KINDS:
    case TEST_MASK_NONE:
        return;
    case TEST_MASK_CAUSAL:
    case TEST_MASK_BOTTOM_RIGHT:
        must(c, attn_mask_band(c->ctx, -ATTN_UNLIMITED, 0, c->mask_kind == TEST_MASK_CAUSAL ? ATTN_TOP_LEFT : ATTN_BOTTOM_RIGHT, &c->mask));
        return;
    case TEST_MASK_WINDOW:
        c->mask_window[0] = below(r, 20);
        c->mask_window[1] = below(r, 20);
        must(c, attn_mask_band(c->ctx, -c->mask_window[0], c->mask_window[1], ATTN_TOP_LEFT, &c->mask));
        return;
    case TEST_MASK_BITS:
    case TEST_MASK_SLICES:
    case TEST_MASK_BLOCKS:
        make_stack(c, r);
        return;
    }
}

void test_mask_free(struct test_case *c) {
    attn_mask_destroy(c->mask);
    for (int64_t n = 0; c->allowed && n < c->mask_batch * c->mask_heads; n++) free(c->allowed[n]);
    free(c->allowed);
}

bool test_allowed(const struct test_case *c, int64_t b, int32_t h, int64_t i, int64_t j) {
    if (c->learned) return j <= i;
    const int64_t row = i + c->q_offset, key = j + c->kv_offset;
    const int64_t rows = test_span_of(c, b, 0).global, keys = test_span_of(c, b, 1).global;
    switch (c->mask_kind) {
    case TEST_MASK_ANY:
    case TEST_MASK_KINDS:
    case TEST_MASK_NONE:
        return true;
    case TEST_MASK_CAUSAL:
        return key <= row;
    case TEST_MASK_BOTTOM_RIGHT:
        return key - (keys - rows) <= row;
    case TEST_MASK_WINDOW:
        return key >= row - c->mask_window[0] && key <= row + c->mask_window[1];
    case TEST_MASK_BITS:
    case TEST_MASK_SLICES:
    case TEST_MASK_BLOCKS:
        break;
    }
    const int64_t sequence = c->mask_batch == 1 ? 0 : b;
    const int32_t head = c->mask_heads == 1 ? 0 : c->mask_heads == c->problem.heads ? h : h / (c->problem.heads / c->problem.kv_heads);
    return c->allowed[sequence * c->mask_heads + head][row * keys + key];
}
