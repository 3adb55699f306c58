/* How much a test tries. The configuration says it: release all, the others, which run the same problems again, a part (tests/CMakeLists.txt). */
#ifndef TEST_SUPPORT_COUNTS_H
#define TEST_SUPPORT_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* How many of `count` problems: one in ATTN_TEST_SHARE, or a tenth with the environment's ATTN_TEST_QUICK; ATTN_TEST_LONG_ROUNDS times all of
 * them, or that tenth, with ATTN_TEST_LONG. */
int64_t test_share(int64_t count);

/* Is it less than all? */
bool test_thinned(void);

#endif
