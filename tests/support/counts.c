#include "support/counts.h"

#include <stdlib.h>

int64_t test_share(int64_t count) {
    const bool quick = getenv("ATTN_TEST_QUICK") != NULL;
    if (quick) count = count / 10 + 1;
    if (getenv("ATTN_TEST_LONG")) return count * ATTN_TEST_LONG_ROUNDS;
    return quick ? count : (count + ATTN_TEST_SHARE - 1) / ATTN_TEST_SHARE;
}

bool test_thinned(void) {
    return getenv("ATTN_TEST_QUICK") || (ATTN_TEST_SHARE > 1 && !getenv("ATTN_TEST_LONG"));
}
