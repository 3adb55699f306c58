/* Losses by slice and by bin, and the share of a gap, against numbers computed by hand. */
#include "system/zoology/losses.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NEW = ATTN_SLICE_NEW, TOKENS = 8 };

static void expect_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

/* Hits at a threshold of 3: tokens 1, 3 and 6. */
static int32_t seen[TOKENS] = {NEW, 3, NEW, 0, 4, 70, 1, NEW};
static double loss[TOKENS] = {1, 2, 4, 8, 16, 32, 64, 128};
static const struct attn_losses losses = {loss, seen, TOKENS};

static void a_token_is_a_hit_where_its_pair_repeats_and_was_seen_at_most_threshold_times(void **state) {
    (void)state;
    const struct attn_slice_sums sums = attn_losses_slices(&losses, 3), none = attn_losses_slices(&losses, -1);
    assert_int_equal(sums.tokens[ATTN_HITS], 3);
    assert_int_equal(sums.tokens[ATTN_OTHER], 5);
    assert_true(sums.loss[ATTN_HITS] == 2 + 8 + 64);
    assert_true(sums.loss[ATTN_OTHER] == 1 + 4 + 16 + 32 + 128);
    assert_int_equal(none.tokens[ATTN_HITS], 0);
}

static void the_threshold_is_the_least_that_reaches_the_wanted_share(void **state) {
    static const struct {
        double wanted;
        int64_t threshold;
    } cases[] = {{0.01, 1}, {0.125, 1}, {0.25, 1}, {0.26, 3}, {0.375, 3}, {0.5, 4}, {0.625, 70}, {0.9, 70}};
    int32_t fresh[TOKENS];
    attn_ctx *ctx;
    int64_t threshold;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(attn_losses_threshold(ctx, &losses, cases[i].wanted, &threshold), ATTN_OK);
        assert_int_equal(threshold, cases[i].threshold);
    }
    for (int i = 0; i < TOKENS; i++) fresh[i] = NEW;
    assert_int_equal(attn_losses_threshold(ctx, &(struct attn_losses){loss, fresh, TOKENS}, 0.5, &threshold), ATTN_OK);
    assert_int_equal(threshold, 1);
    attn_ctx_destroy(ctx);
}

/* 25 hits that are 0.8 worse each, and 75 others that are 0.4: 20 of 50. */
static void the_share_of_the_gap_is_what_hits_make_of_the_summed_difference(void **state) {
    const struct attn_slice_sums model = {{75 * 2.4, 25 * 1.8}, {75, 25}}, against = {{75 * 2.0, 25 * 1.0}, {75, 25}};
    (void)state;
    const struct attn_gap gap = attn_gap_of(&model, &against);
    expect_near(gap.slice[ATTN_HITS], 0.8);
    expect_near(gap.slice[ATTN_OTHER], 0.4);
    expect_near(gap.overall, 0.5);
    expect_near(gap.share, 0.4);
}

/* Table 1 of the paper, 158M Hyena beside attention: losses of 1.61 and 0.77 on 6.4% of the tokens, and 2.45 and 2.40 overall give 107.5%. */
static void a_model_that_is_better_on_other_tokens_owes_more_than_its_gap_to_hits(void **state) {
    const double hits = 64, other = 936;
    const struct attn_slice_sums model = {{2.45 * 1000 - 1.61 * hits, 1.61 * hits}, {(int64_t)other, (int64_t)hits}},
                                 against = {{2.40 * 1000 - 0.77 * hits, 0.77 * hits}, {(int64_t)other, (int64_t)hits}};
    (void)state;
    const struct attn_gap gap = attn_gap_of(&model, &against);
    expect_near(gap.overall, 0.05);
    assert_true(gap.slice[ATTN_OTHER] < 0);
    assert_true(fabs(gap.share - 1.0752) < 1e-10);
}

static void where_the_model_is_not_worse_there_is_no_share(void **state) {
    const struct attn_slice_sums model = {{10, 10}, {10, 10}}, worse = {{10, 11}, {10, 10}}, empty = {{10, 0}, {10, 0}};
    (void)state;
    assert_true(isnan(attn_gap_of(&model, &model).share));
    assert_true(isnan(attn_gap_of(&model, &worse).share));
    expect_near(attn_gap_of(&model, &worse).overall, -0.05);
    assert_true(isnan(attn_gap_of(&empty, &empty).slice[ATTN_HITS]));
}

static void bins_hold_the_tokens_whose_pairs_training_has_seen_as_often(void **state) {
    static const int32_t times[TOKENS] = {0, 3, 1, 0, 4, 70, 1, 1000000};
    static const char *const names[ATTN_LOSS_BINS] = {"0", "1-3", "4-15", "16-63", "64-255", "256-1023", "1024-4095", "4096-"};
    static const struct attn_loss_sum repeated[ATTN_LOSS_BINS] = {{8, 1}, {2 + 64, 2}, {16, 1}, {0, 0}, {32, 1}},
                                      fresh[ATTN_LOSS_BINS] = {{1, 1}, {4, 1}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {128, 1}};
    struct attn_loss_bins bins;
    (void)state;
    attn_losses_bins(&losses, times, &bins);
    assert_int_equal(bins.count, ATTN_LOSS_BINS);
    for (int i = 0; i < ATTN_LOSS_BINS; i++) {
        const struct attn_loss_bin *b = &bins.at[i];
        assert_string_equal(b->name, names[i]);
        assert_true(b->repeated.loss == repeated[i].loss && b->repeated.tokens == repeated[i].tokens);
        assert_true(b->fresh.loss == fresh[i].loss && b->fresh.tokens == fresh[i].tokens);
    }
}

static void a_bin_begins_and_ends_at_powers_of_4(void **state) {
    (void)state;
    for (int bin = 1, low = 1; bin < ATTN_LOSS_BINS; bin++, low *= 4) {
        const int32_t times[2] = {low - 1, low};
        double one[2] = {1, 1};
        int32_t fresh[2] = {NEW, NEW};
        struct attn_loss_bins bins;
        attn_losses_bins(&(struct attn_losses){one, fresh, 2}, times, &bins);
        assert_int_equal(bins.at[bin - 1].fresh.tokens, 1);
        assert_int_equal(bins.at[bin].fresh.tokens, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_a_hit_where_its_pair_repeats_and_was_seen_at_most_threshold_times),
        cmocka_unit_test(the_threshold_is_the_least_that_reaches_the_wanted_share),
        cmocka_unit_test(the_share_of_the_gap_is_what_hits_make_of_the_summed_difference),
        cmocka_unit_test(a_model_that_is_better_on_other_tokens_owes_more_than_its_gap_to_hits),
        cmocka_unit_test(where_the_model_is_not_worse_there_is_no_share),
        cmocka_unit_test(bins_hold_the_tokens_whose_pairs_training_has_seen_as_often),
        cmocka_unit_test(a_bin_begins_and_ends_at_powers_of_4),
    };
    return cmocka_run_group_tests_name("zoology: losses", tests, NULL, NULL);
}
