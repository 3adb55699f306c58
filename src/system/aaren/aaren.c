#include "system/aaren/aaren.h"

#include "system/aaren/claims.h"
#include "system/aaren/cost_charts.h"
#include "system/aaren/tables.h"

static const struct attn_task *const tasks[] = {&attn_aaren_forecast, &attn_aaren_classify, &attn_aaren_events, &attn_aaren_control,
                                                &attn_aaren_recall};

const struct attn_system attn_system_aaren = {.name = "aaren",
                                              .summary =
                                                  "softmax attention of a learned query as a recurrent network: streams in constant memory",
                                              .paper = "Feng et al. 2024, Attention as an RNN",
                                              .tasks = tasks,
                                              .task_count = sizeof tasks / sizeof tasks[0],
                                              .claims = attn_aaren_claims,
                                              .claim_count = ATTN_AAREN_CLAIMS,
                                              .tables = attn_aaren_tables,
                                              .table_count = ATTN_AAREN_TABLES,
                                              .charts = attn_aaren_charts,
                                              .chart_count = ATTN_AAREN_CHARTS};
