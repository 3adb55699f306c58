/* Charts behind the claims and tables of a system and scale. */
#ifndef ATTN_CLI_TRAINING_CHARTS_H
#define ATTN_CLI_TRAINING_CHARTS_H

#include "cli/print.h"
#include "train/reproduce.h"

/* Measured, and printed as numbers, a row a place and a column a line; as JSON a record a point; not as CSV, which has one table a file, the claims. */
attn_status attn_cli_print_charts(attn_ctx *ctx, const struct attn_reproduction *r, enum attn_print_form form);

#endif
