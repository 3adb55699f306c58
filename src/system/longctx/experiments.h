/* What the claims are measured on, at each scale. */
#ifndef ATTN_SYSTEM_LONGCTX_EXPERIMENTS_H
#define ATTN_SYSTEM_LONGCTX_EXPERIMENTS_H

#include "train/claim.h"

extern const struct attn_experiment attn_longctx_lengths_quick, attn_longctx_lengths_full; /* each kernel alone */
extern const struct attn_experiment attn_longctx_beside_quick, attn_longctx_beside_full;   /* beside materialised scores */
extern const struct attn_experiment attn_longctx_masks_quick, attn_longctx_masks_full;

#endif
