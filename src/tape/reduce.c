/* Sums and means along an axis.
 *
 * forward   y = factor * sum over the axis of x
 * backward  dx += factor * dy, repeated along the axis
 */
#include "tape/walk.h"

#include <string.h>

struct reduce {
    struct attn_node node;
    attn_tensor *x;
    attn_real factor;
    int64_t step[ATTN_TENSOR_DIMS]; /* of the result along x's axes: 0 along those that disappear */
};

struct job {
    const attn_real *from;
    attn_real factor;
};

/* Tensors 0: the sums, 1: x. Sums of long rows are made of sums of short ones: the error grows with the number of those. */
static void sum_row(void *arg, const struct attn_walk_row *row) {
    enum { SHORT = 128 };
    const struct job *job = arg;
    attn_real *to = row->to;
    const attn_real *from = job->from + row->at[1];
    const int64_t step = row->step[1];
    if (row->step[0] != 0) {
        for (int64_t i = 0; i < row->n; i++) to[i * row->step[0]] += job->factor * from[i * step];
        return;
    }
    double total = 0;
    for (int64_t i = 0; i < row->n; i += SHORT) {
        attn_real sum = 0;
        for (int64_t j = i; j < i + SHORT && j < row->n; j++) sum += from[j * step];
        total += (double)sum;
    }
    *to += job->factor * (attn_real)total;
}

/* Tensors 0: dx, 1: dy. */
static void spread_row(void *arg, const struct attn_walk_row *row) {
    const struct job *job = arg;
    attn_real *to = row->to;
    const attn_real *from = job->from + row->at[1];
    for (int64_t i = 0; i < row->n; i++) to[i * row->step[0]] += job->factor * from[i * row->step[1]];
}

static void backward(struct attn_node *node) {
    const struct reduce *n = (struct reduce *)node;
    attn_tensor *x = n->x;
    struct attn_walk w;
    struct job job = {attn_grad_of(node->out), n->factor};
    attn_real *dx = attn_grad_add(x);
    if (!dx) return;
    attn_walk_make(&w, x->dims, x->size, 2, (const int64_t *const[]){x->step, n->step});
    attn_walk_run(x->tape, &w, dx, spread_row, &job);
}

/* axis -1: all. mean: the sum over the number of elements. */
static attn_tensor *reduce(attn_tensor *x, int axis, bool mean) {
    int64_t size[ATTN_TENSOR_DIMS] = {1}, step[ATTN_TENSOR_DIMS] = {0};
    struct attn_walk w;
    int dims = 0;
    for (int i = 0; i < x->dims && axis >= 0; i++)
        if (i != axis) size[dims++] = x->size[i];
    attn_tensor *out = attn_tensor_new(x->tape, dims > 0 ? dims : 1, size);
    if (!out) return NULL;
    for (int i = 0, at = 0; i < x->dims && axis >= 0; i++)
        if (i != axis) step[i] = out->step[at++];
    const int64_t summed = axis < 0 ? x->count : x->size[axis];
    const attn_real factor = mean ? 1 / (attn_real)summed : 1;
    memset(out->data, 0, (size_t)out->count * sizeof *out->data);
    attn_walk_make(&w, x->dims, x->size, 2, (const int64_t *const[]){step, x->step});
    attn_walk_run(x->tape, &w, out->data, sum_row, &(struct job){x->data, factor});
    if (attn_recording(out, 1, &x)) {
        struct reduce *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->x = x;
        n->factor = factor;
        memcpy(n->step, step, sizeof step);
    }
    return out->tape->status ? NULL : out;
}

static attn_tensor *along(attn_tensor *x, int axis, bool mean) {
    if (!attn_usable(1, &x)) return NULL;
    const int i = attn_axis_of(x, axis, mean ? "mean" : "sum");
    return i < 0 ? NULL : reduce(x, i, mean);
}

attn_tensor *attn_sum(attn_tensor *x, int axis) {
    return along(x, axis, false);
}
attn_tensor *attn_mean(attn_tensor *x, int axis) {
    return along(x, axis, true);
}
attn_tensor *attn_sum_all(attn_tensor *x) {
    return attn_usable(1, &x) ? reduce(x, -1, false) : NULL;
}
attn_tensor *attn_mean_all(attn_tensor *x) {
    return attn_usable(1, &x) ? reduce(x, -1, true) : NULL;
}
