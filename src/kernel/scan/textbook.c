/* What the textbooks' scans share: elements, their operator, the loop over heads. */
#include "kernel/scan/textbook.h"

#include "base/parallel.h"

#include <string.h>

float attn_scan_score(const struct attn_scan_head *a, int64_t i) {
    const float *k = attn_scan_row(&a->x->k, a->b, a->g, a->k_row + i);
    float s = 0.0f;
    for (int32_t c = 0; c < a->x->shape->dim; c++) s += a->q[c] * k[c];
    return s;
}

void attn_scan_leaf(const struct attn_scan_head *a, int64_t i, float *out) {
    out[ATTN_SCAN_M] = attn_scan_score(a, i);
    out[ATTN_SCAN_U] = 1.0f;
    memcpy(out + ATTN_SCAN_W, attn_scan_row(&a->x->v, a->b, a->g, a->k_row + i), (size_t)a->x->shape->v_dim * sizeof *out);
}

void attn_scan_identity(int64_t width, float *out) {
    out[ATTN_SCAN_M] = -INFINITY;
    for (int64_t c = ATTN_SCAN_U; c < width + ATTN_SCAN_W; c++) out[c] = 0.0f;
}

void attn_scan_state(const struct attn_scan_head *a, float *out) {
    const struct attn_exec *x = a->x;
    const float lse = x->state_lse.data ? *attn_scan_row(&x->state_lse, a->b, a->h, 0) : -INFINITY;
    attn_scan_identity(x->shape->v_dim, out);
    if (lse == -INFINITY) return;
    out[ATTN_SCAN_M] = lse;
    out[ATTN_SCAN_U] = 1.0f;
    memcpy(out + ATTN_SCAN_W, attn_scan_row(&x->state_o, a->b, a->h, 0), (size_t)x->shape->v_dim * sizeof *out);
}

void attn_scan_combine(int64_t width, const float *a, const float *b, float *out) {
    const float m = a[ATTN_SCAN_M] > b[ATTN_SCAN_M] ? a[ATTN_SCAN_M] : b[ATTN_SCAN_M], origin = m == -INFINITY ? 0.0f : m;
    const float x = expf(a[ATTN_SCAN_M] - origin), y = expf(b[ATTN_SCAN_M] - origin);
    out[ATTN_SCAN_M] = m;
    for (int64_t c = ATTN_SCAN_U; c < width + ATTN_SCAN_W; c++) out[c] = x * a[c] + y * b[c];
}

void attn_scan_store(const struct attn_scan_head *a, int64_t i, const float *prefix) {
    const float u = prefix[ATTN_SCAN_U], lse = u == 0.0f ? -INFINITY : prefix[ATTN_SCAN_M] + logf(u);
    float *o = attn_scan_row_out(&a->x->o, a->b, a->h, a->q_row + i);
    for (int32_t c = 0; c < a->x->shape->v_dim; c++) o[c] = u == 0.0f ? 0.0f : prefix[ATTN_SCAN_W + c] / u;
    attn_scan_store_lse(a->x, a->b, a->h, a->q_row + i, &lse, 1);
}

struct job {
    const struct attn_exec *x;
    int64_t floats;
    void (*head)(const struct attn_scan_head *a);
};

static size_t worker_bytes(const struct attn_shape *shape, int64_t floats) {
    return attn_round64((size_t)(attn_scan_pad(shape->dim) + floats) * sizeof(float));
}

static void head_task(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_exec *x = job->x;
    const int64_t b = index / x->shape->heads;
    const struct attn_seq s = attn_exec_seq(x, b);
    float *q = (float *)((char *)x->workspace + (size_t)worker * worker_bytes(x->shape, job->floats));
    struct attn_scan_head a = {.x = x, .b = b, .k_row = s.k_row, .q_row = s.q_row, .n = s.q_len, .h = (int32_t)(index % x->shape->heads)};
    a.g = a.h / (x->shape->heads / x->shape->kv_heads);
    a.q = q;
    a.memory = q + attn_scan_pad(x->shape->dim);
    attn_scan_query(x, b, a.h, q);
    if (a.n > 0) job->head(&a);
}

void attn_scan_each_head(const struct attn_exec *x, int64_t floats, void (*head)(const struct attn_scan_head *a)) {
    struct job job = {x, floats, head};
    attn_parallel(x->ctx, x->batch * x->shape->heads, x->shape->threads, head_task, &job);
}

size_t attn_scan_textbook_workspace(const struct attn_shape *shape, int64_t floats) {
    size_t forward = 0;
    attn_scan_add_bytes(&forward, shape->threads, worker_bytes(shape, floats));
    const size_t backward = shape->features & ATTN_BACKWARD ? attn_scan_backward_workspace(shape) : 0;
    return forward > backward ? forward : backward;
}
