/* Sequences of tokens whose channels go by themselves, [sequence, token, channel], cut into strips: some channels of one sequence. */
#ifndef ATTN_TAPE_STRIP_H
#define ATTN_TAPE_STRIP_H

#include "tape/tape.h"

#include <string.h>

enum { ATTN_STRIP = 32 /* channels */ };

struct attn_strip {
    int64_t sequence, begin, wide;
};

static inline int64_t attn_strips(int64_t sequences, int64_t channels) {
    return sequences * attn_div_up(channels, ATTN_STRIP);
}
/* Number `index` of attn_strips(sequences, channels). */
static inline struct attn_strip attn_strip_at(int64_t index, int64_t channels) {
    const int64_t across = attn_div_up(channels, ATTN_STRIP), begin = index % across * ATTN_STRIP;
    return (struct attn_strip){index / across, begin, attn_min64(ATTN_STRIP, channels - begin)};
}
/* The numbers of a strip's channels, and 0 beyond them: loops over all lanes then have one length, and use vectors. */
static inline void attn_strip_load(attn_real to[ATTN_STRIP], const attn_real *from, int64_t wide) {
    if (wide == ATTN_STRIP)
        memcpy(to, from, ATTN_STRIP * sizeof *to); /* of a length that the compiler knows */
    else
        for (int64_t l = 0; l < ATTN_STRIP; l++) to[l] = l < wide ? from[l] : 0;
}
static inline void attn_strip_store(attn_real *to, const attn_real from[ATTN_STRIP], int64_t wide) {
    if (wide == ATTN_STRIP)
        memcpy(to, from, ATTN_STRIP * sizeof *to);
    else
        for (int64_t l = 0; l < wide; l++) to[l] = from[l];
}
/* Strips of a piece of cheap work, for attn_range. */
static inline int64_t attn_strip_piece(int64_t tokens) {
    return attn_max64(1, ATTN_PIECE / (ATTN_STRIP * attn_max64(1, tokens)));
}

/* Whether x and y are [..., T, D] with the same axes; channels false: but for D. */
static inline bool attn_same_tokens(const attn_tensor *x, const attn_tensor *y, bool channels) {
    bool same = x->dims >= 2 && x->dims == y->dims;
    for (int i = 0; same && i < x->dims - (channels ? 0 : 1); i++) same = x->size[i] == y->size[i];
    return same;
}

#endif
