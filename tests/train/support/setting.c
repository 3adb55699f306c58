#include "support/setting.h"

#include "system/zoology/zoology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

attn_ctx *test_ctx;
char test_folder[64];

int test_setting_open(void **state) {
    (void)state;
    test_folder_make(test_folder);
    test_ctx = test_context(1);
    return 0;
}

int test_setting_close(void **state) {
    (void)state;
    attn_ctx_destroy(test_ctx);
    test_folder_remove(test_folder);
    return 0;
}

void test_expect_sentence(attn_ctx *ctx, const char *piece) {
    char sentence[1024];
    if (!strstr(attn_ctx_error(ctx, sentence, sizeof sentence), piece)) fail_msg("expected \"%s\" in \"%s\"", piece, sentence);
}

attn_status test_job_try(struct test_job *job, attn_ctx *ctx, const struct attn_task *task, const char *words, const char *saved) {
    job->recipe = task ? test_task_recipe(ctx, task, words) : test_recipe(ctx, words);
    return attn_job_open(ctx, task ? task : &attn_zoology_mqar, job->recipe, NULL, 0, saved, &job->job);
}

void test_job_open(struct test_job *job, attn_ctx *ctx, const struct attn_task *task, const char *words) {
    char sentence[1024];
    if (test_job_try(job, ctx, task, words, NULL))
        fail_msg("%s %s: %s", task ? task->name : "", words, attn_ctx_error(ctx, sentence, sizeof sentence));
    attn_tape_record(attn_model_tape(job->job.model), false);
}

void test_job_close(struct test_job *job) {
    attn_ctx *ctx = job->job.ctx;
    attn_job_close(&job->job);
    attn_free(ctx, job->recipe);
}

char *test_job_answer(const struct attn_task *task, const char *words, const struct attn_predict_options *options, const char *input,
                      attn_status *status) {
    struct test_job job;
    char *text = NULL;
    size_t bytes = 0;
    FILE *in = fmemopen((void *)(uintptr_t)input, strlen(input), "r"), *out = open_memstream(&text, &bytes);
    assert_true(in && out);
    test_job_open(&job, test_ctx, task, words);
    *status = job.job.task->predict(&job.job, options, in, out);
    test_job_close(&job);
    fclose(in);
    fclose(out);
    return text;
}
