/* aaren/control: figures against slow computations of their own, trials in worlds, answers, saved models, and what is refused. */
#include "base/file.h"
#include "support/control.h"
#include "system/aaren/aaren.h"
#include "system/aaren/control_rollout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EPISODES = TEST_CONTROL_EPISODES, LONGEST = TEST_CONTROL_LONGEST };
static void expect_near(double got, double wanted, double bound) {
    if (!(fabs(got - wanted) <= bound)) fail_msg("found %.12g, expected %.12g within %g", got, wanted, bound);
}

static struct attn_figures evaluate(struct test_control *t, const char *file) {
    struct attn_figures f = {.count = 0};
    char text[1024];
    attn_tape_record(t->tape, false);
    if (t->job.task->evaluate(&t->job, file, &f)) fail_msg("%s", attn_ctx_error(test_ctx, text, sizeof text));
    assert_string_equal(f.at[0].name, t->job.task->figure);
    return f;
}

/* ----------------------------------------------------------------------------------------------------------- figures */

/* Piece by piece of 5 steps, in the file's units; the best constant by two passes. all: held-out episodes, or all of them. */
static void slow_figures(struct test_control *t, bool all, double *mse, double *constant) {
    struct attn_aaren_control *s = t->s;
    const struct attn_aaren_episodes *e = &s->source.episodes;
    double sum = 0, count = 0, mean[2] = {0}, spread = 0, said[2];
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < e->count; i++)
            for (int64_t k = e->first[i]; k < e->first[i + 1] && (all || !s->source.train[i]); k++) {
                if (pass == 1) {
                    for (int j = 0; j < 2; j++) spread += pow((double)e->action[2 * k + j] - mean[j] / count, 2);
                    continue;
                }
                const int64_t within = (k - e->first[i]) % 5;
                s->batch.count = 1;
                s->batch.steps = 5;
                attn_aaren_control_fill(e, &s->scale, (struct attn_aaren_control_place){i, k - e->first[i] - within}, 0, &s->batch);
                attn_tape_reset(t->tape);
                attn_aaren_control_unscale(&s->scale, attn_data(attn_aaren_decision_forward(&s->model, &s->batch, false)) + 2 * within,
                                           said);
                count++;
                for (int j = 0; j < 2; j++) {
                    sum += pow(said[j] - (double)e->action[2 * k + j], 2);
                    mean[j] += (double)e->action[2 * k + j];
                }
            }
    *mse = sum / (2 * count);
    *constant = spread / (2 * count);
}

static void figures_are_those_of_a_slow_computation(void **state) {
    (void)state;
    for (int bounded = 0; bounded < 2; bounded++) {
        struct test_control t;
        char words[256];
        double mse, constant;
        snprintf(words, sizeof words, "%s tanh=%s", test_control_data, bounded ? "true" : "false");
        test_control_open(&t, test_ctx, words, NULL);
        test_control_stir(&t, 0.3);
        for (int all = 0; all < 2; all++) { /* the recipe's episodes; the same as a file of the user's own, of which none are trained on */
            const struct attn_figures f = evaluate(&t, all ? test_control_path : NULL);
            slow_figures(&t, all, &mse, &constant);
            assert_int_equal(f.count, 4); /* no world: no trials */
            expect_near(attn_figures_get(&f, "validation_mse"), mse, 1e-5 * mse);
            expect_near(attn_figures_get(&f, "validation_mse_mean_action"), constant, 1e-5 * constant);
            expect_near(attn_figures_get(&f, "return_data"), attn_aaren_episodes_return(&t.s->source.episodes), 1e-12);
        }
        test_control_close(&t);
    }
}

/* ------------------------------------------------------------------------------------------------------------ trials */

/* An episode of the world in which each push is asked for by attn_task.push. */
static double slow_trial(struct test_control *t, const struct attn_aaren_trial *trial, int64_t episode) {
    const struct attn_aaren_world *world = t->s->world;
    struct attn_stream_face face;
    struct attn_random noise, choice;
    double x[ATTN_WORLD_STATE], in[1 + ATTN_WORLD_OBSERVATION] = {(double)NAN}, action[ATTN_WORLD_ACTION], sum = 0;
    bool over = false;
    assert_int_equal(t->job.task->stream(&t->job, world->steps, &face), ATTN_OK);
    attn_real *state = calloc((size_t)face.state, sizeof *state);
    attn_aaren_world_random(trial->seed, trial->first + episode, &noise, &choice);
    world->begin(&noise, x);
    for (int i = 0; i < world->steps && !over; i++) {
        world->observe(x, in + 1);
        assert_int_equal(t->job.task->push(&t->job, state, world->steps, i, in, action), ATTN_OK);
        in[0] = world->step(x, action, &noise, &over);
        sum += in[0];
    }
    free(state);
    return sum;
}

/* Many at once against one at a time; the window is as long as an episode, so that it sees what the stream sees. Sums of floats in another order move episodes
 * apart a little. */
static void a_trial_is_what_rows_pushed_one_by_one_attain(void **state) {
    static const char *const worlds[] = {"world=point context=100", "world=point mixer=attention:heads=2 context=100"};
    (void)state;
    for (size_t w = 0; w < 2; w++) {
        struct test_control t;
        double window[5], stream[5];
        test_control_open(&t, test_ctx, worlds[w], NULL);
        test_control_stir(&t, 0.1);
        attn_tape_record(t.tape, false);
        struct attn_aaren_trial trial = {.target = t.s->scale.target, .seed = 11, .first = 2, .count = 5};
        assert_int_equal(attn_aaren_control_try(&t.job, &trial, window, NULL, NULL), ATTN_OK);
        trial.stream = true;
        assert_int_equal(attn_aaren_control_try(&t.job, &trial, stream, NULL, NULL), ATTN_OK);
        for (int i = 0; i < 5; i++) {
            const double slow = slow_trial(&t, &trial, i);
            expect_near(window[i], slow, 1e-4 * fabs(slow));
            expect_near(stream[i], slow, 1e-4 * fabs(slow));
            assert_true(i == 0 || stream[i] != stream[0]);
        }
        test_control_close(&t);
    }
}

/* Of more episodes than are tried side by side; places begin where episodes do. */
static void trials_in_parts_are_trials_at_once(void **state) {
    enum { COUNT = ATTN_CONTROL_ROWS + 3 };
    static double all[COUNT], some[COUNT], place[COUNT][2 * 101];
    static int length[COUNT];
    struct test_control t;
    (void)state;
    test_control_open(&t, test_ctx, "world=point", NULL);
    attn_tape_record(t.tape, false);
    const struct attn_aaren_trial trial = {.target = -100, .seed = 1, .count = COUNT};
    assert_int_equal(attn_aaren_control_try(&t.job, &trial, all, place[0], length), ATTN_OK);
    for (int64_t i = 0; i < COUNT; i += 43) {
        const struct attn_aaren_trial part = {.target = -100, .seed = 1, .first = i, .count = attn_min64(43, COUNT - i)};
        assert_int_equal(attn_aaren_control_try(&t.job, &part, some + i, NULL, NULL), ATTN_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        expect_near(some[i], all[i], 1e-4 * fabs(all[i]));
        assert_int_equal(length[i], 101);
        expect_near(hypot(place[i][0], place[i][1]), 3, 1e-12);
    }
    test_control_close(&t);
}

static void scores_are_0_for_drawn_actions_and_100_for_the_best(void **state) {
    static const char *const names[] = {"return_window", "return_stream", "score_window", "score_stream"};
    struct test_control t;
    (void)state;
    test_control_open(&t, test_ctx, "rollouts=7", NULL);
    const struct attn_figures f = evaluate(&t, NULL);
    double random = 0, best = 0;
    for (int i = 0; i < 7; i++) {
        random += attn_aaren_world_return(&attn_aaren_point, ((uint64_t)1 << 31) + 1, i, false, NULL, NULL) / 7;
        best += attn_aaren_world_return(&attn_aaren_point, ((uint64_t)1 << 31) + 1, i, true, NULL, NULL) / 7;
    }
    expect_near(attn_figures_get(&f, "return_random"), random, 1e-9 * fabs(random));
    expect_near(attn_figures_get(&f, "return_reference"), best, 1e-9 * fabs(best));
    for (int i = 0; i < 2; i++) {
        const double attained = attn_figures_get(&f, names[i]);
        expect_near(attn_figures_get(&f, names[2 + i]), 100 * (attained - random) / (best - random), 1e-9);
    }
    const double shown = attn_figures_get(&f, "return_data");
    expect_near(attn_figures_get(&f, "score_data"), 100 * (shown - random) / (best - random), 1e-9);
    test_control_close(&t);
}

/* A mixer without a form that goes token by token is tried by windows alone. */
static void a_model_without_steps_has_no_stream(void **state) {
    struct test_control t;
    struct attn_stream_face face;
    double returns[1];
    (void)state;
    test_control_open(&t, test_ctx, "mixer=select:heads=2", NULL);
    if (attn_aaren_decision_state(&t.s->model, 10) >= 0) fail_msg("select goes token by token: another mixer is needed here");
    const struct attn_figures f = evaluate(&t, NULL);
    assert_true(isfinite(attn_figures_get(&f, "return_window")) && isnan(attn_figures_get(&f, "return_stream")));
    assert_int_equal(t.job.task->stream(&t.job, 10, &face), ATTN_OK);
    assert_int_equal(face.state, -1);
    const struct attn_aaren_trial trial = {.seed = 1, .count = 1, .stream = true};
    assert_int_equal(attn_aaren_control_try(&t.job, &trial, returns, NULL, NULL), ATTN_EUNSUPPORTED);
    test_control_close(&t);
}

static void pictures_are_of_paths_and_of_returns(void **state) {
    struct test_control t;
    (void)state;
    for (int world = 0; world < 2; world++) {
        test_control_open(&t, test_ctx, world ? "" : test_control_data, NULL);
        attn_tape_record(t.tape, false);
        for (int64_t i = 0; i < 3; i++) {
            struct attn_picture p = {.points = 0};
            assert_int_equal(t.job.task->picture(&t.job, i, &p), ATTN_OK);
            assert_int_equal(attn_picture_empty(&p), !world || i == 2);
            if (world && i < 2) assert_true(p.lines == (i == 0 ? 8 : 2) && p.title[0] && p.caption[0] && p.description[0]);
            attn_picture_free(test_ctx, &p);
        }
        test_control_close(&t);
    }
}

/* Its angle is between -pi and pi: a step that leaves that comes in on the other side, and no line leads there. */
static void a_pendulums_paths_do_not_cross_the_picture_where_it_turns_over(void **state) {
    const double pi = acos(-1);
    char path[128], words[192];
    struct test_control t;
    struct attn_picture p = {.points = 0};
    int64_t pieces = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/pendulum.csv", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("trajectory,step,obs0,obs1,obs2,act0,reward\n", file);
    for (int i = 0; i < 8; i++) fprintf(file, "%d,%d,%g,%g,%g,%g,-1\n", i / 2, i % 2, cos(i), sin(i), 0.5 * i, i % 2 ? 2.0 : -2.0);
    fclose(file);
    snprintf(words, sizeof words, "data=%s world=pendulum held=0.5", path);
    test_control_open(&t, test_ctx, words, NULL);
    attn_tape_record(t.tape, false);
    test_control_stir(&t, 2);
    assert_int_equal(t.job.task->picture(&t.job, 0, &p), ATTN_OK);
    for (int64_t k = 0; k < p.lines; k++) {
        pieces += p.line[k].count;
        for (int64_t i = 1; i < p.line[k].count; i++)
            assert_true(fabs(p.vertex[2 * (p.line[k].first + i)] - p.vertex[2 * (p.line[k].first + i - 1)]) <= pi);
    }
    assert_int_equal(pieces, 4 * 201); /* all places of four episodes of 200 steps */
    assert_true(p.lines > 4 && p.apart);
    attn_picture_free(test_ctx, &p);
    test_control_close(&t);
}

/* ------------------------------------------------------------------------------------------------------------ answers */

static char *say(struct test_control *t, const char *input, attn_status *status) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)input, strlen(input), "r"), *out = open_memstream(&text, &bytes);
    assert_true(in && out);
    attn_tape_record(t->tape, false);
    *status = t->job.task->predict(&t->job, &(struct attn_predict_options){.input = "the input"}, in, out);
    fclose(in);
    fclose(out);
    return text;
}

/* Behind an empty line the same again. */
static void answers_are_the_streams_within_the_context(void **state) {
    static const char rows[] = "7,1,2,3\n6.5, 0.5 ,-1,2e0\n6,0,0,0\n5,1,1,1\n\n7,1,2,3\r\n6.5,.5,-1,2\n";
    static const double in[4][4] = {{0, 1, 2, 3}, {0.5, 0.5, -1, 2}, {0.5, 0, 0, 0}, {1, 1, 1, 1}};
    struct test_control t;
    struct attn_stream_face face;
    attn_status status;
    char words[256];
    snprintf(words, sizeof words, "%s target_return=7", test_control_data);
    (void)state;
    test_control_open(&t, test_ctx, words, NULL);
    test_control_stir(&t, 0.3);
    char *text = say(&t, rows, &status), *at = text;
    assert_int_equal(status, ATTN_OK);
    assert_int_equal(t.job.task->stream(&t.job, 4, &face), ATTN_OK);
    attn_real *memory = calloc((size_t)face.state, sizeof *memory);
    for (int i = 0; i < 6; i++) {
        double out[2];
        if (i == 4) memset(memory, 0, (size_t)face.state * sizeof *memory);
        if (i == 4) assert_true(*at++ == '\n');
        assert_int_equal(t.job.task->push(&t.job, memory, 4, i % 4, in[i % 4], out), ATTN_OK);
        expect_near(strtod(at, &at), out[0], 1e-4);
        assert_true(*at++ == ',');
        expect_near(strtod(at, &at), out[1], 1e-4);
        assert_true(*at++ == '\n');
    }
    assert_true(*at == '\0');
    free(memory);
    free(text);
    test_control_close(&t);
}

/* Of 20 rows each action follows from the last 5, at the times that they have in the episode. */
static void the_window_of_answers_moves_on(void **state) {
    enum { ROWS = 20, CONTEXT = 5 };
    struct test_control t;
    attn_status status;
    char many[512] = "";
    double done[ROWS][2], out[2];
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    test_control_stir(&t, 0.3);
    for (int k = 0; k < ROWS; k++) attn_append(many, sizeof many, "%d,1,2,%d\n", ROWS - k, k % 3);
    attn_append(many, sizeof many, "\n%d,1,2,0\n", ROWS); /* the first row of another episode */
    char *text = say(&t, many, &status), *at = text;
    assert_int_equal(status, ATTN_OK);
    for (int r = 0; r < ROWS; r++) {
        const int first = r < CONTEXT ? 0 : r + 1 - CONTEXT;
        for (int j = 0; j < 2; j++, at++) done[r][j] = strtod(at, &at);
        t.s->batch.count = 1;
        t.s->batch.steps = r + 1 - first;
        for (int k = first; k <= r; k++)
            attn_aaren_control_put(&t.s->batch, &t.s->scale, 0, k - first, k, ROWS - k, (double[]){1, 2, k % 3}, done[k]);
        attn_tape_reset(t.tape);
        attn_aaren_control_unscale(&t.s->scale, attn_data(attn_aaren_decision_forward(&t.s->model, &t.s->batch, false)) + 2 * (r - first),
                                   out);
        for (int j = 0; j < 2; j++) expect_near(done[r][j], out[j], 1e-4);
    }
    for (int j = 0; j < 2; j++, at++) assert_true(strtod(at, &at) == done[0][j]);
    free(text);
    test_control_close(&t);
}

static void bad_rows_are_refused_with_line_and_column(void **state) {
    static const struct {
        const char *rows, *sentence;
    } bad[] = {
        {"to_go,obs0,obs1,obs2\n", "line 1: column 1 (return to go): found \"to_go,obs0,obs1,obs2\", expected a finite number"},
        {"1,2,3\n", "line 1: column 3 (obs1): found \"\" behind the number, expected a comma, as 4 numbers are asked for"},
        {"1,2,3,4\n1,2,,4\n", "line 2: column 3 (obs1): found \",4\", expected a finite number"},
        {"1,2,3,4,5\n", "line 1: column 4 (obs2): found \",5\" behind the number, expected the end of the line"},
        {"1,2,nan,4\n", "line 1: column 3 (obs1): found \"nan,4\", expected a finite number"},
        {"1,2,1e999,4\n", "line 1: column 3 (obs1): found \"1e999,4\", expected a finite number"},
    };
    struct test_control t;
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        attn_status status;
        free(say(&t, bad[i].rows, &status));
        assert_int_equal(status, ATTN_EINVAL);
        test_expect_sentence(test_ctx, bad[i].sentence);
    }
    test_control_close(&t);
}

static void a_row_without_an_observation_is_refused(void **state) {
    struct test_control t;
    struct attn_stream_face face;
    double out[2];
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    assert_int_equal(t.job.task->stream(&t.job, 9, &face), ATTN_OK);
    attn_real *memory = calloc((size_t)face.state, sizeof *memory);
    assert_int_equal(t.job.task->push(&t.job, memory, 9, 0, (double[]){0, 1, (double)NAN, 1}, out), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "obs1: found none, expected a finite number");
    assert_int_equal(t.job.task->push(&t.job, memory, 9, 0, (double[]){0, 1, 1, HUGE_VAL}, out), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "obs2: found an infinite number, expected a finite number");
    assert_int_equal(t.job.task->push(&t.job, memory, 9, 0, (double[]){HUGE_VAL, 1, 1, 1}, out), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "reward: found an infinite number, expected a finite one, or none");
    assert_int_equal(t.job.task->push(&t.job, memory, 9, 0, (double[]){0, 1, 1, -1e300}, out), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "obs2: found -1e+300, expected a number within 1e+12 deviations of training's mean");
    assert_int_equal(t.job.task->push(&t.job, memory, 9, 0, (double[]){1e300, 1, 1, 1}, out), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "reward: found 1e+300, expected one within");
    for (int64_t i = 0; i < face.state; i++) assert_true(memory[i] == 0);
    free(memory);
    test_control_close(&t);
}

/* ------------------------------------------------------------------------------------------------------- saved models */

/* Its file is gone: it can be asked, but not evaluated without another. */
static void a_saved_model_needs_no_episodes_to_be_asked(void **state) {
    struct test_control t, again;
    attn_status status;
    char *text, words[256];
    (void)state;
    test_control_open(&t, test_ctx, test_control_data, NULL);
    char *before = say(&t, "7,1,2,3\n6,1,0,1\n", &status);
    assert_int_equal(t.job.task->extra(&t.job, &text), ATTN_OK);
    snprintf(words, sizeof words, "data=%s/gone.csv held=0.25", test_folder);
    test_control_open(&again, test_ctx, words, text);
    char *after = say(&again, "7,1,2,3\n6,1,0,1\n", &status);
    assert_string_equal(before, after);
    struct attn_figures f = {.count = 0}, own;
    assert_int_equal(again.job.task->evaluate(&again.job, NULL, &f), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "gone.csv");
    own = evaluate(&again, test_control_path);
    f = evaluate(&t, test_control_path);
    for (int i = 0; i < f.count; i++) assert_true(f.at[i].value == own.at[i].value);
    free(before);
    free(after);
    attn_free(test_ctx, text);
    test_control_close(&t);
    test_control_close(&again);
}

#define SCALES "\"horizon\":9,\"returns\":1,\"target\":1"
static void malformed_scales_are_refused(void **state) {
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"", "the model's own data: line 1, column 0"},
        {"[]", "\"mean\": expected an array of numbers"},
        {"{" SCALES ",\"mean\":[],\"deviation\":[],\"middle\":[0],\"half\":[1]}", "\"mean\": expected an array of numbers"},
        {"{" SCALES ",\"mean\":[1],\"deviation\":[1]}", "\"middle\": expected an array of numbers"},
        {"{" SCALES ",\"mean\":[1],\"deviation\":[1,2],\"middle\":[0],\"half\":[1]}", "\"deviation\": expected an array as long"},
        {"{" SCALES ",\"mean\":[1],\"deviation\":[0],\"middle\":[0],\"half\":[1]}", "\"deviation\": expected numbers above 0"},
        {"{" SCALES ",\"mean\":[\"x\"],\"deviation\":[1],\"middle\":[0],\"half\":[1]}", "\"mean\": expected finite numbers"},
        {"{" SCALES ",\"mean\":[1],\"deviation\":[1],\"middle\":[0],\"half\":[-1]}", "\"half\": expected numbers above 0"},
        {"{\"horizon\":0,\"returns\":1,\"target\":1,\"mean\":[1],\"deviation\":[1],\"middle\":[0],\"half\":[1]}",
         "\"horizon\": expected a number"},
        {"{\"horizon\":1e300,\"returns\":1,\"target\":1,\"mean\":[1],\"deviation\":[1],\"middle\":[0],\"half\":[1]}",
         "\"horizon\": expected a number"},
        {"{\"horizon\":2,\"returns\":0,\"target\":1,\"mean\":[1],\"deviation\":[1],\"middle\":[0],\"half\":[1]}",
         "\"returns\": expected a number above 0"},
        {"{\"horizon\":2,\"returns\":1,\"mean\":[1],\"deviation\":[1],\"middle\":[0],\"half\":[1]}",
         "\"target\": expected a finite number"},
    };
    struct test_control t;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(test_control_try(&t, test_ctx, test_control_data, bad[i].text), ATTN_EINVAL);
        test_expect_sentence(test_ctx, bad[i].sentence);
        test_control_close(&t);
    }
}

/* 12 steps at once, and stopped after 5. */
static void training_goes_on_bit_for_bit(void **state) {
    char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
    struct attn_recipe *recipe = test_task_recipe(
        test_ctx, &attn_aaren_control,
        "episodes=8 context=5 width=8 ffn=12 layers=2 dropout=0.1 batch=6 rollouts=4 steps=12 warmup=2 eval_every=4 micro_batches=2");
    enum attn_train_end end;
    (void)state;
    struct test_training training = {.task = &attn_aaren_control};
    assert_int_equal(test_train(test_ctx, recipe, test_folder, whole, &training, &end), ATTN_OK);
    training.stop_at = 5;
    assert_int_equal(test_train(test_ctx, recipe, test_folder, parts, &training, &end), ATTN_OK);
    assert_int_equal(end, ATTN_TRAIN_STOPPED);
    training.stop_at = 0;
    assert_int_equal(test_train(test_ctx, recipe, test_folder, parts, &training, &end), ATTN_OK);
    test_same_file(whole, parts, ATTN_MODEL_FILE);
    attn_free(test_ctx, recipe);
}

/* ---------------------------------------------------------------------------------------------------------- refused */

static void expect_refused(const char *words, const char *sentence) {
    struct test_control t;
    assert_int_equal(test_control_try(&t, test_ctx, words, NULL), ATTN_EINVAL);
    test_expect_sentence(test_ctx, sentence);
    test_control_close(&t);
}

static void recipes_that_do_not_fit_are_refused(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "%s world=pendulum", test_control_data);
    expect_refused(words, "recipe: world=pendulum: expected episodes of 3 observations and 1 actions, found 3 and 2");
    expect_refused("batch=1000000 context=4096", "recipe: batch=1000000 and context=4096: expected less than 2^31 steps in all");
    expect_refused("target_return=most", "recipe: target_return=most: expected a number, or \"best\"");
    expect_refused("target_return=inf", "recipe: target_return=inf: expected a number, or \"best\"");
    snprintf(words, sizeof words, "data=%s/none.csv", test_folder);
    expect_refused(words, "none.csv");
}

static void files_of_one_episode_or_of_other_sizes_are_refused(void **state) {
    char one[96], words[256];
    struct test_control t;
    struct attn_figures f = {.count = 0};
    (void)state;
    snprintf(one, sizeof one, "%s/one.csv", test_folder);
    test_control_file(one, 2, 1, 9);
    snprintf(words, sizeof words, "data=%s", one);
    expect_refused(words, "one.csv: found one episode, expected another to hold out");
    test_control_open(&t, test_ctx, "", NULL);
    attn_tape_record(t.tape, false);
    assert_int_equal(t.job.task->evaluate(&t.job, one, &f), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "one.csv: found 3 observations and 2 actions, expected 4 and 2, as the model has");
    test_control_close(&t);
}

/* What is generated is a file that the same training learns from. */
static void generated_episodes_are_those_of_training(void **state) {
    struct test_control t, file;
    char name[96], words[256];
    (void)state;
    snprintf(name, sizeof name, "%s/drawn.csv", test_folder);
    test_control_open(&t, test_ctx, "behaviour=expert", NULL);
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    assert_int_equal(t.job.task->generate(&t.job, 8, out), ATTN_OK);
    fclose(out);
    snprintf(words, sizeof words, "data=%s world=point tanh=false", name);
    test_control_open(&file, test_ctx, words, NULL);
    const struct attn_figures a = evaluate(&t, NULL), b = evaluate(&file, NULL);
    assert_int_equal(a.count, b.count);
    for (int i = 0; i < a.count; i++) assert_true(a.at[i].value == b.at[i].value);
    test_control_close(&t);
    test_control_close(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_a_slow_computation),
        cmocka_unit_test(a_trial_is_what_rows_pushed_one_by_one_attain),
        cmocka_unit_test(trials_in_parts_are_trials_at_once),
        cmocka_unit_test(scores_are_0_for_drawn_actions_and_100_for_the_best),
        cmocka_unit_test(a_model_without_steps_has_no_stream),
        cmocka_unit_test(pictures_are_of_paths_and_of_returns),
        cmocka_unit_test(a_pendulums_paths_do_not_cross_the_picture_where_it_turns_over),
        cmocka_unit_test(answers_are_the_streams_within_the_context),
        cmocka_unit_test(the_window_of_answers_moves_on),
        cmocka_unit_test(bad_rows_are_refused_with_line_and_column),
        cmocka_unit_test(a_row_without_an_observation_is_refused),
        cmocka_unit_test(a_saved_model_needs_no_episodes_to_be_asked),
        cmocka_unit_test(malformed_scales_are_refused),
        cmocka_unit_test(training_goes_on_bit_for_bit),
        cmocka_unit_test(recipes_that_do_not_fit_are_refused),
        cmocka_unit_test(files_of_one_episode_or_of_other_sizes_are_refused),
        cmocka_unit_test(generated_episodes_are_those_of_training),
    };
    return cmocka_run_group_tests(tests, test_control_setting, test_setting_close);
}
