/* Figures on validation and test, or on a file of the user's own. */
#include "system/aaren/events_loss.h"
#include "system/aaren/events_task.h"

#include <math.h>

attn_status attn_event_say(struct attn_job *job, const attn_real **times, attn_tensor **marks) {
    struct attn_event_task *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    attn_tape_reset(tape);
    attn_tensor *hidden = attn_event_model_hidden(&s->model, &s->batch, false);
    *times = attn_data(attn_event_model_times(&s->model, hidden));
    *marks = attn_event_model_marks(&s->model, hidden);
    return attn_tape_status(tape);
}

/* Losses and likeliest marks of the batch's rows, in memory of the caller's. */
struct said {
    attn_real *loss;
    int32_t *best;
    int64_t room;
};

static attn_status make_room(struct attn_job *job, struct said *said, int64_t rows) {
    if (rows <= said->room) return ATTN_OK;
    attn_free(job->ctx, said->loss);
    attn_free(job->ctx, said->best);
    said->loss = attn_alloc(job->ctx, (size_t)rows * sizeof *said->loss);
    said->best = attn_alloc(job->ctx, (size_t)rows * sizeof *said->best);
    said->room = said->loss && said->best ? rows : 0;
    return said->room ? ATTN_OK : attn_no_memory(job->ctx, "an evaluation", (size_t)rows * (sizeof *said->loss + sizeof *said->best));
}

static void score_rows(struct attn_event_task *s, const struct attn_event_part *part, const struct attn_event_piece *pieces,
                       const attn_real *times, const struct said *said, struct attn_event_score *score) {
    const struct attn_event_batch *b = &s->batch;
    for (int64_t i = 0; i < b->rows; i++) {
        struct attn_log_normals mixture;
        attn_event_mixture(s->model.components, times + i * 3 * s->model.components, &mixture);
        const struct attn_event_piece *piece = &pieces[b->piece[i]];
        const int64_t row = piece->first + (b->from[i] - (int64_t)b->piece[i] * b->tokens) + 1;
        const struct attn_event_answer answer = {.mixture = &mixture,
                                                 .target = b->target[i],
                                                 .y = b->y[i],
                                                 .span = b->span[i],
                                                 .next = b->next[i],
                                                 .ends = part->events->mark[row] < 0,
                                                 .loss = b->next[i] >= 0 ? (double)said->loss[i] : 0,
                                                 .best = said->best[i]};
        attn_event_score_add(score, &s->facts, &answer, s->compat);
        if (i + 1 == b->rows || b->piece[i + 1] != b->piece[i])
            attn_event_score_end_piece(score, piece->first == part->events->first[piece->sequence]);
    }
}

attn_status attn_event_measure(struct attn_job *job, const struct attn_event_part *part, struct attn_event_score *score) {
    struct attn_event_task *s = job->self;
    struct said said = {.room = 0};
    attn_status status = ATTN_OK;
    for (int64_t first = 0; first < part->pieces && !status; first += ATTN_EVENT_TEST_BATCH) {
        const int64_t count = attn_min64(ATTN_EVENT_TEST_BATCH, part->pieces - first);
        const attn_real *times = NULL;
        attn_tensor *marks = NULL;
        int64_t tokens = 0;
        for (int64_t i = 0; i < count; i++) tokens = attn_max64(tokens, part->piece[first + i].count - 1);
        status = attn_event_batch_begin(job->ctx, &s->batch, &s->model.code, count, tokens);
        if (status) break;
        for (int64_t i = 0; i < count; i++) attn_event_batch_put(&s->batch, i, &s->model.code, part, &part->piece[first + i], s->last);
        status = make_room(job, &said, s->batch.rows);
        if (!status) status = attn_event_say(job, &times, &marks);
        if (!status) status = attn_row_losses(marks, s->batch.next, said.loss, said.best);
        if (!status) score_rows(s, part, part->piece + first, times, &said, score);
    }
    attn_free(job->ctx, said.loss);
    attn_free(job->ctx, said.best);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- the truth */

/* What the process itself says of a generated part, of which the first events are given as they are to a model. */
static void tell_truth(const struct attn_event_task *s, const struct attn_event_part *part, const struct attn_event_score *score,
                       struct attn_figures *out) {
    const struct attn_events *e = part->events;
    double sum = 0;
    for (int64_t i = 0; i < e->sequences; i++)
        sum -= attn_process_log_likelihood(&s->process, e->first[i + 1] - e->first[i], e->time + e->first[i], e->mark + e->first[i]);
    const double file = sum / (double)score->events;
    attn_figures_add(out, "test_true_nll", file - (double)score->densities / (double)score->events * log(s->facts.unit));
    attn_figures_add(out, "test_true_nll_file", file);
}

static attn_status evaluate_file(struct attn_job *job, const char *path, struct attn_figures *out) {
    struct attn_event_task *s = job->self;
    struct attn_events events;
    struct attn_event_part part = {.pieces = 0};
    struct attn_event_score score = {.pieces = 0};
    attn_status status = attn_event_task_read(job, path, &s->marks, &events);
    if (status) return status;
    status = attn_event_part_add(job->ctx, &events, 0, events.sequences, s->length, &part);
    if (!status && part.pieces == 0) status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found no sequence of two rows, expected some", path);
    if (!status) status = attn_event_measure(job, &part, &score);
    if (!status) attn_event_score_figures(&score, &s->facts, "", true, s->compat, out);
    attn_event_part_free(job->ctx, &part);
    attn_events_free(job->ctx, &events);
    return status;
}

attn_status attn_event_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct attn_event_task *s = job->self;
    struct attn_event_score validation = {.pieces = 0}, test = {.pieces = 0};
    if (data) return evaluate_file(job, data, out);
    attn_status status = attn_event_task_load(job);
    if (!status) status = attn_event_measure(job, &s->part[1], &validation);
    if (!status) status = attn_event_measure(job, &s->part[2], &test);
    if (status) return status;
    attn_event_score_figures(&validation, &s->facts, "validation_", false, s->compat, out);
    attn_event_score_figures(&test, &s->facts, "test_", true, s->compat, out);
    if (s->generated) tell_truth(s, &s->part[2], &test, out);
    return ATTN_OK;
}
