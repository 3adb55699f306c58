/* Models as C, whatever their task: the names and places that are refused, what is told, the header from C++, the functions that take libm's place. */
#include "support/exports.h"
#include "support/failing_memory.h"
#include "support/faulty_files.h"
#include "support/forecasts.h"
#include "support/program.h"

#include "system/zoology/zoology.h"
#include "train/c_source.h"

#include <limits.h>
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

static struct attn_recipe *recipe;
static struct attn_job job;

static int open_all(void **state) {
    test_setting_open(state);
    test_forecast_open(test_ctx, "", &recipe, &job);
    return 0;
}

static int close_all(void **state) {
    test_forecast_close(recipe, &job);
    return test_setting_close(state);
}

static void expect(const struct attn_export_options *options, attn_status want, const char *piece) {
    struct attn_export_report report;
    assert_int_equal(attn_export(&job, options, &report), want);
    if (want) test_expect_sentence(test_ctx, piece);
}

static void names_that_are_no_identifiers_are_refused(void **state) {
    static const char *const names[] = {"", "1st", "my-model", "a/b", "_state", "of two", "f\xC3\xBCr"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        expect(&(struct attn_export_options){.folder = test_folder, .name = names[i]}, ATTN_EINVAL, "expected a C identifier");
    expect(&(struct attn_export_options){.folder = test_folder, .name = "math"}, ATTN_EINVAL, "math.h is a header of the C library");
    char name[64];
    memset(name, 'a', 49);
    name[49] = '\0';
    expect(&(struct attn_export_options){.folder = test_folder, .name = name}, ATTN_EINVAL, "of at most 48 bytes");
    name[48] = '\0';
    expect(&(struct attn_export_options){.folder = test_folder, .name = name}, ATTN_OK, "");
}

static void places_that_cannot_be_written_are_refused_and_files_stay(void **state) {
    char path[256], folder[512];
    size_t size;
    (void)state;
    snprintf(path, sizeof path, "%s/there.h", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("mine\n", file);
    fclose(file);
    expect(&(struct attn_export_options){.folder = test_folder, .name = "there"}, ATTN_EINVAL,
           "there.h: it is there already; --force writes over it");
    char *text = test_file(test_folder, "there.h", &size);
    assert_string_equal(text, "mine\n");
    free(text);
    snprintf(folder, sizeof folder, "%s/below", path);
    expect(&(struct attn_export_options){.folder = folder, .name = "there"}, ATTN_EINVAL, "cannot be made");
    expect(&(struct attn_export_options){.folder = test_folder, .name = "there", .force = true}, ATTN_OK, "");
    snprintf(path, sizeof path, "%s/is/new/there.c", test_folder);
    snprintf(folder, sizeof folder, "%s/is/new/", test_folder);
    expect(&(struct attn_export_options){.folder = folder, .name = "there"}, ATTN_OK, "");
    assert_int_equal(access(path, R_OK), 0);
    snprintf(folder, sizeof folder, "%s/closed", test_folder);
    assert_int_equal(mkdir(folder, 0500), 0);
    if (access(folder, W_OK) != 0) /* root may write everywhere */
        expect(&(struct attn_export_options){.folder = folder, .name = "there"}, ATTN_EINVAL, "cannot be written");
    snprintf(path, sizeof path, "%s/folder.c", test_folder);
    assert_int_equal(mkdir(path, 0700), 0);
    expect(&(struct attn_export_options){.folder = test_folder, .name = "folder", .force = true}, ATTN_EINVAL, "no regular file");
}

static void tasks_without_such_a_form_and_weights_that_are_not_finite_are_refused(void **state) {
    struct test_job other;
    struct attn_export_report report;
    const struct attn_export_options options = {.folder = test_folder, .name = "refused"};
    char path[256];
    (void)state;
    test_job_open(&other, test_ctx, NULL, "");
    assert_int_equal(attn_export(&other.job, &options, &report), ATTN_EUNSUPPORTED);
    test_expect_sentence(test_ctx, "models of zoology/mqar cannot be written as C; those of aaren/forecast");
    test_job_close(&other);
    attn_real *weight = attn_data(attn_model_tensor(job.model, 0));
    const attn_real kept = weight[1];
    weight[1] = (attn_real)NAN;
    expect(&options, ATTN_EINVAL, "found a weight that is");
    expect(&(struct attn_export_options){.folder = test_folder, .name = "refused", .int8 = true}, ATTN_EINVAL, "found a weight that is");
    weight[1] = kept;
    snprintf(path, sizeof path, "%s/refused.c", test_folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void the_header_is_of_c_and_of_cpp_and_says_what_is_there(void **state) {
    static char text[TEST_OUTPUT];
    struct attn_export_report report;
    char command[512], output[128], piece[128];
    (void)state;
    test_export_write(&job, true, true, &report);
    snprintf(output, sizeof output, "%s/output.txt", test_folder);
    snprintf(command, sizeof command, "c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -include %s/model.h -x c++ %s/model.h",
             test_folder, test_folder);
    const int status = test_command(output, text, command);
    if (status != 127 && status != 0) fail_msg("%s:\n%s", command, text);
    size_t size;
    char *header = test_file(test_folder, "model.h", &size);
    snprintf(piece, sizeof piece, "#define MODEL_STATE_BYTES %lld\n", (long long)report.state_bytes);
    assert_non_null(strstr(header, piece));
    snprintf(piece, sizeof piece, "Flash: %lld bytes of weights", (long long)report.weight_bytes);
    assert_non_null(strstr(header, piece));
    assert_non_null(strstr(header, "x3+1"));
    free(header);
}

static void rounding_weights_is_told_by_the_models_own_figures(void **state) {
    struct attn_export_report report;
    struct attn_figures figures = {.count = 0};
    (void)state;
    test_export_stir(&job, 5, 0.1);
    assert_int_equal(job.task->evaluate(&job, NULL, &figures), ATTN_OK);
    test_export_write(&job, true, false, &report);
    assert_string_equal(report.unmeasured, "");
    assert_int_equal(report.before.count, figures.count);
    assert_int_equal(report.after.count, figures.count);
    assert_true(report.before.at[0].value == figures.at[0].value);
    assert_true(report.after.at[0].value != figures.at[0].value);
    assert_true(fabs(report.after.at[0].value / figures.at[0].value - 1) < 0.1);
    figures.count = 0;
    assert_int_equal(job.task->evaluate(&job, NULL, &figures), ATTN_OK); /* the weights stay rounded */
    assert_true(report.after.at[0].value == figures.at[0].value);
    const struct attn_export_report first = report;
    test_export_write(&job, true, false, &report); /* rounding what is rounded changes next to nothing */
    assert_true(fabs(report.after.at[0].value / first.after.at[0].value - 1) < 1e-5);
    expect(&(struct attn_export_options){.folder = test_folder, .name = "model", .int8 = true, .force = true, .data = "/no/such/file"},
           ATTN_EINVAL, "/no/such/file");
}

/* tests/embedded/accuracy.c says of each function its greatest error. A conversion to a whole number that C does not define ends it. */
static void functions_in_libms_place_err_no_more_than_is_stated(void **state) {
    static const struct {
        const char *name;
        double most;
    } functions[] = {{"exponential", 1e-7}, {"root", 1.2e-7}, {"error_function", 1e-7}, {"hyperbolic_tangent", 1e-7}, {"logarithm", 1.2e-7},
                     {"sine", 2e-7},        {"NaN", 0}};
    static char text[TEST_OUTPUT];
    struct attn_c_source c;
    struct attn_c_text runtime = {NULL, 0, 0};
    char command[512], path[128];
    (void)state;
    attn_c_open(test_ctx, false, true, &c);
    attn_c_use(&c, ATTN_C_EXP | ATTN_C_ROOT | ATTN_C_ERF | ATTN_C_TANH | ATTN_C_LOG | ATTN_C_SINE);
    attn_c_add_text(&c, &runtime, attn_c_struct_linear(&c));
    attn_c_runtime(&c, &runtime);
    assert_int_equal(c.status, ATTN_OK);
    snprintf(path, sizeof path, "%s/runtime.h", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(runtime.at, file);
    assert_int_equal(fclose(file), 0);
    attn_free(test_ctx, runtime.at);
    attn_c_close(&c);
    snprintf(path, sizeof path, "%s/output.txt", test_folder);
    snprintf(command, sizeof command,
             "cc -std=c99 -O2 -ffp-contract=off -fsanitize=float-cast-overflow -fsanitize-undefined-trap-on-error -I%s "
             "tests/embedded/accuracy.c -lm -o %s/accuracy",
             test_folder, test_folder);
    if (test_command(path, text, command) != 0) fail_msg("%s", text);
    snprintf(command, sizeof command, "%s/accuracy", test_folder);
    assert_int_equal(test_command(path, text, command), 0);
    print_message("%s", text);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const char *at = strstr(text, functions[i].name);
        assert_non_null(at);
        const double error = strtod(at + strlen(functions[i].name), NULL);
        if (!(error <= functions[i].most)) fail_msg("%s errs by %g, stated is %g", functions[i].name, error, functions[i].most);
    }
}

/* The recipe, for a context whose memory fails. */
static attn_status export_once(attn_ctx *ctx) {
    struct attn_job own;
    struct attn_export_report report;
    const struct attn_export_options options = {.folder = test_folder, .name = "memory", .int8 = true, .no_libm = true, .force = true};
    attn_status status = attn_job_open(ctx, &attn_aaren_forecast, recipe, NULL, 0, NULL, &own);
    if (!status) attn_tape_record(attn_model_tape(own.model), false);
    if (!status) status = attn_export(&own, &options, &report);
    attn_job_close(&own);
    return status;
}

/* Figures, and what a compiler says, are done without where there is no memory for them: there is no compiler here, which would take its time. */
static void memory_that_fails_is_said(void **state) {
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s", getenv("PATH") ? getenv("PATH") : "");
    setenv("PATH", test_folder, 1);
    test_survives(export_once, true);
    setenv("PATH", path, 1);
}

/* Exports over the files of a model that is changed a little; the call fail_at of the file system fails. */
static attn_status export_over(int fail_at, int *calls) {
    struct attn_export_report report;
    struct test_faults faults = {.fail_at = fail_at};
    const struct attn_file_system system = test_faulty_files(&faults);
    const struct attn_export_options options = {.folder = test_folder, .name = "disk", .force = true, .system = &system};
    attn_data(attn_model_tensor(job.model, 0))[0] += (attn_real)0.5;
    const attn_status status = attn_export(&job, &options, &report);
    *calls = faults.calls;
    return status;
}

/* The calls that open and rename are the first and the last; between them the text is written. A failure that is not told, as of a copy that was to be gone back to, has
 * done no harm: the new source is there. */
static void a_disk_that_fails_leaves_the_old_files_or_the_new_ones(void **state) {
    enum { NEAR = 20, STRIDE = 301 };
    static const char *const names[] = {"disk.c", "disk.h"};
    char *old[2];
    size_t size[2], length;
    int all, calls;
    (void)state;
    assert_int_equal(export_over(INT_MAX, &all), ATTN_OK);
    for (int i = 0; i < 2; i++) old[i] = test_file(test_folder, names[i], &size[i]);
    for (int n = 0; n < all; n += n < NEAR || n >= all - NEAR ? 1 : n + STRIDE < all - NEAR ? STRIDE : all - NEAR - n) {
        const bool done = export_over(n, &calls) == ATTN_OK;
        for (int i = 0; i < 2; i++) { /* of the header nothing differs */
            char *now = test_file(test_folder, names[i], &length);
            if ((length == size[i] && memcmp(now, old[i], length) == 0) != (i == 1 || !done))
                fail_msg("call %d of %d: %s", n, all, names[i]);
            free(old[i]);
            old[i] = now;
            size[i] = length;
        }
    }
    for (int i = 0; i < 2; i++) free(old[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_no_identifiers_are_refused),
        cmocka_unit_test(places_that_cannot_be_written_are_refused_and_files_stay),
        cmocka_unit_test(tasks_without_such_a_form_and_weights_that_are_not_finite_are_refused),
        cmocka_unit_test(the_header_is_of_c_and_of_cpp_and_says_what_is_there),
        cmocka_unit_test(functions_in_libms_place_err_no_more_than_is_stated),
        cmocka_unit_test(memory_that_fails_is_said),
        cmocka_unit_test(a_disk_that_fails_leaves_the_old_files_or_the_new_ones),
        cmocka_unit_test(rounding_weights_is_told_by_the_models_own_figures),
    };
    return cmocka_run_group_tests_name("train: models as C", tests, open_all, close_all);
}
