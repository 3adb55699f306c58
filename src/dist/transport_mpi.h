/* A transport over MPI: every message is one nonblocking call, or several where it is longer than MPI counts, with a tag for each kind. */
#ifndef ATTN_DIST_TRANSPORT_MPI_H
#define ATTN_DIST_TRANSPORT_MPI_H

#include "dist/link.h"

/* Collective. deadline: seconds that another rank may take to come to a call. piece: bytes of a call of MPI; 0: 256 MiB. MPI must have been begun. *out
 * is owned by the caller: (*out)->close. After a rank was lost close frees nothing, as what is under way may still write.
 * ATTN_ESYSTEM, ATTN_ENOMEM, which the other ranks are not told of. */
attn_status attn_mpi_transport_open(attn_ctx *ctx, MPI_Comm comm, double deadline, size_t piece, struct attn_transport **out);

#endif
