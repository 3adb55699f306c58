/* The keys of attn_pointer_losses and attn_pointer_logits in vectors of floats, with the sums of kernel/pointer/pointer_f32_template.h: a target's logit is
 * the plan's, and a loss with one key 0. Included once for each instruction set after tanh_f32_template.h and
 * norm_template.h, before exp_of; defines `pointer_logits` and `pointer_gradients` as struct attn_functions wants them, and pointer_powers_template.h the rest. */
#include "kernel/pointer/score_f32_template.h"
#include "tape/functions.h"

static void pointer_logits(const struct attn_pointer_keys *p, float *u) {
    for (int64_t n = 0; n < p->count; n++) u[n] = vec_sum(score_lanes(p->q, p->k + n * p->k_step, p->w, p->dim));
}

/* A column of numbers over some keys: those of dq and dw stay in registers. */
VEC_INLINE void pointer_column(const struct attn_pointer_keys *p, const float *du, float *dq, float *dk, int64_t dk_step, float *dw,
                               int64_t c) {
    const int64_t lanes = lanes_at(c, p->dim);
    const vec one = vec_set1(1.0f), q = load_lanes(p->q + c, lanes), w = load_lanes(p->w + c, lanes);
    vec sum_q = load_lanes(dq + c, lanes), sum_w = load_lanes(dw + c, lanes);
    for (int64_t n = 0; n < p->count; n++) {
        float *to = dk + n * dk_step + c;
        const vec t = vec_tanh(vec_add(q, load_lanes(p->k + n * p->k_step + c, lanes))), d = vec_set1(du[n]);
        const vec s = vec_mul(vec_mul(d, w), vec_mul(vec_sub(one, t), vec_add(one, t)));
        sum_q = vec_add(sum_q, s);
        sum_w = vec_fma(d, t, sum_w);
        store_lanes(to, lanes, vec_add(load_lanes(to, lanes), s));
    }
    store_lanes(dq + c, lanes, sum_q);
    store_lanes(dw + c, lanes, sum_w);
}

/* As many keys at a time as stay in the first-level cache while their columns are gone through. */
static void pointer_gradients(const struct attn_pointer_keys *p, const float *du, float *dq, float *dk, int64_t dk_step, float *dw) {
    enum { KEYS = 64 };
    struct attn_pointer_keys part = *p;
    for (int64_t n = 0; n < p->count; n += KEYS) {
        part.k = p->k + n * p->k_step;
        part.count = p->count - n < KEYS ? p->count - n : KEYS;
        for (int64_t c = 0; c < p->dim; c += VEC_LANES) pointer_column(&part, du + n, dq, dk + n * dk_step, dk_step, dw, c);
    }
}
