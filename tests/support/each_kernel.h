/* A check of every kernel of the table that computes in float32, on arrays of float32, bfloat16 or float16, on every instruction set of
 * this machine. */
#ifndef TEST_SUPPORT_EACH_KERNEL_H
#define TEST_SUPPORT_EACH_KERNEL_H

#include "kernel/kernel.h"

typedef void (*test_kernel_check)(attn_ctx *ctx, const struct attn_kernel *kernel);

/* Runs the check for each of these kernels of ATTN_SCORE_DOT that has a backward pass, in a context of three workers that is forced to the kernel's instruction set. Kernels that this
 * machine cannot run are named on stdout. */
void test_each_kernel(test_kernel_check check);
/* The same for the kernels of one name, or all, with a backward pass or without. */
void test_kernels_named(const char *name, test_kernel_check check);
void test_every_kernel(test_kernel_check check);

/* "flash/avx512": what a problem has to name for this kernel. A bare name is that of one for each instruction set, of which the planner takes
 * the one that it predicts to be fastest. The text holds until the next call of these two. */
const char *test_full_name(const struct attn_kernel *kernel);
/* The full name of the kernel so called for the greatest instruction set that the context has. */
const char *test_best_of(const attn_ctx *ctx, const char *name, attn_dtype dtype);

/* The kernels of a score for arrays of one type, each with a context of three workers that is forced to its instruction set. Returns how
 * many this machine can run; the others are named on stdout. More than TEST_SCANS fail the test. */
struct test_scan {
    attn_ctx *ctx;
    const struct attn_kernel *kernel;
};
enum { TEST_SCANS = 16 };
int test_scans_open(attn_score score, attn_dtype dtype, struct test_scan scans[TEST_SCANS]);
void test_scans_close(struct test_scan *scans, int count);

#endif
