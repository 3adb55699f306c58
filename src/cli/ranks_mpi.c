/* The processes of mpirun. The first one is the program as its user sees it; the others print nothing, unless they alone have failed or nobody
 * answers. A failure of one ends all: the others may wait for it. */
#include "cli/cli.h"
#include "cli/ranks.h"
#include "dist/mpi.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { GRACE = 2 }; /* seconds in which all come to the end by themselves */

static struct attn_mpi mpi;
static FILE *kept;
static char *kept_text;
static size_t kept_bytes;

double attn_cli_deadline(void) {
    return mpi.link.deadline;
}

/* False: it is no number of seconds above 0. */
static bool read_deadline(const char *text, double *seconds) {
    char *end;
    *seconds = 60;
    if (!text) return true;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && *seconds > 0 && isfinite(*seconds);
}

int attn_cli_ranks_begin(int *argc, char ***argv) {
    const char *text = getenv("ATTN_MPI_DEADLINE");
    char error[128];
    double deadline;
    const bool readable = read_deadline(text, &deadline);
    const attn_status status = attn_mpi_begin(argc, argv, readable ? deadline : 60, &mpi, error, sizeof error);
    if (mpi.ranks.rank > 0) {
        kept = open_memstream(&kept_text, &kept_bytes);
        if (!freopen("/dev/null", "w", stdout)) return attn_complain("standard output cannot be closed");
    }
    if (status) return attn_complain("%s", error);
    return readable ? -1 : attn_complain("ATTN_MPI_DEADLINE is '%.64s'; expected seconds above 0", text);
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
