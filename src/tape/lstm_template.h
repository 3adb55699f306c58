/* Tokens of an LSTM in vectors of floats. Included once for each instruction set behind the functions of functions_template.h; defines `lstm_forward` and
 * `lstm_backward` as struct attn_functions wants them. */
#include "tape/functions.h"

/* The sum of gate number `gate` from c on. */
VEC_INLINE vec lstm_sum(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, int gate, int64_t c, int64_t lanes) {
    const int64_t at = gate * n->hidden + c;
    vec sum = vec_add(load_lanes(t->gate + at, lanes), load_lanes(n->bias + at, lanes));
    for (int64_t d = 0; d < n->in; d++)
        sum = vec_fma(vec_set1(t->x[d]), load_lanes(n->input + d * ATTN_LSTM_GATES * n->hidden + at, lanes), sum);
    return sum;
}

static void lstm_forward(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, float *c, float *state, float *y) {
    const int64_t h = n->hidden;
    for (int64_t l = 0; l < h; l += VEC_LANES) {
        const int64_t lanes = lanes_at(l, h);
        const vec i = sigmoid_of(lstm_sum(n, t, 0, l, lanes)), f = sigmoid_of(lstm_sum(n, t, 1, l, lanes));
        const vec g = tanh_of(lstm_sum(n, t, 2, l, lanes)), o = sigmoid_of(lstm_sum(n, t, 3, l, lanes));
        const vec cell = vec_fma(f, load_lanes(t->before + l, lanes), vec_mul(i, g)), squash = tanh_of(cell), out = vec_mul(o, squash);
        store_lanes(t->gate + l, lanes, i);
        store_lanes(t->gate + h + l, lanes, f);
        store_lanes(t->gate + 2 * h + l, lanes, g);
        store_lanes(t->gate + 3 * h + l, lanes, o);
        store_lanes(c + l, lanes, cell);
        store_lanes(t->squash + l, lanes, squash);
        store_lanes(state + l, lanes, out);
        store_lanes(y + l, lanes, out);
    }
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
