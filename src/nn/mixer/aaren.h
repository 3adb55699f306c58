/* The inside of the mixer aaren, for those who compute it elsewhere. */
#ifndef ATTN_NN_MIXER_AAREN_H
#define ATTN_NN_MIXER_AAREN_H

#include "nn/mixer.h"

struct attn_aaren {
    attn_tensor *query;         /* [D], a token */
    attn_projection q, kv, out; /* kv: keys of all heads, then their values */
    int64_t heads, width;
    double dropout;
};

/* Queries [H, d] of the layer. */
attn_tensor *attn_aaren_query(const struct attn_aaren *a);

#endif
