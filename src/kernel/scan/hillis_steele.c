/* The scan of Hillis and Steele (1986): in round r, element i takes in element i - 2^r, all of them from the round before, which is why
 * there are two buffers. N log2 N operations, log2 N rounds.
 */
#include "kernel/scan/textbook.h"

#include <stdio.h>
#include <string.h>

/* One element more: the state. */
static int64_t floats(const struct attn_shape *shape) {
    return 2 * (shape->q_len + 1) * attn_scan_element_floats(shape);
}

static void head(const struct attn_scan_head *a) {
    const int64_t width = a->x->shape->v_dim, step = attn_scan_element_floats(a->x->shape), count = a->n + 1;
    float *now = a->memory, *next = now + count * step;
    attn_scan_state(a, now);
    for (int64_t i = 0; i < a->n; i++) attn_scan_leaf(a, i, now + (i + 1) * step);
    for (int64_t back = 1; back < count; back *= 2) {
        memcpy(next, now, (size_t)(back * step) * sizeof *now);
        for (int64_t i = back; i < count; i++) attn_scan_combine(width, now + (i - back) * step, now + i * step, next + i * step);
        float *before = now;
        now = next;
        next = before;
    }
    for (int64_t i = 0; i < a->n; i++) attn_scan_store(a, i, now + (i + 1) * step);
}

static void forward(const struct attn_exec *x) {
    attn_scan_each_head(x, floats(x->shape), head);
}

static size_t workspace(const struct attn_shape *shape) {
    return attn_scan_textbook_workspace(shape, floats(shape));
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "log2(N) rounds between two buffers of N + 1 elements; workspace: forward %d workers x 2 (N + 1) (E + 2) floats",
             shape->threads);
}

const struct attn_kernel attn_scan_hillis_steele_f32__portable = {
    .name = "scan-hillis-steele",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 200, .row = 400, .row_element = 8, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 200, .row = 400, .row_element = 8, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = workspace,
    .forward = forward,
    .backward = attn_scan_textbook_backward,
    .describe = describe,
};
