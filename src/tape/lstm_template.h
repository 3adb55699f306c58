/* Tokens of an LSTM in vectors of floats. Included once for each instruction set behind the functions of functions_template.h; defines `lstm_forward`,
 * `lstm_states` and `lstm_backward` as struct attn_functions wants them. */
#include "tape/functions.h"

/* The sum of gate number `gate` from c on. */
VEC_INLINE vec lstm_sum(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, int gate, int64_t c, int64_t lanes) {
    const int64_t at = gate * n->hidden + c;
    vec sum = vec_add(load_lanes(t->gate + at, lanes), load_lanes(n->bias + at, lanes));
    for (int64_t d = 0; d < n->in; d++)
        sum = vec_fma(vec_set1(t->x[d]), load_lanes(n->input + d * ATTN_LSTM_GATES * n->hidden + at, lanes), sum);
    return sum;
}

/* A sigmoid within 2e-7 of 1; not relative to itself far below 0, as sigmoid_of is. At most 2^125 keeps the reciprocal a normal number. */
VEC_INLINE vec lstm_gate(vec sum) {
    const vec one = vec_set1(1.0f), power = vec_exp2(vec_min(vec_set1(125.0f), vec_mul(sum, vec_set1(-0x1.715476p+0f))));
    return quotient(one, vec_add(one, power));
}

/* What becomes of 16 numbers' sums. */
struct lstm_values {
    vec i, f, g, o, cell, squash, h;
};
VEC_INLINE struct lstm_values lstm_values_of(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, int64_t c, int64_t lanes) {
    struct lstm_values v = {.i = lstm_gate(lstm_sum(n, t, 0, c, lanes)), .f = lstm_gate(lstm_sum(n, t, 1, c, lanes))};
    v.g = tanh_of(lstm_sum(n, t, 2, c, lanes));
    v.o = lstm_gate(lstm_sum(n, t, 3, c, lanes));
    v.cell = vec_fma(v.f, load_lanes(t->before + c, lanes), vec_mul(v.i, v.g));
    v.squash = tanh_of(v.cell);
    v.h = vec_mul(v.o, v.squash);
    return v;
}

static void lstm_forward(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, float *c, float *state, float *y) {
    const int64_t h = n->hidden;
    for (int64_t l = 0; l < h; l += VEC_LANES) {
        const int64_t lanes = lanes_at(l, h);
        const struct lstm_values v = lstm_values_of(n, t, l, lanes);
        store_lanes(t->gate + l, lanes, v.i);
        store_lanes(t->gate + h + l, lanes, v.f);
        store_lanes(t->gate + 2 * h + l, lanes, v.g);
        store_lanes(t->gate + 3 * h + l, lanes, v.o);
        store_lanes(c + l, lanes, v.cell);
        store_lanes(t->squash + l, lanes, v.squash);
        store_lanes(state + l, lanes, v.h);
        store_lanes(y + l, lanes, v.h);
    }
}

/* Numbers `l` to l + lanes of all rows. `in` and `lanes` are constants where that counts: for points in the plane, whose weights then stay in registers. */
VEC_INLINE void lstm_column(const struct attn_lstm_layer *of, const struct attn_lstm_rows *r, int64_t in, int64_t l, int64_t lanes) {
    const struct attn_lstm_layer n = {of->hidden, in, of->input, of->bias};
    for (int64_t row = 0; row < r->rows; row++) {
        const struct attn_lstm_token t = {
            .x = r->x + row * r->x_step, .before = r->before + row * r->step, .gate = r->gate + row * ATTN_LSTM_GATES * n.hidden};
        const struct lstm_values v = lstm_values_of(&n, &t, l, lanes);
        store_lanes(r->c + row * r->step + l, lanes, v.cell);
        store_lanes(r->h + row * r->step + l, lanes, v.h);
        if (r->y) store_lanes(r->y + row * r->y_step + l, lanes, v.h);
    }
}

static void lstm_states(const struct attn_lstm_layer *n, const struct attn_lstm_rows *r) {
    int64_t l = 0;
    for (; l + VEC_LANES <= n->hidden && n->in == 2; l += VEC_LANES) lstm_column(n, r, 2, l, VEC_LANES);
    for (; l < n->hidden; l += VEC_LANES) lstm_column(n, r, n->in, l, lanes_at(l, n->hidden));
}

/* d of a gate's sum, to its places. */
VEC_INLINE void lstm_spread(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, int gate, int64_t c, int64_t lanes, vec d,
                            float *sums) {
    const int64_t at = gate * n->hidden + c;
    store_lanes(t->gate + at, lanes, d);
    for (int64_t i = 0; i < n->in; i++, sums += ATTN_LSTM_GATES * n->hidden)
        store_lanes(sums + at, lanes, vec_fma(vec_set1(t->x[i]), d, load_lanes(sums + at, lanes)));
    store_lanes(sums + at, lanes, vec_add(d, load_lanes(sums + at, lanes)));
}

static void lstm_backward(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, const float *dy, const float *dh, float *dc,
                          float *sums) {
    const int64_t h = n->hidden;
    const vec one = vec_set1(1.0f);
    for (int64_t l = 0; l < h; l += VEC_LANES) {
        const int64_t lanes = lanes_at(l, h);
        const vec i = load_lanes(t->gate + l, lanes), f = load_lanes(t->gate + h + l, lanes), g = load_lanes(t->gate + 2 * h + l, lanes);
        const vec o = load_lanes(t->gate + 3 * h + l, lanes), s = load_lanes(t->squash + l, lanes);
        const vec d = vec_add(load_lanes(dy + l, lanes), load_lanes(dh + l, lanes));
        const vec of_tanh = vec_mul(vec_sub(one, s), vec_add(one, s));
        const vec d_c = vec_fma(vec_mul(d, o), of_tanh, load_lanes(dc + l, lanes));
        store_lanes(dc + l, lanes, vec_mul(d_c, f));
        lstm_spread(n, t, 0, l, lanes, vec_mul(vec_mul(d_c, g), vec_mul(i, vec_sub(one, i))), sums);
        lstm_spread(n, t, 1, l, lanes, vec_mul(vec_mul(d_c, load_lanes(t->before + l, lanes)), vec_mul(f, vec_sub(one, f))), sums);
        lstm_spread(n, t, 2, l, lanes, vec_mul(vec_mul(d_c, i), vec_mul(vec_sub(one, g), vec_add(one, g))), sums);
        lstm_spread(n, t, 3, l, lanes, vec_mul(vec_mul(d, s), vec_mul(o, vec_sub(one, o))), sums);
    }
}
