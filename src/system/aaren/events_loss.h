/* Losses of times under mixtures of log-normals whose parameters a network gives (Shchur et al. 2020): a row of 3 K numbers has K logits of weights, K means
 * of log x, and K numbers whose softplus, and ATTN_EVENT_LEAST_DEVIATION, are the deviations: without a least one, events at once would make densities grow
 * without end. */
#ifndef ATTN_SYSTEM_AAREN_EVENTS_LOSS_H
#define ATTN_SYSTEM_AAREN_EVENTS_LOSS_H

#include "attn_train.h"
#include "metric/log_normal.h"
#include "system/aaren/events_set.h"

#define ATTN_EVENT_LEAST_DEVIATION 1e-3

/* The mixture of a row, of K = count components. */
void attn_event_mixture(int count, const attn_real *row, struct attn_log_normals *out);

/* -log density of ATTN_EVENT_DENSITY, else -log survival, of x = e^y. clamped: survival probabilities are kept within 1e-5 of 0 and 1, as in the public code. */
double attn_event_time_loss(const struct attn_log_normals *mixture, double y, enum attn_event_target target, bool clamped);

/* The sum of these losses over R rows, one element, of parameters [R, 3 K]; y [R] and target [R] are needed until the next reset. The clamp passes gradients
 * through, as if only its value were kept. */
attn_tensor *attn_event_time_losses(attn_tensor *parameters, const double *y, const enum attn_event_target *target, bool clamped);

#endif
