/* The task aaren/events: what its figures are made of, and training. */
#include "support/events.h"
#include "system/aaren/aaren.h"
#include "system/aaren/events_loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------------------------------------------------------------------ figures */

/* A part's figures by their definition: piece by piece, without padding, probabilities in long double. */
struct defined {
    double nll, time, mark, square, size, cancelled, right, events, densities, marks;
};

static void define_target(struct test_events *o, const attn_real *row, const attn_real *logits, double span, int32_t mark, bool last,
                          struct defined *d, double *error) {
    const struct attn_event_task *s = o->task;
    const int k = s->model.components;
    long double density = 0, survival = 0, weights = 0, mean = 0, total = 0;
    const long double x = (long double)(fmax(span, s->facts.least) / s->facts.unit);
    for (int j = 0; j < k; j++) weights += expl((long double)row[j]);
    for (int j = 0; j < k; j++) {
        const long double w = expl((long double)row[j]) / weights, middle = (long double)row[k + j],
                          sigma = 1e-3L + log1pl(expl((long double)row[2 * k + j])), z = (logl(x) - middle) / sigma;
        density += w / (x * sigma) * expl(-z * z / 2) / sqrtl(2 * acosl(-1));
        survival += w * erfcl(z / sqrtl(2)) / 2;
        mean += w * expl(middle + sigma * sigma / 2);
    }
    if (s->compat) survival = fminl(fmaxl(survival, 1e-5L), 1 - 1e-5L);
    d->time -= (double)logl(last ? survival : density);
    d->densities += !last;
    d->events++;
    if (last && !s->compat) return;
    for (int32_t m = 0; m < s->marks.count; m++) total += expl((long double)logits[m]);
    d->mark += (double)(logl(total) - (long double)logits[mark]);
    int32_t best = 0;
    for (int32_t m = 1; m < s->marks.count; m++)
        if (logits[m] > logits[best]) best = m;
    d->right += best == mark;
    d->marks++;
    *error += (double)mean * s->facts.unit - span;
    d->square += pow((double)mean * s->facts.unit - span, 2);
}

static struct defined define_part(struct test_events *o, const struct attn_event_part *part) {
    struct attn_event_task *s = o->task;
    struct defined d = {0};
    for (int64_t p = 0; p < part->pieces; p++) {
        const struct attn_event_piece *piece = &part->piece[p];
        const attn_real *times;
        attn_tensor *marks;
        double error = 0;
        assert_int_equal(attn_event_batch_begin(test_ctx, &s->batch, &s->model.code, 1, piece->count - 1), ATTN_OK);
        attn_event_batch_put(&s->batch, 0, &s->model.code, part, piece, s->last);
        assert_int_equal(attn_event_say(&o->job, &times, &marks), ATTN_OK);
        for (int64_t i = 0; i + 1 < piece->count; i++) {
            const int64_t row = piece->first + i + 1;
            const int32_t mark = part->events->mark[row];
            const attn_real *parameters = times + i * 3 * s->model.components;
            const double span = part->events->time[row] - part->events->time[row - 1];
            define_target(o, parameters, attn_data(marks) + i * s->marks.count, span, mark, piece->last && i + 2 == piece->count, &d,
                          &error);
        }
        d.cancelled += error * error;
        d.events += s->compat && piece->first == part->events->first[piece->sequence];
    }
    return d;
}

static void expect_figure(const struct attn_figures *figures, const char *name, double want) {
    const double got = attn_figures_get(figures, name);
    if (!(fabs(got - want) <= 2e-5 * (1 + fabs(want))))
        fail_msg("%s: %.9g, by its definition %.9g", name, got, want); /* of floats through two layers */
}

static void figures_are_those_of_their_definitions(void **state) {
    static const char *const ways[] = {
        "", "compat=true", "length=4", "encoder=gru", "mixer=attention:heads=2 encode=both", "origin=file unit=7200 encode=span"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        char words[256];
        struct test_events o;
        struct attn_figures figures = {.count = 0};
        test_events_put_small();
        snprintf(words, sizeof words, "data=%s %s", test_events_path, ways[w]);
        if (!ways[w][0]) words[strlen(words) - 1] = '\0';
        test_events_open(&o, words, NULL);
        attn_tape_record(attn_model_tape(o.job.model), false);
        assert_int_equal(o.job.task->evaluate(&o.job, NULL, &figures), ATTN_OK);
        assert_string_equal(figures.at[0].name, "validation_nll");
        const struct defined v = define_part(&o, &o.task->part[1]), t = define_part(&o, &o.task->part[2]);
        expect_figure(&figures, "validation_nll", (v.time + v.mark) / v.events);
        expect_figure(&figures, "test_nll", (t.time + t.mark) / t.events);
        expect_figure(&figures, "test_nll_time", t.time / t.events);
        expect_figure(&figures, "test_nll_mark", t.mark / t.events);
        expect_figure(&figures, "test_nll_file", (t.time + t.mark + t.densities * log(o.task->facts.unit)) / t.events);
        expect_figure(&figures, "test_rmse", sqrt((o.task->compat ? t.cancelled : t.square) / t.marks));
        expect_figure(&figures, "test_accuracy", t.right / t.marks);
        expect_figure(&figures, "test_events", t.events);
        test_events_close(&o);
    }
}

static void baselines_are_those_of_their_definitions(void **state) {
    char words[128];
    struct test_events o;
    struct attn_figures figures = {.count = 0};
    double nll = 0, square = 0, right = 0;
    int events = 0, marks = 0;
    (void)state;
    test_events_put_small();
    snprintf(words, sizeof words, "data=%s", test_events_path);
    test_events_open(&o, words, NULL);
    const struct attn_event_facts *f = &o.task->facts;
    const struct attn_events *e = &o.task->events[0];
    assert_int_equal(o.job.task->evaluate(&o.job, NULL, &figures), ATTN_OK);
    for (int64_t s = 6; s < 8; s++)
        for (int64_t i = e->first[s] + 1; i < e->first[s + 1]; i++, events++) {
            const double span = e->time[i] - e->time[i - 1];
            nll += f->rate * span;
            if (i + 1 == e->first[s + 1]) continue;
            nll -= log(f->rate * f->unit) + log(f->share[e->mark[i]]); /* the density of the time in units */
            square += pow(f->mean - span, 2);
            right += e->mark[i] == (f->share[1] > f->share[0]);
            marks++;
        }
    expect_figure(&figures, "test_poisson_nll", nll / events);
    expect_figure(&figures, "test_mean_rmse", sqrt(square / marks));
    expect_figure(&figures, "test_frequent_accuracy", right / marks);
    test_events_close(&o);
}

/* A Poisson process is no better than the process itself, whose figure is that of its likelihood. */
static void the_true_process_stands_beside_a_models_figures(void **state) {
    struct test_events o;
    struct attn_figures figures = {.count = 0};
    double sum = 0, events = 0, densities = 0;
    (void)state;
    test_events_open(&o, "test_sequences=40", NULL);
    assert_int_equal(o.job.task->evaluate(&o.job, NULL, &figures), ATTN_OK);
    const struct attn_events *e = &o.task->events[2];
    for (int64_t s = 0; s < e->sequences; s++) {
        const int64_t n = e->first[s + 1] - e->first[s];
        sum -= attn_process_log_likelihood(&o.task->process, n, e->time + e->first[s], e->mark + e->first[s]);
        events += (double)attn_max64(0, n - 2); /* neither the first nor the end */
        densities += (double)attn_max64(0, n - 2);
    }
    expect_figure(&figures, "test_true_nll_file", sum / events);
    expect_figure(&figures, "test_true_nll", (sum - densities * log(o.task->facts.unit)) / events);
    assert_true(attn_figures_get(&figures, "test_true_nll") < attn_figures_get(&figures, "test_poisson_nll"));
    test_events_close(&o);
}

/* ----------------------------------------------------------------------------------------------------------- training */

static void three_steps_lower_the_loss(void **state) {
    static const char *const ways[] = {
        "", "mixer=attention:heads=2", "encoder=gru", "mixer=mamba", "process=sine", "compat=true micro_batches=2"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        struct test_events o;
        attn_optimizer_config config;
        attn_optimizer *optimizer;
        double first = 0, last = 0;
        test_events_open(&o, ways[w], NULL);
        attn_optimizer_config_init(&config);
        assert_int_equal(attn_model_optimizer(o.job.model, &config, 0, &optimizer), ATTN_OK);
        for (int step = 0; step < 4; step++) {
            attn_tape_reset(attn_model_tape(o.job.model));
            attn_tensor *loss = o.job.task->loss(&o.job, 0, 0, 1);
            assert_int_equal(attn_tape_backward(loss), ATTN_OK);
            last = (double)attn_data(loss)[0];
            if (step == 0) first = last;
            attn_optimizer_step(optimizer, 0.003);
        }
        if (!(last < first)) fail_msg("%s: the loss went from %g to %g", ways[w], first, last);
        attn_optimizer_destroy(optimizer);
        test_events_close(&o);
    }
}

static void train(const char *words, char run[TEST_PATH], int64_t stop_at) {
    char all[512], text[1024];
    snprintf(all, sizeof all, "%s%s%s", test_events_small, words[0] ? " " : "", words);
    struct attn_recipe *recipe = test_task_recipe(test_ctx, &attn_aaren_events, all);
    struct test_training training = {.task = &attn_aaren_events, .stop_at = stop_at};
    enum attn_train_end end;
    if (test_train(test_ctx, recipe, test_folder, run, &training, &end))
        fail_msg("%s: %s", words, attn_ctx_error(test_ctx, text, sizeof text));
    attn_free(test_ctx, recipe);
}

static void training_goes_on_bit_for_bit(void **state) {
    static const char *const ways[] = {"dropout=0.1", "encoder=gru micro_batches=2", "dropout=0.1 eval_every=4 patience=2"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        char whole[TEST_PATH] = "", parts[TEST_PATH] = "";
        train(ways[w], whole, 0);
        train(ways[w], parts, 5);
        train(ways[w], parts, 0);
        test_same_file(whole, parts, ATTN_MODEL_FILE);
    }
}

/* The extra text is all that a saved model needs; the test's sequences as a file give the test's figures. */
static void a_saved_model_needs_no_data_and_gives_the_same_figures(void **state) {
    struct test_events o, saved;
    struct attn_figures figures = {.count = 0}, again = {.count = 0};
    char *extra = NULL;
    (void)state;
    test_events_open(&o, "encoder=stack", NULL);
    assert_int_equal(o.job.task->extra(&o.job, &extra), ATTN_OK);
    test_events_open(&saved, "encoder=stack", extra);
    assert_false(saved.task->loaded);
    assert_true(saved.task->facts.unit == o.task->facts.unit && saved.task->marks.count == o.task->marks.count);
    FILE *out = fopen(test_events_path, "w");
    assert_non_null(out);
    const struct attn_events *e = &o.task->events[2];
    fputs("sequence_id,time,mark\n", out);
    for (int64_t s = 0; s < e->sequences; s++)
        for (int64_t i = e->first[s]; i < e->first[s + 1]; i++)
            if (e->mark[i] < 0)
                fprintf(out, "%lld,%.17g,\n", (long long)s, e->time[i]);
            else
                fprintf(out, "%lld,%.17g,%d\n", (long long)s, e->time[i], e->mark[i] + 1);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(o.job.task->evaluate(&o.job, NULL, &figures), ATTN_OK);
    assert_int_equal(saved.job.task->evaluate(&saved.job, test_events_path, &again), ATTN_OK);
    static const char *const names[] = {"nll", "nll_time", "nll_mark", "nll_file",    "rmse",
                                        "mae", "accuracy", "events",   "poisson_nll", "mean_rmse"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[48];
        snprintf(name, sizeof name, "test_%s", names[i]);
        assert_true(attn_figures_get(&again, names[i]) == attn_figures_get(&figures, name));
    }
    attn_free(test_ctx, extra);
    test_events_close(&o);
    test_events_close(&saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_their_definitions),
        cmocka_unit_test(baselines_are_those_of_their_definitions),
        cmocka_unit_test(the_true_process_stands_beside_a_models_figures),
        cmocka_unit_test(three_steps_lower_the_loss),
        cmocka_unit_test(training_goes_on_bit_for_bit),
        cmocka_unit_test(a_saved_model_needs_no_data_and_gives_the_same_figures),
    };
    return cmocka_run_group_tests(tests, test_events_setting, test_setting_close);
}
