/* Eight processes write into one store at once: every run is there and whole, and the index agrees with the folders. */
#include "base/process.h"
#include "support/store.h"
#include "system/systems.h"
#include "train/index.h"
#include "train/work.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 8, EACH = 8, STEPS = 3 };

static char store[64];

static struct attn_recipe *recipe_of(attn_ctx *ctx, const struct attn_task *task, int seed) {
    static const char *const small[] = {"vocabulary=16", "length=8", "pairs=2",          "width=4",        "batch=4",
                                        "steps=3",       "epochs=0", "train_examples=0", "test_examples=4"};
    struct attn_recipe *recipe;
    char text[32];
    if (attn_task_recipe(ctx, task, &recipe)) return NULL;
    snprintf(text, sizeof text, "seed=%d", seed);
    attn_status status = attn_recipe_set(recipe, text);
    for (size_t i = 0; i < sizeof small / sizeof small[0] && !status; i++) status = attn_recipe_set(recipe, small[i]);
    if (!status) return recipe;
    attn_free(ctx, recipe);
    return NULL;
}

/* Trains its recipes, listing the store in between; the exit status of the process. */
static int work(void *user) {
    const int number = *(const int *)user;
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = 1;
    if (attn_ctx_create(&config, &ctx, NULL, 0)) return 1;
    const struct attn_work w = {.task = attn_task_named(ctx, "zoology/mqar"), .store = store};
    attn_status status = w.task ? ATTN_OK : ATTN_EINVAL;
    for (int i = 0; i < EACH && !status; i++) {
        struct attn_run_summary summary;
        struct attn_run_list list;
        struct attn_recipe *recipe = recipe_of(ctx, w.task, 100 * number + i);
        status = recipe ? attn_work_one(ctx, &w, recipe, NULL, NULL, &summary) : ATTN_EINVAL;
        if (!status && summary.state != ATTN_RUN_DONE) status = ATTN_EINVAL;
        attn_free(ctx, recipe);
        if (!status) status = attn_store_list(ctx, store, &list);
        if (!status) attn_run_list_free(ctx, &list);
    }
    attn_ctx_destroy(ctx);
    return status ? 1 : 0;
}

static void run_all(void) {
    int number[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        int64_t child;
        number[i] = i + 1;
        assert_int_equal(attn_process_start(NULL, work, &number[i], &child), ATTN_OK);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int64_t child = 0;
        int status;
        while (child == 0) assert_int_equal(attn_process_wait(NULL, &child, &status), ATTN_OK);
        assert_int_equal(status, 0);
    }
}

/* Lines are JSON objects from "start" to "done", the last one ended. */
static void expect_whole(const char *folder) {
    char path[ATTN_FILE_PATH];
    int lines = 0;
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    char *text = test_read_file(path), *at = text, event[32] = "";
    for (char *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(line);
        snprintf(event, sizeof event, "%s", json_string_value(json_object_get(line, "event")));
        if (lines == 0) assert_string_equal(event, "start");
        json_decref(line);
    }
    assert_int_equal(*at, 0);
    assert_string_equal(event, "done");
    assert_int_equal(lines, STEPS + 3); /* start, steps, evaluation, done */
    free(text);
}

static void all_runs_are_there_and_whole_and_the_index_agrees(void **state) {
    attn_ctx *ctx;
    struct attn_run_list list, plain;
    char path[128];
    (void)state;
    test_store_make(store);
    run_all();
    assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(list.count, PROCESSES * EACH);
    snprintf(path, sizeof path, "%s/%s", store, ATTN_INDEX_FILE);
#if defined(ATTN_HAVE_SQLITE)
    assert_int_equal(access(path, F_OK), 0);
#endif
    unlink(path);
    assert_int_equal(attn_store_list(ctx, store, &plain), ATTN_OK);
    assert_int_equal(plain.count, list.count);
    for (int64_t i = 0; i < list.count; i++) {
        assert_int_equal(list.at[i].state, ATTN_RUN_DONE);
        assert_string_equal(list.at[i].id, plain.at[i].id);
        assert_int_equal(list.at[i].step, plain.at[i].step);
        assert_true(list.at[i].loss == plain.at[i].loss);
        assert_string_equal(list.recipe[i], plain.recipe[i]);
        for (int64_t k = 0; k < i; k++)
            assert_true(strcmp(list.at[k].id, list.at[i].id) != 0 && strcmp(list.recipe[k], list.recipe[i]) != 0);
        expect_whole(list.at[i].folder);
    }
    attn_run_list_free(ctx, &list);
    attn_run_list_free(ctx, &plain);
    attn_ctx_destroy(ctx);
    test_store_remove(store);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test(all_runs_are_there_and_whole_and_the_index_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
