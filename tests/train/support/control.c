#include "support/control.h"

#include "base/random.h"
#include "system/aaren/aaren.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char small[] =
    "episodes=8 context=5 width=8 ffn=12 layers=2 dropout=0 batch=6 mixer=aaren:heads=2 rollouts=4 steps=12 warmup=2";

attn_status test_control_try(struct test_control *t, attn_ctx *ctx, const char *words, const char *saved) {
    char all[1024];
    snprintf(all, sizeof all, "%s%s%s", small, words[0] ? " " : "", words);
    *t = (struct test_control){.ctx = ctx, .recipe = test_task_recipe(ctx, &attn_aaren_control, all)};
    const attn_status status = attn_job_open(ctx, &attn_aaren_control, t->recipe, NULL, 0, saved, &t->job);
    t->s = t->job.self;
    if (!status) t->tape = attn_model_tape(t->job.model);
    return status;
}

void test_control_open(struct test_control *t, attn_ctx *ctx, const char *words, const char *saved) {
    char text[1024];
    if (test_control_try(t, ctx, words, saved)) fail_msg("%s: %s", words, attn_ctx_error(ctx, text, sizeof text));
}

void test_control_close(struct test_control *t) {
    attn_job_close(&t->job);
    attn_free(t->ctx, t->recipe);
}

void test_control_stir(struct test_control *t, double range) {
    struct attn_random random;
    attn_random_init(&random, 77);
    for (int64_t p = 0; p < attn_model_count(t->job.model); p++) {
        attn_tensor *x = attn_model_tensor(t->job.model, p);
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] += (attn_real)(range * (2 * attn_random_uniform(&random) - 1));
    }
}

void test_control_file(const char *path, uint64_t seed, int64_t count, int64_t longest) {
    struct attn_random random;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("trajectory,step,obs0,obs1,obs2,act0,act1,reward\n", file);
    attn_random_init(&random, seed);
    for (int64_t e = 0; e < count; e++) {
        const int64_t steps = attn_random_between(&random, 1, longest);
        for (int64_t t = 0; t < steps; t++) {
            fprintf(file, "%lld,%lld", (long long)e, (long long)t);
            for (int i = 0; i < 6; i++) fprintf(file, ",%.7g", 2 * attn_random_normal(&random));
            fputc('\n', file);
        }
    }
    assert_int_equal(fclose(file), 0);
}

char test_control_path[96], test_control_data[128];

int test_control_setting(void **state) {
    const int status = test_setting_open(state);
    snprintf(test_control_path, sizeof test_control_path, "%s/e.csv", test_folder);
    snprintf(test_control_data, sizeof test_control_data, "data=%s held=0.25", test_control_path);
    test_control_file(test_control_path, 1, TEST_CONTROL_EPISODES, TEST_CONTROL_LONGEST);
    return status;
}
