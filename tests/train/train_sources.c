/* What runs are made of: a run counts while the files and plugins of its recipe are the ones it was trained with. */
#include "support/training.h"
#include "system/zoology/zoology.h"
#include "train/work.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHARACTERS = 900, LIMIT = 1024 };

static attn_ctx *ctx;
static char folder[64], store[96], data[96], said[LIMIT];
static int sayings;

static void note(void *user, attn_log_level level, const char *text) {
    (void)user;
    if (level != ATTN_LOG_WARN) return;
    sayings++;
    snprintf(said, sizeof said, "%s", text);
}

/* A text of five letters, drawn from the seed, at `path`: always of the same size, in the same file. */
static void write_text(const char *path, uint32_t seed) {
    char text[CHARACTERS];
    for (int i = 0; i < CHARACTERS; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('a' + (seed >> 24) % 5);
    }
    const int file = open(path, O_WRONLY | O_CREAT, 0666);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, sizeof text), CHARACTERS);
    assert_int_equal(close(file), 0);
}

static void hash_of(const char *path, char hash[ATTN_SHA256_TEXT]) {
    uint8_t *bytes;
    size_t size;
    struct attn_sha256 sha;
    assert_int_equal(attn_file_read(ctx, NULL, path, 1 << 20, &bytes, &size), ATTN_OK);
    attn_sha256_begin(&sha);
    attn_sha256_add(&sha, bytes, size);
    attn_sha256_end(&sha, hash);
    attn_free(ctx, bytes);
}

static int set_up(void **state) {
    attn_ctx_config config;
    (void)state;
    attn_ctx_config_init(&config);
    config.threads = 1;
    config.log = note;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    test_folder_make(folder);
    snprintf(store, sizeof store, "%s/runs", folder);
    snprintf(data, sizeof data, "%s/text", folder);
    write_text(data, 1);
    sayings = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    attn_ctx_destroy(ctx);
    return 0;
}

static struct attn_recipe *recipe_of(const char *more) {
    static const char *const small[] = {"tokenizer=character", "length=16", "batch=4", "width=8", "layers=1", "steps=4"};
    struct attn_recipe *recipe;
    char text[256];
    assert_int_equal(attn_task_recipe(ctx, &attn_zoology_lm, &recipe), ATTN_OK);
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) assert_int_equal(attn_recipe_set(recipe, small[i]), ATTN_OK);
    snprintf(text, sizeof text, "data=%s", data);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_OK);
    if (more) assert_int_equal(attn_recipe_set(recipe, more), ATTN_OK);
    return recipe;
}

static bool stop_after_two(void *user) {
    return ++*(int *)user >= 2;
}

/* By a process of its own, as far as it knows: what it has hashed is forgotten. `run` NULL: the recipe decides. */
static attn_status train(const struct attn_recipe *recipe, const char *run, bool stopped, struct attn_run_summary *out) {
    struct attn_sources sources;
    int steps = 0;
    attn_sources_open(ctx, &sources);
    struct attn_work work = {.task = &attn_zoology_lm, .store = store, .sources = &sources};
    if (stopped) work.options.stop = stop_after_two;
    work.options.user = &steps;
    const attn_status status = attn_work_one(ctx, &work, recipe, run, NULL, out);
    attn_sources_close(&sources);
    return status;
}

static struct attn_run_summary trained(const struct attn_recipe *recipe) {
    struct attn_run_summary s;
    char text[LIMIT];
    if (train(recipe, NULL, false, &s)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(s.state, ATTN_RUN_DONE);
    return s;
}

static void a_run_says_what_it_was_made_of(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    char hash[ATTN_SHA256_TEXT], want[LIMIT];
    (void)state;
    const struct attn_run_summary s = trained(recipe);
    char *env = test_file(s.folder, "env.json", NULL);
    hash_of(data, hash);
    snprintf(want, sizeof want, ",\"files\":[{\"field\":\"data\",\"path\":\"%s\",\"bytes\":%d,\"sha256\":\"%s\"}],\"plugins\":[]}\n", data,
             CHARACTERS, hash);
    if (!strstr(env, want)) fail_msg("expected %s in %s", want, env);
    assert_int_equal(strncmp(env, "{\"version\":\"attn ", 17), 0);
    free(env);
    attn_free(ctx, recipe);
}

static void a_run_of_another_text_is_trained_anew_and_the_file_is_named(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    char first_hash[ATTN_SHA256_TEXT], second_hash[ATTN_SHA256_TEXT];
    (void)state;
    const struct attn_run_summary first = trained(recipe), same = trained(recipe);
    assert_string_equal(first.folder, same.folder);
    assert_int_equal(sayings, 0);
    hash_of(data, first_hash);
    write_text(data, 2);
    hash_of(data, second_hash);
    const struct attn_run_summary second = trained(recipe);
    assert_string_not_equal(first.folder, second.folder);
    assert_int_equal(sayings, 1);
    char want[LIMIT];
    snprintf(want, sizeof want,
             "data %s was %d bytes of SHA-256 %.12s..., now it is %d bytes of %.12s...: the store's runs made of the former do not count, "
             "and are "
             "trained anew",
             data, CHARACTERS, first_hash, CHARACTERS, second_hash);
    assert_string_equal(said, want);
    write_text(data, 1);
    const struct attn_run_summary back = trained(recipe);
    assert_string_equal(first.folder, back.folder);
    assert_int_equal(sayings, 1);
    attn_free(ctx, recipe);
}

static void a_file_that_is_gone_cannot_be_another(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    (void)state;
    const struct attn_run_summary first = trained(recipe);
    assert_int_equal(unlink(data), 0);
    const struct attn_run_summary same = trained(recipe);
    assert_string_equal(first.folder, same.folder);
    attn_free(ctx, recipe);
}

static void an_older_run_counts_by_its_recipe(void **state) {
    static const char *const envs[] = {"{\"version\":\"attn 0.0.9, gcc 12\"}\n",
                                       "no JSON",
                                       "[]",
                                       "{\"files\":3,\"plugins\":{\"a\":1}}",
                                       "{\"files\":[1,{},{\"path\":2},null],\"plugins\":[[],{\"mixers\":[1]},{\"mixers\":3}]}",
                                       ""};
    struct attn_recipe *recipe = recipe_of(NULL);
    char path[ATTN_FILE_PATH];
    (void)state;
    const struct attn_run_summary first = trained(recipe);
    write_text(data, 2);
    for (size_t i = 0; i < sizeof envs / sizeof envs[0]; i++) {
        snprintf(path, sizeof path, "%s/env.json", first.folder);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(envs[i], file);
        assert_int_equal(fclose(file), 0);
        const struct attn_run_summary same = trained(recipe);
        assert_string_equal(first.folder, same.folder);
        assert_string_equal(same.version, i == 0 ? "0.0.9" : "");
    }
    assert_int_equal(sayings, 0);
    attn_free(ctx, recipe);
}

static void a_stopped_run_does_not_go_on_with_another_text(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    struct attn_run_summary first, s;
    char text[LIMIT], path[ATTN_FILE_PATH];
    (void)state;
    assert_int_equal(train(recipe, NULL, true, &first), ATTN_OK);
    assert_int_equal(first.state, ATTN_RUN_STOPPED);
    memcpy(path, first.folder, sizeof first.folder);
    write_text(data, 2);
    assert_int_equal(train(recipe, path, false, &s), ATTN_EINVAL);
    attn_ctx_error(ctx, text, sizeof text);
    assert_non_null(strstr(text, data));
    assert_non_null(strstr(text, "put back what the run began with, or train the recipe anew without --resume"));
    s = trained(recipe);
    assert_string_not_equal(s.folder, first.folder);
    write_text(data, 1);
    assert_int_equal(train(recipe, path, false, &s), ATTN_OK);
    assert_string_equal(s.folder, first.folder);
    assert_int_equal(s.state, ATTN_RUN_DONE);
    attn_free(ctx, recipe);
}

/* Somebody writes the text while training reads it. */
static attn_status open_while_it_changes(struct attn_job *job) {
    const struct timespec later[] = {{0, UTIME_OMIT}, {2000000000, 0}};
    const attn_status status = attn_zoology_lm.open(job);
    write_text(data, 2);
    assert_int_equal(utimensat(AT_FDCWD, data, later, 0), 0);
    return status;
}

static void a_file_that_changes_while_it_is_read_is_named_and_leaves_no_run(void **state) {
    struct attn_task task = attn_zoology_lm;
    struct attn_recipe *recipe = recipe_of(NULL);
    struct attn_run_summary s;
    struct attn_sources sources;
    struct attn_run_list list;
    char text[LIMIT], want[LIMIT];
    (void)state;
    task.open = open_while_it_changes;
    attn_sources_open(ctx, &sources);
    const struct attn_work work = {.task = &task, .store = store, .sources = &sources};
    assert_int_equal(attn_work_one(ctx, &work, recipe, NULL, NULL, &s), ATTN_ESYSTEM);
    snprintf(want, sizeof want, "%s: it changed while it was read, expected a file that stays; begin again", data);
    assert_string_equal(attn_ctx_error(ctx, text, sizeof text), want);
    attn_sources_close(&sources);
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(list.count, 0);
    attn_run_list_free(ctx, &list);
    attn_free(ctx, recipe);
}

/* A file is told by size and time: where both stay, its old hash does, as nobody reads it again. */
static void a_file_is_hashed_once(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    struct attn_source_list one, two;
    struct attn_sources sources;
    struct stat about;
    (void)state;
    attn_sources_open(ctx, &sources);
    assert_int_equal(stat(data, &about), 0);
    assert_int_equal(attn_sources_of(ctx, &sources, recipe, &one), ATTN_OK);
    const struct attn_hashed_file *kept = sources.hashed;
    write_text(data, 2);
    const struct timespec times[] = {about.st_atim, about.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, data, times, 0), 0);
    assert_int_equal(attn_sources_of(ctx, &sources, recipe, &two), ATTN_OK);
    assert_ptr_equal(sources.hashed, kept);
    assert_string_equal(one.at[0].hash, two.at[0].hash);
    attn_source_list_free(ctx, &two);
    const struct timespec later[] = {about.st_atim, {about.st_mtim.tv_sec + 1, 0}};
    assert_int_equal(utimensat(AT_FDCWD, data, later, 0), 0);
    assert_int_equal(attn_sources_of(ctx, &sources, recipe, &two), ATTN_OK);
    assert_string_not_equal(one.at[0].hash, two.at[0].hash);
    assert_true(attn_source_list_hash(&one) != attn_source_list_hash(&two));
    attn_source_list_free(ctx, &one);
    attn_source_list_free(ctx, &two);
    attn_sources_close(&sources);
    attn_free(ctx, recipe);
}

static void the_files_of_a_folder_are_sources_too(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    struct attn_source_list list;
    struct attn_sources sources;
    char text[256], path[256];
    (void)state;
    snprintf(text, sizeof text, "tokenizer_files=%s", folder);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_OK);
    snprintf(path, sizeof path, "%s/vocab.bpe", folder);
    write_text(path, 3);
    attn_sources_open(ctx, &sources);
    assert_int_equal(attn_sources_of(ctx, &sources, recipe, &list), ATTN_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.at[0].path, data);
    assert_non_null(strstr(list.at[1].path, "/encoder.json"));
    assert_true(list.at[1].missing);
    assert_string_equal(list.at[2].path, path);
    assert_false(list.at[2].missing);
    attn_source_list_free(ctx, &list);
    attn_sources_close(&sources);
    attn_free(ctx, recipe);
}

/* ---------------------------------------------------------------------------------------------------------- plugins */

static const attn_mixer_kind mine = {.size = sizeof mine, .name = "mine"}, *const mixers[] = {&mine};
static const attn_plugin plugin = {.size = sizeof plugin, .mixers = mixers, .mixer_count = 1};

/* What env.json of the recipe says now; `with`: the plugin is loaded. */
static void made_now(const struct attn_recipe *recipe, bool with, struct attn_source_list *list, char **env, size_t *bytes) {
    struct attn_sources sources;
    attn_sources_open(ctx, &sources);
    if (with) assert_int_equal(attn_sources_plugin(&sources, data, &plugin), ATTN_OK);
    assert_int_equal(attn_sources_of(ctx, &sources, recipe, list), ATTN_OK);
    attn_sources_close(&sources);
    FILE *file = open_memstream(env, bytes);
    assert_non_null(file);
    fputc('{', file);
    attn_source_list_write(file, list);
    fputc('}', file);
    assert_int_equal(fclose(file), 0);
}

static void a_plugin_counts_where_its_mixer_is_used(void **state) {
    static const struct {
        const char *mixer;
        bool used;
    } cases[] = {{"mixer=attention", false},
                 {"mixer=mine", true},
                 {"mixer=attention+mine:x=2", true},
                 {"mixer=miner", false},
                 {"mixer=+mine", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attn_recipe *recipe = recipe_of(cases[i].mixer);
        struct attn_source_list first, second, none;
        char *env, *other, text[512];
        size_t bytes, other_bytes;
        assert_int_equal(attn_recipe_set(recipe, "data="), ATTN_OK);
        write_text(data, 1);
        made_now(recipe, true, &first, &env, &bytes);
        assert_non_null(strstr(env, "\"mixers\":[\"mine\"]"));
        attn_sources_compare(env, bytes, recipe, &first, text, sizeof text);
        assert_string_equal(text, "");
        write_text(data, 2);
        made_now(recipe, true, &second, &other, &other_bytes);
        free(other);
        attn_sources_compare(env, bytes, recipe, &second, text, sizeof text);
        assert_int_equal(strstr(text, "the plugin ") != NULL, cases[i].used);
        made_now(recipe, false, &none, &other, &other_bytes);
        attn_sources_compare(env, bytes, recipe, &none, text, sizeof text);
        assert_int_equal(strstr(text, ", which is not loaded now") != NULL, cases[i].used);
        free(other);
        free(env);
        attn_source_list_free(ctx, &first);
        attn_source_list_free(ctx, &second);
        attn_source_list_free(ctx, &none);
        attn_free(ctx, recipe);
    }
}

/* ---------------------------------------------------------------------------------------------------------- sweeps */

static int ready;

static void count_ready(void *user, int64_t index, const struct attn_run_summary *summary) {
    (void)user, (void)index;
    ready += summary->state == ATTN_RUN_DONE;
}

static void a_sweep_says_once_which_file_is_another(void **state) {
    struct attn_recipe *recipe = recipe_of(NULL);
    struct attn_sources sources;
    struct attn_sweep sweep;
    struct attn_run_list list;
    struct attn_work_count count;
    static const char *const assignments[] = {"seed=1..3"};
    (void)state;
    for (int text = 1; text <= 2; text++) {
        ready = 0;
        write_text(data, (uint32_t)text);
        attn_sources_open(ctx, &sources);
        struct attn_work work = {.task = &attn_zoology_lm, .store = store, .sources = &sources};
        assert_int_equal(attn_sweep_expand(ctx, &attn_zoology_lm, recipe, assignments, 1, &sweep), ATTN_OK);
        for (int again = 0; again < 2; again++)
            assert_int_equal(attn_work_sweep(ctx, &work, &sweep, 0, 1, 2, 1, count_ready, NULL, &count), ATTN_OK);
        assert_int_equal(count.failed + count.left, 0);
        assert_int_equal(ready, 6);
        assert_int_equal(sayings, text - 1);
        attn_sweep_free(ctx, &sweep);
        attn_sources_close(&sources);
        assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
        const int64_t runs = list.count;
        attn_run_list_free(ctx, &list);
        assert_int_equal(runs, 3 * text);
    }
    attn_free(ctx, recipe);
}

static void versions_are_counted(void **state) {
    struct attn_version_count count = {.others = 0}, all = {.others = 0};
    static const char *const versions[] = {"0.0.9", "", "0.0.8", "0.0.9"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct attn_run_summary s = {.step = 0};
        snprintf(s.version, sizeof s.version, "%s", versions[i]);
        attn_version_count_add(&count, &s);
    }
    struct attn_run_summary own = {.step = 0};
    snprintf(own.version, sizeof own.version, "%d.%d.%d", ATTN_VERSION_MAJOR, ATTN_VERSION_MINOR, ATTN_VERSION_PATCH);
    attn_version_count_add(&count, &own);
    attn_version_count_merge(&all, &count);
    attn_version_count_merge(&all, &count);
    assert_int_equal(all.runs, 10);
    assert_int_equal(all.others, 2);
    assert_string_equal(all.other[0].version, "0.0.9");
    assert_int_equal(all.other[0].runs, 4);
    assert_int_equal(all.other[1].runs, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_says_what_it_was_made_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_of_another_text_is_trained_anew_and_the_file_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_cannot_be_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_run_counts_by_its_recipe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_run_does_not_go_on_with_another_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_changes_while_it_is_read_is_named_and_leaves_no_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_hashed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_files_of_a_folder_are_sources_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_counts_where_its_mixer_is_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_says_once_which_file_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(versions_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("train: what runs are made of", tests, NULL, NULL);
}
