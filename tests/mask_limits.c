/* Edges and promises: no rows, no keys, huge lengths, thousands of documents, memory of the caller, stacks, what is refused. */
#include "base/random.h"
#include "mask/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must(attn_ctx *ctx, attn_status status) {
    char error[1024];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, error, sizeof error));
}

static void must_say(attn_ctx *ctx, attn_status got, attn_status want, const char *says) {
    char error[1024];
    attn_ctx_error(ctx, error, sizeof error);
    if (got != want || !strstr(error, says))
        fail_msg("%s, must be %s and say '%s': %s", attn_status_name(got), attn_status_name(want), says, error);
}

static attn_mask *parsed(attn_ctx *ctx, const char *text) {
    attn_mask *mask = NULL;
    must(ctx, attn_mask_parse(ctx, text, &mask));
    return mask;
}

static attn_mask *compiled(attn_ctx *ctx, const char *text, int64_t q_len, int64_t k_len) {
    attn_mask *mask = parsed(ctx, text), *out = NULL;
    must(ctx, attn_mask_compile(ctx, mask, q_len, k_len, &out));
    attn_mask_destroy(mask);
    return out;
}

static void a_window_over_2_to_the_40_tokens_is_small(void **state) {
    const int64_t len = (int64_t)1 << 40, w = 4096;
    static const char *const texts[] = {"sliding_window:4096,4096", "!!sliding_window:4096,4096",
                                        "causal & window:4096,4096 | !causal & window:4096,4096"};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        attn_mask *mask = compiled(*state, texts[n], len, len);
        assert_true(attn_mask_bytes(mask) < 4096);
        assert_int_equal(attn_mask_area(mask), len * (2 * w + 1) - w * (w + 1));
        for (int64_t q = 0; q < len; q = q * 3 + 1) {
            int64_t row[2], begin = q < w ? 0 : q - w, end = q + w + 1 < len ? q + w + 1 : len;
            assert_int_equal(attn_mask_row(mask, q, row, 1), 1);
            assert_int_equal(row[0], begin);
            assert_int_equal(row[1], end);
            assert_int_equal(attn_mask_column(mask, q, row, 1), 1);
            assert_int_equal(row[0], begin);
            assert_int_equal(attn_mask_tile(mask, q, q + 64, begin, q + 1), q == 0 ? 1 : q > w ? 2 : 1);
        }
        attn_mask_destroy(mask);
    }
    attn_mask *full = compiled(*state, "full", (int64_t)1 << 60, (int64_t)1 << 60);
    assert_int_equal(attn_mask_area(full), INT64_MAX);
    assert_int_equal(attn_mask_tile(full, 0, (int64_t)1 << 60, 0, (int64_t)1 << 60), 1);
    attn_mask_destroy(full);
}

static void thousands_of_documents_cost_their_pieces(void **state) {
    attn_mask *single = compiled(*state, "document:1x4096", 4096, 4096), *many = compiled(*state, "causal_document:16x4096", 65536, 65536);
    assert_int_equal(attn_mask_area(single), 4096);
    assert_true(attn_mask_bytes(single) < 2048);
    assert_int_equal(attn_mask_area(many), 4096 * 136);
    assert_true(attn_mask_bytes(many) < 4096 * 200);
    attn_mask_destroy(single);
    attn_mask_destroy(many);
}

static void masks_without_rows_or_keys_are_empty(void **state) {
    static const int64_t lengths[][2] = {{0, 0}, {0, 5}, {5, 0}};
    static const char *const texts[] = {"full", "causal:bottom-right", "!full", "rows:1,3 & cols:0,2"};
    for (size_t n = 0; n < 3; n++)
        for (size_t t = 0; t < 4; t++) {
            attn_mask *mask = compiled(*state, texts[t], lengths[n][0], lengths[n][1]);
            struct attn_mask_view v;
            int64_t a, b;
            assert_int_equal(attn_mask_area(mask), 0);
            assert_int_equal(attn_mask_row(mask, 0, NULL, 0), 0);
            assert_int_equal(attn_mask_tile(mask, 0, 5, 0, 5), 0);
            attn_mask_view_init(&v, mask, 0, 0, 1, 1, lengths[n][0], lengths[n][1], 0, 0, lengths[n][0], lengths[n][1]);
            assert_false(attn_mask_next_keys(&v, 0, lengths[n][0], 0, &a, &b));
            assert_false(attn_mask_next_queries(&v, 0, lengths[n][1], 0, &a, &b));
            attn_mask_destroy(mask);
        }
}

static void a_bottom_right_diagonal_with_more_queries_than_keys_leaves_rows_empty(void **state) {
    attn_mask *mask = compiled(*state, "causal:bottom-right", 7, 4);
    int64_t row[2];
    for (int64_t q = 0; q < 7; q++) {
        assert_int_equal(attn_mask_row(mask, q, row, 1), q >= 3);
        if (q >= 3) assert_int_equal(row[1], q - 2);
    }
    assert_int_equal(attn_mask_area(mask), 10);
    attn_mask_destroy(mask);
}

static void an_unnamed_diagonal_needs_equal_lengths(void **state) {
    static const char *const texts[] = {"causal",        "window:3,1",         "sliding_window_causal:2", "!causal",
                                        "full & causal", "prefix_lm_causal:3", "global_sliding_window:1"};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        attn_mask *mask = parsed(*state, texts[n]), *out = NULL;
        must_say(*state, attn_mask_compile(*state, mask, 5, 6, &out), ATTN_EMASK, "causal:top-left");
        must_say(*state, attn_mask_compile(*state, mask, 5, 6, &out), ATTN_EMASK, "causal:bottom-right");
        assert_null(out);
        attn_mask_destroy(mask);
    }
    attn_mask *causal = parsed(*state, "causal");
    must_say(*state, attn_mask_fits(*state, causal, 0, 1, 1, 1, 5, 6, 0, 0, 5, 6), ATTN_EMASK, "causal:bottom-right");
    must(*state, attn_mask_fits(*state, causal, 0, 1, 1, 1, 2, 3, 1, 0, 6, 6));
    attn_mask_destroy(causal);
}

static void bound_masks_refuse_other_lengths(void **state) {
    attn_mask *mask = parsed(*state, "document:5,6"), *whole = compiled(*state, "document:5,6", 11, 11), *out = NULL;
    must_say(*state, attn_mask_compile(*state, mask, 11, 12, &out), ATTN_EMASK, "11 queries x 11 keys");
    must_say(*state, attn_mask_fits(*state, mask, 0, 1, 1, 1, 11, 11, 0, 0, 11, 11), ATTN_EMASK, "attn_mask_compile");
    must_say(*state, attn_mask_fits(*state, whole, 0, 1, 1, 1, 7, 7, 0, 0, 7, 7), ATTN_EMASK, "bound to 11");
    must_say(*state, attn_mask_fits(*state, whole, 0, 1, 1, 1, 7, 7, 5, 0, 11, 11), ATTN_EMASK, "leave its 11 x 11");
    must_say(*state, attn_mask_fits(*state, whole, 0, 1, 1, 1, 3, 3, 5, 0, 8, 3), ATTN_EMASK, "global_q_len");
    must(*state, attn_mask_fits(*state, whole, 0, 1, 1, 1, 6, 7, 5, 4, 11, 11));
    must_say(*state, attn_mask_cut(*state, mask, 0, 1, 0, 1, &out), ATTN_EMASK, "compile");
    must_say(*state, attn_mask_cut(*state, whole, 0, 12, 0, 1, &out), ATTN_EMASK, "within 11 x 11");
    assert_int_equal(attn_mask_area(mask), -1);
    assert_int_equal(attn_mask_row(mask, 0, NULL, 0), -1);
    attn_mask_destroy(mask);
    attn_mask_destroy(whole);
}

/* The result lies in the caller's memory, touches nothing beyond it, and needs exactly what was stated. */
static void compiling_into_memory_keeps_within_it(void **state) {
    static const char *const texts[] = {"full", "causal & document:30,40,57", "share_question:30,40,57", "!block_sparse:16,0.5,3;127",
                                        "global_sliding_window:9"};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        attn_mask *mask = parsed(*state, texts[n]), *inside = NULL, *outside = NULL, *cut = NULL;
        size_t bytes = 0;
        must(*state, attn_mask_compile_size(*state, mask, 127, 127, &bytes));
        unsigned char *memory = aligned_alloc(64, bytes + 128 + (64 - bytes % 64) % 64);
        memset(memory, 0x5c, bytes + 128);
        must_say(*state, attn_mask_compile_into(*state, mask, 127, 127, memory + 64, bytes - 1, &inside), ATTN_EWORKSPACE, "needs");
        must_say(*state, attn_mask_compile_into(*state, mask, 127, 127, memory + 8, bytes, &inside), ATTN_EWORKSPACE, "aligned to 64");
        must_say(*state, attn_mask_compile_into(*state, mask, 127, 127, NULL, bytes, &inside), ATTN_EWORKSPACE, "NULL");
        must(*state, attn_mask_compile_into(*state, mask, 127, 127, memory + 64, bytes, &inside));
        must(*state, attn_mask_compile(*state, mask, 127, 127, &outside));
        attn_mask_destroy(mask);
        assert_ptr_equal(inside, memory + 64);
        for (size_t i = 0; i < 64; i++) assert_true(memory[i] == 0x5c && memory[64 + bytes + i] == 0x5c);
        for (int64_t q = 0; q < 127; q++)
            for (int64_t k = 0; k < 127; k++) assert_int_equal(attn_mask_allows(inside, q, k), attn_mask_allows(outside, q, k));
        must(*state, attn_mask_cut(*state, inside, 3, 99, 5, 120, &cut));
        assert_true(attn_mask_area(cut) <= attn_mask_area(inside));
        attn_mask_destroy(cut);
        attn_mask_destroy(inside);
        attn_mask_destroy(outside);
        free(memory);
    }
}

static void stacks_give_each_sequence_and_head_its_mask(void **state) {
    const attn_mask *m[6];
    char text[32];
    for (int n = 0; n < 6; n++) {
        snprintf(text, sizeof text, "cols:%d,%d", n, n + 1);
        m[n] = compiled(*state, text, 10 + n / 3, 10);
    }
    attn_mask *stack = NULL, *shared = NULL, *out = NULL;
    must(*state, attn_mask_stack(*state, 2, 3, m, &stack));
    must(*state, attn_mask_stack(*state, 1, 1, m, &shared));
    for (int n = 0; n < 6; n++) attn_mask_destroy((attn_mask *)(uintptr_t)m[n]);
    for (int64_t b = 0; b < 2; b++)
        for (int32_t h = 0; h < 6; h++) { /* three members over six query heads, three key/value heads: h / 2 */
            struct attn_mask_view v;
            must(*state, attn_mask_fits(*state, stack, b, 2, 6, 3, 10 + b, 10, 0, 0, 10 + b, 10));
            attn_mask_view_init(&v, stack, b, h, 6, 3, 10 + b, 10, 0, 0, 10 + b, 10);
            for (int64_t k = 0; k < 10; k++) assert_int_equal(attn_mask_view_allows(&v, 9, k), k == 3 * b + h / 2);
            attn_mask_view_init(&v, shared, b, h, 6, 3, 10, 10, 0, 0, 10, 10);
            assert_true(attn_mask_view_allows(&v, 9, 0) && !attn_mask_view_allows(&v, 9, 1));
        }
    must_say(*state, attn_mask_fits(*state, stack, 0, 3, 6, 3, 10, 10, 0, 0, 10, 10), ATTN_EMASK, "2 sequences");
    must_say(*state, attn_mask_fits(*state, stack, 0, 2, 8, 4, 10, 10, 0, 0, 10, 10), ATTN_EMASK, "3 heads");
    must_say(*state, attn_mask_fits(*state, stack, 1, 2, 6, 3, 10, 10, 0, 0, 10, 10), ATTN_EMASK, "bound to 11");
    must_say(*state, attn_mask_not(*state, stack, &out), ATTN_EMASK, "stack");
    must_say(*state, attn_mask_compile(*state, stack, 10, 10, &out), ATTN_EMASK, "stack");
    attn_mask *free_documents = parsed(*state, "document:5,5");
    const attn_mask *loose = free_documents;
    must_say(*state, attn_mask_stack(*state, 1, 1, &loose, &out), ATTN_EMASK, "member 0");
    attn_mask_destroy(free_documents);
    attn_mask_destroy(stack);
    attn_mask_destroy(shared);
}

/* Many separate keys: more runs than there is room for are joined, and no pair is lost. */
static void runs_beyond_their_room_are_joined(void **state) {
    enum { KEYS = 512 };
    attn_slice slices[KEYS / 2];
    attn_mask *mask = NULL, *whole = NULL;
    for (int n = 0; n < KEYS / 2; n++) slices[n] = (attn_slice){0, 16, 2 * n, 2 * n + 1, -ATTN_UNLIMITED, ATTN_UNLIMITED};
    must(*state, attn_mask_slices(*state, 16, KEYS, slices, KEYS / 2, &mask));
    must(*state, attn_mask_compile(*state, mask, 16, KEYS, &whole));
    struct attn_mask_view v;
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    uint32_t words[KEYS];
    attn_mask_view_init(&v, whole, 0, 0, 1, 1, 16, KEYS, 0, 0, 16, KEYS);
    int count = attn_mask_runs_of_keys(&v, 0, 16, 0, KEYS, words, runs);
    assert_int_equal(count, ATTN_MASK_RUNS);
    assert_false(runs[count - 1].full);
    for (int n = 0, k = 0; k < KEYS; k++) {
        while (n < count && runs[n].end <= k) n++;
        uint32_t got = n < count && runs[n].begin <= k ? (runs[n].full ? 0xffff : words[k]) : 0;
        assert_int_equal(got, k % 2 ? 0 : 0xffff);
    }
    attn_mask_destroy(mask);
    attn_mask_destroy(whole);
}

/* 300 stripes of keys: their complement passes 256 intervals a row and becomes a tile map; nothing changes but the form. */
static void more_than_256_intervals_become_a_tile_map(void **state) {
    enum { STRIPES = 300, LEN = 3 * STRIPES };
    attn_slice slices[STRIPES];
    attn_mask *mask = NULL, *not = NULL, *whole = NULL;
    for (int n = 0; n < STRIPES; n++) slices[n] = (attn_slice){0, 200, 3 * n, 3 * n + 1, -ATTN_UNLIMITED, ATTN_UNLIMITED};
    must(*state, attn_mask_slices(*state, 200, LEN, slices, STRIPES, &mask));
    must(*state, attn_mask_not(*state, mask, &not ));
    must(*state, attn_mask_compile(*state, not, 200, LEN, &whole));
    int64_t row[2 * STRIPES];
    assert_int_equal(attn_mask_row(whole, 77, row, STRIPES), STRIPES);
    assert_int_equal(row[20], 31);
    assert_int_equal(attn_mask_area(whole), 200 * 2 * STRIPES);
    assert_int_equal(attn_mask_column(whole, 30, row, 1), 0);
    assert_int_equal(attn_mask_column(whole, 31, row, 1), 1);
    attn_mask_destroy(mask);
    attn_mask_destroy(not );
    attn_mask_destroy(whole);
}

static void doubling_expressions_are_refused_before_they_explode(void **state) {
    attn_mask *m = parsed(*state, "causal");
    int n = 0;
    for (; n < 64; n++) {
        attn_mask *twice = NULL;
        if (attn_mask_or(*state, m, m, &twice) != ATTN_OK) break;
        attn_mask_destroy(m);
        m = twice;
    }
    assert_in_range(n, 8, 20);
    attn_mask_destroy(m);
}

/* The union of n slices as attn_mask_slices makes it, with few steps allowed. */
static attn_status unite(attn_ctx *ctx, attn_slice *slices, int64_t n, int64_t len, int64_t steps, int64_t *left) {
    struct attn_segs list;
    attn_segs_init(&list, ctx, &steps);
    const attn_status status = attn_segs_union(&list, slices, n, len, len);
    attn_segs_free(&list);
    *left = steps;
    return status;
}

static void slices_that_overlap_too_much_end_with_a_sentence(void **state) {
    enum { N = 3000, MOST = 1 << 20 };
    attn_slice *slices = malloc(N * sizeof *slices);
    struct attn_random r;
    int64_t left;
    attn_random_init(&r, 3);
    for (int64_t n = 0; n < N; n++) { /* any corners: O(n^2) intervals */
        const int64_t q = (int64_t)attn_random_below(&r, MOST / 2), k = (int64_t)attn_random_below(&r, MOST - 300);
        slices[n] = (attn_slice){q, q + MOST / 2, k, k + 150, -ATTN_FAR, ATTN_FAR};
    }
    must_say(*state, unite(*state, slices, N, MOST, 1 << 20, &left), ATTN_EMASK, "as where many pieces overlap");
    for (int64_t n = 0; n < N; n++) /* side by side, beginning and ending one after the other: one interval a row, yet all are alive */
        slices[n] = (attn_slice){n, N + n, n * 64, (n + 1) * 64, -ATTN_FAR, ATTN_FAR};
    must_say(*state, unite(*state, slices, N, N * 64, 1 << 20, &left), ATTN_EMASK, "as where many pieces overlap");
    for (int64_t n = 0; n < N; n++) /* documents: steps in proportion */
        slices[n] = (attn_slice){n * 64, (n + 1) * 64, n * 64, (n + 1) * 64, -ATTN_FAR, 0};
    must(*state, unite(*state, slices, N, N * 64, 1 << 20, &left));
    assert_true(left > (1 << 20) - 20 * N);
    free(slices);
}

static int even(void *user, int64_t q, int64_t k) {
    (void)user;
    return (q + k) % 2 == 0;
}

/* Long chains are walked by recursion, and each link costs a tile once. */
static void a_long_chain_of_operations_compiles_or_is_refused(void **state) {
    attn_mask *leaf = NULL, *m = NULL, *next = NULL;
    must(*state, attn_mask_predicate(*state, 150, 150, even, NULL, NULL, &leaf));
    must(*state, attn_mask_not(*state, leaf, &m));
    int depth = 2;
    for (attn_status status = ATTN_OK;; depth++) {
        status = depth % 2 ? attn_mask_not(*state, m, &next) : attn_mask_and(*state, leaf, m, &next);
        if (status != ATTN_OK) {
            must_say(*state, status, ATTN_EMASK, "nested 2049 deep; the limits are 16384 and 2048");
            break;
        }
        attn_mask_destroy(m);
        m = next;
    }
    assert_int_equal(depth, ATTN_MASK_DEPTH);
    must(*state, attn_mask_compile(*state, m, 150, 150, &next));
    assert_int_equal(attn_mask_area(next) % 11250, 0);
    assert_true(attn_mask_bytes(m) > 0 && attn_mask_text(m, NULL, 0) > 0);
    attn_mask_destroy(next);
    attn_mask_destroy(m);
    attn_mask_destroy(leaf);
}

static void wrong_arguments_are_refused(void **state) {
    attn_mask *m = NULL;
    const int64_t cuts[] = {0, 3, 3}, good[] = {0, 3, 5}, late[] = {1, 3};
    const uint8_t keep[4] = {1, 1, 1, 1};
    attn_slice slice = {0, 5, 0, 5, 0, 0};
    must_say(*state, attn_mask_band(*state, 3, 2, ATTN_TOP_LEFT, &m), ATTN_EINVAL, "empty");
    must_say(*state, attn_mask_band(*state, 1, 2, (attn_align)7, &m), ATTN_EINVAL, "alignment 7");
    must_say(*state, attn_mask_slices(*state, 4, 5, &slice, 1, &m), ATTN_EMASK, "slice 0");
    must_say(*state, attn_mask_slices(*state, -1, 5, &slice, 1, &m), ATTN_EINVAL, "-1 x 5");
    must_say(*state, attn_mask_slices(*state, 5, 5, NULL, 1, &m), ATTN_EINVAL, "NULL");
    must_say(*state, attn_mask_blocks(*state, cuts, 2, good, 2, keep, &m), ATTN_EMASK, "query cut 2");
    must_say(*state, attn_mask_blocks(*state, good, 2, late, 1, keep, &m), ATTN_EMASK, "first key cut is 1");
    must_say(*state, attn_mask_blocks(*state, good, 2, good, 2, NULL, &m), ATTN_EINVAL, "keep");
    must_say(*state, attn_mask_bits(*state, 3, 17, keep, 2, &m), ATTN_EINVAL, "17 keys need 3");
    must_say(*state, attn_mask_predicate(*state, 3, 3, NULL, NULL, NULL, &m), ATTN_EINVAL, "allowed is NULL");
    must_say(*state, attn_mask_and(*state, NULL, NULL, &m), ATTN_EINVAL, "operand");
    must_say(*state, attn_mask_compile(*state, NULL, 3, 3, &m), ATTN_EINVAL, "NULL");
    must_say(*state, attn_mask_stack(*state, 0, 1, NULL, &m), ATTN_EINVAL, "from 1 to 2147483647");
    assert_null(m);
    attn_mask_destroy(NULL);
}

static int make_context(void **state) {
    return attn_ctx_create(NULL, (attn_ctx **)state, NULL, 0) != ATTN_OK;
}
static int free_context(void **state) {
    attn_ctx_destroy(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_over_2_to_the_40_tokens_is_small),
        cmocka_unit_test(thousands_of_documents_cost_their_pieces),
        cmocka_unit_test(masks_without_rows_or_keys_are_empty),
        cmocka_unit_test(a_bottom_right_diagonal_with_more_queries_than_keys_leaves_rows_empty),
        cmocka_unit_test(an_unnamed_diagonal_needs_equal_lengths),
        cmocka_unit_test(bound_masks_refuse_other_lengths),
        cmocka_unit_test(compiling_into_memory_keeps_within_it),
        cmocka_unit_test(stacks_give_each_sequence_and_head_its_mask),
        cmocka_unit_test(runs_beyond_their_room_are_joined),
        cmocka_unit_test(more_than_256_intervals_become_a_tile_map),
        cmocka_unit_test(doubling_expressions_are_refused_before_they_explode),
        cmocka_unit_test(slices_that_overlap_too_much_end_with_a_sentence),
        cmocka_unit_test(a_long_chain_of_operations_compiles_or_is_refused),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
