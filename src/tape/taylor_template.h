/* Rows of the weights of attn_taylor_attention in vectors of floats. Included once for each instruction set after norm_template.h; defines
 * `taylor_weights` and `taylor_slopes` as struct attn_functions wants them. */
#include "tape/functions.h"

VEC_INLINE vec taylor_weight(vec s) {
    return vec_fma(vec_fma(vec_set1(0.5f), s, vec_set1(1.0f)), s, vec_set1(1.0f));
}

static float taylor_weights(int64_t n, float scale, float *w) {
    const vec by = vec_set1(scale);
    vec sum = vec_set1(0.0f);
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES) {
        const vec x = taylor_weight(vec_mul(by, vec_load(w + i)));
        vec_store(w + i, x);
        sum = vec_add(sum, x);
    }
    if (i < n) {
        const vec x = taylor_weight(vec_mul(by, vec_load_first(w + i, n - i)));
        vec_store_first(w + i, n - i, x);
        sum = vec_add(sum, vec_keep(first_lanes(n - i), x));
    }
    return vec_sum(sum);
}

static void taylor_slopes(int64_t n, float scale, float along, float *w, float *d) {
    const vec by = vec_set1(scale), more = vec_set1(along);
    for (int64_t i = 0; i < n; i += VEC_LANES) {
        const int64_t lanes = lanes_at(i, n);
        const vec s = vec_mul(by, load_lanes(w + i, lanes)), slope = vec_fma(by, s, by);
        store_lanes(d + i, lanes, vec_mul(vec_add(load_lanes(d + i, lanes), more), slope));
        store_lanes(w + i, lanes, taylor_weight(s));
    }
}
