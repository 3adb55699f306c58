#include "system/pointer/answer.h"

#include "metric/tour.h"
#include "metric/triangles.h"
#include "system/pointer/tours.h"

#include <math.h>

void attn_pointer_answer_close(struct attn_pointer_answer *a) {
    attn_ctx *ctx = a->job->ctx;
    void *const arrays[] = {a->unit, a->numbers, a->truth, a->tokens, a->weights, a->scratch};
    attn_pointer_batch_close(ctx, &a->batch);
    attn_pointer_answers_close(ctx, &a->answers);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) attn_free(ctx, arrays[i]);
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static attn_status open_answer(struct attn_pointer_answer *a, bool truth, bool weights) {
    attn_ctx *ctx = a->job->ctx;
    const int64_t n = a->n, numbers = attn_pointer_most_tokens(&a->problem, n) + 1;
    const size_t words = (size_t)numbers * sizeof(int32_t), points = (size_t)(2 * n) * sizeof(double),
                 heat = weights ? (size_t)(numbers * (n + 1)) * sizeof(double) : 0;
    const size_t scratch =
        most(most(truth ? attn_pointer_scratch(&a->problem, n) : 1, attn_tour_valid_scratch(n)), attn_triangles_scratch(2 * numbers));
    attn_status status = attn_pointer_batch_open(ctx, 1, n, numbers, &a->batch);
    if (!status) status = attn_pointer_answers_open(ctx, &a->problem, 1, n, &a->answers);
    if (status) return status;
    a->unit = attn_alloc(ctx, points);
    a->numbers = attn_alloc(ctx, words);
    a->truth = attn_alloc(ctx, words);
    a->tokens = attn_alloc(ctx, words);
    a->scratch = attn_alloc(ctx, scratch);
    a->weights = weights ? attn_alloc(ctx, heat) : NULL;
    if (a->unit && a->numbers && a->truth && a->tokens && a->scratch && (a->weights || !weights)) return ATTN_OK;
    return attn_no_memory(ctx, "an answer", 3 * words + points + heat + scratch);
}

/* Halves do not overflow. What is sorted has learned to have no second coordinate. */
static void fit_into_unit(const struct attn_pointer_answer *a) {
    const int axes = a->problem.kind == ATTN_POINTER_SORT ? 1 : 2;
    double low[2] = {a->xy[0], a->xy[1]}, extent = 0;
    for (int64_t i = 0; i < 2 * a->n; i++) low[i % 2] = fmin(low[i % 2], a->xy[i]);
    for (int64_t i = 0; i < 2 * a->n; i++)
        if (i % 2 < axes) extent = fmax(extent, a->xy[i] / 2 - low[i % 2] / 2);
    for (int64_t i = 0; i < 2 * a->n; i++) a->unit[i] = extent > 0 && i % 2 < axes ? (a->xy[i] / 2 - low[i % 2] / 2) / extent : 0;
}

static attn_status ask(struct attn_pointer_answer *a, const struct attn_pointer_wish *wish) {
    const struct attn_pointer_task *s = a->job->self;
    fit_into_unit(a);
    a->tokens[0] = ATTN_POINTER_END;
    attn_pointer_batch_begin(&a->batch, 1, a->n, 1);
    attn_pointer_batch_put(&a->batch, 0, a->unit, a->n, a->tokens, 1);
    const attn_status status = attn_pointer_decode(a->job->ctx, &s->model, &s->problem, &s->decoding, &a->batch, &a->answers, a->weights);
    if (status) return status;
    a->ended = a->answers.ended[0];
    a->steps = a->answers.length[0] + (a->ended && !s->problem.closing_ends);
    a->count = attn_pointer_numbers(&s->problem, a->answers.tokens, a->answers.length[0], a->numbers);
    if (wish->truth) a->truths = attn_pointer_solve(&a->problem, a->xy, a->n, a->truth, a->scratch, wish->watch);
    return ATTN_OK;
}

const char *attn_pointer_truth_word(const struct attn_pointer_answer *a) {
    return a->problem.kind == ATTN_POINTER_TSP && a->n > a->problem.exact_most ? "found" : NULL;
}

attn_status attn_pointer_ask(struct attn_job *job, const double *xy, int64_t n, struct attn_pointer_wish wish,
                             struct attn_pointer_answer *out) {
    const struct attn_pointer_task *s = job->self;
    *out = (struct attn_pointer_answer){.job = job, .problem = s->problem, .n = n, .xy = xy};
    out->problem.exact_most = ATTN_TOUR_EXACT_MOST;
    attn_status status = attn_pointer_task_fits(job, n);
    if (!status) status = open_answer(out, wish.truth, wish.weights && s->decoding.beams == 1 && s->model.augment == 0);
    return status ? status : ask(out, &wish);
}
