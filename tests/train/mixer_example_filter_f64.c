/* BaseConv with filters made from the example, against counts of equal tokens and sums over pairs. */
#include "support/gradients.h"
#include "support/naive.h"

#include "tape/skew.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* tap[s] = 1 where tokens at i and i - s are equal, for an i up to `last`; token 0 does not count. */
static void programmatic(const int32_t *tokens, int64_t last, double *tap) {
    for (int64_t i = 0; i <= last; i++)
        for (int64_t s = 1; s <= i; s++)
            if (tokens[i] == tokens[i - s] && tokens[i] != 0) tap[s] = 1;
}

/* The three greatest of sum over i <= last of u[i] . u[i - s], over that of s = 0. */
static void autocorrelation(const struct test_naive_sequence *s, int64_t last, double *tap) {
    double *r = test_naive_memory(s->m, last + 1);
    for (int64_t by = 0; by <= last; by++)
        for (int64_t i = by; i <= last; i++)
            for (int64_t c = 0; c < s->width; c++) r[by] += s->u[i * s->width + c] * s->u[(i - by) * s->width + c];
    for (int64_t by = 1; by <= last; by++) {
        int greater = 0;
        for (int64_t other = 1; other <= last; other++) greater += r[other] > r[by];
        if (greater < 3) tap[by] = r[by] / (r[0] + 1e-6);
    }
}

static void baseconv(const struct test_naive_sequence *s, double *y) {
    const char *text = s->m->what->text;
    const bool whole = strstr(text, "scope=example") != NULL;
    const int64_t ahead = strstr(text, "read=equal") ? 0 : 1;
    const double *gate = test_naive_project(s->m, "projection", s->tokens, s->u);
    for (int64_t i = 0; i < s->tokens; i++) {
        const int64_t last = whole ? s->tokens - 1 : i;
        double *tap = test_naive_memory(s->m, s->tokens);
        if (strstr(text, "programmatic"))
            programmatic(s->token, last, tap);
        else
            autocorrelation(s, last, tap);
        for (int64_t c = 0; c < s->width; c++) {
            double sum = 0;
            for (int64_t by = 1; by < s->tokens && by <= i + ahead; by++) sum += tap[by] * s->u[(i - by + ahead) * s->width + c];
            y[i * s->width + c] = gate[i * s->width + c] * sum + s->u[i * s->width + c];
        }
    }
}

static void outputs_are_those_of_the_definition(void **state) {
    static const char *const filters[] = {"filter=programmatic", "filter=autocorrelation:taps=3"};
    static const char *const scopes[] = {"scope=causal", "scope=example"}, *const reads[] = {"read=next", "read=equal"};
    static const int64_t lengths[] = {1, 2, 9, 40};
    (void)state;
    for (int i = 0; i < 32; i++) {
        char text[128];
        snprintf(text, sizeof text, "baseconv:kernel=-1:%s:%s:%s", filters[i & 1], scopes[i >> 1 & 1], reads[i >> 2 & 1]);
        test_naive_mixers(&(struct test_naive){{text, 5, lengths[i >> 3], 0, 1}, baseconv, 0.4, false}, 1, 1e-12);
    }
}

/* k1 v1 k2 v2 0 k2 0 k1: with a gate of 1, each query reads the value behind its key, and fillers, however often they come, read nothing before
 * there is a distance. */
static void a_programmatic_filter_reads_the_value_behind_the_earlier_key(void **state) {
    enum { TOKENS = 8 };
    static const int32_t tokens[TEST_MIXER_BATCH * TOKENS] = {1, 5, 2, 6, 0, 2, 0, 1, 3, 7, 4, 8, 0, 0, 0, 0};
    attn_ctx *ctx;
    struct test_mixer_model m;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &(struct test_mixer){"baseconv:kernel=-1:filter=programmatic", 1, TOKENS, 0, 1}, 0);
    memcpy(m.tokens, tokens, sizeof tokens);
    attn_fill(attn_model_tensor(m.model, 0), 0);
    attn_fill(attn_model_tensor(m.model, 1), 1);
    for (int i = 0; i < TEST_MIXER_BATCH * TOKENS; i++) attn_data(m.u)[i] = tokens[i];
    const attn_real *y = attn_data(test_mixer_output(&m, false, NULL));
    assert_true(y[5] == 6 + 2);     /* distance 3 alone: value 6 */
    assert_true(y[6] == 0 + 0);     /* the same distance: 0 at token 4 */
    assert_true(y[7] == 5 + 2 + 1); /* distances 7, value 5, and 3: the key at token 5 */
    for (int i = TOKENS; i < 2 * TOKENS; i++) assert_true(y[i] == tokens[i]);
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static void what_cannot_be_done_is_refused(void **state) {
    attn_ctx *ctx;
    struct test_mixer_model m;
    char text[512];
    attn_real numbers[64] = {0};
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    test_mixer_open(&m, ctx, &(struct test_mixer){"baseconv:kernel=-1:filter=programmatic", 2, 4, 0, 1}, 0);
    attn_mixer_call call = {.u = m.u};
    assert_null(attn_mix(m.mixer, &call));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "filter=programmatic: the tokens that the rows were made from are not known");
    test_mixer_close(&m);
    test_mixer_open(&m, ctx, &(struct test_mixer){"baseconv:kernel=-1:filter=autocorrelation:scope=example", 2, 1, 0, 1}, 0);
    assert_int_equal(attn_mixer_state(m.mixer, 4), -1);
    call.u = m.u;
    assert_null(attn_mixer_step(m.mixer, &call, numbers, 4, 0));
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text),
                        "scope=example: a filter of the whole example has no form that goes token by token");
    test_mixer_close(&m);
    attn_ctx_destroy(ctx);
}

static attn_tensor *skew(attn_tensor *const *x) {
    return attn_skew(x[0], 0);
}

static attn_tensor *skew_ahead(attn_tensor *const *x) {
    return attn_skew(x[0], 1);
}

static void gradients_of_distances_are_the_differences(void **state) {
    static const struct test_gradient_case cases[] = {{"skew", skew, {{2, 4, 4}}, 0, 0},
                                                      {"skew of one", skew, {{3, 1, 1}}, 0, 0},
                                                      {"skew, one ahead", skew_ahead, {{2, 5, 5}}, 0, 0},
                                                      {"skew of one, one ahead", skew_ahead, {{2, 1, 1}}, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) test_gradients(&cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_the_definition),
        cmocka_unit_test(a_programmatic_filter_reads_the_value_behind_the_earlier_key),
        cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test(gradients_of_distances_are_the_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
