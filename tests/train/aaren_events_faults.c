/* Whichever allocation of a training on events, its evaluation, answers and streams fails: it is said, and nothing is lost. */
#include "support/events.h"
#include "support/failing_memory.h"
#include "support/uses.h"
#include "system/aaren/aaren.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char *words;

static const char table[] =
    "sequence_id,time,mark\na,0,1\na,1,2\na,1,1\nb,0,2\nb,2,1\nb,4,\nc,1,1\nc,2,2\nd,0,1\nd,3,2\nd,5,1\ne,1,1\ne,2,1\n";

static attn_status everything(struct attn_job *job) {
    attn_status status = test_use_step(job);
    if (!status) status = test_use_evaluate(job, NULL);
    if (!status) status = test_use_evaluate(job, test_events_path);
    if (!status) status = test_use_predict(job, table, false);
    if (!status) status = test_use_predict(job, table, true);
    if (!status) status = test_use_pictures(job, 3);
    if (!status) status = test_use_stream(job, 2, (double[]){1, 1});
    return status ? status : test_use_extra(job);
}

static attn_status answers(struct attn_job *job) {
    return test_use_predict(job, table, false);
}

static attn_status use(attn_ctx *ctx) {
    return test_use(ctx, &attn_aaren_events, words, NULL, everything);
}

static attn_status use_saved(attn_ctx *ctx) {
    static const char text[] = "{\"unit\":1,\"least\":1,\"mean\":1,\"rate\":1,\"marks\":[\"1\",\"2\"],\"share\":[0.5,0.5]}";
    return test_use(ctx, &attn_aaren_events, words, text, answers);
}

static void events_of_a_file_survive_every_failure(void **state) {
    static const char *const ways[] = {"mixer=aaren:heads=1", "encoder=gru hidden=4 mark_width=3 jitter=0.5"};
    (void)state;
    test_events_put(table);
    for (int i = 0; i < 2; i++) {
        char text[512];
        snprintf(text, sizeof text, "data=%s width=4 ffn=4 layers=1 batch=2 micro_batches=2 components=2 dropout=0 %s", test_events_path,
                 ways[i]);
        words = text;
        test_survives(use, false);
        test_survives(use_saved, false);
    }
}

static void generated_events_survive_every_failure(void **state) {
    (void)state;
    test_events_put(table);
    words = "train_sequences=3 test_sequences=2 horizon=4 marks=2 width=4 ffn=4 layers=1 batch=2 micro_batches=2 components=2 dropout=0";
    test_survives(use, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(events_of_a_file_survive_every_failure, test_events_setting, test_setting_close),
        cmocka_unit_test_setup_teardown(generated_events_survive_every_failure, test_events_setting, test_setting_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
