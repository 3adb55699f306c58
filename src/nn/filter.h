/* Long filters: a tap for each distance between two tokens, each channel's own, which a causal convolution then applies.
 *
 * Explicit filters are parameters. Implicit ones are the outputs of a small network for each distance t, whose input is the row
 * (t / (N - 1), cos(2 pi f t / N), -sin(2 pi f t / N)) with f = 1e-4, of N tokens at most: so close to constant are the last two in the
 * official implementations (Arora et al. 2023). */
#ifndef ATTN_NN_FILTER_H
#define ATTN_NN_FILTER_H

#include "nn/model.h"

enum attn_filter_kind {
    ATTN_FILTER_IMPLICIT, /* two layers with a ReLU between them, from 3 by 16 to D (Arora et al. 2023) */
    ATTN_FILTER_EXPLICIT, /* taps [N, D] from N(0, 1) */
    ATTN_FILTER_SINE,     /* four layers of 64 with sines between them, then a window that decays with t (Poli et al. 2023) */
};

enum { ATTN_FILTER_LAYERS = 4 };

struct attn_filter {
    attn_tape *tape;
    enum attn_filter_kind kind;
    int64_t length, width; /* N, D */
    attn_tensor *taps;     /* explicit */
    attn_tensor *positions, *frequency,
        *skip; /* of sines: the network's input is trained; one frequency for all layers; see attn_filter_taps */
    attn_projection layer[ATTN_FILTER_LAYERS];
    int layers;
};

/* Its parameters are named "filter." and their own name. */
struct attn_filter attn_filter_make(attn_model *model, enum attn_filter_kind kind, int64_t length, int64_t width);

/* Taps [tokens, D] of distances from 0 on, with what the convolution adds of each token itself in tap 0: 1, or of sines the trained skip. NULL: the
 * tape is spoiled, or there are more tokens than the filter has taps. */
attn_tensor *attn_filter_taps(const struct attn_filter *filter, int64_t tokens);

/* taps [tokens, D] with `own` [D] added to those of distance 0: what the token itself adds becomes a part of the convolution. NULL: 1. */
attn_tensor *attn_taps_with_own(attn_tensor *taps, attn_tensor *own);

#endif
