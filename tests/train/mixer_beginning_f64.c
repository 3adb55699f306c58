/* The numbers that mixers' parameters begin with: their distributions, as papers and official implementations have them. */
#include "support/naive.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 32, TOKENS = 61, LAYERS = 8 }; /* mixers are made for TOKENS + 3 = 64 */

enum law { NORMAL, UNIFORM, CONSTANT };

/* Of every parameter of the mixer whose name ends in one of the words of `names`: a deviation, a bound, or the number itself. */
struct beginning {
    const char *text, *names;
    enum law law;
    double number;
};

static bool is_named(const char *name, const char *names) {
    const size_t all = strlen(name);
    for (const char *at = names; *at;) {
        const size_t n = strcspn(at, " ");
        if (all >= n && memcmp(name + all - n, at, n) == 0 && (all == n || name[all - n - 1] == '.')) return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

/* The root of the mean square of n numbers is within four of its deviations: of normal ones 1 / sqrt(2 n) of it, of uniform ones 1 / sqrt(5 n). */
static void check(const char *text, const char *name, attn_tensor *x, const struct beginning *b) {
    const double n = (double)attn_count(x), *data = attn_data(x);
    double squares = 0;
    for (int64_t i = 0; i < attn_count(x); i++) {
        squares += data[i] * data[i];
        if ((b->law == UNIFORM && !(fabs(data[i]) <= b->number)) || (b->law == CONSTANT && !(fabs(data[i] - b->number) <= 1e-15)))
            fail_msg("%s: %s[%d] is %g, beyond %g", text, name, (int)i, data[i], b->number);
    }
    const double want = b->law == UNIFORM ? b->number / sqrt(3) : b->number;
    const double within = 4 / sqrt(b->law == UNIFORM ? 5 * n : 2 * n);
    if (b->law != CONSTANT && !(fabs(sqrt(squares / n) / want - 1) <= within))
        fail_msg("%s: %s has a mean square of %g^2, must be %g^2", text, name, sqrt(squares / n), want);
}

static void parameters_begin_with_their_distributions(void **state) {
    const double deep = 0.02 / sqrt(2.0 * LAYERS), third = 1 / sqrt(3);
    const struct beginning beginnings[] = {
        {"attention", "qkv.weight", NORMAL, 0.02},
        {"attention", "out_proj.weight", NORMAL, deep},
        {"attention", "bias", CONSTANT, 0},
        {"sliding", "qkv.weight", NORMAL, 0.02},
        {"blocked", "out_proj.weight", NORMAL, deep},
        {"select", "select.weight qkv.weight", NORMAL, 0.02},
        {"select:selector=two_way", "select.weight", NORMAL, 0.02},
        {"select:selector=two_way", "bias", CONSTANT, 0},
        {"select:selector=two_way", "temperature", CONSTANT, 0.3 * sqrt(WIDTH)},
        {"shortconv", "conv.weight conv.bias", UNIFORM, third},
        {"shortconv:kernel=5", "conv.weight conv.bias", UNIFORM, 1 / sqrt(5)},
        {"longconv", "filter.taps", NORMAL, 1},
        {"baseconv", "projection.weight", NORMAL, 0.02},
        {"baseconv", "projection.bias", CONSTANT, 0},
        {"baseconv", "conv.weight conv.bias", UNIFORM, third},
        {"baseconv:kernel=-1", "0.weight 1.weight projection.weight", NORMAL, 0.02},
        {"baseconv:kernel=-1", "bias", CONSTANT, 0},
        {"baseconv:kernel=-1:filter=explicit", "filter.taps", NORMAL, 1},
        {"hyena", "in_proj.weight 0.weight 1.weight 2.weight 3.weight", NORMAL, 0.02},
        {"hyena", "out_proj.weight", NORMAL, deep},
        {"hyena", "in_proj.bias out_proj.bias 0.bias 1.bias 2.bias", CONSTANT, 0},
        {"hyena", "short.weight short.bias", UNIFORM, third},
        {"hyena", "filter.skip", NORMAL, 1},
        {"hyena", "filter.frequency", CONSTANT, 1},
        {"h3", "q.weight k.weight v.weight out.weight", NORMAL, 0.02},
        {"h3", "bias", CONSTANT, 0},
        {"h3", "shift.c", UNIFORM, 1 / sqrt(TOKENS + 3)},
        {"h3", "shift.skip ssm.skip", NORMAL, 1},
        {"h3", "ssm.c", NORMAL, sqrt(0.5)},
        {"rwkv", "k.weight v.weight r.weight out.weight", NORMAL, 0.02},
        {"rwkv-channel", "k.weight v.weight r.weight", NORMAL, 0.02},
        {"mamba", "in_proj.weight x_proj.weight", NORMAL, 0.02},
        {"mamba", "conv.weight conv.bias", UNIFORM, 0.5},
        {"mamba", "dt_proj.weight", UNIFORM, 1 / sqrt(2)},
        {"mamba", "out_proj.weight", UNIFORM, 1 / sqrt(2.0 * WIDTH * LAYERS)},
        {"linear", "q.weight k.weight v.weight out.weight", NORMAL, 0.02},
        {"linear:map=polynomial", "features.linear", NORMAL, 1 / sqrt(8)},
        {"linear:map=polynomial", "features.squares", CONSTANT, 0},
        {"based", "q.weight k.weight v.weight out.weight", NORMAL, 0.02},
        {"retnet", "q.weight k.weight v.weight gate.weight", NORMAL, 0.02},
        {"retnet", "out_proj.weight", NORMAL, deep},
        {"aaren", "query q.weight kv.weight", NORMAL, 0.02},
        {"aaren", "out_proj.weight", NORMAL, deep},
        {"aaren", "bias", CONSTANT, 0},
    };
    attn_ctx *ctx;
    (void)state;
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        const struct beginning *b = &beginnings[i];
        struct test_mixer_model m;
        int found = 0, words = 1;
        test_mixer_open(&m, ctx, &(struct test_mixer){b->text, WIDTH, TOKENS, 0, LAYERS}, 0);
        for (const char *c = b->names; *c; c++) words += *c == ' ';
        for (int64_t p = 0; p < attn_model_count(m.model); p++) {
            const char *name = attn_model_name(m.model, p);
            if (!is_named(name, b->names)) continue;
            check(b->text, name, attn_model_tensor(m.model, p), b);
            found++;
        }
        if (found < words) fail_msg("%s: of \"%s\" there are %d", b->text, b->names, found);
        test_mixer_close(&m);
    }
    attn_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters_begin_with_their_distributions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
