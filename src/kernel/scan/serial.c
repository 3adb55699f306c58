/* The recurrence token by token (Feng et al. 2024, sec. 3.1), with the output as a mean that is moved towards each value, so that a long
 * sequence needs no great sums:
 *   m' = max(m, s),  c' = exp(m - m') c + exp(s - m'),  o' = o + exp(s - m') / c' (v - o).
 */
#include "kernel/scan/textbook.h"

#include <stdio.h>

static int64_t floats(const struct attn_shape *shape) {
    return attn_scan_pad(shape->v_dim);
}

static void head(const struct attn_scan_head *a) {
    const struct attn_exec *x = a->x;
    float *o = a->memory;
    struct state {
        float m, c;
    } state;
    attn_scan_begin(x, a->b, a->h, &(struct attn_scan_carry){&state.m, &state.c, o});
    for (int64_t i = 0; i < a->n; i++) {
        const float s = attn_scan_score(a, i), m = state.m > s ? state.m : s, origin = m == -INFINITY ? 0.0f : m;
        const float add = expf(s - origin);
        const float *v = attn_scan_row(&x->v, a->b, a->g, a->k_row + i);
        float *to = attn_scan_row_out(&x->o, a->b, a->h, a->q_row + i);
        state.c = expf(state.m - origin) * state.c + add;
        state.m = m;
        const float lse = state.c == 0.0f ? -INFINITY : m + logf(state.c), weight = state.c == 0.0f ? 0.0f : add / state.c;
        for (int32_t c = 0; c < x->shape->v_dim; c++) to[c] = o[c] = o[c] + weight * (v[c] - o[c]);
        attn_scan_store_lse(x, a->b, a->h, a->q_row + i, &lse, 1);
    }
}

static void forward(const struct attn_exec *x) {
    attn_scan_each_head(x, floats(x->shape), head);
}

static size_t workspace(const struct attn_shape *shape) {
    return attn_scan_textbook_workspace(shape, floats(shape));
}

static void describe(const struct attn_shape *shape, char *text, size_t size) {
    snprintf(text, size, "token by token, each of %lld heads in one go", (long long)shape->batch * shape->heads);
}

const struct attn_kernel attn_scan_serial_f32__portable = {
    .name = "scan-serial",
    .isa = "portable",
    .isa_bits = 0,
    .dtype = ATTN_F32,
    .score = ATTN_SCORE_LEARNED_QUERY,
    .forward_cost = {{.call = 200, .row = 40, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                     {.call = 200, .row = 40, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .backward_cost = {{.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1},
                      {.call = 600, .row = 30, .row_element = 0.8, .queries = 1, .keys = 1, .dims = 1}},
    .workspace = workspace,
    .forward = forward,
    .backward = attn_scan_textbook_backward,
    .describe = describe,
};
