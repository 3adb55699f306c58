/* A learned query: every kernel against softmax attention in double at every length and kind of score of the specification (aaren, sec.
 * 10.1); the operator's laws; gradients against central differences and at great scores; causality and
 * carried states.
 */
#include "kernel/scan/textbook.h"
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[1024];

static void must(attn_ctx *ctx, attn_status status) {
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

/* One head over n tokens of width d, in float and in double. */
struct scan {
    int64_t n;
    int32_t d;
    attn_dtype dtype;
    const char *kernel;
    bool backward;
    void *q, *k, *v, *o, *lse, *d_o, *d_lse, *dq, *dk, *dv;
    void *state_o, *state_lse, *dstate_o, *dstate_lse, *d_last_o, *d_last_lse; /* NULL: absent */
};

static void execute(attn_ctx *ctx, const struct scan *s) {
    attn_problem p;
    attn_args args;
    attn_gradients g;
    attn_problem_init(&p);
    attn_args_init(&args);
    attn_gradients_init(&g);
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.dtype = s->dtype;
    p.kernel = s->kernel;
    p.heads = 1;
    p.dim = s->d;
    p.q_len = s->n;
    p.scale = 1.0;
    p.features = s->backward ? ATTN_BACKWARD : 0;
    args.q.data = s->q;
    args.k.data = s->k;
    args.v.data = s->v;
    args.o.data = s->o;
    args.lse.data = s->lse;
    args.state_o.data = s->state_o;
    args.state_lse.data = s->state_lse;
    g.d_o.data = s->d_o;
    g.d_lse.data = s->d_lse;
    g.dq.data = s->dq;
    g.dk.data = s->dk;
    g.dv.data = s->dv;
    g.dstate_o.data = s->dstate_o;
    g.dstate_lse.data = s->dstate_lse;
    g.d_last_o.data = s->d_last_o;
    g.d_last_lse.data = s->d_last_lse;
    must(ctx, attn_run(ctx, &p, &args, s->backward ? &g : NULL));
}

/* ------------------------------------------------------------------------------------------------ forward */

enum scores { NORMAL, NORMAL_100, EQUAL, RISING, FALLING, SPIKE_FIRST, SPIKE_LAST, LOW, GIANT, EXTREME, SCORES };
static const char *const score_names[SCORES] = {"N(0,1)",         "N(0,100)",     "equal",    "rising",      "falling",
                                                "spike at start", "spike at end", "all -1e4", "1e30 N(0,1)", "-3e38, 0, 3e38"};

static float score_of(enum scores kind, int64_t i, int64_t n, struct attn_random *r) {
    const float normal = (float)attn_random_normal(r);
    switch (kind) {
    case NORMAL:
        return normal;
    case NORMAL_100:
        return 10.0f * normal;
    case EQUAL:
        return 0.75f;
    case RISING:
        return 0.015625f * (float)i;
    case FALLING:
        return -0.015625f * (float)i;
    case SPIKE_FIRST:
        return i == 0 ? 1e4f : normal;
    case SPIKE_LAST:
        return i == n - 1 ? 1e4f : normal;
    case GIANT:
        return 1e30f * normal;
    case EXTREME:
        return 3e38f * (float)(i % 3 - 1);
    case LOW:
    case SCORES:
        break;
    }
    return -1e4f;
}

/* Scores that are exact: the query is the first unit vector, and the first column of k the score. */
static void make_scores(struct attn_random *r, enum scores kind, int64_t n, int32_t d, float *q, float *k, float *v) {
    memset(q, 0, (size_t)d * sizeof *q);
    q[0] = 1.0f;
    attn_random_fill_normal(r, k, n * d, 1.0f);
    attn_random_fill_normal(r, v, n * d, 1.0f);
    for (int64_t i = 0; i < n; i++) k[i * d] = score_of(kind, i, n, r);
}

/* Row i of softmax attention over the keys up to i, two passes in double. */
static void direct_row(int64_t i, int32_t d, const float *k, const float *v, double *o, double *lse) {
    double high = -(double)INFINITY, sum = 0.0;
    for (int64_t j = 0; j <= i; j++) high = fmax(high, (double)k[j * d]);
    memset(o, 0, (size_t)d * sizeof *o);
    for (int64_t j = 0; j <= i; j++) {
        const double p = exp((double)k[j * d] - high);
        sum += p;
        for (int32_t c = 0; c < d; c++) o[c] += p * (double)v[j * d + c];
    }
    for (int32_t c = 0; c < d; c++) o[c] /= sum;
    *lse = high + log(sum);
}

/* The greatest length whose rows are all checked, and which the quadratic kernel runs at too. */
static int64_t all_rows(void) {
    return getenv("ATTN_TEST_LONG") ? INT64_MAX : getenv("ATTN_TEST_QUICK") ? 64 : 1000;
}

/* Longer sequences are sampled: their beginning, their end, and every 61st row. */
static bool is_checked(int64_t i, int64_t n) {
    return n <= all_rows() || i < 40 || i >= n - 40 || i % 61 == 0;
}

/* O and LSE of the rows that are checked, for all kernels. */
static void direct_rows(int64_t n, int32_t d, const float *k, const float *v, double *o, double *lse) {
    for (int64_t t = 0; t < n; t++)
        if (is_checked(t, n)) direct_row(t, d, k, v, o + t * d, lse + t);
}

static void check_rows(const char *kernel, enum scores kind, const struct scan *s, const double *want, const double *want_lse) {
    const bool exact = s->dtype == ATTN_F64;
    double worst = 0.0, most = 0.0;
    for (int64_t t = 0; t < s->n; t++) {
        if (!is_checked(t, s->n)) continue;
        /* A rounding a row; 4096 of them are a walk of 64, and as many in one direction are what rising scores leave of the past. */
        const double walk = 6e-8 * fmin(1.0 + (double)t, 64.0);
        const double got_lse = exact ? ((double *)s->lse)[t] : (double)((float *)s->lse)[t];
        if (!test_near(got_lse, want_lse[t], exact ? 1e-13 : 3e-7, exact ? 1e-13 : walk)) fail_msg("LSE of row %lld", (long long)t);
        for (int64_t c = t * s->d; c < (t + 1) * s->d; c++) {
            const double got = exact ? ((double *)s->o)[c] : (double)((float *)s->o)[c];
            if (isnan(got)) fail_msg("row %lld is NaN", (long long)t);
            worst = fmax(worst, fabs(got - want[c]));
            most = fmax(most, fabs(want[c]));
        }
    }
    if (!(worst <= (exact ? 1e-12 : 1e-5) * most))
        fail_msg("%s, %s, n %lld, d %d: error %g of %g", kernel, score_names[kind], (long long)s->n, s->d, worst, most);
}

static void check_scores(struct test_scan *scans, int count, attn_ctx *ctx, enum scores kind, int64_t n, int32_t d) {
    struct attn_random r;
    const size_t row = (size_t)d * sizeof(float), all = (size_t)n * row;
    const bool quadratic = n <= all_rows();
    float *q = malloc(row), *k = malloc(all), *v = malloc(all), *o = malloc(all), *lse = malloc((size_t)n * sizeof *lse);
    double *wide = malloc(2 * row + 8 * all), *wide_lse = malloc((size_t)(2 * n) * sizeof *wide_lse);
    double *wq = wide, *wk = wq + d, *wv = wk + n * d, *wo = wv + n * d, *want = wo + n * d, *want_lse = wide_lse + n;
    attn_random_init(&r, (uint64_t)n * 100 + (uint64_t)d);
    make_scores(&r, kind, n, d, q, k, v);
    direct_rows(n, d, k, v, want, want_lse);
    for (int i = 0; i < count; i++) {
        const struct scan s = {.n = n, .d = d, .q = q, .k = k, .v = v, .o = o, .lse = lse, .kernel = test_full_name(scans[i].kernel)};
        if (!quadratic && strcmp(scans[i].kernel->name, "naive") == 0) continue;
        execute(scans[i].ctx, &s);
        check_rows(s.kernel, kind, &s, want, want_lse);
    }
    for (int64_t c = 0; c < d; c++) wq[c] = (double)q[c];
    for (int64_t c = 0; c < n * d; c++) wk[c] = (double)k[c];
    for (int64_t c = 0; c < n * d; c++) wv[c] = (double)v[c];
    const struct scan exact = {.n = n, .d = d, .dtype = ATTN_F64, .q = wq, .k = wk, .v = wv, .o = wo, .lse = wide_lse, .kernel = "naive"};
    if (quadratic) {
        execute(ctx, &exact);
        check_rows("naive in double", kind, &exact, want, want_lse);
    }
    free(q), free(k), free(v), free(o), free(lse), free(wide), free(wide_lse);
}

static void every_kernel_is_softmax_attention_over_the_prefixes(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 5, 17, 64, 1000, 4096};
    static const int32_t widths[] = {1, 8, 64};
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    attn_ctx *ctx = test_context(2);
    for (int n = 0; n < 8; n++)
        for (int d = 0; d < 3; d++)
            for (int kind = 0; kind < SCORES; kind++) check_scores(scans, count, ctx, (enum scores)kind, lengths[n], widths[d]);
    attn_ctx_destroy(ctx);
    test_scans_close(scans, count);
}

/* ----------------------------------------------------------------------------------------------- operator */

enum { WIDTH = 5, ELEMENT = WIDTH + ATTN_SCAN_W };

static void random_element(struct attn_random *r, float *x) {
    attn_random_fill_normal(r, x, ELEMENT, 1.0f);
    x[ATTN_SCAN_M] *= 20.0f;
    x[ATTN_SCAN_U] = 1.0f + 9.0f * fabsf(x[ATTN_SCAN_U]);
    if (attn_random_below(r, 8) == 0) attn_scan_identity(WIDTH, x);
}

static void the_operator_is_associative_and_has_an_identity(void **state) {
    (void)state;
    struct attn_random r;
    attn_random_init(&r, 6);
    for (int round = 0; round < 2000; round++) {
        float a[ELEMENT], b[ELEMENT], c[ELEMENT], left[ELEMENT], right[ELEMENT], none[ELEMENT];
        random_element(&r, a);
        random_element(&r, b);
        random_element(&r, c);
        attn_scan_combine(WIDTH, a, b, left);
        attn_scan_combine(WIDTH, left, c, left);
        attn_scan_combine(WIDTH, b, c, right);
        attn_scan_combine(WIDTH, a, right, right);
        assert_true(left[ATTN_SCAN_M] == right[ATTN_SCAN_M]);
        const double size = 30.0; /* of u and w: three elements of up to some tens, a few roundings each */
        for (int e = ATTN_SCAN_U; e < ELEMENT; e++) assert_true(test_near((double)left[e], (double)right[e], 1e-6, 1e-6 * size));
        attn_scan_identity(WIDTH, none);
        attn_scan_combine(WIDTH, a, none, left);
        attn_scan_combine(WIDTH, none, a, right);
        assert_memory_equal(left, a, sizeof a);
        assert_memory_equal(right, a, sizeof a);
    }
}

/* ----------------------------------------------------------------------------------------------- backward */

enum { N = 37, D = 3 };

struct wide {
    double q[D], k[N * D], v[N * D], state_o[D], state_lse[1];
    double o[N * D], lse[N], d_o[N * D], d_lse[N], dq[D], dk[N * D], dv[N * D], dstate_o[D], dstate_lse[1];
    double d_last_o[D], d_last_lse[1];
};

static void run_wide(attn_ctx *ctx, struct wide *w, bool backward) {
    const struct scan s = {.n = N,
                           .d = D,
                           .dtype = ATTN_F64,
                           .kernel = "naive",
                           .backward = backward,
                           .q = w->q,
                           .k = w->k,
                           .v = w->v,
                           .o = w->o,
                           .lse = w->lse,
                           .d_o = w->d_o,
                           .d_lse = w->d_lse,
                           .dq = w->dq,
                           .dk = w->dk,
                           .dv = w->dv,
                           .state_o = w->state_o,
                           .state_lse = w->state_lse,
                           .dstate_o = w->dstate_o,
                           .dstate_lse = w->dstate_lse,
                           .d_last_o = w->d_last_o,
                           .d_last_lse = w->d_last_lse};
    execute(ctx, &s);
}

static double loss_of(attn_ctx *ctx, struct wide *w) {
    double loss = 0.0;
    run_wide(ctx, w, false);
    for (int i = 0; i < N * D; i++) loss += w->d_o[i] * w->o[i];
    for (int i = 0; i < N; i++) loss += w->d_lse[i] * w->lse[i];
    for (int i = 0; i < D; i++) loss += w->d_last_o[i] * w->o[(N - 1) * D + i];
    return loss + w->d_last_lse[0] * w->lse[N - 1];
}

/* `size`: of what a step is multiplied by where it moves a score: of a key's, the query. */
static void check_differences(attn_ctx *ctx, struct wide *w, double *x, const double *gradient, int count, double size) {
    double most = 0.0;
    for (int i = 0; i < count; i++) most = fmax(most, fabs(gradient[i]));
    for (int i = 0; i < count; i++) {
        const double old = x[i], step = 1e-5 / size;
        x[i] = old + step;
        const double high = loss_of(ctx, w);
        x[i] = old - step;
        const double low = loss_of(ctx, w);
        x[i] = old;
        assert_true(isfinite(gradient[i]) && test_near(gradient[i], (high - low) / (2.0 * step), 1e-6, 1e-6 * fmax(most, 1.0)));
    }
}

static void gradients_of_the_double_kernel_are_central_differences(void **state) {
    (void)state;
    static struct wide w, g;
    static const double sizes[] = {1, 3, 5, 7, 150};
    attn_ctx *ctx = test_context(1);
    struct attn_random r;
    attn_random_init(&r, 8);
    for (int round = 0; round < 5; round++) { /* scores up to some hundreds */
        double *const inputs[] = {w.q, w.k, w.v, w.state_o, w.state_lse, w.d_o, w.d_lse, w.d_last_o, w.d_last_lse};
        const int counts[] = {D, N * D, N * D, D, 1, N * D, N, D, 1};
        for (int n = 0; n < 9; n++)
            for (int i = 0; i < counts[n]; i++) inputs[n][i] = attn_random_normal(&r) * (n == 0 ? sizes[round] : 1.0);
        run_wide(ctx, &w, true);
        g = w;
        check_differences(ctx, &w, w.q, g.dq, D, 1.0);
        check_differences(ctx, &w, w.k, g.dk, N * D, sizes[round]);
        check_differences(ctx, &w, w.v, g.dv, N * D, 1.0);
        check_differences(ctx, &w, w.state_o, g.dstate_o, D, 1.0);
        check_differences(ctx, &w, w.state_lse, g.dstate_lse, 1, 1.0);
    }
    attn_ctx_destroy(ctx);
}

enum { LONG_N = 700, LONG_D = 16 };

struct narrow {
    float q[LONG_D], k[LONG_N * LONG_D], v[LONG_N * LONG_D], o[LONG_N * LONG_D], lse[LONG_N], d_o[LONG_N * LONG_D];
    float dq[LONG_D], dk[LONG_N * LONG_D], dv[LONG_N * LONG_D];
};

static void run_narrow(attn_ctx *ctx, const char *kernel, struct narrow *w) {
    const struct scan s = {.n = LONG_N,
                           .d = LONG_D,
                           .kernel = kernel,
                           .backward = true,
                           .q = w->q,
                           .k = w->k,
                           .v = w->v,
                           .o = w->o,
                           .lse = w->lse,
                           .d_o = w->d_o,
                           .dq = w->dq,
                           .dk = w->dk,
                           .dv = w->dv};
    execute(ctx, &s);
}

static double worst_of(int64_t n, const float *got, const double *want, double *most) {
    double worst = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double error = fabs((double)got[i] - want[i]);
        worst = isfinite(error) ? fmax(worst, error) : (double)INFINITY;
        *most = fmax(*most, fabs(want[i]));
    }
    return worst;
}

/* Against the masked backward pass of all pairs in double, at scores up to `size` either way. */
static void check_gradients(float size) {
    static struct narrow w, plain, got;
    static double q[LONG_D], k[LONG_N * LONG_D], v[LONG_N * LONG_D], o[LONG_N * LONG_D], lse[LONG_N], d_o[LONG_N * LONG_D], dq[LONG_D],
        dk[LONG_N * LONG_D], dv[LONG_N * LONG_D];
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    struct attn_random r;
    attn_random_init(&r, 15);
    make_scores(&r, NORMAL, LONG_N, LONG_D, w.q, w.k, w.v);
    for (int i = 0; i < LONG_N; i++) w.k[i * LONG_D] = size * (float)(2.0 * attn_random_uniform(&r) - 1.0);
    for (int i = 100; i < 140 && size <= 500.0f; i++) w.k[i * LONG_D] = 499.0f + (float)(i % 7) * 0.125f; /* many of great weight */
    attn_random_fill_normal(&r, w.d_o, LONG_N * LONG_D, 1.0f);
    for (int i = 0; i < LONG_N * LONG_D; i++) k[i] = (double)w.k[i], v[i] = (double)w.v[i], d_o[i] = (double)w.d_o[i];
    for (int i = 0; i < LONG_D; i++) q[i] = (double)w.q[i];
    const struct scan exact = {.n = LONG_N,
                               .d = LONG_D,
                               .dtype = ATTN_F64,
                               .kernel = "naive",
                               .backward = true,
                               .q = q,
                               .k = k,
                               .v = v,
                               .o = o,
                               .lse = lse,
                               .d_o = d_o,
                               .dq = dq,
                               .dk = dk,
                               .dv = dv};
    execute(scans[0].ctx, &exact);
    plain = w;
    run_narrow(scans[0].ctx, "naive", &plain);
    for (int i = 0; i < count; i++) {
        got = w;
        run_narrow(scans[i].ctx, test_full_name(scans[i].kernel), &got);
        const float *const ours[] = {got.dq, got.dk, got.dv}, *const theirs[] = {plain.dq, plain.dk, plain.dv};
        const double *const wanted[] = {dq, dk, dv};
        const int64_t counts[] = {LONG_D, LONG_N * LONG_D, LONG_N * LONG_D};
        /* ds = p (G . v - D), which goes into dq times k and into dk times q, may be 0, and is rounded as the products of G . v are. */
        const double products = LONG_D * test_max_abs(counts[2], dv) * test_max_abs(counts[2], v), lost[] = {(double)size, 1.0, 0.0};
        for (int n = 0; n < 3; n++) {
            double most = 0.0;
            const double error = worst_of(counts[n], ours[n], wanted[n], &most), bound = worst_of(counts[n], theirs[n], wanted[n], &most);
            const double weights = 500.0 * most; /* a weight comes back from an LSE of 500, rounded by 3e-5 */
            if (!(error <= 2.0 * bound + 1e-6 * weights + 1e-7 * lost[n] * products))
                fail_msg("%s %s: gradient %d is off by %g of %g, plain single precision by %g", scans[i].kernel->name, scans[i].kernel->isa,
                         n, error, most, bound);
        }
    }
    test_scans_close(scans, count);
}

static void gradients_at_great_scores_are_those_of_all_pairs(void **state) {
    (void)state;
    check_gradients(500.0f);
    check_gradients(1e30f);
}

/* ------------------------------------------------------------------------------------------------- prefix */

static void no_later_token_changes_a_bit_of_an_earlier_row(void **state) {
    (void)state;
    static struct narrow w, before, after;
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    struct attn_random r;
    attn_random_init(&r, 31);
    make_scores(&r, NORMAL, LONG_N, LONG_D, w.q, w.k, w.v);
    attn_random_fill_normal(&r, w.d_o, LONG_N * LONG_D, 1.0f);
    for (int i = 0; i < count; i++) {
        before = w;
        run_narrow(scans[i].ctx, test_full_name(scans[i].kernel), &before);
        for (int cut = 1; cut < LONG_N; cut += getenv("ATTN_TEST_QUICK") ? 233 : 37) {
            after = w;
            for (int t = cut; t < LONG_N; t++)
                for (int c = 0; c < LONG_D; c++) after.k[t * LONG_D + c] = after.v[t * LONG_D + c] = t % 2 ? NAN : 1e30f;
            run_narrow(scans[i].ctx, test_full_name(scans[i].kernel), &after);
            assert_memory_equal(after.o, before.o, (size_t)cut * LONG_D * sizeof(float));
            assert_memory_equal(after.lse, before.lse, (size_t)cut * sizeof(float));
        }
    }
    test_scans_close(scans, count);
}

/* A sequence in two pieces: O and LSE of the first one's last row are the state of the second, whose gradients of the state are more gradient
 * of that row: given as such, or, at every other cut, added to its dO and dLSE. */
static void two_pieces_with_a_carried_state_are_the_whole(void **state) {
    (void)state;
    static struct narrow w, got;
    static float d_o[LONG_N * LONG_D], d_lse[LONG_N], dstate_o[LONG_D], dstate_lse, dq[LONG_D];
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_LEARNED_QUERY, ATTN_F32, scans);
    struct attn_random r;
    attn_random_init(&r, 32);
    make_scores(&r, NORMAL, LONG_N, LONG_D, w.q, w.k, w.v);
    attn_random_fill_normal(&r, w.d_o, LONG_N * LONG_D, 1.0f);
    for (int i = 0; i < count; i++) {
        run_narrow(scans[i].ctx, test_full_name(scans[i].kernel), &w);
        for (int64_t cut = 1; cut < LONG_N; cut += 233) {
            const int64_t at = cut * LONG_D, last = at - LONG_D;
            got = w;
            memset(got.o, 0, sizeof got.o);
            memcpy(d_o, w.d_o, sizeof d_o);
            memset(d_lse, 0, sizeof d_lse);
            struct scan first = {.n = cut,
                                 .d = LONG_D,
                                 .kernel = test_full_name(scans[i].kernel),
                                 .q = got.q,
                                 .k = got.k,
                                 .v = got.v,
                                 .o = got.o,
                                 .lse = got.lse,
                                 .d_o = d_o,
                                 .d_lse = d_lse,
                                 .dq = dq,
                                 .dk = got.dk,
                                 .dv = got.dv};
            const struct scan second = {.n = LONG_N - cut,
                                        .d = LONG_D,
                                        .kernel = first.kernel,
                                        .backward = true,
                                        .q = got.q,
                                        .k = got.k + at,
                                        .v = got.v + at,
                                        .o = got.o + at,
                                        .lse = got.lse + cut,
                                        .d_o = d_o + at,
                                        .dq = got.dq,
                                        .dk = got.dk + at,
                                        .dv = got.dv + at,
                                        .state_o = got.o + last,
                                        .state_lse = got.lse + cut - 1,
                                        .dstate_o = dstate_o,
                                        .dstate_lse = &dstate_lse};
            execute(scans[i].ctx, &first);
            execute(scans[i].ctx, &second);
            if (cut % 2) {
                first.d_last_o = dstate_o;
                first.d_last_lse = &dstate_lse;
            } else {
                for (int c = 0; c < LONG_D; c++) d_o[last + c] += dstate_o[c];
                d_lse[cut - 1] += dstate_lse;
            }
            first.backward = true;
            execute(scans[i].ctx, &first);
            for (int c = 0; c < LONG_D; c++) got.dq[c] += dq[c];
            const struct {
                const float *got, *want;
                int64_t count;
            } arrays[] = {{got.o, w.o, LONG_N * LONG_D},
                          {got.lse, w.lse, LONG_N},
                          {got.dq, w.dq, LONG_D},
                          {got.dk, w.dk, LONG_N * LONG_D},
                          {got.dv, w.dv, LONG_N * LONG_D}};
            for (int n = 0; n < 5; n++) {
                double most = 0.0;
                for (int64_t e = 0; e < arrays[n].count; e++) most = fmax(most, fabs((double)arrays[n].want[e]));
                /* Both are sums in single precision of up to 700 terms. */
                for (int64_t e = 0; e < arrays[n].count; e++)
                    if (!test_near((double)arrays[n].got[e], (double)arrays[n].want[e], 0.0, 5e-5 * most))
                        fail_msg("%s, cut %lld, array %d: %g, expected %g of %g", first.kernel, (long long)cut, n, (double)arrays[n].got[e],
                                 (double)arrays[n].want[e], most);
            }
        }
    }
    test_scans_close(scans, count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_softmax_attention_over_the_prefixes),
        cmocka_unit_test(the_operator_is_associative_and_has_an_identity),
        cmocka_unit_test(gradients_of_the_double_kernel_are_central_differences),
        cmocka_unit_test(gradients_at_great_scores_are_those_of_all_pairs),
        cmocka_unit_test(no_later_token_changes_a_bit_of_an_earlier_row),
        cmocka_unit_test(two_pieces_with_a_carried_state_are_the_whole),
    };
    return cmocka_run_group_tests_name("kernel: scan, oracles", tests, NULL, NULL);
}
