#include "system/zoology/zoology.h"

#include "system/zoology/claims.h"

static const struct attn_task *const tasks[] = {&attn_zoology_mqar, &attn_zoology_ar_single, &attn_zoology_stacked, &attn_zoology_lm};

const struct attn_system attn_system_zoology = {.name = "zoology",
                                                .summary = "associative recall: attention and its rivals",
                                                .paper = "Arora et al. 2023, arXiv 2312.04927",
                                                .tasks = tasks,
                                                .task_count = sizeof tasks / sizeof tasks[0],
                                                .claims = attn_zoology_claims,
                                                .claim_count = ATTN_ZOOLOGY_CLAIMS};
