/* Ten thousand random operations on a cache beside a plain model, which holds each sequence as arrays of its own: the same tokens after every
 * call, nothing changed by a call that fails, every block held by whom its count says, and attention over it to the bit that over the
 * arrays.
 */
#include "base/random.h"
#include "cache/cache.h"
#include "support/guard.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADS = 2, DIM = 32, WIDTH = 64, SEQUENCES = 5, MOST = 60, TOKEN = HEADS * (DIM + WIDTH) };

struct model {
    int64_t length, position;
    float k[MOST][HEADS][DIM], v[MOST][HEADS][WIDTH]; /* as they read back */
};

struct world {
    attn_ctx *ctx;
    attn_cache *cache, *other; /* other: of another block size, for saving and loading */
    struct attn_random random;
    struct model model[SEQUENCES];
    int64_t full, calls; /* calls refused because the pool was full; all */
};

static int64_t below(struct world *w, int64_t n) {
    return (int64_t)attn_random_below(&w->random, (uint64_t)n);
}

static void must(attn_ctx *ctx, attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(ctx, text, sizeof text));
}

/* -------------------------------------------------------------------------------------------- what must hold */

static void check_blocks(const attn_cache *c) {
    int32_t *seen = calloc((size_t)c->config.blocks, sizeof *seen);
    for (int32_t s = 0; s < c->config.sequences; s++)
        for (int64_t n = 0; n < attn_cache_blocks_for(c, c->lengths[s]); n++) {
            const int32_t block = attn_cache_blocks_of(c, s)[n];
            assert_in_range(block, 0, c->config.blocks - 1);
            seen[block]++;
        }
    int64_t unheld = 0;
    for (int64_t n = 0; n < c->config.blocks; n++) {
        assert_int_equal(seen[n], c->holders[n]);
        unheld += seen[n] == 0;
    }
    assert_int_equal(unheld, attn_cache_free_blocks(c));
    for (int64_t n = 0; n < c->free_count; n++) {
        assert_int_equal(seen[c->free_list[n]], 0);
        seen[c->free_list[n]] = -1; /* once */
    }
    free(seen);
}

static void check_contents(const struct world *w) {
    static float k[MOST * HEADS * DIM], v[MOST * HEADS * WIDTH];
    for (int32_t s = 0; s < SEQUENCES; s++) {
        const struct model *m = &w->model[s];
        assert_int_equal(attn_cache_length(w->cache, s), m->length);
        assert_int_equal(attn_cache_position(w->cache, s), m->position);
        must(w->ctx, attn_cache_read(w->cache, s, 0, m->length, k, v));
        assert_memory_equal(k, m->k, (size_t)m->length * sizeof m->k[0]);
        assert_memory_equal(v, m->v, (size_t)m->length * sizeof m->v[0]);
    }
}

/* True if the call was done. A refusal for lack of blocks is the only one that a legal call may meet. */
static bool done(struct world *w, attn_status status) {
    w->calls++;
    if (status == ATTN_EFULL) {
        w->full++;
        return false;
    }
    must(w->ctx, status);
    return true;
}

/* ------------------------------------------------------------------------------------------------ operations */

/* What a row reads back as. */
static void rounded(const attn_cache *c, int side, const float *from, float *to) {
    unsigned char stored[WIDTH * sizeof(float)];
    attn_cache_encode(c, side, from, stored);
    attn_cache_decode(c, side, stored, to);
}

static void append(struct world *w, int32_t s) {
    float rows[9 * (TOKEN + 3)];
    struct model *m = &w->model[s];
    const int64_t tokens = below(w, 10), gap = below(w, 4), start = below(w, 3) ? -1 : below(w, 1000);
    const int64_t k_stride = HEADS * DIM + gap, v_stride = HEADS * WIDTH;
    float *k = rows, *v = rows + tokens * k_stride;
    attn_random_fill_normal(&w->random, rows, tokens * (k_stride + v_stride), 1.0f);
    const attn_status status = attn_cache_append(w->cache, s, tokens, k, gap ? k_stride : 0, v, 0, start);
    if (m->length + tokens > MOST) {
        assert_int_equal(status, ATTN_ESHAPE);
        return;
    }
    if (!done(w, status) || tokens == 0) return;
    for (int64_t t = 0; t < tokens; t++, m->length++)
        for (int32_t g = 0; g < HEADS; g++) {
            rounded(w->cache, ATTN_CACHE_KEYS, k + t * k_stride + g * DIM, m->k[m->length][g]);
            rounded(w->cache, ATTN_CACHE_VALUES, v + t * v_stride + g * WIDTH, m->v[m->length][g]);
        }
    m->position = (start < 0 ? m->position : start) + tokens;
}

static void truncate_one(struct world *w, int32_t s) {
    struct model *m = &w->model[s];
    const int64_t length = below(w, m->length + 1);
    must(w->ctx, attn_cache_truncate(w->cache, s, length));
    m->position = m->position - (m->length - length) < 0 ? 0 : m->position - (m->length - length);
    m->length = length;
}

static void evict(struct world *w, int32_t s) {
    struct model *m = &w->model[s];
    const int64_t begin = below(w, m->length + 1), end = begin + below(w, m->length - begin + 1);
    if (!done(w, attn_cache_evict(w->cache, s, begin, end))) return;
    memmove(m->k + begin, m->k + end, (size_t)(m->length - end) * sizeof m->k[0]);
    memmove(m->v + begin, m->v + end, (size_t)(m->length - end) * sizeof m->v[0]);
    m->length -= end - begin;
}

static void fork_one(struct world *w, int32_t from) {
    const int32_t to = (int32_t)below(w, SEQUENCES);
    must(w->ctx, attn_cache_fork(w->cache, from, to));
    w->model[to] = w->model[from];
}

static void reorder(struct world *w) {
    static struct model before[SEQUENCES];
    int32_t from[SEQUENCES];
    const int32_t count = (int32_t)below(w, SEQUENCES + 1);
    memcpy(before, w->model, sizeof before);
    for (int32_t i = 0; i < count; i++) {
        from[i] = (int32_t)below(w, SEQUENCES);
        w->model[i] = before[from[i]];
    }
    must(w->ctx, attn_cache_reorder(w->cache, from, count));
}

/* Through the other cache, and back into another sequence. */
static void save_and_load(struct world *w, int32_t s) {
    const int32_t to = (int32_t)below(w, SEQUENCES);
    const size_t bytes = attn_cache_save_bytes(w->cache, s);
    void *saved = malloc(bytes), *again = malloc(bytes);
    must(w->ctx, attn_cache_save(w->cache, s, saved, bytes));
    must(w->ctx, attn_cache_load(w->other, 0, saved, bytes));
    assert_int_equal(attn_cache_save_bytes(w->other, 0), bytes);
    must(w->ctx, attn_cache_save(w->other, 0, again, bytes));
    assert_memory_equal(saved, again, bytes);
    if (done(w, attn_cache_load(w->cache, to, again, bytes))) w->model[to] = w->model[s];
    free(saved);
    free(again);
}

static void operate(struct world *w) {
    const int32_t s = (int32_t)below(w, SEQUENCES);
    const int64_t what = below(w, 100);
    if (what < 60)
        append(w, s);
    else if (what < 70)
        truncate_one(w, s);
    else if (what < 80)
        evict(w, s);
    else if (what < 90)
        fork_one(w, s);
    else if (what < 95)
        reorder(w);
    else
        save_and_load(w, s);
}

/* ------------------------------------------------------------------------------------------------- attention */

/* The numbers as blocks of bytes, where the cache holds them so: queries are then rounded for both. What was read back is stored exactly. */
static void store_blocks(const struct world *w, const float *from, size_t numbers, struct attn_q8 *to, attn_problem *p, attn_input *in) {
    if (w->cache->config.dtype != ATTN_Q8_0) return;
    attn_convert__portable.q8_of_f32(from, (int64_t)(numbers / ATTN_Q8_BLOCK), to);
    in->data = to;
    p->kv_dtype = ATTN_Q8_0;
}

/* Two queries of four heads for each sequence; over the cache, and over the model's arrays side by side. */
static void check_attention(struct world *w) {
    enum { QUERIES = 2, OUT = SEQUENCES * 2 * HEADS * QUERIES };
    static float q[OUT * DIM], k[SEQUENCES][MOST][HEADS][DIM], v[SEQUENCES][MOST][HEADS][WIDTH], o[2][OUT * WIDTH], lse[2][OUT];
    static struct attn_q8 key_blocks[sizeof k / sizeof(float) / ATTN_Q8_BLOCK], value_blocks[sizeof v / sizeof(float) / ATTN_Q8_BLOCK];
    int32_t lens[SEQUENCES];
    attn_problem p;
    attn_args args;
    attn_mask *mask;
    attn_random_fill_normal(&w->random, q, OUT * DIM, 1.0f);
    for (int s = 0; s < SEQUENCES; s++) {
        lens[s] = (int32_t)w->model[s].length;
        memcpy(k[s], w->model[s].k, sizeof k[s]);
        memcpy(v[s], w->model[s].v, sizeof v[s]);
    }
    attn_problem_init(&p);
    p.layout = ATTN_BTHD;
    p.heads = 2 * HEADS;
    p.kv_heads = HEADS;
    p.dim = DIM;
    p.v_dim = WIDTH;
    p.batch = SEQUENCES;
    p.q_len = QUERIES;
    p.kv_len = MOST;
    p.kernel = "decode";
    must(w->ctx, attn_mask_band(w->ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &mask));
    attn_args_init(&args);
    args.q.data = q;
    args.k.data = k;
    args.v.data = v;
    args.o.data = o[0];
    args.lse.data = lse[0];
    args.kv_lens = lens;
    args.mask = mask;
    store_blocks(w, &k[0][0][0][0], sizeof k / sizeof(float), key_blocks, &p, &args.k);
    store_blocks(w, &v[0][0][0][0], sizeof v / sizeof(float), value_blocks, &p, &args.v);
    must(w->ctx, attn_run(w->ctx, &p, &args, NULL));
    attn_plan *plan;
    p.kv_dtype = w->cache->config.dtype;
    p.block_tokens = w->cache->config.block_tokens;
    must(w->ctx, attn_plan_create(w->ctx, &p, &plan));
    args.o.data = o[1];
    args.lse.data = lse[1];
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    must(w->ctx, attn_cache_execute(w->cache, plan, 0, SEQUENCES, &args));
    assert_memory_equal(o[0], o[1], sizeof o[0]);
    assert_memory_equal(lse[0], lse[1], sizeof lse[0]);
    free(args.workspace);
    attn_plan_destroy(plan);
    attn_mask_destroy(mask);
}

static attn_cache *make_cache(struct world *w, struct test_arena *arena, attn_dtype dtype, int32_t block_tokens, int64_t blocks,
                              int32_t sequences) {
    attn_cache_config config;
    attn_cache *cache;
    attn_cache_config_init(&config);
    config.kv_heads = HEADS;
    config.dim = DIM;
    config.v_dim = WIDTH;
    config.dtype = dtype;
    config.block_tokens = block_tokens;
    config.blocks = blocks;
    config.sequences = sequences;
    config.max_tokens = MOST;
    must(w->ctx, attn_cache_bytes(w->ctx, &config, &config.memory_bytes));
    config.memory = test_guarded(arena, config.memory_bytes, 64);
    must(w->ctx, attn_cache_create(w->ctx, &config, &cache));
    return cache;
}

static void walk(attn_dtype dtype, uint64_t seed, int64_t operations) {
    static struct world w;
    struct test_arena arena = {.at_begin = seed % 2 != 0};
    memset(&w, 0, sizeof w);
    w.ctx = test_context(2);
    attn_random_init(&w.random, seed);
    const int32_t tokens = 1 + (int32_t)below(&w, 9);
    w.cache = make_cache(&w, &arena, dtype, tokens, 1 + 2 * MOST / tokens, SEQUENCES);
    w.other = make_cache(&w, &arena, dtype, 7, MOST / 7 + 1, 1);
    for (int64_t n = 0; n < operations; n++) {
        operate(&w);
        check_blocks(w.cache);
        if (n % 8 == 0) check_contents(&w);
        if (n % 100 == 0) check_attention(&w);
    }
    check_contents(&w);
    assert_true(operations < 1000 || (w.full > 0 && w.full < w.calls / 2)); /* the pool was full at times, and not for ever */
    attn_cache_destroy(w.cache);
    attn_cache_destroy(w.other);
    attn_ctx_destroy(w.ctx);
    test_arena_free(&arena);
}

static void random_operations_equal_plain_arrays(void **state) {
    (void)state;
    static const attn_dtype types[] = {ATTN_F32, ATTN_BF16, ATTN_F16, ATTN_Q8_0};
    uint64_t seed;
    const int64_t rounds = test_rounds(8, &seed);
    for (int64_t n = 0; n < rounds; n++) walk(types[(seed + (uint64_t)n) % 4], seed + (uint64_t)n, 2500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_equal_plain_arrays),
    };
    return cmocka_run_group_tests_name("cache: random operations", tests, NULL, NULL);
}
