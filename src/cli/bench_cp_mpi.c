/* attn-mpi bench cp: the processes of mpirun as ranks. */
#include "attn_mpi.h"

#include "bench/cp.h"
#include "cli/ranks.h"
#include "dist/transport_mpi.h"

static attn_status measure(attn_ctx *ctx, const struct attn_cp_spec *spec, struct attn_cp_figures *figures) {
    struct attn_transport *transport = NULL;
    attn_status status = attn_mpi_transport_open(ctx, MPI_COMM_WORLD, attn_cli_deadline(), 0, &transport);
    if (status) return status;
    status = attn_cp_measure(ctx, spec, transport, figures);
    transport->close(transport);
    return status;
}

attn_cp_measure_fn attn_cli_ranks_cp(void) {
    return attn_cli_ranks() ? measure : NULL;
}

static attn_status measure_machine(attn_ctx *ctx, const attn_problem *problem, const char *path) {
    const struct attn_ranks *ranks = attn_cli_ranks();
    attn_mpi_machine machine;
    const attn_status status = attn_mpi_machine_measure(ctx, MPI_COMM_WORLD, attn_cli_deadline(), problem, &machine);
    return status || (ranks && ranks->rank > 0) ? status : attn_mpi_machine_save(ctx, path, &machine);
}

attn_machine_measure_fn attn_cli_ranks_machine(void) {
    return measure_machine;
}
