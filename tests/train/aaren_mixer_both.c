/* The mixer aaren token by token: no drift in long streams, scores of any size. Its definition, gradients and state: mixer_*.c, nn_mixer*.c. */
#include "support/training.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { D = 4, STATE = 2 * D + 3, TOKENS = 50 }; /* D: the greatest width */
static const bool narrow = sizeof(attn_real) == sizeof(float);

struct fixture {
    attn_ctx *ctx;
    attn_model *model;
    attn_tape *tape;
    attn_mixer *mixer;
    int width;
};

static attn_tensor *parameter(const struct fixture *f, const char *name) {
    for (int64_t p = 0; p < attn_model_count(f->model); p++)
        if (strcmp(attn_model_name(f->model, p), name) == 0) return attn_model_tensor(f->model, p);
    fail_msg("there is no parameter %s", name);
    return NULL;
}

/* One head whose keys, values and outputs are the input; the score is the input's first number times `factor`, of width 4 without a rounding. */
static void open_mixer(struct fixture *f, int width, double factor) {
    const attn_mixer_place place = {width, TOKENS, 0, 1};
    f->width = width;
    f->ctx = test_context(1);
    assert_int_equal(attn_model_create(f->ctx, 1, &f->model), ATTN_OK);
    f->tape = attn_model_tape(f->model);
    f->mixer = attn_mixer_make(f->model, "aaren", &place, NULL, 0);
    assert_non_null(f->mixer);
    assert_int_equal(attn_mixer_state(f->mixer, 1), 2 * width + 3);
    for (int64_t p = 0; p < attn_model_count(f->model); p++) attn_fill(attn_model_tensor(f->model, p), 0);
    for (int i = 0; i < width; i++) {
        attn_real *kv = attn_data(parameter(f, "kv.weight"));
        kv[i * width + i] = kv[(width + i) * width + i] = 1;
        attn_data(parameter(f, "out_proj.weight"))[i * width + i] = 1;
    }
    attn_data(parameter(f, "q.bias"))[0] = (attn_real)(sqrt((double)width) * factor);
}

static void close_mixer(struct fixture *f) {
    attn_model_destroy(f->model);
    attn_ctx_destroy(f->ctx);
}

static void step(struct fixture *f, const attn_real *u, attn_real *state, int64_t position, attn_real *y) {
    attn_tape_reset(f->tape);
    attn_mixer_call call = {.u = attn_tensor_input(f->tape, 3, (const int64_t[]){1, 1, f->width}, u)};
    attn_tensor *out = attn_mixer_step(f->mixer, &call, state, INT64_MAX, position);
    assert_non_null(out);
    memcpy(y, attn_data(out), (size_t)f->width * sizeof *y);
}

/* The running mean of equal scores. Sums of floats would be off by some 1e-5 by now. */
static void long_streams_do_not_drift(void **state) {
    enum { LONG = 100000 };
    struct fixture f;
    struct attn_random random;
    attn_real u[D] = {(attn_real)1.7}, numbers[STATE] = {0}, y[D] = {0};
    double sum[D] = {0};
    (void)state;
    open_mixer(&f, 3, -5000); /* a score that no float is */
    attn_random_init(&random, 5);
    for (int64_t t = 0; t < LONG; t++) {
        for (int i = 1; i < f.width; i++) sum[i] += (double)(u[i] = (attn_real)(1 + attn_random_uniform(&random)));
        step(&f, u, numbers, t, y);
    }
    for (int i = 1; i < f.width; i++) assert_true(fabs((double)y[i] - sum[i] / LONG) <= (narrow ? 1e-7 : 1e-11)); /* 1.5, rounded once */
    close_mixer(&f);
}

enum scores { NORMAL, NORMAL_100, RISING, FALLING, SPIKE_FIRST, SPIKE_LAST, LOW, SCORES };

static double score_of(enum scores kind, int t, struct attn_random *random) {
    const double normal = (double)(float)attn_random_normal(random);
    switch (kind) {
    case NORMAL:
        return normal;
    case NORMAL_100:
        return 100 * normal;
    case RISING:
        return 0.5 * t;
    case FALLING:
        return -0.5 * t;
    case SPIKE_FIRST:
        return t == 0 ? 1e4 : normal;
    case SPIKE_LAST:
        return t == TOKENS - 1 ? 1e4 : normal;
    case LOW:
    case SCORES:
        break;
    }
    return -1e4;
}

/* Row t of the result is a mean of rows 0 to t, so it also lies between their least and greatest number. */
static void check_scores(enum scores kind) {
    struct fixture f;
    struct attn_random random;
    attn_real u[TOKENS * D], numbers[STATE] = {0}, y[D];
    open_mixer(&f, D, 1);
    attn_random_init(&random, 40 + (uint64_t)kind);
    for (int i = 0; i < TOKENS * D; i++) u[i] = (attn_real)(i % D ? attn_random_normal(&random) : score_of(kind, i / D, &random));
    for (int t = 0; t < TOKENS; t++) {
        double most = -(double)INFINITY, total = 0;
        step(&f, u + t * D, numbers, t, y);
        for (int j = 0; j <= t; j++) most = fmax(most, (double)u[j * D]);
        for (int j = 0; j <= t; j++) total += exp((double)u[j * D] - most);
        for (int i = 0; i < D; i++) {
            double mean = 0, least = (double)INFINITY, greatest = -(double)INFINITY, size = 0;
            for (int j = 0; j <= t; j++) {
                const double v = (double)u[j * D + i];
                mean += exp((double)u[j * D] - most) / total * v;
                least = fmin(least, v);
                greatest = fmax(greatest, v);
                size = fmax(size, fabs(v));
            }
            const double bound = (narrow ? 2e-7 : 1e-14) * size * 4;
            if (!(fabs((double)y[i] - mean) <= bound && (double)y[i] >= least - bound && (double)y[i] <= greatest + bound))
                fail_msg("scores %d: token %d: number %d is %.9g, must be %.9g", (int)kind, t, i, (double)y[i], mean);
        }
    }
    close_mixer(&f);
}

static void scores_of_any_size_give_the_mean_with_their_softmax(void **state) {
    (void)state;
    for (int kind = 0; kind < SCORES; kind++) check_scores((enum scores)kind);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_streams_do_not_drift),
        cmocka_unit_test(scores_of_any_size_give_the_mean_with_their_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
