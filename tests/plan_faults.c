/* The allocator fails at its n-th call, for n = 1, 2, 3, ... until a run meets no failure; once for that call alone and once for it and
 * all that follow. Whatever a public function was doing then: ATTN_ENOMEM, no leak, and its result untouched or NULL.
 */
#include "attn.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct allocator {
    int64_t calls, fail_at, live, failures;
    bool sticky;
};

static void *allocate(void *user, size_t bytes, size_t alignment) {
    struct allocator *a = user;
    a->calls++;
    if (a->calls == a->fail_at || (a->sticky && a->calls > a->fail_at)) {
        a->failures++;
        return NULL;
    }
    void *memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    a->live += memory != NULL;
    return memory;
}

static void release(void *user, void *memory) {
    ((struct allocator *)user)->live--;
    free(memory);
}

/* A scenario runs with a context and gives the first status that is not ATTN_OK; it frees what it made. */
typedef attn_status (*scenario)(attn_ctx *ctx);

static attn_status run_scenario(scenario run, struct allocator *allocator) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.allocate = allocate;
    config.release = release;
    config.allocator_user = allocator;
    config.threads = 1;
    attn_status status = attn_ctx_create(&config, &ctx, NULL, 0);
    if (status) return status;
    status = run(ctx);
    char text[512];
    attn_ctx_error(ctx, text, sizeof(text));
    if (status != ATTN_OK && (status != ATTN_ENOMEM || !text[0])) fail_msg("%s: \"%s\"", attn_status_name(status), text);
    attn_ctx_destroy(ctx);
    return status;
}

static int64_t points; /* injected failures in all */

static void fail_everywhere(scenario run) {
    for (int sticky = 0; sticky < 2; sticky++)
        for (int64_t n = 1;; n++) {
            struct allocator allocator = {.fail_at = n, .sticky = sticky};
            const attn_status status = run_scenario(run, &allocator);
            assert_int_equal(allocator.live, 0);
            points += allocator.failures > 0;
            if (!allocator.failures) {
                assert_int_equal(status, ATTN_OK);
                break;
            }
            assert_int_equal(status, ATTN_ENOMEM);
        }
}

static attn_problem small_problem(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 2;
    p.dim = 4;
    p.q_len = 6;
    p.features = ATTN_BACKWARD;
    return p;
}

static attn_status make_plan(attn_ctx *ctx) {
    const attn_problem p = small_problem();
    attn_plan *plan = NULL;
    const attn_status status = attn_plan_create(ctx, &p, &plan);
    assert_true((plan == NULL) == (status != ATTN_OK));
    attn_plan_destroy(plan);
    return status;
}

static attn_status make_measured_plan(attn_ctx *ctx) {
    attn_problem p = small_problem();
    p.q_len = 2; /* more than one kernel comes near */
    p.effort = ATTN_MEASURE;
    attn_plan *plan = NULL;
    const attn_status status = attn_plan_create(ctx, &p, &plan);
    assert_true((plan == NULL) == (status != ATTN_OK));
    attn_plan_destroy(plan);
    return status;
}

static attn_status use_wisdom(attn_ctx *ctx) {
    static const char text[] = "# two lines\n0.0.1 | of another version\n";
    char path[] = "/tmp/attn-faults-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    attn_status status = attn_wisdom_import(ctx, text, sizeof(text) - 1);
    assert_int_equal(attn_wisdom_export(ctx, NULL, 0), status ? 0 : sizeof(text) - 1);
    if (!status) status = attn_wisdom_save(ctx, path);
    if (!status) status = attn_wisdom_load(ctx, path);
    unlink(path);
    return status;
}

/* Compiles, asks, cuts and stacks a mask, and frees it and all that was made. */
static attn_status use_mask(attn_ctx *ctx, attn_mask *mask, int64_t rows, int64_t keys) {
    attn_mask *compiled = NULL, *cut = NULL, *stack = NULL;
    attn_status status = attn_mask_compile(ctx, mask, rows, keys, &compiled);
    if (!status) status = attn_mask_cut(ctx, compiled, 1, rows - 1, 0, keys, &cut);
    if (!status) status = attn_mask_stack(ctx, 1, 1, (const attn_mask *const *)&compiled, &stack);
    attn_mask_destroy(stack);
    attn_mask_destroy(cut);
    attn_mask_destroy(compiled);
    attn_mask_destroy(mask);
    return status;
}

static attn_status make_parsed_masks(attn_ctx *ctx) {
    static const char *const texts[] = {"full",
                                        "causal",
                                        "sliding_window:5,2",
                                        "document:20,30,14",
                                        "(causal & sliding_window:9,9) | document:32,32",
                                        "!sliding_window:3,3"};
    attn_status status = ATTN_OK;
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]) && !status; n++) {
        attn_mask *mask = NULL;
        status = attn_mask_parse(ctx, texts[n], &mask);
        if (!status) status = use_mask(ctx, mask, 64, 64);
    }
    return status;
}

static attn_status make_slices(attn_ctx *ctx) {
    attn_slice slices[40];
    attn_mask *mask = NULL;
    for (int64_t n = 0; n < 40; n++) slices[n] = (attn_slice){n, n + 20, n / 2, n + 9, -30, n % 7};
    const attn_status status = attn_mask_slices(ctx, 60, 64, slices, 40, &mask);
    return status ? status : use_mask(ctx, mask, 60, 64);
}

static attn_status make_blocks(attn_ctx *ctx) {
    const int64_t cuts[] = {0, 16, 40, 64};
    const uint8_t keep[9] = {1, 0, 1, 0, 1, 1, 1, 0, 0};
    const float scores[9] = {3, 1, 2, 9, 8, 7, 1, 2, 3};
    attn_mask *mask = NULL;
    attn_status status = attn_mask_blocks(ctx, cuts, 3, cuts, 3, keep, &mask);
    if (!status) status = use_mask(ctx, mask, 64, 64);
    if (!status) status = attn_mask_top_blocks(ctx, cuts, 3, cuts, 3, scores, 2, &mask);
    return status ? status : use_mask(ctx, mask, 64, 64);
}

static attn_status score_blocks(attn_ctx *ctx) {
    const int64_t cuts[] = {0, 2, 4};
    float x[8] = {0}, scores[4];
    return attn_mask_pool_scores(ctx, x, 2, x, 2, 2, cuts, 2, cuts, 2, scores);
}

static int every_third(void *user, int64_t q, int64_t k) {
    (void)user;
    return (q * 5 + k) % 3 == 0;
}

static attn_status make_predicate(attn_ctx *ctx) {
    attn_mask *mask = NULL;
    const attn_status status = attn_mask_predicate(ctx, 70, 90, every_third, NULL, NULL, &mask);
    return status ? status : use_mask(ctx, mask, 70, 90);
}

static attn_status make_bits(attn_ctx *ctx) {
    uint8_t bits[70 * 12];
    attn_mask *mask = NULL;
    for (int n = 0; n < (int)sizeof(bits); n++) bits[n] = (uint8_t)(n * 37);
    const attn_status status = attn_mask_bits(ctx, 70, 90, bits, 12, &mask);
    return status ? status : use_mask(ctx, mask, 70, 90);
}

static attn_status combine_masks(attn_ctx *ctx) {
    attn_mask *a = NULL, *b = NULL, *both = NULL, *one = NULL, *neither = NULL;
    attn_status status = attn_mask_band(ctx, -4, 2, ATTN_TOP_LEFT, &a);
    if (!status) status = attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &b);
    if (!status) status = attn_mask_and(ctx, a, b, &both);
    if (!status) status = attn_mask_or(ctx, both, b, &one);
    if (!status) status = attn_mask_not(ctx, one, &neither);
    attn_mask_destroy(a);
    attn_mask_destroy(b);
    attn_mask_destroy(both);
    attn_mask_destroy(one);
    return status ? status : use_mask(ctx, neither, 40, 50);
}

static attn_status compile_into_own_memory(attn_ctx *ctx) {
    attn_mask *mask = NULL, *compiled = NULL;
    size_t bytes = 0;
    attn_status status = attn_mask_parse(ctx, "document:20,30,14", &mask);
    if (!status) status = attn_mask_compile_size(ctx, mask, 64, 64, &bytes);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    if (!status) status = attn_mask_compile_into(ctx, mask, 64, 64, memory, bytes, &compiled);
    attn_mask_destroy(compiled);
    attn_mask_destroy(mask);
    free(memory);
    return status;
}

static attn_status run_once(attn_ctx *ctx) {
    enum { N = 48 };
    static float q[N], k[N], v[N], o[N], lse[12], d_o[N], dq[N], dk[N], dv[N];
    const attn_problem p = small_problem();
    attn_mask *window = NULL, *mask = NULL;
    attn_args args;
    attn_gradients g;
    attn_args_init(&args);
    attn_gradients_init(&g);
    args.q.data = q;
    args.k.data = k;
    args.v.data = v;
    args.o.data = o;
    args.lse.data = lse;
    g.d_o.data = d_o;
    g.dq.data = dq;
    g.dk.data = dk;
    g.dv.data = dv;
    attn_status status = attn_mask_band(ctx, -1, 1, ATTN_TOP_LEFT, &window);
    if (!status) status = attn_mask_not(ctx, window, &mask);
    args.mask = mask;
    if (!status) status = attn_run(ctx, &p, &args, &g);
    attn_mask_destroy(window);
    attn_mask_destroy(mask);
    return status;
}

static void every_public_function_survives_an_allocator_that_fails(void **state) {
    (void)state;
    static const struct {
        const char *name;
        scenario run;
    } scenarios[] = {
        {"plan", make_plan},
        {"parsed masks", make_parsed_masks},
        {"measured plan", make_measured_plan},
        {"wisdom", use_wisdom},
        {"slices", make_slices},
        {"blocks", make_blocks},
        {"scores", score_blocks},
        {"predicate", make_predicate},
        {"bits", make_bits},
        {"algebra", combine_masks},
        {"run", run_once},
        {"compile into own memory", compile_into_own_memory},
    };
    for (size_t n = 0; n < sizeof(scenarios) / sizeof(scenarios[0]); n++) {
        const int64_t before = points;
        fail_everywhere(scenarios[n].run);
        print_message("%s: %lld failures injected\n", scenarios[n].name, (long long)(points - before));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_public_function_survives_an_allocator_that_fails),
    };
    return cmocka_run_group_tests_name("plan: injected faults", tests, NULL, NULL);
}
