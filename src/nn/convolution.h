/* Causal convolutions with parameters, each channel by itself, and their form that goes token by token. */
#ifndef ATTN_NN_CONVOLUTION_H
#define ATTN_NN_CONVOLUTION_H

#include "nn/filter.h"

struct attn_convolution {
    int64_t width;
    attn_tensor *weight, *bias; /* short: taps [taps, D], the token's own first, and bias [D]; NULL: long */
    struct attn_filter filter;
};

/* Few taps with a bias, "NAME.weight" and "NAME.bias", both uniform within 1 / sqrt(taps). */
struct attn_convolution attn_convolution_short(attn_model *model, const char *name, int64_t taps, int64_t width);
/* As many taps as tokens; the token itself is added once more (attn_filter_taps). */
struct attn_convolution attn_convolution_long(attn_model *model, enum attn_filter_kind kind, int64_t length, int64_t width);

/* [B, T, D] of x [B, T, D]. */
attn_tensor *attn_convolve(const struct attn_convolution *convolution, attn_tensor *x);

/* Numbers of state of a sequence of at most `tokens` tokens: the inputs that taps can still reach, the present one with them. */
int64_t attn_convolution_state(const struct attn_convolution *convolution, int64_t tokens);
/* The result [B, 1, D] of the token at `position`, x [B, 1, D]; sequence b's state begins at state + b * stride. */
attn_tensor *attn_convolution_step(const struct attn_convolution *convolution, attn_tensor *x, attn_real *state, int64_t stride,
                                   int64_t tokens, int64_t position);

#endif
