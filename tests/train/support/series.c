#include "support/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char small[] =
    "length=11 channels=2 train_examples=12 test_examples=9 width=8 ffn=12 layers=1 mixer=aaren:heads=2 batch=4 held_out=0.25";

void test_series(attn_ctx *ctx, const char *text, struct attn_ts *out) {
    char sentence[1024];
    if (attn_ts_parse(ctx, "test", (const uint8_t *)text, strlen(text), out))
        fail_msg("%s", attn_ctx_error(ctx, sentence, sizeof sentence));
}

const char *test_series_file(const char *folder, const char *name, const char *text, char path[TEST_PATH]) {
    snprintf(path, TEST_PATH, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static attn_status open_job(struct test_series_job *t, int threads, const char *words, const char *saved) {
    char all[3 * TEST_PATH];
    t->ctx = test_context(threads);
    snprintf(all, sizeof all, "%s %s", small, words);
    t->recipe = test_task_recipe(t->ctx, &attn_aaren_classify, all);
    const attn_status status = attn_job_open(t->ctx, &attn_aaren_classify, t->recipe, NULL, 0, saved, &t->job);
    t->task = t->job.self;
    return status;
}

void test_series_job_open(struct test_series_job *t, int threads, const char *words, const char *saved) {
    char sentence[1024];
    if (open_job(t, threads, words, saved)) fail_msg("%s: %s", words, attn_ctx_error(t->ctx, sentence, sizeof sentence));
}

void test_series_job_close(struct test_series_job *t) {
    attn_job_close(&t->job);
    attn_free(t->ctx, t->recipe);
    attn_ctx_destroy(t->ctx);
}

void test_series_job_refused(const char *words, attn_status status, const char *sentence) {
    struct test_series_job t;
    char found[1024];
    const attn_status got = open_job(&t, 1, words, NULL);
    attn_ctx_error(t.ctx, found, sizeof found);
    if (got != status || !strstr(found, sentence))
        fail_msg("%s: status %d, '%s'; expected %d, '%s'", words, (int)got, found, (int)status, sentence);
    test_series_job_close(&t);
}

double test_series_descend(struct test_series_job *t, int steps) {
    attn_tape *tape = attn_model_tape(t->job.model);
    double value = 0;
    for (int s = 0; s <= steps; s++) {
        attn_tape_reset(tape);
        attn_tape_record(tape, true);
        attn_tensor *loss = t->job.task->loss(&t->job, 0, 0, 1);
        assert_int_equal(attn_tape_backward(loss), ATTN_OK);
        value = (double)attn_data(loss)[0];
        for (int64_t p = 0; s < steps && p < attn_model_count(t->job.model); p++) {
            attn_tensor *x = attn_model_tensor(t->job.model, p);
            for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] -= (attn_real)0.1 * attn_grad(x)[i];
        }
    }
    attn_tape_reset(tape);
    attn_tape_record(tape, false);
    return value;
}
