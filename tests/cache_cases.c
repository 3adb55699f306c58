/* The cache piece by piece: rotary embedding against its formula, saved sequences with every byte wrong, what is refused and what is said,
 * an allocator that fails at every call, ten thousand decode steps without an allocation.
 */
#include "attn_cache.h"
#include "base/random.h"
#include "support/compare.h"
#include "support/fixture.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void must(attn_status status) {
    char text[512];
    if (status != ATTN_OK) fail_msg("%s: %s", attn_status_name(status), attn_ctx_error(test_ctx, text, sizeof text));
}

static void refused(attn_status got, attn_status want, const char *part) {
    char text[512];
    attn_ctx_error(test_ctx, text, sizeof text);
    if (got != want || !strstr(text, part)) fail_msg("%s, \"%s\"; expected \"%s\"", attn_status_name(got), text, part);
}

/* Two heads of 8 and 6, blocks of 4 tokens, two sequences of at most 20. */
static attn_cache_config small_config(void) {
    attn_cache_config c;
    attn_cache_config_init(&c);
    c.kv_heads = 2;
    c.dim = 8;
    c.v_dim = 6;
    c.block_tokens = 4;
    c.blocks = 8;
    c.sequences = 2;
    c.max_tokens = 20;
    return c;
}

static attn_cache *make(attn_cache_config config) {
    attn_cache *cache;
    must(attn_cache_create(test_ctx, &config, &cache));
    return cache;
}

static void fill(attn_cache *cache, int32_t sequence, int64_t tokens, uint64_t seed) {
    float k[20 * 16], v[20 * 12];
    struct attn_random r;
    attn_random_init(&r, seed);
    attn_random_fill_normal(&r, k, 20 * 16, 1.0f);
    attn_random_fill_normal(&r, v, 20 * 12, 1.0f);
    must(attn_cache_append(cache, sequence, tokens, k, 0, v, 0, -1));
}

/* ---------------------------------------------------------------------------------------------------- rotary */

/* Row x at a position by the formula, pair after pair. */
static void rotated(attn_rotary order, int32_t width, double base, int64_t position, const float *x, double *out) {
    for (int i = 0; i < 8; i++) out[i] = (double)x[i];
    for (int i = 0; i < width / 2; i++) {
        const int a = order == ATTN_ROTARY_HALVES ? i : 2 * i, b = order == ATTN_ROTARY_HALVES ? i + width / 2 : 2 * i + 1;
        const double angle = (double)position / pow(base, 2.0 * i / width);
        out[a] = (double)x[a] * cos(angle) - (double)x[b] * sin(angle);
        out[b] = (double)x[a] * sin(angle) + (double)x[b] * cos(angle);
    }
}

static void check_rotary(attn_rotary order, int32_t width, double base) {
    enum { TOKENS = 5 };
    float x[TOKENS * 16], k[TOKENS * 16], v[TOKENS * 12] = {0};
    struct attn_random r;
    attn_cache_config config = small_config();
    config.rotary = order;
    config.rotary_dim = width;
    config.rotary_base = base;
    attn_cache *cache = make(config);
    attn_random_init(&r, 5);
    attn_random_fill_normal(&r, x, TOKENS * 16, 1.0f);
    must(attn_cache_append(cache, 1, TOKENS, x, 0, v, 0, 1000000));
    assert_int_equal(attn_cache_position(cache, 1), 1000000 + TOKENS);
    must(attn_cache_read(cache, 1, 0, TOKENS, k, NULL));
    for (int n = 0; n < TOKENS * 2; n++) {
        double want[8];
        rotated(order, width, base, 1000000 + n / 2, x + 8 * n, want);
        for (int i = 0; i < 8; i++) assert_true(test_near((double)k[8 * n + i], want[i], 1e-7, 1e-7));
    }
    must(attn_cache_rotate(cache, TOKENS, 2, x, 0, 1000000));
    assert_memory_equal(x, k, sizeof x);
    attn_cache_destroy(cache);
}

static void keys_and_queries_are_rotated_by_the_formula_in_both_orders(void **state) {
    (void)state;
    for (int order = ATTN_ROTARY_INTERLEAVED; order <= ATTN_ROTARY_HALVES; order++)
        for (int32_t width = 2; width <= 8; width += 2) {
            check_rotary((attn_rotary)order, width, 10000.0);
            check_rotary((attn_rotary)order, width, 500000.0);
        }
}

/* Four tokens are dropped: what stays keeps its rotation, what comes is rotated as if nothing had been dropped. */
static void an_evicted_range_leaves_rotations_and_positions_as_they_were(void **state) {
    (void)state;
    attn_cache_config config = small_config();
    config.rotary = ATTN_ROTARY_HALVES;
    attn_cache *whole = make(config), *cut = make(config);
    float a[13 * 16], b[9 * 16];
    fill(whole, 0, 12, 1);
    fill(cut, 0, 12, 1);
    must(attn_cache_evict(cut, 0, 2, 6));
    assert_int_equal(attn_cache_length(cut, 0), 8);
    assert_int_equal(attn_cache_position(cut, 0), 12);
    fill(whole, 0, 1, 2);
    fill(cut, 0, 1, 2);
    must(attn_cache_read(whole, 0, 0, 13, a, NULL));
    must(attn_cache_read(cut, 0, 0, 9, b, NULL));
    assert_memory_equal(b, a, 2 * 16 * sizeof(float));
    assert_memory_equal(b + 2 * 16, a + 6 * 16, 7 * 16 * sizeof(float));
    attn_cache_destroy(whole);
    attn_cache_destroy(cut);
}

/* Of shared blocks, dropping as many tokens as whole blocks have copies the one that it begins in; dropping nothing, none. */
static void what_evicting_needs_of_the_pool(void **state) {
    (void)state;
    attn_cache_config config = small_config();
    config.blocks = 6;
    attn_cache *cache = make(config);
    float whole[18 * 16], cut[14 * 16];
    fill(cache, 0, 18, 7);
    must(attn_cache_fork(cache, 0, 1));
    must(attn_cache_read(cache, 0, 0, 18, whole, NULL));
    refused(attn_cache_evict(cache, 1, 2, 5), ATTN_EFULL, "evict needs 4 more blocks; 1 of 6 are free");
    must(attn_cache_evict(cache, 1, 2, 6));
    assert_int_equal(attn_cache_free_blocks(cache), 0);
    must(attn_cache_evict(cache, 0, 3, 3));
    must(attn_cache_evict(cache, 0, 18, 18));
    assert_int_equal(attn_cache_length(cache, 0), 18);
    refused(attn_cache_evict(cache, 0, 9, 13), ATTN_EFULL, "evict needs 1 more block; 0 of 6 are free");
    must(attn_cache_evict(cache, 1, 2, 6)); /* that block is its own now */
    must(attn_cache_read(cache, 1, 0, 10, cut, NULL));
    assert_memory_equal(cut, whole, 2 * 16 * sizeof(float));
    assert_memory_equal(cut + 2 * 16, whole + 10 * 16, 8 * 16 * sizeof(float));
    must(attn_cache_evict(cache, 1, 2, 10));
    assert_int_equal(attn_cache_length(cache, 1), 2);
    must(attn_cache_read(cache, 0, 0, 14, cut, NULL));
    assert_memory_equal(cut, whole, sizeof cut);
    attn_cache_destroy(cache);
}

/* --------------------------------------------------------------------------------------------- saved sequences */

static void every_wrong_byte_and_length_of_a_saved_sequence_is_refused(void **state) {
    (void)state;
    attn_cache_config config = small_config();
    config.rotary = ATTN_ROTARY_INTERLEAVED;
    attn_cache *cache = make(config);
    fill(cache, 0, 7, 3);
    fill(cache, 1, 5, 4);
    const size_t bytes = attn_cache_save_bytes(cache, 0), kept_bytes = attn_cache_save_bytes(cache, 1);
    unsigned char *saved = malloc(bytes + 1), *kept = malloc(kept_bytes), *now = malloc(kept_bytes);
    must(attn_cache_save(cache, 0, saved, bytes));
    must(attn_cache_save(cache, 1, kept, kept_bytes));
    saved[bytes] = 0;
    for (size_t n = 0; n <= bytes + 1; n++)
        if (n != bytes) assert_int_not_equal(attn_cache_load(cache, 1, saved, n > bytes ? bytes + 1 : n), ATTN_OK);
    for (size_t n = 0; n < bytes; n++)
        for (int bit = 0; bit < 8; bit++) {
            saved[n] ^= (unsigned char)(1 << bit);
            assert_int_not_equal(attn_cache_load(cache, 1, saved, bytes), ATTN_OK);
            saved[n] ^= (unsigned char)(1 << bit);
        }
    assert_int_equal(attn_cache_save_bytes(cache, 1), kept_bytes);
    must(attn_cache_save(cache, 1, now, kept_bytes));
    assert_memory_equal(now, kept, kept_bytes);
    must(attn_cache_load(cache, 1, saved, bytes));
    assert_int_equal(attn_cache_length(cache, 1), 7);
    free(saved);
    free(kept);
    free(now);
    attn_cache_destroy(cache);
}

static void files_keep_a_sequence_and_say_what_does_not_fit(void **state) {
    (void)state;
    char path[] = "/tmp/attn_cache_XXXXXX";
    attn_cache_config config = small_config();
    attn_cache *cache = make(config);
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fill(cache, 0, 9, 6);
    must(attn_cache_save_file(cache, 0, path));
    must(attn_cache_load_file(cache, 1, path));
    float a[9 * 16], b[9 * 16];
    must(attn_cache_read(cache, 0, 0, 9, a, NULL));
    must(attn_cache_read(cache, 1, 0, 9, b, NULL));
    assert_memory_equal(a, b, sizeof a);
    config.dim = 16;
    attn_cache *wide = make(config);
    refused(attn_cache_load_file(wide, 0, path), ATTN_ESHAPE, "the saved sequence has dim 8, expected 16");
    config = small_config();
    config.dtype = ATTN_F16;
    attn_cache *half = make(config);
    refused(attn_cache_load_file(half, 0, path), ATTN_ESHAPE, "the saved sequence has dtype f32, expected f16");
    attn_cache_destroy(half);
    config = small_config();
    config.rotary = ATTN_ROTARY_HALVES;
    attn_cache *turned = make(config);
    refused(attn_cache_load_file(turned, 0, path), ATTN_ESHAPE, "the saved sequence has rotary none, expected halves");
    attn_cache_destroy(turned);
    config = small_config();
    config.max_tokens = 8;
    attn_cache *brief = make(config);
    assert_int_not_equal(attn_cache_load_file(brief, 0, path), ATTN_OK);
    config = small_config();
    config.blocks = 2;
    attn_cache *tiny = make(config);
    refused(attn_cache_load_file(tiny, 0, path), ATTN_EFULL, "load needs 3 more blocks; 2 of 2 are free");
    refused(attn_cache_load_file(cache, 0, "/nonexistent/cache"), ATTN_EINVAL, "/nonexistent/cache");
    refused(attn_cache_save_file(cache, 0, "/nonexistent/cache"), ATTN_EINVAL, "/nonexistent/cache");
    attn_cache_destroy(cache);
    attn_cache_destroy(wide);
    attn_cache_destroy(brief);
    attn_cache_destroy(tiny);
    unlink(path);
}

/* --------------------------------------------------------------------------------------------------- refusals */

static void refused_config(attn_cache_config c, attn_status status, const char *part) {
    attn_cache *cache;
    size_t bytes;
    refused(attn_cache_bytes(test_ctx, &c, &bytes), status, part);
    refused(attn_cache_create(test_ctx, &c, &cache), status, part);
    assert_null(cache);
}

static void a_wrong_description_is_refused_by_field(void **state) {
    (void)state;
    attn_cache_config c = small_config();
    c.blocks = 0;
    refused_config(c, ATTN_EINVAL, "config.blocks is 0");
    c = small_config();
    c.kv_heads = 0;
    refused_config(c, ATTN_EINVAL, "config.kv_heads is 0");
    c = small_config();
    c.block_tokens = -4;
    refused_config(c, ATTN_EINVAL, "config.block_tokens is -4");
    c = small_config();
    c.dtype = ATTN_F64;
    refused_config(c, ATTN_EINVAL, "config.dtype is f64, expected f32, bf16, f16 or q8_0");
    c.dtype = (attn_dtype)7;
    refused_config(c, ATTN_EINVAL, "config.dtype is 7");
    c.dtype = ATTN_Q8_0;
    refused_config(c, ATTN_ESHAPE, "config.dim is 8, expected a multiple of 32");
    c = small_config();
    c.max_tokens = -2;
    refused_config(c, ATTN_EINVAL, "config.max_tokens is -2");
    c = small_config();
    c.rotary = ATTN_ROTARY_HALVES;
    c.rotary_dim = 10;
    refused_config(c, ATTN_EINVAL, "config.rotary_dim is 10");
    c.rotary_dim = -1;
    c.rotary_base = -1;
    refused_config(c, ATTN_EINVAL, "config.rotary_base is -1");
    c = small_config();
    c.rotary = (attn_rotary)3;
    refused_config(c, ATTN_EINVAL, "config.rotary is 3");
    c = small_config();
    c.blocks = INT32_MAX;
    c.kv_heads = INT32_MAX;
    refused_config(c, ATTN_ESHAPE, "do not fit memory's addresses");
    c.size = 1;
    refused_config(c, ATTN_EINVAL, "attn_cache_config_init");
    static unsigned char memory[128];
    attn_cache *cache;
    c = small_config();
    c.memory = memory + (64 - (uintptr_t)memory % 64) % 64;
    c.memory_bytes = 10;
    refused(attn_cache_create(test_ctx, &c, &cache), ATTN_EINVAL, "config.memory_bytes is 10");
    c.memory = (unsigned char *)c.memory + 8;
    refused(attn_cache_create(test_ctx, &c, &cache), ATTN_EINVAL, "aligned to 64");
}

static void wrong_calls_are_refused_and_change_nothing(void **state) {
    (void)state;
    attn_cache *cache = make(small_config());
    float k[21 * 16] = {0}, v[21 * 12] = {0};
    const int32_t from[2] = {0, 2};
    fill(cache, 0, 18, 1);
    refused(attn_cache_append(cache, 2, 1, k, 0, v, 0, -1), ATTN_ESHAPE, "sequence is 2, expected 0 to 1");
    refused(attn_cache_append(cache, 0, 3, k, 0, v, 0, -1), ATTN_ESHAPE, "3 more pass config.max_tokens, 20");
    refused(attn_cache_append(cache, 1, 16, k, 0, v, 0, -1), ATTN_EFULL, "append needs 4 more blocks; 3 of 8 are free");
    refused(attn_cache_append(cache, 1, -1, k, 0, v, 0, -1), ATTN_EINVAL, "tokens is -1");
    refused(attn_cache_append(cache, 1, 1, NULL, 0, v, 0, -1), ATTN_EINVAL, "k is NULL");
    refused(attn_cache_append(cache, 1, 1, k, 0, NULL, 0, -1), ATTN_EINVAL, "v is NULL");
    refused(attn_cache_append(cache, 1, 1, k, 15, v, 0, -1), ATTN_EINVAL, "k_stride is 15, expected at least 16");
    refused(attn_cache_append(cache, 1, 1, k, 0, v, 0, -5), ATTN_EINVAL, "position is -5");
    refused(attn_cache_truncate(cache, 0, 19), ATTN_ESHAPE, "length is 19");
    refused(attn_cache_evict(cache, 0, 4, 19), ATTN_ESHAPE, "tokens 4 to 19");
    refused(attn_cache_evict(cache, 0, INT64_MIN, INT64_MAX), ATTN_ESHAPE, "of sequence 0, which has 18");
    refused(attn_cache_fork(cache, 0, -1), ATTN_ESHAPE, "sequence is -1");
    refused(attn_cache_reorder(cache, from, 2), ATTN_ESHAPE, "sequence is 2");
    refused(attn_cache_reorder(cache, from, 3), ATTN_ESHAPE, "count is 3");
    refused(attn_cache_reorder(cache, NULL, 1), ATTN_EINVAL, "from is NULL");
    refused(attn_cache_read(cache, 0, 0, 19, k, v), ATTN_ESHAPE, "tokens 0 to 19");
    refused(attn_cache_rotate(cache, 1, 2, k, 3, 0), ATTN_EINVAL, "stride is 3");
    refused(attn_cache_save(cache, 0, k, 3), ATTN_EINVAL, "there are 3");
    refused(attn_cache_load(cache, 0, NULL, 3), ATTN_EINVAL, "from is NULL");
    must(attn_cache_fork(cache, 0, 1));
    must(attn_cache_fork(cache, 1, 1));
    assert_int_equal(attn_cache_free_blocks(cache), 3);
    refused(attn_cache_evict(cache, 1, 1, 2), ATTN_EFULL, "evict needs 5 more blocks; 3 of 8 are free");
    assert_int_equal(attn_cache_length(cache, 1), 18);
    assert_int_equal(attn_cache_length(cache, 2), -1);
    assert_int_equal(attn_cache_append(NULL, 0, 1, k, 0, v, 0, -1), ATTN_EINVAL);
    attn_cache_destroy(cache);
    attn_cache_destroy(NULL);
}

static attn_problem decode_problem(const attn_cache_config *c) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 4;
    p.kv_heads = c->kv_heads;
    p.dim = c->dim;
    p.v_dim = c->v_dim;
    p.batch = c->sequences;
    p.q_len = 1;
    p.kv_len = c->max_tokens;
    p.kv_dtype = c->dtype;
    p.block_tokens = c->block_tokens;
    return p;
}

static void a_plan_of_another_shape_is_refused(void **state) {
    (void)state;
    const attn_cache_config config = small_config();
    attn_cache *cache = make(config);
    attn_problem p = decode_problem(&config);
    attn_plan *plan;
    attn_args args;
    attn_args_init(&args);
    p.block_tokens = 8;
    must(attn_plan_create(test_ctx, &p, &plan));
    refused(attn_cache_execute(cache, plan, 0, 2, &args), ATTN_ESHAPE, "the plan's block_tokens is 8, the cache's is 4");
    attn_plan_destroy(plan);
    p = decode_problem(&config);
    p.kv_dtype = ATTN_BF16;
    must(attn_plan_create(test_ctx, &p, &plan));
    refused(attn_cache_execute(cache, plan, 0, 2, &args), ATTN_ESHAPE, "the plan's kv_dtype is bf16, the cache's is f32");
    attn_plan_destroy(plan);
    p = decode_problem(&config);
    must(attn_plan_create(test_ctx, &p, &plan));
    refused(attn_cache_execute(cache, plan, 1, 2, &args), ATTN_ESHAPE, "2 sequences from 1 on");
    refused(attn_cache_execute(cache, plan, 0, 2, NULL), ATTN_EINVAL, "args is not initialised");
    refused(attn_cache_execute(cache, NULL, 0, 2, &args), ATTN_EINVAL, "plan is NULL");
    refused(attn_cache_execute(cache, plan, 0, 2, &args), ATTN_EINVAL, "args.q is NULL");
    attn_plan_destroy(plan);
    attn_cache_destroy(cache);
}

/* -------------------------------------------------------------------------------------------------- allocations */

struct allocator {
    int64_t calls, fail_at, live;
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct allocator *a = user;
    if (++a->calls == a->fail_at) return NULL;
    a->live++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *user, void *memory) {
    ((struct allocator *)user)->live--;
    free(memory);
}

static attn_ctx *counting_context(struct allocator *allocator) {
    attn_ctx_config config;
    attn_ctx *made = NULL;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.allocator_user = allocator;
    config.threads = 2;
    (void)!attn_ctx_create(&config, &made, NULL, 0);
    return made;
}

/* Every function that may allocate. */
static attn_status use_everything(attn_ctx *own, const char *path) {
    const attn_cache_config config = small_config();
    attn_cache *cache = NULL;
    float k[16] = {0}, v[12] = {0};
    attn_status status = attn_cache_create(own, &config, &cache);
    assert_true((cache == NULL) == (status != ATTN_OK));
    if (!status) status = attn_cache_append(cache, 0, 1, k, 0, v, 0, -1);
    if (!status) status = attn_cache_save_file(cache, 0, path);
    if (!status) status = attn_cache_load_file(cache, 1, path);
    if (!status) assert_int_equal(attn_cache_length(cache, 1), 1);
    attn_cache_destroy(cache);
    return status;
}

static void every_function_survives_an_allocator_that_fails(void **state) {
    (void)state;
    char path[] = "/tmp/attn_cache_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    attn_status status = ATTN_ENOMEM;
    for (int64_t n = 2; status != ATTN_OK; n++) { /* call 1 makes the context */
        struct allocator allocator = {.fail_at = n};
        attn_ctx *own = counting_context(&allocator);
        status = use_everything(own, path);
        assert_true(status == ATTN_OK || status == ATTN_ENOMEM);
        attn_ctx_destroy(own);
        assert_int_equal(allocator.live, 0);
    }
    unlink(path);
}

/* Sinks and a window over a text of ten thousand tokens, with a fork that is written to now and then. */
static void ten_thousand_steps_allocate_nothing(void **state) {
    (void)state;
    struct allocator allocator = {0};
    attn_ctx *own = counting_context(&allocator);
    attn_cache_config config = small_config();
    config.blocks = 40;
    config.max_tokens = 72;
    config.dtype = ATTN_BF16;
    config.rotary = ATTN_ROTARY_HALVES;
    attn_cache *cache;
    attn_plan *plan;
    attn_args args;
    float q[2 * 4 * 8], o[2 * 4 * 6], k[16], v[12];
    const attn_problem p = decode_problem(&config);
    must(attn_cache_create(own, &config, &cache));
    must(attn_plan_create(own, &p, &plan));
    attn_args_init(&args);
    args.q.data = q;
    args.o.data = o;
    args.workspace_bytes = attn_plan_workspace(plan);
    args.workspace = aligned_alloc(64, args.workspace_bytes);
    const int64_t before = allocator.calls;
    for (int64_t n = 0; n < 10000; n++) {
        for (int i = 0; i < 64; i++) q[i] = k[i % 16] = v[i % 12] = (float)((n + i) % 7) - 3.0f;
        if (attn_cache_length(cache, 0) == 72) must(attn_cache_evict(cache, 0, 4, 8));
        if (n % 50 == 0) must(attn_cache_fork(cache, 0, 1));
        must(attn_cache_append(cache, 0, 1, k, 0, v, 0, -1));
        if (attn_cache_length(cache, 1) < 72) must(attn_cache_append(cache, 1, 1, k, 0, v, 0, -1));
        must(attn_cache_rotate(cache, 1, 4, q, 0, attn_cache_position(cache, 0) - 1));
        must(attn_cache_execute(cache, plan, 0, 2, &args));
    }
    assert_int_equal(allocator.calls, before);
    assert_int_equal(attn_cache_position(cache, 0), 10000);
    free(args.workspace);
    attn_plan_destroy(plan);
    attn_cache_destroy(cache);
    attn_ctx_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_queries_are_rotated_by_the_formula_in_both_orders),
        cmocka_unit_test(an_evicted_range_leaves_rotations_and_positions_as_they_were),
        cmocka_unit_test(what_evicting_needs_of_the_pool),
        cmocka_unit_test(every_wrong_byte_and_length_of_a_saved_sequence_is_refused),
        cmocka_unit_test(files_keep_a_sequence_and_say_what_does_not_fit),
        cmocka_unit_test(a_wrong_description_is_refused_by_field),
        cmocka_unit_test(wrong_calls_are_refused_and_change_nothing),
        cmocka_unit_test(a_plan_of_another_shape_is_refused),
        cmocka_unit_test(every_function_survives_an_allocator_that_fails),
        cmocka_unit_test(ten_thousand_steps_allocate_nothing),
    };
    return cmocka_run_group_tests_name("cache: pieces", tests, test_open_context, test_close_context);
}
