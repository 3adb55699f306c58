/* The scan schedule as the planner sees it, and how its work is shared out. */
#include "kernel/scan/scan.h"

#include <stdio.h>

/* Units go to workers whole where that keeps them all busy. Else so many chunks are in flight at once that handing them out costs little,
 * and so few that what they read is still in cache when it is read again. */
enum { CHUNKS_A_WORKER = 16, UNITS_A_WORKER = 4, SHARES_A_WORKER = 4, MOST_RUN = 8, RUNS_A_WORKER = 8 };

struct attn_scan_plan attn_scan_plan_of(const struct attn_shape *shape) {
    const int64_t units = shape->batch * shape->kv_heads, workers = shape->threads;
    const int64_t chunks = attn_div_up(shape->q_len, ATTN_SCAN_CHUNK);
    struct attn_scan_plan plan = {.units = units};
    if (workers == 1 || units == 0 || units % workers == 0 || units >= UNITS_A_WORKER * workers || chunks < 4) return plan;
    plan.run = attn_max64(1, attn_min64(MOST_RUN, units * chunks / (RUNS_A_WORKER * workers)));
    plan.span = attn_min64(attn_div_up(CHUNKS_A_WORKER * workers, units), chunks);
    plan.shares = attn_min64(SHARES_A_WORKER * workers, units * plan.span);
    return plan;
}

size_t attn_scan_workspace(const struct attn_shape *shape) {
    const size_t forward = attn_scan_forward_workspace(shape);
    const size_t backward = shape->features & ATTN_BACKWARD ? attn_scan_backward_workspace(shape) : 0;
    return forward > backward ? forward : backward;
}

void attn_scan_describe(const struct attn_shape *shape, char *text, size_t size) {
    const struct attn_scan_plan plan = attn_scan_plan_of(shape);
    int at = snprintf(text, size, "chunks of %d rows, ", ATTN_SCAN_CHUNK);
    if (at < 0 || (size_t)at >= size) return;
    if (plan.span == 0)
        at += snprintf(text + at, size - (size_t)at, "each of %lld key/value heads in one pass", (long long)plan.units);
    else
        at += snprintf(text + at, size - (size_t)at, "two passes over %lld key/value heads, %lld chunks at a time", (long long)plan.units,
                       (long long)plan.run);
    if ((size_t)at < size) snprintf(text + at, size - (size_t)at, "; workspace: forward %zu B", attn_scan_forward_workspace(shape));
}
