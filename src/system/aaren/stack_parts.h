/* The inside of a stack of blocks, for its files. */
#ifndef ATTN_SYSTEM_AAREN_STACK_PARTS_H
#define ATTN_SYSTEM_AAREN_STACK_PARTS_H

#include "system/aaren/stack.h"

struct attn_aaren_block {
    attn_norm mixer_norm, ffn_norm;
    attn_mixer *mixer;
    attn_projection in, out;
};

struct attn_aaren_stack {
    attn_tape *tape;
    struct attn_aaren_stack_config config;
    struct attn_aaren_block *blocks;
    attn_norm norm;
};

#endif
