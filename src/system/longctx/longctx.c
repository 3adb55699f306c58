#include "system/longctx/longctx.h"

#include "system/longctx/claims.h"
#include "system/longctx/ranks_charts.h"

static const struct attn_task *const tasks[] = {&attn_longctx_lengths, &attn_longctx_masks};

const struct attn_system attn_system_longctx = {.name = "longctx",
                                                .summary = "kernels, masks and context parallelism for very long sequences, measured",
                                                .paper = "Bu et al. 2025, Long-Context Attention Benchmark",
                                                .tasks = tasks,
                                                .task_count = sizeof tasks / sizeof tasks[0],
                                                .claims = attn_longctx_claims,
                                                .claim_count = ATTN_LONGCTX_CLAIMS,
                                                .charts = attn_longctx_charts,
                                                .chart_count = ATTN_LONGCTX_CHARTS};
