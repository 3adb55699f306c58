/* longctx: what its claims say of context parallelism, beside areas that are counted row by row and volumes that are written out. */
#include "base/context.h"
#include "support/counts.h"
#include "support/failing_memory.h"
#include "system/longctx/ranks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static attn_ctx *one_thread(void) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.threads = 1;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void every_check_reaches_its_bound(void **state) {
    static const struct {
        attn_status (*check)(attn_ctx *ctx, double *value);
        double bound;
    } checks[] = {{attn_ranks_check_zigzag, -1.01},    {attn_ranks_check_contiguous, -1e-3}, {attn_ranks_check_hybrid, -0.5},
                  {attn_ranks_check_documents, -1.01}, {attn_ranks_check_useless, -0.01},    {attn_ranks_check_padding, 0.05},
                  {attn_ranks_check_heads, 1},         {attn_ranks_check_scale, 1},          {attn_ranks_check_volume, 1}};
    attn_ctx *ctx = one_thread();
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        double value = (double)NAN;
        char text[512];
        if (test_thinned() && checks[i].check == attn_ranks_check_volume) continue; /* 700 schedules */
        if (checks[i].check(ctx, &value)) fail_msg("check %zu: %s", i, attn_ctx_error(ctx, text, sizeof text));
        if (!(value >= checks[i].bound)) fail_msg("check %zu: found %.9g, expected %g and more", i, value, checks[i].bound);
    }
    attn_ctx_destroy(ctx);
}

/* Every row is asked for its keys. */
static double balance_by_rows(const struct attn_ranks_case *c, enum attn_sharding sharding, int ranks, double *padding) {
    const struct attn_shard_config config = {.sharding = sharding,
                                             .ring = ranks,
                                             .pieces = 1,
                                             .document = c->document,
                                             .documents = c->documents,
                                             .mask = c->mask,
                                             .mask_len = c->tokens};
    struct attn_shards shards;
    double most = 0, sum = 0;
    assert_int_equal(attn_shards_open(c->ctx, &config, &shards), ATTN_OK);
    int64_t *token = malloc((size_t)shards.places * sizeof *token);
    for (int y = 0; y < ranks; y++) {
        double area = 0;
        attn_shards_tokens(&shards, y, token);
        for (int64_t i = 0; i < shards.places; i++) {
            int64_t interval[2];
            if (token[i] >= 0 && attn_mask_row(c->mask, token[i], interval, 1) > 0) area += (double)(interval[1] - interval[0]);
        }
        most = fmax(most, area);
        sum += area;
    }
    *padding = (double)(shards.places * ranks) / (double)c->tokens;
    free(token);
    attn_shards_close(&shards);
    return most / (sum / ranks);
}

static void balance_and_padding_are_those_of_the_rows(void **state) {
    attn_ctx *ctx = one_thread();
    (void)state;
    for (int documents = ATTN_RANKS_CAUSAL; documents <= ATTN_RANKS_LONG; documents++)
        for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++)
            for (int ranks = 1; ranks <= 7; ranks += 3) {
                struct attn_ranks_case c;
                double balance, padding, wanted;
                assert_int_equal(attn_ranks_case_open(ctx, 3001, (enum attn_ranks_documents)documents, 5, &c), ATTN_OK);
                assert_int_equal(attn_ranks_balance(&c, (enum attn_sharding)sharding, ranks, &balance, &padding), ATTN_OK);
                const double rows = balance_by_rows(&c, (enum attn_sharding)sharding, ranks, &wanted);
                assert_true(fabs(balance / rows - 1) < 1e-12);
                assert_true(padding == wanted);
                attn_ranks_case_close(&c);
            }
    attn_ctx_destroy(ctx);
}

static void volumes_are_those_of_the_formulas_in_figures(void **state) {
    static const struct {
        enum attn_mechanism mechanism;
        int64_t heads, keys, gradients; /* MiB that one of 8 ranks sends backward */
    } cases[] = {{ATTN_CP_ULYSSES, 72 * 7, 0, 0}, {ATTN_CP_RING, 0, 8 * 8 * 7, 8 * 8 * 7}, {ATTN_CP_ALLGATHER, 0, 8 * 8 * 7, 8 * 8 * 7}};
    attn_ctx *ctx = one_thread();
    struct attn_ranks_case c;
    (void)state;
    assert_int_equal(attn_ranks_case_open(ctx, 8 * ATTN_RANKS_TOKENS, ATTN_RANKS_CAUSAL, 0, &c), ATTN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_grid grid;
        struct attn_ranks_sent sent;
        assert_true(attn_ranks_grid(ctx, cases[i].mechanism, 8, &grid));
        assert_int_equal(attn_ranks_count(&c, &grid, 3, &sent), ATTN_OK);
        assert_int_equal(sent.places, ATTN_RANKS_TOKENS);
        assert_int_equal(sent.bytes[1][ATTN_TRAFFIC_HEADS], cases[i].heads << 20);
        assert_int_equal(sent.bytes[1][ATTN_TRAFFIC_KEYS], cases[i].keys << 20);
        assert_int_equal(sent.bytes[1][ATTN_TRAFFIC_GRADIENTS], cases[i].gradients << 20);
        assert_int_equal(sent.bytes[0][ATTN_TRAFFIC_GRADIENTS], 0);
    }
    attn_ranks_case_close(&c);
    attn_ctx_destroy(ctx);
}

static attn_status count_all(attn_ctx *ctx) {
    struct attn_ranks_case c;
    struct attn_grid grid;
    double figure[2];
    attn_status status = attn_ranks_case_open(ctx, 700, ATTN_RANKS_SHORT, 3, &c);
    if (status) return status;
    status = attn_ranks_balance(&c, ATTN_SHARD_MINHEAP, 3, &figure[0], &figure[1]);
    if (!status && attn_ranks_grid(ctx, ATTN_CP_RING, 3, &grid)) status = attn_ranks_total(&c, &grid, figure);
    attn_ranks_case_close(&c);
    return status;
}

static void figures_survive_memory_that_is_refused(void **state) {
    (void)state;
    test_survives(count_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_check_reaches_its_bound),
        cmocka_unit_test(balance_and_padding_are_those_of_the_rows),
        cmocka_unit_test(volumes_are_those_of_the_formulas_in_figures),
        cmocka_unit_test(figures_survive_memory_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
