/* Gradients of what each head has one of: the slope of ALiBi, summed by the units, and the sink's logit,
 *   dsink = - sum over rows of exp(sink - LSE) delta.
 * A batch stride of 0 sums the sequences, in order.
 */
#include "kernel/flash/backward_tile.h"

#include "base/parallel.h"

#include <math.h>

static void sink_rows(void *arg, int64_t index, int worker) {
    const struct attn_backward *s = arg;
    const struct attn_exec *x = s->x;
    (void)worker;
    const int64_t b = index / x->shape->heads, h = index % x->shape->heads;
    const struct attn_seq seq = attn_exec_seq(x, b);
    const float sink = ((const float *)x->sink.data)[b * x->sink.b + h * x->sink.h];
    const float *lse = (const float *)x->lse.data + b * x->lse.b + h * x->lse.h + seq.q_row * x->lse.t;
    const float *delta = s->delta + h * s->l.rows + (x->shape->packed ? seq.q_row : b * x->shape->q_len);
    double sum = 0.0;
    for (int64_t i = 0; i < seq.q_len; i++)
        if (lse[i * x->lse.t] != -INFINITY) sum -= exp((double)sink - (double)lse[i * x->lse.t]) * (double)delta[i];
    s->dsink[index] = sum;
}

static void add_sums(const struct attn_exec *x, const struct attn_array_out *to, const double *sums, int64_t parts) {
    float *data = to->data;
    for (int64_t h = 0; h < x->shape->heads; h++) {
        double total = 0.0;
        for (int64_t b = 0; b < x->batch; b++) {
            for (int64_t p = 0; p < parts; p++) total += sums[(b * x->shape->heads + h) * parts + p];
            if (!to->b && b < x->batch - 1) continue;
            data[b * to->b + h * to->h] += (float)total;
            total = 0.0;
        }
    }
}

void attn_backward_head_sums(const struct attn_backward *s) {
    const struct attn_exec *x = s->x;
    if (x->alibi.data && x->dalibi.data) add_sums(x, &x->dalibi, s->dalibi, s->l.chunks);
    if (!x->sink.data || !x->dsink.data) return;
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, sink_rows, (void *)s);
    add_sums(x, &x->dsink, s->dsink, 1);
}
