/* The processes of the program: one (attn), or those that mpirun has started (attn-mpi). Each program links one of ranks_one.c and ranks_mpi.c. */
#ifndef ATTN_CLI_RANKS_H
#define ATTN_CLI_RANKS_H

#include "bench/scan.h"
#include "dist/ranks.h"

#include <stdio.h>

/* Before anything else. -1, or an exit status after a complaint. */
int attn_cli_ranks_begin(int *argc, char ***argv);

/* NULL: there is one process. */
const struct attn_ranks *attn_cli_ranks(void);

/* attn_scan_measure for a scan whose tokens the processes share; NULL: there is one process. All processes must call it. */
typedef attn_status (*attn_scan_measure_fn)(attn_ctx *ctx, const struct attn_scan_spec *scan, struct attn_scan_figures *figures);
attn_scan_measure_fn attn_cli_ranks_scan(void);

struct attn_cp_spec; /* bench/cp.h */
struct attn_cp_figures;

/* attn_cp_measure of all processes as ranks; NULL: there is one process. All processes must call it. */
typedef attn_status (*attn_cp_measure_fn)(attn_ctx *ctx, const struct attn_cp_spec *spec, struct attn_cp_figures *figures);
attn_cp_measure_fn attn_cli_ranks_cp(void);

/* Measures the machine of all processes with a problem, and the first writes it to a file, as --topology reads it. NULL: this program has no MPI. */
typedef attn_status (*attn_machine_measure_fn)(attn_ctx *ctx, const attn_problem *problem, const char *path);
attn_machine_measure_fn attn_cli_ranks_machine(void);

/* Seconds that a process waits for another: the environment's ATTN_MPI_DEADLINE. Of a program without MPI: 60. */
double attn_cli_deadline(void);

/* Where complaints go: those of other processes than the first are kept until it is known that the first has none of its own. */
FILE *attn_cli_errors(void);

/* Behind everything else, with the exit status; gives the one to exit with. A failure ends all processes. */
int attn_cli_ranks_end(int exit_status);

#endif
