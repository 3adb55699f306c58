/* Effort and wisdom, as commands that plan take them: --effort, --wisdom and the environment variable ATTN_WISDOM. */
#ifndef ATTN_CLI_WISDOM_H
#define ATTN_CLI_WISDOM_H

#include "cli/cli.h"

struct attn_cli_wisdom {
    const char *effort_name, *path; /* as given; NULL: not given */
    attn_effort effort;             /* set by opening */
    bool named;                     /* path is --wisdom's or ATTN_WISDOM's */
};

#define ATTN_WISDOM_EFFORT_HELP "estimate, measure, wisdom (default: estimate; with a file of wisdom: wisdom)"
#define ATTN_WISDOM_FILE_HELP   "what measuring has chosen: read, and written after --effort measure (default: ATTN_WISDOM)"

/* Resolves the words and loads the file; one that is not there yet is empty. Before measuring, a file that cannot be written, or that has a line
 * which is no wisdom and would be lost, is refused. -1: go on, else the exit status. */
int attn_cli_wisdom_open(attn_ctx *ctx, const char *command, struct attn_cli_wisdom *wisdom);

/* After --effort measure: saves what the file holds by now and what was measured. Returns `status`, or what went wrong after success. */
int attn_cli_wisdom_close(attn_ctx *ctx, const struct attn_cli_wisdom *wisdom, int status);

#endif
