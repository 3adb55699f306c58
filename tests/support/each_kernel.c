/* The table is the list of kernels, so a new one is tested by being there. */
#include "support/each_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_kernels(test_kernel_check check, const char *name) {
    for (int n = 0; n < attn_kernel_count; n++) {
        const struct attn_kernel *kernel = attn_kernels[n];
        if (kernel->dtype == ATTN_F64 || (name ? strcmp(kernel->name, name) != 0 : !kernel->backward)) continue;
        attn_ctx_config config;
        attn_ctx *ctx;
        char error[256];
        attn_ctx_config_init(&config);
        config.threads = 3;
        setenv("ATTN_ISA", kernel->isa, 1);
        if (attn_ctx_create(&config, &ctx, error, sizeof(error)) == ATTN_OK) {
            check(ctx, kernel);
            attn_ctx_destroy(ctx);
        } else {
            printf("%s %s is not run here: %s\n", kernel->name, kernel->isa, error);
        }
        unsetenv("ATTN_ISA");
    }
}

void test_each_kernel(test_kernel_check check) {
    check_kernels(check, NULL);
}

void test_kernels_named(const char *name, test_kernel_check check) {
    check_kernels(check, name);
}
