/* Streams against attention in double over the tokens so far; blocks against single tokens, parts against the whole, to the bit.
 * ATTN_TEST_LONG=1 pushes 10^7 tokens.
 */
#include "base/random.h"
#include "support/compare.h"
#include "support/guard.h"
#include "support/problem.h"
#include "support/streams.h"
#include "support/trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *normal(struct attn_random *r, int64_t n, float sigma) {
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    assert_non_null(x);
    attn_random_fill_normal(r, x, n, sigma);
    return x;
}

/* Row i of the prefixes by the plan in double. */
static void prefixes(attn_ctx *ctx, const attn_stream_config *c, int64_t n, const float *k, const float *v, double *o, double *lse) {
    const int64_t k_row = (int64_t)c->kv_heads * c->dim, v_row = (int64_t)c->kv_heads * c->v_dim;
    double *x = malloc((size_t)(c->heads * c->dim + n * (k_row + v_row)) * sizeof *x), *dk = x + c->heads * c->dim, *dv = dk + n * k_row;
    assert_non_null(x);
    attn_problem p;
    attn_args args;
    attn_problem_init(&p);
    attn_args_init(&args);
    p.dtype = ATTN_F64;
    p.layout = ATTN_BTHD;
    p.score = ATTN_SCORE_LEARNED_QUERY;
    p.heads = c->heads;
    p.kv_heads = c->kv_heads;
    p.dim = c->dim;
    p.v_dim = c->v_dim;
    p.q_len = n;
    p.scale = c->scale;
    for (int64_t i = 0; i < c->heads * c->dim; i++) x[i] = (double)c->q[i];
    for (int64_t i = 0; i < n * k_row; i++) dk[i] = (double)k[i];
    for (int64_t i = 0; i < n * v_row; i++) dv[i] = (double)v[i];
    args.q.data = x;
    args.k.data = dk;
    args.v.data = dv;
    args.o.data = o;
    args.lse.data = lse;
    test_must(ctx, attn_run(ctx, &p, &args, NULL));
    free(x);
}

/* ------------------------------------------------------------------------------------------------ values */

static void a_stream_read_after_each_token_is_the_scan(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    struct attn_random r;
    attn_random_init(&r, 3);
    for (int round = 0; round < 40; round++) {
        const int32_t kv_heads = 1 + (int32_t)attn_random_below(&r, 3), heads = kv_heads * (1 + (int32_t)attn_random_below(&r, 3));
        const int32_t dim = 1 + (int32_t)attn_random_below(&r, 40), v_dim = 1 + (int32_t)attn_random_below(&r, 40);
        const int64_t n = 1 + (int64_t)attn_random_below(&r, 60), k_row = (int64_t)kv_heads * dim, v_row = (int64_t)kv_heads * v_dim;
        const float size = round % 4 ? 1.0f : 6.0f;
        float *q = normal(&r, heads * dim, size), *k = normal(&r, n * k_row, size), *v = normal(&r, n * v_row, 1.0f);
        float *o = normal(&r, heads * v_dim, 1.0f), *lse = normal(&r, heads, 1.0f);
        double *want_o = malloc((size_t)(n * heads * v_dim) * sizeof(double)), *want_lse = malloc((size_t)(n * heads) * sizeof(double));
        attn_stream_config c = test_stream_config(heads, kv_heads, dim, v_dim, q);
        if (round % 3 == 0) c.scale = 0.3;
        attn_stream *stream;
        test_must(ctx, attn_stream_create(ctx, &c, &stream));
        prefixes(ctx, &c, n, k, v, want_o, want_lse);
        for (int64_t i = 0; i < n; i++) {
            test_must(ctx, attn_stream_push(stream, 1, k + i * k_row, 0, v + i * v_row, 0));
            test_must(ctx, attn_stream_read(stream, o, lse));
            assert_int_equal(attn_stream_tokens(stream), i + 1);
            for (int32_t h = 0; h < heads; h++) {
                /* A score is a float: it is off by an ulp or two of itself, and its weight by as much. */
                const double near = 1e-6 * fmax(1.0, fabs(want_lse[h * n + i]));
                assert_true(test_near((double)lse[h], want_lse[h * n + i], 1e-6, near));
                for (int32_t e = 0; e < v_dim; e++)
                    assert_true(test_near((double)o[h * v_dim + e], want_o[(i * heads + h) * v_dim + e], 0.0, 5.0 * near));
            }
        }
        attn_stream_destroy(stream);
        free(q), free(k), free(v), free(o), free(lse), free(want_o), free(want_lse);
    }
    attn_ctx_destroy(ctx);
}

static void a_block_of_tokens_gives_the_bits_of_single_ones(void **state) {
    (void)state;
    static const int64_t blocks[] = {1, 3, 7, 64, TEST_STREAM_TOKENS};
    for (size_t n = 0; n < sizeof blocks / sizeof blocks[0]; n++) {
        struct test_streams *p = test_streams_open(n);
        for (int64_t i = 0; i < TEST_STREAM_TOKENS; i++) test_streams_push(p, p->one, i, i + 1);
        for (int64_t i = 0; i < TEST_STREAM_TOKENS; i += blocks[n])
            test_streams_push(p, p->two, i, i + blocks[n] < TEST_STREAM_TOKENS ? i + blocks[n] : TEST_STREAM_TOKENS);
        test_streams_same(p, p->one, p->two);
        attn_stream_reset(p->two);
        assert_int_equal(attn_stream_tokens(p->two), 0);
        test_streams_push(p, p->two, 0, TEST_STREAM_TOKENS);
        test_streams_same(p, p->one, p->two);
        test_streams_close(p);
    }
}

static void strided_tokens_give_the_bits_of_contiguous_ones(void **state) {
    (void)state;
    struct test_streams *p = test_streams_open(9);
    float wide_k[5 * (TEST_STREAM_K_ROW + 3)], wide_v[5 * (TEST_STREAM_V_ROW + 8)];
    for (int t = 0; t < 5; t++) {
        memcpy(wide_k + (ptrdiff_t)t * (TEST_STREAM_K_ROW + 3), p->k + (ptrdiff_t)t * TEST_STREAM_K_ROW, TEST_STREAM_K_ROW * sizeof(float));
        memcpy(wide_v + (ptrdiff_t)t * (TEST_STREAM_V_ROW + 8), p->v + (ptrdiff_t)t * TEST_STREAM_V_ROW, TEST_STREAM_V_ROW * sizeof(float));
    }
    test_streams_push(p, p->one, 0, 5);
    test_must(p->ctx, attn_stream_push(p->two, 5, wide_k, TEST_STREAM_K_ROW + 3, wide_v, TEST_STREAM_V_ROW + 8));
    test_streams_same(p, p->one, p->two);
    test_streams_close(p);
}

/* The oracle: attention over the whole sequence in long double, drawn a second time. */
static void long_streams_do_not_drift(void **state) {
    (void)state;
    const int64_t tokens = getenv("ATTN_TEST_LONG") ? 10000000 : getenv("ATTN_TEST_QUICK") ? 20000 : 300000;
    enum { D = 4, E = 3 };
    attn_ctx *ctx = test_context(1);
    for (int equal = 0; equal < 2; equal++) { /* equal scores: each token moves the mean by 1 / tokens */
        float q[D] = {equal ? 0.0f : 0.9f, equal ? 0.0f : -0.4f, 0.0f, equal ? 0.0f : 0.3f}, k[D], v[E], o[E], lse;
        attn_stream_config c = test_stream_config(1, 1, D, E, q);
        attn_stream *stream;
        struct attn_random r;
        long double sum = 0.0L, mean[E] = {0.0L};
        c.scale = 1.0;
        test_must(ctx, attn_stream_create(ctx, &c, &stream));
        attn_random_init(&r, 11);
        for (int64_t i = 0; i < tokens; i++) {
            attn_random_fill_normal(&r, k, D, 1.0f);
            for (int e = 0; e < E; e++) v[e] = 1.0f + (float)(attn_random_u32(&r) >> 8) * 0x1p-24f;
            test_must(ctx, attn_stream_push(stream, 1, k, 0, v, 0));
            double s = 0.0;
            for (int d = 0; d < D; d++) s += (double)q[d] * (double)k[d];
            sum += (long double)exp(s);
            for (int e = 0; e < E; e++) mean[e] += (long double)exp(s) * (long double)v[e];
        }
        test_must(ctx, attn_stream_read(stream, o, &lse));
        /* Half an ulp of the float that is read, and, of the scores' roundings, some ulps that the mean of many leaves little of. */
        for (int e = 0; e < E; e++) assert_true(test_near((double)o[e], (double)(mean[e] / sum), 1e-7, 0.0));
        assert_true(test_near((double)lse, log((double)sum), 1e-7, 0.0));
        attn_stream_destroy(stream);
    }
    attn_ctx_destroy(ctx);
}

static void no_size_of_score_overflows(void **state) {
    (void)state;
    static const float scores[][3] = {{1e4f, -1e4f, 1e4f}, {-1e4f, -1e4f, -1e4f}, {-3e38f, 0.0f, 3e38f}, {-INFINITY, -INFINITY, 2.0f}};
    static const double want[] = {2.0, 2.0, 3.0, 3.0}; /* of the values 1, 2, 3 */
    attn_ctx *ctx = test_context(1);
    const float q = 1.0f;
    attn_stream_config c = test_stream_config(1, 1, 1, 1, &q);
    attn_stream *stream;
    test_must(ctx, attn_stream_create(ctx, &c, &stream));
    for (int n = 0; n < 4; n++) {
        const float v[3] = {1.0f, 2.0f, 3.0f};
        float o, lse;
        attn_stream_reset(stream);
        test_must(ctx, attn_stream_read(stream, &o, &lse));
        assert_true(o == 0.0f && lse == -INFINITY);
        test_must(ctx, attn_stream_push(stream, 3, scores[n], 0, v, 0));
        test_must(ctx, attn_stream_read(stream, &o, &lse));
        assert_true(test_near((double)o, want[n], 1e-7, 0.0));
        assert_true(isfinite(lse));
    }
    const float poison = NAN, far = -INFINITY;
    float o;
    attn_stream_reset(stream);
    test_must(ctx, attn_stream_push(stream, 1, &q, 0, &q, 0));
    test_must(ctx, attn_stream_push(stream, 1, &far, 0, &poison, 0)); /* no weight: not read */
    test_must(ctx, attn_stream_read(stream, &o, NULL));
    assert_true(o == 1.0f);
    test_must(ctx, attn_stream_push(stream, 1, &poison, 0, &q, 0));
    test_must(ctx, attn_stream_push(stream, 1, &q, 0, &q, 0));
    test_must(ctx, attn_stream_read(stream, &o, NULL));
    assert_true(isnan(o));
    const float infinite[] = {0.0f, INFINITY, 0.0f}, finite[3] = {0.0f};
    for (int in_v = 0; in_v < 2; in_v++) {
        attn_stream_reset(stream);
        test_must(ctx, attn_stream_push(stream, 3, in_v ? finite : infinite, 1, in_v ? infinite : finite, 1));
        test_must(ctx, attn_stream_read(stream, &o, NULL));
        assert_true(isnan(o));
    }
    attn_stream_destroy(stream);
    attn_ctx_destroy(ctx);
}

static void two_parts_merge_to_the_whole(void **state) {
    (void)state;
    for (int64_t cut = 0; cut <= TEST_STREAM_TOKENS; cut += 8) {
        struct test_streams *p = test_streams_open(20 + (uint64_t)cut);
        float whole[4 * 7], merged[4 * 7], lse[4], merged_lse[4];
        test_streams_push(p, p->one, 0, TEST_STREAM_TOKENS);
        test_must(p->ctx, attn_stream_read(p->one, whole, lse));
        attn_stream_reset(p->one);
        test_streams_push(p, p->one, 0, cut);
        test_streams_push(p, p->two, cut, TEST_STREAM_TOKENS);
        test_must(p->ctx, attn_stream_merge(p->one, p->two));
        assert_int_equal(attn_stream_tokens(p->one), TEST_STREAM_TOKENS);
        test_must(p->ctx, attn_stream_read(p->one, merged, merged_lse));
        for (int n = 0; n < 4 * 7; n++) assert_true(test_near((double)merged[n], (double)whole[n], 1e-7, 1e-8));
        for (int h = 0; h < 4; h++) assert_true(test_near((double)merged_lse[h], (double)lse[h], 1e-7, 1e-7));
        attn_stream_reset(p->two);
        uint8_t *before = test_streams_bytes(p, p->one);
        test_must(p->ctx, attn_stream_merge(p->one, p->two)); /* nothing changes no bit */
        uint8_t *after = test_streams_bytes(p, p->one);
        assert_memory_equal(before, after, attn_stream_save_bytes(p->one));
        free(before);
        free(after);
        test_streams_close(p);
    }
}

/* ---------------------------------------------------------------------------------------------- arguments */

static void wrong_arguments_are_refused_by_name(void **state) {
    (void)state;
    struct test_streams *p = test_streams_open(60);
    attn_stream *stream;
    attn_stream_config c = p->c;
    size_t bytes;
    char memory[64] __attribute__((aligned(64)));
    c.heads = 0;
    test_streams_refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.heads is 0");
    c.heads = 3;
    test_streams_refused(p, attn_stream_bytes(p->ctx, &c, &bytes), ATTN_ESHAPE, "kv_heads is 2, expected a divisor of config.heads, 3");
    c = p->c;
    c.dim = 1 << 21;
    test_streams_refused(p, attn_stream_bytes(p->ctx, &c, &bytes), ATTN_EINVAL, "config.dim is 2097152");
    c = p->c;
    c.scale = (double)INFINITY;
    test_streams_refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.scale is inf");
    c = p->c;
    c.q = NULL;
    test_streams_refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.q is NULL");
    c = p->c;
    c.q_stride = 3;
    test_streams_refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.q_stride is 3");
    c = p->c;
    c.size = 1;
    test_streams_refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "attn_stream_config_init");
    test_streams_refused(p, attn_stream_create(p->ctx, NULL, &stream), ATTN_EINVAL, "config is NULL");
    test_streams_refused(p, attn_stream_create(p->ctx, &p->c, NULL), ATTN_EINVAL, "out is NULL");
    test_streams_refused(p, attn_stream_bytes(p->ctx, &p->c, NULL), ATTN_EINVAL, "bytes is NULL");
    test_streams_refused(p, attn_stream_init(p->ctx, &p->c, memory, sizeof memory, &stream), ATTN_EWORKSPACE, "bytes is 64");
    test_streams_refused(p, attn_stream_init(p->ctx, &p->c, memory + 8, 1 << 20, &stream), ATTN_EWORKSPACE, "aligned to 64");
    assert_null(stream);
    test_streams_refused(p, attn_stream_push(p->one, -1, p->k, 0, p->v, 0), ATTN_EINVAL, "tokens is -1");
    test_streams_refused(p, attn_stream_push(p->one, 1, NULL, 0, p->v, 0), ATTN_EINVAL, "k is NULL");
    test_streams_refused(p, attn_stream_push(p->one, 2, p->k, 0, p->v, 13), ATTN_EINVAL,
                         "v_stride is 13, expected at least the size of a token, 14");
    test_streams_refused(p, attn_stream_merge(p->one, p->one), ATTN_EINVAL, "the stream itself");
    test_must(p->ctx, attn_stream_push(p->one, 0, NULL, 0, NULL, 0));
    assert_int_equal(attn_stream_tokens(p->one), 0);
    assert_int_equal(attn_stream_push(NULL, 0, NULL, 0, NULL, 0), ATTN_EINVAL);
    attn_stream_destroy(NULL);
    test_streams_close(p);
}

static void a_stream_keeps_to_its_memory_and_to_its_tokens(void **state) {
    (void)state;
    struct test_streams *p = test_streams_open(70);
    for (int at_begin = 0; at_begin < 2; at_begin++) {
        struct test_arena arena = {.at_begin = at_begin};
        size_t bytes;
        attn_stream *stream;
        attn_stream_config c = p->c;
        test_must(p->ctx, attn_stream_bytes(p->ctx, &c, &bytes));
        float *q = test_guarded(&arena, sizeof p->q, sizeof(float)), *o = test_guarded(&arena, 4 * 7 * sizeof(float), sizeof(float));
        float *k = test_guarded(&arena, TEST_STREAM_K_ROW * sizeof(float), sizeof(float)),
              *v = test_guarded(&arena, TEST_STREAM_V_ROW * sizeof(float), sizeof(float));
        memcpy(q, p->q, sizeof p->q);
        c.q = q;
        test_must(p->ctx, attn_stream_init(p->ctx, &c, test_guarded(&arena, bytes, 64), bytes, &stream));
        memset(q, 0, sizeof p->q); /* it was copied */
        for (int64_t i = 0; i < TEST_STREAM_TOKENS; i++) {
            memcpy(k, p->k + i * TEST_STREAM_K_ROW, TEST_STREAM_K_ROW * sizeof(float));
            memcpy(v, p->v + i * TEST_STREAM_V_ROW, TEST_STREAM_V_ROW * sizeof(float));
            test_must(p->ctx, attn_stream_push(stream, 1, k, 0, v, 0));
        }
        test_must(p->ctx, attn_stream_read(stream, o, NULL));
        attn_stream_reset(p->one);
        test_streams_push(p, p->one, 0, TEST_STREAM_TOKENS);
        test_streams_same(p, p->one, stream);
        uint8_t *saved = test_guarded(&arena, attn_stream_save_bytes(stream), 1);
        test_must(p->ctx, attn_stream_save(stream, saved, attn_stream_save_bytes(stream)));
        test_must(p->ctx, attn_stream_restore(stream, saved, attn_stream_save_bytes(stream)));
        attn_stream_destroy(stream); /* frees nothing */
        test_arena_free(&arena);
    }
    test_streams_close(p);
}

static int64_t allocations;
static bool refuse;

static void *allocate(void *user, size_t bytes, size_t alignment) {
    (void)user;
    allocations++;
    return refuse ? NULL : aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static void pushing_allocates_nothing_and_a_refused_stream_is_no_memory(void **state) {
    (void)state;
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_stream *stream;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    struct test_streams *p = test_streams_open(80);
    test_must(ctx, attn_stream_create(ctx, &p->c, &stream));
    const int64_t before = allocations;
    const size_t size = attn_stream_save_bytes(stream);
    for (int n = 0; n < 10000; n++) test_streams_push(p, stream, n % TEST_STREAM_TOKENS, n % TEST_STREAM_TOKENS + 1);
    assert_int_equal(allocations, before);
    assert_int_equal(attn_stream_save_bytes(stream), size);
    attn_stream_destroy(stream);
    refuse = true;
    assert_int_equal(attn_stream_create(ctx, &p->c, &stream), ATTN_ENOMEM);
    assert_null(stream);
    refuse = false;
    test_streams_close(p);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_read_after_each_token_is_the_scan),
        cmocka_unit_test(a_block_of_tokens_gives_the_bits_of_single_ones),
        cmocka_unit_test(strided_tokens_give_the_bits_of_contiguous_ones),
        cmocka_unit_test(long_streams_do_not_drift),
        cmocka_unit_test(no_size_of_score_overflows),
        cmocka_unit_test(two_parts_merge_to_the_whole),
        cmocka_unit_test(wrong_arguments_are_refused_by_name),
        cmocka_unit_test(a_stream_keeps_to_its_memory_and_to_its_tokens),
        cmocka_unit_test(pushing_allocates_nothing_and_a_refused_stream_is_no_memory),
    };
    return cmocka_run_group_tests_name("plan: streams", tests, NULL, NULL);
}
