/* aaren/control: what is drawn and learned, what is seen of the future, and rows one by one against all at once. */
#include "support/control.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const bool in_double = sizeof(attn_real) == sizeof(double);
static const char *const mixers[] = {"mixer=aaren:heads=2", "mixer=attention:heads=2", "mixer=aaren:heads=1+attention:heads=4"};
enum { MIXERS = sizeof mixers / sizeof mixers[0], EPISODES = TEST_CONTROL_EPISODES, LONGEST = TEST_CONTROL_LONGEST };

static char *words(const char *a, const char *b) {
    static char text[512];
    snprintf(text, sizeof text, "%s %s", a, b);
    return text;
}

/* ---------------------------------------------------------------------------------------------------------- drawing */

/* Every step of training is as likely as another: within 5 standard deviations of its share. */
static void steps_are_drawn_evenly_and_never_held_out_ones(void **state) {
    enum { DRAWS = 40000 };
    struct test_control t;
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    const struct attn_aaren_control_source *source = &t.s->source;
    const struct attn_aaren_episodes *e = &source->episodes;
    int *drawn = calloc((size_t)e->steps, sizeof *drawn);
    int64_t steps = 0, held = 0;
    for (int64_t i = 0; i < e->count; i++) {
        held += !source->train[i];
        steps += source->train[i] ? e->first[i + 1] - e->first[i] : 0;
    }
    assert_int_equal(held, 3);
    for (int64_t i = 0; i < DRAWS; i++) {
        const struct attn_aaren_control_place at = attn_aaren_control_draw(source, 1, i / 64, i % 64);
        assert_true(source->train[at.episode] && at.step >= 0 && at.step < e->first[at.episode + 1] - e->first[at.episode]);
        drawn[e->first[at.episode] + at.step]++;
    }
    const double share = (double)DRAWS / (double)steps;
    for (int64_t i = 0; i < e->count; i++)
        for (int64_t k = e->first[i]; k < e->first[i + 1] && source->train[i]; k++)
            assert_true(fabs((double)drawn[k] - share) < 5 * sqrt(share));
    free(drawn);
    test_control_close(&t);
}

/* Scaled by means and deviations that are computed here again. */
static void an_example_is_the_episodes_steps_and_empty_behind_them(void **state) {
    struct test_control t;
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    const struct attn_aaren_episodes *e = &t.s->source.episodes;
    struct attn_aaren_control_batch *b = &t.s->batch;
    double mean[3] = {0}, deviation[3] = {0}, low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9}, most = 0, count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < e->count; i++)
            for (int64_t k = e->first[i]; k < e->first[i + 1] && t.s->source.train[i]; k++) {
                count += pass == 0;
                most = fmax(most, fabs(e->to_go[k]));
                for (int j = 0; j < 3; j++) {
                    const double x = (double)e->observation[3 * k + j];
                    if (pass == 0)
                        mean[j] += x;
                    else
                        deviation[j] += (x - mean[j] / count) * (x - mean[j] / count);
                }
                for (int j = 0; j < 2; j++) {
                    low[j] = fmin(low[j], (double)e->action[2 * k + j]);
                    high[j] = fmax(high[j], (double)e->action[2 * k + j]);
                }
            }
    b->count = 1;
    b->steps = 5;
    for (int64_t i = 0; i < e->count; i++)
        for (int64_t at = 0; at < e->first[i + 1] - e->first[i]; at++) {
            const int64_t length = attn_min64(5, e->first[i + 1] - e->first[i] - at);
            attn_aaren_control_fill(e, &t.s->scale, (struct attn_aaren_control_place){i, at}, 0, b);
            assert_int_equal(b->length[0], length);
            for (int64_t k = 0; k < 5; k++) {
                const int64_t from = e->first[i] + at + k;
                const bool there = k < length;
                assert_int_equal(b->time[k], there ? at + k : 0);
                assert_true(fabs((double)b->to_go[k] - (there ? e->to_go[from] / most : 0)) < 1e-6);
                for (int j = 0; j < 3; j++) {
                    const double x = there ? ((double)e->observation[3 * from + j] - mean[j] / count) / sqrt(deviation[j] / count) : 0;
                    assert_true(fabs((double)b->observation[3 * k + j] - x) < 1e-5);
                }
                for (int j = 0; j < 2; j++) {
                    const double x = there ? ((double)e->action[2 * from + j] - (low[j] + high[j]) / 2) / ((high[j] - low[j]) / 2) : 0;
                    assert_true(fabs((double)b->action[2 * k + j] - x) < 1e-5 && fabs(x) < 1 + 1e-9);
                }
            }
        }
    test_control_close(&t);
}

/* --------------------------------------------------------------------------------------------------------- learning */

static double loss_of(struct test_control *t, int64_t step, int64_t micro, int64_t micros) {
    attn_tape_reset(t->tape);
    attn_tensor *loss = t->job.task->loss(&t->job, step, micro, micros);
    assert_non_null(loss);
    return (double)attn_data(loss)[0];
}

/* The mean over all numbers of the actions that are there, one example after the other. */
static double slow_loss(struct test_control *t, int64_t step) {
    struct attn_aaren_control *s = t->s;
    double sum = 0, count = 0;
    for (int64_t i = 0; i < s->examples; i++) {
        s->batch.count = 1;
        s->batch.steps = s->context;
        attn_aaren_control_fill(&s->source.episodes, &s->scale, attn_aaren_control_draw(&s->source, s->seed, step, i), 0, &s->batch);
        attn_tape_reset(t->tape);
        attn_tensor *y = attn_aaren_decision_forward(&s->model, &s->batch, false);
        for (int64_t k = 0; k < s->batch.length[0] * s->scale.actions; k++, count++)
            sum += pow((double)attn_data(y)[k] - (double)s->batch.action[k], 2);
    }
    return sum / count;
}

static void the_loss_is_the_mean_square_over_actions_that_are_there(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        struct test_control t;
        test_control_open(&t, test_ctx, words(test_control_data, mixers[m]), NULL);
        test_control_stir(&t, 0.3);
        for (int64_t step = 0; step < 5; step++) {
            const double whole = loss_of(&t, step, 0, 1), slow = slow_loss(&t, step), bound = in_double ? 1e-12 : 1e-5;
            assert_true(fabs(whole - slow) <= bound * slow);
            assert_true(fabs(loss_of(&t, step, 0, 2) + loss_of(&t, step, 1, 2) - whole) <= bound * whole);
        }
        test_control_close(&t);
    }
}

/* In double: some elements of every parameter, by central differences. */
static void gradients_are_those_of_differences(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS && in_double; m++) {
        struct test_control t;
        test_control_open(&t, test_ctx, words(test_control_data, mixers[m]), NULL);
        test_control_stir(&t, 0.3);
        attn_tape_reset(t.tape);
        assert_int_equal(attn_tape_backward(t.job.task->loss(&t.job, 1, 0, 1)), ATTN_OK);
        int64_t at = 0;
        double *gradient = calloc((size_t)attn_model_elements(t.job.model), sizeof *gradient);
        for (int64_t p = 0; p < attn_model_count(t.job.model); p++)
            for (int64_t i = 0; i < attn_count(attn_model_tensor(t.job.model, p)); i++)
                gradient[at++] = (double)attn_grad(attn_model_tensor(t.job.model, p))[i];
        at = 0;
        for (int64_t p = 0; p < attn_model_count(t.job.model); p++) {
            attn_tensor *x = attn_model_tensor(t.job.model, p);
            const int64_t count = attn_count(x), stride = attn_max64(1, count / 5);
            for (int64_t i = 0; i < count; i += stride) {
                const attn_real middle = attn_data(x)[i];
                const double h = 1e-5;
                attn_data(x)[i] = (attn_real)((double)middle + h);
                const double above = loss_of(&t, 1, 0, 1);
                attn_data(x)[i] = (attn_real)((double)middle - h);
                const double below = loss_of(&t, 1, 0, 1), difference = (above - below) / (2 * h);
                attn_data(x)[i] = middle;
                if (!(fabs(gradient[at + i] - difference) <= 1e-7 * fmax(1, fabs(difference))))
                    fail_msg("%s: %s[%lld]: %.12g, by differences %.12g", mixers[m], attn_model_name(t.job.model, p), (long long)i,
                             gradient[at + i], difference);
            }
            at += count;
        }
        free(gradient);
        test_control_close(&t);
    }
}

static void three_steps_lower_the_loss(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        struct test_control t;
        test_control_open(&t, test_ctx, mixers[m], NULL); /* the point mass's own episodes */
        double before = loss_of(&t, 0, 0, 1);
        for (int step = 0; step < 3; step++) {
            attn_tape_reset(t.tape);
            assert_int_equal(attn_tape_backward(t.job.task->loss(&t.job, 0, 0, 1)), ATTN_OK);
            for (int64_t p = 0; p < attn_model_count(t.job.model); p++) {
                attn_tensor *x = attn_model_tensor(t.job.model, p);
                for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] -= (attn_real)0.02 * attn_grad(x)[i];
            }
            const double now = loss_of(&t, 0, 0, 1);
            assert_true(now < before);
            before = now;
        }
        test_control_close(&t);
    }
}

/* ---------------------------------------------------------------------------------------------------------- the future */

/* Actions [5][2] of one example with all that it can see. */
static void act(struct test_control *t, attn_real *out) {
    attn_tape_reset(t->tape);
    attn_tensor *y = attn_aaren_decision_forward(&t->s->model, &t->s->batch, false);
    assert_non_null(y);
    memcpy(out, attn_data(y), 10 * sizeof *out);
}

/* To the bit; and what is there is not ignored. */
static void an_action_sees_no_later_observation_and_neither_its_own_action(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS; m++)
        for (int64_t step = 0; step < 5; step++) {
            struct test_control t;
            attn_real before[10], after[10];
            test_control_open(&t, test_ctx, words(test_control_data, mixers[m]), NULL);
            test_control_stir(&t, 0.3);
            struct attn_aaren_control_batch *b = &t.s->batch;
            b->count = 1;
            b->steps = 5;
            int64_t longest = 0;
            while (t.s->source.episodes.first[longest + 1] - t.s->source.episodes.first[longest] < 5) longest++;
            attn_aaren_control_fill(&t.s->source.episodes, &t.s->scale, (struct attn_aaren_control_place){longest, 0}, 0, b);
            act(&t, before);
            b->action[2 * step] += 1;
            act(&t, after);
            assert_memory_equal(before, after, (size_t)(2 * (step + 1)) * sizeof *before);
            assert_true(step == 4 || memcmp(before + 8, after + 8, 2 * sizeof *before) != 0);
            b->action[2 * step] -= 1;
            b->observation[3 * step] += 1;
            b->to_go[step] += 1;
            act(&t, after);
            assert_memory_equal(before, after, (size_t)(2 * step) * sizeof *before);
            assert_memory_not_equal(before + 2 * step, after + 2 * step, 2 * sizeof *before);
            test_control_close(&t);
        }
}

/* ------------------------------------------------------------------------------------------------------- row by row */

/* `rows` rows pushed: rewards of 0.5 i but for every third, which is missing; the same by one forward pass. */
static void check_rows(const char *with, int64_t rows) {
    struct test_control t;
    struct attn_stream_face face;
    struct attn_random random;
    double out[2], done[64][2], seen[64][3], to_go = 0;
    char more[128];
    snprintf(more, sizeof more, "%s context=%lld target_return=7", with, (long long)rows);
    test_control_open(&t, test_ctx, words(test_control_data, more), NULL);
    test_control_stir(&t, 0.3);
    attn_tape_record(t.tape, false);
    assert_int_equal(t.job.task->stream(&t.job, rows, &face), ATTN_OK);
    assert_true(face.inputs == 4 && face.outputs == 2 && face.state > 3);
    assert_string_equal(face.input_name[0], "reward");
    assert_string_equal(face.input_name[3], "obs2");
    assert_string_equal(face.output_name[1], "act1");
    attn_real *state = calloc((size_t)face.state, sizeof *state);
    attn_random_init(&random, 5);
    for (int64_t i = 0; i < rows; i++) {
        const double reward = i % 3 == 0 ? (double)NAN : 0.5 * (double)i;
        to_go = i == 0 ? 7 : isnan(reward) ? to_go : to_go - reward;
        for (int j = 0; j < 3; j++) seen[i][j] = attn_random_normal(&random);
        assert_int_equal(t.job.task->push(&t.job, state, rows, i, (double[]){reward, seen[i][0], seen[i][1], seen[i][2]}, done[i]),
                         ATTN_OK);
        t.s->batch.count = 1;
        t.s->batch.steps = rows;
        attn_aaren_control_put(&t.s->batch, &t.s->scale, 0, i, i, to_go, seen[i], done[i]);
        for (int64_t k = 0; k < i; k++) { /* the push has used the batch */
            double left = 7;
            for (int64_t l = 1; l <= k; l++) left -= l % 3 == 0 ? 0 : 0.5 * (double)l;
            attn_aaren_control_put(&t.s->batch, &t.s->scale, 0, k, k, left, seen[k], done[k]);
        }
        for (int64_t k = i + 1; k < rows; k++) attn_aaren_control_clear(&t.s->batch, &t.s->scale, 0, k);
        attn_tape_reset(t.tape);
        attn_tensor *y = attn_aaren_decision_forward(&t.s->model, &t.s->batch, false);
        attn_aaren_control_unscale(&t.s->scale, attn_data(y) + 2 * i, out);
        for (int j = 0; j < 2; j++)
            if (!(fabs(out[j] - done[i][j]) <= (in_double ? 1e-12 : 1e-5) * t.s->scale.half[j]))
                fail_msg("%s: row %lld, action %d: %.9g, at once %.9g", with, (long long)i, j, done[i][j], out[j]);
    }
    free(state);
    test_control_close(&t);
}

static void rows_one_by_one_are_the_whole_at_once(void **state) {
    (void)state;
    for (int m = 0; m < MIXERS; m++) {
        check_rows(mixers[m], 1);
        check_rows(mixers[m], 6);
        check_rows(mixers[m], 40); /* beyond the horizon */
    }
}

/* An Aaren's state is of the same size for any number of rows, and rows beyond it allocate nothing. */
static void a_stream_is_constant_and_allocates_nothing(void **state) {
    struct test_control t;
    struct attn_stream_face few, many;
    (void)state;
    test_control_open(&t, test_ctx, words(test_control_data, mixers[0]), NULL);
    attn_tape_record(t.tape, false);
    assert_int_equal(t.job.task->stream(&t.job, 1, &few), ATTN_OK);
    assert_int_equal(t.job.task->stream(&t.job, INT64_MAX, &many), ATTN_OK);
    assert_true(few.constant && few.state == many.state);
    attn_real *memory = calloc((size_t)many.state, sizeof *memory);
    int64_t allocations = 0;
    for (int64_t i = 0; i < 300; i++) {
        double out[2];
        assert_int_equal(t.job.task->push(&t.job, memory, INT64_MAX, i, (double[]){0.1, 1, 2, 3}, out), ATTN_OK);
        if (i == 1) allocations = attn_tape_allocations(t.tape);
    }
    assert_int_equal(attn_tape_allocations(t.tape), allocations);
    free(memory);
    test_control_close(&t);
    test_control_open(&t, test_ctx, words(test_control_data, mixers[1]), NULL);
    assert_int_equal(t.job.task->stream(&t.job, 1, &few), ATTN_OK);
    assert_int_equal(t.job.task->stream(&t.job, 10, &many), ATTN_OK);
    assert_true(!few.constant && many.state > few.state);
    test_control_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_drawn_evenly_and_never_held_out_ones),
        cmocka_unit_test(an_example_is_the_episodes_steps_and_empty_behind_them),
        cmocka_unit_test(the_loss_is_the_mean_square_over_actions_that_are_there),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(three_steps_lower_the_loss),
        cmocka_unit_test(an_action_sees_no_later_observation_and_neither_its_own_action),
        cmocka_unit_test(rows_one_by_one_are_the_whole_at_once),
        cmocka_unit_test(a_stream_is_constant_and_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, test_control_setting, test_setting_close);
}
