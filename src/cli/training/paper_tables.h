/* The tables of papers that attn reproduce prints (train/paper_table.h). */
#ifndef ATTN_CLI_TRAINING_PAPER_TABLES_H
#define ATTN_CLI_TRAINING_PAPER_TABLES_H

#include "cli/print.h"
#include "train/reproduce.h"

/* Those of which r's scale measures something: as tables, or what is measured as JSON; as CSV nothing, as that is one table a file. */
void attn_cli_print_paper_tables(const struct attn_reproduction *r, enum attn_print_form form);

#endif
