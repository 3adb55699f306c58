/* The library's mixers: one file each in src/nn/mixer. */
#ifndef ATTN_NN_MIXER_H
#define ATTN_NN_MIXER_H

#include "nn/model.h"

/* Refuses what attn_mixer_make would refuse in a text before it makes anything: names and values. tape: for the sentence. */
attn_status attn_mixer_check(attn_tape *tape, const char *text, const attn_mixer_kind *const *kinds, int count);

/* The mixer's own memory, of bytes that its kind says. */
const void *attn_mixer_self(const attn_mixer *mixer);

/* Its softmax attention, of all tokens among themselves; NULL: it mixes tokens in another way. */
struct attn_softmax;
const struct attn_softmax *attn_mixer_softmax(const attn_mixer *mixer);

extern const attn_mixer_kind attn_mixer_attention;
extern const attn_mixer_kind attn_mixer_baseconv;
extern const attn_mixer_kind attn_mixer_shortconv;
extern const attn_mixer_kind attn_mixer_longconv;
extern const attn_mixer_kind attn_mixer_hyena;
extern const attn_mixer_kind attn_mixer_h3;
extern const attn_mixer_kind attn_mixer_rwkv;
extern const attn_mixer_kind attn_mixer_rwkv_channel;
extern const attn_mixer_kind attn_mixer_mamba;
extern const attn_mixer_kind attn_mixer_sliding;
extern const attn_mixer_kind attn_mixer_blocked;
extern const attn_mixer_kind attn_mixer_linear;
extern const attn_mixer_kind attn_mixer_based;
extern const attn_mixer_kind attn_mixer_retnet;
extern const attn_mixer_kind attn_mixer_select;
extern const attn_mixer_kind attn_mixer_aaren;

#endif
