/* Predictions of context parallelism: volumes against hand-computed numbers and the counters of the executor, areas and balance, times of rings. */
#include "dist/cp/count.h"
#include "dist/cp/predict.h"
#include "dist/cp/schedule.h"
#include "mask/generate.h"
#include "support/failing_memory.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_near(double got, double want, double by) {
    if (!(fabs(got - want) <= by)) fail_msg("found %.17g, expected %.17g", got, want);
}

static attn_problem problem_of(int64_t tokens, int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim) {
    attn_problem p, checked;
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.features = ATTN_BACKWARD;
    p.heads = heads;
    p.kv_heads = kv_heads;
    p.dim = dim;
    p.v_dim = v_dim;
    p.q_len = tokens;
    assert_int_equal(attn_problem_check(test_ctx, &p, &checked), ATTN_OK);
    return checked;
}

static struct attn_grid grid_of(enum attn_mechanism mechanism, int ranks, int32_t heads, int32_t kv_heads, int ulysses, int windows) {
    struct attn_grid grid = {ATTN_CP_HYBRID, 0, 1, ranks, 1, false};
    if (mechanism != ATTN_CP_HYBRID &&
        attn_grid_make(test_ctx, mechanism, ranks, heads, kv_heads, ulysses, windows, mechanism == ATTN_CP_LOONGTRAIN, &grid))
        fail_msg("%s", test_sentence());
    return grid;
}

static attn_mask *compiled(const char *text, int64_t tokens) {
    attn_mask *mask = NULL, *out = NULL;
    if (attn_mask_parse(test_ctx, text, &mask) || attn_mask_compile(test_ctx, mask, tokens, tokens, &out)) fail_msg("%s", test_sentence());
    attn_mask_destroy(mask);
    return out;
}

/* A rank computes 1e12 FLOP/s; messages take no time. */
static struct attn_cp_machine machine_of(void) {
    struct attn_cp_machine m = {.speed = {.flops = 1e12}};
    attn_topology_usual(&m.topology);
    m.topology.latency[0] = m.topology.latency[1] = 0;
    m.topology.bandwidth[0] = m.topology.bandwidth[1] = 1e30;
    return m;
}

static struct attn_cp_prediction predict(const attn_problem *p, const attn_mask *mask, const struct attn_cp_config *config,
                                         const struct attn_cp_machine *machine) {
    struct attn_cp_prediction out;
    if (attn_cp_predict(test_ctx, p, mask, config, machine, &out)) fail_msg("%s", test_sentence());
    return out;
}

/* -------------------------------------------------------------------------------------------------- volumes */

static void volumes_are_the_papers(void **state) {
    const int64_t t = 100, h = 8, g = 2, d = 16, e = 4;
    const attn_problem p = problem_of(400, 8, 2, 16, 16);
    struct attn_cp_volume v;
    struct attn_grid grid = grid_of(ATTN_CP_RING, 4, 8, 2, 0, 0);
    (void)state;
    attn_cp_volume(&p, &grid, true, t, &v);
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_KEYS], 3 * 2 * t * g * d * e);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_KEYS], 3 * 2 * t * g * d * e);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_GRADIENTS], 3 * 2 * t * g * d * 4);
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_HEADS] + v.bytes[1][ATTN_TRAFFIC_HEADS], 0);
    grid = grid_of(ATTN_CP_ULYSSES, 4, 8, 2, 0, 0);
    attn_cp_volume(&p, &grid, true, t, &v); /* two key/value heads are sent twice */
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_HEADS], (2 * t * h + 2 * t * 4) * d * e * 3 / 4);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_HEADS], (2 * t * h + 2 * t * 4) * d * e * 3 / 4);
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_ROWS], t * h * 4 * 3 / 4);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_ROWS], t * h * 4 * 3 / 4);
    attn_cp_volume(&p, &grid, false, t, &v);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_HEADS], (3 * t * h + 4 * t * 4) * d * e * 3 / 4);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_ROWS], 2 * t * h * 4 * 3 / 4);
    grid = grid_of(ATTN_CP_LOONGTRAIN, 24, 8, 2, 2, 3);
    attn_cp_volume(&p, &grid, true, t, &v);
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_KEYS], 3 * 3 * 2 * t * g * d * e);
    assert_int_equal(v.bytes[0][ATTN_TRAFFIC_LONG_KEYS], 2 * 2 * t * g * d * e);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_GRADIENTS], 12 * 2 * t * g * d * 4);
    assert_int_equal(v.bytes[1][ATTN_TRAFFIC_LONG_GRADIENTS], 3 * 2 * t * g * d * 4);
}

/* What the executor sends, over a transport that counts, by rank; its areas add up. */
static void count_ranks(const attn_problem *p, const attn_mask *mask, const struct attn_cp_config *config, int ranks, int64_t sums[2],
                        double *area, struct attn_cp_volume *own) {
    sums[0] = sums[1] = 0;
    *area = 0;
    for (int r = 0; r < ranks; r++) {
        struct attn_transport t;
        struct attn_cp *cp;
        int64_t before = 0;
        attn_count_open(r, ranks, &t);
        if (attn_cp_open(test_ctx, p, mask, config, &t, &cp)) fail_msg("%s", test_sentence());
        for (int pass = 0; pass < 2; pass++) {
            int64_t now = 0;
            const struct attn_traffic *sent = t.sent;
            assert_int_equal(pass ? attn_cp_backward(cp, NULL, NULL) : attn_cp_forward(cp, NULL), ATTN_OK);
            for (int kind = 0; kind < ATTN_TRAFFIC_KINDS; kind++) {
                own->bytes[pass][kind] = sent[kind].bytes - (pass ? own->bytes[0][kind] : 0);
                now += sent[kind].bytes;
            }
            sums[pass] += now - before;
            before = now;
        }
        *area += cp->own_area;
        attn_cp_close(cp);
    }
}

static void counters_equal_the_formulas(void **state) {
    static const int counts[] = {1, 2, 3, 4, 6, 8, 12, 24, 48, 96};
    attn_mask *masks[] = {NULL, compiled("causal", 1999), compiled("causal & document:700,299,1000", 1999)};
    const struct attn_cp_machine machine = machine_of();
    (void)state;
    for (int n = 0; n < 10; n++)
        for (int mechanism = 0; mechanism < ATTN_CP_HYBRID; mechanism++)
            for (int keep = 0; keep < 2; keep++) {
                const attn_problem p = problem_of(1999, 96, 4, 8, 12);
                const attn_mask *mask = masks[(n + mechanism) % 3];
                struct attn_cp_config config = {.sharding = (enum attn_sharding)((n + mechanism) % 3), .keep = keep, .exchanges = 1};
                config.grid = grid_of((enum attn_mechanism)mechanism, counts[n], 96, 4, 0, 0);
                struct attn_cp_volume own = {{{0}}}, formula;
                int64_t sums[2];
                double area;
                count_ranks(&p, mask, &config, counts[n], sums, &area, &own);
                const struct attn_cp_prediction o = predict(&p, mask, &config, &machine);
                attn_cp_volume(&p, &config.grid, keep, o.places, &formula);
                assert_memory_equal(&own, &formula, sizeof own);
                expect_near(o.total_bytes[0], (double)sums[0], 0);
                expect_near(o.total_bytes[1], (double)sums[1], 0);
                expect_near(o.pairs, area, area * 1e-12);
            }
    for (int n = 0; n < 3; n++) attn_mask_destroy(masks[n]);
}

/* -------------------------------------------------------------------------------------------------- balance */

/* Padding depends on the sharding even where one position has all tokens; hybrid has its own. */
static void places_are_those_of_the_executor(void **state) {
    static const enum attn_mechanism mechanisms[] = {ATTN_CP_ULYSSES, ATTN_CP_RING, ATTN_CP_HYBRID};
    const attn_problem p = problem_of(1001, 8, 2, 16, 16);
    const struct attn_cp_machine machine = machine_of();
    (void)state;
    for (int n = 0; n < 3; n++)
        for (int sharding = 0; sharding < ATTN_SHARDINGS; sharding++) {
            const struct attn_cp_config config = {.grid = grid_of(mechanisms[n], 4, 8, 2, 0, 0), .sharding = (enum attn_sharding)sharding};
            struct attn_transport t;
            struct attn_cp *cp;
            attn_count_open(0, 4, &t);
            if (attn_cp_open(test_ctx, &p, NULL, &config, &t, &cp)) fail_msg("%s", test_sentence());
            assert_int_equal(predict(&p, NULL, &config, &machine).places, cp->places);
            attn_cp_close(cp);
        }
}

static void zigzag_balances_causal_and_contiguous_does_not(void **state) {
    static const int counts[] = {2, 8, 16, 32, 64, 96};
    const struct attn_cp_machine machine = machine_of();
    (void)state;
    for (int n = 0; n < 6; n++) {
        const int ranks = counts[n];
        const attn_problem p = problem_of(8192 * (int64_t)ranks, 64, 8, 128, 128);
        attn_mask *causal = compiled("causal", p.q_len);
        struct attn_cp_config config = {.grid = grid_of(ATTN_CP_RING, ranks, 64, 8, 0, 0), .sharding = ATTN_SHARD_ZIGZAG, .keep = true};
        const struct attn_cp_prediction zigzag = predict(&p, causal, &config, &machine);
        assert_true(zigzag.balance <= 1.01);
        expect_near(zigzag.padding, 1, 0);
        if (ranks > 2) expect_near(zigzag.useful, 0.75, 0.01); /* the specification's quarter for nothing */
        config.sharding = ATTN_SHARD_CONTIGUOUS;
        const struct attn_cp_prediction contiguous = predict(&p, causal, &config, &machine);
        expect_near(contiguous.balance, (2.0 * ranks - 1) / ranks, 0.01);
        expect_near(contiguous.useful, 0.5, 0.01);
        expect_near(contiguous.needed, 0.5, 0.01);
        config.sharding = ATTN_SHARD_STRIPE;
        assert_true(predict(&p, causal, &config, &machine).balance <= 1.01);
        attn_mask_destroy(causal);
    }
}

/* -------------------------------------------------------------------------------------------------- seconds */

static void arithmetic_alone_is_pairs_over_rate(void **state) {
    const struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(4096, 16, 16, 64, 64);
    const double all = 4096.0 * 4096 * 16 * 4 * 64 / 1e12;
    (void)state;
    for (int mechanism = 0; mechanism < ATTN_CP_HYBRID; mechanism++) {
        const struct attn_cp_config config = {.grid = grid_of((enum attn_mechanism)mechanism, 16, 16, 16, 0, 0), .keep = true};
        const struct attn_cp_prediction o = predict(&p, NULL, &config, &machine);
        expect_near(o.seconds[0], all / 16, all * 1e-9);
        expect_near(o.seconds[1], 2.5 * all / 16, all * 1e-9);
        expect_near(o.mean_seconds[0], o.seconds[0], all * 1e-9);
        expect_near(o.exposed[0] + o.exposed[1], 0, all * 1e-9);
        expect_near(o.balance, 1, 1e-12);
    }
}

/* A ring whose messages take three times a step's arithmetic: R - 1 messages, then the last step. */
static void slow_links_set_the_pace(void **state) {
    struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(4096, 16, 16, 64, 64);
    const double step = 512.0 * 512 * 16 * 4 * 64 / 1e12, bytes = 512.0 * 16 * 128 * 4;
    struct attn_cp_config config = {.grid = grid_of(ATTN_CP_RING, 8, 16, 16, 0, 0), .keep = true};
    (void)state;
    machine.topology.bandwidth[0] = bytes / (3 * step);
    struct attn_cp_prediction o = predict(&p, NULL, &config, &machine);
    expect_near(o.seconds[0], 7 * 3 * step + step, step * 1e-9);
    expect_near(o.communication[0], 21 * step, step * 1e-9);
    expect_near(o.exposed[0], 14 * step, step * 1e-9);
    config.grid = grid_of(ATTN_CP_ALLGATHER, 8, 16, 16, 0, 0);
    o = predict(&p, NULL, &config, &machine);
    expect_near(o.seconds[0], 21 * step + 7 * step, step * 1e-9); /* own keys meanwhile */
    config.grid = grid_of(ATTN_CP_ULYSSES, 8, 16, 16, 0, 0);
    o = predict(&p, NULL, &config, &machine);
    expect_near(o.exposed[0], o.communication[0], step * 1e-9);
    config.exchanges = 2;
    assert_true(predict(&p, NULL, &config, &machine).exposed[0] < 0.9 * o.exposed[0]);
}

static void nodes_share_their_links(void **state) {
    struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(4096, 16, 16, 64, 64);
    const struct attn_cp_config ring = {.grid = grid_of(ATTN_CP_RING, 16, 16, 16, 0, 0), .keep = true};
    const struct attn_cp_config all = {.grid = grid_of(ATTN_CP_ULYSSES, 16, 16, 16, 0, 0), .keep = true};
    (void)state;
    machine.topology.ranks_per_node = 4;
    machine.topology.links = 1;
    machine.topology.bandwidth[1] = 1e9;
    struct attn_cp_prediction o = predict(&p, NULL, &ring, &machine); /* one rank of a node sends out */
    expect_near(o.long_bytes[0], o.bytes[0], 0);
    expect_near(o.communication[0], 15 * 256.0 * 16 * 128 * 4 / 1e9, 1e-9); /* its link paces all */
    o = predict(&p, NULL, &all, &machine); /* 12 of 15 receivers are elsewhere, and 4 ranks share the link */
    expect_near(o.long_bytes[0], o.bytes[0] * 12 / 15, 1);
    expect_near(o.communication[0], o.long_bytes[0] * 4 / 1e9, 1e-9);
}

static void a_sample_stands_for_all(void **state) {
    struct attn_cp_machine machine = machine_of();
    const int ranks = 4096;
    const attn_problem p = problem_of(64 * ranks, 8, 8, 64, 64);
    attn_mask *causal = compiled("causal", p.q_len);
    struct attn_cp_config config = {.grid = grid_of(ATTN_CP_RING, ranks, 8, 8, 0, 0), .sharding = ATTN_SHARD_ZIGZAG, .keep = true};
    const double pairs = 8 * (double)p.q_len * ((double)p.q_len + 1) / 2, seconds = pairs * 4 * 64 / 1e12 / ranks;
    (void)state;
    struct attn_cp_prediction o = predict(&p, causal, &config, &machine);
    assert_true(o.sampled);
    expect_near(o.pairs, pairs, pairs * 0.01);
    expect_near(o.seconds[0], seconds, seconds * 0.02);
    assert_true(o.balance < 1.01);
    config.sharding = ATTN_SHARD_CONTIGUOUS;
    o = predict(&p, causal, &config, &machine);
    expect_near(o.balance, 2, 0.05);
    config.sharding = ATTN_SHARD_STRIPE;
    o = predict(&p, causal, &config, &machine);
    expect_near(o.seconds[0], seconds, seconds * 0.05);
    attn_mask_destroy(causal);
}

static void memory_that_is_not_there_is_said(void **state) {
    struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(8192, 16, 16, 64, 64);
    const struct attn_cp_config config = {.grid = grid_of(ATTN_CP_ALLGATHER, 8, 16, 16, 0, 0), .keep = true};
    (void)state;
    machine.topology.memory = 1 << 20;
    const struct attn_cp_prediction o = predict(&p, NULL, &config, &machine);
    assert_int_equal(o.status, ATTN_ENOMEM);
    assert_non_null(strstr(o.why, "GiB a rank"));
    assert_true(o.seconds[0] > 0 && o.memory > 7.0 * 1024 * 16 * 128 * 4);
}

/* -------------------------------------------------------------------------------------------------- hybrid */

static void hybrid_counts_as_it_runs_and_moves_less(void **state) {
    static const int counts[] = {2, 5, 8};
    const struct attn_cp_machine machine = machine_of();
    attn_mask *mask = compiled("causal & document:100x9,800,299", 1999);
    struct attn_document *document = NULL;
    int64_t documents = 0;
    (void)state;
    assert_int_equal(attn_mask_documents(test_ctx, mask, 1999, &document, &documents), ATTN_OK);
    assert_int_equal(documents, 11);
    for (int n = 0; n < 3; n++) {
        const attn_problem p = problem_of(1999, 8, 4, 8, 12);
        struct attn_cp_config config = {.grid = grid_of(ATTN_CP_HYBRID, counts[n], 8, 4, 0, 0),
                                        .sharding = ATTN_SHARD_ZIGZAG,
                                        .document = document,
                                        .documents = documents,
                                        .capacity = 128};
        struct attn_cp_volume own = {{{0}}};
        int64_t sums[2];
        double area;
        count_ranks(&p, mask, &config, counts[n], sums, &area, &own);
        const struct attn_cp_prediction o = predict(&p, mask, &config, &machine);
        expect_near(o.total_bytes[0], (double)sums[0], 0);
        expect_near(o.total_bytes[1], (double)sums[1], 0);
        expect_near(o.pairs, area, 0);
        assert_true(o.balance >= 1 && o.padding >= 1 && o.seconds[0] >= o.mean_seconds[0] && o.mean_seconds[0] > 0);
        config.grid = grid_of(ATTN_CP_RING, counts[n], 8, 4, 0, 0);
        assert_true(predict(&p, mask, &config, &machine).total_bytes[0] > o.total_bytes[0]);
    }
    attn_free(test_ctx, document);
    attn_mask_destroy(mask);
}

static void pairs_across_documents_are_refused_by_hybrid(void **state) {
    const struct attn_document document[] = {{0, 1000}, {1000, 999}};
    const struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(1999, 8, 4, 8, 12);
    const struct attn_cp_config config = {.grid = grid_of(ATTN_CP_HYBRID, 4, 8, 4, 0, 0), .document = document, .documents = 2};
    (void)state;
    const struct attn_cp_prediction o = predict(&p, NULL, &config, &machine);
    assert_int_equal(o.status, ATTN_EUNSUPPORTED);
    assert_non_null(strstr(o.why, "cross documents"));
}

/* -------------------------------------------------------------------------------------------------- choosing */

static void choices_come_by_seconds_and_every_mechanism_is_there(void **state) {
    struct attn_cp_machine machine = machine_of();
    const attn_problem p = problem_of(4096, 6, 6, 32, 32);
    attn_mask *mask = compiled("causal & document:2000,2096", 4096);
    struct attn_cp_choice *choice;
    bool met[ATTN_CP_MECHANISMS] = {false};
    double before = 0;
    int count, misfits = 0;
    (void)state;
    machine.topology.bandwidth[0] = 1e9;
    assert_int_equal(attn_cp_choose(test_ctx, &p, mask, 8, &machine, &choice, &count), ATTN_OK);
    for (int i = 0; i < count; i++) {
        const struct attn_cp_prediction *o = &choice[i].prediction;
        met[choice[i].config.grid.mechanism] = true;
        misfits += o->status != ATTN_OK;
        assert_true(o->status == ATTN_OK || o->why[0] != '\0');
        if (o->status) continue;
        assert_int_equal(misfits, 0);
        assert_true(o->seconds[0] + o->seconds[1] >= before);
        before = o->seconds[0] + o->seconds[1];
    }
    for (int m = 0; m < ATTN_CP_MECHANISMS; m++) assert_true(met[m]);
    assert_true(misfits >= 1); /* 8 ranks do not divide 6 heads */
    attn_free(test_ctx, choice);
    attn_mask_destroy(mask);
}

static attn_status choose_once(attn_ctx *ctx) {
    const struct attn_cp_machine machine = machine_of();
    struct attn_cp_choice *choice = NULL;
    attn_mask *mask = NULL, *whole = NULL;
    attn_problem p;
    int count;
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.features = ATTN_BACKWARD;
    p.heads = p.kv_heads = 2;
    p.dim = 8;
    p.q_len = 64;
    attn_status status = attn_mask_parse(ctx, "causal & document:40,24", &mask);
    if (!status) status = attn_mask_compile(ctx, mask, 64, 64, &whole);
    if (!status) status = attn_cp_choose(ctx, &p, whole, 2, &machine, &choice, &count);
    attn_free(ctx, choice);
    attn_mask_destroy(whole);
    attn_mask_destroy(mask);
    return status;
}

static void a_failing_allocator_is_reported_and_leaks_nothing(void **state) {
    (void)state;
    test_survives(choose_once, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_are_the_papers),
        cmocka_unit_test(counters_equal_the_formulas),
        cmocka_unit_test(places_are_those_of_the_executor),
        cmocka_unit_test(zigzag_balances_causal_and_contiguous_does_not),
        cmocka_unit_test(arithmetic_alone_is_pairs_over_rate),
        cmocka_unit_test(slow_links_set_the_pace),
        cmocka_unit_test(nodes_share_their_links),
        cmocka_unit_test(a_sample_stands_for_all),
        cmocka_unit_test(memory_that_is_not_there_is_said),
        cmocka_unit_test(hybrid_counts_as_it_runs_and_moves_less),
        cmocka_unit_test(pairs_across_documents_are_refused_by_hybrid),
        cmocka_unit_test(choices_come_by_seconds_and_every_mechanism_is_there),
        cmocka_unit_test(a_failing_allocator_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
