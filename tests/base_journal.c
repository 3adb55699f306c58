/* Journals: whole lines only, one writer, and what failures leave. Folders: made and listed. Processes beside this one. */
#include "base/folder.h"
#include "base/journal.h"
#include "base/process.h"
#include "support/faulty_files.h"

#include <fcntl.h>
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
static char folder[64], path[128];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/attn-journal-XXXXXX");
    if (mkdtemp(folder) == NULL || attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    snprintf(path, sizeof path, "%s/lines", folder);
    return 0;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    attn_ctx_destroy(ctx);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static int fresh(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static void write_raw(const char *text, size_t bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

static void expect_file(const char *want) {
    static char text[1 << 16];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, want);
}

static void expect_sentence(const char *piece) {
    char text[1024];
    attn_ctx_error(ctx, text, sizeof text);
    if (!strstr(text, piece)) fail_msg("\"%s\", expected \"%s\" in it", text, piece);
}

static void lines_are_added_where_others_are(void **state) {
    struct attn_journal j;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(attn_journal_open(ctx, NULL, path, &j), ATTN_OK);
        assert_int_equal(attn_journal_write(ctx, &j, "one\n", 4), ATTN_OK);
        assert_int_equal(attn_journal_write(ctx, &j, "two\n", 4), ATTN_OK);
        assert_int_equal(attn_journal_sync(ctx, &j), ATTN_OK);
        attn_journal_close(&j);
        attn_journal_close(&j); /* twice is once */
    }
    expect_file("one\ntwo\none\ntwo\n");
}

static void an_unfinished_line_is_cut_off(void **state) {
    static char text[20000];
    (void)state;
    for (size_t whole = 0; whole < 12000; whole += whole < 4 ? 1 : 1361)
        for (size_t rest = 0; rest < 9000; rest += rest < 3 ? 1 : 1234) {
            struct attn_journal j;
            memset(text, 'x', whole + rest);
            if (whole > 0) text[whole - 1] = '\n';
            write_raw(text, whole + rest);
            assert_int_equal(attn_journal_open(ctx, NULL, path, &j), ATTN_OK);
            assert_int_equal(attn_journal_write(ctx, &j, "end\n", 4), ATTN_OK);
            attn_journal_close(&j);
            memcpy(text + whole, "end\n", 5);
            expect_file(text);
        }
}

static void a_second_writer_is_refused(void **state) {
    struct attn_journal first, second;
    (void)state;
    assert_false(attn_journal_busy(path));
    assert_int_equal(attn_journal_open(ctx, NULL, path, &first), ATTN_OK);
    assert_true(attn_journal_busy(path));
    assert_int_equal(attn_journal_open(ctx, NULL, path, &second), ATTN_EINVAL);
    expect_sentence("another process is writing it");
    assert_int_equal(attn_journal_write(ctx, &first, "one\n", 4), ATTN_OK);
    attn_journal_close(&first);
    assert_false(attn_journal_busy(path));
    assert_int_equal(attn_journal_open(ctx, NULL, path, &second), ATTN_OK);
    attn_journal_close(&second);
    expect_file("one\n");
}

static void a_killed_writer_holds_nothing(void **state) {
    int ready[2], status;
    char byte;
    struct attn_journal j;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const bool good =
            !attn_journal_open(ctx, NULL, path, &j) && !attn_journal_write(ctx, &j, "one\nhal", 7) && write(ready[1], "x", 1) == 1;
        if (good) pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(attn_journal_busy(path));
    assert_int_equal(attn_journal_open(ctx, NULL, path, &j), ATTN_EINVAL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(attn_journal_open(ctx, NULL, path, &j), ATTN_OK);
    attn_journal_close(&j);
    expect_file("one\n");
    close(ready[0]);
    close(ready[1]);
}

/* Readers ask without end whether somebody writes; no writer is refused for it. */
static void asking_does_not_refuse_a_writer(void **state) {
    struct attn_journal j;
    pid_t readers[4];
    int status;
    (void)state;
    write_raw("", 0);
    for (int i = 0; i < 4; i++) {
        readers[i] = fork();
        assert_true(readers[i] >= 0);
        if (readers[i] == 0)
            for (;;) attn_journal_busy(path);
    }
    bool good = true;
    for (int i = 0; i < 300 && good; i++) {
        good = attn_journal_open(ctx, NULL, path, &j) == ATTN_OK;
        attn_journal_close(&j);
    }
    for (int i = 0; i < 4; i++) {
        kill(readers[i], SIGKILL);
        waitpid(readers[i], &status, 0);
    }
    assert_true(good);
}

static void what_is_no_file_is_refused(void **state) {
    static char longer[ATTN_FILE_PATH + 2];
    char link[160];
    struct attn_journal j;
    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    assert_int_equal(attn_journal_open(ctx, NULL, longer, &j), ATTN_EINVAL);
    assert_int_equal(attn_journal_open(ctx, NULL, folder, &j), ATTN_ESYSTEM);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(attn_journal_open(ctx, NULL, link, &j), ATTN_ESYSTEM);
    assert_int_equal(j.number, -1);
    unlink(link);
}

/* The line at which a call fails is not there, or is there in part until the next one takes its place; all others are. */
static void failures_leave_whole_lines(void **state) {
    static const char *const lines[] = {"the first line\n", "the second\n", "third, longer than the others\n", "4\n"};
    bool failed = true;
    (void)state;
    for (int at = 0; failed; at++) {
        struct test_faults faults = {.fail_at = at};
        const struct attn_file_system system = test_faulty_files(&faults);
        struct attn_journal j;
        char want[256] = "";
        unlink(path);
        failed = false;
        if (attn_journal_open(ctx, &system, path, &j)) {
            failed = true;
            continue;
        }
        for (size_t i = 0; i < 4; i++) {
            const attn_status status = attn_journal_write(ctx, &j, lines[i], strlen(lines[i]));
            failed = failed || status;
            if (!status) strcat(want, lines[i]);
            if (status) assert_int_equal(status, ATTN_ESYSTEM);
        }
        failed = failed || attn_journal_sync(ctx, &j);
        attn_journal_close(&j);
        assert_int_equal(attn_journal_open(ctx, NULL, path, &j), ATTN_OK); /* cuts off what the last line left */
        attn_journal_close(&j);
        expect_file(want);
    }
}

/* ------------------------------------------------------------------------------------------------------------- folders */

static void folders_are_made_with_those_above(void **state) {
    char deep[256], sub[300];
    bool made;
    (void)state;
    snprintf(deep, sizeof deep, "%s/a//b/c/", folder);
    assert_int_equal(attn_folder_make(ctx, NULL, deep, &made), ATTN_OK);
    assert_true(made);
    assert_int_equal(attn_folder_make(ctx, NULL, deep, &made), ATTN_OK);
    assert_false(made);
    assert_true(attn_path_exists(deep));
    write_raw("", 0);
    assert_int_equal(attn_folder_make(ctx, NULL, path, &made), ATTN_EINVAL);
    snprintf(sub, sizeof sub, "%s/sub", path);
    assert_int_equal(attn_folder_make(ctx, NULL, sub, &made), ATTN_EINVAL);
    expect_sentence("the folder cannot be made: ");
    assert_int_equal(attn_folder_make(ctx, NULL, "", &made), ATTN_EINVAL);
    struct test_faults faults = {.fail_at = 0};
    const struct attn_file_system system = test_faulty_files(&faults);
    snprintf(sub, sizeof sub, "%s/d", folder);
    assert_int_equal(attn_folder_make(ctx, &system, sub, &made), ATTN_ESYSTEM);
    assert_false(attn_path_exists(sub));
}

static void folders_are_listed_in_order(void **state) {
    static const char *const names[] = {"b", "a", "ab", "B", ".hidden", "\xc3\xa4"};
    static const char *const sorted[] = {"B", "a", "ab", "b", "\xc3\xa4"};
    char sub[128], file[256];
    struct attn_folder list;
    bool made;
    (void)state;
    snprintf(sub, sizeof sub, "%s/list", folder);
    assert_int_equal(attn_folder_make(ctx, NULL, sub, &made), ATTN_OK);
    assert_int_equal(attn_folder_list(ctx, sub, &list), ATTN_OK);
    assert_int_equal(list.count, 0);
    attn_folder_free(ctx, &list);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(file, sizeof file, "%s/%s", sub, names[i]);
        assert_int_equal(attn_folder_make(ctx, NULL, file, &made), ATTN_OK);
    }
    assert_int_equal(attn_folder_list(ctx, sub, &list), ATTN_OK);
    assert_int_equal(list.count, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(list.name[i], sorted[i]);
    attn_folder_free(ctx, &list);
    snprintf(file, sizeof file, "%s/none", sub);
    assert_int_equal(attn_folder_list(ctx, file, &list), ATTN_EINVAL);
    assert_int_equal(attn_folder_list(ctx, "/dev/null", &list), ATTN_EINVAL);
}

/* ------------------------------------------------------------------------------------------------------------ processes */

static int answer(void *user) {
    char *shared = user;
    shared[0] = 'c';
    return 7;
}

static int die(void *user) {
    (void)user;
    raise(SIGKILL);
    return 0;
}

static void wait_for(int64_t child, int want) {
    int64_t ended = 0;
    int status = 0;
    while (ended == 0) assert_int_equal(attn_process_wait(ctx, &ended, &status), ATTN_OK);
    assert_int_equal(ended, child);
    assert_int_equal(status, want);
}

static void children_answer_by_status_and_shared_memory(void **state) {
    int64_t child;
    int status;
    char *shared = attn_process_share(100);
    (void)state;
    assert_non_null(shared);
    assert_int_equal(shared[99], 0);
    assert_int_equal(attn_process_start(ctx, answer, shared, &child), ATTN_OK);
    wait_for(child, 7);
    assert_int_equal(shared[0], 'c');
    assert_int_equal(attn_process_start(ctx, die, NULL, &child), ATTN_OK);
    wait_for(child, 128 + SIGKILL);
    assert_int_equal(attn_process_wait(ctx, &child, &status), ATTN_EINVAL);
    attn_process_unshare(shared, 100);
    attn_process_unshare(NULL, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_are_added_where_others_are, fresh), cmocka_unit_test_setup(an_unfinished_line_is_cut_off, fresh),
        cmocka_unit_test_setup(a_second_writer_is_refused, fresh),       cmocka_unit_test_setup(a_killed_writer_holds_nothing, fresh),
        cmocka_unit_test_setup(asking_does_not_refuse_a_writer, fresh),  cmocka_unit_test_setup(what_is_no_file_is_refused, fresh),
        cmocka_unit_test_setup(failures_leave_whole_lines, fresh),       cmocka_unit_test_setup(folders_are_made_with_those_above, fresh),
        cmocka_unit_test_setup(folders_are_listed_in_order, fresh),      cmocka_unit_test(children_answer_by_status_and_shared_memory),
    };
    return cmocka_run_group_tests_name("base: journals, folders, processes", tests, set_up, tear_down);
}
