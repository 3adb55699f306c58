/* What tests of tasks begin with: a context of one thread and an empty folder, for each test or for a group (test_setting_open, test_setting_close), and jobs. */
#ifndef TEST_TRAIN_SUPPORT_SETTING_H
#define TEST_TRAIN_SUPPORT_SETTING_H

#include "support/training.h"

extern attn_ctx *test_ctx;
extern char test_folder[64];

int test_setting_open(void **state);
int test_setting_close(void **state);

/* Fails the test unless the sentence of the context has this piece. */
void test_expect_sentence(attn_ctx *ctx, const char *piece);

/* A job of the task's defaults with these words over them, "hidden=8 steps=4"; task NULL: zoology/mqar, with the small recipe of test_recipe below them. */
struct test_job {
    struct attn_recipe *recipe;
    struct attn_job job;
};

/* `saved`: as attn_job_open's extra. Closed also after a failure. */
attn_status test_job_try(struct test_job *job, attn_ctx *ctx, const struct attn_task *task, const char *words, const char *saved);
/* A new model that does not record what it does. Fails the test with the context's sentence. */
void test_job_open(struct test_job *job, attn_ctx *ctx, const struct attn_task *task, const char *words);
void test_job_close(struct test_job *job);

/* What the untrained model of these words answers to `input`, freed by free, and how that ended. */
char *test_job_answer(const struct attn_task *task, const char *words, const struct attn_predict_options *options, const char *input,
                      attn_status *status);

#endif
