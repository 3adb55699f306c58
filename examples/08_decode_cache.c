/* Decoding with a cache: a prompt of four tokens, then two continuations of it that share the prompt's blocks. Keys and queries are rotated by
 * their positions, keys and values are stored as bfloat16. The rows of numbers stand for what a model's layer would compute. */
#include <attn.h>

#include <stdio.h>
#include <stdlib.h>

enum { H = 4, G = 2, D = 8, PROMPT = 4, STEPS = 3 };

static void check(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status == ATTN_OK) return;
    fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
    exit(1);
}

/* n numbers that depend on the token alone. */
static void layer(float *x, int n, int token) {
    for (int i = 0; i < n; i++) x[i] = (float)((token * 37 + i * 11) % 19 - 9) / 8.0f;
}

/* The key and value of a token go into the cache. */
static void push(attn_ctx *ctx, attn_cache *cache, int32_t sequence, int token) {
    float k[G * D], v[G * D];
    layer(k, G * D, token);
    layer(v, G * D, token + 5);
    check(ctx, attn_cache_append(cache, sequence, 1, k, 0, v, 0, -1));
}

int main(void) {
    attn_ctx *ctx;
    attn_cache *cache;
    attn_plan *plan;
    if (attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;

    attn_cache_config config;
    attn_cache_config_init(&config);
    config.kv_heads = G;
    config.dim = D;
    config.dtype = ATTN_BF16;
    config.rotary = ATTN_ROTARY_HALVES;
    config.block_tokens = 4;
    config.blocks = 8;
    config.sequences = 2;
    check(ctx, attn_cache_create(ctx, &config, &cache));

    attn_problem problem; /* one query of each of two sequences, over all that the cache may hold */
    attn_problem_init(&problem);
    problem.heads = H;
    problem.kv_heads = G;
    problem.dim = D;
    problem.batch = 2;
    problem.q_len = 1;
    problem.kv_len = 32;
    problem.kv_dtype = config.dtype;
    problem.block_tokens = config.block_tokens;
    check(ctx, attn_plan_create(ctx, &problem, &plan));

    for (int token = 1; token <= PROMPT; token++) push(ctx, cache, 0, token);
    check(ctx, attn_cache_fork(cache, 0, 1));
    printf("the prompt has %lld tokens, twice; free blocks: %lld of 8\n", (long long)attn_cache_length(cache, 1),
           (long long)attn_cache_free_blocks(cache));

    float q[2 * H * D], o[2 * H * D];
    attn_args args;
    attn_args_init(&args);
    args.q.data = q;
    args.o.data = o;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    for (int step = 0; step < STEPS; step++) { /* nothing is allocated from here on */
        for (int32_t s = 0; s < 2; s++) {
            const int token = 10 + step + 7 * s;
            push(ctx, cache, s, token);
            layer(q + s * H * D, H * D, token + 3);
            check(ctx, attn_cache_rotate(cache, 1, H, q + s * H * D, 0, attn_cache_position(cache, s) - 1));
        }
        check(ctx, attn_cache_execute(cache, plan, 0, 2, &args));
        printf("step %d: %6.3f %6.3f | %6.3f %6.3f\n", step, (double)o[0], (double)o[1], (double)o[H * D], (double)o[H * D + 1]);
    }
    printf("now %lld tokens each, free blocks: %lld of 8\n", (long long)attn_cache_length(cache, 0),
           (long long)attn_cache_free_blocks(cache));

    free(args.workspace);
    attn_plan_destroy(plan);
    attn_cache_destroy(cache);
    attn_ctx_destroy(ctx);
}
