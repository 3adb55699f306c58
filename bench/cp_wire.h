/* Transports that leave something out: arithmetic without messages, messages without arithmetic. Inside of cp.h. */
#ifndef ATTN_BENCH_CP_WIRE_H
#define ATTN_BENCH_CP_WIRE_H

#include "dist/cp/transport.h"

/* Messages are there as soon as they are asked for, whatever their memory holds. */
void attn_wire_none(int rank, int count, struct attn_transport *out);

/* Messages of the right sizes over another transport, from and to memory of its own: for a schedule that only counts. */
struct attn_wire {
    struct attn_transport transport; /* first */
    struct attn_transport *below;
    char *memory;
    size_t bytes, at; /* of memory, next place */
};
/* memory: at least twice the greatest number of bytes that are under way at once; of the caller. */
void attn_wire_bare(struct attn_transport *below, char *memory, size_t bytes, struct attn_wire *out);

#endif
