/* The processes of mpirun. The first one is the program as its user sees it; the others print nothing, unless they alone have failed or nobody
 * answers. A failure of one ends all: the others may wait for it. */
#include "cli/cli.h"
#include "cli/ranks.h"
#include "dist/mpi.h"

#include <stdlib.h>
#include <unistd.h>

enum { GRACE = 2 }; /* seconds in which all come to the end by themselves */

static struct attn_mpi mpi;
static FILE *kept;
static char *kept_text;
static size_t kept_bytes;

static double deadline(void) {
    const char *text = getenv("ATTN_MPI_DEADLINE");
    const double seconds = text ? strtod(text, NULL) : 0;
    return seconds > 0 ? seconds : 60;
}

int attn_cli_ranks_begin(int *argc, char ***argv) {
    char error[128];
    const attn_status status = attn_mpi_begin(argc, argv, deadline(), &mpi, error, sizeof error);
    if (mpi.ranks.rank > 0) {
        kept = open_memstream(&kept_text, &kept_bytes);
        if (!freopen("/dev/null", "w", stdout)) return attn_complain("standard output cannot be closed");
    }
    return status ? attn_complain("%s", error) : -1;
}

const struct attn_ranks *attn_cli_ranks(void) {
    return mpi.ranks.count > 1 ? &mpi.ranks : NULL;
}

FILE *attn_cli_errors(void) {
    return kept ? kept : stderr;
}

/* What all have failed by, the first process has said. Where an answer is missing, each process says whose: the one that is named and says
 * nothing is lost. Then all are ended, as they may wait for this one. */
static void fail(int exit_status) {
    if (!mpi.link.lost && attn_mpi_together(GRACE)) {
        attn_mpi_end();
        return;
    }
    if (kept) fprintf(stderr, "%s", kept_text);
    if (mpi.link.lost) sleep(GRACE);
    attn_mpi_abort(exit_status);
}

int attn_cli_ranks_end(int exit_status) {
    if (kept) fflush(kept);
    if (exit_status == ATTN_EXIT_DONE || exit_status == ATTN_EXIT_STOPPED)
        attn_mpi_end();
    else
        fail(exit_status);
    if (kept) fclose(kept);
    free(kept_text);
    return exit_status;
}
