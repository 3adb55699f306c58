/* Ranks that are threads of one process. Whoever uses it starts the threads, and each opens its own transport.
 *
 * A receive meets the oldest send of its rank, peer and tag that none has met, and copies, in progress or wait of the receiving rank: once both sides
 * have begun, and not before, as large messages of MPI do. */
#ifndef ATTN_DIST_CP_LOCAL_H
#define ATTN_DIST_CP_LOCAL_H

#include "dist/cp/transport.h"

/* A network that is slower than memory. Messages that one rank sends to another share a link, one after the other in the order in which they are received;
 * links do not disturb each other. A message takes latency, and bytes / bandwidth for each segment of it; the next segment begins only when the
 * receiver calls progress or wait after the one before is due: without such calls nothing overlaps with what a rank computes. */
struct attn_local_delay {
    double latency;   /* seconds of a message */
    double bandwidth; /* bytes a second; 0: no limit */
    size_t segment;   /* bytes; 0: messages whole */
};

struct attn_local_world;

/* deadline: seconds that a rank waits for another. delay NULL: none. ATTN_ENOMEM. The context must outlive the world, which is owned by the caller;
 * close it when all threads have closed their transports. */
attn_status attn_local_world_open(attn_ctx *ctx, int count, double deadline, const struct attn_local_delay *delay,
                                  struct attn_local_world **out);
void attn_local_world_close(struct attn_local_world *world); /* NULL is allowed */

/* The transport of a rank, which belongs to the world; close it before the memory of its messages goes. A rank that misses another within the deadline, or
 * closes with messages under way, is lost to the others, whose calls fail then and name it. ATTN_EINVAL: no such rank, or it is open. */
attn_status attn_local_open(struct attn_local_world *world, int rank, struct attn_transport **out);

#endif
