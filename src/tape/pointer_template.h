/* The keys of attn_pointer_losses and attn_pointer_logits in vectors of floats, with the sums of kernel/pointer/pointer_f32_template.h: a target's logit is
 * the plan's, and a loss with one key 0. Included once for each instruction set after tanh_f32_template.h and
 * norm_template.h; defines `pointer_logits` and `pointer_gradients` as struct attn_functions wants them. */
#include "tape/functions.h"

static void pointer_logits(const struct attn_pointer_keys *p, float *u) {
    for (int64_t n = 0; n < p->count; n++) {
        const float *k = p->k + n * p->k_step;
        vec sum = vec_set1(0.0f);
        int64_t c = 0;
        for (; c + VEC_LANES <= p->dim; c += VEC_LANES)
            sum = vec_fma(vec_load(p->w + c), vec_tanh(vec_add(vec_load(p->q + c), vec_load(k + c))), sum);
        if (c < p->dim) {
            const int64_t left = p->dim - c;
            const vec x = vec_add(vec_load_first(p->q + c, left), vec_load_first(k + c, left));
            sum = vec_fma(vec_load_first(p->w + c, left), vec_tanh(x), sum);
        }
        u[n] = vec_sum(sum);
    }
}

static void pointer_gradients(const struct attn_pointer_keys *p, const float *du, float *dq, float *dk, int64_t dk_step, float *dw) {
    const vec one = vec_set1(1.0f);
    for (int64_t n = 0; n < p->count; n++) {
        const float *k = p->k + n * p->k_step;
        float *to = dk + n * dk_step;
        const vec d = vec_set1(du[n]);
        for (int64_t c = 0; c < p->dim; c += VEC_LANES) {
            const int64_t lanes = lanes_at(c, p->dim);
            const vec t = vec_tanh(vec_add(load_lanes(p->q + c, lanes), load_lanes(k + c, lanes)));
            const vec s = vec_mul(vec_mul(d, load_lanes(p->w + c, lanes)), vec_mul(vec_sub(one, t), vec_add(one, t)));
            store_lanes(dq + c, lanes, vec_add(load_lanes(dq + c, lanes), s));
            store_lanes(to + c, lanes, vec_add(load_lanes(to + c, lanes), s));
            store_lanes(dw + c, lanes, vec_fma(d, t, load_lanes(dw + c, lanes)));
        }
    }
}
