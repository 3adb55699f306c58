#include "system/pointer/pointer.h"

#include "system/pointer/claims.h"
#include "system/pointer/tables.h"

static const struct attn_task *const tasks[] = {&attn_pointer_hull, &attn_pointer_delaunay, &attn_pointer_tsp, &attn_pointer_sort};

const struct attn_system attn_system_pointer = {.name = "pointer",
                                                .summary = "hulls, triangulations and tours as sequences of pointers to the input",
                                                .paper = "Vinyals, Fortunato and Jaitly 2015, Pointer Networks",
                                                .tasks = tasks,
                                                .task_count = sizeof tasks / sizeof tasks[0],
                                                .claims = attn_pointer_claims,
                                                .claim_count = ATTN_POINTER_CLAIMS,
                                                .tables = attn_pointer_tables,
                                                .table_count = ATTN_POINTER_TABLES};
