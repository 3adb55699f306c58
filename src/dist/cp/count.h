/* A transport that counts and carries nothing: what a schedule would send, for any number of ranks, one after the other in one thread. */
#ifndef ATTN_DIST_CP_COUNT_H
#define ATTN_DIST_CP_COUNT_H

#include "dist/cp/transport.h"

/* Every call succeeds at once. Holds no memory. */
void attn_count_open(int rank, int count, struct attn_transport *out);

#endif
