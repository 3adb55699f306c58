/* One context for all tests of a program: cmocka_run_group_tests(tests, test_open_context, test_close_context). */
#ifndef TEST_SUPPORT_FIXTURE_H
#define TEST_SUPPORT_FIXTURE_H

#include "attn.h"

/* Two workers of the library's own executor; there while the group runs. */
extern attn_ctx *test_ctx;

int test_open_context(void **state);
int test_close_context(void **state);

/* The newest sentence of test_ctx, in a buffer that the next call writes again. */
const char *test_sentence(void);

#endif
