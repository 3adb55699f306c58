/* Arrays of more than 2^31 elements, for the scores that have no dot product of a query for each row and for the search (the others:
 * kernel_oracles): tokens 2^26 floats apart in one sparse mapping give the bits of tokens side by side, on every instruction set of this
 * machine.
 */
#define _GNU_SOURCE
#include "base/random.h"
#include "support/each_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* A token's row of each array, ROOM floats for each; token 32 lies 2^31 floats behind the first. */
enum { Q, K, V, W, D_O, D_WEIGHTS, INPUTS, O = INPUTS, LSE, WEIGHTS, DQ, DK, DV, DW, ARRAYS, ROOM = 64 };
enum { FAR = 1 << 26, NEAR = ARRAYS * ROOM, TOKENS = 40, DIM = 16 };
static const size_t far_bytes = (size_t)FAR * TOKENS * sizeof(float);

static float near[TOKENS * NEAR];

/* The same numbers as in `near`, far from each other; NULL: no address space. */
static float *open_far(void) {
    float *far = mmap(NULL, far_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (far == MAP_FAILED) {
        print_message("no address space for arrays of 2^31 elements\n");
        return NULL;
    }
    for (int64_t t = 0; t < TOKENS; t++) memcpy(far + t * FAR, near + t * NEAR, NEAR * sizeof(float));
    return far;
}

static int fill(void **state) {
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 9);
    attn_random_fill_normal(&random, near, TOKENS * NEAR, 1.0f);
    return 0;
}

static attn_input in(const float *base, int array, int64_t step) {
    return (attn_input){base + array * ROOM, {0, 0, step, array != LSE}};
}
static attn_output out(float *base, int array, int64_t step) {
    return (attn_output){base + array * ROOM, {0, 0, step, array != LSE}};
}

/* Tokens `step` floats apart; what each head has one of lies in the first token's row. */
static void run(const struct test_scan *scan, float *base, int64_t step) {
    const bool additive = scan->kernel->score == ATTN_SCORE_ADDITIVE;
    attn_problem p;
    attn_args args;
    attn_gradients g;
    char text[512];
    attn_problem_init(&p);
    attn_args_init(&args);
    attn_gradients_init(&g);
    p.score = scan->kernel->score;
    p.features = ATTN_BACKWARD;
    p.heads = 1;
    p.dim = DIM;
    p.q_len = TOKENS;
    p.kernel = test_full_name(scan->kernel);
    args.q = in(base, Q, additive ? step : 0);
    args.k = in(base, K, step);
    args.v = in(base, V, step);
    args.o = out(base, O, step);
    args.lse = out(base, LSE, step);
    g.d_o = in(base, D_O, step);
    g.dq = out(base, DQ, additive ? step : 0);
    g.dk = out(base, DK, step);
    g.dv = out(base, DV, step);
    if (additive) {
        args.w = in(base, W, 0);
        args.weights = out(base, WEIGHTS, step);
        g.d_weights = in(base, D_WEIGHTS, step);
        g.dw = out(base, DW, 0);
    }
    if (attn_run(scan->ctx, &p, &args, &g) != ATTN_OK) fail_msg("%s", attn_ctx_error(scan->ctx, text, sizeof text));
}

static void check_score(attn_score score) {
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(score, ATTN_F32, scans);
    float *far = open_far();
    for (int i = 0; far && i < count; i++) {
        run(&scans[i], near, NEAR);
        run(&scans[i], far, FAR);
        for (int64_t t = 0; t < TOKENS; t++)
            for (int n = O; n < ARRAYS; n++)
                if (memcmp(far + t * FAR + n * ROOM, near + t * NEAR + n * ROOM, ROOM * sizeof(float)) != 0)
                    fail_msg("%s %s: array %d of token %d", scans[i].kernel->name, scans[i].kernel->isa, n, (int)t);
    }
    test_scans_close(scans, count);
    if (far) munmap(far, far_bytes);
}

static void the_additive_score_reaches_beyond_2_31_elements(void **state) {
    (void)state;
    check_score(ATTN_SCORE_ADDITIVE);
}

static void a_learned_query_reaches_beyond_2_31_elements(void **state) {
    (void)state;
    check_score(ATTN_SCORE_LEARNED_QUERY);
}

enum { TOP = 7, QUERIES = 6 };
struct best {
    int64_t index[QUERIES * TOP];
    float score[QUERIES * TOP];
};

static void search(attn_ctx *ctx, const float *base, int64_t step, int64_t queries, struct best *best) {
    attn_search s;
    char text[512];
    attn_search_init(&s);
    s.queries = queries;
    s.keys = TOKENS;
    s.dim = DIM;
    s.top = TOP;
    s.q = base + Q * ROOM;
    s.k = base + K * ROOM;
    s.q_stride = s.k_stride = step;
    s.index = best->index;
    s.score = best->score;
    attn_status status = attn_search_workspace(ctx, &s, &s.workspace_bytes);
    s.workspace = aligned_alloc(64, s.workspace_bytes);
    if (status == ATTN_OK) status = attn_search_run(ctx, &s);
    if (status != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    free(s.workspace);
}

/* Few queries, which read keys as they lie, and more, for which they are packed. The kernels of a score stand for the instruction sets. */
static void the_search_reaches_beyond_2_31_elements(void **state) {
    (void)state;
    struct test_scan scans[TEST_SCANS];
    const int count = test_scans_open(ATTN_SCORE_ADDITIVE, ATTN_F32, scans);
    float *far = open_far();
    for (int i = 0; far && i < count; i++)
        for (int64_t queries = 1; queries <= QUERIES; queries++) {
            static struct best from_near, from_far;
            search(scans[i].ctx, near, NEAR, queries, &from_near);
            search(scans[i].ctx, far, FAR, queries, &from_far);
            assert_memory_equal(&from_near, &from_far, sizeof from_near);
        }
    test_scans_close(scans, count);
    if (far) munmap(far, far_bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_additive_score_reaches_beyond_2_31_elements),
        cmocka_unit_test(a_learned_query_reaches_beyond_2_31_elements),
        cmocka_unit_test(the_search_reaches_beyond_2_31_elements),
    };
    return cmocka_run_group_tests_name("kernel: arrays of more than 2^31 elements", tests, fill, NULL);
}
