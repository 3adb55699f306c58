/* Processes of MPI as ranks (src/dist/ranks.h). Only the program attn-mpi has this: nothing else links MPI. */
#ifndef ATTN_DIST_MPI_H
#define ATTN_DIST_MPI_H

#include "dist/link.h"
#include "dist/ranks.h"

struct attn_mpi {
    struct attn_ranks ranks;
    struct attn_link link;
};

/* Begins MPI and fills *out, which must stay where it is. The error text is for a caller without a context. */
attn_status attn_mpi_begin(int *argc, char ***argv, double deadline, struct attn_mpi *out, char *error, size_t error_size);

/* Whether all processes come here within so many seconds. */
bool attn_mpi_together(double seconds);

/* Ends MPI; all processes must come here. */
void attn_mpi_end(void);

/* Ends all processes, wherever they are, with this exit status. */
void attn_mpi_abort(int exit_status);

#endif
