/* The scan schedule: attention of one learned query over all prefixes (Feng et al. 2024, "Attention as an RNN"), in chunks.
 *
 * A chunk of ATTN_SCAN_CHUNK rows computes its scores, then the paper's recurrence from nothing, and joins what lies before the chunk to
 * each row: O_i = before_i O_before + own_i w_i. So a long sequence is a sum of sums of 256, which is as exact as it is fast: a mean
 * of means never drifts, and what lies before a chunk is needed only at its end.
 *
 * Who computes the chunks when changes no bit: where there are heads enough, a worker takes all chunks of a key/value head in order, and
 * reads each key and value once; where there are few, workers take chunks, some at a time: first their sums, then, with what lies before
 * each chunk known, their rows, so soon that the second reading finds the values in cache. That choice depends on the number of workers;
 * the results do not.
 */
#ifndef ATTN_KERNEL_SCAN_SCAN_H
#define ATTN_KERNEL_SCAN_SCAN_H

#include "kernel/kernel.h"
#include "kernel/scan/scan_ops.h"

/* How the work is shared out. */
struct attn_scan_plan {
    int64_t units;  /* sequences times key/value heads, at the capacities */
    int64_t run;    /* forward: chunks that a worker takes at once; 0: a worker takes all chunks of a unit */
    int64_t span;   /* backward: chunks of each unit that are worked on at once; 0: likewise */
    int64_t shares; /* tasks that these chunks of all units are cut into */
};
struct attn_scan_plan attn_scan_plan_of(const struct attn_shape *shape);

/* The kernel of an instruction set for arrays of one type; `forward` and `backward` are those of its file. Nanoseconds a row, and for each
 * of its elements. */
#define ATTN_SCAN_KERNEL(symbol, set, bits, type, forward_row, forward_element, backward_row, backward_element)                            \
    const struct attn_kernel symbol = {                                                                                                    \
        .name = "scan",                                                                                                                    \
        .isa = set,                                                                                                                        \
        .isa_bits = bits,                                                                                                                  \
        .dtype = type,                                                                                                                     \
        .score = ATTN_SCORE_LEARNED_QUERY,                                                                                                 \
        .forward_cost = {ATTN_SCAN_COST(300, forward_row, forward_element), ATTN_SCAN_COST(300, forward_row, forward_element)},            \
        .backward_cost = {ATTN_SCAN_COST(600, backward_row, backward_element), ATTN_SCAN_COST(600, backward_row, backward_element)},       \
        .workspace = attn_scan_workspace,                                                                                                  \
        .forward = forward,                                                                                                                \
        .backward = backward,                                                                                                              \
        .describe = attn_scan_describe,                                                                                                    \
    }
#define ATTN_SCAN_COST(a_call, a_row, an_element)                                                                                          \
    { .call = a_call, .row = a_row, .row_element = an_element, .queries = 1, .keys = 1, .dims = 1 }

size_t attn_scan_workspace(const struct attn_shape *shape);
void attn_scan_describe(const struct attn_shape *shape, char *text, size_t size);

void attn_scan_forward(const struct attn_exec *x, const struct attn_scan_ops *ops);
size_t attn_scan_forward_workspace(const struct attn_shape *shape);
void attn_scan_backward(const struct attn_exec *x, const struct attn_scan_ops *ops);
size_t attn_scan_backward_workspace(const struct attn_shape *shape);

#endif
