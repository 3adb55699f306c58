/* What the claims are measured on, by scale: experiments.c, minutes to hours. */
#ifndef ATTN_SYSTEM_POINTER_EXPERIMENTS_H
#define ATTN_SYSTEM_POINTER_EXPERIMENTS_H

#include "train/claim.h"

extern const struct attn_experiment attn_pointer_hulls_quick, attn_pointer_hulls_full; /* hulls by three models */
extern const struct attn_experiment attn_pointer_tours_quick, attn_pointer_tours_full; /* shortest tours */
extern const struct attn_experiment attn_pointer_triangulations_full, attn_pointer_triangulations_night,
    attn_pointer_order_full;                                     /* triangulations; triangles in order and not */
extern const struct attn_experiment attn_pointer_imitation_full; /* tours of the approximation A1 */
extern const struct attn_experiment attn_pointer_sorting_full;   /* numbers in order */
extern const struct attn_experiment attn_pointer_plateau_full;   /* first weights, small and large */

/* experiments_paper.c */
extern const struct attn_experiment attn_pointer_hulls_paper, attn_pointer_triangulations_paper, attn_pointer_tours_paper;

/* claims_checks.c: models of all tasks that run, and valid tours of a model without training, as shares. */
attn_status attn_pointer_check_models(attn_ctx *ctx, double *value);
attn_status attn_pointer_check_untrained(attn_ctx *ctx, double *value);

#endif
