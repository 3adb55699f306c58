/* Every allocation and every file call of ours fails once, and from then on, over a whole training: it ends with a status and a sentence, nothing of its
 * memory is left, and the run goes on afterwards to the bits of an undisturbed one. */
#include "support/faulty_files.h"
#include "support/training.h"
#include "system/zoology/zoology.h"
#include "train/model_file.h"
#include "train/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char words[] = "steps=3 eval_every=2 micro_batches=2 ema=0.5 patience=9 mixer=attention+baseconv dropout=0.1";
static char reference_store[64], reference[TEST_PATH];

/* An allocator whose call number fail_at (-1: none) fails, and all behind it if `sticky`. */
struct memory {
    int calls, fail_at, held;
    bool sticky;
};

static void *take(void *user, size_t bytes, size_t alignment) {
    struct memory *m = user;
    void *at = NULL;
    const int call = m->calls++;
    if (m->fail_at >= 0 && (m->sticky ? call >= m->fail_at : call == m->fail_at)) return NULL;
    if (posix_memalign(&at, alignment, bytes) != 0) return NULL;
    m->held++;
    return at;
}

static void give(void *user, void *at) {
    ((struct memory *)user)->held--;
    free(at);
}

static attn_ctx *context_on(struct memory *m) {
    attn_ctx_config config;
    attn_ctx *ctx = NULL;
    attn_ctx_config_init(&config);
    config.threads = 1;
    config.allocate = take;
    config.release = give;
    config.allocator_user = m;
    m->fail_at = -1;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

/* The recipe becomes a run in the store, or what is there of it goes on, with a checkpoint behind every step. */
static attn_status work(attn_ctx *ctx, const struct attn_file_system *system, const char *store, const struct attn_recipe *recipe,
                        struct attn_run_summary *summary) {
    const struct attn_work w = {.task = &attn_zoology_mqar, .store = store, .options = {.system = system, .checkpoint_seconds = 1e-9}};
    return attn_work_one(ctx, &w, recipe, NULL, NULL, summary);
}

static int set_up(void **state) {
    attn_ctx *ctx = test_context(1);
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct attn_run_summary summary;
    (void)state;
    test_folder_make(reference_store);
    const attn_status status = work(ctx, NULL, reference_store, recipe, &summary);
    snprintf(reference, sizeof reference, "%s", summary.folder);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
    return status != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(reference_store);
    return 0;
}

/* What a failure has left is a run that goes on, or no run at all; the end is the same. */
static void expect_to_go_on(const char *store, const char *what, int at) {
    attn_ctx *ctx = test_context(1);
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct attn_run_summary summary;
    struct attn_run_list list;
    int64_t count;
    char text[1024];
    bool found;
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &summary, &found), ATTN_OK);
    if (found && summary.state == ATTN_RUN_FAILED) fail_msg("%s %d: the recipe is blamed: %s", what, at, summary.message);
    if (work(ctx, NULL, store, recipe, &summary)) fail_msg("%s %d: %s", what, at, attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(summary.state, ATTN_RUN_DONE);
    test_same_file(reference, summary.folder, ATTN_MODEL_FILE);
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    if (count != 1) fail_msg("%s %d: %d runs of one recipe", what, at, (int)count);
    attn_run_list_free(ctx, &list);
    attn_free(ctx, recipe);
    attn_ctx_destroy(ctx);
}

static void expect_sentence(attn_ctx *ctx, const char *what, int at, attn_status status, attn_status want) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (status != want || (status && strlen(text) < 10)) fail_msg("%s %d: status %d, \"%s\"", what, at, (int)status, text);
}

/* How far apart failures are that are tried: all where full counts are asked for. */
static int stride_of(int calls) {
    return getenv("ATTN_TEST_LONG") || calls < 50 ? 1 : 1 + calls / 50;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (int sticky = 0; sticky < 2; sticky++) {
        bool failed = true;
        int stride = 1;
        for (int at = 0; failed; at += at < 10 ? 1 : stride) {
            struct memory m = {.sticky = sticky};
            struct attn_run_summary summary;
            char store[64];
            attn_ctx *ctx = context_on(&m);
            struct attn_recipe *recipe = test_recipe(ctx, words);
            test_folder_make(store);
            const int before = m.held;
            m.calls = 0;
            m.fail_at = at;
            const attn_status status = work(ctx, NULL, store, recipe, &summary);
            stride = stride_of(m.calls);
            failed = m.calls > at;
            if (status || sticky) expect_sentence(ctx, "allocation", at, status, failed ? ATTN_ENOMEM : ATTN_OK);
            if (m.held != before) fail_msg("allocation %d: %d pieces of memory are left", at, m.held - before);
            m.fail_at = -1;
            attn_free(ctx, recipe);
            attn_ctx_destroy(ctx);
            assert_int_equal(m.held, 0);
            expect_to_go_on(store, sticky ? "sticky allocation" : "allocation", at);
            test_folder_remove(store);
        }
    }
}

static void every_file_call_may_fail(void **state) {
    (void)state;
    for (int sticky = 0; sticky < 2; sticky++) {
        bool failed = true;
        int stride = 1;
        for (int at = 0; failed; at += at < 30 ? 1 : stride) {
            struct test_faults faults = {.fail_at = at, .sticky = sticky};
            const struct attn_file_system system = test_faulty_files(&faults);
            struct attn_run_summary summary;
            char store[64];
            attn_ctx *ctx = test_context(1);
            struct attn_recipe *recipe = test_recipe(ctx, words);
            test_folder_make(store);
            const attn_status status = work(ctx, &system, store, recipe, &summary);
            stride = 2 * stride_of(faults.calls) + 1; /* most of them are writes of a few bytes */
            failed = faults.calls > at;
            if (status) expect_sentence(ctx, "file call", at, status, ATTN_ESYSTEM);
            if (!failed) assert_int_equal(status, ATTN_OK);
            attn_free(ctx, recipe);
            attn_ctx_destroy(ctx);
            expect_to_go_on(store, sticky ? "sticky file call" : "file call", at);
            test_folder_remove(store);
        }
    }
}

static const struct attn_task *find_task(attn_ctx *ctx, const char *name) {
    (void)ctx;
    (void)name;
    return &attn_zoology_mqar;
}

static const struct attn_task *find_language_model(attn_ctx *ctx, const char *name) {
    (void)ctx;
    (void)name;
    return &attn_zoology_lm;
}

static void every_allocation_of_reading_a_model_may_fail(void **state) {
    char path[TEST_PATH + 64];
    (void)state;
    snprintf(path, sizeof path, "%s/%s", reference, ATTN_MODEL_FILE);
    for (int sticky = 0; sticky < 2; sticky++) {
        bool failed = true;
        for (int at = 0; failed; at++) {
            struct memory m = {.sticky = sticky};
            struct attn_saved_model model;
            attn_ctx *ctx = context_on(&m);
            m.calls = 0;
            m.fail_at = at;
            const attn_status status = attn_work_open_model(ctx, find_task, path, NULL, 0, &model);
            failed = m.calls > at;
            expect_sentence(ctx, "allocation", at, status, failed ? ATTN_ENOMEM : ATTN_OK);
            m.fail_at = -1;
            if (!status) attn_work_close_model(&model);
            attn_ctx_destroy(ctx);
            if (m.held != 0) fail_msg("allocation %d: %d pieces of memory are left", at, m.held);
        }
    }
}

/* What a model is saved with is whole, the tokenizer too, or it is not saved. */
static void every_allocation_of_saving_a_language_model_may_fail(void **state) {
    static const struct attn_model_file_state none = {.state = NULL};
    char store[64], data[128], path[128], assignment[256];
    bool failed = true;
    (void)state;
    test_folder_make(store);
    snprintf(data, sizeof data, "%s/text.txt", store);
    snprintf(path, sizeof path, "%s/%s", store, ATTN_MODEL_FILE);
    snprintf(assignment, sizeof assignment, "data=%s", data);
    FILE *file = fopen(data, "w");
    assert_non_null(file);
    for (int i = 0; i < 100; i++) fputs("the quick brown fox\n", file);
    assert_int_equal(fclose(file), 0);
    for (int at = 0; failed; at++) {
        static const char *const small[] = {"tokenizer=character", "length=16", "batch=2", "width=8", "layers=1"};
        struct memory m = {.sticky = false};
        attn_ctx *ctx = context_on(&m);
        struct attn_recipe *recipe;
        struct attn_job job;
        struct attn_saved_model model;
        assert_int_equal(attn_task_recipe(ctx, &attn_zoology_lm, &recipe), ATTN_OK);
        assert_int_equal(attn_recipe_set(recipe, assignment), ATTN_OK);
        for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) assert_int_equal(attn_recipe_set(recipe, small[i]), ATTN_OK);
        assert_int_equal(attn_job_open(ctx, &attn_zoology_lm, recipe, NULL, 0, NULL, &job), ATTN_OK);
        m.calls = 0;
        m.fail_at = at;
        const attn_status status = attn_model_file_write(&job, NULL, path, &none);
        failed = m.calls > at;
        expect_sentence(ctx, "allocation", at, status, failed ? ATTN_ENOMEM : ATTN_OK);
        m.fail_at = -1;
        if (!status) {
            assert_int_equal(attn_work_open_model(ctx, find_language_model, path, NULL, 0, &model), ATTN_OK);
            assert_non_null(model.extra);
            attn_work_close_model(&model);
        }
        attn_job_close(&job);
        attn_free(ctx, recipe);
        attn_ctx_destroy(ctx);
        if (m.held != 0) fail_msg("allocation %d: %d pieces of memory are left", at, m.held);
    }
    test_folder_remove(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_file_call_may_fail),
        cmocka_unit_test(every_allocation_of_reading_a_model_may_fail),
        cmocka_unit_test(every_allocation_of_saving_a_language_model_may_fail),
    };
    return cmocka_run_group_tests_name("train: failures", tests, set_up, tear_down);
}
