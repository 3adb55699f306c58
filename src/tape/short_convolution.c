/* A causal convolution of few taps, each channel by itself.
 *
 * forward   y[b, i] = bias + sum over t of w[t] x[b, i - t], nothing before the first row
 * backward  dx[b, j] += sum over t of w[t] dy[b, j + t];  dw[t] += sum over b, i of dy[b, i] x[b, i - t];  dbias += sum of the rows of dy
 */
#include "tape/tape.h"

struct convolution {
    struct attn_node node;
    attn_tensor *x, *w, *bias; /* bias NULL: none */
    int64_t length, channels, taps, rows;
};

struct job {
    const struct convolution *n;
    const attn_real *from;
    attn_real *to;
};

/* to[c] += w[c] * from[c] */
static void add_products(int64_t n, const attn_real *w, const attn_real *from, attn_real *to) {
    for (int64_t c = 0; c < n; c++) to[c] += w[c] * from[c];
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct convolution *n = job->n;
    for (int64_t r = begin; r < end; r++) {
        attn_real *y = job->to + r * n->channels;
        for (int64_t c = 0; c < n->channels; c++) y[c] = n->bias ? n->bias->data[c] : 0;
        for (int64_t t = 0; t < n->taps && t <= r % n->length; t++)
            add_products(n->channels, n->w->data + t * n->channels, job->from + (r - t) * n->channels, y);
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct convolution *n = job->n;
    for (int64_t r = begin; r < end; r++)
        for (int64_t t = 0; t < n->taps && r % n->length + t < n->length; t++)
            add_products(n->channels, n->w->data + t * n->channels, job->from + (r + t) * n->channels, job->to + r * n->channels);
}

/* dw of the channels [begin, end); sums over many rows are made of sums over few. */
static void backward_taps(void *arg, int64_t begin, int64_t end) {
    enum { FEW = 128, WIDE = 64 };
    const struct job *job = arg;
    const struct convolution *n = job->n;
    for (int64_t t = 0; t < n->taps; t++)
        for (int64_t c = begin; c < end; c += WIDE) {
            const int64_t wide = attn_min64(WIDE, end - c);
            double total[WIDE] = {0};
            for (int64_t i = 0; i < n->rows; i += FEW) {
                attn_real sum[WIDE] = {0};
                for (int64_t r = i; r < i + FEW && r < n->rows; r++)
                    if (r % n->length >= t)
                        add_products(wide, job->from + r * n->channels + c, n->x->data + (r - t) * n->channels + c, sum);
                for (int64_t l = 0; l < wide; l++) total[l] += (double)sum[l];
            }
            for (int64_t l = 0; l < wide; l++) job->to[t * n->channels + c + l] += (attn_real)total[l];
        }
}

static void backward_bias(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    attn_add_columns(job->n->rows, job->n->channels, begin, end, job->from, job->to);
}

/* A product and a sum for each pair of a number and a tap that meet. */
static double flops_of(const struct convolution *n) {
    const int64_t reach = attn_min64(n->taps, n->length); /* of the last tokens; the first have fewer */
    const int64_t pairs = n->length > 0 ? n->rows / n->length * (reach * n->length - reach * (reach - 1) / 2) : 0;
    return 2 * (double)pairs * (double)n->channels;
}

static void backward(struct attn_node *node) {
    const struct convolution *n = (struct convolution *)node;
    attn_tape *tape = n->x->tape;
    struct job job = {n, attn_grad_of(node->out), NULL};
    if (attn_wants(n->x) && (job.to = attn_grad_add(n->x)) != NULL)
        attn_range(tape, n->rows, attn_max64(1, ATTN_PIECE / n->channels), backward_rows, &job);
    if (attn_wants(n->w) && (job.to = attn_grad_add(n->w)) != NULL) attn_range(tape, n->channels, 64, backward_taps, &job);
    attn_tape_add_flops(tape, (attn_wants(n->x) + attn_wants(n->w)) * flops_of(n));
    if (attn_wants(n->bias) && (job.to = attn_grad_add(n->bias)) != NULL) attn_range(tape, n->channels, 64, backward_bias, &job);
}

attn_tensor *attn_short_convolution(attn_tensor *x, attn_tensor *w, attn_tensor *bias) {
    attn_tensor *inputs[] = {attn_contiguous(x), attn_contiguous(w), bias ? attn_contiguous(bias) : NULL};
    const int count = bias ? 3 : 2;
    char text_x[ATTN_SHAPE_TEXT], text_w[ATTN_SHAPE_TEXT];
    if (!attn_usable(count, inputs)) return NULL;
    struct convolution here = {.x = inputs[0], .w = inputs[1], .bias = inputs[2]};
    attn_tape *tape = here.x->tape;
    here.channels = here.x->size[here.x->dims - 1];
    if (here.x->dims < 2 || here.w->dims != 2 || here.w->size[1] != here.channels ||
        (bias && (here.bias->dims != 1 || here.bias->size[0] != here.channels)))
        return attn_tape_fail(tape, ATTN_ESHAPE, "short convolution: x [..., T, D] needs w [taps, D] and bias [D]; x is %s, w %s",
                              attn_shape_text(here.x, text_x), attn_shape_text(here.w, text_w));
    here.length = here.x->size[here.x->dims - 2];
    here.taps = here.w->size[0];
    here.rows = here.channels > 0 ? here.x->count / here.channels : 0;
    attn_tensor *out = attn_tensor_like(here.x);
    if (!out || here.rows == 0) return out;
    attn_range(tape, here.rows, attn_max64(1, ATTN_PIECE / here.channels), forward_rows, &(struct job){&here, here.x->data, out->data});
    attn_tape_add_flops(tape, flops_of(&here));
    if (attn_recording(out, count, inputs)) {
        struct convolution *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
