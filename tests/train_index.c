/* The index of a store against the folders: it is used where they are as it knows them, and whatever happens to it changes no answer. */
#include "support/store.h"
#include "train/index.h"

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

#if defined(ATTN_HAVE_SQLITE)
#include <sqlite3.h>
#endif

enum { RUNS = ATTN_INDEX_LEAST + 12, FLIPS = 60 };

static attn_ctx *ctx;
static char store[64];
static const struct attn_recipe_field fields[] = {{"width", "", ATTN_WHOLE, "1", 0, 1e9, NULL}, {"name", "", ATTN_TEXT, "", 0, 0, NULL}};

static struct attn_recipe *recipe_of(int i) {
    const struct attn_recipe_field *const lists[] = {fields};
    struct attn_recipe *recipe;
    char text[64];
    assert_int_equal(attn_recipe_create(ctx, "test/task", lists, (int[]){2}, 1, NULL, &recipe), ATTN_OK);
    snprintf(text, sizeof text, "width=%d", i);
    assert_int_equal(attn_recipe_set(recipe, text), ATTN_OK);
    return recipe;
}

static void write_run(const char *id, int recipe_number, const char *metrics) {
    char env[64];
    struct attn_recipe *recipe = recipe_of(recipe_number);
    char *text = attn_recipe_text(recipe);
    snprintf(env, sizeof env, "{\"version\":\"attn 0.0.%d, gcc 12\"}\n", recipe_number % 3);
    test_store_run(store, id, text, metrics, env);
    attn_free(ctx, text);
    attn_free(ctx, recipe);
}

static const char *metrics_of(int i, char text[512]) {
    static const char *const ends[] = {"{\"event\":\"done\",\"step\":%d,\"seconds\":2.5,\"accuracy\":0.%d,\"loss\":1.5}\n",
                                       "{\"event\":\"stopped\",\"step\":%d,\"seconds\":0.%d}\n",
                                       "{\"event\":\"failed\",\"step\":%d,\"message\":\"'; DROP TABLE runs; -- \\\" é %d\"}\n"};
    const int n = snprintf(
        text, 512,
        "{\"event\":\"start\",\"step\":0,\"steps\":50,\"parameters\":%d,\"forward_flops\":%d.5,\"step_flops\":7e9,\"state_bytes\":%d}\n"
        "{\"event\":\"step\",\"step\":1,\"loss\":%d.25,\"seconds\":1}\n",
        i * 1000, i, i + 64, i);
    snprintf(text + n, 512 - (size_t)n, ends[i % 3], i, i);
    return text;
}

static int set_up(void **state) {
    (void)state;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    test_store_make(store);
    for (int i = 0; i < RUNS; i++) {
        char id[32], metrics[512];
        snprintf(id, sizeof id, "run-%03d", i);
        write_run(id, i, metrics_of(i, metrics));
    }
    test_store_run(store, "made-just-now", NULL, "", NULL);
    test_store_run(store, "no-run", "[1, 2]\n", "", NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static char *index_path(char path[128]) {
    snprintf(path, 128, "%s/%s", store, ATTN_INDEX_FILE);
    return path;
}

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

static void expect_same(const struct attn_run_summary *a, const struct attn_run_summary *b) {
    assert_string_equal(a->folder, b->folder);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->task, b->task);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->parameters, b->parameters);
    assert_string_equal(a->version, b->version);
    assert_int_equal(a->cost.state_bytes, b->cost.state_bytes);
    assert_int_equal(a->cost.paper_state_bytes, b->cost.paper_state_bytes);
    assert_true(same_number(a->cost.forward_flops, b->cost.forward_flops) && same_number(a->cost.step_flops, b->cost.step_flops));
    assert_true(same_number(a->seconds, b->seconds) && same_number(a->loss, b->loss));
    assert_int_equal(a->figures.count, b->figures.count);
    for (int i = 0; i < a->figures.count; i++) {
        assert_string_equal(a->figures.at[i].name, b->figures.at[i].name);
        assert_true(a->figures.at[i].value == b->figures.at[i].value);
    }
}

/* The list is what the folders say one by one. */
static void expect_truth(int64_t count) {
    struct attn_run_list list;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(list.count, count);
    for (int64_t i = 0; i < count; i++) {
        struct attn_run_summary own;
        char *recipe;
        size_t bytes;
        assert_int_equal(attn_store_read(ctx, list.at[i].folder, &own), ATTN_OK);
        assert_int_equal(attn_store_recipe(ctx, list.at[i].folder, &recipe, &bytes), ATTN_OK);
        expect_same(&list.at[i], &own);
        assert_string_equal(list.recipe[i], recipe);
        if (i > 0) assert_true(strcmp(list.at[i - 1].id, list.at[i].id) < 0);
        attn_free(ctx, recipe);
    }
    attn_run_list_free(ctx, &list);
}

static int64_t step_of(const char *id) {
    struct attn_run_list list;
    int64_t step = -1;
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    for (int64_t i = 0; i < list.count; i++)
        if (strcmp(list.at[i].id, id) == 0) step = list.at[i].step;
    attn_run_list_free(ctx, &list);
    return step;
}

static void the_list_is_that_of_the_folders_with_and_without_an_index(void **state) {
    char path[128];
    (void)state;
    unlink(index_path(path));
    expect_truth(RUNS);
    expect_truth(RUNS);
    unlink(path);
    expect_truth(RUNS);
}

static void a_folder_that_is_as_the_index_knows_it_is_not_read(void **state) {
#if defined(ATTN_HAVE_SQLITE)
    char path[128], *before;
    struct stat about;
    (void)state;
    expect_truth(RUNS);
    snprintf(path, sizeof path, "%s/run-003/metrics.jsonl", store);
    assert_int_equal(stat(path, &about), 0);
    before = test_read_file(path);
    char *other = strdup(before);
    *strstr(other, "\"step\":3") = '~'; /* a line that is no JSON any more, of the same length */
    test_write_file(path, other);
    assert_int_equal(utimensat(0, path, (struct timespec[]){about.st_mtim, about.st_mtim}, 0), 0);
    assert_int_equal(step_of("run-003"), 3); /* nobody writes so: it shows that the index was believed */
    assert_int_equal(utimensat(0, path, NULL, 0), 0);
    assert_int_equal(step_of("run-003"), 1);
    test_write_file(path, before);
    assert_int_equal(step_of("run-003"), 3);
    free(other);
    free(before);
#else
    (void)state;
    skip();
#endif
}

static void changed_new_and_removed_runs_are_seen(void **state) {
    char path[128], command[256];
    (void)state;
    expect_truth(RUNS);
    snprintf(path, sizeof path, "%s/run-004/metrics.jsonl", store);
    FILE *file = fopen(path, "a");
    fputs("{\"event\":\"step\",\"step\":40,\"loss\":0.5}\n{\"event\":\"step\",\"st", file);
    fclose(file);
    assert_int_equal(step_of("run-004"), 40);
    write_run("run-new", 7, "");
    expect_truth(RUNS + 1);
    snprintf(command, sizeof command, "rm -r %s/run-new", store);
    assert_int_equal(system(command), 0);
    expect_truth(RUNS);
    size_t gone;
    attn_index_take(ctx, store, NULL, 0, true, &gone);
#if defined(ATTN_HAVE_SQLITE)
    assert_int_equal(gone, RUNS); /* all that it has, and no removed one */
#else
    assert_int_equal(gone, 0);
#endif
}

static void a_run_is_found_by_its_recipe(void **state) {
    struct attn_run_summary run;
    bool found;
    char metrics[512], command[256];
    (void)state;
    for (int i = 0; i < RUNS; i += 7) {
        struct attn_recipe *recipe = recipe_of(i);
        char id[32];
        snprintf(id, sizeof id, "run-%03d", i);
        assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
        assert_true(found);
        assert_string_equal(run.id, id);
        attn_free(ctx, recipe);
    }
    struct attn_recipe *recipe = recipe_of(100000);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
    assert_false(found);
    write_run("a-new-one", 100000, metrics_of(3, metrics)); /* done */
    write_run("b-new-one", 100000, metrics_of(4, metrics)); /* stopped */
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
    assert_true(found);
    assert_string_equal(run.id, "a-new-one");
    snprintf(command, sizeof command, "rm -r %s/a-new-one", store);
    assert_int_equal(system(command), 0);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
    assert_true(found);
    assert_string_equal(run.id, "b-new-one");
    snprintf(command, sizeof command, "rm -r %s/b-new-one", store);
    assert_int_equal(system(command), 0);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
    assert_false(found);
    attn_free(ctx, recipe);
}

/* The list, and that a run is found. */
static void expect_all_is_well(void) {
    struct attn_recipe *recipe = recipe_of(11);
    struct attn_run_summary run;
    bool found;
    expect_truth(RUNS);
    assert_int_equal(attn_store_find(ctx, store, recipe, NULL, &run, &found), ATTN_OK);
    assert_true(found);
    assert_string_equal(run.id, "run-011");
    attn_free(ctx, recipe);
}

static void whatever_the_file_holds_changes_no_answer(void **state) {
    static const char *const texts[] = {
        "", "x", "SQLite format 3", "not a database, but as long as the header of one: ..............................................."};
    char path[128], command[256];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        test_write_file(index_path(path), texts[i]);
        expect_all_is_well();
    }
    unlink(path);
    assert_int_equal(mkdir(path, 0777), 0);
    expect_all_is_well();
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    expect_all_is_well();
    unlink(path);
    expect_all_is_well();
    snprintf(command, sizeof command, "truncate -s 5000 %s", path);
    if (access(path, F_OK) == 0) assert_int_equal(system(command), 0);
    expect_all_is_well();
}

static void flipped_bytes_change_no_answer(void **state) {
    char path[128];
    struct stat about;
    (void)state;
    srand(7);
    for (int flip = 0; flip < FLIPS; flip++) {
        struct attn_run_list list;
        assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
        attn_run_list_free(ctx, &list);
        if (stat(index_path(path), &about) != 0) skip(); /* no SQLite */
        FILE *file = fopen(path, "r+");
        for (int k = 0; k < 20; k++) {
            fseek(file, (long)(rand() % about.st_size), SEEK_SET);
            fputc(rand() % 256, file);
        }
        fclose(file);
        expect_all_is_well();
    }
    unlink(path);
}

static void another_table_or_version_is_made_anew(void **state) {
#if defined(ATTN_HAVE_SQLITE)
    static const char *const changes[] = {"DROP TABLE runs",
                                          "PRAGMA user_version=99",
                                          "ALTER TABLE runs ADD COLUMN more TEXT",
                                          "DELETE FROM runs WHERE rowid % 2",
                                          "UPDATE runs SET step=12345, recipe='{}'",
                                          "UPDATE runs SET name=name||'x'",
                                          "ALTER TABLE runs RENAME TO r; CREATE VIEW runs AS SELECT * FROM r",
                                          "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        sqlite3 *db;
        expect_truth(RUNS);
        assert_int_equal(sqlite3_open(index_path(path), &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, changes[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        expect_all_is_well();
        expect_all_is_well();
    }
#else
    (void)state;
    skip();
#endif
}

static void a_lock_that_stays_is_not_waited_out(void **state) {
#if defined(ATTN_HAVE_SQLITE)
    char path[128];
    sqlite3 *db;
    (void)state;
    expect_truth(RUNS);
    assert_int_equal(sqlite3_open(index_path(path), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    expect_truth(RUNS);
    sqlite3_close(db);
#else
    (void)state;
    skip();
#endif
}

static void a_store_may_be_called_like_an_address(void **state) {
    char here[1024], command[1200];
    struct attn_run_list list;
    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(store), 0);
    snprintf(command, sizeof command, "mkdir file:x x && cp -r run-* file:x");
    assert_int_equal(system(command), 0);
    assert_int_equal(attn_store_list(ctx, "file:x", &list), ATTN_OK);
    assert_int_equal(list.count, RUNS);
    attn_run_list_free(ctx, &list);
    const int own = access("file:x/" ATTN_INDEX_FILE, F_OK), other = access("x/" ATTN_INDEX_FILE, F_OK);
    assert_int_equal(chdir(here), 0);
#if defined(ATTN_HAVE_SQLITE)
    assert_int_equal(own, 0);
#else
    (void)own;
#endif
    assert_int_not_equal(other, 0);
}

static void a_path_that_is_too_long_has_no_index(void **state) {
    char path[ATTN_FILE_PATH];
    size_t gone = 7;
    (void)state;
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    attn_index_take(ctx, path, NULL, 0, true, &gone);
    assert_int_equal(gone, 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_that_of_the_folders_with_and_without_an_index),
        cmocka_unit_test(a_store_may_be_called_like_an_address),
        cmocka_unit_test(a_path_that_is_too_long_has_no_index),
        cmocka_unit_test(a_folder_that_is_as_the_index_knows_it_is_not_read),
        cmocka_unit_test(changed_new_and_removed_runs_are_seen),
        cmocka_unit_test(a_run_is_found_by_its_recipe),
        cmocka_unit_test(whatever_the_file_holds_changes_no_answer),
        cmocka_unit_test(flipped_bytes_change_no_answer),
        cmocka_unit_test(another_table_or_version_is_made_anew),
        cmocka_unit_test(a_lock_that_stays_is_not_waited_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
