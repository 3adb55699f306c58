/* Cross entropy of labels, fused with the softmax of the logits.
 *
 * forward   L = sum over labelled rows of (lse_i - x_i[t_i]) / rows,  lse_i = log sum_c e^(x_ic); rows: all labelled ones, some of which may be elsewhere
 * backward  dx_ic = dL / rows * (e^(x_ic - lse_i) - [c = t_i])
 */
#include "tape/functions.h"
#include "tape/tape.h"

#include <string.h>

struct cross_entropy {
    struct attn_node node;
    attn_tensor *x;
    const int32_t *target;
    const struct attn_functions *functions;
    const attn_real *lse;
    int64_t rows, columns, labelled;
};

struct job {
    const struct cross_entropy *n;
    attn_real *lse, *dx, factor;
    bool add;
};

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t columns = job->n->columns;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *x = job->n->x->data + i * columns;
        if (job->n->target[i] < 0) continue;
        const attn_real most = job->n->functions->greatest(columns, x), total = job->n->functions->exp_sum(columns, x, most, NULL);
        job->lse[i] = most + real_log(total);
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const int64_t columns = job->n->columns;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *x = job->n->x->data + i * columns;
        attn_real *dx = job->dx + i * columns;
        const int32_t target = job->n->target[i];
        if (target < 0) {
            if (!job->add) memset(dx, 0, (size_t)columns * sizeof *dx);
            continue;
        }
        job->n->functions->exp_scaled(columns, x, job->n->lse[i], job->factor, dx, job->add);
        dx[target] -= job->factor;
    }
}

static void backward(struct attn_node *node) {
    const struct cross_entropy *n = (struct cross_entropy *)node;
    struct job job = {.n = n};
    job.dx = attn_grad_write(n->x, &job.add);
    if (!job.dx) return;
    job.factor = n->labelled > 0 ? *attn_grad_of(node->out) / (attn_real)n->labelled : 0;
    attn_range(n->x->tape, n->rows, attn_max64(1, ATTN_PIECE / n->columns), backward_rows, &job);
}

/* The labels' copy, counted. False: the sentence is written. */
static bool open_labels(struct cross_entropy *n, const int32_t *target) {
    attn_tape *tape = n->x->tape;
    int32_t *copy = attn_tape_take(tape, (size_t)n->rows * sizeof *copy);
    if (!copy) return false;
    for (int64_t i = 0; i < n->rows; i++) {
        if (target[i] >= n->columns) {
            attn_tape_fail(tape, ATTN_EINVAL, "cross entropy: target %lld is %d; logits have %lld columns", (long long)i, target[i],
                           (long long)n->columns);
            return false;
        }
        n->labelled += target[i] >= 0;
    }
    memcpy(copy, target, (size_t)n->rows * sizeof *copy);
    n->target = copy;
    return true;
}

attn_tensor *attn_cross_entropy_among(attn_tensor *x, const int32_t *target, int64_t labelled) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tape *tape = x->tape;
    struct cross_entropy here = {.x = x, .functions = attn_functions_for(tape->ctx), .columns = x->size[x->dims - 1]};
    if (here.columns == 0 || !target) return attn_tape_fail(tape, ATTN_EINVAL, "cross entropy: logits of no columns, or no targets");
    here.rows = x->count / here.columns;
    attn_tensor *out = attn_constant(tape, 1, (const int64_t[]){1}, 0);
    attn_real *lse = attn_tape_take(tape, (size_t)here.rows * sizeof *lse);
    if (!out || !lse || !open_labels(&here, target)) return NULL;
    if (labelled >= 0) here.labelled = labelled;
    attn_range(tape, here.rows, attn_max64(1, ATTN_PIECE / here.columns), forward_rows, &(struct job){.n = &here, .lse = lse});
    here.lse = lse;
    double total = 0;
    for (int64_t i = 0; i < here.rows; i++)
        if (here.target[i] >= 0) total += (double)(lse[i] - x->data[i * here.columns + here.target[i]]);
    if (here.labelled > 0) *out->data = (attn_real)(total / (double)here.labelled);
    if (attn_recording(out, 1, &x)) {
        struct cross_entropy *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}

attn_tensor *attn_cross_entropy(attn_tensor *x, const int32_t *target) {
    return attn_cross_entropy_among(x, target, -1);
}
