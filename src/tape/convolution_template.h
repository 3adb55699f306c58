/* Sums of products of rows for direct convolutions, in vectors of floats. Included once for each instruction set after its header of vectors; defines
 * `products` as struct attn_functions wants it.
 *
 * Four outputs go together: each row of a is loaded once for them, and their sums do not wait for each other. */
#include "tape/functions.h"

enum { TOGETHER = 4 };

/* Two vectors of channels of `outputs` outputs. */
VEC_INLINE void two_vectors(int outputs, int64_t n, int64_t channels, const float *a, int64_t step, const float *b, float *to) {
    vec sum[TOGETHER][2];
    for (int k = 0; k < outputs; k++) sum[k][0] = sum[k][1] = vec_set1(0.0f);
    for (int64_t r = 0; r < n; r++) {
        const vec low = vec_load(a + r * channels), high = vec_load(a + r * channels + VEC_LANES);
        for (int k = 0; k < outputs; k++) {
            const float *row = b + k * channels + r * step;
            sum[k][0] = vec_fma(low, vec_load(row), sum[k][0]);
            sum[k][1] = vec_fma(high, vec_load(row + VEC_LANES), sum[k][1]);
        }
    }
    for (int k = 0; k < outputs; k++) {
        float *at = to + k * channels;
        vec_store(at, vec_add(vec_load(at), sum[k][0]));
        vec_store(at + VEC_LANES, vec_add(vec_load(at + VEC_LANES), sum[k][1]));
    }
}

/* `lanes` channels, at most a vector, of one output. */
VEC_INLINE void part_of_a_vector(int64_t lanes, int64_t n, int64_t channels, const float *a, int64_t step, const float *b, float *to) {
    vec sum = vec_set1(0.0f);
    for (int64_t r = 0; r < n; r++) sum = vec_fma(vec_load_first(a + r * channels, lanes), vec_load_first(b + r * step, lanes), sum);
    vec_store_first(to, lanes, vec_add(vec_load_first(to, lanes), sum));
}

static void products(int64_t wide, int64_t outputs, int64_t n, int64_t channels, const float *a, int64_t step, const float *b, float *to) {
    int64_t l = 0;
    for (; l + 2 * VEC_LANES <= wide; l += 2 * VEC_LANES) {
        int64_t k = 0;
        for (; k + TOGETHER <= outputs; k += TOGETHER)
            two_vectors(TOGETHER, n, channels, a + l, step, b + l + k * channels, to + l + k * channels);
        for (; k < outputs; k++) two_vectors(1, n, channels, a + l, step, b + l + k * channels, to + l + k * channels);
    }
    for (; l < wide; l += VEC_LANES)
        for (int64_t k = 0; k < outputs; k++)
            part_of_a_vector(attn_min64(VEC_LANES, wide - l), n, channels, a + l, step, b + l + k * channels, to + l + k * channels);
}
