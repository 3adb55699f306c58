/* Small .ts files and jobs of aaren/classify for tests. */
#ifndef TEST_TRAIN_SUPPORT_SERIES_H
#define TEST_TRAIN_SUPPORT_SERIES_H

#include "support/training.h"
#include "system/aaren/aaren.h"
#include "system/aaren/classify_task.h"

/* Parses the text of a .ts file; fails the test where it is none. Freed by attn_ts_free. */
void test_series(attn_ctx *ctx, const char *text, struct attn_ts *out);

/* Writes a text to FOLDER/NAME and gives its path, in a buffer of the caller's. */
const char *test_series_file(const char *folder, const char *name, const char *text, char path[TEST_PATH]);

/* A job of aaren/classify with these words over its small recipe: 11 steps of 2 channels, 12 and 9 generated cases, width 8, one layer. saved: what a saved model knows;
 * NULL: a new one. Fails the test where it does not open. */
struct test_series_job {
    attn_ctx *ctx;
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_aaren_classify_task *task;
};
void test_series_job_open(struct test_series_job *t, int threads, const char *words, const char *saved);
void test_series_job_close(struct test_series_job *t);

/* Plain gradient descent on the first batch, so many steps; the loss behind them. Nothing is recorded from here on. */
double test_series_descend(struct test_series_job *t, int steps);

/* The sentence of a job that must not open. */
void test_series_job_refused(const char *words, attn_status status, const char *sentence);

#endif
