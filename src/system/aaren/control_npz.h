/* Episodes from D4RL's arrays in an npz (control_episodes.h). */
#ifndef ATTN_SYSTEM_AAREN_CONTROL_NPZ_H
#define ATTN_SYSTEM_AAREN_CONTROL_NPZ_H

#include "system/aaren/control_episodes.h"

attn_status attn_aaren_control_npz(attn_ctx *ctx, const char *path, struct attn_aaren_episodes *out);

#endif
