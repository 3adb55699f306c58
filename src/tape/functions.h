/* Loops over functions of one number, over the exponentials of a softmax, over the rows of a norm, the keys of a pointer and
 * the gates of an LSTM.
 *
 * There is a table of them for the plain C of <math.h>, which has all of them and is the reference, and one for each instruction set, in
 * float alone, which has those that <math.h> is slow in. What a loop makes of a number depends on no other number of the range, so a range
 * may be cut anywhere; sums and the greatest number depend on the whole row.
 */
#ifndef ATTN_TAPE_FUNCTIONS_H
#define ATTN_TAPE_FUNCTIONS_H

#include "base/context.h"
#include "tape/real.h"

enum attn_function {
    ATTN_FN_AFFINE, /* constant[0] x + constant[1] */
    ATTN_FN_EXP,
    ATTN_FN_LN,
    ATTN_FN_SQUARE,
    ATTN_FN_SQRT,
    ATTN_FN_SIN,
    ATTN_FN_COS,
    ATTN_FN_TANH,
    ATTN_FN_SIGMOID,
    ATTN_FN_SOFTPLUS,
    ATTN_FN_RELU,
    ATTN_FN_ELU,
    ATTN_FN_SILU,
    ATTN_FN_GELU,
    ATTN_FN_COUNT
};

struct attn_loops {
    /* y = f(x) */
    void (*forward)(int64_t n, const attn_real *x, attn_real *y, const attn_real *constant);
    /* dx = dy * f'(x), or dx += that; y = f(x) */
    void (*backward)(int64_t n, const attn_real *x, const attn_real *y, const attn_real *dy, attn_real *dx, bool add,
                     const attn_real *constant);
};

/* Rows of a norm; gain and bias NULL: 1, 0. centred: the mean is subtracted. */
struct attn_norm_rows {
    int64_t rows, columns;
    const attn_real *gain, *bias;
    attn_real epsilon;
    bool centred;
};

/* One query of the additive score, and `count` keys, rows of `dim` numbers k_step apart. */
struct attn_pointer_keys {
    int64_t count, dim, k_step;
    const attn_real *q, *k, *w;
};

/* An LSTM's layer: H numbers of each of its gates i, f, g, o, and the few inputs that are not in the gates' sums yet. */
enum { ATTN_LSTM_GATES = 4 };
struct attn_lstm_layer {
    int64_t hidden, in;
    const attn_real *input, *bias; /* [in, 4 H], [4 H] */
};
/* One token of a sequence. */
struct attn_lstm_token {
    const attn_real *x, *before; /* [in]; c before it, [H] */
    attn_real *gate, *squash;    /* [4 H], [H]: tanh(c) */
};
/* One token of each of some sequences; c and h in rows `step` numbers apart. */
struct attn_lstm_rows {
    int64_t rows, x_step, step, y_step;
    const attn_real *x, *before; /* [rows, in]; c before it, [rows, H] */
    attn_real *gate, *c, *h, *y; /* sums of the gates [rows, 4 H]; [rows, H]; h once more, or NULL */
};

struct attn_functions {
    uint32_t isa_bits;                      /* what the table needs of attn_ctx.isa */
    struct attn_loops loops[ATTN_FN_COUNT]; /* NULL: as in the portable table */
    /* The greatest number, NaNs passed over; -inf of none. */
    attn_real (*greatest)(int64_t n, const attn_real *x);
    /* y = e^(x - most), and their sum; y may be NULL, or x. */
    attn_real (*exp_sum)(int64_t n, const attn_real *x, attn_real most, attn_real *y);
    /* dx = factor * e^(x - lse), or dx += that */
    void (*exp_scaled)(int64_t n, const attn_real *x, attn_real lse, attn_real factor, attn_real *dx, bool add);
    /* to[k * channels + l] += sum over r < n of a[r * channels + l] b[k * channels + r * step + l], of l < wide and k < outputs */
    void (*products)(int64_t wide, int64_t outputs, int64_t n, int64_t channels, const attn_real *a, int64_t step, const attn_real *b,
                     attn_real *to);
    /* y = gain (x - m) r + bias; m and r of row i go to stat[2 i] and stat[2 i + 1]: norm.c */
    void (*norm_forward)(const struct attn_norm_rows *n, const attn_real *x, attn_real *y, attn_real *stat);
    /* dx = what norm.c says, or dx += that; d_gain [columns] += sum over the rows of dy (x - m) r, d_bias += that of dy. NULL: not wanted. */
    void (*norm_backward)(const struct attn_norm_rows *n, const attn_real *x, const attn_real *stat, const attn_real *dy, attn_real *dx,
                          bool add, attn_real *d_gain, attn_real *d_bias);
    /* Of weights w = 1 + s + s^2 / 2 in the place of s / scale: their sum. */
    attn_real (*taylor_weights)(int64_t n, attn_real scale, attn_real *w);
    /* The same weights, and d = scale (1 + s) (d + along). */
    void (*taylor_slopes)(int64_t n, attn_real scale, attn_real along, attn_real *w, attn_real *d);
    /* u[n] = w . tanh(q + k_n) */
    void (*pointer_logits)(const struct attn_pointer_keys *keys, attn_real *u);
    /* y = e^(2 x), x cut at +-26; whether all |x| <= 16.5. NULL: keys are used as they are. */
    bool (*pointer_powers)(int64_t n, const attn_real *x, attn_real *y);
    /* u[n] = w . tanh(q + k_n), of what pointer_powers has made of q and of keys for which it was true. */
    void (*pointer_logits_of_powers)(const struct attn_pointer_keys *keys, attn_real *u);
    /* With t = tanh(q + k_n) and s = du[n] w (1 - t^2): dq += s, dk_n += s, in rows dk_step apart, dw += du[n] t. */
    void (*pointer_gradients)(const struct attn_pointer_keys *keys, const attn_real *du, attn_real *dq, attn_real *dk, int64_t dk_step,
                              attn_real *dw);
    /* The gates' sums, with input and bias, become their functions; c, which may be t->before, tanh(c), and h, which goes to state and y: lstm.c. */
    void (*lstm_forward)(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, attn_real *c, attn_real *state, attn_real *y);
    /* The same bits of c, which may be `before`, and of h, nothing else: the gates' sums stay. */
    void (*lstm_states)(const struct attn_lstm_layer *n, const struct attn_lstm_rows *r);
    /* The gates become the gradients of their sums, of dy and dh; dc that of c before the token. sums [in + 1, 4 H] += those gradients times each input, and
     * as they are. */
    void (*lstm_backward)(const struct attn_lstm_layer *n, const struct attn_lstm_token *t, const attn_real *dy, const attn_real *dh,
                          attn_real *dc, attn_real *sums);
    /* Taps of a token in the mean up to which a long convolution is direct: with more, transforms are faster (docs/performance.md). */
    int64_t direct_taps;
};

/* The table of the context's instruction sets; for one function its loops, from the portable table where that has none. */
const struct attn_functions *attn_functions_for(const attn_ctx *ctx);
const struct attn_loops *attn_loops_for(const attn_ctx *ctx, enum attn_function function);

extern const struct attn_functions attn_functions__portable;
#if !defined(ATTN_TRAIN_DOUBLE)
#if defined(ATTN_HAVE_AVX512)
extern const struct attn_functions attn_functions__avx512;
#endif
#if defined(ATTN_HAVE_AVX2)
extern const struct attn_functions attn_functions__avx2;
#endif
#if defined(ATTN_HAVE_NEON)
extern const struct attn_functions attn_functions__neon;
#endif
#endif

#endif
