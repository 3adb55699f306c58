/* Figures of a model: on examples that no step sees, or on a file's, by their numbers of points. */
#include "system/pointer/score.h"
#include "system/pointer/task.h"

#include "base/parallel.h"

#include <math.h>
#include <string.h>

/* An evaluation, of one number of points at a time. */
struct evaluation {
    struct attn_job *job;
    bool drawn; /* examples are drawn, not read: their labels are what training would have, and the loss is told */
    struct attn_pointer_source source;
    struct attn_pointer_batch batch;
    struct attn_pointer_answers answers;
    void *scratch;   /* the source's, for each thread */
    int32_t *truth;  /* [B, numbers] */
    int64_t *truths; /* [B] */
    int32_t *answer; /* [numbers] of one */
    void *score_scratch;
    int64_t numbers;
    double loss; /* summed over tokens */
    int64_t tokens;
};

/* ---------------------------------------------------------------------------------------------------------- set-up */

static void close_evaluation(struct evaluation *e) {
    attn_ctx *ctx = e->job->ctx;
    attn_pointer_batch_close(ctx, &e->batch);
    attn_pointer_answers_close(ctx, &e->answers);
    void *const arrays[] = {e->scratch, e->truth, e->truths, e->answer, e->score_scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
}

/* For examples of n points, whose labels have so many tokens at most. */
static attn_status open_evaluation(struct evaluation *e, struct attn_job *job, int64_t n, int64_t tokens) {
    const struct attn_pointer_task *s = job->self;
    attn_ctx *ctx = job->ctx;
    *e = (struct evaluation){.job = job, .numbers = attn_pointer_most_tokens(&s->problem, n) + 1};
    e->source = (struct attn_pointer_source){
        .problem = &s->problem, .seed = ATTN_POINTER_TEST_SEEDS + s->source.seed, .low = n, .high = n, .batch = ATTN_POINTER_TEST_BATCH};
    const size_t scratch = attn_pointer_source_scratch(&e->source) * (size_t)ctx->config.threads,
                 words = (size_t)(ATTN_POINTER_TEST_BATCH * e->numbers) * sizeof *e->truth;
    attn_status status = attn_pointer_batch_open(ctx, ATTN_POINTER_TEST_BATCH, n, tokens, &e->batch);
    if (!status) status = attn_pointer_answers_open(ctx, &s->problem, ATTN_POINTER_TEST_BATCH, n, &e->answers);
    if (status) return status;
    e->scratch = attn_alloc(ctx, scratch);
    e->truth = attn_alloc(ctx, words);
    e->truths = attn_alloc(ctx, ATTN_POINTER_TEST_BATCH * sizeof *e->truths);
    e->answer = attn_alloc(ctx, (size_t)e->numbers * sizeof *e->answer);
    e->score_scratch = attn_alloc(ctx, attn_pointer_score_scratch(n, e->numbers));
    if (e->scratch && e->truth && e->truths && e->answer && e->score_scratch) return ATTN_OK;
    return attn_no_memory(ctx, "an evaluation", scratch + words);
}

/* ---------------------------------------------------------------------------------------------------------- a batch */

static void solve_one(void *arg, int64_t i, int worker) {
    struct evaluation *e = arg;
    const struct attn_pointer_task *s = e->job->self;
    unsigned char *scratch = e->scratch;
    e->truths[i] = attn_pointer_solve(&s->problem, e->batch.xy + 2 * i * e->batch.points, e->batch.length[i], e->truth + i * e->numbers,
                                      scratch + (size_t)worker * attn_pointer_source_scratch(&e->source), NULL);
}

/* The truths, which drawn examples may have as labels. */
static void find_truths(struct evaluation *e) {
    const struct attn_pointer_task *s = e->job->self;
    const struct attn_pointer_batch *b = &e->batch;
    if (!e->drawn || !attn_pointer_label_is_right(&s->problem)) {
        attn_parallel(e->job->ctx, b->count, e->job->ctx->config.threads, solve_one, e);
        return;
    }
    for (int64_t i = 0; i < b->count; i++) {
        const int32_t *tokens = b->target + i * b->tokens;
        int64_t count = 0;
        while (count < b->tokens && tokens[count] > ATTN_POINTER_END) count++;
        e->truths[i] = attn_pointer_numbers(&s->problem, tokens, count, e->truth + i * e->numbers);
    }
}

/* The loss of the labels, which the model's answers are not asked for. */
static attn_status add_loss(struct evaluation *e) {
    const struct attn_pointer_task *s = e->job->self;
    attn_tape *tape = attn_model_tape(e->job->model);
    attn_tape_reset(tape);
    attn_tensor *sum = attn_pointer_model_loss(&s->model, &e->batch);
    if (!sum) return attn_tape_status(tape);
    e->loss += (double)attn_data(sum)[0];
    for (int64_t i = 0; i < e->batch.count * e->batch.tokens; i++) e->tokens += e->batch.target[i] >= 0;
    return ATTN_OK;
}

static attn_status score_batch(struct evaluation *e, const struct attn_pointer_decoding *how, bool greedy,
                               struct attn_pointer_score *score) {
    const struct attn_pointer_task *s = e->job->self;
    const struct attn_pointer_batch *b = &e->batch;
    struct attn_pointer_model model = s->model;
    if (greedy) model.augment = 0;
    const attn_status status = attn_pointer_decode(e->job->ctx, &model, &s->problem, how, b, &e->answers, NULL);
    for (int64_t i = 0; i < b->count && !status; i++) {
        const int64_t count = attn_pointer_numbers(&s->problem, e->answers.tokens + i * e->answers.room, e->answers.length[i], e->answer);
        attn_pointer_score_add(&s->problem, b->xy + 2 * i * b->points, b->length[i], e->answer, count, e->answers.ended[i],
                               e->truth + i * e->numbers, e->truths[i], e->score_scratch, score);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ figures */

/* Ways of decoding whose figures are told; the first decides. */
enum { MAIN, WIDE, FREE, GREEDY, WAYS };
static const char *const suffix[WAYS] = {"", "_wide", "_free", "_greedy"};

/* Which of them, and how: the greater beam, without the constraint, where there is one (the transformer's is its own), and one greedy tour where many are tried. */
static bool way(const struct attn_pointer_task *s, int which, struct attn_pointer_decoding *out) {
    *out = s->decoding;
    switch (which) {
    case WIDE:
        out->beams = s->wide_beams;
        return s->wide_beams > 0;
    case FREE:
        out->constrained = false;
        return s->decoding.constrained && !s->model.transformer;
    case GREEDY:
        return s->model.augment > 0;
    default:
        return true;
    }
}

/* The batch in e is told of in all ways. */
static attn_status measure_batch(struct evaluation *e, struct attn_pointer_score score[WAYS]) {
    const struct attn_pointer_task *s = e->job->self;
    attn_status status = e->drawn ? add_loss(e) : ATTN_OK;
    find_truths(e);
    for (int64_t i = 0; i < e->batch.count && !status; i++)
        attn_pointer_score_label(&s->problem, e->batch.xy + 2 * i * e->batch.points, e->batch.length[i],
                                 e->batch.target + i * e->batch.tokens, e->batch.tokens, &score[MAIN]);
    for (int w = 0; w < WAYS && !status; w++) {
        struct attn_pointer_decoding how;
        if (way(s, w, &how)) status = score_batch(e, &how, w == GREEDY, &score[w]);
    }
    return status;
}

static void add_figures(const struct evaluation *e, int64_t n, const struct attn_pointer_score score[WAYS], struct attn_figures *out) {
    const struct attn_pointer_task *s = e->job->self;
    for (int w = 0; w < WAYS; w++) {
        struct attn_pointer_decoding how;
        if (way(s, w, &how)) attn_pointer_score_figures(&s->problem, &score[w], n, suffix[w], out);
    }
}

/* The model has no words for more points than it has learned. */
bool attn_pointer_can_say(const struct attn_pointer_task *s, int64_t n) {
    return s->model.config.net == ATTN_PTRNET || n <= s->model.config.dictionary;
}

attn_status attn_pointer_task_fits(const struct attn_job *job, int64_t n) {
    const struct attn_pointer_task *s = job->self;
    if (attn_pointer_can_say(s, n)) return ATTN_OK;
    return attn_fail(
        job->ctx, ATTN_EUNSUPPORTED,
        "found %lld points, expected at most %lld: the dictionary of model=%s has no more positions (that of ptrnet grows with "
        "its input)",
        (long long)n, (long long)s->model.config.dictionary, s->model.config.net == ATTN_SEQ2SEQ ? "lstm" : "attention");
}

attn_status attn_pointer_tests_fit(const struct attn_job *job) {
    const struct attn_pointer_task *s = job->self;
    int64_t least = s->test[0];
    int figures = ATTN_POINTER_FIGURES;
    for (int w = 0; w < WAYS; w++) {
        struct attn_pointer_decoding how;
        if (way(s, w, &how)) figures += ATTN_POINTER_FIGURES * s->tests;
    }
    if (figures > ATTN_FIGURES)
        return attn_fail(job->ctx, ATTN_EINVAL,
                         "recipe: test_points=%s: up to %d figures, expected at most %d: fewer numbers, or no wide_beam",
                         attn_recipe_words(job->recipe, "test_points"), figures, ATTN_FIGURES);
    for (int i = 1; i < s->tests; i++) least = attn_min64(least, s->test[i]);
    return attn_pointer_task_fits(job, least);
}

/* Generated examples of n points. */
static attn_status measure(struct attn_job *job, int64_t n, struct attn_pointer_score score[WAYS], struct attn_figures *figures,
                           double *loss, int64_t *tokens) {
    const struct attn_pointer_task *s = job->self;
    struct evaluation e;
    attn_status status = open_evaluation(&e, job, n, attn_pointer_most_tokens(&s->problem, n));
    e.drawn = true;
    for (int64_t first = 0; first < s->test_examples && !status; first += ATTN_POINTER_TEST_BATCH) {
        const int64_t count = attn_min64(ATTN_POINTER_TEST_BATCH, s->test_examples - first);
        attn_pointer_source_fill(job->ctx, &e.source, first / ATTN_POINTER_TEST_BATCH, 0, count, e.scratch, &e.batch);
        status = measure_batch(&e, score);
    }
    if (!status) add_figures(&e, n, score, figures);
    *loss += e.loss;
    *tokens += e.tokens;
    close_evaluation(&e);
    return status;
}

/* The mean over the tests that training's numbers of points cover; over all, where it covers none. */
static double decisive(const struct attn_pointer_task *s, struct attn_pointer_score score[][WAYS]) {
    struct attn_pointer_score inside[ATTN_POINTER_TESTS], all[ATTN_POINTER_TESTS];
    int count = 0, said = 0;
    for (int i = 0; i < s->tests; i++) {
        if (!attn_pointer_can_say(s, s->test[i])) continue;
        all[said++] = score[i][MAIN];
        if (s->test[i] >= s->source.low && s->test[i] <= s->source.high) inside[count++] = score[i][MAIN];
    }
    return count > 0 ? attn_pointer_score_mean(&s->problem, inside, count) : attn_pointer_score_mean(&s->problem, all, said);
}

/* The figure that decides; of tours, whose ratio is of those that are some, the share of all answers that are comes next. */
static void add_first(const struct attn_job *job, double value, const struct attn_pointer_score *all, struct attn_figures *out) {
    const struct attn_pointer_task *s = job->self;
    attn_figures_add(out, job->task->figure, value);
    if (s->problem.kind == ATTN_POINTER_TSP) attn_figures_add(out, "valid", (double)all->valid / (double)all->cases);
}

static attn_status evaluate_generated(struct attn_job *job, struct attn_figures *out) {
    const struct attn_pointer_task *s = job->self;
    struct attn_pointer_score score[ATTN_POINTER_TESTS][WAYS] = {{{0}}}, all = {0};
    struct attn_figures parts = {.count = 0};
    double loss = 0;
    int64_t tokens = 0;
    attn_status status = ATTN_OK;
    for (int i = 0; i < s->tests && !status; i++)
        if (attn_pointer_can_say(s, s->test[i])) status = measure(job, s->test[i], score[i], &parts, &loss, &tokens);
    if (status) return status;
    if (tokens == 0) return attn_pointer_task_fits(job, s->test[0]);
    for (int i = 0; i < s->tests; i++) attn_pointer_score_sum(&score[i][MAIN], &all);
    add_first(job, decisive(s, score), &all, out);
    attn_figures_add(out, "loss", loss / (double)tokens);
    for (int i = 0; i < parts.count; i++) attn_figures_add(out, parts.at[i].name, parts.at[i].value);
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------------- files */

/* The file's examples of one number of points, [first, end). */
static attn_status measure_part(struct attn_job *job, const struct attn_pointer_file *file, int64_t first, int64_t end,
                                struct attn_pointer_score score[WAYS], struct attn_figures *figures) {
    const int64_t n = (file->first_xy[first + 1] - file->first_xy[first]) / 2;
    struct evaluation e;
    attn_status status = open_evaluation(&e, job, n, file->most_tokens);
    for (int64_t at = first; at < end && !status; at += ATTN_POINTER_TEST_BATCH) {
        const int64_t count = attn_min64(ATTN_POINTER_TEST_BATCH, end - at);
        attn_pointer_batch_begin(&e.batch, count, n, file->most_tokens);
        for (int64_t i = 0; i < count; i++)
            attn_pointer_batch_put(&e.batch, i, file->xy + file->first_xy[at + i], n, file->tokens + file->first_token[at + i],
                                   file->first_token[at + i + 1] - file->first_token[at + i]);
        status = measure_batch(&e, score);
    }
    if (!status) add_figures(&e, n, score, figures);
    close_evaluation(&e);
    return status;
}

/* Before any of its examples is answered. */
static attn_status check_file(const struct attn_job *job, const char *path, const struct attn_pointer_file *file) {
    char sentence[512];
    const attn_status status = attn_pointer_task_fits(job, file->most);
    if (!status) return ATTN_OK;
    return attn_fail(job->ctx, status, "%s: line %lld: %s", path, (long long)file->most_line,
                     attn_ctx_error(job->ctx, sentence, sizeof sentence));
}

/* One number of points after the other; the first figure is of all of them. */
static attn_status evaluate_file(struct attn_job *job, const struct attn_pointer_file *file, struct attn_figures *out) {
    const struct attn_pointer_task *s = job->self;
    struct attn_figures parts = {.count = 0};
    struct attn_pointer_score all = {0};
    attn_status status = ATTN_OK;
    for (int64_t first = 0, end; first < file->count && !status; first = end) {
        struct attn_pointer_score score[WAYS] = {{0}};
        const int64_t numbers = file->first_xy[first + 1] - file->first_xy[first];
        for (end = first + 1; end < file->count && file->first_xy[end + 1] - file->first_xy[end] == numbers;) end++;
        status = measure_part(job, file, first, end, score, &parts);
        if (!status && parts.count > ATTN_FIGURES - (WAYS + 1) * ATTN_POINTER_FIGURES)
            status = attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                               "found more numbers of points than can be told of in %d figures, expected fewer", ATTN_FIGURES);
        attn_pointer_score_sum(&score[MAIN], &all);
    }
    if (status) return status;
    add_first(job, attn_pointer_score_mean(&s->problem, &all, 1), &all, out);
    for (int i = 0; i < parts.count; i++) attn_figures_add(out, parts.at[i].name, parts.at[i].value);
    return ATTN_OK;
}

attn_status attn_pointer_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    const struct attn_pointer_task *s = job->self;
    struct attn_pointer_file *file;
    if (!data) return evaluate_generated(job, out);
    attn_status status = attn_pointer_file_read(job->ctx, &s->problem, data, &file);
    if (!status) status = check_file(job, data, file);
    if (!status) status = evaluate_file(job, file, out);
    attn_pointer_file_free(job->ctx, file);
    return status;
}
