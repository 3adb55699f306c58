/* aaren/control as C: the written program acts as the model does, on this machine and on a Cortex-M4F. */
#include "support/control.h"
#include "support/counts.h"
#include "support/exports.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 60 };

static const struct test_trial trials[] = {{"", false, false},
                                           {"layers=2 mixer=aaren:heads=2", false, true},
                                           {"mixer=aaren:heads=4 width=12", true, false},
                                           {"layers=2", true, true}};
enum { TRIALS = sizeof trials / sizeof trials[0] };

/* Rewards that are not known now and then; more steps than have a vector of their own. */
static void compare(const struct test_trial *trial, enum test_machine machine) {
    struct test_control t;
    struct attn_random random;
    test_control_open(&t, test_ctx, trial->words, NULL);
    test_control_stir(&t, 0.3);
    const int64_t inputs = 1 + t.s->scale.observations, actions = t.s->scale.actions;
    float *in = calloc((size_t)(ROWS * inputs), sizeof *in);
    double *scale = calloc((size_t)actions, sizeof *scale);
    assert_true(in && scale);
    attn_random_init(&random, 9);
    for (int64_t i = 0; i < ROWS * inputs; i++) in[i] = (float)attn_random_normal(&random);
    for (int64_t i = 0; i < ROWS; i += 7) in[i * inputs] = NAN;
    for (int64_t i = 0; i < actions; i++) scale[i] = test_export_scale(t.s->scale.middle[i], t.s->scale.half[i]);
    test_export_agree(&t.job, trial, machine, ROWS, in, scale);
    free(in);
    free(scale);
    test_control_close(&t);
}

static void the_written_program_acts_as_the_model_does(void **state) {
    (void)state;
    for (int i = 0; i < TRIALS; i++) compare(&trials[i], i % 2 == 0 ? TEST_DESK : TEST_DESK_SLOW);
}

static void on_a_cortex_m4f_too(void **state) {
    (void)state;
    for (int i = 0; i < (test_thinned() ? 1 : TRIALS); i++) compare(&trials[i], TEST_BOARD);
}

/* Rewards as in the stream, which refuses such an observation: the program takes training's mean in its place. */
static void numbers_that_are_too_great_are_not_known_and_then_a_mean_is_seen(void **state) {
    struct test_control t;
    struct attn_random random;
    (void)state;
    test_control_open(&t, test_ctx, "", NULL);
    test_control_stir(&t, 0.3);
    const int64_t inputs = 1 + t.s->scale.observations, actions = t.s->scale.actions;
    float *in = calloc((size_t)(ROWS * inputs), sizeof *in), *got = calloc((size_t)(ROWS * actions), sizeof *got);
    double *mean = calloc((size_t)(ROWS * inputs), sizeof *mean), *want = calloc((size_t)(ROWS * actions), sizeof *want);
    double *scale = calloc((size_t)actions, sizeof *scale);
    assert_true(in && got && mean && want && scale);
    attn_random_init(&random, 10);
    for (int64_t i = 0; i < ROWS * inputs; i++) {
        const bool known = attn_random_below(&random, 9) > 0;
        in[i] = known ? (float)attn_random_normal(&random) : NAN;
        mean[i] = known || i % inputs == 0 ? (double)in[i] : t.s->scale.mean[i % inputs - 1];
    }
    for (int64_t i = 0; i < actions; i++) scale[i] = test_export_scale(t.s->scale.middle[i], t.s->scale.half[i]);
    test_export_infinite(&t.job, ROWS, in);
    struct attn_export_report report;
    test_export_write(&t.job, false, false, &report);
    test_export_push(&t.job, ROWS, mean, want);
    test_export_run(TEST_DESK, &report, false, ROWS, in, got);
    test_export_compare("observations that are not known", ROWS, actions, want, got, scale);
    free(in);
    free(got);
    free(mean);
    free(want);
    free(scale);
    test_control_close(&t);
}

/* Episodes of one action, for worlds that see so many numbers. */
static void write_episodes(const char *path, int observations) {
    struct attn_random random;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    attn_random_init(&random, 8);
    fputs("trajectory,step", file);
    for (int i = 0; i < observations; i++) fprintf(file, ",obs%d", i);
    fputs(",act0,reward\n", file);
    for (int row = 0; row < 100; row++) {
        fprintf(file, "%d,%d", row / 10, row % 10);
        for (int i = 0; i < observations; i++) fprintf(file, ",%.7g", attn_random_normal(&random));
        fprintf(file, ",%.7g,%.7g\n", 4 * attn_random_uniform(&random) - 2, attn_random_normal(&random));
    }
    assert_int_equal(fclose(file), 0);
}

static void what_a_world_takes_of_an_action_is_written_too(void **state) {
    static const struct {
        const char *world;
        int observations;
    } worlds[] = {{"pendulum", 3}, {"cartpole", 4}, {"none", 5}};
    char path[96], words[256];
    (void)state;
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        snprintf(path, sizeof path, "%s/episodes.csv", test_folder);
        write_episodes(path, worlds[i].observations);
        snprintf(words, sizeof words, "data=%s world=%s tanh=false", path, worlds[i].world);
        compare(&(struct test_trial){words, false, false}, TEST_DESK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_written_program_acts_as_the_model_does),
        cmocka_unit_test(numbers_that_are_too_great_are_not_known_and_then_a_mean_is_seen),
        cmocka_unit_test(what_a_world_takes_of_an_action_is_written_too),
        cmocka_unit_test(on_a_cortex_m4f_too),
    };
    return cmocka_run_group_tests_name("aaren: policies as C", tests, test_setting_open, test_setting_close);
}
