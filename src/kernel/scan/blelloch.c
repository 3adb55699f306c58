/* The scan of Blelloch (1990): up, pairs become a tree of sums; the root becomes the identity; down, the left child takes its parent and
 * the right one its parent (+) the old left: the sums of all elements before. N operations each way, 2 log2 N rounds; N is padded to a power of
 * two with the identity, and the earlier element is always on the left.
 */
#include "kernel/scan/textbook.h"

#include <stdio.h>
#include <string.h>

/* The first power of two that has room for the state and n tokens. */
static int64_t leaves(int64_t n) {
    int64_t count = 1;
    while (count < n + 1) count *= 2;
    return count;
}

/* The tree, and one element more to exchange by. */
static int64_t floats(const struct attn_shape *shape) {
    return (leaves(shape->q_len) + 1) * attn_scan_element_floats(shape);
}

static void up(int64_t width, int64_t step, int64_t count, float *tree) {
    for (int64_t half = 1; half < count; half *= 2)
        for (int64_t i = 2 * half - 1; i < count; i += 2 * half)
            attn_scan_combine(width, tree + (i - half) * step, tree + i * step, tree + i * step);
}

static void down(int64_t width, int64_t step, int64_t count, float *tree, float *left) {
    attn_scan_identity(width, tree + (count - 1) * step);
    for (int64_t half = count / 2; half >= 1; half /= 2)
        for (int64_t i = 2 * half - 1; i < count; i += 2 * half) {
            float *a = tree + (i - half) * step, *parent = tree + i * step;
            memcpy(left, a, (size_t)step * sizeof *left);
            memcpy(a, parent, (size_t)step * sizeof *a);
            attn_scan_combine(width, parent, left, parent);
        }
}

static void head(const struct attn_scan_head *a) {
    const int64_t width = a->x->shape->v_dim, step = attn_scan_element_floats(a->x->shape), count = leaves(a->n);
    float *tree = a->memory, *spare = tree + count * step;
    attn_scan_state(a, tree);
    for (int64_t i = 0; i < a->n; i++) attn_scan_leaf(a, i, tree + (i + 1) * step);
    for (int64_t i = a->n + 1; i < count; i++) attn_scan_identity(width, tree + i * step);
    up(width, step, count, tree);
    down(width, step, count, tree, spare);
    for (int64_t i = 0; i < a->n; i++) { /* the sum of all before, and the token itself */
        attn_scan_leaf(a, i, spare);
        attn_scan_combine(width, tree + (i + 1) * step, spare, spare);
        attn_scan_store(a, i, spare);
    }
}

static void forward(const struct attn_exec *x) {
    attn_scan_each_head(x, floats(x->shape), head);
}

static size_t workspace(const struct attn_shape *shape) {
    return attn_scan_textbook_workspace(shape, floats(shape));
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "2 log2(N) rounds over a tree of %lld elements; workspace: forward %d workers x (tree + 1) (E + 2) floats",
             (long long)leaves(shape->q_len), shape->threads);
}

const struct attn_kernel attn_scan_blelloch_f32__portable = {
    .name = "scan-blelloch",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 200, .row = 120, .row_element = 3, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 200, .row = 120, .row_element = 3, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = workspace,
    .forward = forward,
    .backward = attn_scan_textbook_backward,
    .describe = describe,
};
