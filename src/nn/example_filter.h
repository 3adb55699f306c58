/* Long filters that depend on the example, the same for all channels (Arora et al. 2023, the input-dependent convolution of their theory; the
 * construction is ours where the paper leaves it open):
 *
 *   programmatic     taps of 1 at the distances between equal tokens
 *   autocorrelation  r[s] = sum over i of u[i] . u[i - s]; taps r[s] / r[0] at the distances s > 0 of the greatest r; the choice has no gradient, r has
 *
 * Of the whole example there is one filter, as in the paper: then what comes later decides whether an earlier token is read, and the mixer is not
 * causal. Else each token has its own, of the distances that it and those before it show. */
#ifndef ATTN_NN_EXAMPLE_FILTER_H
#define ATTN_NN_EXAMPLE_FILTER_H

#include "nn/model.h"

struct attn_example_filter {
    bool programmatic, whole; /* else autocorrelation; each token's own */
    int64_t taps;             /* of an autocorrelation, at most */
    int64_t ahead;            /* a tap for distance s reads the token s - ahead before: 0, or 1: what followed the equal token */
    int32_t filler;           /* a token whose repeats count for nothing; negative: none */
};

/* [B, T, D] of u [B, T, D] and tokens [B, T], which only a programmatic filter needs. */
attn_tensor *attn_example_convolve(const struct attn_example_filter *filter, attn_tensor *u, const int32_t *tokens);

/* As attn_mixer_kind.state_size and .step; -1 and NULL, with a sentence, for the whole example. */
int64_t attn_example_state(const struct attn_example_filter *filter, int64_t width, int64_t tokens);
attn_tensor *attn_example_step(const struct attn_example_filter *filter, attn_tensor *u, const int32_t *token, attn_real *state,
                               int64_t tokens, int64_t position);

#endif
