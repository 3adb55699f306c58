/* A system: one paper rebuilt. Each room under src/system fills in one struct, which src/system/systems.c lists. */
#ifndef ATTN_TRAIN_SYSTEM_H
#define ATTN_TRAIN_SYSTEM_H

#include "train/job.h"

struct attn_claim;       /* train/claim.h */
struct attn_paper_table; /* train/paper_table.h */
struct attn_chart;       /* train/chart.h */

struct attn_system {
    const char *name;    /* "zoology" */
    const char *summary; /* what it is, in one line */
    const char *paper;
    const struct attn_task *const *tasks;
    int task_count;
    const struct attn_claim *claims;
    int claim_count;
    const struct attn_paper_table *tables;
    int table_count;
    const struct attn_chart *charts;
    int chart_count;
};

#endif
