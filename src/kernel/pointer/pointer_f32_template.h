/* The microkernels of the pointer schedule over vectors of any width. Included by one file for each instruction set after its header of
 * vectors; defines `ops` and tanh_all.
 *
 * Lanes are dimensions, so rows are read as they lie. A key's logit is then a sum over lanes: as many keys as a vector has lanes are
 * transposed together, which leaves one addition and a few shuffles for each.
 */
#include "kernel/pointer/pointer.h"
#include "kernel/pointer/tanh_f32_template.h"

#include "kernel/pointer/score_f32_template.h"

#include <math.h>

/* The lanes of dims [c, dim) that exist, others 0: a whole vector at once where it is one. */
#define LOAD(p, c, dim) ((dim) - (c) >= VEC_LANES ? vec_load((p) + (c)) : vec_load_first((p) + (c), (dim) - (c)))

VEC_INLINE void store_dims(float *p, int64_t left, vec x) {
    if (left >= VEC_LANES)
        vec_store(p, x);
    else
        vec_store_first(p, left, x);
}

static void tanh_all(const float *x, int64_t count, float *y) {
    for (int64_t i = 0; i < count; i += VEC_LANES) store_dims(y + i, count - i, vec_tanh(LOAD(x, i, count)));
}

static void logits(const struct attn_pointer_row *row, float *s) {
    const vec scale = vec_set1(row->scale);
    for (int64_t n = 0; n < row->count; n += VEC_LANES) {
        const int64_t keys = row->count - n < VEC_LANES ? row->count - n : VEC_LANES;
        float lanes[VEC_LANES * VEC_LANES];
        vec r[VEC_LANES];
        for (int64_t i = 0; i < keys; i++)
            vec_store(lanes + i * VEC_LANES, score_lanes(row->q, row->k + row->keys[n + i] * row->k_stride, row->w, row->dim));
        for (int i = 0; i < VEC_LANES; i++) r[i] = i < keys ? vec_load(lanes + i * VEC_LANES) : vec_set1(0.0f);
        vec_transpose(r);
        for (int half = VEC_LANES / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++) r[i] = vec_add(r[i], r[i + half]);
        store_dims(s + n, keys, vec_mul(r[0], scale));
    }
}

static float weights(float *s, int64_t count, float *high) {
    const vec factor = vec_set1((float)M_LOG2E);
    float most = -INFINITY, lanes[VEC_LANES], total = 0.0f;
    for (int64_t n = 0; n < count; n++) most = s[n] > most || isnan(s[n]) ? s[n] : most;
    *high = most;
    if (most == -INFINITY) return 0.0f;
    vec sum = vec_set1(0.0f);
    for (int64_t n = 0; n < count; n += VEC_LANES) {
        const int64_t left = count - n;
        const vec x = vec_mul(vec_sub(LOAD(s, n, count), vec_set1(most)), factor);
        vec p = vec_exp2(x);
        store_dims(s + n, left, p);
        if (left < VEC_LANES) p = LOAD(s, n, count);
        sum = vec_add(sum, p);
    }
    vec_store(lanes, sum);
    for (int i = 0; i < VEC_LANES; i++) total += lanes[i];
    return total;
}

/* A column of dimensions over all keys: dq and dw stay in registers. */
VEC_INLINE void gradient_column(const struct attn_pointer_row *row, const float *ds, float *dk, int64_t dk_stride, float *dq, float *dw,
                                int32_t c, int32_t left) {
    const bool whole = left >= VEC_LANES;
    const vec q = whole ? vec_load(row->q + c) : vec_load_first(row->q + c, left), one = vec_set1(1.0f);
    const vec w = whole ? vec_load(row->w + c) : vec_load_first(row->w + c, left);
    vec sum_q = whole ? vec_load(dq + c) : vec_load_first(dq + c, left), sum_w = whole ? vec_load(dw + c) : vec_load_first(dw + c, left);
    for (int64_t n = 0; n < row->count; n++) {
        const float *k = row->k + row->keys[n] * row->k_stride + c;
        float *to = dk + row->keys[n] * dk_stride + c;
        const vec t = vec_tanh(vec_add(q, whole ? vec_load(k) : vec_load_first(k, left)));
        const vec d = vec_set1(row->scale * ds[n]);
        const vec u = vec_mul(vec_mul(d, w), vec_mul(vec_sub(one, t), vec_add(one, t)));
        sum_q = vec_add(sum_q, u);
        sum_w = vec_fma(d, t, sum_w);
        if (whole)
            vec_store(to, vec_add(vec_load(to), u));
        else
            vec_store_first(to, left, vec_add(vec_load_first(to, left), u));
    }
    store_dims(dq + c, left, sum_q);
    store_dims(dw + c, left, sum_w);
}

/* As many keys at a time as stay in the first-level cache while their columns are gone through. */
static void gradients(const struct attn_pointer_row *row, const float *ds, float *dk, int64_t dk_stride, float *dq, float *dw) {
    enum { KEYS = 64 };
    struct attn_pointer_row part = *row;
    for (int64_t n = 0; n < row->count; n += KEYS) {
        part.keys = row->keys + n;
        part.count = row->count - n < KEYS ? row->count - n : KEYS;
        int32_t c = 0;
        for (; c + VEC_LANES <= row->dim; c += VEC_LANES) gradient_column(&part, ds + n, dk, dk_stride, dq, dw, c, VEC_LANES);
        if (c < row->dim) gradient_column(&part, ds + n, dk, dk_stride, dq, dw, c, row->dim - c);
    }
}

static void mix(const struct attn_pointer_values *list, const float *p, const float *v, float *o) {
    for (int32_t c = 0; c < list->width; c += VEC_LANES) {
        vec sum = vec_set1(0.0f);
        for (int64_t n = 0; n < list->count; n++)
            sum = vec_fma(vec_set1(p[n]), LOAD(v + list->keys[n] * list->stride, c, list->width), sum);
        store_dims(o + c, list->width - c, sum);
    }
}

static void dots(const struct attn_pointer_values *list, const float *d_o, const float *v, float *dp) {
    for (int64_t n = 0; n < list->count; n++) {
        const float *row = v + list->keys[n] * list->stride;
        vec sum = vec_set1(0.0f);
        for (int32_t c = 0; c < list->width; c += VEC_LANES) sum = vec_fma(LOAD(d_o, c, list->width), LOAD(row, c, list->width), sum);
        dp[n] += vec_sum(sum);
    }
}

static void spread(const struct attn_pointer_values *list, const float *p, const float *d_o, float *dv) {
    for (int64_t n = 0; n < list->count; n++) {
        float *row = dv + list->keys[n] * list->stride;
        for (int32_t c = 0; c < list->width; c += VEC_LANES)
            store_dims(row + c, list->width - c, vec_fma(vec_set1(p[n]), LOAD(d_o, c, list->width), LOAD(row, c, list->width)));
    }
}

static const struct attn_pointer_ops ops = {
    .logits = logits,
    .weights = weights,
    .gradients = gradients,
    .mix = mix,
    .dots = dots,
    .spread = spread,
};

static void forward(const struct attn_exec *x) {
    attn_pointer_forward(x, &ops);
}
static void backward(const struct attn_exec *x) {
    attn_pointer_backward(x, &ops);
}
