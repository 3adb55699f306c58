/* How many numbers of state mixers keep of a sequence: what their papers count. */
#include "support/mixers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { D = 64, N = 100 };

static void states_have_the_sizes_of_the_papers(void **state) {
    static const struct {
        struct test_mixer what;
        int64_t numbers;
    } cases[] = {
        {{"attention:heads=4", D, N, 0, 1}, 2 * D * N},
        {{"sliding:window=7:heads=4", D, N, 0, 1}, 2 * D * 7},
        {{"sliding:window=500", D, N, 0, 1}, 2 * D * N},
        {{"blocked:block=7", D, N, 0, 1}, 2 * D * 7},
        {{"based", D, N, 0, 1}, D * 45 + 45},
        {{"based:f=16", D, N, 0, 1}, D * 153 + 153},
        {{"linear:map=elu:f=16:heads=4", D, N, 0, 1}, D * 16 + 4 * 16},
        {{"linear:map=performer", D, N, 0, 1}, D * 256 + 256},
        {{"linear:map=cosformer", D, N, 0, 1}, D * 16 + 16},
        {{"retnet", D, N, 0, 1}, D * D / 4},
        {{"retnet:heads=2:expand=2", D, N, 0, 1}, D * 2 * D / 2},
        {{"select:selector=full", D, N, 0, 1}, 2 * D * N},
        {{"select:selector=programmatic", D, N, 0, 1}, (2 * D + 1) * N},
        {{"select", D, N, 0, 1}, -1},
        {{"aaren", D, N, 0, 1}, 2 * D + 3},
        {{"aaren:heads=4", D, 100 * N, 0, 1}, 2 * D + 3 * 4},
    };
    attn_ctx *ctx;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &cases[i].what, 0);
        if (attn_mixer_state(m.mixer, N) != cases[i].numbers)
            fail_msg("%s: %d numbers of state, must be %d", cases[i].what.text, (int)attn_mixer_state(m.mixer, N), (int)cases[i].numbers);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

/* Arora et al. 2023: of mixers that keep more besides, less; of all others what they keep. */
static void states_by_the_papers_convention_are_counted_apart(void **state) {
    static const struct {
        struct test_mixer what;
        int64_t convention, kept;
    } cases[] = {
        {{"attention", D, N, 0, 1}, 2 * D * N, 2 * D * N},
        {{"sliding:window=7", D, N, 0, 1}, 2 * D * 7, 2 * D * 7},
        {{"longconv", D, N, 0, 1}, D * N, D * N},
        {{"baseconv:kernel=-1", D, N, 0, 1}, D * N, D * N},
        {{"shortconv", D, N, 0, 1}, 3 * D, 3 * D},
        {{"baseconv", D, N, 0, 1}, 3 * D, 3 * D},
        {{"hyena", D, N, 0, 1}, D * N, D * N + 3 * 3 * D},
        {{"h3:d_state=16", D, N, 0, 1}, 16 * D, 16 * D + 2 * 16 * D},
        {{"based:f=8", D, N, 0, 1}, D * (8 * 9 / 2 + 8 + 1) + (8 * 9 / 2 + 8 + 1), D * 45 + 45},
        {{"based:f=8:heads=4", D, N, 0, 1}, D * 45 + 45, D * 45 + 4 * 45},
        {{"mamba", D, N, 0, 1}, 2 * D * 16, 2 * D * 16 + 4 * 2 * D},
        {{"rwkv", D, N, 0, 1}, 4 * D, 4 * D},
        {{"select", D, N, 0, 1}, -1, -1},
        {{"aaren:heads=4", D, N, 0, 1}, D + 2 * 4, 2 * D + 3 * 4},
    };
    attn_ctx *ctx;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_mixer_model m;
        test_mixer_open(&m, ctx, &cases[i].what, 0);
        const int64_t convention = attn_mixer_paper_state(m.mixer, N), kept = attn_mixer_state(m.mixer, N);
        if (convention != cases[i].convention || kept != cases[i].kept)
            fail_msg("%s: %d and %d numbers of state, must be %d and %d", cases[i].what.text, (int)convention, (int)kept,
                     (int)cases[i].convention, (int)cases[i].kept);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(states_have_the_sizes_of_the_papers),
                                       cmocka_unit_test(states_by_the_papers_convention_are_counted_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
