#ifndef ATTN_SYSTEM_POINTER_TABLES_H
#define ATTN_SYSTEM_POINTER_TABLES_H

#include "train/paper_table.h"

enum { ATTN_POINTER_TABLES = 3 };
extern const struct attn_paper_table attn_pointer_tables[ATTN_POINTER_TABLES];

#endif
