/* The peer to beat: attention composed of matrix products, as one writes it on a good BLAS. For a panel of queries of one head:
 *   forward:   S = scale Q K^T (sgemm), row softmax over the mask's intervals, O = P V (sgemm)
 *   backward:  S again (sgemm), P = exp(S - LSE), dP = dO V^T (sgemm), dS = P (dP - D), dQ = dS K, dK += dS^T Q, dV += P^T dO (sgemm each)
 * Keys outside the hull of the panel's rows are cut off, so causal and windows skip what they can. The panel's height is tuned for
 * each case. BLAS calls use one thread each inside our parallel loop: forward over heads and panels; backward over key/value heads,
 * which own dK and dV, and where these do not share out evenly over the threads, over parts of the panels too, each with its own dK
 * and dV, which are added up at the end. */
#include "bench/peers/peer.h"

#if defined(ATTN_HAVE_CBLAS)

#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/parallel.h"
#include "bench/peers/rows.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INTERVALS = 512, PANEL_MAX = 256, ADDED_ROWS = 256 };

/* The intervals of the rows of one panel and their hull. */
struct panel {
    int64_t pieces[PANEL_MAX], intervals[PANEL_MAX][2 * INTERVALS];
    int64_t begin, end; /* hull of the keys */
};

struct rowpanel {
    struct attn_case *c;
    const struct attn_panel_rows *rows;
    int64_t forward_panel, backward_panel; /* queries of a panel */
    int64_t width;                         /* keys of a row of the panel, rounded up */
    int64_t parts;                         /* of the panels of a key/value head in backward */
    float scale;
    float *o, *lse, *dq, *panels; /* panels: two of PANEL_MAX x width for each worker */
    float *dk, *dv;               /* parts of them, the first of which is the result */
    struct panel *tables;         /* one for each worker */
    size_t bytes;
    atomic_int failed; /* a row with more intervals than there is room for */
};

static float *worker_panel(const struct rowpanel *r, int worker, int which) {
    return r->panels + (int64_t)(2 * worker + which) * PANEL_MAX * r->width;
}

static bool read_panel(struct rowpanel *r, int32_t h, int64_t q0, int64_t rows, struct panel *panel) {
    const attn_mask *mask = attn_case_mask_of(r->c, h);
    panel->begin = INT64_MAX;
    panel->end = 0;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t n = attn_mask_row(mask, q0 + i, panel->intervals[i], INTERVALS);
        if (n > INTERVALS) {
            atomic_store(&r->failed, 1);
            return false;
        }
        panel->pieces[i] = n;
        if (n > 0) {
            panel->begin = attn_min64(panel->begin, panel->intervals[i][0]);
            panel->end = attn_max64(panel->end, panel->intervals[i][2 * n - 1]);
        }
    }
    return panel->begin < panel->end;
}

/* Zeroes what lies between the intervals of row i and calls nothing else: s[0] is key panel->begin. */
static void zero_gaps(const struct panel *panel, int64_t i, float *s) {
    int64_t at = panel->begin;
    for (int64_t n = 0; n < panel->pieces[i]; n++) {
        memset(s + (at - panel->begin), 0, (size_t)(panel->intervals[i][2 * n] - at) * sizeof *s);
        at = panel->intervals[i][2 * n + 1];
    }
    memset(s + (at - panel->begin), 0, (size_t)(panel->end - at) * sizeof *s);
}

/* Softmax of row i without the division; returns the sum, and the log-sum-exp. */
static float softmax_row(const struct rowpanel *r, const struct panel *panel, int64_t i, float *s, float *lse) {
    const int64_t *piece = panel->intervals[i];
    float greatest = -INFINITY, sum = 0.0f;
    for (int64_t n = 0; n < panel->pieces[i]; n++) {
        const float most = r->rows->max(s + (piece[2 * n] - panel->begin), piece[2 * n + 1] - piece[2 * n]);
        greatest = most > greatest ? most : greatest;
    }
    for (int64_t n = 0; n < panel->pieces[i]; n++)
        sum += r->rows->exp_sum(s + (piece[2 * n] - panel->begin), piece[2 * n + 1] - piece[2 * n], greatest);
    zero_gaps(panel, i, s);
    *lse = panel->pieces[i] == 0 ? -INFINITY : greatest + logf(sum);
    return sum;
}

static void forward_panel(struct rowpanel *r, int64_t b, int32_t h, int64_t q0, int64_t rows, int worker) {
    float *s = worker_panel(r, worker, 0);
    struct panel *panel = &r->tables[worker];
    const struct attn_case_spec *spec = &r->c->spec;
    const int32_t g = h / (spec->heads / spec->kv_heads), d = spec->dim, e = spec->v_dim;
    const int64_t q_row = (b * spec->heads + h) * spec->q_len + q0, k_row = (b * spec->kv_heads + g) * spec->kv_len;
    float *o = r->o + q_row * e;
    if (!read_panel(r, h, q0, rows, panel)) {
        memset(o, 0, (size_t)(rows * e) * sizeof *o);
        for (int64_t i = 0; i < rows; i++) r->lse[q_row + i] = -INFINITY;
        return;
    }
    const int m = (int)rows, n = (int)(panel->end - panel->begin), ld = (int)r->width;
    float sum[PANEL_MAX];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, d, r->scale, (const float *)r->c->q + q_row * d, d,
                (const float *)r->c->k + (k_row + panel->begin) * d, d, 0.0f, s, ld);
    for (int64_t i = 0; i < rows; i++) sum[i] = softmax_row(r, panel, i, s + i * ld, &r->lse[q_row + i]);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, e, n, 1.0f, s, ld, (const float *)r->c->v + (k_row + panel->begin) * e, e,
                0.0f, o, e);
    for (int64_t i = 0; i < rows; i++) {
        const float factor = sum[i] > 0.0f ? 1.0f / sum[i] : 0.0f;
        for (int32_t c = 0; c < e; c++) o[i * e + c] *= factor;
    }
}

static void backward_panel(struct rowpanel *r, int64_t b, int32_t h, int64_t q0, int64_t rows, int64_t part, int worker) {
    float *p = worker_panel(r, worker, 0), *dp = worker_panel(r, worker, 1);
    struct panel *panel = &r->tables[worker];
    const struct attn_case_spec *spec = &r->c->spec;
    const int32_t g = h / (spec->heads / spec->kv_heads), d = spec->dim, e = spec->v_dim;
    const int64_t q_row = (b * spec->heads + h) * spec->q_len + q0;
    const float *q = (const float *)r->c->q + q_row * d, *d_o = (const float *)r->c->d_o + q_row * e, *o = r->o + q_row * e;
    if (!read_panel(r, h, q0, rows, panel)) {
        memset(r->dq + q_row * d, 0, (size_t)(rows * d) * sizeof(float));
        return;
    }
    const int64_t k_row = (b * spec->kv_heads + g) * spec->kv_len + panel->begin;
    const int64_t kv_row = part * spec->batch * spec->kv_heads * spec->kv_len + k_row;
    const float *k = (const float *)r->c->k + k_row * d, *v = (const float *)r->c->v + k_row * e;
    const int m = (int)rows, n = (int)(panel->end - panel->begin), ld = (int)r->width;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, d, r->scale, q, d, k, d, 0.0f, p, ld);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, e, 1.0f, d_o, e, v, e, 0.0f, dp, ld);
    for (int64_t i = 0; i < rows; i++) {
        float delta = 0.0f;
        for (int32_t c = 0; c < e; c++) delta += d_o[i * e + c] * o[i * e + c];
        for (int64_t piece = 0; piece < panel->pieces[i]; piece++) {
            const int64_t at = panel->intervals[i][2 * piece] - panel->begin,
                          count = panel->intervals[i][2 * piece + 1] - panel->intervals[i][2 * piece];
            r->rows->exp(p + i * ld + at, count, r->lse[q_row + i]);
            r->rows->ds(p + i * ld + at, dp + i * ld + at, count, delta);
        }
        zero_gaps(panel, i, p + i * ld);
        zero_gaps(panel, i, dp + i * ld);
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, e, m, 1.0f, p, ld, d_o, e, 1.0f, r->dv + kv_row * e, e);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, d, m, r->scale, dp, ld, q, d, 1.0f, r->dk + kv_row * d, d);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, d, n, r->scale, dp, ld, k, d, 0.0f, r->dq + q_row * d, d);
}

/* index: panel within head within sequence; the last panels first, which are the longest under a causal mask. */
static void forward_task(void *arg, int64_t index, int worker) {
    struct rowpanel *r = arg;
    const int64_t panels = attn_div_up(r->c->spec.q_len, r->forward_panel), heads = r->c->spec.batch * r->c->spec.heads;
    const int64_t head = index % heads, q0 = (panels - 1 - index / heads) * r->forward_panel;
    forward_panel(r, head / r->c->spec.heads, (int32_t)(head % r->c->spec.heads), q0, attn_min64(r->forward_panel, r->c->spec.q_len - q0),
                  worker);
}

/* index: key/value head within sequence within part. A part takes every parts-th panel, long and short ones alike. */
static void backward_task(void *arg, int64_t index, int worker) {
    struct rowpanel *r = arg;
    const struct attn_case_spec *s = &r->c->spec;
    const int64_t kv_heads = s->batch * s->kv_heads, part = index / kv_heads, head = index % kv_heads, height = r->backward_panel;
    const int32_t group = s->heads / s->kv_heads, first = (int32_t)(head % s->kv_heads) * group;
    memset(r->dk + index * s->kv_len * s->dim, 0, (size_t)(s->kv_len * s->dim) * sizeof(float));
    memset(r->dv + index * s->kv_len * s->v_dim, 0, (size_t)(s->kv_len * s->v_dim) * sizeof(float));
    for (int32_t h = first; h < first + group; h++)
        for (int64_t q0 = part * height; q0 < s->q_len; q0 += r->parts * height)
            backward_panel(r, head / s->kv_heads, h, q0, attn_min64(height, s->q_len - q0), part, worker);
}

static void add(float *restrict to, const float *restrict from, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

/* index: a slice of the keys of all heads. */
static void add_parts_task(void *arg, int64_t index, int worker) {
    const struct rowpanel *r = arg;
    const struct attn_case_spec *s = &r->c->spec;
    const int64_t rows = s->batch * s->kv_heads * s->kv_len, begin = index * ADDED_ROWS, count = attn_min64(ADDED_ROWS, rows - begin);
    (void)worker;
    for (int64_t part = 1; part < r->parts; part++) {
        add(r->dk + begin * s->dim, r->dk + (part * rows + begin) * s->dim, count * s->dim);
        add(r->dv + begin * s->v_dim, r->dv + (part * rows + begin) * s->v_dim, count * s->v_dim);
    }
}

static attn_status rowpanel_run(void *self, enum attn_direction pass, double *seconds) {
    struct rowpanel *r = self;
    const struct attn_case_spec *s = &r->c->spec;
    attn_blas_threads(1);
    const double start = attn_clock();
    if (pass != ATTN_BWD)
        attn_parallel(r->c->ctx, attn_div_up(s->q_len, r->forward_panel) * s->batch * s->heads, s->threads, forward_task, r);
    if (pass != ATTN_FWD) {
        const int64_t kv_heads = s->batch * s->kv_heads;
        attn_parallel(r->c->ctx, kv_heads * r->parts, s->threads, backward_task, r);
        if (r->parts > 1) attn_parallel(r->c->ctx, attn_div_up(kv_heads * s->kv_len, ADDED_ROWS), s->threads, add_parts_task, r);
    }
    *seconds = attn_clock() - start;
    if (atomic_load(&r->failed) == 0) return ATTN_OK;
    snprintf(r->c->message, sizeof r->c->message, "a row of this mask has more than %d intervals", INTERVALS);
    return ATTN_EUNSUPPORTED;
}

/* The panel height that is fastest on rows around the middle of the last head. */
static int64_t tune(struct rowpanel *r, bool backward) {
    static const int64_t heights[] = {32, 64, 128, 256};
    const struct attn_case_spec *s = &r->c->spec;
    const int64_t rows = attn_min64(s->q_len, 2 * PANEL_MAX), first = (s->q_len - rows) / 2;
    int64_t best = heights[0];
    double least = (double)INFINITY;
    for (size_t n = 0; n < 2 * (sizeof heights / sizeof heights[0]); n++) { /* each twice: the first round warms up */
        const int64_t height = heights[n % (sizeof heights / sizeof heights[0])];
        const double start = attn_clock();
        for (int64_t q0 = first; q0 < first + rows; q0 += height) {
            const int64_t count = attn_min64(height, first + rows - q0);
            if (backward)
                backward_panel(r, s->batch - 1, s->heads - 1, q0, count, 0, 0);
            else
                forward_panel(r, s->batch - 1, s->heads - 1, q0, count, 0);
        }
        const double seconds = attn_clock() - start;
        if (seconds < least) {
            least = seconds;
            best = height;
        }
    }
    return best;
}

static void rowpanel_close(void *self) {
    struct rowpanel *r = self;
    attn_ctx *ctx = r->c->ctx;
    attn_free(ctx, r->tables);
    attn_free(ctx, r->o);
    attn_free(ctx, r);
}

/* Into how many parts the work of a head is cut so that all threads get the same number. */
static int64_t even_parts(int64_t heads, int64_t threads) {
    int64_t a = heads, b = threads; /* their greatest common divisor */
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return threads / a;
}

static attn_status rowpanel_open(struct attn_case *c, enum attn_direction pass, void **self) {
    const struct attn_case_spec *s = &c->spec;
    const size_t q_rows = (size_t)(s->batch * s->heads * s->q_len), kv_rows = (size_t)(s->batch * s->kv_heads * s->kv_len);
    const size_t d = (size_t)s->dim, e = (size_t)s->v_dim;
    const bool backward = pass != ATTN_FWD;
    if (s->dtype != ATTN_F32) {
        snprintf(c->message, sizeof c->message, "it computes in float32 only");
        return ATTN_EUNSUPPORTED;
    }
    struct rowpanel *r = attn_alloc(c->ctx, sizeof *r);
    if (r == NULL) return attn_no_memory(c->ctx, "row-panel", sizeof *r);
    memset(r, 0, sizeof *r);
    *self = r;
    r->c = c;
    r->rows = &attn_rows_portable;
#if defined(ATTN_HAVE_AVX512)
    if ((attn_cpu_isa() & ATTN_ISA_AVX512) != 0) r->rows = &attn_rows_avx512;
#endif
    r->scale = 1.0f / sqrtf((float)s->dim);
    r->width = (s->kv_len + 15) / 16 * 16 + 16; /* not a power of two, so that rows do not fall on the same cache sets */
    r->parts = even_parts(s->batch * s->kv_heads, s->threads);
    const size_t parts = (size_t)r->parts, panels = 2 * (size_t)s->threads * PANEL_MAX * (size_t)r->width;
    const size_t floats = q_rows * e + q_rows + (backward ? q_rows * d + parts * kv_rows * (d + e) : 0) + panels;
    const size_t tables = (size_t)s->threads * sizeof *r->tables;
    r->bytes = floats * sizeof(float) + tables;
    r->o = attn_alloc(c->ctx, floats * sizeof(float));
    r->tables = attn_alloc(c->ctx, tables);
    if (r->o == NULL || r->tables == NULL) return attn_no_memory(c->ctx, "row-panel", r->bytes);
    memset(r->o, 0, floats * sizeof(float));
    r->lse = r->o + q_rows * e;
    r->panels = r->lse + q_rows;
    if (backward) {
        r->dq = r->panels + panels;
        r->dk = r->dq + q_rows * d;
        r->dv = r->dk + parts * kv_rows * d;
    }
    attn_blas_threads(1);
    r->forward_panel = tune(r, false);
    r->backward_panel = backward ? tune(r, true) : r->forward_panel;
    return ATTN_OK;
}

static attn_status rowpanel_outputs(void *self, struct attn_outputs *outputs) {
    const struct rowpanel *r = self;
    *outputs = (struct attn_outputs){r->o, r->lse, r->dq, r->dk, r->dv, r->dq != NULL, ATTN_F32};
    return ATTN_OK;
}

static size_t rowpanel_bytes(void *self) {
    return ((struct rowpanel *)self)->bytes;
}

static const char *rowpanel_kernel(void *self) {
    (void)self;
    return "rowpanel";
}

const struct attn_peer attn_peer_rowpanel = {"rowpanel",     rowpanel_open,   rowpanel_run,  rowpanel_outputs,
                                             rowpanel_bytes, rowpanel_kernel, rowpanel_close};

#endif
