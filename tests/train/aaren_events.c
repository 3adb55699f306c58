/* The task aaren/events: what it learns from, what its figures are made of, and what is refused. */
#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/events_loss.h"
#include "system/aaren/events_task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char small[] =
    "train_sequences=24 test_sequences=6 horizon=20 width=16 ffn=16 batch=8 epochs=4 eval_every=0 patience=0 dropout=0";

static char folder[64], path[96];
static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/events.csv", folder);
    ctx = test_context(1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    test_folder_remove(folder);
    return 0;
}

struct opened {
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_event_task *task;
};

static attn_status try_open(struct opened *o, const char *words, const char *extra) {
    char all[1024];
    snprintf(all, sizeof all, "%s%s%s", small, words[0] ? " " : "", words);
    o->recipe = test_task_recipe(ctx, &attn_aaren_events, all);
    const attn_status status = attn_job_open(ctx, &attn_aaren_events, o->recipe, NULL, 0, extra, &o->job);
    o->task = o->job.self;
    return status;
}

static void open_job(struct opened *o, const char *words, const char *extra) {
    char text[1024];
    if (try_open(o, words, extra)) fail_msg("%s: %s", words, attn_ctx_error(ctx, text, sizeof text));
}

static void close_job(struct opened *o) {
    attn_job_close(&o->job);
    attn_free(ctx, o->recipe);
}

static void put_file(const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* Three sequences of ten events and one of two, with ties. */
static void put_small_file(void) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("sequence_id,time,mark\n", out);
    for (int s = 0; s < 8; s++)
        for (int i = 0; i < (s == 7 ? 2 : 10); i++)
            fprintf(out, "%d,%.17g,%s\n", 100 + s, 1.4e9 + 3600 * (i * i / 3 + s), i % 3 == 0 ? "a" : "b");
    assert_int_equal(fclose(out), 0);
}

/* ------------------------------------------------------------------------------------------------------------- data */

static void every_event_but_the_first_is_predicted_once(void **state) {
    (void)state;
    for (int64_t length = 2; length <= 12; length++) {
        char words[128];
        struct opened o;
        put_small_file();
        snprintf(words, sizeof words, "data=%s split=order length=%lld", path, (long long)length);
        open_job(&o, words, NULL);
        const struct attn_events *e = &o.task->events[0];
        int32_t seen[80] = {0};
        assert_true(e->events <= 80 && e->sequences == 8);
        for (int part = 0; part < ATTN_EVENT_PARTS; part++)
            for (int64_t p = 0; p < o.task->part[part].pieces; p++) {
                const struct attn_event_piece *piece = &o.task->part[part].piece[p];
                assert_true(piece->count >= 2 && piece->count <= length);
                assert_int_equal(piece->sequence < 4 ? 0 : piece->sequence < 6 ? 1 : 2, part); /* of 8: 4, 2, 2 */
                for (int64_t i = 1; i < piece->count; i++) seen[piece->first + i]++;
                const bool ends = piece->first + piece->count == e->first[piece->sequence + 1];
                const enum attn_event_target last = attn_event_target_of(&o.task->part[part], piece, piece->count - 1, o.task->last);
                assert_int_equal(piece->last, ends);
                assert_int_equal(last, ends ? ATTN_EVENT_SURVIVAL : ATTN_EVENT_DENSITY);
            }
        for (int64_t s = 0; s < e->sequences; s++)
            for (int64_t i = e->first[s]; i < e->first[s + 1]; i++) assert_int_equal(seen[i], i > e->first[s]);
        close_job(&o);
    }
}

static void sequences_are_split_by_the_last_digits_of_their_names(void **state) {
    char words[128];
    struct opened o;
    (void)state;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("sequence_id,time,mark\n", out);
    for (int s = 0; s < 30; s++) fprintf(out, "%d,1,a\n%d,2.5,a\n%d,4,a\n", s, s, s);
    assert_int_equal(fclose(out), 0);
    snprintf(words, sizeof words, "data=%s split=mod10", path);
    open_job(&o, words, NULL);
    for (int part = 0; part < ATTN_EVENT_PARTS; part++) {
        assert_int_equal(o.task->part[part].pieces, part == 0 ? 24 : 3);
        for (int64_t p = 0; p < o.task->part[part].pieces; p++) {
            const int64_t digit = o.task->part[part].piece[p].sequence % 10;
            assert_int_equal(digit < 8 ? 0 : digit - 7, part);
        }
    }
    close_job(&o);
}

/* Each epoch has all pieces; the order is the seed's and the epoch's. */
static void an_epoch_has_every_piece(void **state) {
    struct opened o;
    int64_t first[32] = {0};
    (void)state;
    open_job(&o, "train_sequences=24 batch=8", NULL);
    assert_int_equal(o.job.epoch_steps, 3);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        int seen[32] = {0};
        attn_tape_reset(attn_model_tape(o.job.model));
        assert_non_null(o.job.task->loss(&o.job, 3 * epoch, 0, 1));
        for (int i = 0; i < 24; i++) seen[o.task->order[i]]++;
        for (int i = 0; i < 24; i++) assert_int_equal(seen[i], 1);
        if (epoch == 0) memcpy(first, o.task->order, 24 * sizeof *first);
        if (epoch == 1) assert_memory_not_equal(first, o.task->order, 24 * sizeof *first);
    }
    attn_tape_reset(attn_model_tape(o.job.model));
    assert_non_null(o.job.task->loss(&o.job, 0, 0, 1));
    assert_memory_equal(first, o.task->order, 24 * sizeof *first);
    close_job(&o);
}

static void facts_are_those_of_trainings_times(void **state) {
    char words[128];
    struct opened o;
    double logs = 0, sum = 0, least = HUGE_VAL;
    int apart = 0, targets = 0, densities = 0, marks[2] = {1, 1};
    (void)state;
    put_small_file();
    snprintf(words, sizeof words, "data=%s", path);
    open_job(&o, words, NULL);
    const struct attn_events *e = &o.task->events[0];
    for (int64_t s = 0; s < 4; s++)
        for (int64_t i = e->first[s] + 1; i < e->first[s + 1]; i++) {
            const double span = e->time[i] - e->time[i - 1];
            const bool last = i + 1 == e->first[s + 1];
            sum += span;
            targets++;
            densities += !last;
            if (!last) marks[e->mark[i]]++;
            if (span == 0) continue;
            logs += log(span);
            least = fmin(least, span);
            apart++;
        }
    const struct attn_event_facts *f = &o.task->facts;
    assert_true(fabs(f->unit - exp(logs / apart)) < 1e-9 * f->unit && f->least == least);
    assert_true(fabs(f->mean - sum / targets) < 1e-9 * f->mean && fabs(f->rate - densities / sum) < 1e-12 * f->rate);
    for (int m = 0; m < 2; m++) assert_true(fabs(f->share[m] - (double)marks[m] / (marks[0] + marks[1])) < 1e-15);
    close_job(&o);
}

/* ------------------------------------------------------------------------------------------------------------ figures */

/* A part's figures by their definition: piece by piece, without padding, probabilities in long double. */
struct defined {
    double nll, time, mark, square, size, cancelled, right, events, densities, marks;
};

static void define_target(struct opened *o, const attn_real *row, const attn_real *logits, double span, int32_t mark, bool last,
                          struct defined *d, double *error) {
    const struct attn_event_task *s = o->task;
    const int k = s->model.components;
    long double density = 0, survival = 0, weights = 0, mean = 0, total = 0;
    const double x = fmax(span, s->facts.least) / s->facts.unit;
    for (int j = 0; j < k; j++) weights += expl(row[j]);
    for (int j = 0; j < k; j++) {
        const long double w = expl(row[j]) / weights, sigma = 1e-3L + log1pl(expl(row[2 * k + j])), z = (logl(x) - row[k + j]) / sigma;
        density += w / (x * sigma) * expl(-z * z / 2) / sqrtl(2 * acosl(-1));
        survival += w * erfcl(z / sqrtl(2)) / 2;
        mean += w * expl(row[k + j] + sigma * sigma / 2);
    }
    if (s->compat) survival = fminl(fmaxl(survival, 1e-5L), 1 - 1e-5L);
    d->time -= (double)logl(last ? survival : density);
    d->densities += !last;
    d->events++;
    if (last && !s->compat) return;
    for (int32_t m = 0; m < s->marks.count; m++) total += expl(logits[m]);
    d->mark += (double)(logl(total) - logits[mark]);
    int32_t best = 0;
    for (int32_t m = 1; m < s->marks.count; m++)
        if (logits[m] > logits[best]) best = m;
    d->right += best == mark;
    d->marks++;
    *error += (double)mean * s->facts.unit - span;
    d->square += pow((double)mean * s->facts.unit - span, 2);
}

static struct defined define_part(struct opened *o, const struct attn_event_part *part) {
    struct attn_event_task *s = o->task;
    struct defined d = {0};
    for (int64_t p = 0; p < part->pieces; p++) {
        const struct attn_event_piece *piece = &part->piece[p];
        const attn_real *times;
        attn_tensor *marks;
        double error = 0;
        assert_int_equal(attn_event_batch_begin(ctx, &s->batch, &s->model.code, 1, piece->count - 1), ATTN_OK);
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
    static const char *const ways[] = {"", "compat=true", "length=4", "encoder=gru", "mixer=attention:heads=2", "origin=file unit=7200"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        char words[256];
        struct opened o;
        struct attn_figures figures = {.count = 0};
        put_small_file();
        snprintf(words, sizeof words, "data=%s %s", path, ways[w]);
        if (!ways[w][0]) words[strlen(words) - 1] = '\0';
        open_job(&o, words, NULL);
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
        close_job(&o);
    }
}

static void baselines_are_those_of_their_definitions(void **state) {
    char words[128];
    struct opened o;
    struct attn_figures figures = {.count = 0};
    double nll = 0, square = 0, right = 0;
    int events = 0, marks = 0;
    (void)state;
    put_small_file();
    snprintf(words, sizeof words, "data=%s", path);
    open_job(&o, words, NULL);
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
    close_job(&o);
}

/* A Poisson process is no better than the process itself, whose figure is that of its likelihood. */
static void the_true_process_stands_beside_a_models_figures(void **state) {
    struct opened o;
    struct attn_figures figures = {.count = 0};
    double sum = 0, events = 0, densities = 0;
    (void)state;
    open_job(&o, "test_sequences=40", NULL);
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
    close_job(&o);
}

/* ----------------------------------------------------------------------------------------------------------- training */

static void three_steps_lower_the_loss(void **state) {
    static const char *const ways[] = {
        "", "mixer=attention:heads=2", "encoder=gru", "mixer=mamba", "process=sine", "compat=true micro_batches=2"};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        struct opened o;
        attn_optimizer_config config;
        attn_optimizer *optimizer;
        double first = 0, last = 0;
        open_job(&o, ways[w], NULL);
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
        close_job(&o);
    }
}

static void train(const char *words, char run[TEST_PATH], int64_t stop_at) {
    char all[512], text[1024];
    snprintf(all, sizeof all, "%s%s%s", small, words[0] ? " " : "", words);
    struct attn_recipe *recipe = test_task_recipe(ctx, &attn_aaren_events, all);
    struct test_training training = {.task = &attn_aaren_events, .stop_at = stop_at};
    enum attn_train_end end;
    if (test_train(ctx, recipe, folder, run, &training, &end)) fail_msg("%s: %s", words, attn_ctx_error(ctx, text, sizeof text));
    attn_free(ctx, recipe);
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
    struct opened o, saved;
    struct attn_figures figures = {.count = 0}, again = {.count = 0};
    char *extra = NULL;
    (void)state;
    open_job(&o, "encoder=stack", NULL);
    assert_int_equal(o.job.task->extra(&o.job, &extra), ATTN_OK);
    open_job(&saved, "encoder=stack", extra);
    assert_false(saved.task->loaded);
    assert_true(saved.task->facts.unit == o.task->facts.unit && saved.task->marks.count == o.task->marks.count);
    FILE *out = fopen(path, "w");
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
    assert_int_equal(saved.job.task->evaluate(&saved.job, path, &again), ATTN_OK);
    static const char *const names[] = {"nll", "nll_time", "nll_mark", "nll_file",    "rmse",
                                        "mae", "accuracy", "events",   "poisson_nll", "mean_rmse"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[48];
        snprintf(name, sizeof name, "test_%s", names[i]);
        assert_true(attn_figures_get(&again, names[i]) == attn_figures_get(&figures, name));
    }
    attn_free(ctx, extra);
    close_job(&o);
    close_job(&saved);
}

/* ------------------------------------------------------------------------------------------------------------ refusals */

static void expect_refused(const char *words, const char *piece) {
    struct opened o;
    char text[1024];
    if (!try_open(&o, words, NULL)) fail_msg("%s was taken", words);
    attn_ctx_error(ctx, text, sizeof text);
    if (!strstr(text, piece)) fail_msg("%s: \"%s\", expected \"%s\"", words, text, piece);
    close_job(&o);
}

static void recipes_that_contradict_themselves_are_refused(void **state) {
    (void)state;
    expect_refused("compat=true last=event", "compat=true with last=event: expected last=survival");
    expect_refused("split=mod10", "split=mod10 without data=: expected a file");
    expect_refused("split=files", "split=files without files validation= and test=");
    expect_refused("validation=x.csv", "split=order with files validation= and test=: expected split=files");
    expect_refused("mark_bounds=7+6", "mark_bounds=7+6: expected at most 64 rising numbers");
    expect_refused("horizon=0.001", "horizon=0.001: found no event in it to learn from, expected a longer time");
    expect_refused("mixer=atention", "did you mean");
}

static void files_that_do_not_serve_are_refused(void **state) {
    char words[256];
    (void)state;
    snprintf(words, sizeof words, "data=%s", path);
    put_file("sequence_id,time,mark\n1,1,a\n2,1,a\n3,1,a\n");
    expect_refused(words, "found 3 sequences and none for training, expected at least one with two rows");
    put_file("sequence_id,time,mark\n1,1,a\n1,1,a\n2,1,a\n2,1,a\n3,1,a\n3,1,a\n4,1,a\n4,2,a\n5,1,b\n5,2,a\n");
    expect_refused(words, "found no two events at different times to learn from");
    put_file("sequence_id,time,mark\n1,1,a\n1,2,a\n1,3,a\n");
    expect_refused(words, "found 1 sequences and none for training, expected at least one with two rows, or pieces of a smaller length=");
    put_file("sequence_id,time,mark\n1,2,a\n1,1,a\n");
    expect_refused(words, "events.csv: line 3, column 2: found '1', expected a time");
    snprintf(words, sizeof words, "data=%s split=mod10", path);
    put_file("sequence_id,time,mark\na,1,x\na,2,x\n");
    expect_refused(words, "found the sequence 'a', expected names that are whole numbers, as split=mod10");
    snprintf(words, sizeof words, "data=%s/none.csv", folder);
    expect_refused(words, "none.csv");
}

static void a_saved_text_that_no_training_wrote_is_refused(void **state) {
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"unit\":0,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\"],\"share\":[1]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[],\"share\":[]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\",\"a\"],\"share\":[0.5,0.5]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\"],\"share\":[2]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"a\",\"b\"],\"share\":[1]}",
                                        "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":\"1\",\"marks\":[\"a\"],\"share\":[1]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct opened o;
        char text[1024];
        assert_int_equal(try_open(&o, "", texts[i]), ATTN_EINVAL);
        assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "attn_extra"));
        close_job(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_but_the_first_is_predicted_once),
        cmocka_unit_test(sequences_are_split_by_the_last_digits_of_their_names),
        cmocka_unit_test(an_epoch_has_every_piece),
        cmocka_unit_test(facts_are_those_of_trainings_times),
        cmocka_unit_test(figures_are_those_of_their_definitions),
        cmocka_unit_test(baselines_are_those_of_their_definitions),
        cmocka_unit_test(the_true_process_stands_beside_a_models_figures),
        cmocka_unit_test(three_steps_lower_the_loss),
        cmocka_unit_test(training_goes_on_bit_for_bit),
        cmocka_unit_test(a_saved_model_needs_no_data_and_gives_the_same_figures),
        cmocka_unit_test(recipes_that_contradict_themselves_are_refused),
        cmocka_unit_test(files_that_do_not_serve_are_refused),
        cmocka_unit_test(a_saved_text_that_no_training_wrote_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
