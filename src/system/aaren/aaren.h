/* Attention as an RNN (Feng et al. 2024): Aaren beside causal attention as the mixer of the same hosts, for streams in constant memory. */
#ifndef ATTN_SYSTEM_AAREN_AAREN_H
#define ATTN_SYSTEM_AAREN_AAREN_H

#include "train/system.h"

extern const struct attn_system attn_system_aaren;
extern const struct attn_task attn_aaren_forecast, attn_aaren_classify, attn_aaren_events, attn_aaren_control, attn_aaren_recall;

#endif
