/* The classifier as a stream: a row of channels in, the probabilities of the classes of the series so far out.
 *
 * State: the stack's; the two steps before, standardised; what the head has summed up. A value that is missing is the one before it, at first the mean of training; a file's
 * are interpolated, which a stream cannot do. */
#include "system/aaren/classify_task.h"
#include "tape/tape.h"

#include <math.h>

static int64_t kept_of(const struct attn_aaren_classify_model *m) {
    return (ATTN_AAREN_CLASSIFY_TAPS - 1) * m->channels;
}

static attn_status refuse(struct attn_job *job, const struct attn_aaren_classify_task *s) {
    if (s->model.padding == ATTN_AAREN_CLASSIFY_CIRCULAR)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "padding=circular: each step sees the one behind it, expected a model of padding=causal");
    if (s->data.kind.scale.per_case)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "per_case=true: cases are standardised as a whole, expected a model without it");
    if (s->model.channels > ATTN_STREAM_COLUMNS || s->model.classes > ATTN_STREAM_COLUMNS)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "found %lld channels and %lld classes, expected at most %d of each",
                         (long long)s->model.channels, (long long)s->model.classes, ATTN_STREAM_COLUMNS);
    return ATTN_OK;
}

attn_status attn_aaren_classify_stream(struct attn_job *job, int64_t tokens, struct attn_stream_face *out) {
    const struct attn_aaren_classify_task *s = job->self;
    const struct attn_aaren_classify_model *m = &s->model;
    const int64_t stack = attn_aaren_stack_state(m->stack, tokens);
    const attn_status status = refuse(job, s);
    if (status) return status;
    *out = (struct attn_stream_face){.inputs = (int)m->channels,
                                     .outputs = (int)m->classes,
                                     .input_name = s->input,
                                     .output_name = s->output,
                                     .state = stack < 0 ? -1 : stack + kept_of(m) + attn_aaren_classify_head_state(m),
                                     .constant = attn_aaren_stack_constant(m->stack) && m->head != ATTN_AAREN_CLASSIFY_FLATTEN};
    return ATTN_OK;
}

/* Standardised; before is the step before. */
static attn_status take_row(struct attn_job *job, const struct attn_aaren_classify_scale *scale, const double *in, const attn_real *before,
                            attn_real *row) {
    for (int64_t d = 0; d < scale->channels; d++) {
        if (isinf(in[d]))
            return attn_fail(job->ctx, ATTN_EINVAL, "channel %lld: found an infinite value, expected a finite one, or none",
                             (long long)d + 1);
        const double number = isnan(in[d]) ? (double)before[d] : (in[d] - scale->mean[d]) / scale->deviation[d];
        if (!(fabs(number) < ATTN_AAREN_FARTHEST))
            return attn_fail(job->ctx, ATTN_EINVAL, "channel %lld: found %g, expected a number within %g deviations of training's mean, %g",
                             (long long)d + 1, in[d], ATTN_AAREN_FARTHEST, scale->mean[d]);
        row[d] = (attn_real)number;
    }
    return ATTN_OK;
}

attn_status attn_aaren_classify_push(struct attn_job *job, attn_real *state, int64_t tokens, int64_t position, const double *in,
                                     double *out) {
    struct attn_aaren_classify_task *s = job->self;
    struct attn_aaren_classify_model *m = &s->model;
    attn_real *window = state + attn_aaren_stack_state(m->stack, tokens), *sum = window + kept_of(m);
    attn_tape *tape = attn_model_tape(job->model);
    if (m->head == ATTN_AAREN_CLASSIFY_FLATTEN && position >= m->length)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "row %lld: head=flatten has weights for %lld steps, expected a model of head=mean or head=last",
                         (long long)position + 1, (long long)m->length);
    const bool records = tape->record;
    attn_tape_reset(tape);
    attn_tape_record(tape, false);
    attn_status status = take_row(job, &s->data.kind.scale, in, window + kept_of(m) - m->channels, s->row);
    attn_tensor *h = status ? NULL : attn_aaren_classify_step(m, s->row, window, state, tokens, position);
    attn_tape_record(tape, records);
    if (!status && !h) status = attn_tape_status(tape);
    if (status) return status;
    attn_aaren_classify_head_push(m, attn_data(h), position, sum, out);
    attn_aaren_classify_probabilities(out, m->classes);
    return ATTN_OK;
}
