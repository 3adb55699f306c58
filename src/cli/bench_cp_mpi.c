/* attn-mpi bench cp: the processes of mpirun as ranks. */
#include "bench/cp.h"
#include "cli/ranks.h"
#include "dist/transport_mpi.h"

#include <stdlib.h>

static double deadline(void) {
    const char *text = getenv("ATTN_MPI_DEADLINE");
    const double seconds = text ? strtod(text, NULL) : 0;
    return seconds > 0 ? seconds : 60;
}

static attn_status measure(attn_ctx *ctx, const struct attn_cp_spec *spec, struct attn_cp_figures *figures) {
    struct attn_transport *transport = NULL;
    attn_status status = attn_mpi_transport_open(ctx, MPI_COMM_WORLD, deadline(), 0, &transport);
    if (status) return status;
    status = attn_cp_measure(ctx, spec, transport, figures);
    transport->close(transport);
    return status;
}

attn_cp_measure_fn attn_cli_ranks_cp(void) {
    return attn_cli_ranks() ? measure : NULL;
}
