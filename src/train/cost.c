#include "train/cost.h"

#include <math.h>

const struct attn_cost attn_cost_unknown = {(double)NAN, (double)NAN, -1, -1};

/* Bytes of so many numbers; -1: there is no such state. */
static int64_t bytes_of(int64_t numbers) {
    return numbers < 0 ? -1 : numbers * 4;
}

/* A micro-batch of the first step, forward and backward. What it finds wrong the first step will find again, but for what the machine refuses. */
static attn_status count_flops(struct attn_job *job, struct attn_cost *cost) {
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t micros = attn_recipe_whole(job->recipe, "micro_batches");
    const double examples = (double)attn_recipe_whole(job->recipe, "batch") / (double)micros;
    attn_tape_reset(tape);
    attn_tape_count_flops(tape, true);
    attn_tensor *loss = job->task->loss(job, 0, 0, micros);
    const double forward = attn_tape_flops(tape);
    attn_status status = loss ? attn_tape_backward(loss) : attn_tape_status(tape);
    if (loss && !status) {
        cost->forward_flops = forward / examples;
        cost->step_flops = attn_tape_flops(tape) / examples;
    }
    attn_tape_count_flops(tape, false);
    attn_tape_reset(tape);
    return status == ATTN_ENOMEM || status == ATTN_ESYSTEM ? status : ATTN_OK;
}

/* What refuses to be a stream has no state; what the machine refuses is said. */
static attn_status stream_state(struct attn_job *job, int64_t *bytes) {
    struct attn_stream_face face;
    const attn_status status = job->task->stream(job, job->length, &face);
    if (status == ATTN_ENOMEM || status == ATTN_ESYSTEM) return status;
    *bytes = status ? -1 : bytes_of(face.state);
    return ATTN_OK;
}

attn_status attn_job_cost(struct attn_job *job) {
    if (job->costed) return ATTN_OK;
    job->cost = attn_cost_unknown;
    attn_status status = ATTN_OK;
    if (job->sequence) {
        job->cost.state_bytes = bytes_of(attn_sequence_state(job->sequence, job->length));
        job->cost.paper_state_bytes = bytes_of(attn_sequence_paper_state(job->sequence, job->length));
    } else if (job->task->stream && job->length > 0) {
        status = stream_state(job, &job->cost.state_bytes);
    }
    if (!status) status = count_flops(job, &job->cost);
    job->costed = !status;
    return status;
}

void attn_cost_record(struct attn_record *record, const struct attn_cost *cost) {
    if (isfinite(cost->forward_flops)) attn_record_real(record, "forward_flops", cost->forward_flops);
    if (isfinite(cost->step_flops)) attn_record_real(record, "step_flops", cost->step_flops);
    if (cost->state_bytes >= 0) attn_record_integer(record, "state_bytes", cost->state_bytes);
    if (cost->paper_state_bytes >= 0) attn_record_integer(record, "paper_state_bytes", cost->paper_state_bytes);
}
