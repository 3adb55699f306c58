/* The search as its caller sees it: mistakes by their sentences, the same bits however it is called, no allocation while it runs. */
#include "attn.h"
#include "base/random.h"
#include "support/problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { QUERIES = 70, KEYS = 9000, DIM = 24, TOP = 40 };

static float q[QUERIES * DIM], k[KEYS * DIM];

struct answer {
    int64_t index[QUERIES * TOP];
    float score[QUERIES * TOP];
};

static int setup(void **state) {
    struct attn_random r;
    (void)state;
    attn_random_init(&r, 3);
    attn_random_fill_normal(&r, q, QUERIES * DIM, 1.0f);
    attn_random_fill_normal(&r, k, KEYS * DIM, 1.0f);
    for (int64_t i = 0; i < KEYS * DIM / 2; i++) k[KEYS * DIM / 2 + i] = k[i]; /* every score twice */
    return 0;
}

static attn_search whole_search(struct answer *a) {
    attn_search s;
    attn_search_init(&s);
    s.queries = QUERIES;
    s.keys = KEYS;
    s.dim = DIM;
    s.top = TOP;
    s.q = q;
    s.k = k;
    s.index = a->index;
    s.score = a->score;
    return s;
}

static attn_status run(attn_ctx *ctx, attn_search s) {
    attn_status status = attn_search_workspace(ctx, &s, &s.workspace_bytes);
    if (status) return status;
    s.workspace = aligned_alloc(64, s.workspace_bytes);
    memset(s.workspace, 0x55, s.workspace_bytes);
    status = attn_search_run(ctx, &s);
    free(s.workspace);
    return status;
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_memory_equal(a->index, b->index, sizeof(a->index));
    assert_memory_equal(a->score, b->score, sizeof(a->score));
}

/* Contexts that `check` makes take their microkernels from each instruction set of this machine in turn. */
static void on_each_set(void (*check)(void)) {
    static const char *const sets[] = {"portable", "neon", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        attn_ctx *ctx;
        setenv("ATTN_ISA", sets[i], 1);
        const bool usable = attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK;
        attn_ctx_destroy(ctx);
        if (usable) check();
        unsetenv("ATTN_ISA");
    }
}
#define ON_EACH_SET(test, check)                                                                                                           \
    static void test(void **state) {                                                                                                       \
        (void)state;                                                                                                                       \
        on_each_set(check);                                                                                                                \
    }

/* Hands out the last index first, and to the workers in turn. */
static void backwards(void *executor, int64_t count, int workers, attn_task_fn task, void *arg) {
    (void)executor;
    for (int64_t i = count; i-- > 0;) task(arg, i, (int)(i % workers));
}

static void check_threads(void) {
    static struct answer one, other;
    attn_ctx *ctx = test_context(1);
    assert_int_equal(run(ctx, whole_search(&one)), ATTN_OK);
    attn_ctx_destroy(ctx);
    for (int threads = 2; threads <= 4; threads++)
        for (int own = 0; own < 2; own++) {
            attn_ctx_config config;
            attn_ctx_config_init(&config);
            config.threads = threads;
            config.parallel = own ? backwards : NULL;
            assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
            memset(&other, 0, sizeof(other));
            assert_int_equal(run(ctx, whole_search(&other)), ATTN_OK);
            assert_same(&one, &other);
            attn_ctx_destroy(ctx);
        }
}
ON_EACH_SET(the_same_bits_for_any_number_of_threads_and_any_order_of_units, check_threads)

static void check_ranges(void) {
    static struct answer together, alone;
    static int64_t begins[QUERIES], ends[QUERIES];
    attn_ctx *ctx = test_context(2);
    for (int64_t i = 0; i < QUERIES; i++) {
        begins[i] = i / 3 * 100;
        ends[i] = begins[i] + 4000 + i / 3;
    }
    attn_search s = whole_search(&together);
    s.begins = begins;
    s.ends = ends;
    assert_int_equal(run(ctx, s), ATTN_OK);
    for (int64_t i = 0; i < QUERIES; i++) {
        s = whole_search(&alone);
        s.queries = 1;
        s.q = q + i * DIM;
        s.k = k + begins[i] * DIM;
        s.keys = ends[i] - begins[i];
        s.index = alone.index + i * TOP;
        s.score = alone.score + i * TOP;
        assert_int_equal(run(ctx, s), ATTN_OK);
        for (int n = 0; n < TOP; n++) alone.index[i * TOP + n] += begins[i];
    }
    assert_same(&together, &alone);
    attn_ctx_destroy(ctx);
}
ON_EACH_SET(the_same_bits_one_query_at_a_time_or_three_and_for_a_range_as_an_array_of_its_own, check_ranges)

/* `count` queries at once, and cut into calls of `each`, at least five. */
static void assert_cut_is_whole(attn_ctx *ctx, int64_t count, int64_t each, int32_t top) {
    const size_t size = (size_t)(count * top);
    int64_t *index = calloc(2 * size, sizeof(*index));
    float *score = calloc(2 * size, sizeof(*score)), *many = malloc((size_t)count * DIM * sizeof(float));
    struct attn_random r;
    static struct answer other;
    attn_search s = whole_search(&other);
    attn_random_init(&r, 5);
    attn_random_fill_normal(&r, many, count * DIM, 1.0f);
    s.top = top;
    s.keys = KEYS / 2;
    for (int64_t first = 0, side = 0; side < 2; first = 0, side++)
        for (; first < count; first += side ? each : count) {
            s.q = many + first * DIM;
            s.queries = side ? each : count;
            if (s.queries > count - first) s.queries = count - first;
            assert_true(s.queries > 4);
            s.index = index + (side ? size : 0) + (size_t)(first * top);
            s.score = score + (side ? size : 0) + (size_t)(first * top);
            assert_int_equal(run(ctx, s), ATTN_OK);
        }
    assert_memory_equal(index, index + size, size * sizeof(*index));
    assert_memory_equal(score, score + size, size * sizeof(*score));
    free(index);
    free(score);
    free(many);
}

static void check_cuts(void) {
    attn_ctx *ctx = test_context(2);
    assert_cut_is_whole(ctx, 70, 5, TOP);
    assert_cut_is_whole(ctx, 2 * 97, 97, TOP);        /* two beyond the most that are searched for together */
    assert_cut_is_whole(ctx, 18, 9, ATTN_SEARCH_TOP); /* two beyond a batch of lists so long */
    attn_ctx_destroy(ctx);
}
ON_EACH_SET(the_same_bits_for_five_queries_and_more_however_they_are_cut, check_cuts)

static void scores_need_not_be_wanted_and_a_larger_workspace_serves_smaller_searches(void **state) {
    (void)state;
    static struct answer with, without;
    attn_ctx *ctx = test_context(2);
    attn_search s = whole_search(&with);
    assert_int_equal(run(ctx, s), ATTN_OK);
    s.score = NULL;
    s.index = without.index;
    assert_int_equal(attn_search_workspace(ctx, &s, &s.workspace_bytes), ATTN_OK);
    s.workspace = aligned_alloc(64, s.workspace_bytes);
    s.queries = 7;
    assert_int_equal(attn_search_run(ctx, &s), ATTN_OK);
    assert_memory_equal(with.index, without.index, 7 * TOP * sizeof(int64_t));
    free(s.workspace);
    attn_ctx_destroy(ctx);
}

static void *refuse(void *user, size_t bytes, size_t alignment) {
    int *left = user;
    return (*left)-- > 0 ? aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment) : NULL;
}
static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

static void a_search_allocates_nothing(void **state) {
    (void)state;
    static struct answer a;
    int left = 1000;
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.allocate = refuse;
    config.release = release;
    config.allocator_user = &left;
    config.threads = 2;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    left = 0;
    assert_int_equal(run(ctx, whole_search(&a)), ATTN_OK);
    assert_int_equal(left, 0);
    attn_ctx_destroy(ctx);
}

static void expect(attn_ctx *ctx, attn_search s, attn_status status, const char *part) {
    char text[512];
    _Alignas(64) static char workspace[64];
    if (!s.workspace && s.workspace_bytes == 0) {
        s.workspace = workspace;
        s.workspace_bytes = SIZE_MAX;
    }
    assert_int_equal(attn_search_run(ctx, &s), status);
    attn_ctx_error(ctx, text, sizeof(text));
    if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part);
}

static void every_mistake_is_named_with_field_value_and_expectation(void **state) {
    (void)state;
    static struct answer a;
    _Alignas(64) static char aligned[64];
    int64_t begins[QUERIES] = {0}, ends[QUERIES] = {0};
    attn_ctx *ctx = test_context(1);
    const attn_search good = whole_search(&a);
    struct {
        attn_search s;
        attn_status status;
        const char *part;
    } cases[22];
    int n = 0;
#define CASE(field, value, code, sentence)                                                                                                 \
    cases[n].s = good;                                                                                                                     \
    cases[n].s.field = value;                                                                                                              \
    cases[n].status = code;                                                                                                                \
    cases[n++].part = sentence
    CASE(size, 1, ATTN_EINVAL, "search.size is 1, expected");
    CASE(queries, -1, ATTN_EINVAL, "queries is -1, expected at least 0");
    CASE(queries, (int64_t)1 << 31, ATTN_ESHAPE, "queries is 2147483648, expected at most");
    CASE(keys, -1, ATTN_EINVAL, "keys is -1, expected at least 0");
    CASE(dim, 0, ATTN_EINVAL, "dim is 0, expected");
    CASE(top, 0, ATTN_EINVAL, "top is 0, expected the number of keys wanted, 1 to 16384");
    CASE(top, ATTN_SEARCH_TOP + 1, ATTN_EINVAL, "top is 16385, expected");
    CASE(threads, -1, ATTN_EINVAL, "threads is -1, expected");
    CASE(kernel, "fast", ATTN_EINVAL, "kernel is \"fast\", expected \"naive\"");
    CASE(q, NULL, ATTN_EINVAL, "q is NULL, expected 70 rows");
    CASE(k, NULL, ATTN_EINVAL, "k is NULL, expected 9000 rows");
    CASE(k, (const float *)(const void *)((const char *)k + 1), ATTN_EINVAL, "k is not aligned");
    CASE(q_stride, -1, ATTN_EINVAL, "q_stride is -1, expected");
    CASE(k_stride, INT64_MAX / 4, ATTN_EINVAL, "k_stride 2305843009213693951 reaches past");
    CASE(begins, begins, ATTN_EINVAL, "ends is NULL, expected both begins and ends, or neither");
    CASE(index, NULL, ATTN_EINVAL, "index is NULL, expected room");
    CASE(index, (int64_t *)(void *)k, ATTN_EINVAL, "index is the same memory");
    CASE(score, q, ATTN_EINVAL, "score is the same memory");
    CASE(workspace_bytes, 64, ATTN_EWORKSPACE, "workspace is NULL, expected");
    CASE(workspace, aligned + 4, ATTN_EWORKSPACE, "expected an address aligned to 64");
    CASE(workspace, aligned, ATTN_EWORKSPACE, "workspace_bytes is 0, expected at least");
    for (int i = 0; i < n; i++) expect(ctx, cases[i].s, cases[i].status, cases[i].part);
    attn_search s = good;
    s.begins = begins;
    s.ends = ends;
    ends[3] = KEYS + 1;
    expect(ctx, s, ATTN_ESHAPE, "begins[3], ends[3] are 0, 9001, expected 0 <= begin <= end <= 9000 keys");
    ends[3] = 5;
    begins[3] = 6;
    expect(ctx, s, ATTN_ESHAPE, "begins[3], ends[3] are 6, 5, expected");
    assert_int_equal(attn_search_run(NULL, &good), ATTN_EINVAL);
    assert_int_equal(attn_search_run(ctx, NULL), ATTN_EINVAL);
    assert_int_equal(attn_search_workspace(ctx, &good, NULL), ATTN_EINVAL);
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bits_for_any_number_of_threads_and_any_order_of_units),
        cmocka_unit_test(the_same_bits_one_query_at_a_time_or_three_and_for_a_range_as_an_array_of_its_own),
        cmocka_unit_test(the_same_bits_for_five_queries_and_more_however_they_are_cut),
        cmocka_unit_test(scores_need_not_be_wanted_and_a_larger_workspace_serves_smaller_searches),
        cmocka_unit_test(a_search_allocates_nothing),
        cmocka_unit_test(every_mistake_is_named_with_field_value_and_expectation),
    };
    return cmocka_run_group_tests_name("plan: search", tests, setup, NULL);
}
