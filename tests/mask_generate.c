/* The samplers: totals, bounds, determinism, the shares of the distribution, block maps with the stated number of blocks. */
#include "mask/generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must(attn_ctx *ctx, attn_status status) {
    char error[1024];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, error, sizeof error));
}

static void documents_have_the_total_and_depend_on_the_seed_alone(void **state) {
    for (int corpus = 0; corpus < ATTN_CORPUS_COUNT; corpus++)
        for (int64_t total = 1; total < 2000000; total = total * 7 + 1) {
            struct attn_lengths a = {.ctx = *state}, b = {.ctx = *state};
            must(*state, attn_generate_documents((enum attn_corpus)corpus, total, 7, &a));
            must(*state, attn_generate_documents((enum attn_corpus)corpus, total, 7, &b));
            int64_t sum = 0;
            for (int64_t i = 0; i < a.count; i++) sum += a.length[i];
            assert_int_equal(sum, total);
            assert_int_equal(a.total, total);
            assert_int_equal(a.count, b.count);
            assert_memory_equal(a.length, b.length, (size_t)a.count * sizeof *a.length);
            attn_lengths_free(&a);
            attn_lengths_free(&b);
        }
}

/* Of the pile's documents 0.029931 / sum have at most 32 tokens, and half have at most 256 (sum of the first eight weights). */
static void shares_are_those_of_the_distribution(void **state) {
    struct attn_lengths l = {.ctx = *state};
    must(*state, attn_generate_documents(ATTN_CORPUS_PILE, (int64_t)1 << 28, 3, &l));
    int64_t small = 0, middle = 0;
    for (int64_t i = 0; i < l.count; i++) {
        assert_in_range(l.length[i], 1, 9323168);
        small += l.length[i] <= 32;
        middle += l.length[i] <= 256;
    }
    double n = (double)l.count;
    assert_true(l.count > 5000);
    assert_true((double)small / n > 0.02 && (double)small / n < 0.04);
    assert_true((double)middle / n > 0.46 && (double)middle / n < 0.54);
    attn_lengths_free(&l);
}

static void long_documents_take_three_fifths_of_the_tokens(void **state) {
    struct attn_lengths l = {.ctx = *state};
    must(*state, attn_generate_long_documents(ATTN_CORPUS_PROLONG64K, 1000003, 1, &l));
    int64_t large = 0;
    for (int64_t i = 0; i < l.count; i++) large += l.length[i] >= 8192 ? l.length[i] : 0;
    assert_int_equal(l.total, 1000003);
    assert_true(large >= 590000);
    attn_lengths_free(&l);
}

static void packs_are_full_and_no_document_passes_a_quarter(void **state) {
    enum { PACKS = 20 };
    struct attn_lengths pack[PACKS];
    for (int n = 0; n < PACKS; n++) pack[n] = (struct attn_lengths){.ctx = *state};
    must(*state, attn_generate_packs(65536, PACKS, 5, pack));
    for (int n = 0; n < PACKS; n++) {
        assert_int_equal(pack[n].total, 65536);
        for (int64_t i = 0; i < pack[n].count; i++) assert_in_range(pack[n].length[i], 1, 16384);
        attn_lengths_free(&pack[n]);
    }
}

static void a_pattern_draws_its_documents_from_the_corpus_that_is_asked_for(void **state) {
    struct attn_lengths l = {.ctx = *state};
    char *text = NULL, *other = NULL;
    must(*state, attn_generate_pattern(*state, "causal_document", ATTN_CORPUS_PILE, 200000, 5, &text));
    must(*state, attn_generate_pattern(*state, "causal_document", -1, 200000, 5, &other));
    assert_string_not_equal(text, other); /* by length it is prolong512k */
    attn_free(*state, text);
    must(*state, attn_generate_pattern(*state, "causal_document", ATTN_CORPUS_PROLONG512K, 200000, 5, &text));
    assert_string_equal(text, other);
    attn_free(*state, text);
    attn_free(*state, other);
    assert_int_equal(attn_generate_pattern(*state, "causal_document", ATTN_CORPUS_COUNT, 200000, 5, &text), ATTN_EINVAL);
    assert_int_equal(attn_generate_pattern(*state, "causal_documents", -1, 200000, 5, &text), ATTN_EINVAL);
    assert_int_equal(attn_generate_packs(0, 3, 5, &l), ATTN_EINVAL);
    for (int corpus = 0; corpus < ATTN_CORPUS_COUNT; corpus++)
        assert_int_equal(attn_corpus_find(attn_corpus_name((enum attn_corpus)corpus)), corpus);
    assert_int_equal(attn_corpus_find("heap"), -1);
}

static void every_pattern_of_the_benchmark_parses_and_compiles(void **state) {
    for (int n = 0; n < ATTN_PATTERN_COUNT; n++)
        for (int64_t total = 1; total < 70000; total = total * 6 + 1) {
            char *text = NULL, canonical[64];
            attn_mask *mask, *compiled;
            must(*state, attn_generate_pattern(*state, attn_generate_pattern_names[n], -1, total, 42 + (uint64_t)total, &text));
            must(*state, attn_mask_parse(*state, text, &mask));
            must(*state, attn_mask_compile(*state, mask, total, total, &compiled));
            assert_true(attn_mask_area(compiled) >= total);
            assert_int_equal(attn_mask_text(compiled, canonical, sizeof canonical), strlen(text));
            attn_free(*state, text);
            attn_mask_destroy(mask);
            attn_mask_destroy(compiled);
        }
}

static void cuts_of_random_blocks_respect_the_least_size(void **state) {
    int64_t cuts[129], blocks = 128;
    for (uint64_t seed = 0; seed < 20; seed++) {
        must(*state, attn_generate_cuts(*state, 49152, blocks, 128, seed, cuts));
        assert_int_equal(cuts[0], 0);
        assert_int_equal(cuts[blocks], 49152);
        for (int64_t i = 0; i < blocks; i++) assert_true(cuts[i + 1] - cuts[i] >= 128);
    }
    assert_int_equal(attn_generate_cuts(*state, 1000, 11, 100, 1, cuts), ATTN_EINVAL);
    must(*state, attn_generate_cuts(*state, 1000, 10, 100, 1, cuts));
    assert_int_equal(cuts[3], 300);
}

static void block_maps_keep_the_stated_fraction(void **state) {
    const double ratios[] = {0.1, 0.2, 0.5, 0.8, 0.9, 1.0};
    int64_t cuts[65];
    attn_generate_even_cuts(4096, 64, cuts);
    for (size_t n = 0; n < sizeof ratios / sizeof *ratios; n++) {
        attn_mask *mask, *compiled;
        int64_t kept = (int64_t)(ratios[n] * 64.0 + 1e-9), row[130];
        must(*state, attn_generate_block_map(*state, cuts, 64, cuts, 64, ratios[n], n, &mask));
        must(*state, attn_mask_compile(*state, mask, 4096, 4096, &compiled));
        assert_int_equal(attn_mask_area(compiled), kept * 64 * 4096);
        for (int64_t q = 0; q < 4096; q += 64) {
            int64_t keys = 0, count = attn_mask_row(compiled, q, row, 65);
            for (int64_t i = 0; i < count; i++) keys += row[2 * i + 1] - row[2 * i];
            assert_int_equal(keys, kept * 64);
        }
        attn_mask_destroy(mask);
        attn_mask_destroy(compiled);
        must(*state, attn_generate_global_block_map(*state, cuts, 64, cuts, 64, ratios[n], n, &mask));
        must(*state, attn_mask_compile(*state, mask, 4096, 4096, &compiled));
        assert_int_equal(attn_mask_area(compiled), (int64_t)(ratios[n] * 4096.0 + 1e-9) * 4096);
        attn_mask_destroy(mask);
        attn_mask_destroy(compiled);
    }
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
        cmocka_unit_test(documents_have_the_total_and_depend_on_the_seed_alone),
        cmocka_unit_test(shares_are_those_of_the_distribution),
        cmocka_unit_test(long_documents_take_three_fifths_of_the_tokens),
        cmocka_unit_test(packs_are_full_and_no_document_passes_a_quarter),
        cmocka_unit_test(a_pattern_draws_its_documents_from_the_corpus_that_is_asked_for),
        cmocka_unit_test(every_pattern_of_the_benchmark_parses_and_compiles),
        cmocka_unit_test(cuts_of_random_blocks_respect_the_least_size),
        cmocka_unit_test(block_maps_keep_the_stated_fraction),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
