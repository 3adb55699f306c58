/* Prefix attention over ranks: under `mpirun -n P` every rank makes the same whole problem, computes it alone, as libattn does, and then its own part
 * of it together with the others; the two must agree. A failure on one rank ends all. */
#include "attn_mpi.h"
#include "base/random.h"
#include "support/compare.h"
#include "support/counts.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_RANKS = 16, MOST_BATCH = 3 };
static int rank, ranks;
static char text[1024];

__attribute__((format(printf, 1, 2))) static void stop(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "rank %d of %d: ", rank, ranks);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void must(attn_ctx *ctx, attn_status status) {
    if (status != ATTN_OK) stop("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

/* ----------------------------------------------------------------------------------------------- problems */

/* Scores of the specification (aaren, sec. 10.1). */
enum scores { NORMAL, NORMAL_100, EQUAL, RISING, FALLING, SPIKE_FIRST, SPIKE_LAST, LOW, GREAT, KINDS };
static const char *const score_names[KINDS] = {"N(0,1)",         "N(0,100)",     "equal",    "rising", "falling",
                                               "spike at start", "spike at end", "all -1e4", "+-500"};

static double score_of(enum scores kind, int64_t i, int64_t n, struct attn_random *r) {
    const double normal = attn_random_normal(r);
    const double scores[KINDS] = {[NORMAL] = normal,
                                  [NORMAL_100] = 10.0 * normal,
                                  [EQUAL] = 0.75,
                                  [RISING] = 0.015625 * (double)i,
                                  [FALLING] = -0.015625 * (double)i,
                                  [SPIKE_FIRST] = i == 0 ? 1e4 : normal,
                                  [SPIKE_LAST] = i == n - 1 ? 1e4 : normal,
                                  [LOW] = -1e4,
                                  [GREAT] = normal < 0.0 ? -500.0 : 500.0};
    return scores[kind];
}

/* The whole problem in double, every number of which is a float; sequences one after the other, [token, head, dim]. */
struct whole {
    int32_t heads, kv_heads, dim, width;
    int64_t batch, tokens;
    int32_t cu[MOST_BATCH + 1];
    int32_t cut[MOST_BATCH][MOST_RANKS + 1]; /* of each sequence: where the ranks' parts begin and end */
    enum scores kind;
    bool each; /* a query and a dq for each sequence */
    double *q, *k, *v, *d_o, *d_lse;
};

/* What comes out, rounded or not. */
struct results {
    double *o, *lse, *dq, *dk, *dv;
};

static double *numbers(int64_t count) {
    return calloc((size_t)(count + 1), sizeof(double));
}

static double *normals(struct attn_random *r, int64_t count) {
    double *x = numbers(count);
    for (int64_t i = 0; i < count; i++) x[i] = (double)(float)attn_random_normal(r);
    return x;
}

static int64_t query_count(const struct whole *w) {
    return (w->each ? w->batch : 1) * w->heads * w->dim;
}

static struct results results_of(const struct whole *w) {
    return (struct results){numbers(w->tokens * w->heads * w->width), numbers(w->tokens * w->heads), numbers(query_count(w)),
                            numbers(w->tokens * w->kv_heads * w->dim), numbers(w->tokens * w->kv_heads * w->width)};
}

static void free_results(struct results *r) {
    free(r->o), free(r->lse), free(r->dq), free(r->dk), free(r->dv);
}

static int ascending(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Anywhere, so that parts are uneven and some are empty. */
static void make_cuts(struct whole *w, struct attn_random *r, bool even) {
    for (int64_t b = 0; b < w->batch; b++) {
        const int64_t length = w->cu[b + 1] - w->cu[b];
        int32_t *cut = w->cut[b];
        for (int n = 0; n <= ranks; n++)
            cut[n] = (int32_t)(even || n % ranks == 0 ? length * n / ranks : (int64_t)attn_random_below(r, (uint64_t)length + 1));
        qsort(cut, (size_t)ranks + 1, sizeof *cut, ascending);
    }
}

/* The query is the first unit vector, so that scores are exact; of normal scores it is anything. */
static void make_whole(struct whole *w, struct attn_random *r, int64_t batch, int64_t longest, enum scores kind) {
    w->batch = batch;
    w->kind = kind;
    w->cu[0] = 0;
    for (int64_t b = 0; b < batch; b++)
        w->cu[b + 1] = w->cu[b] + (int32_t)(batch == 1 ? longest : (int64_t)attn_random_below(r, (uint64_t)longest + 1));
    w->tokens = w->cu[batch];
    w->q = normals(r, query_count(w));
    w->k = normals(r, w->tokens * w->kv_heads * w->dim);
    w->v = normals(r, w->tokens * w->kv_heads * w->width);
    w->d_o = normals(r, w->tokens * w->heads * w->width);
    w->d_lse = normals(r, w->tokens * w->heads);
    for (int64_t i = 0; i < query_count(w) && kind != NORMAL; i++) w->q[i] = i % w->dim == 0 ? 1.0 : 0.0;
    for (int64_t b = 0; b < batch && kind != NORMAL; b++)
        for (int64_t i = w->cu[b]; i < w->cu[b + 1]; i++)
            for (int32_t g = 0; g < w->kv_heads; g++)
                w->k[(i * w->kv_heads + g) * w->dim] = (double)(float)score_of(kind, i - w->cu[b], w->cu[b + 1] - w->cu[b], r);
    make_cuts(w, r, attn_random_below(r, 4) == 0);
}

static void free_whole(struct whole *w) {
    free(w->q), free(w->k), free(w->v), free(w->d_o), free(w->d_lse);
}

/* ---------------------------------------------------------------------------------------------- execution */

/* Tokens [cut[from], cut[to]) of each sequence as arrays of a type and layout. */
struct part {
    attn_dtype type;
    attn_layout layout;
    int64_t length; /* of the longest */
    int32_t lens[MOST_BATCH], cu[MOST_BATCH + 1];
    void *q, *k, *v, *d_o, *d_lse, *o, *lse, *dq, *dk, *dv;
};

static double get(attn_dtype type, const void *data, int64_t at) {
    return type == ATTN_F64 ? ((const double *)data)[at] : (double)((const float *)data)[at];
}
static void put(attn_dtype type, void *data, int64_t at, double value) {
    if (type == ATTN_F64)
        ((double *)data)[at] = value;
    else
        ((float *)data)[at] = (float)value;
}

/* Where row i of sequence b of the part lies, in numbers; rows have `heads` heads of `width`. */
static int64_t place(const struct part *p, int64_t b, int64_t i, int64_t h, int64_t heads, int64_t width) {
    if (p->layout == ATTN_THD) return ((p->cu[b] + i) * heads + h) * width;
    if (p->layout == ATTN_BTHD) return ((b * p->length + i) * heads + h) * width;
    return ((b * heads + h) * p->length + i) * width;
}
static int64_t lse_place(const struct part *p, int64_t b, int64_t i, int64_t h, int64_t heads) {
    if (p->layout == ATTN_THD) return h * p->cu[MOST_BATCH] + p->cu[b] + i;
    return (b * heads + h) * p->length + i;
}

/* Between rows of the whole and of the part: `in` of the whole goes to the part, or the part's to `out`. */
static void move(const struct whole *w, const struct part *p, int n, const double *in, double *out, void *data, int64_t heads,
                 int64_t width, bool lse) {
    for (int64_t b = 0; b < w->batch; b++)
        for (int64_t i = 0; i < p->lens[b]; i++)
            for (int64_t h = 0; h < heads; h++)
                for (int64_t c = 0; c < width; c++) {
                    const int64_t row = w->cu[b] + (n < 0 ? 0 : w->cut[b][n]) + i, at = (row * heads + h) * width + c;
                    const int64_t to = lse ? lse_place(p, b, i, h, heads) : place(p, b, i, h, heads, width) + c;
                    if (in)
                        put(p->type, data, to, in[at]);
                    else
                        out[at] = get(p->type, data, to);
                }
}

/* Rank n's part; n = -1: all. */
static void open_part(const struct whole *w, int n, attn_dtype type, attn_layout layout, struct part *p) {
    *p = (struct part){.type = type, .layout = layout};
    for (int64_t b = 0; b < w->batch; b++) {
        p->lens[b] = n < 0 ? w->cu[b + 1] - w->cu[b] : w->cut[b][n + 1] - w->cut[b][n];
        p->cu[b + 1] = p->cu[b] + p->lens[b];
        p->length = p->lens[b] > p->length ? p->lens[b] : p->length;
    }
    p->cu[MOST_BATCH] = p->cu[w->batch];
    const int64_t rows = w->batch * p->length, h = w->heads, g = w->kv_heads, d = w->dim, e = w->width;
    struct {
        void **to;
        int64_t count;
    } arrays[] = {{&p->q, query_count(w)}, {&p->k, rows * g * d}, {&p->v, rows * g * e}, {&p->d_o, rows * h * e},
                  {&p->d_lse, rows * h},   {&p->o, rows * h * e}, {&p->lse, rows * h},   {&p->dq, query_count(w)},
                  {&p->dk, rows * g * d},  {&p->dv, rows * g * e}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) *arrays[i].to = numbers(arrays[i].count);
    for (int64_t i = 0; i < query_count(w); i++) put(type, p->q, i, w->q[i]);
    move(w, p, n, w->k, NULL, p->k, g, d, false);
    move(w, p, n, w->v, NULL, p->v, g, e, false);
    move(w, p, n, w->d_o, NULL, p->d_o, h, e, false);
    move(w, p, n, w->d_lse, NULL, p->d_lse, h, 1, true);
}

static void close_part(const struct whole *w, int n, struct part *p, struct results *r) {
    const int64_t h = w->heads, g = w->kv_heads, d = w->dim, e = w->width;
    move(w, p, n, NULL, r->o, p->o, h, e, false);
    move(w, p, n, NULL, r->lse, p->lse, h, 1, true);
    move(w, p, n, NULL, r->dk, p->dk, g, d, false);
    move(w, p, n, NULL, r->dv, p->dv, g, e, false);
    for (int64_t i = 0; i < query_count(w); i++) r->dq[i] = get(p->type, p->dq, i);
    free(p->q), free(p->k), free(p->v), free(p->d_o), free(p->d_lse), free(p->o), free(p->lse), free(p->dq), free(p->dk), free(p->dv);
}

static void describe(const struct whole *w, const struct part *p, attn_problem *problem, attn_args *args, attn_gradients *g) {
    attn_problem_init(problem);
    attn_args_init(args);
    attn_gradients_init(g);
    problem->score = ATTN_SCORE_LEARNED_QUERY;
    problem->dtype = p->type;
    problem->layout = p->layout;
    problem->features = ATTN_BACKWARD;
    problem->heads = w->heads;
    problem->kv_heads = w->kv_heads;
    problem->dim = w->dim;
    problem->v_dim = w->width;
    problem->batch = w->batch;
    problem->q_len = p->length;
    problem->scale = w->kind == NORMAL ? 0.5 : 1.0;
    args->q.data = p->q;
    args->k.data = p->k;
    args->v.data = p->v;
    args->o.data = p->o;
    args->lse.data = p->lse;
    g->d_o.data = p->d_o;
    g->d_lse.data = p->d_lse;
    g->dq.data = p->dq;
    g->dk.data = p->dk;
    g->dv.data = p->dv;
    if (p->layout == ATTN_THD)
        args->cu_q = p->cu;
    else
        args->q_lens = p->lens;
    if (!w->each) return;
    const int64_t step[4] = {(int64_t)w->heads * w->dim, w->dim, 0, 1};
    memcpy(args->q.stride, step, sizeof step);
    memcpy(g->dq.stride, step, sizeof step);
}

static void run_alone(attn_ctx *ctx, const struct whole *w, attn_dtype type, struct results *r) {
    struct part p;
    attn_problem problem;
    attn_args args;
    attn_gradients g;
    open_part(w, -1, type, ATTN_BTHD, &p);
    describe(w, &p, &problem, &args, &g);
    must(ctx, attn_run(ctx, &problem, &args, &g));
    close_part(w, -1, &p, r);
}

/* dq is added to what stands there where `add` is not 0. */
static void run_ranks(attn_ctx *ctx, const struct whole *w, attn_dtype type, attn_layout layout, double add, struct results *r) {
    struct part p;
    attn_problem problem;
    attn_args args;
    attn_gradients g;
    attn_mpi_config config;
    attn_mpi_scan *scan;
    attn_mpi_config_init(&config);
    config.deadline = 30.0;
    open_part(w, rank, type, layout, &p);
    describe(w, &p, &problem, &args, &g);
    must(ctx, attn_mpi_scan_create(ctx, &problem, &config, &scan));
    args.workspace_bytes = attn_mpi_scan_workspace(scan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    for (int64_t i = 0; i < query_count(w); i++) put(type, p.dq, i, add);
    if (add != 0.0) args.accumulate = ATTN_ACCUMULATE_DQ;
    must(ctx, attn_mpi_scan_forward(scan, &args));
    must(ctx, attn_mpi_scan_backward(scan, &args, &g));
    attn_mpi_scan_destroy(scan);
    free(args.workspace);
    close_part(w, rank, &p, r);
}

/* --------------------------------------------------------------------------------------------- comparison */

/* Only the rows of this rank are there. */
static double worst_of_rows(const struct whole *w, int64_t numbers_a_row, const double *got, const double *want) {
    double worst = 0.0;
    for (int64_t b = 0; b < w->batch; b++) {
        const int64_t first = (w->cu[b] + w->cut[b][rank]) * numbers_a_row, end = (w->cu[b] + w->cut[b][rank + 1]) * numbers_a_row;
        worst = fmax(worst, test_max_error(end - first, got + first, want + first));
    }
    return worst;
}

/* Against double, beside what one rank makes of it in single precision (NULL: in double too). lost: what a product of an LSE's rounding costs. */
static void check(const struct whole *w, const char *name, int64_t row, int64_t count, const double *got, const double *want,
                  const double *alone, double tolerance, double lost) {
    const double most = test_max_abs(count, want);
    const double error = row ? worst_of_rows(w, row, got, want) : test_max_error(count, got, want);
    const double bound = alone ? 2.0 * test_max_error(count, alone, want) : 0.0;
    if (!(error <= bound + tolerance * most + lost))
        stop("%s, %s, %lld tokens, heads %d:%d, dim %d:%d: off by %g of %g, one rank by %g", name, score_names[w->kind],
             (long long)w->tokens, w->heads, w->kv_heads, w->dim, w->width, error, most, bound / 2.0);
}

static void compare(const struct whole *w, const struct results *got, const struct results *want, const struct results *alone) {
    const int64_t h = w->heads, g = w->kv_heads, d = w->dim, e = w->width, n = w->tokens;
    const double o = alone ? 1e-5 : 1e-12, slack = alone ? 1e-5 : 1e-11;
    /* ds = p (G . v - D) may be 0, and is rounded as the products of G . v are; it goes into dq times k, and into dk times q. */
    const double unit = alone ? 1e-7 : 1e-15, size = test_max_abs(n * g * d, w->k);
    const double products = unit * (double)e * test_max_abs(n * g * e, want->dv) * test_max_abs(n * g * e, w->v);
    check(w, "o", h * e, n * h * e, got->o, want->o, NULL, o, 0.0);
    check(w, "lse", h, n * h, got->lse, want->lse, NULL, alone ? 3e-7 : 1e-13, alone ? 1e-6 : 1e-13);
    check(w, "dv", g * e, n * g * e, got->dv, want->dv, alone ? alone->dv : NULL, slack, 0.0);
    check(w, "dk", g * d, n * g * d, got->dk, want->dk, alone ? alone->dk : NULL, slack, products);
    check(w, "dq", 0, query_count(w), got->dq, want->dq, alone ? alone->dq : NULL, slack, products * size);
}

/* One problem, on this many ranks and one. */
static void check_problem(attn_ctx *ctx, struct whole *w, attn_dtype type, attn_layout layout, double add) {
    struct results got = results_of(w), want = results_of(w), alone = results_of(w);
    run_alone(ctx, w, ATTN_F64, &want);
    if (type == ATTN_F32) run_alone(ctx, w, ATTN_F32, &alone);
    run_ranks(ctx, w, type, layout, add, &got);
    for (int64_t i = 0; i < query_count(w); i++) got.dq[i] -= add;
    compare(w, &got, &want, type == ATTN_F32 ? &alone : NULL);
    free_results(&got);
    free_results(&want);
    free_results(&alone);
}

/* ------------------------------------------------------------------------------------------------- tests */

static void every_kind_of_score_is_as_on_one_rank(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 2, 3, 5, 17, 64, 1000};
    static const int32_t widths[] = {1, 8, 64};
    struct attn_random r;
    attn_ctx *ctx = test_context(1);
    attn_random_init(&r, 41);
    for (int n = 0; n < 7; n += test_thinned() ? 3 : 1)
        for (int d = 0; d < 3; d++)
            for (int kind = 0; kind < KINDS; kind++)
                for (int type = 0; type < 2; type++) {
                    struct whole w = {.heads = 1, .kv_heads = 1, .dim = widths[d], .width = widths[d]};
                    if (type == 1 && lengths[n] * widths[d] > 8000) continue; /* all pairs */
                    if (lengths[n] < 64 && widths[d] != 8) continue;
                    make_whole(&w, &r, 1, lengths[n], (enum scores)kind);
                    check_problem(ctx, &w, type ? ATTN_F64 : ATTN_F32, ATTN_BHTD, 0.0);
                    free_whole(&w);
                }
    attn_ctx_destroy(ctx);
}

static void random_shapes_are_as_on_one_rank(void **state) {
    (void)state;
    const int64_t rounds = test_share(60);
    attn_ctx *ctx = test_context(2);
    for (int64_t round = 0; round < rounds; round++) {
        struct attn_random r;
        attn_random_init(&r, 1000 + (uint64_t)round);
        const int32_t group = 1 + (int32_t)attn_random_below(&r, 3), g = 1 + (int32_t)attn_random_below(&r, 3);
        struct whole w = {.heads = g * group,
                          .kv_heads = g,
                          .dim = 1 + (int32_t)attn_random_below(&r, 20),
                          .width = 1 + (int32_t)attn_random_below(&r, 20),
                          .each = attn_random_below(&r, 2)};
        make_whole(&w, &r, 1 + (int64_t)attn_random_below(&r, MOST_BATCH), (int64_t)attn_random_below(&r, 400),
                   (enum scores)attn_random_below(&r, KINDS));
        const attn_dtype type = attn_random_below(&r, 2) ? ATTN_F64 : ATTN_F32;
        const attn_layout layout = (attn_layout)attn_random_below(&r, 3);
        check_problem(ctx, &w, type, layout, attn_random_below(&r, 2) ? 0.0 : 0.25);
        free_whole(&w);
    }
    attn_ctx_destroy(ctx);
}

/* All tokens on one rank, whichever it is. */
static void empty_parts_change_nothing(void **state) {
    (void)state;
    struct attn_random r;
    attn_ctx *ctx = test_context(1);
    attn_random_init(&r, 43);
    for (int full = 0; full < ranks; full++) {
        struct whole w = {.heads = 2, .kv_heads = 2, .dim = 5, .width = 3};
        struct results got, alone;
        make_whole(&w, &r, 2, 300, NORMAL);
        for (int64_t b = 0; b < w.batch; b++)
            for (int n = 0; n <= ranks; n++) w.cut[b][n] = n <= full ? 0 : w.cu[b + 1] - w.cu[b];
        got = results_of(&w);
        alone = results_of(&w);
        run_alone(ctx, &w, ATTN_F32, &alone);
        run_ranks(ctx, &w, ATTN_F32, ATTN_BTHD, 0.0, &got);
        if (rank == full) {
            assert_memory_equal(got.o, alone.o, (size_t)(w.tokens * 6) * sizeof(double));
            assert_memory_equal(got.lse, alone.lse, (size_t)(w.tokens * 2) * sizeof(double));
            assert_memory_equal(got.dv, alone.dv, (size_t)(w.tokens * 6) * sizeof(double));
        }
        assert_memory_equal(got.dq, alone.dq, 10 * sizeof(double));
        free_results(&got);
        free_results(&alone);
        free_whole(&w);
    }
    attn_ctx_destroy(ctx);
}

/* Few heads and many chunks, which threads share; the same bits for any number of threads. */
static void long_parts_have_the_same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    struct attn_random r;
    struct whole w = {.heads = 1, .kv_heads = 1, .dim = 16, .width = 16};
    struct results one, three;
    attn_random_init(&r, 44);
    make_whole(&w, &r, 1, 20000, NORMAL_100);
    one = results_of(&w);
    three = results_of(&w);
    for (int threads = 1; threads <= 3; threads += 2) {
        attn_ctx *ctx = test_context(threads);
        run_ranks(ctx, &w, ATTN_F32, ATTN_BHTD, 0.0, threads == 1 ? &one : &three);
        attn_ctx_destroy(ctx);
    }
    assert_memory_equal(one.o, three.o, (size_t)(w.tokens * 16) * sizeof(double));
    assert_memory_equal(one.dk, three.dk, (size_t)(w.tokens * 16) * sizeof(double));
    assert_memory_equal(one.dv, three.dv, (size_t)(w.tokens * 16) * sizeof(double));
    assert_memory_equal(one.dq, three.dq, 16 * sizeof(double));
    free_results(&one);
    free_results(&three);
    free_whole(&w);
}

int main(int argc, char **argv) {
    int level;
    if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks > MOST_RANKS) stop("at most %d ranks", MOST_RANKS);
    if (rank > 0 && !freopen("/dev/null", "w", stdout)) return 1; /* the first one tells */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_score_is_as_on_one_rank),
        cmocka_unit_test(random_shapes_are_as_on_one_rank),
        cmocka_unit_test(empty_parts_change_nothing),
        cmocka_unit_test(long_parts_have_the_same_bits_for_any_number_of_threads),
    };
    const int failures = cmocka_run_group_tests_name("prefix attention over ranks", tests, NULL, NULL);
    if (failures) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
    return 0;
}
