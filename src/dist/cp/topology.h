/* A cluster as a text file, one key = value a line, # before comments:
 *
 *   ranks_per_node = 8
 *   latency_inside = 2 us
 *   latency_between = 5 us
 *   bandwidth_inside = 450 GB/s     of one rank, in one direction
 *   bandwidth_between = 50 GB/s
 *   links = 8                       of a node to others, each of bandwidth_between, shared by its ranks
 *   memory = 80 GiB                 of a rank; or unlimited
 *   flops = 400 TFLOP/s             of a rank in kernels; or planned: what the planner knows of this processor
 *
 * What is left out is as in attn_topology_usual. */
#ifndef ATTN_DIST_CP_TOPOLOGY_H
#define ATTN_DIST_CP_TOPOLOGY_H

#include "base/context.h"

/* Ranks [n * ranks_per_node, (n + 1) * ranks_per_node) share a node. */
struct attn_topology {
    int64_t ranks_per_node;
    double latency[2], bandwidth[2]; /* seconds a message, bytes a second of one rank: inside a node, between nodes */
    int64_t links;                   /* of a node to others, each of bandwidth[1], shared by its ranks */
    double memory;                   /* bytes a rank; INFINITY: no limit */
    double flops;                    /* FLOP/s of a rank; 0: the planner's */
};

/* Eight ranks a node, each with a link of its own: 2 us and 450 GB/s inside, 5 us and 50 GB/s between; no limit of memory. */
void attn_topology_usual(struct attn_topology *out);

/* `name` begins complaints: "cluster.txt:3: found ...; expected ...". ATTN_EINVAL; *out is then untouched. */
attn_status attn_topology_parse(attn_ctx *ctx, const char *name, const char *text, size_t size, struct attn_topology *out);
/* The same from a file of at most 64 KiB. Besides: ATTN_ESYSTEM, ATTN_ENOMEM. */
attn_status attn_topology_read(attn_ctx *ctx, const char *path, struct attn_topology *out);
/* The text of such a file, which reads as the same numbers to 9 digits. */
enum { ATTN_TOPOLOGY_TEXT = 512 };
void attn_topology_text(const struct attn_topology *topology, char text[ATTN_TOPOLOGY_TEXT]);

#endif
