/* Wisdom: round trips, what is used, kept, ignored or refused, files and their faults. */
#include "plan/wisdom.h"
#include "support/faulty_files.h"
#include "support/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];

/* What the last contexts logged, a line a note. */
static char notes[1 << 16];

static void take_note(void *user, attn_log_level level, const char *text) {
    (void)user;
    if (level == ATTN_LOG_ERROR) return; /* attn_ctx_error has it */
    const size_t used = strlen(notes);
    snprintf(notes + used, sizeof notes - used, "%s%s\n", level == ATTN_LOG_WARN ? "WARN " : "", text);
}

static attn_ctx *new_context(void) {
    attn_ctx_config config;
    attn_ctx *ctx;
    attn_ctx_config_init(&config);
    config.threads = 3;
    config.log = take_note;
    notes[0] = 0;
    assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
    return ctx;
}

static void copy(char *to, size_t size, const char *text) {
    assert_true(strlen(text) < size);
    memcpy(to, text, strlen(text) + 1);
}

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void import(attn_ctx *ctx, const char *text) {
    char error[512];
    if (attn_wisdom_import(ctx, text, strlen(text)) != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, error, sizeof error));
}

static const char *exported(attn_ctx *ctx) {
    static char text[ATTN_WISDOM_BYTES + 1];
    assert_true(attn_wisdom_export(ctx, text, sizeof text) < sizeof text);
    return text;
}

static attn_problem problem(void) {
    attn_problem p;
    attn_problem_init(&p);
    p.heads = 2;
    p.dim = 16;
    p.q_len = 300;
    p.effort = ATTN_WISDOM;
    return p;
}

/* The kernel and why of a plan: "naive: wisdom: ...". */
static const char *choice(attn_ctx *ctx, const attn_problem *p) {
    static char text[1024];
    attn_plan *plan;
    if (attn_plan_create(ctx, p, &plan) != ATTN_OK) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    snprintf(text, sizeof text, "%s/%s: %s", plan->kernel->name, plan->kernel->isa, plan->why);
    attn_plan_destroy(plan);
    return text;
}

/* The key that a context has for the problem. */
static const char *key_of(attn_ctx *ctx, const attn_problem *p) {
    static char key[ATTN_WISDOM_LINE];
    attn_problem checked;
    assert_int_equal(attn_problem_check(ctx, p, &checked), ATTN_OK);
    attn_wisdom_key(ctx, &checked, key);
    return key;
}

/* Every kernel that can run the problem here, "flash/portable 1 ms, naive/portable 1 ms". */
static const char *all_kernels(attn_ctx *ctx, attn_dtype dtype) {
    static char text[512];
    text[0] = 0;
    for (int i = 0; i < attn_kernel_count; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        const size_t used = strlen(text);
        if (k->dtype == dtype && k->score == ATTN_SCORE_DOT && (k->isa_bits & ctx->isa) == k->isa_bits)
            snprintf(text + used, sizeof text - used, "%s%s/%s 1 ms", used ? ", " : "", k->name, k->isa);
    }
    return text;
}

/* An entry for the problem that says `kernel`. */
static const char *entry(attn_ctx *ctx, const attn_problem *p, const char *kernel) {
    static char line[2 * ATTN_WISDOM_LINE];
    snprintf(line, sizeof line, "%s | %s | whole | %s\n", key_of(ctx, p), kernel, all_kernels(ctx, p->dtype));
    return line;
}

static void what_was_measured_is_used_in_another_context(void **state) {
    (void)state;
    attn_ctx *first = new_context(), *second = new_context();
    attn_problem p = problem();
    char made[1024], text[4096];
    p.q_len = 3;
    p.effort = ATTN_MEASURE;
    copy(made, sizeof made, choice(first, &p));
    assert_non_null(strstr(made, ": measured on one thread: "));
    copy(text, sizeof text, exported(first));
    assert_true(text[0] == '#'); /* the header that explains the fields */
    import(second, text);
    assert_string_equal(exported(second), text);
    const char *again = choice(second, &p);
    assert_memory_equal(again, made, strcspn(made, ":"));
    assert_string_equal(strstr(again, "wisdom: ") + strlen("wisdom: "), strstr(made, "thread: ") + strlen("thread: "));
    import(second, text);
    assert_string_equal(exported(second), text); /* twice is once */
    attn_ctx_destroy(first);
    attn_ctx_destroy(second);
}

static void contexts_may_disagree_and_an_estimate_asks_none(void **state) {
    (void)state;
    attn_ctx *one = new_context(), *other = new_context();
    attn_problem p = problem();
    char usual[1024];
    p.effort = ATTN_ESTIMATE;
    copy(usual, sizeof usual, choice(one, &p));
    usual[strcspn(usual, ":")] = 0;
    import(one, entry(one, &p, "naive/portable"));
    import(other, entry(other, &p, "flash/portable"));
    p.effort = ATTN_WISDOM;
    assert_non_null(strstr(choice(one, &p), "naive/portable: wisdom: "));
    assert_non_null(strstr(choice(other, &p), "flash/portable: wisdom: "));
    p.effort = ATTN_MEASURE;
    assert_non_null(strstr(choice(one, &p), "naive/portable: wisdom: ")); /* nothing is measured where wisdom is */
    p.effort = ATTN_ESTIMATE;
    assert_memory_equal(choice(one, &p), usual, strlen(usual));
    assert_null(strstr(choice(one, &p), "wisdom"));
    p.effort = ATTN_WISDOM;
    p.kernel = "flash"; /* a named kernel is what it is */
    assert_non_null(strstr(choice(one, &p), "the problem names it"));
    p.kernel = NULL;
    attn_wisdom_forget(one);
    assert_int_equal(attn_wisdom_export(one, NULL, 0), 0);
    assert_memory_equal(choice(one, &p), usual, strlen(usual));
    assert_non_null(strstr(choice(one, &p), "there is no wisdom for it"));
    attn_ctx_destroy(one);
    attn_ctx_destroy(other);
}

static void an_entry_holds_for_its_class_of_problems_alone(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    attn_problem p = problem();
    import(ctx, entry(ctx, &p, "naive/portable")); /* 300 queries and keys: 257 to 320 */
    static const int64_t inside[] = {257, 300, 319, 320}, outside[] = {1, 256, 321, 3000};
    for (int i = 0; i < 4; i++) {
        p.q_len = inside[i];
        assert_non_null(strstr(choice(ctx, &p), "naive/portable: wisdom: "));
        p.q_len = outside[i];
        assert_non_null(strstr(choice(ctx, &p), "no wisdom"));
    }
    p = problem();
    p.scale = 3.0; /* these decide nothing */
    p.threads = 1;
    assert_non_null(strstr(choice(ctx, &p), "wisdom: "));
    for (int which = 0; which < 12; which++) {
        p = problem();
        if (which == 0) p.heads = 4;
        if (which == 1) p.kv_heads = 1;
        if (which == 2) p.dim = 17;
        if (which == 3) p.v_dim = 17;
        if (which == 4) p.batch = 2;
        if (which == 5) p.kv_len = 400;
        if (which == 6) p.layout = ATTN_BTHD;
        if (which == 7) p.dtype = ATTN_F64;
        if (which == 8) p.features = ATTN_BACKWARD;
        if (which == 9) p.softcap = 10.0;
        if (which == 10) p.features = ATTN_BIAS;
        if (which == 11) p.layout = ATTN_THD;
        assert_non_null(strstr(choice(ctx, &p), "no wisdom"));
    }
    attn_ctx_destroy(ctx);
}

static void foreign_and_stale_entries_are_kept_and_not_used(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    attn_problem p = problem();
    char text[8192], own[ATTN_WISDOM_LINE];
    copy(own, sizeof own, key_of(ctx, &p));
    const char *shape = strstr(own, "f32 "), *kernels = all_kernels(ctx, ATTN_F32);
    const char *version = own;
    const int version_length = (int)strcspn(own, " ");
    /* another processor, another instruction set, another version, a version of more fields, an unknown kernel */
    snprintf(text, sizeof text,
             "# kept, too\n"
             "%.*s | Another CPU, family 1, model 2 | avx512 | %s | naive/portable | whole | %s\n"
             "%.*s | %s | sse9 | %s | naive/portable | whole | %s\n"
             "9.9.9 | %s | naive/portable | whole | %s\n"
             "9.9.9 | a | b | c | d | e | f | g | h\n"
             "%s | flash/warp | whole | flash/warp 1 ms, %s\n",
             version_length, version, shape, kernels, version_length, version, ctx->cpu_model, shape, kernels, own + version_length + 3,
             kernels, own, kernels);
    import(ctx, text);
    assert_string_equal(exported(ctx), text);
    assert_non_null(strstr(notes, "5 entries of another processor, instruction set or version"));
    assert_null(strstr(notes, "WARN"));
    int usable, others;
    attn_wisdom_count(ctx, &usable, &others);
    assert_int_equal(usable, 0);
    assert_int_equal(others, 5);
    assert_non_null(strstr(choice(ctx, &p), "there is no wisdom for it"));
    /* Kernels have come or gone since: neither list is that of today. */
    static const char *const lists[] = {"naive/portable 1 ms",
                                        "naive/portable 1 ms, flash/portable 1 ms, flash/warp 2 ms, flash/avx512 1 ms"};
    for (int i = 0; i < 2; i++) {
        char line[2048];
        snprintf(line, sizeof line, "%s | naive/portable | whole | %s\n", own, lists[i]);
        notes[0] = 0;
        import(ctx, line);
        assert_non_null(strstr(exported(ctx), line));
        assert_non_null(strstr(choice(ctx, &p), "there is no wisdom for it"));
        assert_non_null(strstr(notes, "does not name the kernels of today"));
    }
    assert_int_equal(attn_wisdom_save(ctx, path_of("kept.txt")), ATTN_OK);
    copy(text, sizeof text, exported(ctx));
    attn_wisdom_forget(ctx);
    assert_int_equal(attn_wisdom_load(ctx, path_of("kept.txt")), ATTN_OK);
    assert_string_equal(exported(ctx), text);
    attn_ctx_destroy(ctx);
}

static void malformed_lines_are_left_out_with_their_number(void **state) {
    (void)state;
    static const struct {
        const char *line, *complaint;
    } bad[] = {
        /* @: the library's version */
        {"flash", "found 1 field, expected 7"},
        {"@ | cpu | isa", "found 3 fields, expected 7 with | between them"},
        {"@ | a | b | c | flash | whole | flash 1 ms | more", "found 8 fields"},
        {"@ | a || c | flash | whole | flash 1 ms", "found an empty field"},
        {"@ | a | b | c | flash | whole | naive 1 ms", "found a kernel without a time"},
        {"wisdom | a | b | c | flash | whole | flash 1 ms", "found no version in front"},
        {"@ | a\a | b | c | flash | whole | flash 1 ms", "found a control character"},
        {"|", "found 2 fields"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        attn_ctx *ctx = new_context();
        const attn_problem p = problem();
        char text[4096], expected[512];
        const char *key = key_of(ctx, &p), *line = bad[i].line;
        const bool numbered = line[0] == '@';
        snprintf(text, sizeof text, "\n# one\n%.*s%s\n  %s", numbered ? (int)strcspn(key, " ") : 0, key, line + numbered,
                 entry(ctx, &p, "naive/portable"));
        import(ctx, text);
        snprintf(expected, sizeof expected, "WARN wisdom: line 3: %s", bad[i].complaint);
        if (strstr(notes, expected) == NULL) fail_msg("expected \"%s\" in:\n%s", expected, notes);
        assert_non_null(strstr(choice(ctx, &p), "naive/portable: wisdom: ")); /* the good line among them */
        snprintf(text, sizeof text, "# one\n%s", entry(ctx, &p, "naive/portable"));
        assert_string_equal(exported(ctx), text);
        attn_ctx_destroy(ctx);
    }
    attn_ctx *ctx = new_context();
    char many[64 * 4 + 1] = "";
    for (int i = 0; i < 64; i++) strcat(many, "x|y\n");
    import(ctx, many);
    assert_non_null(strstr(notes, "line 8: "));
    assert_null(strstr(notes, "line 9: "));
    assert_non_null(strstr(notes, "56 more malformed lines"));
    assert_int_equal(attn_wisdom_export(ctx, NULL, 0), 0);
    attn_ctx_destroy(ctx);
}

static void of_two_entries_for_a_problem_the_later_one_holds(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    const attn_problem p = problem();
    char text[8192], naive[2048], wide[4096];
    copy(naive, sizeof naive, entry(ctx, &p, "naive/portable"));
    snprintf(text, sizeof text, "# a\n%s# b\n%s", naive, entry(ctx, &p, "flash/portable"));
    import(ctx, text);
    assert_non_null(strstr(choice(ctx, &p), "flash/portable: wisdom: "));
    snprintf(text, sizeof text, "# a\n%s# b\n", entry(ctx, &p, "flash/portable"));
    assert_string_equal(exported(ctx), text);
    /* other blanks, a carriage return and no newline at the end are the same entry */
    size_t used = 0;
    for (const char *c = naive; *c && *c != '\n'; c++)
        used += (size_t)snprintf(wide + used, sizeof wide - used, *c == '|' ? "\t|  " : "%c", *c);
    snprintf(wide + used, sizeof wide - used, "  \r");
    import(ctx, wide);
    assert_non_null(strstr(choice(ctx, &p), "naive/portable: wisdom: "));
    snprintf(text, sizeof text, "# a\n%s# b\n", naive);
    assert_string_equal(exported(ctx), text);
    attn_ctx_destroy(ctx);
}

static void refused(attn_ctx *ctx, const char *text, size_t bytes, const char *part) {
    char error[512], *before = strdup(exported(ctx));
    assert_non_null(before);
    assert_int_equal(attn_wisdom_import(ctx, text, bytes), ATTN_EINVAL);
    attn_ctx_error(ctx, error, sizeof error);
    if (strstr(error, part) == NULL) fail_msg("expected \"%s\" in \"%s\"", part, error);
    assert_string_equal(exported(ctx), before);
    free(before);
}

static void what_is_too_much_is_refused_and_changes_nothing(void **state) {
    (void)state;
    enum { HUGE_TEXT = 2 << 20 };
    attn_ctx *ctx = new_context();
    char *huge = malloc(HUGE_TEXT);
    assert_non_null(huge);
    import(ctx, "# here before\n");
    memset(huge, '#', HUGE_TEXT);
    refused(ctx, huge, HUGE_TEXT, "found 2097152 bytes, expected at most 1048576");
    assert_int_equal(attn_wisdom_import(ctx, huge, 5000), ATTN_OK); /* one line that is too long */
    assert_non_null(strstr(notes, "WARN wisdom: line 1: found 5000 bytes, expected at most 1024"));
    assert_string_equal(exported(ctx), "# here before\n");
    size_t used = 0;
    for (int i = 0; i < ATTN_WISDOM_LINES; i++) used += (size_t)snprintf(huge + used, HUGE_TEXT - used, "# %d\n", i);
    refused(ctx, huge, used, "more than 4096 lines");
    for (int part = 0; part < 3; part++) { /* each fits, all do not */
        used = 0;
        for (int i = 0; i < 500; i++) used += (size_t)snprintf(huge + used, HUGE_TEXT - used, "# %01000d\n", 500 * part + i);
        if (part < 2) assert_int_equal(attn_wisdom_import(ctx, huge, used), ATTN_OK);
    }
    refused(ctx, huge, used, "bytes in all, expected at most 1048576");
    assert_int_equal(attn_wisdom_import(ctx, "", 0), ATTN_OK);
    assert_int_equal(attn_wisdom_import(ctx, NULL, 0), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_import(NULL, "", 0), ATTN_EINVAL);
    free(huge);
    attn_ctx_destroy(ctx);
}

static void a_full_wisdom_does_not_keep_a_plan_from_being_measured(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    attn_problem p = problem();
    char *text = malloc(ATTN_WISDOM_BYTES);
    size_t used = 0;
    assert_non_null(text);
    for (int i = 0; i < ATTN_WISDOM_LINES; i++) used += (size_t)snprintf(text + used, ATTN_WISDOM_BYTES - used, "# %d\n", i);
    assert_int_equal(attn_wisdom_import(ctx, text, used), ATTN_OK);
    p.q_len = 3;
    p.effort = ATTN_MEASURE;
    assert_non_null(strstr(choice(ctx, &p), "measured on one thread"));
    assert_int_equal(attn_wisdom_export(ctx, NULL, 0), used);
    free(text);
    attn_ctx_destroy(ctx);
}

static void a_stale_entry_is_measured_again_and_replaced(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    attn_problem p = problem();
    char line[2048];
    p.q_len = 3;
    snprintf(line, sizeof line, "%s | naive/portable | whole | naive/portable 1 ms\n", key_of(ctx, &p));
    import(ctx, line);
    p.effort = ATTN_MEASURE;
    assert_non_null(strstr(choice(ctx, &p), "measured on one thread"));
    assert_null(strstr(exported(ctx), line));
    p.effort = ATTN_WISDOM;
    assert_non_null(strstr(choice(ctx, &p), "wisdom: "));
    attn_ctx_destroy(ctx);
}

static int files_there(void) {
    char command[128];
    int count = -1;
    snprintf(command, sizeof command, "ls %s | wc -l", directory);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
}

static void empty_directory(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -f %s/*", directory);
    assert_int_equal(system(command), 0);
}

static void every_failing_call_of_the_file_system_is_a_status(void **state) {
    (void)state;
    attn_ctx *old = new_context(), *fresh = new_context();
    char text[256];
    import(old, "# what the file held before\n");
    import(fresh, "# what is to be written, longer than what was there\n");
    for (int sticky = 0; sticky < 2; sticky++)
        for (int n = 0;; n++) {
            struct test_faults faults = {0, n, sticky != 0};
            const struct attn_file_system bad = test_faulty_files(&faults);
            const char *path = path_of("faults.txt");
            assert_int_equal(attn_wisdom_save(old, path), ATTN_OK);
            const attn_status status = attn_wisdom_save_to(fresh, &bad, path);
            assert_true(status == ATTN_OK || status == ATTN_ESYSTEM);
            attn_ctx *seen = new_context();
            assert_int_equal(attn_wisdom_load(seen, path), ATTN_OK);
            copy(text, sizeof text, exported(seen));
            assert_true(strcmp(text, exported(old)) == 0 || strcmp(text, exported(fresh)) == 0);
            if (!status) assert_string_equal(text, exported(fresh));
            if (status && !sticky) assert_string_equal(text, exported(old));
            attn_ctx_destroy(seen);
            if (!sticky) assert_int_equal(files_there(), 1);
            empty_directory();
            if (faults.calls <= n) break;
        }
    assert_int_equal(attn_wisdom_save(old, path_of("faults.txt")), ATTN_OK);
    for (int n = 0;; n++) {
        struct test_faults faults = {0, n, false};
        const struct attn_file_system bad = test_faulty_files(&faults);
        const attn_status status = attn_wisdom_load_from(fresh, &bad, path_of("faults.txt"));
        if (status) assert_non_null(strstr(attn_ctx_error(fresh, text, sizeof text), "faults.txt"));
        if (faults.calls <= n) break;
    }
    attn_ctx_destroy(old);
    attn_ctx_destroy(fresh);
}

static void wrong_paths_are_the_users_mistake(void **state) {
    (void)state;
    attn_ctx *ctx = new_context();
    char text[512];
    import(ctx, "# something\n");
    assert_int_equal(attn_wisdom_load(ctx, path_of("none.txt")), ATTN_EINVAL);
    assert_non_null(strstr(attn_ctx_error(ctx, text, sizeof text), "none.txt: cannot be read: No such file"));
    assert_int_equal(attn_wisdom_load(ctx, directory), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_save(ctx, path_of("no/such/folder.txt")), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_save(ctx, directory), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_save(ctx, ""), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_save(ctx, NULL), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_load(ctx, NULL), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_load(NULL, "x"), ATTN_EINVAL);
    assert_int_equal(attn_wisdom_save(NULL, "x"), ATTN_EINVAL);
    assert_string_equal(exported(ctx), "# something\n");
    attn_ctx_destroy(ctx);
}

static int set_up(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/attn-wisdom-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_call_of_the_file_system_is_a_status),
        cmocka_unit_test(what_was_measured_is_used_in_another_context),
        cmocka_unit_test(contexts_may_disagree_and_an_estimate_asks_none),
        cmocka_unit_test(an_entry_holds_for_its_class_of_problems_alone),
        cmocka_unit_test(foreign_and_stale_entries_are_kept_and_not_used),
        cmocka_unit_test(malformed_lines_are_left_out_with_their_number),
        cmocka_unit_test(of_two_entries_for_a_problem_the_later_one_holds),
        cmocka_unit_test(what_is_too_much_is_refused_and_changes_nothing),
        cmocka_unit_test(a_full_wisdom_does_not_keep_a_plan_from_being_measured),
        cmocka_unit_test(a_stale_entry_is_measured_again_and_replaced),
        cmocka_unit_test(wrong_paths_are_the_users_mistake),
    };
    return cmocka_run_group_tests_name("plan: wisdom", tests, set_up, tear_down);
}
