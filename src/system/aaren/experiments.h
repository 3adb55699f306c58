/* What the claims are measured on: at the quick scale one seed of generated sets and of ETTh1, at the full scale three, and every real set of the paper that is in the
 * folder of data. */
#ifndef ATTN_SYSTEM_AAREN_EXPERIMENTS_H
#define ATTN_SYSTEM_AAREN_EXPERIMENTS_H

#include "train/claim.h"

extern const struct attn_experiment attn_aaren_hawkes_quick, attn_aaren_hawkes_full; /* events that excite each other */
extern const struct attn_experiment attn_aaren_sine_full, attn_aaren_stackoverflow_full, attn_aaren_taobao_full,
    attn_aaren_earthquakes_full;
extern const struct attn_experiment attn_aaren_medium_full, attn_aaren_replay_full, attn_aaren_expert_full; /* point mass */
extern const struct attn_experiment attn_aaren_pendulum_full, attn_aaren_cartpole_full, attn_aaren_door_full;
extern const struct attn_experiment attn_aaren_waves_quick, attn_aaren_waves_full; /* three classes of generated series */
extern const struct attn_experiment attn_aaren_handwriting_full, attn_aaren_vowels_full, attn_aaren_gestures_full;
extern const struct attn_experiment attn_aaren_etth1_96_quick, attn_aaren_etth1_96_full;
extern const struct attn_experiment attn_aaren_etth1_full, attn_aaren_etth2_full, attn_aaren_ettm1_full, attn_aaren_ettm2_full,
    attn_aaren_weather_full, attn_aaren_exchange_full; /* 192 rows */
extern const struct attn_experiment attn_aaren_recall_quick, attn_aaren_recall_full;

#endif
