/* A context that notes its greatest allocation, for readers of files that may be hostile. */
#ifndef TEST_SUPPORT_NOTING_H
#define TEST_SUPPORT_NOTING_H

#include "base/context.h"

/* One thread, and no allocation noted yet: one such context at a time. */
attn_ctx *test_noting_context(void);
/* Bytes of the greatest allocation since the newest of them was made. */
size_t test_greatest_allocation(void);

/* The status is the expected one, the context's sentence holds this piece, and memory never passed twice the file's `size` and a megabyte. Fails the
 * test. */
void test_must_refuse(attn_ctx *ctx, attn_status status, attn_status expected, size_t size, const char *sentence);

#endif
