/* Streams against attention in double over the tokens so far; blocks against single tokens, parts against the whole, bytes against what they
 * were saved from, to the bit. ATTN_TEST_LONG=1 pushes 10^7 tokens.
 */
#include "base/random.h"
#include "support/compare.h"
#include "support/guard.h"
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

static attn_stream_config config_of(int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim, const float *q) {
    attn_stream_config c;
    attn_stream_config_init(&c);
    c.heads = heads;
    c.kv_heads = kv_heads;
    c.dim = dim;
    c.v_dim = v_dim;
    c.q = q;
    return c;
}

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
    must(ctx, attn_run(ctx, &p, &args, NULL));
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
        attn_stream_config c = config_of(heads, kv_heads, dim, v_dim, q);
        if (round % 3 == 0) c.scale = 0.3;
        attn_stream *stream;
        must(ctx, attn_stream_create(ctx, &c, &stream));
        prefixes(ctx, &c, n, k, v, want_o, want_lse);
        for (int64_t i = 0; i < n; i++) {
            must(ctx, attn_stream_push(stream, 1, k + i * k_row, 0, v + i * v_row, 0));
            must(ctx, attn_stream_read(stream, o, lse));
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

struct pair {
    attn_ctx *ctx;
    attn_stream_config c;
    attn_stream *one, *two;
    float q[4 * 20], k[97 * 2 * 20], v[97 * 2 * 7];
};

enum { TOKENS = 97, K_ROW = 2 * 20, V_ROW = 2 * 7 };

static struct pair *open_pair(uint64_t seed) {
    static struct pair p;
    struct attn_random r;
    attn_random_init(&r, seed);
    p.ctx = test_context(1);
    attn_random_fill_normal(&r, p.q, 4 * 20, 1.0f);
    attn_random_fill_normal(&r, p.k, TOKENS * K_ROW, 1.0f);
    attn_random_fill_normal(&r, p.v, TOKENS * V_ROW, 1.0f);
    p.c = config_of(4, 2, 20, 7, p.q);
    must(p.ctx, attn_stream_create(p.ctx, &p.c, &p.one));
    must(p.ctx, attn_stream_create(p.ctx, &p.c, &p.two));
    return &p;
}

static void close_pair(struct pair *p) {
    attn_stream_destroy(p->one);
    attn_stream_destroy(p->two);
    attn_ctx_destroy(p->ctx);
}

static void push(struct pair *p, attn_stream *stream, int64_t from, int64_t to) {
    must(p->ctx, attn_stream_push(stream, to - from, p->k + from * K_ROW, 0, p->v + from * V_ROW, 0));
}

static uint8_t *bytes_of(struct pair *p, const attn_stream *stream) {
    uint8_t *bytes = malloc(attn_stream_save_bytes(stream));
    assert_non_null(bytes);
    must(p->ctx, attn_stream_save(stream, bytes, attn_stream_save_bytes(stream)));
    return bytes;
}

static void assert_same(struct pair *p, const attn_stream *a, const attn_stream *b) {
    uint8_t *x = bytes_of(p, a), *y = bytes_of(p, b);
    assert_int_equal(attn_stream_save_bytes(a), attn_stream_save_bytes(b));
    assert_memory_equal(x, y, attn_stream_save_bytes(a));
    free(x);
    free(y);
}

static void a_block_of_tokens_gives_the_bits_of_single_ones(void **state) {
    (void)state;
    static const int64_t blocks[] = {1, 3, 7, 64, TOKENS};
    for (size_t n = 0; n < sizeof blocks / sizeof blocks[0]; n++) {
        struct pair *p = open_pair(n);
        for (int64_t i = 0; i < TOKENS; i++) push(p, p->one, i, i + 1);
        for (int64_t i = 0; i < TOKENS; i += blocks[n]) push(p, p->two, i, i + blocks[n] < TOKENS ? i + blocks[n] : TOKENS);
        assert_same(p, p->one, p->two);
        attn_stream_reset(p->two);
        assert_int_equal(attn_stream_tokens(p->two), 0);
        push(p, p->two, 0, TOKENS);
        assert_same(p, p->one, p->two);
        close_pair(p);
    }
}

static void strided_tokens_give_the_bits_of_contiguous_ones(void **state) {
    (void)state;
    struct pair *p = open_pair(9);
    float wide_k[5 * (K_ROW + 3)], wide_v[5 * (V_ROW + 8)];
    for (int t = 0; t < 5; t++) {
        memcpy(wide_k + (ptrdiff_t)t * (K_ROW + 3), p->k + (ptrdiff_t)t * K_ROW, K_ROW * sizeof(float));
        memcpy(wide_v + (ptrdiff_t)t * (V_ROW + 8), p->v + (ptrdiff_t)t * V_ROW, V_ROW * sizeof(float));
    }
    push(p, p->one, 0, 5);
    must(p->ctx, attn_stream_push(p->two, 5, wide_k, K_ROW + 3, wide_v, V_ROW + 8));
    assert_same(p, p->one, p->two);
    close_pair(p);
}

/* The oracle: attention over the whole sequence in long double, drawn a second time. */
static void long_streams_do_not_drift(void **state) {
    (void)state;
    const int64_t tokens = getenv("ATTN_TEST_LONG") ? 10000000 : getenv("ATTN_TEST_QUICK") ? 20000 : 300000;
    enum { D = 4, E = 3 };
    attn_ctx *ctx = test_context(1);
    for (int equal = 0; equal < 2; equal++) { /* equal scores: each token moves the mean by 1 / tokens */
        float q[D] = {equal ? 0.0f : 0.9f, equal ? 0.0f : -0.4f, 0.0f, equal ? 0.0f : 0.3f}, k[D], v[E], o[E], lse;
        attn_stream_config c = config_of(1, 1, D, E, q);
        attn_stream *stream;
        struct attn_random r;
        long double sum = 0.0L, mean[E] = {0.0L};
        c.scale = 1.0;
        must(ctx, attn_stream_create(ctx, &c, &stream));
        attn_random_init(&r, 11);
        for (int64_t i = 0; i < tokens; i++) {
            attn_random_fill_normal(&r, k, D, 1.0f);
            for (int e = 0; e < E; e++) v[e] = 1.0f + (float)(attn_random_u32(&r) >> 8) * 0x1p-24f;
            must(ctx, attn_stream_push(stream, 1, k, 0, v, 0));
            double s = 0.0;
            for (int d = 0; d < D; d++) s += (double)q[d] * (double)k[d];
            sum += (long double)exp(s);
            for (int e = 0; e < E; e++) mean[e] += (long double)exp(s) * (long double)v[e];
        }
        must(ctx, attn_stream_read(stream, o, &lse));
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
    attn_stream_config c = config_of(1, 1, 1, 1, &q);
    attn_stream *stream;
    must(ctx, attn_stream_create(ctx, &c, &stream));
    for (int n = 0; n < 4; n++) {
        const float v[3] = {1.0f, 2.0f, 3.0f};
        float o, lse;
        attn_stream_reset(stream);
        must(ctx, attn_stream_read(stream, &o, &lse));
        assert_true(o == 0.0f && lse == -INFINITY);
        must(ctx, attn_stream_push(stream, 3, scores[n], 0, v, 0));
        must(ctx, attn_stream_read(stream, &o, &lse));
        assert_true(test_near((double)o, want[n], 1e-7, 0.0));
        assert_true(isfinite(lse));
    }
    const float poison = NAN, far = -INFINITY;
    float o;
    attn_stream_reset(stream);
    must(ctx, attn_stream_push(stream, 1, &q, 0, &q, 0));
    must(ctx, attn_stream_push(stream, 1, &far, 0, &poison, 0)); /* no weight: not read */
    must(ctx, attn_stream_read(stream, &o, NULL));
    assert_true(o == 1.0f);
    must(ctx, attn_stream_push(stream, 1, &poison, 0, &q, 0));
    must(ctx, attn_stream_push(stream, 1, &q, 0, &q, 0));
    must(ctx, attn_stream_read(stream, &o, NULL));
    assert_true(isnan(o));
    const float infinite[] = {0.0f, INFINITY, 0.0f}, finite[3] = {0.0f};
    for (int in_v = 0; in_v < 2; in_v++) {
        attn_stream_reset(stream);
        must(ctx, attn_stream_push(stream, 3, in_v ? finite : infinite, 1, in_v ? infinite : finite, 1));
        must(ctx, attn_stream_read(stream, &o, NULL));
        assert_true(isnan(o));
    }
    attn_stream_destroy(stream);
    attn_ctx_destroy(ctx);
}

static void two_parts_merge_to_the_whole(void **state) {
    (void)state;
    for (int64_t cut = 0; cut <= TOKENS; cut += 8) {
        struct pair *p = open_pair(20 + (uint64_t)cut);
        float whole[4 * 7], merged[4 * 7], lse[4], merged_lse[4];
        push(p, p->one, 0, TOKENS);
        must(p->ctx, attn_stream_read(p->one, whole, lse));
        attn_stream_reset(p->one);
        push(p, p->one, 0, cut);
        push(p, p->two, cut, TOKENS);
        must(p->ctx, attn_stream_merge(p->one, p->two));
        assert_int_equal(attn_stream_tokens(p->one), TOKENS);
        must(p->ctx, attn_stream_read(p->one, merged, merged_lse));
        for (int n = 0; n < 4 * 7; n++) assert_true(test_near((double)merged[n], (double)whole[n], 1e-7, 1e-8));
        for (int h = 0; h < 4; h++) assert_true(test_near((double)merged_lse[h], (double)lse[h], 1e-7, 1e-7));
        attn_stream_reset(p->two);
        uint8_t *before = bytes_of(p, p->one);
        must(p->ctx, attn_stream_merge(p->one, p->two)); /* nothing changes no bit */
        uint8_t *after = bytes_of(p, p->one);
        assert_memory_equal(before, after, attn_stream_save_bytes(p->one));
        free(before);
        free(after);
        close_pair(p);
    }
}

/* ------------------------------------------------------------------------------------------------- bytes */

static void a_restored_stream_goes_on_as_if_it_had_not_stopped(void **state) {
    (void)state;
    for (int64_t cut = 0; cut <= TOKENS; cut += 16) {
        struct pair *p = open_pair(40);
        push(p, p->one, 0, cut);
        uint8_t *bytes = bytes_of(p, p->one);
        must(p->ctx, attn_stream_restore(p->two, bytes, attn_stream_save_bytes(p->one)));
        assert_int_equal(attn_stream_tokens(p->two), cut);
        push(p, p->one, cut, TOKENS);
        push(p, p->two, cut, TOKENS);
        assert_same(p, p->one, p->two);
        free(bytes);
        close_pair(p);
    }
}

static uint32_t crc32_of(const uint8_t *bytes, size_t count) {
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
    }
    return ~sum;
}

static void set_checksum(uint8_t *bytes, size_t size) {
    const uint32_t sum = crc32_of(bytes, size - 4);
    for (size_t i = 0; i < 4; i++) bytes[size - 4 + i] = (uint8_t)(sum >> (8 * i));
}

static void the_saved_form_is_the_documented_one(void **state) {
    (void)state;
    attn_ctx *ctx = test_context(1);
    const float q = 0.0f, k = 0.0f, v = 2.0f;
    attn_stream_config c = config_of(1, 1, 1, 1, &q);
    attn_stream *stream;
    uint8_t bytes[68];
    static const uint8_t want[64] = {
        'A', 'T', 'T', 'N', 'S', 'T', 'R',  'M',  1, 0, 0, 0, 1,    0,    0,    0,
        1,   0,   0,   0,   1,   0,   0,    0,    1, 0, 0, 0, 0x1c, 0xdf, 0x44, 0x21, /* the CRC-32 of four bytes 0 is 2144df1c */
        1,   0,   0,   0,   0,   0,   0,    0,    0, 0, 0, 0, 0,    0,    0,    0,
        0,   0,   0,   0,   0,   0,   0xf0, 0x3f, 0, 0, 0, 0, 0,    0,    0,    0x40};
    must(ctx, attn_stream_create(ctx, &c, &stream));
    must(ctx, attn_stream_push(stream, 1, &k, 0, &v, 0));
    assert_int_equal(attn_stream_save_bytes(stream), sizeof bytes);
    must(ctx, attn_stream_save(stream, bytes, sizeof bytes));
    assert_memory_equal(bytes, want, sizeof want);
    uint8_t again[sizeof bytes];
    memcpy(again, bytes, sizeof bytes);
    set_checksum(again, sizeof again);
    assert_memory_equal(again, bytes, sizeof bytes);
    attn_stream_destroy(stream);
    attn_ctx_destroy(ctx);
}

static void refused(struct pair *p, attn_status got, attn_status expected, const char *part) {
    attn_ctx_error(p->ctx, text, sizeof text);
    if (got != expected || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

static void damaged_bytes_are_refused_and_change_nothing(void **state) {
    (void)state;
    struct pair *p = open_pair(50);
    push(p, p->one, 0, 50);
    push(p, p->two, 50, 60);
    const size_t size = attn_stream_save_bytes(p->one);
    uint8_t *bytes = bytes_of(p, p->one), *before = bytes_of(p, p->two);
    for (size_t n = 0; n < size; n++) {
        bytes[n] ^= (uint8_t)(1u << n % 8);
        assert_int_equal(attn_stream_restore(p->two, bytes, size), ATTN_EINVAL);
        bytes[n] ^= (uint8_t)(1u << n % 8);
        assert_int_equal(attn_stream_restore(p->two, bytes, n), ATTN_EINVAL);
    }
    refused(p, attn_stream_restore(p->two, bytes, 7), ATTN_EINVAL, "do not begin as a saved stream does");
    refused(p, attn_stream_restore(p->two, bytes, size - 1), ATTN_EINVAL, "expected");
    refused(p, attn_stream_restore(p->two, NULL, size), ATTN_EINVAL, "from is NULL");
    bytes[size - 20] ^= 1;
    refused(p, attn_stream_restore(p->two, bytes, size), ATTN_EINVAL, "checksum");
    bytes[size - 20] ^= 1;
    bytes[8] = 2;
    refused(p, attn_stream_restore(p->two, bytes, size), ATTN_EINVAL, "version 2, expected 1");
    bytes[8] = 1;
    uint8_t *after = bytes_of(p, p->two);
    assert_memory_equal(before, after, size);
    float other[4 * 20] = {0};
    attn_stream_config c = p->c;
    attn_stream *stream;
    c.q = other;
    must(p->ctx, attn_stream_create(p->ctx, &c, &stream));
    refused(p, attn_stream_restore(stream, bytes, size), ATTN_EINVAL, "another query");
    refused(p, attn_stream_merge(stream, p->one), ATTN_EINVAL, "another query");
    attn_stream_destroy(stream);
    c.v_dim = 6;
    must(p->ctx, attn_stream_create(p->ctx, &c, &stream));
    refused(p, attn_stream_restore(stream, bytes, size), ATTN_EINVAL, "v_dim 7, expected 6");
    refused(p, attn_stream_merge(stream, p->one), ATTN_ESHAPE, "heads 4:2 of 20 and 7");
    refused(p, attn_stream_save(stream, bytes, 3), ATTN_EINVAL, "attn_stream_save_bytes");
    attn_stream_destroy(stream);
    free(bytes);
    free(before);
    free(after);
    close_pair(p);
}

/* A maximum and a sum of the first head, in bytes whose checksum is right. */
static void what_no_stream_holds_is_refused(void **state) {
    (void)state;
    static const struct {
        double m, c;
        bool good;
    } states[] = {{1.5, 50.0, true},
                  {1.5, (double)NAN, true},
                  {-(double)INFINITY, 0.0, true},
                  {1.5, 0.0, false},
                  {1.5, -1.0, false},
                  {1.5, 50.5, false},
                  {1.5, (double)INFINITY, false},
                  {-(double)INFINITY, 1.0, false},
                  {(double)INFINITY, 1.0, false},
                  {(double)NAN, 1.0, false}};
    struct pair *p = open_pair(55);
    push(p, p->one, 0, 50);
    const size_t size = attn_stream_save_bytes(p->one);
    uint8_t *bytes = bytes_of(p, p->one), *before = bytes_of(p, p->two);
    for (size_t n = 0; n < sizeof states / sizeof states[0]; n++) {
        memcpy(bytes + 40, &states[n].m, 8); /* tests run on little-endian machines */
        memcpy(bytes + 48, &states[n].c, 8);
        set_checksum(bytes, size);
        attn_stream_reset(p->two);
        const attn_status status = attn_stream_restore(p->two, bytes, size);
        uint8_t *after = bytes_of(p, p->two);
        assert_memory_equal(after, states[n].good ? bytes : before, size);
        free(after);
        if (!states[n].good) refused(p, status, ATTN_EINVAL, "after 50 tokens; no stream has");
    }
    free(bytes);
    free(before);
    close_pair(p);
}

/* ---------------------------------------------------------------------------------------------- arguments */

static void wrong_arguments_are_refused_by_name(void **state) {
    (void)state;
    struct pair *p = open_pair(60);
    attn_stream *stream;
    attn_stream_config c = p->c;
    size_t bytes;
    char memory[64] __attribute__((aligned(64)));
    c.heads = 0;
    refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.heads is 0");
    c.heads = 3;
    refused(p, attn_stream_bytes(p->ctx, &c, &bytes), ATTN_ESHAPE, "kv_heads is 2, expected a divisor of config.heads, 3");
    c = p->c;
    c.dim = 1 << 21;
    refused(p, attn_stream_bytes(p->ctx, &c, &bytes), ATTN_EINVAL, "config.dim is 2097152");
    c = p->c;
    c.scale = (double)INFINITY;
    refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.scale is inf");
    c = p->c;
    c.q = NULL;
    refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.q is NULL");
    c = p->c;
    c.q_stride = 3;
    refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "config.q_stride is 3");
    c = p->c;
    c.size = 1;
    refused(p, attn_stream_create(p->ctx, &c, &stream), ATTN_EINVAL, "attn_stream_config_init");
    refused(p, attn_stream_create(p->ctx, NULL, &stream), ATTN_EINVAL, "config is NULL");
    refused(p, attn_stream_create(p->ctx, &p->c, NULL), ATTN_EINVAL, "out is NULL");
    refused(p, attn_stream_bytes(p->ctx, &p->c, NULL), ATTN_EINVAL, "bytes is NULL");
    refused(p, attn_stream_init(p->ctx, &p->c, memory, sizeof memory, &stream), ATTN_EWORKSPACE, "bytes is 64");
    refused(p, attn_stream_init(p->ctx, &p->c, memory + 8, 1 << 20, &stream), ATTN_EWORKSPACE, "aligned to 64");
    assert_null(stream);
    refused(p, attn_stream_push(p->one, -1, p->k, 0, p->v, 0), ATTN_EINVAL, "tokens is -1");
    refused(p, attn_stream_push(p->one, 1, NULL, 0, p->v, 0), ATTN_EINVAL, "k is NULL");
    refused(p, attn_stream_push(p->one, 2, p->k, 0, p->v, 13), ATTN_EINVAL, "v_stride is 13, expected at least the size of a token, 14");
    refused(p, attn_stream_merge(p->one, p->one), ATTN_EINVAL, "the stream itself");
    must(p->ctx, attn_stream_push(p->one, 0, NULL, 0, NULL, 0));
    assert_int_equal(attn_stream_tokens(p->one), 0);
    assert_int_equal(attn_stream_push(NULL, 0, NULL, 0, NULL, 0), ATTN_EINVAL);
    attn_stream_destroy(NULL);
    close_pair(p);
}

static void a_stream_keeps_to_its_memory_and_to_its_tokens(void **state) {
    (void)state;
    struct pair *p = open_pair(70);
    for (int at_begin = 0; at_begin < 2; at_begin++) {
        struct test_arena arena = {.at_begin = at_begin};
        size_t bytes;
        attn_stream *stream;
        attn_stream_config c = p->c;
        must(p->ctx, attn_stream_bytes(p->ctx, &c, &bytes));
        float *q = test_guarded(&arena, sizeof p->q, sizeof(float)), *o = test_guarded(&arena, 4 * 7 * sizeof(float), sizeof(float));
        float *k = test_guarded(&arena, K_ROW * sizeof(float), sizeof(float)),
              *v = test_guarded(&arena, V_ROW * sizeof(float), sizeof(float));
        memcpy(q, p->q, sizeof p->q);
        c.q = q;
        must(p->ctx, attn_stream_init(p->ctx, &c, test_guarded(&arena, bytes, 64), bytes, &stream));
        memset(q, 0, sizeof p->q); /* it was copied */
        for (int64_t i = 0; i < TOKENS; i++) {
            memcpy(k, p->k + i * K_ROW, K_ROW * sizeof(float));
            memcpy(v, p->v + i * V_ROW, V_ROW * sizeof(float));
            must(p->ctx, attn_stream_push(stream, 1, k, 0, v, 0));
        }
        must(p->ctx, attn_stream_read(stream, o, NULL));
        attn_stream_reset(p->one);
        push(p, p->one, 0, TOKENS);
        assert_same(p, p->one, stream);
        uint8_t *saved = test_guarded(&arena, attn_stream_save_bytes(stream), 1);
        must(p->ctx, attn_stream_save(stream, saved, attn_stream_save_bytes(stream)));
        must(p->ctx, attn_stream_restore(stream, saved, attn_stream_save_bytes(stream)));
        attn_stream_destroy(stream); /* frees nothing */
        test_arena_free(&arena);
    }
    close_pair(p);
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
    struct pair *p = open_pair(80);
    must(ctx, attn_stream_create(ctx, &p->c, &stream));
    const int64_t before = allocations;
    const size_t size = attn_stream_save_bytes(stream);
    for (int n = 0; n < 10000; n++) push(p, stream, n % TOKENS, n % TOKENS + 1);
    assert_int_equal(allocations, before);
    assert_int_equal(attn_stream_save_bytes(stream), size);
    attn_stream_destroy(stream);
    refuse = true;
    assert_int_equal(attn_stream_create(ctx, &p->c, &stream), ATTN_ENOMEM);
    assert_null(stream);
    refuse = false;
    close_pair(p);
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
        cmocka_unit_test(a_restored_stream_goes_on_as_if_it_had_not_stopped),
        cmocka_unit_test(the_saved_form_is_the_documented_one),
        cmocka_unit_test(damaged_bytes_are_refused_and_change_nothing),
        cmocka_unit_test(what_no_stream_holds_is_refused),
        cmocka_unit_test(wrong_arguments_are_refused_by_name),
        cmocka_unit_test(a_stream_keeps_to_its_memory_and_to_its_tokens),
        cmocka_unit_test(pushing_allocates_nothing_and_a_refused_stream_is_no_memory),
    };
    return cmocka_run_group_tests_name("plan: streams", tests, NULL, NULL);
}
