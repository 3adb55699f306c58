/* What the claims are measured on, by scale. */
#ifndef ATTN_SYSTEM_ZOOLOGY_EXPERIMENTS_H
#define ATTN_SYSTEM_ZOOLOGY_EXPERIMENTS_H

#include "train/claim.h"

/* experiments_small.c: some minutes to some hours on two cores. */
extern const struct attn_experiment attn_zoology_stacked_quick, attn_zoology_stacked_full; /* one layer, key and value at one position */
extern const struct attn_experiment attn_zoology_pairs_full;                               /* the same with 8, 16 and 32 pairs */
extern const struct attn_experiment attn_zoology_behind_quick, attn_zoology_behind_full;   /* a mixer behind a short convolution */
extern const struct attn_experiment attn_zoology_window_full;   /* windows of an eighth of the tokens and of all */
extern const struct attn_experiment attn_zoology_selected_full; /* attention at selected positions */

/* experiments_paper.c: the paper's data and budget. */
extern const struct attn_experiment attn_zoology_recall_night, attn_zoology_recall_paper;

/* experiments_text.c: language models of 2.6 million parameters on WikiText-2. */
extern const struct attn_experiment attn_zoology_text_night;

/* claims_checks.c: right answers of the model with set weights, and mixers that run, as shares. */
attn_status attn_zoology_check_set_weights(attn_ctx *ctx, double *value);
attn_status attn_zoology_check_mixers(attn_ctx *ctx, double *value);

#endif
