/* A mask held against a dense T x S array of booleans: every question that a mask and a view answer. */
#ifndef ATTN_TESTS_MASK_CHECK_H
#define ATTN_TESTS_MASK_CHECK_H

#include "base/random.h"
#include "mask/view.h"

#include <stdbool.h>

/* Fails the running test, with `what` in the message, where the view differs from dense[q * k_len + k]. exact: stretches hold only keys
 * that some row sees. */
void check_view(const struct attn_mask_view *view, const bool *dense, const char *what, bool exact, struct attn_random *r);
/* The same for a compiled mask, and rows, columns, area, tiles. */
void check_mask(const attn_mask *mask, const bool *dense, const char *what, bool exact, struct attn_random *r);

#endif
