/* Language models on a text: windows and their order, figures, saved models, continuations, refusals. */
#include "support/training.h"

#include "base/random.h"
#include "system/zoology/zoology.h"
#include "train/corpus.h"
#include "train/work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHARACTERS = 1001, LENGTH = 16, BATCH = 4, EVALUATION = CHARACTERS / 20, TRAINING = CHARACTERS - EVALUATION };

static char folder[64];
static attn_ctx *ctx;

static void write_file(const char *name, const char *text, size_t bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* Random letters: pairs of neighbours repeat within a window now and then; the training text has each some 38 times. */
static int set_up(void **state) {
    char text[CHARACTERS];
    struct attn_random random;
    (void)state;
    ctx = test_context(2);
    test_folder_make(folder);
    attn_random_init(&random, 3);
    for (int i = 0; i < CHARACTERS; i++) text[i] = (char)('a' + attn_random_below(&random, 5));
    write_file("text", text, sizeof text);
    write_file("short", text, BATCH * LENGTH);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_recipe *recipe_of(const char *data, const char *const *more) {
    static const char *const small[] = {
        "tokenizer=character", "length=16", "batch=4", "width=16", "layers=2", "mixer=baseconv:kernel=3+attention", "steps=6",
        "threshold=38",        NULL};
    struct attn_recipe *recipe;
    char text[128];
    assert_int_equal(attn_task_recipe(ctx, &attn_zoology_lm, &recipe), ATTN_OK);
    snprintf(text, sizeof text, "data=%s/%s", folder, data);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_OK);
    for (int i = 0; small[i]; i++) assert_int_equal(attn_recipe_set(recipe, small[i]), ATTN_OK);
    for (int i = 0; more && more[i]; i++) assert_int_equal(attn_recipe_set(recipe, more[i]), ATTN_OK);
    return recipe;
}

/* The run of a model trained with these words; the same for every call with the same. */
static struct attn_run_summary trained_with(const char *const *more) {
    struct attn_run_summary run;
    struct attn_recipe *recipe = recipe_of("text", more);
    char store[80];
    snprintf(store, sizeof store, "%s/runs", folder);
    const struct attn_work work = {.task = &attn_zoology_lm, .store = store};
    assert_int_equal(attn_work_one(ctx, &work, recipe, NULL, NULL, &run), ATTN_OK);
    assert_int_equal(run.state, ATTN_RUN_DONE);
    attn_free(ctx, recipe);
    return run;
}

static struct attn_run_summary trained(void) {
    return trained_with(NULL);
}

static const struct attn_task *find_task(attn_ctx *any, const char *name) {
    (void)any;
    assert_string_equal(name, attn_zoology_lm.name);
    return &attn_zoology_lm;
}

static void open_saved_with(struct attn_saved_model *model, const char *const *more) {
    char path[ATTN_FILE_PATH];
    const struct attn_run_summary run = trained_with(more);
    snprintf(path, sizeof path, "%s/%s", run.folder, ATTN_MODEL_FILE);
    assert_int_equal(attn_work_open_model(ctx, find_task, path, NULL, 0, model), ATTN_OK);
}

static void open_saved(struct attn_saved_model *model) {
    open_saved_with(model, NULL);
}

/* ------------------------------------------------------------------------------------------------------------ windows */

static void every_pass_takes_each_window_once_in_an_order_of_its_own(void **state) {
    enum { WINDOWS = (TRAINING - 1) / LENGTH };
    struct attn_recipe *recipe = recipe_of("text", NULL);
    struct attn_job job = {.ctx = ctx, .task = &attn_zoology_lm, .recipe = recipe};
    struct attn_corpus corpus;
    int32_t input[BATCH * LENGTH], target[BATCH * LENGTH], part[BATCH * LENGTH], rest[BATCH * LENGTH], first[WINDOWS];
    (void)state;
    assert_int_equal(attn_corpus_open(&job, &corpus), ATTN_OK);
    assert_int_equal(corpus.training, TRAINING);
    assert_int_equal(corpus.evaluation, EVALUATION);
    assert_int_equal(corpus.windows, WINDOWS);
    for (int pass = 0; pass < 2; pass++) {
        bool seen[WINDOWS] = {false};
        const int64_t step = pass * attn_corpus_steps(&corpus);
        attn_corpus_batch(&corpus, step, 0, BATCH, input, target);
        for (int64_t w = 0; w < WINDOWS; w++) {
            assert_in_range(corpus.order[w], 0, WINDOWS - 1);
            assert_false(seen[corpus.order[w]]);
            seen[corpus.order[w]] = true;
        }
        for (int64_t i = 0; i < BATCH * LENGTH; i++) {
            const int32_t *at = corpus.token + corpus.order[i / LENGTH] * LENGTH + i % LENGTH;
            assert_int_equal(input[i], at[0]);
            assert_int_equal(target[i], at[1]);
        }
        for (int half = 0; half < 2; half++) /* rows of a batch are the same wherever it is cut */
            attn_corpus_batch(&corpus, step, half * BATCH / 2, BATCH / 2, part + half * BATCH / 2 * LENGTH,
                              rest + half * BATCH / 2 * LENGTH);
        assert_memory_equal(part, input, sizeof input);
        assert_memory_equal(rest, target, sizeof target);
        if (pass == 0) memcpy(first, corpus.order, sizeof first);
    }
    assert_memory_not_equal(first, corpus.order, sizeof first);
    attn_corpus_close(ctx, &corpus);
    attn_free(ctx, recipe);
}

/* ------------------------------------------------------------------------------------------------------------ figures */

static void expect_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

static void losses_of_hits_and_others_make_up_the_whole(void **state) {
    (void)state;
    const struct attn_run_summary run = trained();
    const struct attn_figures *f = &run.figures;
    const double share = attn_figures_get(f, "hit_share"), loss = attn_figures_get(f, "loss");
    assert_true(share > 0 && share < 1);
    assert_int_equal((int64_t)attn_figures_get(f, "tokens"), EVALUATION - 1);
    assert_int_equal((int64_t)attn_figures_get(f, "threshold"), 38);
    expect_near(share * attn_figures_get(f, "loss_hits") + (1 - share) * attn_figures_get(f, "loss_other"), loss);
    expect_near(log(attn_figures_get(f, "perplexity")), loss);
    expect_near(log(attn_figures_get(f, "perplexity_hits")), attn_figures_get(f, "loss_hits"));
    expect_near(log(attn_figures_get(f, "perplexity_other")), attn_figures_get(f, "loss_other"));
    assert_true(attn_figures_get(f, "perplexity_unigram") < 6); /* letters of 5 kinds, and the unknown one */
}

static void a_saved_model_has_the_figures_of_its_run(void **state) {
    struct attn_saved_model model;
    struct attn_figures figures = {.count = 0};
    (void)state;
    open_saved(&model);
    const struct attn_run_summary run = trained();
    assert_int_equal(attn_zoology_lm.evaluate(&model.job, NULL, &figures), ATTN_OK);
    assert_int_equal(figures.count, run.figures.count);
    for (int i = 0; i < figures.count; i++) {
        assert_string_equal(figures.at[i].name, run.figures.at[i].name);
        assert_true(figures.at[i].value == run.figures.at[i].value);
    }
    attn_work_close_model(&model);
}

static void where_no_token_is_a_hit_hits_have_no_figures(void **state) {
    struct attn_job job;
    struct attn_figures figures = {.count = 0};
    struct attn_recipe *recipe = recipe_of("text", (const char *const[]){"threshold=0", NULL});
    (void)state;
    assert_int_equal(attn_job_open(ctx, &attn_zoology_lm, recipe, NULL, 0, NULL, &job), ATTN_OK);
    attn_tape_record(attn_model_tape(job.model), false);
    assert_int_equal(attn_zoology_lm.evaluate(&job, NULL, &figures), ATTN_OK);
    assert_true(attn_figures_get(&figures, "hit_share") == 0.0);
    for (int i = 0; i < figures.count; i++) {
        assert_null(strstr(figures.at[i].name, "_hits"));
        assert_true(isfinite(figures.at[i].value));
    }
    assert_true(attn_figures_get(&figures, "loss_other") == attn_figures_get(&figures, "loss"));
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

static void bins_hold_every_token_and_the_whole_loss(void **state) {
    struct attn_saved_model model;
    struct attn_loss_bins bins;
    double loss = 0;
    int64_t tokens = 0;
    (void)state;
    open_saved(&model);
    assert_int_equal(attn_zoology_lm.bins(&model.job, NULL, &bins), ATTN_OK);
    for (int i = 0; i < bins.count; i++) {
        loss += bins.at[i].repeated.loss + bins.at[i].fresh.loss;
        tokens += bins.at[i].repeated.tokens + bins.at[i].fresh.tokens;
    }
    assert_int_equal(tokens, EVALUATION - 1);
    assert_int_equal(bins.at[0].repeated.tokens + bins.at[0].fresh.tokens,
                     0); /* every pair of 5 letters is somewhere in the training text */
    const struct attn_run_summary run = trained();
    expect_near(loss / (double)tokens, attn_figures_get(&run.figures, "loss"));
    attn_work_close_model(&model);
}

/* --------------------------------------------------------------------------------------------------------- comparisons */

static void a_comparison_has_the_figures_of_both_models_and_their_differences(void **state) {
    static const char *const longer[] = {"steps=60", NULL}, *const slices[] = {"", "_hits", "_other"};
    struct attn_saved_model model, against;
    struct attn_figures f = {.count = 0};
    (void)state;
    open_saved(&model);
    open_saved_with(&against, longer);
    const struct attn_run_summary a = trained(), b = trained_with(longer);
    assert_int_equal(attn_zoology_lm.compare(&model.job, &against.job, NULL, &f), ATTN_OK);
    for (int i = 0; i < 3; i++) {
        char name[48], of_run[48];
        snprintf(of_run, sizeof of_run, "perplexity%s", slices[i]);
        expect_near(attn_figures_get(&f, of_run), attn_figures_get(&a.figures, of_run));
        snprintf(name, sizeof name, "against%s", slices[i]);
        expect_near(attn_figures_get(&f, name), attn_figures_get(&b.figures, of_run));
        snprintf(name, sizeof name, "difference%s", slices[i]);
        expect_near(attn_figures_get(&f, name), log(attn_figures_get(&a.figures, of_run)) - log(attn_figures_get(&b.figures, of_run)));
    }
    const double share = attn_figures_get(&f, "hits_of_gap_unclipped"), hits = attn_figures_get(&f, "hit_share");
    assert_true(attn_figures_get(&f, "difference") > 0);
    assert_true(fabs(share - hits * attn_figures_get(&f, "difference_hits") / attn_figures_get(&f, "difference")) < 1e-9);
    assert_true(attn_figures_get(&f, "hits_of_gap") == fmin(share, 1));
    attn_work_close_model(&model);
    attn_work_close_model(&against);
}

static void a_model_beside_itself_has_no_gap(void **state) {
    struct attn_saved_model model, same;
    struct attn_figures f = {.count = 0};
    (void)state;
    open_saved(&model);
    open_saved(&same);
    assert_int_equal(attn_zoology_lm.compare(&model.job, &same.job, NULL, &f), ATTN_OK);
    assert_true(attn_figures_get(&f, "difference") == 0.0);
    assert_true(isnan(attn_figures_get(&f, "hits_of_gap")));
    attn_work_close_model(&model);
    attn_work_close_model(&same);
}

static void models_that_were_not_measured_alike_are_not_compared(void **state) {
    char valid[80];
    snprintf(valid, sizeof valid, "valid=%s/short", folder);
    const struct {
        const char *more[3], *sentence;
    } cases[] = {{{"tokenizer=bpe", "vocabulary=260"}, "different vocabularies (tokenizer=character of 6 tokens and tokenizer=bpe of 2"},
                 {{"length=8"}, "contexts of 16 and 8 tokens"},
                 {{"eval_tokens=20"}, "different texts (50 and 21 tokens)"},
                 {{valid}, "different texts"},
                 {{"threshold=39"}, "different slices (threshold=38 and 39"}};
    struct attn_saved_model model;
    (void)state;
    open_saved(&model);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        struct attn_job other;
        struct attn_figures f = {.count = 0};
        struct attn_recipe *recipe = recipe_of("text", cases[i].more);
        assert_int_equal(attn_job_open(ctx, &attn_zoology_lm, recipe, NULL, 0, NULL, &other), ATTN_OK);
        assert_int_equal(attn_zoology_lm.compare(&model.job, &other, NULL, &f), ATTN_EINVAL);
        attn_ctx_error(ctx, text, sizeof text);
        if (!strstr(text, cases[i].sentence)) fail_msg("\"%s\" in \"%s\"", cases[i].sentence, text);
        assert_int_equal(f.count, 0);
        attn_job_close(&other);
        attn_free(ctx, recipe);
    }
    attn_work_close_model(&model);
}

/* ------------------------------------------------------------------------------------------------------- continuations */

/* What is printed for some lines; freed by free. */
static char *answers(struct attn_saved_model *model, const char *lines, const struct attn_predict_options *options, attn_status expected) {
    char *text = NULL;
    size_t bytes;
    FILE *in = tmpfile(), *out = open_memstream(&text, &bytes);
    assert_non_null(in);
    assert_non_null(out);
    fputs(lines, in);
    rewind(in);
    assert_int_equal(attn_zoology_lm.predict(&model->job, options, in, out), expected);
    assert_int_equal(fclose(out), 0);
    fclose(in);
    return text;
}

static void a_line_is_continued_by_as_many_tokens_and_the_same_seed_draws_the_same(void **state) {
    const struct attn_predict_options likeliest = {.tokens = 5, .seed = 1}, drawn = {.tokens = 5, .temperature = 1, .seed = 1};
    struct attn_saved_model model;
    (void)state;
    open_saved(&model);
    char *two = answers(&model, "abc\nabcdeabcdeabcdeabcde", &likeliest, ATTN_OK); /* the second is longer than the model's window */
    assert_int_equal(strlen(two), 3 + 5 + 1 + 20 + 5 + 1);
    assert_memory_equal(two, "abc", 3);
    assert_memory_equal(two + 9, "abcdeabcdeabcdeabcde", 20);
    char *a = answers(&model, "abc\n", &drawn, ATTN_OK), *b = answers(&model, "abc\n", &drawn, ATTN_OK);
    assert_string_equal(a, b);
    free(two);
    free(a);
    free(b);
    free(answers(&model, "abc\n\n", &likeliest, ATTN_EINVAL)); /* nothing to continue */
    free(answers(&model, "ab\xff\n", &likeliest, ATTN_EINVAL));
    attn_work_close_model(&model);
}

/* ------------------------------------------------------------------------------------------------------------ refusals */

static void expect_refused(const char *data, const char *const *more, const char *sentence) {
    char text[1024];
    struct attn_job job;
    struct attn_recipe *recipe = recipe_of(data, more);
    assert_int_equal(attn_job_open(ctx, &attn_zoology_lm, recipe, NULL, 0, NULL, &job), ATTN_EINVAL);
    attn_ctx_error(ctx, text, sizeof text);
    if (!strstr(text, sentence)) fail_msg("\"%s\" in \"%s\"", sentence, text);
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

static void texts_that_cannot_be_trained_on_are_refused_with_what_was_found(void **state) {
    (void)state;
    expect_refused("none", NULL, "none: cannot be read");
    expect_refused("short", NULL, "found 61 tokens to train on and 3 to evaluate, expected at least batch x length + 1 = 65 and 2");
    expect_refused("text", (const char *const[]){"tokenizer=numbers", NULL}, "tokenizer=numbers needs vocabulary=N");
    expect_refused("text", (const char *const[]){"tokenizer=gpt2", NULL}, "needs tokenizer_files=FOLDER");
    expect_refused("text", (const char *const[]){"data=", NULL}, "data=FILE is needed");
}

static void a_text_that_was_read_in_part_is_not_taken_for_loaded(void **state) {
    struct attn_recipe *recipe = recipe_of("text", (const char *const[]){"valid=/none", NULL});
    struct attn_job job = {.ctx = ctx, .task = &attn_zoology_lm, .recipe = recipe};
    struct attn_corpus corpus;
    (void)state;
    assert_int_equal(attn_corpus_open(&job, &corpus), ATTN_EINVAL);
    assert_int_equal(attn_corpus_load(&job, &corpus), ATTN_EINVAL);
    assert_null(corpus.token);
    attn_corpus_close(ctx, &corpus);
    attn_free(ctx, recipe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pass_takes_each_window_once_in_an_order_of_its_own),
        cmocka_unit_test(losses_of_hits_and_others_make_up_the_whole),
        cmocka_unit_test(a_saved_model_has_the_figures_of_its_run),
        cmocka_unit_test(where_no_token_is_a_hit_hits_have_no_figures),
        cmocka_unit_test(bins_hold_every_token_and_the_whole_loss),
        cmocka_unit_test(a_comparison_has_the_figures_of_both_models_and_their_differences),
        cmocka_unit_test(a_model_beside_itself_has_no_gap),
        cmocka_unit_test(models_that_were_not_measured_alike_are_not_compared),
        cmocka_unit_test(a_line_is_continued_by_as_many_tokens_and_the_same_seed_draws_the_same),
        cmocka_unit_test(texts_that_cannot_be_trained_on_are_refused_with_what_was_found),
        cmocka_unit_test(a_text_that_was_read_in_part_is_not_taken_for_loaded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
