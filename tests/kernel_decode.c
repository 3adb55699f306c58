/* The decode schedule: against the naive kernel in double on random problems of every feature it has, in guarded memory; stored types and
 * pages to the bit against the same numbers in float32 side by side, and where queries are rounded to bytes, against double on the
 * rounded ones; the same bits for any number of workers; what it lacks, by name.
 */
#include "base/random.h"
#include "kernel/convert/convert.h"
#include "support/compare.h"
#include "support/each_kernel.h"
#include "support/guard.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------------------ random problems */

static bool random_round(attn_ctx *ctx, uint64_t seed, const struct test_options *options) {
    struct test_case c;
    struct test_result exact, plain, got, again;
    test_case_make(&c, ctx, seed, options);
    assert_true(test_run(&c, ATTN_F64, "naive", 1, &exact));
    assert_true(test_run(&c, ATTN_F32, "naive", 1, &plain));
    assert_true(test_run(&c, ATTN_F32, test_best_of(ctx, "decode", ATTN_F32), 1, &got));
    bool good = test_result_bounded(&c, &got, &exact, &plain);
    for (int threads = 2; threads <= 3; threads++) {
        assert_true(test_run(&c, ATTN_F32, test_best_of(ctx, "decode", ATTN_F32), threads, &again));
        good = test_result_same(&got, &again) && good;
        test_result_free(&again);
    }
    test_result_free(&exact);
    test_result_free(&plain);
    test_result_free(&got);
    test_case_free(&c);
    return good;
}

static void random_rounds(attn_ctx *ctx, int64_t rounds, const struct test_options *options) {
    uint64_t seed;
    const int64_t n = test_rounds(rounds, &seed);
    int64_t bad = 0;
    for (int64_t r = 0; r < n; r++) bad += !random_round(ctx, seed + (uint64_t)r, options);
    if (bad) fail_msg("%s: %lld of %lld problems", attn_ctx_isa(ctx), (long long)bad, (long long)n);
}

static void check_small(attn_ctx *ctx, const struct attn_kernel *kernel) {
    (void)kernel;
    struct test_options options;
    test_options_init(&options);
    options.features = ATTN_ALIBI | ATTN_BIAS | ATTN_SINK;
    random_rounds(ctx, 150, &options);
}

/* Several chunks of keys, head sizes of several spans. */
static void check_long(attn_ctx *ctx, const struct attn_kernel *kernel) {
    (void)kernel;
    struct test_options options;
    test_options_init(&options);
    options.features = ATTN_ALIBI | ATTN_SINK;
    options.max_len = 1700;
    options.max_heads = 4;
    options.max_batch = 2;
    options.max_dim = 80;
    random_rounds(ctx, 5, &options);
}

/* ------------------------------------------------------------------------------------------- stored types */

enum { TYPES = 4, SEQUENCES = 3 };
static const attn_dtype types[TYPES] = {ATTN_F32, ATTN_BF16, ATTN_F16, ATTN_Q8_0};

static size_t row_bytes(attn_dtype type, int32_t dim) {
    if (type == ATTN_Q8_0) return (size_t)dim / ATTN_Q8_BLOCK * sizeof(struct attn_q8);
    return (size_t)dim * (type == ATTN_F32 ? 4 : 2);
}

static void encode(attn_dtype type, const float *from, int32_t dim, void *to) {
    if (type == ATTN_F32) memcpy(to, from, (size_t)dim * sizeof *from);
    if (type == ATTN_BF16) attn_convert__portable.bf16_of_f32(from, dim, to);
    if (type == ATTN_F16) attn_convert__portable.f16_of_f32(from, dim, to);
    if (type == ATTN_Q8_0) attn_convert__portable.q8_of_f32(from, dim / ATTN_Q8_BLOCK, to);
}

static void decode(attn_dtype type, const void *from, int32_t dim, float *to) {
    if (type == ATTN_F32) memcpy(to, from, (size_t)dim * sizeof *to);
    if (type == ATTN_BF16) attn_convert__portable.f32_of_bf16(from, dim, to);
    if (type == ATTN_F16) attn_convert__portable.f32_of_f16(from, dim, to);
    if (type == ATTN_Q8_0) attn_convert__portable.f32_of_q8(from, dim / ATTN_Q8_BLOCK, to);
}

/* Rows of keys or values: as stored, side by side, and what they decode to. */
struct stored {
    int32_t dim;
    size_t row;
    unsigned char *bytes; /* [SEQUENCES][heads][keys] rows */
    float *floats;
};

struct trial {
    attn_ctx *ctx;
    struct test_arena arena;
    struct attn_random random;
    attn_problem problem;
    int32_t q_lens[SEQUENCES], kv_lens[SEQUENCES];
    const attn_mask *mask;
    float *q;
    struct stored k, v;
    int64_t outputs; /* elements of O, then of LSE */
};

static struct stored make_stored(struct trial *t, attn_dtype type, int32_t dim) {
    const attn_problem *p = &t->problem;
    const int64_t rows = SEQUENCES * p->kv_heads * p->kv_len;
    struct stored s = {.dim = dim, .row = row_bytes(type, dim)};
    s.bytes = test_guarded(&t->arena, (size_t)rows * s.row, 4);
    s.floats = test_guarded(&t->arena, (size_t)(rows * dim) * sizeof(float), 4);
    float *x = calloc((size_t)dim, sizeof(float));
    for (int64_t r = 0; r < rows; r++) {
        const bool beyond = r % p->kv_len >= t->kv_lens[r / p->kv_len / p->kv_heads];
        attn_random_fill_normal(&t->random, x, dim, 1.0f);
        for (int32_t c = 0; c < dim && beyond; c++) x[c] = NAN;
        encode(type, x, dim, s.bytes + (size_t)r * s.row);
        decode(type, s.bytes + (size_t)r * s.row, dim, s.floats + r * dim);
    }
    free(x);
    return s;
}

static void make_trial(struct trial *t, attn_ctx *ctx, attn_dtype type, uint64_t seed) {
    *t = (struct trial){.ctx = ctx, .arena = {.at_begin = seed % 3 == 0}};
    attn_random_init(&t->random, seed);
    attn_problem *p = &t->problem;
    attn_problem_init(p);
    const int32_t step = type == ATTN_Q8_0 ? 32 : 1;
    p->kv_heads = 1 + (int32_t)attn_random_below(&t->random, 3);
    p->heads = p->kv_heads * (1 + (int32_t)attn_random_below(&t->random, 6));
    p->dim = step * (1 + (int32_t)attn_random_below(&t->random, step == 32 ? 10 : 140));
    p->v_dim = step * (1 + (int32_t)attn_random_below(&t->random, step == 32 ? 10 : 140));
    p->batch = SEQUENCES;
    p->q_len = 1 + (int64_t)attn_random_below(&t->random, 3 * (seed % 4) + 1);
    p->kv_len = 1 + (int64_t)attn_random_below(&t->random, seed % 4 ? 200 : 1500);
    p->layout = seed % 2 ? ATTN_BHTD : ATTN_BTHD;
    for (int b = 0; b < SEQUENCES; b++) {
        t->q_lens[b] = (int32_t)attn_random_between(&t->random, 0, p->q_len);
        t->kv_lens[b] = (int32_t)attn_random_between(&t->random, 0, p->kv_len);
    }
    t->q = test_guarded(&t->arena, (size_t)(SEQUENCES * p->heads * p->q_len * p->dim) * sizeof(float), 4);
    attn_random_fill_normal(&t->random, t->q, SEQUENCES * p->heads * p->q_len * p->dim, 1.0f);
    t->k = make_stored(t, type, p->dim);
    t->v = make_stored(t, type, p->v_dim);
    t->outputs = SEQUENCES * p->heads * p->q_len * (p->v_dim + 1);
}

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

/* Where a row lies: contiguous arrays are [b, h, t] here whatever the layout, by strides. */
static void set_strides(int64_t stride[4], int64_t heads, int64_t tokens, int64_t dim) {
    stride[0] = heads * tokens * dim;
    stride[1] = tokens * dim;
    stride[2] = dim;
    stride[3] = 1;
}

static void fill_args(const struct trial *t, attn_args *args, float *out) {
    const attn_problem *p = &t->problem;
    attn_args_init(args);
    args->q.data = t->q;
    set_strides(args->q.stride, p->heads, p->q_len, p->dim);
    args->q_lens = t->q_lens;
    args->kv_lens = t->kv_lens;
    args->mask = t->mask;
    args->o.data = out;
    set_strides(args->o.stride, p->heads, p->q_len, p->v_dim);
    args->lse.data = out + SEQUENCES * p->heads * p->q_len * p->v_dim;
}

static void set_pool(const struct trial *t, attn_args *args, const void *k, const void *v, int64_t tokens) {
    args->k.data = k;
    args->v.data = v;
    set_strides(args->k.stride, t->problem.kv_heads, tokens, t->k.dim);
    set_strides(args->v.stride, t->problem.kv_heads, tokens, t->v.dim);
}

static float *run(const struct trial *t, attn_dtype type, int32_t block, int threads, const attn_args *args, float *out) {
    attn_problem p = t->problem;
    p.kernel = test_best_of(t->ctx, "decode", ATTN_F32);
    p.threads = threads;
    p.kv_dtype = type;
    p.block_tokens = block;
    must(t->ctx, attn_run(t->ctx, &p, args, NULL));
    return out;
}

static float *new_output(const struct trial *t) {
    return calloc((size_t)t->outputs, sizeof(float));
}

/* A pool in which the blocks of all sequences lie in random order among blocks of garbage; the tail of a last block is garbage too. */
static unsigned char *make_pool(struct trial *t, const struct stored *s, int64_t tokens, int64_t blocks, int64_t most,
                                const int32_t *table) {
    const attn_problem *p = &t->problem;
    const size_t bytes = (size_t)(blocks * p->kv_heads * tokens) * s->row;
    unsigned char *pool = test_guarded(&t->arena, bytes, 4);
    memset(pool, 0xff, bytes); /* NaN in every type */
    for (int64_t b = 0; b < SEQUENCES; b++)
        for (int64_t h = 0; h < p->kv_heads; h++)
            for (int64_t j = 0; j < t->kv_lens[b]; j++) {
                const int64_t block = table[b * most + j / tokens];
                memcpy(pool + (size_t)((block * p->kv_heads + h) * tokens + j % tokens) * s->row,
                       s->bytes + (size_t)((b * p->kv_heads + h) * p->kv_len + j) * s->row, s->row);
            }
    return pool;
}

static void compare(const struct trial *t, const char *what, attn_dtype type, float *got, const float *want) {
    if (memcmp(got, want, (size_t)t->outputs * sizeof(float)) != 0)
        fail_msg("%s, type %d: other bits: heads %d:%d, dims %d %d, lengths %lld %lld", what, (int)type, t->problem.heads,
                 t->problem.kv_heads, t->problem.dim, t->problem.v_dim, (long long)t->problem.q_len, (long long)t->problem.kv_len);
    free(got);
}

/* Block tokens of 1, primes, powers of two; more than there are keys. */
static void check_pages(struct trial *t, attn_dtype type, const float *want) {
    static const int32_t sizes[] = {1, 3, 16, 61, 64, 2000};
    const int32_t tokens = sizes[attn_random_below(&t->random, 6)];
    const int64_t most = (t->problem.kv_len + tokens - 1) / tokens, blocks = SEQUENCES * most + 5;
    int32_t *table = calloc((size_t)(SEQUENCES * most), sizeof(int32_t)), *order = calloc((size_t)blocks, sizeof(int32_t));
    for (int32_t n = 0; n < blocks; n++) {
        const int64_t at = (int64_t)attn_random_below(&t->random, (uint64_t)n + 1);
        order[n] = order[at];
        order[at] = n;
    }
    for (int64_t n = 0; n < SEQUENCES * most; n++) table[n] = order[n];
    for (int64_t b = 0; b < SEQUENCES; b++) /* what is not read may be anything */
        for (int64_t n = (t->kv_lens[b] + tokens - 1) / tokens; n < most; n++) table[b * most + n] = -7;
    attn_args args;
    float *out = new_output(t);
    fill_args(t, &args, out);
    set_pool(t, &args, make_pool(t, &t->k, tokens, blocks, most, table), make_pool(t, &t->v, tokens, blocks, most, table), tokens);
    args.block_table = table;
    args.blocks = blocks;
    compare(t, "paged", type, run(t, type, tokens, 2, &args, out), want);
    free(table);
    free(order);
}

static double *widened(const float *x, int64_t n) {
    double *wide = calloc((size_t)n, sizeof *wide);
    for (int64_t i = 0; i < n; i++) wide[i] = (double)x[i];
    return wide;
}

/* Queries as the kernel takes them with bytes: blocks of 32, scaled to logits in base 2. */
static void round_queries(struct trial *t) {
    const attn_problem *p = &t->problem;
    const float factor = (float)(M_LOG2E / sqrt((double)p->dim));
    for (int64_t n = 0; n < SEQUENCES * p->heads * p->q_len * p->dim; n += ATTN_Q8_BLOCK) {
        float most = 0.0f;
        for (int c = 0; c < ATTN_Q8_BLOCK; c++) most = fmaxf(most, fabsf(factor * t->q[n + c]));
        for (int c = 0; c < ATTN_Q8_BLOCK; c++)
            t->q[n + c] = (float)((double)rintf(factor * t->q[n + c] * (127.0f / most)) * (double)(most / 127.0f) / (double)factor);
    }
}

/* The naive kernel on the numbers that are stored, in float or double. */
static double *naive(const struct trial *t, attn_dtype type) {
    attn_problem p = t->problem;
    attn_args args;
    const int64_t queries = SEQUENCES * p.heads * p.q_len * p.dim, rows = SEQUENCES * p.kv_heads * p.kv_len;
    double *const wide[] = {widened(t->q, queries), widened(t->k.floats, rows * p.dim), widened(t->v.floats, rows * p.v_dim)};
    double *out = calloc((size_t)t->outputs, sizeof *out);
    float *brief = new_output(t);
    p.kernel = "naive";
    p.dtype = type;
    fill_args(t, &args, brief);
    set_pool(t, &args, t->k.floats, t->v.floats, p.kv_len);
    if (type == ATTN_F64) {
        args.q.data = wide[0];
        args.k.data = wide[1];
        args.v.data = wide[2];
        args.o.data = out;
        args.lse.data = out + SEQUENCES * p.heads * p.q_len * p.v_dim;
    }
    must(t->ctx, attn_run(t->ctx, &p, &args, NULL));
    for (int64_t i = 0; i < t->outputs && type == ATTN_F32; i++) out[i] = (double)brief[i];
    for (int i = 0; i < 3; i++) free(wide[i]);
    free(brief);
    return out;
}

/* Stored in bytes, the queries rounded: the project's bound, on the rounded ones. */
static void check_rounded(const struct trial *trial, const float *got) {
    const attn_problem *p = &trial->problem;
    const int64_t o = SEQUENCES * p->heads * p->q_len * p->v_dim, queries = SEQUENCES * p->heads * p->q_len * p->dim;
    struct trial rounded = *trial, *t = &rounded;
    t->q = calloc((size_t)queries, sizeof(float));
    memcpy(t->q, trial->q, (size_t)queries * sizeof(float));
    round_queries(t);
    double *exact = naive(t, ATTN_F64), *plain = naive(t, ATTN_F32), *mine = widened(got, t->outputs);
    if (!test_error_bounded("O", o, mine, exact, plain, 4.0) ||
        !test_error_bounded("LSE", t->outputs - o, mine + o, exact + o, plain + o, 4.0))
        fail_msg("heads %d:%d, dims %d %d, lengths %lld %lld", p->heads, p->kv_heads, p->dim, p->v_dim, (long long)p->q_len,
                 (long long)p->kv_len);
    free(t->q);
    free(exact);
    free(plain);
    free(mine);
}

/* A query that holds a NaN or an infinity makes its own row NaN, and no other. */
static void check_odd_queries(struct trial *t, attn_dtype type, const float *want) {
    const attn_problem *p = &t->problem;
    const int64_t row = (int64_t)attn_random_below(&t->random, (uint64_t)(SEQUENCES * p->heads * p->q_len));
    attn_args args;
    float *got = new_output(t);
    t->q[row * p->dim + (int64_t)attn_random_below(&t->random, (uint64_t)p->dim)] = row % 2 ? NAN : INFINITY;
    fill_args(t, &args, got);
    set_pool(t, &args, t->k.bytes, t->v.bytes, p->kv_len);
    (void)run(t, type, 0, 2, &args, got);
    for (int64_t n = 0; n < SEQUENCES * p->heads * p->q_len; n++)
        for (int64_t c = 0; c < p->v_dim; c++) {
            const float x = got[n * p->v_dim + c], y = want[n * p->v_dim + c];
            if (n != row ? memcmp(&x, &y, sizeof x) != 0 : !isnan(x) && y != 0.0f)
                fail_msg("row %lld of a NaN in %lld: %g, %g without", (long long)n, (long long)row, (double)x, (double)y);
        }
    free(got);
}

static void stored_round(attn_ctx *ctx, attn_dtype type, bool rounded, uint64_t seed) {
    static const char *const masks[] = {NULL, "causal:bottom-right", "sliding_window_causal:40:bottom-right"};
    struct trial t;
    attn_args args;
    attn_mask *mask = NULL;
    make_trial(&t, ctx, type, seed);
    const char *text = masks[seed % 3];
    if (text && strstr(text, "sliding")) must(ctx, attn_mask_band(ctx, -40, 0, ATTN_BOTTOM_RIGHT, &mask));
    if (text && !mask) must(ctx, attn_mask_parse(ctx, text, &mask));
    t.mask = mask;
    float *want = new_output(&t);
    fill_args(&t, &args, want);
    set_pool(&t, &args, rounded ? (void *)t.k.bytes : t.k.floats, rounded ? (void *)t.v.bytes : t.v.floats, t.problem.kv_len);
    (void)run(&t, rounded ? type : ATTN_F32, 0, 1, &args, want);
    for (int threads = 1; threads <= 3; threads++) {
        float *got = new_output(&t);
        fill_args(&t, &args, got);
        set_pool(&t, &args, t.k.bytes, t.v.bytes, t.problem.kv_len);
        compare(&t, "stored", type, run(&t, type, 0, threads, &args, got), want);
    }
    check_pages(&t, type, want);
    if (rounded) check_rounded(&t, want);
    if (rounded) check_odd_queries(&t, type, want);
    free(want);
    attn_mask_destroy(mask);
    test_arena_free(&t.arena);
}

static void check_stored(attn_ctx *ctx, const struct attn_kernel *kernel) {
    (void)kernel;
    uint64_t seed;
    const int64_t rounds = test_rounds(40, &seed);
    for (int64_t n = 0; n < rounds; n++)
        for (int i = 0; i < TYPES; i++) stored_round(ctx, types[i], false, seed + (uint64_t)n);
}

#define ON_EVERY_SET(test, check)                                                                                                          \
    static void test(void **state) {                                                                                                       \
        (void)state;                                                                                                                       \
        test_kernels_named("decode", check);                                                                                               \
    }
ON_EVERY_SET(small_problems_of_every_feature_are_within_the_bound, check_small)
ON_EVERY_SET(long_problems_are_within_the_bound, check_long)
ON_EVERY_SET(stored_types_and_pages_give_the_bits_of_their_numbers_side_by_side, check_stored)

/* ------------------------------------------------------------------------------------------------ refusals */

static attn_ctx *shared;

static void refused(attn_status got, attn_status want, const char *part) {
    char text[512];
    attn_ctx_error(shared, text, sizeof text);
    if (got != want || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

static attn_problem cache_problem(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 4;
    p.kv_heads = 2;
    p.dim = 64;
    p.q_len = 1;
    p.kv_len = 100;
    return p;
}

static void refused_plan(attn_problem p, attn_status status, const char *part) {
    attn_plan *plan;
    refused(attn_plan_create(shared, &p, &plan), status, part);
}

static void what_has_no_form_is_refused_by_name(void **state) {
    (void)state;
    attn_problem p = cache_problem();
    p.kv_dtype = ATTN_BF16;
    p.features = ATTN_BACKWARD;
    refused_plan(p, ATTN_EUNSUPPORTED, "lacks kv_dtype");
    refused_plan(p, ATTN_EUNSUPPORTED, "lacks ATTN_BACKWARD");
    p = cache_problem();
    p.kernel = "decode";
    p.features = ATTN_DROPOUT;
    refused_plan(p, ATTN_EUNSUPPORTED, "lacks ATTN_DROPOUT");
    p.features = ATTN_DIM_STRIDE;
    refused_plan(p, ATTN_EUNSUPPORTED, "lacks ATTN_DIM_STRIDE");
    p = cache_problem();
    p.kernel = "flash";
    p.block_tokens = 16;
    refused_plan(p, ATTN_EUNSUPPORTED, "lacks block_tokens");
    p = cache_problem();
    p.kv_dtype = (attn_dtype)9;
    refused_plan(p, ATTN_EINVAL, "problem.kv_dtype is 9");
    p.kv_dtype = ATTN_F64;
    refused_plan(p, ATTN_EUNSUPPORTED, "problem.kv_dtype is f64 with dtype f32");
    p.kv_dtype = ATTN_Q8_0;
    p.dim = 48;
    refused_plan(p, ATTN_ESHAPE, "problem.dim is 48, expected a multiple of 32");
    p = cache_problem();
    p.block_tokens = -1;
    refused_plan(p, ATTN_EINVAL, "problem.block_tokens is -1");
    p.block_tokens = 16;
    p.layout = ATTN_THD;
    refused_plan(p, ATTN_EUNSUPPORTED, "ATTN_THD");
    p = cache_problem();
    p.dtype = ATTN_Q8_0;
    refused_plan(p, ATTN_EINVAL, "problem.dtype is 4");
}

static void wrong_tables_and_strides_are_refused(void **state) {
    (void)state;
    static uint16_t pool[1 << 16];
    static float q[4 * 64], o[4 * 64], weights[100];
    int32_t table[7] = {0, 1, 2, 3, 4, 5, 6};
    attn_problem p = cache_problem();
    attn_args args;
    attn_args_init(&args);
    p.kv_dtype = ATTN_Q8_0;
    p.block_tokens = 16;
    args.q.data = q;
    args.k.data = args.v.data = pool;
    args.o.data = o;
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "args.block_table is NULL");
    args.block_table = table;
    args.blocks = 6;
    refused(attn_run(shared, &p, &args, NULL), ATTN_ESHAPE, "args.block_table gives sequence 0 block 6 at 6, expected 0 to 5");
    table[6] = -1;
    refused(attn_run(shared, &p, &args, NULL), ATTN_ESHAPE, "block -1 at 6");
    table[6] = 0;
    args.max_blocks = 6;
    refused(attn_run(shared, &p, &args, NULL), ATTN_ESHAPE, "need 7 blocks; args.max_blocks is 6");
    args.max_blocks = -2;
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "args.max_blocks is -2");
    args.max_blocks = INT64_MAX;
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "args.max_blocks is 9223372036854775807, expected 0 to 2147483647");
    args.max_blocks = -1;
    args.blocks = -1;
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "args.blocks is -1");
    args.blocks = 6;
    args.k.stride[0] = 2000;
    args.k.stride[1] = 48;
    args.k.stride[2] = 64;
    args.k.stride[3] = 1;
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "stride of args.k is 2000, expected a multiple of 32, the block of q8_0");
    memset(args.k.stride, 0, sizeof args.k.stride);
    must(shared, attn_run(shared, &p, &args, NULL));
    attn_plan *plan;
    must(shared, attn_plan_create(shared, &p, &plan));
    args.lse.data = o;
    refused(attn_weights(plan, &args, 0, 0, 0, 1, weights), ATTN_EUNSUPPORTED, "block_tokens");
    attn_plan_destroy(plan);
    p = cache_problem();
    refused(attn_run(shared, &p, &args, NULL), ATTN_EINVAL, "the plan is not paged");
}

/* One query over a long cache is decoding; as many queries as keys is not. */
static void the_planner_takes_decode_for_few_queries_over_many_keys(void **state) {
    (void)state;
    static const struct {
        int64_t queries, keys;
        bool decode;
    } cases[] = {{1, 4096, true}, {1, 65536, true}, {4, 65536, true}, {4096, 4096, false}, {256, 65536, false}};
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        attn_problem p = cache_problem();
        attn_plan *plan;
        p.q_len = cases[n].queries;
        p.kv_len = cases[n].keys;
        must(shared, attn_plan_create(shared, &p, &plan));
        if ((strcmp(attn_plan_kernel(plan), "decode") == 0) != cases[n].decode)
            fail_msg("%lld queries, %lld keys: %s", (long long)p.q_len, (long long)p.kv_len, attn_plan_kernel(plan));
        attn_plan_destroy(plan);
    }
}

/* Whatever the head size: one that fills no wide vector is no reason for narrow ones. */
static void check_choice(attn_ctx *ctx, const struct attn_kernel *kernel) {
    for (int32_t dim = 1; dim <= 128; dim += dim < 40 ? 1 : 11) {
        attn_problem p = cache_problem();
        attn_plan *plan;
        p.dim = dim;
        p.kv_len = 4096;
        p.kernel = "decode";
        must(ctx, attn_plan_create(ctx, &p, &plan));
        if (strcmp(kernel->isa, "portable") != 0 && strcmp(attn_plan_isa(plan), "portable") == 0)
            fail_msg("head size %d on %s: %s", dim, attn_ctx_isa(ctx), attn_plan_isa(plan));
        attn_plan_destroy(plan);
    }
}
ON_EVERY_SET(the_planner_takes_vectors_of_the_instruction_set_for_any_head_size, check_choice)

/* With the dot product of bytes. */
static void queries_as_bytes_are_within_the_bound_on_their_rounded_numbers(void **state) {
    (void)state;
    if (!(shared->isa & attn_isa_built() & ATTN_ISA_AVX512_BF16)) skip();
    uint64_t seed;
    const int64_t rounds = test_rounds(60, &seed);
    for (int64_t n = 0; n < rounds; n++) stored_round(shared, ATTN_Q8_0, true, seed + (uint64_t)n);
}

static int open_context(void **state) {
    (void)state;
    shared = test_context(2);
    return 0;
}

static int close_context(void **state) {
    (void)state;
    attn_ctx_destroy(shared);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_problems_of_every_feature_are_within_the_bound),
        cmocka_unit_test(long_problems_are_within_the_bound),
        cmocka_unit_test(stored_types_and_pages_give_the_bits_of_their_numbers_side_by_side),
        cmocka_unit_test(queries_as_bytes_are_within_the_bound_on_their_rounded_numbers),
        cmocka_unit_test(what_has_no_form_is_refused_by_name),
        cmocka_unit_test(wrong_tables_and_strides_are_refused),
        cmocka_unit_test(the_planner_takes_decode_for_few_queries_over_many_keys),
        cmocka_unit_test(the_planner_takes_vectors_of_the_instruction_set_for_any_head_size),
    };
    return cmocka_run_group_tests_name("kernel: decode", tests, open_context, close_context);
}
