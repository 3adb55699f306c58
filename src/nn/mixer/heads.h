/* What the mixers of softmax attention share: one projection to queries, keys and values of several heads, one of the heads' outputs, which begins the
 * smaller the more layers there are, and keys and values of earlier tokens kept in slots of the state. */
#ifndef ATTN_NN_MIXER_HEADS_H
#define ATTN_NN_MIXER_HEADS_H

#include "nn/mixer.h"

struct attn_heads {
    attn_projection qkv, out;
    int64_t count, width; /* heads; D */
};

/* What mixers begin with whose attention is of all tokens among themselves: their tokens may be split over ranks. */
struct attn_softmax {
    struct attn_heads heads;
    attn_attention_config config;
};

/* The option `heads`, 1 by default. */
#define ATTN_HEADS_OPTION                                                                                                                  \
    { "heads", "heads, which divide the width", 1, 1, 1024, true, NULL }
/* The option `dropout`, 0 by default. */
#define ATTN_WEIGHTS_DROPOUT_OPTION                                                                                                        \
    { "dropout", "share of the weights that are dropped in training", 0, 0, 0.99, false, NULL }

/* False, with a sentence: the heads of this mixer do not divide the width. */
bool attn_heads_divide(attn_model *model, const char *mixer, int64_t heads, int64_t width);
void attn_heads_make(struct attn_heads *h, attn_model *model, const char *mixer, const attn_mixer_place *place, int64_t heads);

/* [B, T, 3 H, d]: queries, keys, values of u [B, T, D]. */
attn_tensor *attn_heads_project(const struct attn_heads *h, attn_tensor *u);
/* Number `which` of the parts of H heads that x has. */
attn_tensor *attn_heads_part(const struct attn_heads *h, attn_tensor *x, int which);
/* [B, T, D] of the heads' outputs [B, T, H, d]. */
attn_tensor *attn_heads_join(const struct attn_heads *h, attn_tensor *o);
/* Softmax attention of x, projected: [B, T, D]. */
attn_tensor *attn_heads_attend(const struct attn_heads *h, attn_tensor *x, const attn_attention_config *config);

/* Token by token: state [B, stride], whose first numbers are keys and values [slots, 2 H, d]. x: of one token, projected. */
void attn_heads_store(const struct attn_heads *h, attn_tensor *x, attn_real *state, int64_t stride, int64_t slot);
/* The first `slots` of them, [B, slots, 2 H, d]. */
attn_tensor *attn_heads_stored(const struct attn_heads *h, attn_tensor *x, attn_real *state, int64_t stride, int64_t slots);
/* The output [B, 1, D] of x's query for these keys and values [B, n, 2 H, d], all of them. */
attn_tensor *attn_heads_look(const struct attn_heads *h, attn_tensor *x, attn_tensor *kv);

#endif
