/* One process. */
#include "cli/ranks.h"

int attn_cli_ranks_begin(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    return -1;
}

const struct attn_ranks *attn_cli_ranks(void) {
    return NULL;
}

attn_scan_measure_fn attn_cli_ranks_scan(void) {
    return NULL;
}

attn_cp_measure_fn attn_cli_ranks_cp(void) {
    return NULL;
}

attn_machine_measure_fn attn_cli_ranks_machine(void) {
    return NULL;
}

double attn_cli_deadline(void) {
    return 60;
}

FILE *attn_cli_errors(void) {
    return stderr;
}

int attn_cli_ranks_end(int exit_status) {
    return exit_status;
}
