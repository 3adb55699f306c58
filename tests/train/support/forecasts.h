/* Small models of aaren/forecast, of a generated series. */
#ifndef TEST_TRAIN_SUPPORT_FORECASTS_H
#define TEST_TRAIN_SUPPORT_FORECASTS_H

#include "support/setting.h"
#include "system/aaren/aaren.h"

enum { TEST_FORECAST_LENGTH = 12, TEST_FORECAST_HORIZON = 5, TEST_FORECAST_CHANNELS = 7, TEST_FORECAST_ROWS = 300 };

/* The recipe that these are of. */
extern const char test_forecast_words[];

/* A new model of that recipe with `words` over it; fails the test where it cannot be opened. */
void test_forecast_open(attn_ctx *ctx, const char *words, struct attn_recipe **recipe, struct attn_job *job);
void test_forecast_close(struct attn_recipe *recipe, struct attn_job *job);

#endif
