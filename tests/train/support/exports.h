/* Models written as C (train/export.h), compiled and run: by this machine's compiler, and on a Cortex-M4F under an emulator. */
#ifndef TEST_TRAIN_SUPPORT_EXPORTS_H
#define TEST_TRAIN_SUPPORT_EXPORTS_H

#include "support/setting.h"
#include "train/export.h"

enum test_machine {
    TEST_DESK,      /* cc -O2 */
    TEST_DESK_SLOW, /* cc -O0, with its sanitizers */
    TEST_BOARD      /* arm-none-eabi-gcc and qemu-system-arm; the test is skipped where either is missing */
};

/* Gives every parameter of the job's model numbers of this deviation beside what it has. */
void test_export_stir(struct attn_job *job, uint64_t seed, double deviation);

/* Writes the job's model as test_folder/model.{c,h}, over what is there; fails the test with the context's sentence. */
void test_export_write(struct attn_job *job, bool int8, bool no_libm, struct attn_export_report *report);

/* Compiles it, without a warning, and pushes `rows` rows of in [rows, inputs]; out [rows, outputs]. Without libm nothing is linked but the compiler's own arithmetic. */
void test_export_run(enum test_machine machine, const struct attn_export_report *report, bool no_libm, int64_t rows, const float *in,
                     float *out);

/* Writes the job's model and fails the test unless infinite numbers and the greatest ones do to its program, to the bit, what NaN does, which stands in some places of
 * `in` [rows, inputs]. */
void test_export_infinite(struct attn_job *job, int64_t rows, const float *in);

/* Prints its sizes. */
void test_export_print(const struct attn_export_report *report);

/* Fails the test unless each number is within 1e-5 of its scale, [outputs]. */
void test_export_compare(const char *what, int64_t rows, int64_t outputs, const double *want, const float *got, const double *scale);
/* The scale of numbers that spread by `deviation` around a mean, whose rounding to float is allowed besides. */
double test_export_scale(double mean, double deviation);

/* Pushes rows to a job, as attn_task.push has them: in [rows, inputs], out [rows, outputs] of its face. */
void test_export_push(struct attn_job *job, int64_t rows, const double *in, double *out);

/* How a model is written and where it runs. */
struct test_trial {
    const char *words; /* the recipe's, which messages name */
    bool int8, no_libm;
};
/* Writes the job's model and compares what it answers to rows with the job's own, on that machine: in [rows, inputs], for models whose program takes the numbers of their
 * stream. scale as above. Prints the sizes. */
void test_export_agree(struct attn_job *job, const struct test_trial *trial, enum test_machine machine, int64_t rows, const float *in,
                       const double *scale);

#endif
