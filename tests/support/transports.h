/* What every transport must do, whatever carries it. */
#ifndef TEST_SUPPORT_TRANSPORTS_H
#define TEST_SUPPORT_TRANSPORTS_H

#include "dist/cp/transport.h"

/* False, and a line on stderr, unless the condition holds. */
bool test_is(bool right, const struct attn_transport *t, const char *what);
/* Whether the context's sentence has this piece. */
bool test_says(attn_ctx *ctx, const struct attn_transport *t, const char *piece);

#define IS(condition)                                                                                                                      \
    do {                                                                                                                                   \
        if (!test_is((condition), t, #condition)) return false;                                                                            \
    } while (0)

/* To be called by all ranks of 1 to 8. Everybody to everybody, himself too, all tags, all under way at once, waited for in another order than begun: each
 * message is what was sent and is counted. */
bool test_messages_arrive(void *user, attn_ctx *ctx, struct attn_transport *t);
/* A failure of one, and of several, is that of all; so are other numbers than rank 0's. */
bool test_all_agree(void *user, attn_ctx *ctx, struct attn_transport *t);

#endif
