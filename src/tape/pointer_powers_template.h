/* The additive score by powers: with E = e^(2 k) of each key, made once, and of the query, tanh(q + k) = 1 - 2 / (1 + E_q E_k), a third of the instructions of a tanh.
 *
 * Powers are within 2e-7, relative, and the product's error counts at most by half: a tanh is within 5e-7 of 1, as tanh_f32_template.h's. It is not so relative to itself near
 * 0, which a sum of many does not show. |k| <= 16.5 and q cut at +-26 keep E_q E_k within e^+-85, where its reciprocal is a normal number, and nothing is
 * lost: from q + k = 9.5 on tanh is 1 in float. Included once for each instruction set behind exp_of; defines `pointer_powers` and `pointer_logits_of_powers` as struct
 * attn_functions wants them. */
#include "tape/functions.h"

static bool pointer_powers(int64_t n, const float *x, float *y) {
    const vec most = vec_set1(26.0f), near = vec_set1(16.5f);
    vec within = vec_set1(0.0f); /* how many */
    for (int64_t c = 0; c < n; c += VEC_LANES) {
        const int64_t lanes = lanes_at(c, n);
        const vec at = load_lanes(x + c, lanes), cut = vec_max(vec_sub(vec_set1(0.0f), most), vec_min(most, at));
        within = vec_add(within, vec_keep(vec_at_least(near, vec_abs(at)), vec_set1(1.0f)));
        store_lanes(y + c, lanes, exp_of(vec_add(cut, cut)));
    }
    return vec_sum(within) == (float)(attn_div_up(n, VEC_LANES) * VEC_LANES);
}

static void pointer_logits_of_powers(const struct attn_pointer_keys *p, float *u) {
    const vec one = vec_set1(1.0f);
    vec all = vec_set1(0.0f);
    for (int64_t c = 0; c < p->dim; c += VEC_LANES) all = vec_add(all, load_lanes(p->w + c, lanes_at(c, p->dim)));
    for (int64_t n = 0; n < p->count; n++) {
        const float *k = p->k + n * p->k_step;
        vec sum = vec_set1(0.0f);
        int64_t c = 0;
        for (; c + VEC_LANES <= p->dim; c += VEC_LANES)
            sum = vec_add(sum, quotient(vec_load(p->w + c), vec_fma(vec_load(p->q + c), vec_load(k + c), one)));
        if (c < p->dim) {
            const int64_t left = p->dim - c;
            const vec power = vec_fma(vec_load_first(p->q + c, left), vec_load_first(k + c, left), one);
            sum = vec_add(sum, quotient(vec_load_first(p->w + c, left), power));
        }
        u[n] = vec_sum(vec_fma(sum, vec_set1(-2.0f), all));
    }
}
