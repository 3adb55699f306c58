/* Tests of loops that each instruction set has its own of. */
#ifndef TEST_TRAIN_SETS_H
#define TEST_TRAIN_SETS_H

#include "tape/functions.h"

struct test_set {
    const char *name;
    uint32_t bits; /* as in attn_ctx.isa; portable: 0 */
};

/* Every set that the machine and the build have, in a context that the environment holds to it. */
void test_with_every_set(void (*test)(const struct test_set *set, const attn_ctx *ctx));

#endif
