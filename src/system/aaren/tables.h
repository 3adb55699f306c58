/* The paper's four tables, with the sets of this program behind the paper's, and one of the task that Aaren cannot do. */
#ifndef ATTN_SYSTEM_AAREN_TABLES_H
#define ATTN_SYSTEM_AAREN_TABLES_H

#include "train/paper_table.h"

enum { ATTN_AAREN_TABLES = 5 };
extern const struct attn_paper_table attn_aaren_tables[ATTN_AAREN_TABLES];

#endif
