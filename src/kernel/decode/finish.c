/* The end of decoding: the parts of a row are merged in the order of the keys, the sink enters the denominator, O and LSE are written. */
#include "kernel/decode/parts.h"
#include "kernel/merge.h"

#include <math.h>

/* A row of all parts: o relative to the greatest maximum, which is returned with the sum of weights. A part without keys (l = 0) is not
 * read. */
static float merge_row(const struct attn_decode_work *w, int64_t r, int64_t chunks, int64_t step, double *total) {
    const int64_t width = w->x->shape->v_dim;
    float *o = w->o + r * w->cut->o_row, top = -INFINITY;
    for (int64_t n = 0; n < chunks; n++) top = fmaxf(top, w->m[r + n * step]);
    const float shift = top == -INFINITY ? 0.0f : top;
    *total = 0.0;
    for (int64_t n = 0; n < chunks; n++) {
        const float l = w->l[r + n * step], factor = l == 0.0f ? 0.0f : exp2f(w->m[r + n * step] - shift);
        const float *part = o + n * step;
        if (l != 0.0f) *total += (double)(factor * l);
        if (n == 0)
            for (int64_t c = 0; c < width; c++) o[c] = l == 0.0f ? 0.0f : factor * o[c];
        else if (l != 0.0f)
            for (int64_t c = 0; c < width; c++) o[c] += factor * part[c];
    }
    return top;
}

static void store_row(const struct attn_exec *x, const float *from, float *to, float scale, float keep) {
    const int64_t width = x->shape->v_dim, d = x->o.d;
    for (int64_t c = 0; c < width; c++) {
        const float old = keep != 0.0f ? keep * to[c * d] : 0.0f;
        to[c * d] = (scale != 0.0f ? scale * from[c] : 0.0f) + old;
    }
}

static void finish_row(const struct attn_decode_work *w, int64_t r, int64_t chunks, int64_t step) {
    const struct attn_exec *x = w->x;
    const int64_t h = w->head + r / w->queries, row = w->seq.q_row + w->q0 + r % w->queries;
    double total;
    float top = merge_row(w, r, chunks, step, &total), part = 1.0f;
    const float *sinks = x->sink.data;
    const float sink = sinks ? sinks[w->sequence * x->sink.b + h * x->sink.h] * (float)M_LOG2E : -INFINITY;
    if (sink != -INFINITY) { /* NaN stays */
        const float high = fmaxf(top, sink);
        part = exp2f(top - high);
        total = total * (double)part + (double)exp2f(sink - high);
        top = high;
    }
    double lse = total == 0.0 ? (double)-INFINITY : ((double)top + log2(total)) * M_LN2, before = 0.0, now = 1.0;
    float *out = x->lse.data ? (float *)x->lse.data + w->sequence * x->lse.b + h * x->lse.h + row * x->lse.t : NULL;
    if (out && (x->accumulate & ATTN_ACCUMULATE_O)) lse = attn_merge_weights((double)*out, lse, &before, &now);
    if (out) *out = (float)lse;
    const float scale = total == 0.0 ? 0.0f : (float)((double)part * now / total);
    store_row(x, w->o + r * w->cut->o_row, (float *)x->o.data + w->sequence * x->o.b + h * x->o.h + row * x->o.t, scale, (float)before);
}

void attn_decode_finish(const struct attn_decode_work *w, int64_t chunks, int64_t step) {
    for (int64_t r = 0; r < w->rows; r++) finish_row(w, r, chunks, step);
}
