/* Softmax along the last axis.
 *
 * forward   y = e^(x - max) / sum of those
 * backward  dx = y (dy - sum of dy y)
 */
#include "tape/functions.h"
#include "tape/tape.h"

struct softmax {
    struct attn_node node;
    attn_tensor *x;
};

struct job {
    const struct attn_functions *functions;
    const attn_real *x, *y, *dy;
    attn_real *to;
    int64_t columns;
    bool add;
};

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *x = job->x + i * job->columns;
        attn_real *y = job->to + i * job->columns;
        const attn_real total = job->functions->exp_sum(job->columns, x, job->functions->greatest(job->columns, x), y);
        for (int64_t c = 0; c < job->columns; c++) y[c] /= total;
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *y = job->y + i * job->columns, *dy = job->dy + i * job->columns;
        attn_real *dx = job->to + i * job->columns, dot = 0;
        for (int64_t c = 0; c < job->columns; c++) dot += dy[c] * y[c];
        for (int64_t c = 0; c < job->columns; c++) dx[c] = (job->add ? dx[c] : 0) + y[c] * (dy[c] - dot);
    }
}

static void over_rows(const attn_tensor *x, attn_range_fn body, struct job *job) {
    job->columns = x->size[x->dims - 1];
    if (job->columns > 0) attn_range(x->tape, x->count / job->columns, attn_max64(1, ATTN_PIECE / job->columns), body, job);
}

static void backward(struct attn_node *node) {
    const struct softmax *n = (struct softmax *)node;
    struct job job = {.y = node->out->data, .dy = attn_grad_of(node->out)};
    job.to = attn_grad_write(n->x, &job.add);
    if (job.to) over_rows(n->x, backward_rows, &job);
}

attn_tensor *attn_softmax(attn_tensor *x) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tensor *out = attn_tensor_like(x);
    if (!out) return NULL;
    over_rows(x, forward_rows, &(struct job){.functions = attn_functions_for(x->tape->ctx), .x = x->data, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct softmax *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->x = x;
    }
    return out->tape->status ? NULL : out;
}
