/* What libattn_mpi's objects check first. `what` begins their sentences: "scan over ranks". */
#ifndef ATTN_DIST_START_H
#define ATTN_DIST_START_H

#include "base/context.h"

#include <mpi.h>

/* What cannot be told to the other ranks. init: name of the function that sets `size`, which is to be `expected`. */
attn_status attn_mpi_check_alone(attn_ctx *ctx, const char *what, const char *init, size_t size, size_t expected, MPI_Comm comm);

/* What can. */
attn_status attn_mpi_check_deadline(attn_ctx *ctx, const char *what, double deadline);
attn_status attn_mpi_check_threads(attn_ctx *ctx, const char *what, int threads);

#endif
