#include "support/events.h"

#include "system/aaren/aaren.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

const char test_events_small[] =
    "train_sequences=24 test_sequences=6 horizon=20 width=16 ffn=16 batch=8 epochs=4 eval_every=0 patience=0 dropout=0";

char test_events_path[96];

int test_events_setting(void **state) {
    const int status = test_setting_open(state);
    snprintf(test_events_path, sizeof test_events_path, "%s/events.csv", test_folder);
    return status;
}

attn_status test_events_try(struct test_events *t, const char *words, const char *saved) {
    char all[1024];
    snprintf(all, sizeof all, "%s%s%s", test_events_small, words[0] ? " " : "", words);
    t->recipe = test_task_recipe(test_ctx, &attn_aaren_events, all);
    const attn_status status = attn_job_open(test_ctx, &attn_aaren_events, t->recipe, NULL, 0, saved, &t->job);
    t->task = t->job.self;
    return status;
}

void test_events_open(struct test_events *t, const char *words, const char *saved) {
    char text[1024];
    if (test_events_try(t, words, saved)) fail_msg("%s: %s", words, attn_ctx_error(test_ctx, text, sizeof text));
}

void test_events_close(struct test_events *t) {
    attn_job_close(&t->job);
    attn_free(test_ctx, t->recipe);
}

void test_events_put(const char *text) {
    FILE *out = fopen(test_events_path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

void test_events_put_small(void) {
    FILE *out = fopen(test_events_path, "w");
    assert_non_null(out);
    fputs("sequence_id,time,mark\n", out);
    for (int s = 0; s < 8; s++)
        for (int i = 0; i < (s == 7 ? 2 : 10); i++)
            fprintf(out, "%d,%.17g,%s\n", 100 + s, 1.4e9 + 3600 * (i * i / 3 + s), i % 3 == 0 ? "a" : "b");
    assert_int_equal(fclose(out), 0);
}
