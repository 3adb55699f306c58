/* The table is the list of kernels, so a new one is tested by being there. */
#include "support/each_kernel.h"

#include "base/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* NULL: not on this machine. */
static attn_ctx *context_of(const struct attn_kernel *kernel) {
    attn_ctx_config config;
    attn_ctx *ctx;
    char error[256];
    attn_ctx_config_init(&config);
    config.threads = 3;
    setenv("ATTN_ISA", kernel->isa, 1);
    if (attn_ctx_create(&config, &ctx, error, sizeof(error)) != ATTN_OK)
        printf("%s %s is not run here: %s\n", kernel->name, kernel->isa, error);
    unsetenv("ATTN_ISA");
    return ctx;
}

static void check_kernels(test_kernel_check check, const char *name, bool forward_too) {
    for (int n = 0; n < attn_kernel_count; n++) {
        const struct attn_kernel *kernel = attn_kernels[n];
        if (kernel->dtype == ATTN_F64 || kernel->score != ATTN_SCORE_DOT) continue;
        if ((name && strcmp(kernel->name, name) != 0) || (!forward_too && !kernel->backward)) continue;
        attn_ctx *ctx = context_of(kernel);
        if (ctx) check(ctx, kernel);
        attn_ctx_destroy(ctx);
    }
}

void test_each_kernel(test_kernel_check check) {
    check_kernels(check, NULL, false);
}

void test_kernels_named(const char *name, test_kernel_check check) {
    check_kernels(check, name, true);
}

void test_every_kernel(test_kernel_check check) {
    check_kernels(check, NULL, true);
}

const char *test_full_name(const struct attn_kernel *kernel) {
    static char name[64];
    snprintf(name, sizeof name, "%s/%s", kernel->name, kernel->isa);
    return name;
}

const char *test_best_of(const attn_ctx *ctx, const char *name, attn_dtype dtype) {
    const struct attn_kernel *best = NULL;
    for (int n = 0; n < attn_kernel_count; n++) { /* later ones are for greater instruction sets */
        const struct attn_kernel *kernel = attn_kernels[n];
        if (strcmp(kernel->name, name) == 0 && kernel->dtype == dtype && (kernel->isa_bits & ctx->isa) == kernel->isa_bits) best = kernel;
    }
    return best ? test_full_name(best) : name;
}

int test_scans_open(attn_score score, attn_dtype dtype, struct test_scan scans[TEST_SCANS]) {
    int count = 0;
    for (int n = 0; n < attn_kernel_count; n++) {
        const struct attn_kernel *kernel = attn_kernels[n];
        if (kernel->dtype != dtype || kernel->score != score) continue;
        if (count == TEST_SCANS) fail_msg("more than %d kernels of a score; make room for them", TEST_SCANS);
        scans[count] = (struct test_scan){context_of(kernel), kernel};
        count += scans[count].ctx != NULL;
    }
    return count;
}

void test_scans_close(struct test_scan *scans, int count) {
    for (int n = 0; n < count; n++) attn_ctx_destroy(scans[n].ctx);
}
