/* The store: a run's state is what its folder says, whatever happened to its process; runs are found by their recipe; folders that are no runs are
 * passed over. */
#include "base/file.h"
#include "support/training.h"
#include "train/store.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static attn_ctx *ctx;
static char store[64];

static int set_up(void **state) {
    (void)state;
    ctx = test_context(1);
    test_folder_make(store);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_run_summary read_run(const char *folder) {
    struct attn_run_summary s;
    char text[1024];
    if (attn_store_read(ctx, folder, &s)) fail_msg("%s: %s", folder, attn_ctx_error(ctx, text, sizeof text));
    return s;
}

static void train(const char *words, char folder[TEST_PATH], int64_t stop_at) {
    struct attn_recipe *recipe = test_recipe(ctx, words);
    struct test_training training = {.stop_at = stop_at};
    enum attn_train_end end;
    assert_int_equal(test_train(ctx, recipe, store, folder, &training, &end), ATTN_OK);
    attn_free(ctx, recipe);
}

static void a_run_is_stopped_and_then_done(void **state) {
    char folder[TEST_PATH] = "", model[TEST_PATH + 64];
    (void)state;
    train("steps=9 eval_every=3", folder, 4);
    struct attn_run_summary s = read_run(folder);
    assert_int_equal(s.state, ATTN_RUN_STOPPED);
    assert_int_equal(s.step, 4);
    assert_int_equal(s.steps, 9);
    assert_true(s.parameters > 0 && s.seconds >= 0 && isfinite(s.loss));
    assert_string_equal(s.task, "zoology/mqar");
    assert_string_equal(s.folder, folder);
    assert_string_equal(s.id, strrchr(folder, '/') + 1);
    assert_true(isfinite(attn_figures_get(&s.figures, "accuracy")));
    assert_true(isnan(attn_figures_get(&s.figures, "step")));
    train("steps=9 eval_every=3", folder, 0);
    s = read_run(folder);
    assert_int_equal(s.state, ATTN_RUN_DONE);
    assert_int_equal(s.step, 9);
    snprintf(model, sizeof model, "%s/%s", folder, ATTN_CHECKPOINT_FILE);
    assert_int_equal(access(model, F_OK), -1);
    snprintf(model, sizeof model, "%s/%s", folder, ATTN_MODEL_FILE);
    assert_int_equal(access(model, F_OK), 0);
}

/* Two layers of attention, width 16, 16 tokens, 2 labels of 32 words: projections 2 T D (3 D + D), 136 pairs of 2 (D + D); logits 2 D 32 for each label. Backward
 * takes twice that of products, and 2 (3 D + 2 D) a pair. */
static void a_run_says_what_its_model_takes(void **state) {
    enum { D = 16, T = 16, PAIRS = T * (T + 1) / 2, PRODUCTS = 2 * 2 * T * D * 4 * D + 2 * 2 * D * 32 };
    char folder[TEST_PATH] = "";
    (void)state;
    train("steps=6 seed=33 mixer=attention", folder, 4);
    struct attn_run_summary s = read_run(folder);
    const double forward = PRODUCTS + 2 * PAIRS * 2 * (D + D), step = forward + 2 * PRODUCTS + 2 * PAIRS * 2 * (3 * D + 2 * D);
    assert_true(s.cost.forward_flops == forward);
    assert_true(s.cost.step_flops == step);
    assert_int_equal(s.cost.state_bytes, 2 * 2 * D * T * 4);
    assert_int_equal(s.cost.paper_state_bytes, 2 * 2 * D * T * 4);
    train("steps=6 seed=33 mixer=attention", folder, 0);
    s = read_run(folder);
    assert_int_equal(s.state, ATTN_RUN_DONE);
    assert_true(s.cost.step_flops == step); /* of the first start: a resume does not say it again */
    folder[0] = '\0';
    train("steps=6 seed=33 mixer=hyena micro_batches=4", folder, 0);
    s = read_run(folder);
    assert_int_equal(s.cost.state_bytes, 2 * (D * T + 3 * 3 * D) * 4);
    assert_int_equal(s.cost.paper_state_bytes, 2 * D * T * 4);
    folder[0] = '\0';
    train("steps=2 seed=33 mixer=select", folder, 0);
    s = read_run(folder);
    assert_true(s.cost.step_flops > s.cost.forward_flops);
    assert_int_equal(s.cost.state_bytes, -1);
}

static void a_failed_run_says_why_until_it_goes_on(void **state) {
    char folder[TEST_PATH] = "";
    struct attn_recipe *recipe = test_recipe(ctx, "steps=9 optimizer=sgd lr=1000 decay=1000 schedule=constant"),
                       *good = test_recipe(ctx, "steps=9");
    struct test_training training = {.stop_at = 0};
    struct attn_run run;
    struct attn_record record = {.count = 0};
    enum attn_train_end end;
    char text[1024];
    (void)state;
    assert_int_equal(test_train(ctx, recipe, store, folder, &training, &end), ATTN_EINVAL);
    attn_ctx_error(ctx, text, sizeof text);
    struct attn_run_summary s = read_run(folder);
    assert_int_equal(s.state, ATTN_RUN_FAILED);
    assert_string_equal(s.message, text);
    assert_int_equal(attn_run_open(ctx, NULL, folder, &run), ATTN_OK);
    attn_record_text(&record, "event", "resume");
    assert_int_equal(attn_run_log(&run, &record), ATTN_OK);
    s = read_run(folder);
    assert_int_equal(s.state, ATTN_RUN_RUNNING);
    assert_string_equal(s.message, "");
    attn_run_close(&run);
    assert_int_equal(read_run(folder).state, ATTN_RUN_KILLED);
    attn_free(ctx, recipe);
    attn_free(ctx, good);
}

static void a_run_without_a_process_was_killed(void **state) {
    struct attn_recipe *recipe = test_recipe(ctx, "steps=77");
    struct attn_run run;
    char folder[TEST_PATH];
    int status;
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (attn_run_create(ctx, NULL, store, recipe, NULL, &run)) _exit(1);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    struct attn_run_summary found;
    bool any;
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &found, &any), ATTN_OK);
    assert_true(any);
    assert_int_equal(found.state, ATTN_RUN_KILLED);
    assert_int_equal(found.step, 0);
    memcpy(folder, found.folder, sizeof found.folder);
    assert_int_equal(attn_run_open(ctx, NULL, folder, &run), ATTN_OK);
    assert_int_equal(read_run(folder).state, ATTN_RUN_RUNNING);
    attn_run_close(&run);
    attn_free(ctx, recipe);
}

static void lines_mean_no_harm(void **state) {
    static const char lines[] = "{\"event\":\"start\",\"step\":0,\"steps\":1e300,\"parameters\":\"many\"}\n"
                                "not JSON\n\n[]\n{}\n{\"event\":3}\n{\"event\":\"unheard of\",\"step\":-1e400}\n"
                                "{\"event\":\"step\",\"step\":1e300,\"loss\":\"x\"}\n"
                                "{\"event\":\"step\",\"step\":5,\"loss\":1.5,\"seconds\":2}\n"
                                "{\"event\":\"evaluation\",\"step\":99999999999999999999}\n"
                                "{\"event\":\"done\",\"st"; /* not finished */
    struct attn_recipe *recipe = test_recipe(ctx, "steps=78");
    struct attn_run run;
    char path[TEST_PATH + 64];
    (void)state;
    assert_int_equal(attn_run_create(ctx, NULL, store, recipe, NULL, &run), ATTN_OK);
    attn_run_close(&run);
    snprintf(path, sizeof path, "%s/metrics.jsonl", run.folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(lines, file);
    for (int i = 0; i < 10000; i++) fputc('[', file);
    fclose(file);
    const struct attn_run_summary s = read_run(run.folder);
    assert_int_equal(s.state, ATTN_RUN_KILLED);
    assert_int_equal(s.step, 5);
    assert_int_equal(s.steps, 0);
    assert_true(s.loss == 1.5);
    attn_free(ctx, recipe);
}

static void the_newest_run_of_a_recipe_is_found_and_one_that_is_done_first(void **state) {
    char first[TEST_PATH] = "", second[TEST_PATH] = "", third[TEST_PATH] = "", other[TEST_PATH] = "";
    struct attn_recipe *recipe = test_recipe(ctx, "steps=6 seed=3"), *none = test_recipe(ctx, "steps=6 seed=4");
    struct attn_run_summary s;
    bool found;
    (void)state;
    train("steps=6 seed=3", first, 2);
    train("steps=6 seed=5", other, 0);
    assert_int_equal(attn_store_find(ctx, store, none, NULL, &s, &found), ATTN_OK);
    assert_false(found);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &s, &found), ATTN_OK);
    assert_true(found);
    assert_string_equal(s.folder, first);
    sleep(1); /* names have seconds */
    train("steps=6 seed=3", second, 0);
    sleep(1);
    train("steps=6 seed=3", third, 3);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &s, &found), ATTN_OK);
    assert_string_equal(s.folder, second);
    attn_free(ctx, recipe);
    attn_free(ctx, none);
}

/* As if it had been trained, in part, before its last field was in the program. */
static void take_the_last_field_out(const char *folder, const char *file) {
    char path[TEST_PATH + 64];
    uint8_t *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(attn_file_read(ctx, NULL, path, 1 << 20, &bytes, &size), ATTN_OK);
    char *text = strrchr((char *)bytes, ',');
    assert_non_null(text);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "%.*s}\n", (int)(text - (char *)bytes), (char *)bytes);
    fclose(out);
    attn_free(ctx, bytes);
}

static void a_run_of_before_a_field_is_found_and_goes_on(void **state) {
    char folder[TEST_PATH] = "", again[TEST_PATH] = "";
    struct attn_recipe *recipe = test_recipe(ctx, "steps=7 seed=8"), *other = test_recipe(ctx, "steps=7 seed=8");
    const struct attn_recipe_value *last = &other->value[other->count - 1];
    struct attn_run_summary s;
    bool found;
    (void)state;
    train("steps=7 seed=8", folder, 3);
    take_the_last_field_out(folder, "recipe.json");
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &s, &found), ATTN_OK);
    assert_true(found);
    assert_string_equal(s.folder, folder);
    assert_int_equal(s.state, ATTN_RUN_STOPPED);
    memcpy(again, folder, sizeof again);
    train("steps=7 seed=8", again, 0);
    assert_string_equal(again, folder);
    assert_int_equal(read_run(folder).state, ATTN_RUN_DONE);
    assert_true(last->field->type == ATTN_WHOLE || last->field->type == ATTN_NUMBER);
    assert_int_equal(attn_recipe_assign(other, "test", other->count - 1, last->number == 0 ? "1" : "0"), ATTN_OK);
    assert_int_equal(attn_store_find(ctx, store, other, NULL, &s, &found), ATTN_OK);
    assert_false(found);
    attn_free(ctx, recipe);
    attn_free(ctx, other);
}

static void what_is_no_run_is_passed_over(void **state) {
    struct attn_run_list list;
    int64_t before, count;
    char path[1024];
    (void)state;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    before = list.count;
    assert_true(before > 0);
    for (int64_t i = 1; i < before; i++) assert_true(strcmp(list.at[i - 1].id, list.at[i].id) < 0);
    attn_run_list_free(ctx, &list);
    snprintf(path, sizeof path,
             "mkdir -p %s/empty %s/json %s/text; echo '{}' >%s/json/recipe.json; echo hello >%s/text/recipe.json; echo >%s/file", store,
             store, store, store, store, store);
    assert_int_equal(system(path), 0);
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, before);
    attn_run_list_free(ctx, &list);
    snprintf(path, sizeof path, "%s/none", store);
    assert_int_equal(attn_store_list(ctx, path, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, 0);
    attn_run_list_free(ctx, &list);
    struct attn_run_summary s;
    snprintf(path, sizeof path, "%s/json", store);
    assert_int_equal(attn_store_read(ctx, path, &s), ATTN_EINVAL);
}

static void a_run_is_named_by_folder_or_id(void **state) {
    char folder[TEST_PATH] = "", found[ATTN_FILE_PATH / 2], text[1024], slashed[TEST_PATH + 8];
    (void)state;
    train("steps=2 seed=9", folder, 0);
    assert_int_equal(attn_store_folder(ctx, store, folder, found), ATTN_OK);
    assert_string_equal(found, folder);
    assert_int_equal(attn_store_folder(ctx, store, strrchr(folder, '/') + 1, found), ATTN_OK);
    assert_string_equal(found, folder);
    snprintf(slashed, sizeof slashed, "%s//", folder);
    assert_int_equal(attn_store_folder(ctx, store, slashed, found), ATTN_OK);
    assert_string_equal(found, folder);
    assert_string_equal(read_run(found).id, strrchr(folder, '/') + 1);
    assert_int_equal(attn_store_folder(ctx, store, "nothing", found), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "there is no run 'nothing'"));
}

/* What a killed process was writing is taken away; what a user has put there stays. */
static void leftovers_go_when_a_run_is_opened(void **state) {
    static const char *const gone[] = {"checkpoint.safetensors.tmp123-0", "model.safetensors.old9-12", "recipe.json.tmp1-0",
                                       "env.json.tmp4-4"};
    static const char *const kept[] = {"checkpoint.safetensors.tmp", "model.safetensors.bak1-2", "model.safetensors.tmp1-", "notes.tmp1-0",
                                       "xmodel.safetensors.tmp1-0",  "model.safetensors.tmp1-0x"};
    char folder[TEST_PATH] = "", path[TEST_PATH + 64];
    struct attn_run run;
    (void)state;
    train("steps=4 seed=10", folder, 2);
    for (size_t i = 0; i < 4 + 6; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, i < 4 ? gone[i] : kept[i - 4]);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(attn_run_open(ctx, NULL, folder, &run), ATTN_OK);
    attn_run_close(&run);
    for (size_t i = 0; i < 4 + 6; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, i < 4 ? gone[i] : kept[i - 4]);
        assert_int_equal(access(path, F_OK), i < 4 ? -1 : 0);
    }
    train("steps=4 seed=10", folder, 0);
}

static void eight_processes_make_runs_of_their_own(void **state) {
    enum { PROCESSES = 8, RUNS = 5 };
    struct attn_recipe *recipe = test_recipe(ctx, "steps=79");
    struct attn_run_list list;
    int64_t before, count;
    int status;
    (void)state;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    before = list.count;
    attn_run_list_free(ctx, &list);
    for (int p = 0; p < PROCESSES; p++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0) continue;
        int failed = 0;
        for (int i = 0; i < RUNS; i++) {
            struct attn_run run;
            struct attn_record r = {.count = 0};
            attn_record_text(&r, "event", "done");
            failed += attn_run_create(ctx, NULL, store, recipe, NULL, &run) || attn_run_log(&run, &r);
            attn_run_close(&run);
        }
        _exit(failed);
    }
    for (int p = 0; p < PROCESSES; p++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    count = list.count;
    assert_int_equal(count, before + PROCESSES * RUNS);
    attn_run_list_free(ctx, &list);
    attn_free(ctx, recipe);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_stopped_and_then_done),
        cmocka_unit_test(a_run_says_what_its_model_takes),
        cmocka_unit_test(a_failed_run_says_why_until_it_goes_on),
        cmocka_unit_test(a_run_without_a_process_was_killed),
        cmocka_unit_test(lines_mean_no_harm),
        cmocka_unit_test(the_newest_run_of_a_recipe_is_found_and_one_that_is_done_first),
        cmocka_unit_test(a_run_of_before_a_field_is_found_and_goes_on),
        cmocka_unit_test(what_is_no_run_is_passed_over),
        cmocka_unit_test(a_run_is_named_by_folder_or_id),
        cmocka_unit_test(leftovers_go_when_a_run_is_opened),
        cmocka_unit_test(eight_processes_make_runs_of_their_own),
    };
    return cmocka_run_group_tests_name("train: the store", tests, set_up, tear_down);
}
