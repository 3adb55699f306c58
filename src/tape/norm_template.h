/* Rows of layer norm and RMS norm in vectors of floats. Included once for each instruction set after its header of vectors; defines
 * `norm_forward` and `norm_backward` as struct attn_functions wants them. */
#include "tape/functions.h"

VEC_INLINE vec_mask first_lanes(int64_t n) {
    return vec_bits((1u << n) - 1u);
}

/* The lanes of a row from column c on: a vector, or what is left. */
VEC_INLINE int64_t lanes_at(int64_t c, int64_t columns) {
    return attn_min64(VEC_LANES, columns - c);
}
VEC_INLINE vec load_lanes(const float *p, int64_t lanes) {
    return lanes == VEC_LANES ? vec_load(p) : vec_load_first(p, lanes);
}
VEC_INLINE void store_lanes(float *p, int64_t lanes, vec x) {
    if (lanes == VEC_LANES)
        vec_store(p, x);
    else
        vec_store_first(p, lanes, x);
}

VEC_INLINE float row_mean(const float *x, int64_t columns) {
    vec sum = vec_set1(0.0f);
    for (int64_t c = 0; c < columns; c += VEC_LANES) sum = vec_add(sum, load_lanes(x + c, lanes_at(c, columns)));
    return vec_sum(sum) / (float)columns;
}

VEC_INLINE float row_variance(const float *x, float mean, int64_t columns) {
    const vec m = vec_set1(mean);
    vec sum = vec_set1(0.0f);
    int64_t c = 0;
    for (; c + VEC_LANES <= columns; c += VEC_LANES) {
        const vec d = vec_sub(vec_load(x + c), m);
        sum = vec_fma(d, d, sum);
    }
    if (c < columns) {
        const vec d = vec_keep(first_lanes(columns - c), vec_sub(vec_load_first(x + c, columns - c), m));
        sum = vec_fma(d, d, sum);
    }
    return vec_sum(sum) / (float)columns;
}

static void norm_forward(const struct attn_norm_rows *n, const float *x, float *y, float *stat) {
    const int64_t columns = n->columns;
    const vec zero = vec_set1(0.0f), one = vec_set1(1.0f);
    for (int64_t i = 0; i < n->rows; i++, x += columns, y += columns, stat += 2) {
        stat[0] = n->centred ? row_mean(x, columns) : 0.0f;
        stat[1] = 1.0f / real_sqrt(row_variance(x, stat[0], columns) + n->epsilon);
        const vec mean = vec_set1(stat[0]), r = vec_set1(stat[1]);
        for (int64_t c = 0; c < columns; c += VEC_LANES) {
            const int64_t lanes = lanes_at(c, columns);
            const vec h = vec_mul(vec_sub(load_lanes(x + c, lanes), mean), r);
            store_lanes(y + c, lanes,
                        vec_fma(n->gain ? load_lanes(n->gain + c, lanes) : one, h, n->bias ? load_lanes(n->bias + c, lanes) : zero));
        }
    }
}

/* to += x, where `to` is wanted */
VEC_INLINE void add_lanes(float *to, int64_t lanes, vec x) {
    if (to) store_lanes(to, lanes, vec_add(load_lanes(to, lanes), x));
}

static void norm_backward(const struct attn_norm_rows *n, const float *x, const float *stat, const float *dy, float *dx, bool add,
                          float *d_gain, float *d_bias) {
    const int64_t columns = n->columns;
    const vec zero = vec_set1(0.0f);
    for (int64_t i = 0; i < n->rows; i++, x += columns, dy += columns, stat += 2) {
        const vec m = vec_set1(stat[0]), r = vec_set1(stat[1]);
        vec sum = zero, along = zero;
        for (int64_t c = 0; c < columns; c += VEC_LANES) {
            const int64_t lanes = lanes_at(c, columns);
            const vec d = load_lanes(dy + c, lanes), g = n->gain ? vec_mul(load_lanes(n->gain + c, lanes), d) : d;
            const vec h = vec_mul(vec_sub(load_lanes(x + c, lanes), m), r);
            sum = vec_add(sum, g);
            along = vec_fma(g, h, along); /* behind the row g is 0 */
            add_lanes(d_gain ? d_gain + c : NULL, lanes, vec_mul(d, h));
            add_lanes(d_bias ? d_bias + c : NULL, lanes, d);
        }
        if (!dx) continue;
        const vec mean = vec_set1(n->centred ? vec_sum(sum) / (float)columns : 0.0f), share = vec_set1(vec_sum(along) / (float)columns);
        for (int64_t c = 0; c < columns; c += VEC_LANES) {
            const int64_t lanes = lanes_at(c, columns);
            const vec d = load_lanes(dy + c, lanes), g = n->gain ? vec_mul(load_lanes(n->gain + c, lanes), d) : d;
            const vec h = vec_mul(vec_sub(load_lanes(x + c, lanes), m), r);
            const vec to = vec_mul(r, vec_sub(vec_sub(g, mean), vec_mul(h, share)));
            store_lanes(dx + c, lanes, add ? vec_add(load_lanes(dx + c, lanes), to) : to);
        }
        dx += columns;
    }
}
