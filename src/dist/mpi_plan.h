/* Context parallelism over MPI: the object of attn_mpi.h. */
#ifndef ATTN_DIST_MPI_PLAN_H
#define ATTN_DIST_MPI_PLAN_H

#include "attn_mpi.h"
#include "dist/cp/topology.h"
#include "dist/cp/cp.h"
#include "dist/transport_mpi.h"

#define ATTN_MPI_PLAN "attention over ranks" /* what sentences begin with */

struct attn_mpi_plan {
    attn_ctx *ctx;
    attn_mpi_plan_config config; /* document_lengths are not kept */
    struct attn_transport *transport;
    struct attn_cp *cp;
    char why[256];       /* this mechanism */
    int64_t documents;   /* that are sharded */
    int64_t sent[2];     /* bytes to others, forward and backward */
    int64_t settled;     /* calls of dispatch and undispatch so far */
    bool told_of_losing; /* config.lost has been called */
};

/* What one rank knows to be wrong. *filled: the problem with its defaults. */
attn_status attn_mpi_plan_check(attn_ctx *ctx, const attn_problem *problem, const attn_mpi_plan_config *config, attn_problem *filled);
/* All ranks have what rank 0 has. All must come. */
attn_status attn_mpi_plan_compare(attn_ctx *ctx, const attn_problem *filled, const attn_mask *mask, const attn_mpi_plan_config *config,
                                  struct attn_transport *transport);

/* What ATTN_MPI_AUTO and ATTN_MPI_SHARD_AUTO are (mpi_choose.c): rank 0 chooses for all, which must all come. why: in words, for attn_mpi_plan_text. */
attn_status attn_mpi_plan_choose(attn_mpi_plan *plan, const attn_problem *filled, const attn_mask *mask, struct attn_cp_config *out);

/* Tells the user where a rank has been lost; returns status. */
attn_status attn_mpi_plan_done(attn_mpi_plan *plan, attn_status status);

#endif
