/* The example of a plugin in double: its gradients are differences, token by token it gives what it gives for all at once. */
#include "attn_train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 2, TOKENS = 7, WIDTH = 5, PARAMETERS = 6 };

struct fixture {
    attn_ctx *ctx;
    attn_model *model;
    attn_mixer *mixer;
    attn_tensor *u;
};

static void open_fixture(struct fixture *f) {
    const attn_plugin *plugin = NULL;
    const attn_mixer_place place = {WIDTH, TOKENS, 0, 1};
    const char *folder = getenv("ATTN_TEST_PLUGINS");
    char path[1024];
    assert_non_null(folder); /* ctest sets it */
    snprintf(path, sizeof path, "%s/my_mixer_f64.so", folder ? folder : "");
    assert_int_equal(attn_ctx_create(NULL, &f->ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_plugin_open(f->ctx, path, &plugin), ATTN_OK);
    assert_int_equal(attn_model_create(f->ctx, 5, &f->model), ATTN_OK);
    f->mixer = attn_mixer_make(f->model, "my_mixer:memory=3", &place, plugin->mixers, plugin->mixer_count);
    assert_non_null(f->mixer);
    assert_int_equal(attn_model_count(f->model), PARAMETERS);
    for (int64_t i = 0; i < PARAMETERS; i++) attn_fill_normal(attn_model_tensor(f->model, i), 0, 0.7, (uint64_t)i);
    f->u = attn_parameter(attn_model_tape(f->model), 3, (const int64_t[]){BATCH, TOKENS, WIDTH});
    attn_fill_normal(f->u, 0, 1, 99);
}

static void close_fixture(struct fixture *f) {
    attn_model_destroy(f->model);
    attn_ctx_destroy(f->ctx);
}

static attn_tensor *loss_of(struct fixture *f) {
    attn_tape_reset(attn_model_tape(f->model));
    attn_mixer_call call = {.u = f->u, .training = true};
    attn_tensor *loss = attn_sum_all(attn_sin(attn_mix(f->mixer, &call)));
    assert_non_null(loss);
    return loss;
}

static void gradients_are_differences(void **state) {
    struct fixture f;
    const double h = 1e-5;
    (void)state;
    open_fixture(&f);
    for (int64_t p = 0; p <= PARAMETERS; p++) {
        attn_tensor *x = p < PARAMETERS ? attn_model_tensor(f.model, p) : f.u;
        for (int64_t i = 0; i < attn_count(x); i++) {
            assert_int_equal(attn_tape_backward(loss_of(&f)), ATTN_OK);
            const double gradient = attn_grad(x)[i], before = attn_data(x)[i];
            attn_data(x)[i] = before + h;
            const double above = attn_data(loss_of(&f))[0];
            attn_data(x)[i] = before - h;
            const double below = attn_data(loss_of(&f))[0];
            attn_data(x)[i] = before;
            assert_true(fabs(gradient - (above - below) / (2 * h)) <= 1e-7 * fmax(1, fabs(gradient)));
        }
    }
    close_fixture(&f);
}

static void token_by_token_gives_what_all_at_once_gives(void **state) {
    struct fixture f;
    double all[BATCH * TOKENS * WIDTH], kept[BATCH * WIDTH] = {0};
    (void)state;
    open_fixture(&f);
    attn_mixer_call whole = {.u = f.u};
    memcpy(all, attn_data(attn_mix(f.mixer, &whole)), sizeof all);
    assert_int_equal(attn_mixer_state(f.mixer, TOKENS), WIDTH);
    for (int64_t i = 0; i < TOKENS; i++) {
        attn_mixer_call one = {.u = attn_contiguous(attn_narrow(f.u, 1, i, 1))};
        const attn_real *y = attn_data(attn_mixer_step(f.mixer, &one, kept, TOKENS, i));
        assert_non_null(y);
        for (int64_t b = 0; b < BATCH; b++)
            for (int64_t c = 0; c < WIDTH; c++) assert_true(fabs(y[b * WIDTH + c] - all[(b * TOKENS + i) * WIDTH + c]) < 1e-13);
    }
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(token_by_token_gives_what_all_at_once_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
