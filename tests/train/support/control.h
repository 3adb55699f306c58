/* Small jobs of aaren/control, and files of episodes for them. */
#ifndef TEST_TRAIN_SUPPORT_CONTROL_H
#define TEST_TRAIN_SUPPORT_CONTROL_H

#include "support/setting.h"
#include "system/aaren/control.h"

struct test_control {
    attn_ctx *ctx;
    struct attn_recipe *recipe;
    struct attn_job job;
    struct attn_aaren_control *s; /* the job's */
    attn_tape *tape;
};

/* A job with these words over a small recipe; `saved` as in attn_job_open, NULL: a new model. test_control_open fails the test where it cannot be opened;
 * test_control_try says why instead, and is closed too. */
void test_control_open(struct test_control *t, attn_ctx *ctx, const char *words, const char *saved);
attn_status test_control_try(struct test_control *t, attn_ctx *ctx, const char *words, const char *saved);
void test_control_close(struct test_control *t);

/* Adds uniform numbers in [-range, range) to all parameters, so that an untrained model's actions differ. */
void test_control_stir(struct test_control *t, double range);

/* As test_setting_open, with a file of test_control_file, of TEST_CONTROL_EPISODES of 1 to TEST_CONTROL_LONGEST steps, and the words of a recipe that holds a quarter of
 * them out. */
enum { TEST_CONTROL_EPISODES = 12, TEST_CONTROL_LONGEST = 17 };
extern char test_control_path[96], test_control_data[128];
int test_control_setting(void **state);

/* Writes a file of `count` episodes of 1 to `longest` steps, of 3 observations and 2 actions, of random numbers. */
void test_control_file(const char *path, uint64_t seed, int64_t count, int64_t longest);

#endif
