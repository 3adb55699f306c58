/* A mixer tried with its default options and random numbers: what a mixer promises and its code alone does not show. */
#ifndef ATTN_NN_MIXER_TRIAL_H
#define ATTN_NN_MIXER_TRIAL_H

#include "attn_train.h"

struct attn_mixer_trial {
    /* The greatest change of an output where later tokens alone changed, in units of the greatest output; 0: causal to the bit */
    double leak;
    double apart; /* the greatest difference of token by token from all at once, in the same units; NaN: there is no such form */
};

/* The greatest that roundings of float32 explain: of a sum that takes another way where later tokens change (a Fourier transform), and of another form. */
#define ATTN_TRIAL_LEAK  1e-5
#define ATTN_TRIAL_APART 1e-4

/* kind: a plugin's or the library's. ATTN_EINVAL: it cannot be made, gives no tensor of u's shape, or no finite numbers. */
attn_status attn_mixer_try(attn_ctx *ctx, const attn_mixer_kind *kind, struct attn_mixer_trial *out);

#endif
