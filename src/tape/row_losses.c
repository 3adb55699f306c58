/* What evaluation reads of logits, row by row: the loss of a label and the most probable one. */
#include "tape/functions.h"
#include "tape/tape.h"

struct job {
    const struct attn_functions *functions;
    const attn_real *x;
    const int32_t *target;
    attn_real *loss; /* NULL: not wanted, as best */
    int32_t *best;
    int64_t columns;
};

static void rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *x = job->x + i * job->columns, most = job->functions->greatest(job->columns, x);
        if (job->loss) {
            const bool labelled = job->target[i] >= 0;
            job->loss[i] = labelled ? most + real_log(job->functions->exp_sum(job->columns, x, most, NULL)) - x[job->target[i]] : 0;
        }
        if (job->best) {
            int64_t at = 0;
            while (at < job->columns && !(x[at] == most)) at++;
            job->best[i] = at < job->columns ? (int32_t)at : 0; /* of nothing but NaNs the first */
        }
    }
}

attn_status attn_row_losses(attn_tensor *logits, const int32_t *target, attn_real *loss, int32_t *best) {
    attn_tensor *x = attn_contiguous(logits);
    if (!x) return logits ? logits->tape->status : ATTN_EINVAL;
    attn_tape *tape = x->tape;
    struct job job = {attn_functions_for(tape->ctx), x->data, target, loss, best, x->size[x->dims - 1]};
    if (job.columns == 0 || job.columns > INT32_MAX || (loss && !target)) {
        attn_tape_fail(tape, ATTN_EINVAL, "row losses: logits of %lld columns%s; 1 to 2^31 - 1 and targets are needed",
                       (long long)job.columns, loss && !target ? ", no targets" : "");
        return tape->status;
    }
    const int64_t count = x->count / job.columns;
    for (int64_t i = 0; i < count && loss; i++)
        if (target[i] >= job.columns) {
            attn_tape_fail(tape, ATTN_EINVAL, "row losses: target %lld is %d; logits have %lld columns", (long long)i, target[i],
                           (long long)job.columns);
            return tape->status;
        }
    attn_range(tape, count, attn_max64(1, ATTN_PIECE / job.columns), rows, &job);
    return tape->status;
}
