/* An allocator that fails at its n-th call. */
#ifndef TEST_SUPPORT_FAILING_MEMORY_H
#define TEST_SUPPORT_FAILING_MEMORY_H

#include "attn.h"

#include <stdbool.h>

/* A scenario gives the first status that is not ATTN_OK; it frees what it made. */
typedef attn_status (*test_scenario)(attn_ctx *ctx);

/* Runs it with an allocator that fails at its n-th call, for n = 1, 2, 3, ... until a run meets no failure; once for that call alone and once for it
 * and all that follow. The answer must be ATTN_ENOMEM with a sentence, and nothing leaked. optional: a failure may also be made up for, as by PCRE2,
 * which does without its compiler of machine code. */
void test_survives(test_scenario run, bool optional);

#endif
