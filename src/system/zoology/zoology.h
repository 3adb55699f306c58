/* Zoology (Arora et al. 2023): which mixers recall what they have seen. */
#ifndef ATTN_SYSTEM_ZOOLOGY_ZOOLOGY_H
#define ATTN_SYSTEM_ZOOLOGY_ZOOLOGY_H

#include "train/system.h"

extern const struct attn_system attn_system_zoology;
extern const struct attn_task attn_zoology_mqar, attn_zoology_ar_single, attn_zoology_stacked, attn_zoology_lm;

#endif
