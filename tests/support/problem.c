/* Random problems: shapes, lengths and values. Masks are in masks.c, execution in run.c. */
#include "support/problem.h"

#include "kernel/convert/convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/counts.h"
#include "support/parts.h"

const char *const test_output_names[TEST_OUTPUTS] = {"O",      "LSE",   "dQ",      "dK",        "dV",      "dBias",
                                                     "dALiBi", "dSink", "dStateO", "dStateLSE", "weights", "dW"};

void test_options_init(struct test_options *options) {
    *options = (struct test_options){
        .features = ATTN_BACKWARD | ATTN_ALIBI | ATTN_BIAS | ATTN_SINK | ATTN_DROPOUT | ATTN_DIM_STRIDE | ATTN_BIAS_GRAD,
        .max_batch = 3,
        .max_len = 40,
        .max_heads = 6,
        .max_dim = 20,
        .mask = TEST_MASK_ANY,
        .layout = -1,
        .bias_broadcast = -1,
    };
}

void *test_memory(size_t bytes) {
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory) {
        fprintf(stderr, "the test has no memory for %zu bytes\n", bytes);
        abort();
    }
    return memory;
}

attn_ctx *test_context(int threads) {
    attn_ctx_config config;
    char error[256];
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = threads;
    if (attn_ctx_create(&config, &ctx, error, sizeof(error)) != ATTN_OK) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    return ctx;
}

bool test_times_count(void) {
#if defined(NDEBUG)
    return getenv("ATTN_TEST_QUICK") == NULL;
#else
    return false;
#endif
}

int64_t test_rounds(int64_t rounds, uint64_t *first_seed) {
    const char *text = getenv("ATTN_TEST_SEED");
    *first_seed = text ? strtoull(text, NULL, 10) : 1;
    return text ? 1 : test_share(rounds);
}

static int64_t below(struct attn_random *r, int64_t n) {
    return (int64_t)attn_random_below(r, (uint64_t)n);
}

bool test_chance(struct attn_random *r, double p) {
    return attn_random_uniform(r) < p;
}

/* A length from 0 to most: often small, often at a multiple of 16 or beside one. */
static int64_t any_length(struct attn_random *r, int64_t most) {
    int64_t n = below(r, most + 1);
    if (test_chance(r, 0.3)) n = n / 16 * 16 + below(r, 3) - 1;
    if (test_chance(r, 0.1)) n = below(r, 3);
    return n < 0 ? 0 : n > most ? most : n;
}

static void choose_features(struct test_case *c, struct attn_random *r, const struct test_options *o) {
    uint32_t chosen = o->always;
    for (uint32_t bit = 1; bit <= ATTN_BIAS_GRAD; bit <<= 1)
        if ((o->features & bit) && test_chance(r, bit == ATTN_BACKWARD ? 0.8 : 0.35)) chosen |= bit;
    if ((chosen & (ATTN_BIAS | ATTN_BACKWARD)) != (ATTN_BIAS | ATTN_BACKWARD)) chosen &= ~(uint32_t)ATTN_BIAS_GRAD;
    c->problem.features = chosen;
    if (chosen & ATTN_DROPOUT) c->problem.dropout = 0.05 + 0.6 * attn_random_uniform(r);
    if (test_chance(r, 0.25) && !o->learned && !o->additive) c->problem.softcap = 0.5 + 3.0 * attn_random_uniform(r);
    if (test_chance(r, 0.3)) c->problem.scale = 0.1 + attn_random_uniform(r);
    c->problem.alibi_align = test_chance(r, 0.5) ? ATTN_TOP_LEFT : ATTN_BOTTOM_RIGHT;
    c->problem.bias_broadcast = o->bias_broadcast >= 0 ? (uint32_t)o->bias_broadcast : (uint32_t)below(r, 16);
}

static void choose_heads(struct test_case *c, struct attn_random *r, const struct test_options *o) {
    attn_problem *p = &c->problem;
    p->heads = 1 + (int32_t)below(r, o->max_heads);
    do p->kv_heads = 1 + (int32_t)below(r, p->heads);
    while (p->heads % p->kv_heads);
    p->dim = 1 + (int32_t)below(r, o->max_dim);
    if (test_chance(r, 0.3)) p->dim = (p->dim + 15) / 16 * 16; /* whole vectors: rows are used where they are */
    p->v_dim = test_chance(r, 0.5) ? p->dim : 1 + (int32_t)below(r, o->max_dim);
}

static void packed_side(struct test_case *c, struct attn_random *r, int64_t most, int32_t **cu, int64_t *tokens) {
    *cu = test_memory((size_t)(c->batch + 1) * sizeof(int32_t));
    for (int64_t b = 0; b < c->batch; b++) (*cu)[b + 1] = (*cu)[b] + (int32_t)any_length(r, most);
    *tokens = (*cu)[c->batch];
}

static void ragged_side(struct test_case *c, struct attn_random *r, int64_t length, int32_t **lens, int32_t **starts) {
    *lens = test_memory((size_t)c->batch * sizeof(int32_t));
    for (int64_t b = 0; b < c->batch; b++) (*lens)[b] = (int32_t)any_length(r, length);
    if (test_chance(r, 0.5)) return;
    *starts = test_memory((size_t)c->batch * sizeof(int32_t));
    for (int64_t b = 0; b < c->batch; b++) (*starts)[b] = (int32_t)below(r, length - (*lens)[b] + 1);
}

static void choose_lengths(struct test_case *c, struct attn_random *r, const struct test_options *o) {
    attn_problem *p = &c->problem;
    p->layout = o->layout >= 0 ? (attn_layout)o->layout : (attn_layout)below(r, 3);
    c->batch = 1 + below(r, o->max_batch);
    c->planes = p->layout == ATTN_THD ? 1 : c->batch;
    if (p->layout == ATTN_THD) {
        packed_side(c, r, o->max_len, &c->cu_q, &c->q_len);
        p->q_len = p->kv_len = o->max_len;
        if (!o->learned) packed_side(c, r, o->max_len, &c->cu_kv, &c->kv_len);
    } else {
        c->q_len = any_length(r, o->max_len);
        c->kv_len = test_chance(r, 0.4) || o->learned ? c->q_len : any_length(r, o->max_len);
        if (!o->plain && test_chance(r, 0.3)) ragged_side(c, r, c->q_len, &c->q_lens, &c->q_starts);
        if (!o->plain && !o->learned && test_chance(r, 0.3)) ragged_side(c, r, c->kv_len, &c->kv_lens, &c->kv_starts);
        p->q_len = c->q_len + (o->plain ? 0 : below(r, 3));
        p->kv_len = o->learned ? -1 : c->kv_len + (o->plain ? 0 : below(r, 3));
    }
    if (o->learned) c->kv_len = c->q_len;
    p->batch = c->batch + (o->plain ? 0 : below(r, 2));
    c->global_q_len = c->global_kv_len = -1;
    if (o->plain || o->learned || test_chance(r, 0.7)) return;
    c->q_offset = below(r, 20);
    c->kv_offset = below(r, 20);
    c->global_q_len = c->q_offset + p->q_len + below(r, 10);
    c->global_kv_len = c->kv_offset + p->kv_len + below(r, 10);
    c->batch_offset = below(r, 5);
    c->head_offset = (int32_t)below(r, 5);
}

struct test_span test_span_of(const struct test_case *c, int64_t b, int side) {
    const bool own = side && !c->learned; /* keys have lengths of their own */
    const int32_t *cu = own ? c->cu_kv : c->cu_q, *lens = own ? c->kv_lens : c->q_lens, *starts = own ? c->kv_starts : c->q_starts;
    const int64_t given = side ? c->global_kv_len : c->global_q_len, offset = side ? c->kv_offset : c->q_offset;
    struct test_span s = {b, 0, side ? c->kv_len : c->q_len, 0};
    if (cu) s = (struct test_span){0, cu[b], cu[b + 1] - cu[b], 0};
    if (lens) s.length = lens[b];
    if (starts) s.first = starts[b];
    s.global = given >= 0 ? given : offset + s.length;
    return s;
}

/* Normal values in the tokens of sequences, NaN elsewhere. */
static float *values(const struct test_case *c, struct attn_random *r, int32_t heads, int side, int64_t dim, float sigma) {
    const int64_t tokens = side ? c->kv_len : c->q_len, n = c->planes * heads * tokens * dim;
    float *x = test_memory((size_t)n * sizeof(float));
    for (int64_t i = 0; i < n; i++) x[i] = NAN;
    for (int64_t b = 0; b < c->batch; b++) {
        const struct test_span s = test_span_of(c, b, side);
        for (int32_t h = 0; h < heads; h++)
            attn_random_fill_normal(r, x + ((s.plane * heads + h) * tokens + s.first) * dim, s.length * dim, sigma);
    }
    return x;
}

/* Multiples of 2^-8 in (-1, 1): a test that moves them by 2^-20 stays exact in float. */
static float *dyadic(struct attn_random *r, int64_t n) {
    float *x = test_memory((size_t)n * sizeof(float));
    for (int64_t i = 0; i < n; i++) x[i] = (float)(below(r, 511) - 255) / 256.0f;
    return x;
}

static void fill_bias(struct test_case *c, struct attn_random *r) {
    int64_t queries = c->problem.q_len, keys = c->problem.kv_len;
    if (c->problem.layout != ATTN_THD) {
        queries = c->q_len;
        keys = c->kv_len;
    }
    const int64_t extent[4] = {c->batch, c->problem.heads, c->global_q_len >= 0 ? c->global_q_len : c->q_offset + queries,
                               c->global_kv_len >= 0 ? c->global_kv_len : c->kv_offset + keys};
    int64_t n = 1;
    for (int axis = 0; axis < 4; axis++) {
        c->bias_extent[axis] = c->problem.bias_broadcast & (1u << axis) ? 1 : extent[axis];
        n *= c->bias_extent[axis];
    }
    c->bias = dyadic(r, n);
}

static bool is_half(attn_dtype type) {
    return type == ATTN_BF16 || type == ATTN_F16;
}

void test_round(attn_dtype type, float *x, int64_t n) {
    for (int64_t i = 0; x && is_half(type) && i < n; i++) x[i] = attn_f32_of_half(type, attn_half_of_f32(type, x[i]));
}

/* The values that a run in 16 bits stores; its outputs are of the same type, or of float32. */
static void round_values(struct test_case *c, struct attn_random *r) {
    const attn_problem *p = &c->problem;
    const int64_t q = c->planes * p->heads * c->q_len, k = c->planes * p->kv_heads * c->kv_len;
    if (!is_half(c->storage)) return;
    test_round(c->storage, c->q, c->learned ? (c->per_batch ? c->batch : 1) * p->heads * p->dim : q * p->dim);
    test_round(c->storage, c->k, k * p->dim);
    test_round(c->storage, c->v, k * p->v_dim);
    test_round(c->storage, c->d_o, q * p->v_dim);
    test_round(c->storage, c->state_o, c->batch * p->heads * p->v_dim);
    if (test_chance(r, 0.25)) c->problem.o_dtype = ATTN_F32;
    if (test_chance(r, 0.25)) c->problem.grad_dtype = ATTN_F32;
}

/* What lies before each sequence; some lie at the beginning, with NaN that nobody may read. */
static void fill_state(struct test_case *c, struct attn_random *r) {
    const int64_t heads = c->batch * c->problem.heads, width = c->problem.v_dim;
    c->state_o = test_memory((size_t)(heads * width) * sizeof(float));
    c->state_lse = test_memory((size_t)heads * sizeof(float));
    attn_random_fill_normal(r, c->state_o, heads * width, 1.0f);
    attn_random_fill_normal(r, c->state_lse, heads, 3.0f);
    for (int64_t n = 0; n < heads; n++)
        if (test_chance(r, 0.2)) {
            c->state_lse[n] = -INFINITY;
            for (int64_t e = 0; e < width; e++) c->state_o[n * width + e] = NAN;
        }
}

static void fill_additive(struct test_case *c, struct attn_random *r) {
    const attn_problem *p = &c->problem;
    const int64_t rows = c->per_batch ? c->batch : 1;
    c->weights_len = p->layout == ATTN_THD ? p->kv_len : c->kv_len;
    c->w = test_memory((size_t)(rows * p->heads * p->dim) * sizeof(float));
    attn_random_fill_normal(r, c->w, rows * p->heads * p->dim, 1.0f);
    const int64_t n = c->planes * p->heads * c->q_len * c->weights_len;
    if (!(p->features & ATTN_BACKWARD) || (!c->pointer && test_chance(r, 0.5))) return;
    c->d_weights = test_memory((size_t)n * sizeof(float));
    attn_random_fill_normal(r, c->d_weights, n, 1.0f);
}

static void fill_values(struct test_case *c, struct attn_random *r) {
    const attn_problem *p = &c->problem;
    const float sigma = test_chance(r, 0.1) ? 5.0f : 1.0f;
    const int64_t rows = c->per_batch ? c->batch : 1;
    if (c->learned) {
        c->q = test_memory((size_t)(rows * p->heads * p->dim) * sizeof(float));
        attn_random_fill_normal(r, c->q, rows * p->heads * p->dim, sigma);
    } else {
        c->q = values(c, r, p->heads, 0, p->dim, sigma);
    }
    c->k = values(c, r, p->kv_heads, 1, p->dim, sigma);
    c->v = values(c, r, p->kv_heads, 1, p->v_dim, 1.0f);
    if (p->features & ATTN_BACKWARD) c->d_o = values(c, r, p->heads, 0, p->v_dim, 1.0f);
    if ((p->features & ATTN_BACKWARD) && test_chance(r, 0.4)) c->d_lse = values(c, r, p->heads, 0, 1, 1.0f);
    if (p->features & ATTN_ALIBI) c->alibi = dyadic(r, rows * p->heads);
    if ((p->features & ATTN_SINK) && test_chance(r, 0.9)) c->sink = dyadic(r, rows * p->heads);
    if (p->features & ATTN_BIAS) fill_bias(c, r);
    if (c->learned && test_chance(r, 0.4)) fill_state(c, r);
    if (c->additive) fill_additive(c, r);
}

void test_case_make(struct test_case *c, attn_ctx *ctx, uint64_t seed, const struct test_options *options) {
    struct attn_random r;
    memset(c, 0, sizeof(*c));
    c->seed = seed;
    c->ctx = ctx;
    c->storage = options->storage;
    attn_random_init(&r, seed);
    attn_problem_init(&c->problem);
    c->learned = options->learned;
    if (c->learned) c->problem.score = ATTN_SCORE_LEARNED_QUERY;
    c->additive = options->additive;
    if (c->additive) c->problem.score = ATTN_SCORE_ADDITIVE;
    c->pointer = c->additive && test_chance(&r, 0.4);
    choose_features(c, &r, options);
    choose_heads(c, &r, options);
    choose_lengths(c, &r, options);
    c->per_batch = test_chance(&r, 0.3);
    c->dropout_seed = seed * 0x9E3779B97F4A7C15u;
    if (!options->plain) {
        c->gaps = test_chance(&r, 0.5) || (c->problem.features & ATTN_DIM_STRIDE);
        c->at_begin = test_chance(&r, 0.3);
        c->accumulate = test_chance(&r, 0.3) ? (uint32_t)below(&r, 32) : 0;
        if (c->learned || c->additive) c->accumulate &= ~(uint32_t)ATTN_ACCUMULATE_O;
    }
    fill_values(c, &r);
    test_mask_make(c, &r, c->learned ? TEST_MASK_NONE : options->mask);
    round_values(c, &r);
}

void test_case_free(struct test_case *c) {
    void *const owned[] = {c->q_lens, c->kv_lens, c->q_starts, c->kv_starts, c->cu_q, c->cu_kv,   c->q,         c->k, c->v,
                           c->d_o,    c->d_lse,   c->alibi,    c->bias,      c->sink, c->state_o, c->state_lse, c->w, c->d_weights};
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) free(owned[i]);
    test_mask_free(c);
    memset(c, 0, sizeof(*c));
}

void test_case_print(const struct test_case *c) {
    static const char *const layouts[] = {"bhtd", "bthd", "thd"}, *const types[] = {"f32", "f64", "bf16", "f16"};
    const attn_problem *p = &c->problem;
    fprintf(
        stderr,
        "  replay: ATTN_TEST_SEED=%llu: %s %s, batch %lld, heads %d:%d, dims %d %d, lengths %lld %lld%s%s, features 0x%x, shared bias axes "
        "0x%x, mask kind %d, soft-cap %g, offsets %lld %lld, accumulate 0x%x%s\n",
        (unsigned long long)c->seed, types[c->storage], layouts[p->layout], (long long)c->batch, p->heads, p->kv_heads, p->dim, p->v_dim,
        (long long)c->q_len, (long long)c->kv_len, c->q_lens ? " ragged q" : "", c->kv_lens ? " ragged kv" : "", p->features,
        p->bias_broadcast, (int)c->mask_kind, p->softcap, (long long)c->q_offset, (long long)c->kv_offset, c->accumulate,
        c->gaps ? ", gaps" : "");
}
