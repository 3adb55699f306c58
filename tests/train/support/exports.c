#include "support/exports.h"

#include "base/random.h"
#include "support/program.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void test_export_stir(struct attn_job *job, uint64_t seed, double deviation) {
    struct attn_random random;
    attn_random_init(&random, seed);
    for (int64_t i = 0; i < attn_model_count(job->model); i++) {
        attn_tensor *x = attn_model_tensor(job->model, i);
        for (int64_t k = 0; k < attn_count(x); k++) attn_data(x)[k] += (attn_real)(deviation * attn_random_normal(&random));
    }
}

void test_export_write(struct attn_job *job, bool int8, bool no_libm, struct attn_export_report *report) {
    const struct attn_export_options options = {.folder = test_folder, .name = "model", .int8 = int8, .no_libm = no_libm, .force = true};
    char error[1024];
    if (attn_export(job, &options, report)) fail_msg("%s", attn_ctx_error(job->ctx, error, sizeof error));
}

void test_export_print(const struct attn_export_report *report) {
    print_message("weights %lld bytes, state %lld bytes; compiled for a Cortex-M4F %lld bytes\n", (long long)report->weight_bytes,
                  (long long)report->state_bytes, (long long)report->flash_bytes);
}

static void write_rows(const struct attn_export_report *report, int64_t rows, const float *in) {
    char path[128];
    snprintf(path, sizeof path, "%s/rows.h", test_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "enum { ROWS = %lld };\nstatic const uint32_t row[ROWS][%lld] = {\n", (long long)rows, (long long)report->inputs);
    for (int64_t i = 0; i < rows * report->inputs; i++) {
        uint32_t word;
        memcpy(&word, in + i, sizeof word);
        fprintf(file, "%s0x%08xu%s", i % report->inputs == 0 ? "{" : ", ", (unsigned)word,
                i % report->inputs == report->inputs - 1 ? "},\n" : "");
    }
    fprintf(file, "};\n");
    assert_int_equal(fclose(file), 0);
}

/* A command whose output is read; a program that is not there skips the test. */
static void run_command(const char *command, char text[TEST_OUTPUT]) {
    char path[128];
    snprintf(path, sizeof path, "%s/output.txt", test_folder);
    const int status = test_command(path, text, command);
    if (status == 127) {
        print_message("skipped: there is no %.*s\n", (int)strcspn(command, " "), command);
        skip();
    }
    if (status != 0) fail_msg("exit %d of %s:\n%s", status, command, text);
}

static void compile_and_run(enum test_machine machine, bool no_libm, char text[TEST_OUTPUT]) {
    static const char strict[] = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -ffp-contract=off -Itests/embedded";
    char command[1024];
    if (machine == TEST_BOARD) {
        run_command("qemu-system-arm --version", text);
        snprintf(command, sizeof command,
                 "%s %s -I%s tests/embedded/main.c %s/model.c tests/embedded/board.c -nostdlib -T tests/embedded/board.ld -o %s/board.elf "
                 "%s-lgcc",
                 attn_export_compiler, strict, test_folder, test_folder, test_folder, no_libm ? "" : "-lm -lc ");
    } else {
        snprintf(command, sizeof command, "cc %s %s -I%s tests/embedded/main.c %s/model.c tests/embedded/desk.c -o %s/desk%s",
                 machine == TEST_DESK ? "-O2" : "-O0 -fsanitize=address,undefined -fno-sanitize-recover=all", strict, test_folder,
                 test_folder, test_folder, no_libm ? "" : " -lm");
    }
    run_command(command, text);
    if (machine == TEST_BOARD)
        snprintf(command, sizeof command,
                 "timeout 120 qemu-system-arm -M mps2-an386 -display none -monitor none -serial none -semihosting-config "
                 "enable=on,target=native -kernel "
                 "%s/board.elf",
                 test_folder);
    else
        snprintf(command, sizeof command, "%s/desk", test_folder);
    run_command(command, text);
}

void test_export_run(enum test_machine machine, const struct attn_export_report *report, bool no_libm, int64_t rows, const float *in,
                     float *out) {
    static char text[TEST_OUTPUT];
    char *at = text, *end;
    write_rows(report, rows, in);
    compile_and_run(machine, no_libm, text);
    for (int64_t i = 0; i < rows * report->outputs; i++, at = end) {
        const uint32_t word = (uint32_t)strtoul(at, &end, 16);
        if (end == at) fail_msg("found %lld of %lld numbers: %.200s", (long long)i, (long long)(rows * report->outputs), text);
        memcpy(out + i, &word, sizeof word);
    }
}

void test_export_infinite(struct attn_job *job, int64_t rows, const float *in) {
    struct attn_export_report report;
    int64_t replaced = 0;
    test_export_write(job, false, false, &report);
    const int64_t inputs = rows * report.inputs;
    const size_t bytes = (size_t)(rows * report.outputs) * sizeof(float);
    float *other = calloc((size_t)inputs, sizeof *other), *want = calloc(1, bytes), *got = calloc(1, bytes);
    assert_true(other && want && got);
    static const float far[] = {INFINITY, -INFINITY, FLT_MAX, -FLT_MAX};
    for (int64_t i = 0; i < inputs; i++) other[i] = isnan(in[i]) ? far[replaced++ % 4] : in[i];
    assert_true(replaced > 0);
    test_export_run(TEST_DESK, &report, false, rows, in, want);
    test_export_run(TEST_DESK, &report, false, rows, other, got);
    assert_memory_equal(got, want, bytes);
    for (int64_t i = 0; i < rows * report.outputs; i++) assert_true(isfinite(got[i]));
    free(other);
    free(want);
    free(got);
}

double test_export_scale(double mean, double deviation) {
    return deviation + (double)FLT_EPSILON / 1e-5 * fabs(mean);
}

void test_export_compare(const char *what, int64_t rows, int64_t outputs, const double *want, const float *got, const double *scale) {
    double worst = 0;
    for (int64_t i = 0; i < rows * outputs; i++) {
        const double off = fabs((double)got[i] - want[i]) / scale[i % outputs];
        if (!(off <= 1e-5))
            fail_msg("%s: row %lld, output %lld is %.9g, not %.9g", what, (long long)(i / outputs), (long long)(i % outputs),
                     (double)got[i], want[i]);
        worst = fmax(worst, off);
    }
    print_message("%s: within %.1e\n", what, worst);
}

void test_export_push(struct attn_job *job, int64_t rows, const double *in, double *out) {
    struct attn_stream_face face;
    char error[1024];
    if (job->task->stream(job, rows, &face)) fail_msg("%s", attn_ctx_error(job->ctx, error, sizeof error));
    attn_real *state = calloc((size_t)face.state, sizeof *state);
    assert_non_null(state);
    for (int64_t r = 0; r < rows; r++)
        if (job->task->push(job, state, rows, r, in + r * face.inputs, out + r * face.outputs))
            fail_msg("row %lld: %s", (long long)r, attn_ctx_error(job->ctx, error, sizeof error));
    free(state);
}

void test_export_agree(struct attn_job *job, const struct test_trial *trial, enum test_machine machine, int64_t rows, const float *in,
                       const double *scale) {
    struct attn_export_report report;
    test_export_write(job, trial->int8, trial->no_libm, &report);
    const int64_t inputs = rows * report.inputs, outputs = rows * report.outputs;
    double *pushed = calloc((size_t)inputs, sizeof *pushed), *want = calloc((size_t)outputs, sizeof *want);
    float *got = calloc((size_t)outputs, sizeof *got);
    assert_true(pushed && want && got);
    for (int64_t i = 0; i < inputs; i++) pushed[i] = (double)in[i];
    test_export_push(job, rows, pushed, want);
    test_export_run(machine, &report, trial->no_libm, rows, in, got);
    test_export_compare(trial->words, rows, report.outputs, want, got, scale);
    test_export_print(&report);
    free(pushed);
    free(want);
    free(got);
}
