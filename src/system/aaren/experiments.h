/* What the claims are measured on: at the quick scale one seed of generated sets and of ETTh1, at the full scale three, and every real set of the paper that
 * is in the folder of data; in a night five, and all horizons. */
#ifndef ATTN_SYSTEM_AAREN_EXPERIMENTS_H
#define ATTN_SYSTEM_AAREN_EXPERIMENTS_H

#include "train/claim.h"

#define DECLARE_FULL(what)  extern const struct attn_experiment attn_aaren_##what##_full, attn_aaren_##what##_night
#define DECLARE_QUICK(what) extern const struct attn_experiment attn_aaren_##what##_quick
DECLARE_QUICK(hawkes);
DECLARE_FULL(hawkes);
DECLARE_FULL(sine);
DECLARE_FULL(stackoverflow);
DECLARE_FULL(taobao);
DECLARE_FULL(earthquakes);
DECLARE_FULL(medium);
DECLARE_FULL(replay);
DECLARE_FULL(expert);
DECLARE_FULL(pendulum);
DECLARE_FULL(cartpole);
DECLARE_FULL(door);
DECLARE_QUICK(waves);
DECLARE_FULL(waves);
DECLARE_FULL(handwriting);
DECLARE_FULL(vowels);
DECLARE_FULL(gestures);
DECLARE_QUICK(etth1_96);
DECLARE_FULL(etth1_96);
DECLARE_FULL(etth1);
DECLARE_FULL(etth2);
DECLARE_FULL(ettm1);
DECLARE_FULL(ettm2);
DECLARE_FULL(weather);
DECLARE_FULL(exchange);
DECLARE_FULL(etth1_decoder);
DECLARE_QUICK(recall);
DECLARE_FULL(recall);
DECLARE_FULL(recall_16);
extern const struct attn_experiment attn_aaren_etth1_horizons_night, attn_aaren_etth2_horizons_night, attn_aaren_ettm1_horizons_night,
    attn_aaren_ettm2_horizons_night, attn_aaren_weather_horizons_night, attn_aaren_exchange_horizons_night;
#undef DECLARE_FULL
#undef DECLARE_QUICK

#endif
