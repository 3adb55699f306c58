#include "support/mixers.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct test_mixer test_mixers[] = {
    {"attention", 6, 9, 0, 2},
    {"attention:heads=3", 12, 5, 1, 2},
    {"attention", 4, 1, 0, 1},
    {"baseconv", 6, 9, 0, 2},
    {"baseconv:kernel=4:act=silu", 5, 2, 0, 2},
    {"baseconv:kernel=-1", 6, 9, 1, 2},
    {"baseconv:kernel=-1:filter=explicit:act=silu", 5, 7, 0, 1},
    {"baseconv:kernel=-1:filter=programmatic", 6, 9, 0, 2},
    {"baseconv:kernel=-1:filter=programmatic:scope=example:read=equal", 6, 9, 0, 2},
    {"baseconv:kernel=-1:filter=autocorrelation:taps=3", 6, 9, 0, 2},
    {"baseconv:kernel=-1:filter=autocorrelation:taps=3:scope=example", 6, 9, 0, 2},
    {"baseconv:kernel=-1:filter=autocorrelation:read=equal", 4, 1, 0, 2},
    {"shortconv", 6, 9, 0, 2},
    {"shortconv:kernel=1", 3, 1, 0, 2},
    {"longconv", 6, 9, 0, 2},
    {"longconv:filter=implicit", 3, 1, 0, 2},
    {"hyena", 6, 9, 0, 2},
    {"hyena", 3, 1, 1, 2},
    {"h3", 6, 9, 0, 2},
    {"h3:head_dim=3:d_state=5", 6, 9, 0, 2},
    {"h3:head_dim=1", 3, 1, 1, 2},
    {"rwkv", 6, 9, 0, 2},
    {"rwkv", 3, 1, 13, 14},
    {"rwkv-channel", 6, 9, 1, 2},
    {"mamba", 5, 9, 0, 2},
    {"mamba:expand=1:d_state=3:kernel=2", 3, 1, 1, 2},
    {"sliding:window=3", 6, 9, 0, 2},
    {"sliding:window=20:heads=2", 4, 7, 0, 1},
    {"sliding:window=1", 4, 1, 0, 1},
    {"blocked:block=3", 6, 9, 0, 2},
    {"blocked:block=4:heads=2", 4, 7, 0, 1},
    {"blocked:block=5", 4, 3, 0, 1},
    {"linear", 6, 9, 0, 2},
    {"linear:map=elu:f=3:heads=2", 4, 1, 0, 1},
    {"linear:map=taylor:f=3:heads=2", 6, 7, 0, 2},
    {"linear:map=relu:f=5", 4, 7, 0, 1},
    {"linear:map=square:f=4:heads=2", 4, 7, 0, 1},
    {"linear:map=softmax:f=4:heads=2", 4, 7, 0, 1},
    {"linear:map=performer:f=3:m=7:heads=2", 4, 7, 0, 1},
    {"linear:map=cosformer:f=5:heads=2", 4, 7, 0, 1},
    {"linear:map=polynomial:f=3:heads=2", 4, 5, 0, 1},
    {"based", 6, 9, 0, 2},
    {"based:f=4:heads=3", 6, 5, 1, 2},
    {"select:selector=full", 6, 5, 0, 2},
    {"select:selector=random", 6, 9, 0, 2},
    {"select:selector=random:k=1:heads=2", 4, 9, 0, 1},
    {"select:selector=random:k=2", 6, 17, 0, 1},
    {"select:selector=programmatic:heads=2", 4, 9, 0, 1},
    {"select", 6, 9, 0, 2},
    {"select:k=1:penalty=3:heads=2", 4, 9, 0, 1},
    {"select:selector=softmax", 6, 9, 0, 2},
    {"select:selector=two_way", 6, 9, 0, 2},
    {"select:selector=random", 4, 1, 0, 1},
    {"select:selector=two_way", 4, 1, 0, 1},
    {"retnet", 16, 9, 0, 2},
    {"retnet:heads=1:expand=2", 4, 7, 1, 2},
    {"retnet:heads=1", 8, 1, 0, 1},
    {"aaren", 6, 9, 0, 2},
    {"aaren:heads=3:dropout=0.3", 12, 5, 1, 2},
    {"aaren", 4, 1, 0, 1},
};
const int test_mixers_count = sizeof test_mixers / sizeof *test_mixers;

bool test_mixer_looks_ahead(const struct test_mixer *what, bool training) {
    if (strstr(what->text, "scope=example")) return true; /* one filter of all tokens */
    if (strncmp(what->text, "select", 6) != 0) return false;
    const bool known = strstr(what->text, "full") || strstr(what->text, "random") || strstr(what->text, "programmatic");
    return training ? strstr(what->text, "softmax") != NULL : !known;
}

void test_mixer_open(struct test_mixer_model *m, attn_ctx *ctx, const struct test_mixer *what, double move) {
    const attn_mixer_place place = {what->width, what->length + 3, what->layer, what->layers};
    struct attn_random random;
    *m = (struct test_mixer_model){.what = what};
    assert_int_equal(attn_model_create(ctx, 5, &m->model), ATTN_OK);
    m->mixer = attn_mixer_make(m->model, what->text, &place, NULL, 0);
    if (!m->mixer) {
        char text[512];
        fail_msg("%s: %s", what->text, attn_ctx_error(ctx, text, sizeof text));
    }
    attn_random_init(&random, 17);
    for (int64_t i = 0; i < attn_model_count(m->model); i++) {
        attn_tensor *p = attn_model_tensor(m->model, i);
        for (int64_t j = 0; j < attn_count(p); j++) attn_data(p)[j] += (attn_real)(move * (2 * attn_random_uniform(&random) - 1));
    }
    m->u = attn_parameter(attn_model_tape(m->model), 3, (const int64_t[]){TEST_MIXER_BATCH, what->length, what->width});
    assert_non_null(m->u);
    attn_fill_uniform(m->u, -1.5, 1.5, 3);
    m->tokens = malloc((size_t)(TEST_MIXER_BATCH * what->length) * sizeof *m->tokens);
    assert_non_null(m->tokens);
    for (int64_t i = 0; i < TEST_MIXER_BATCH * what->length; i++) m->tokens[i] = (int32_t)attn_random_below(&random, 4);
}

void test_mixer_close(struct test_mixer_model *m) {
    free(m->tokens);
    attn_model_destroy(m->model);
}

attn_tensor *test_mixer_output(struct test_mixer_model *m, bool training, attn_tensor **penalty) {
    attn_tape_reset(attn_model_tape(m->model));
    attn_mixer_call call = {.u = m->u, .tokens = m->tokens, .training = training};
    attn_tensor *y = attn_mix(m->mixer, &call);
    if (!y) fail_msg("%s: mix failed with status %d", m->what->text, (int)attn_tape_status(attn_model_tape(m->model)));
    if (penalty) *penalty = call.penalty;
    return y;
}
