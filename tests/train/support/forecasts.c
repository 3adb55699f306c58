#include "support/forecasts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

const char test_forecast_words[] =
    "rows=300 length=12 horizon=5 label=4 width=16 ffn=16 layers=1 batch=8 mixer=aaren:heads=2 cross_heads=2 dropout=0";

void test_forecast_open(attn_ctx *ctx, const char *words, struct attn_recipe **recipe, struct attn_job *job) {
    char all[512], error[1024];
    snprintf(all, sizeof all, "%s%s%s", test_forecast_words, words[0] ? " " : "", words);
    *recipe = test_task_recipe(ctx, &attn_aaren_forecast, all);
    if (attn_job_open(ctx, &attn_aaren_forecast, *recipe, NULL, 0, NULL, job))
        fail_msg("%s: %s", words, attn_ctx_error(ctx, error, sizeof error));
}

void test_forecast_close(struct attn_recipe *recipe, struct attn_job *job) {
    attn_ctx *ctx = job->ctx;
    attn_job_close(job);
    attn_free(ctx, recipe);
}
