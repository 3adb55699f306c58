#include "support/sets.h"

#include "base/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void test_with_every_set(void (*test)(const struct test_set *set, const attn_ctx *ctx)) {
    static const struct test_set sets[] = {{"portable", 0}, {"avx2", ATTN_ISA_AVX2}, {"avx512", ATTN_ISA_AVX512}, {"neon", ATTN_ISA_NEON}};
    const char *environment = getenv("ATTN_ISA");
    char *before = environment ? strdup(environment) : NULL;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        attn_ctx *ctx;
        if ((sets[i].bits & attn_isa_built() & attn_cpu_isa()) != sets[i].bits) continue;
        assert_int_equal(setenv("ATTN_ISA", sets[i].name, 1), 0);
        assert_int_equal(attn_ctx_create(NULL, &ctx, NULL, 0), ATTN_OK);
        assert_int_equal(attn_functions_for(ctx)->isa_bits, sets[i].bits);
        test(&sets[i], ctx);
        attn_ctx_destroy(ctx);
    }
    if (before)
        setenv("ATTN_ISA", before, 1);
    else
        unsetenv("ATTN_ISA");
    free(before);
}
