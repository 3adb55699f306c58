/* The machine of attn_mpi.h as the cost model knows it. */
#ifndef ATTN_DIST_MPI_MACHINE_H
#define ATTN_DIST_MPI_MACHINE_H

#include "attn_mpi.h"
#include "dist/cp/topology.h"

/* ATTN_EINVAL: a field is not what it must be. machine NULL: the defaults. */
attn_status attn_mpi_machine_topology(attn_ctx *ctx, const attn_mpi_machine *machine, struct attn_topology *out);

#endif
