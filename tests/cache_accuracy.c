/* What it costs to store keys and values in fewer bits, from the numbers that are appended to the output, on every instruction set: the mean
 * square of the errors of O over that of O.
 */
#include "attn_cache.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { H = 4, G = 2, D = 128, TOKENS = 1500 };

static float q[H * D], k[TOKENS * G * D], v[TOKENS * G * D];
static double want[H * D];

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

static attn_problem problem_of(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.heads = H;
    p.kv_heads = G;
    p.dim = D;
    p.q_len = 1;
    p.kv_len = TOKENS;
    return p;
}

/* The numbers, and O of them in double. */
static int make_numbers(void **state) {
    static double wide_q[H * D], wide_k[TOKENS * G * D], wide_v[TOKENS * G * D];
    attn_ctx *ctx;
    struct attn_random r;
    attn_problem p = problem_of();
    attn_args args;
    (void)state;
    attn_random_init(&r, 1);
    attn_random_fill_normal(&r, q, H * D, 1.0f);
    attn_random_fill_normal(&r, k, TOKENS * G * D, 1.0f);
    attn_random_fill_normal(&r, v, TOKENS * G * D, 1.0f);
    for (int i = 0; i < H * D; i++) wide_q[i] = (double)q[i];
    for (int i = 0; i < TOKENS * G * D; i++) wide_k[i] = (double)k[i], wide_v[i] = (double)v[i];
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    p.dtype = ATTN_F64;
    attn_args_init(&args);
    args.q.data = wide_q;
    args.k.data = wide_k;
    args.v.data = wide_v;
    args.o.data = want;
    const attn_status status = attn_run(ctx, &p, &args, NULL);
    attn_ctx_destroy(ctx);
    return status != ATTN_OK;
}

static double error_of(attn_ctx *ctx, attn_dtype dtype) {
    float o[H * D];
    double off = 0.0, size = 0.0;
    attn_cache_config config;
    attn_cache *cache;
    attn_problem p = problem_of();
    attn_plan *plan;
    attn_args args;
    attn_cache_config_init(&config);
    config.kv_heads = G;
    config.dim = D;
    config.dtype = dtype;
    config.blocks = TOKENS / config.block_tokens + 1;
    must(ctx, attn_cache_create(ctx, &config, &cache));
    must(ctx, attn_cache_append(cache, 0, TOKENS, k, 0, v, 0, -1));
    p.kv_dtype = dtype;
    p.block_tokens = config.block_tokens;
    must(ctx, attn_plan_create(ctx, &p, &plan));
    attn_args_init(&args);
    args.q.data = q;
    args.o.data = o;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    must(ctx, attn_cache_execute(cache, plan, 0, 1, &args));
    for (int i = 0; i < H * D; i++) {
        off += ((double)o[i] - want[i]) * ((double)o[i] - want[i]);
        size += want[i] * want[i];
    }
    free(args.workspace);
    attn_plan_destroy(plan);
    attn_cache_destroy(cache);
    return off / size;
}

/* Keys and values are rounded independently, each to half a unit in the last place at most, u of itself: u^2 is above the sum of both mean
 * squares. Float32 is stored as it is, and its sums walk by u = 2^-24 a token. Bytes of a
 * block are off by a twelfth of its scale's square, 2.3e-5 of normal numbers, and queries may be bytes too (ggml's tests allow 5e-4). */
static void fewer_bits_cost_what_their_rounding_does(void **state) {
    static const char *const isas[] = {"portable", "neon", "avx2", "avx512", "avx512_bf16"};
    static const struct {
        attn_dtype dtype;
        double bound;
    } types[] = {{ATTN_F32, TOKENS * 0x1p-48}, {ATTN_F16, 0x1p-22}, {ATTN_BF16, 0x1p-16}, {ATTN_Q8_0, 1e-4}};
    (void)state;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        attn_ctx *ctx;
        setenv("ATTN_ISA", isas[i], 1);
        const attn_status status = attn_ctx_create(NULL, &ctx, NULL, 0);
        unsetenv("ATTN_ISA");
        if (status != ATTN_OK) continue; /* not of this machine */
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            const double error = error_of(ctx, types[t].dtype);
            if (!(error <= types[t].bound))
                fail_msg("%s, type %d: %g, expected at most %g", isas[i], types[t].dtype, error, types[t].bound);
        }
        attn_ctx_destroy(ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fewer_bits_cost_what_their_rounding_does)};
    return cmocka_run_group_tests_name("cache: accuracy", tests, make_numbers, NULL);
}
