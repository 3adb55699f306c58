/* Flash forward pass (Dao 2023, alg. 1): one unit of work is a chunk of queries of one sequence and head. For each tile of keys that the
 * mask leaves to the chunk, every panel of 16 or 32 queries computes its logits, turns them into weights against its running maximum m, and adds
 * the weighted values. Nothing of the size T x S exists.
 *
 * Invariant, for each query after each tile: o = sum_j 2^(s_j - m) v_j and l = sum_j 2^(s_j - m) over the keys so far, s in units of log2.
 * m follows the true maximum lazily: it is raised to the tile's maximum only where that is more than 20 above it (2^20 is far from float's
 * limits), so most tiles need no rescaling. Where |m| is small the accumulators of logits start at -m, which makes the subtraction free.
 * Whether a panel takes the fused path (weights computed with the logits against the old m) or the plain one (logits, maximum, weights) is
 * a matter of speed: both give the same bits, and a lane's bits depend on its own allowed pairs alone.
 */
#include "base/parallel.h"
#include "kernel/flash/forward_ops.h"
#include "kernel/flash/forward_parts.h"
#include "kernel/merge.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float raise_above = 20.0f; /* log2 units */
static const float near = 32.0f;        /* a maximum this near to 0 may be subtracted before the dot product without losing digits */

struct panel {
    void *q;
    float *o, *m, *l;
    int64_t row; /* first query */
    int lanes;   /* queries; the rest of the ops' lanes hold none */
    bool fused;  /* try the old maximum first */
    bool failed; /* that went wrong once: it will again */
};

struct tile {
    const char *k;      /* row of the first key */
    ptrdiff_t k_stride; /* elements */
    size_t k_bytes;     /* of a row to the next */
    bool v_finite;      /* no packed value is infinite or NaN */
    int64_t begin, n;   /* keys [begin, begin + n) */
    struct attn_next_rows ahead;
};

/* Logits, weights and packed values of a tile from key j; paired kernels: j is even. */
static float *logits_at(const struct attn_flash_work *w, int64_t j) {
    return w->s + j * w->ops->lanes;
}
static void *weights_at(const struct attn_flash_work *w, int64_t j) {
    return (float *)w->p + attn_flash_key_words(w->ops, j, w->ops->lanes);
}
static const void *values_at(const struct attn_flash_work *w, int64_t j) {
    return (const float *)w->v + attn_flash_key_words(w->ops, j, 16);
}

static bool is_near(float m) {
    return fabsf(m) < near;
}

/* Weights of a tile against the old maximum. False, and l unchanged, if a lane may have to raise its maximum first: its sum is then above
 * 2^raise_above, or NaN. */
static bool weigh_fused(const struct attn_flash_work *w, const struct panel *p, const struct tile *t, const struct attn_mask_run *runs,
                        int count) {
    float start[ATTN_MAX_LANES], sum[ATTN_MAX_LANES] = {0}, ignored[ATTN_MAX_LANES] = {0};
    static const float zero[ATTN_MAX_LANES] = {0};
    const int lanes = w->ops->lanes;
    struct attn_next_rows ahead = t->ahead;
    for (int r = 0; r < lanes; r++) start[r] = -p->m[r];
    for (int i = 0; i < count; i++) {
        const struct attn_mask_run *run = &runs[i];
        int64_t n = run->end - run->begin;
        float *s = logits_at(w, run->begin);
        void *weights = weights_at(w, run->begin);
        const void *k = t->k + (size_t)run->begin * t->k_bytes;
        if (run->full) {
            w->ops->logits_exp(p->q, k, t->k_stride, n, w->dim, start, weights, sum, ahead);
        } else {
            w->ops->logits(p->q, k, t->k_stride, n, w->dim, start, s, ignored, ahead);
            w->ops->weights(s, w->words + run->begin, n, zero, weights, sum);
        }
        ahead.stride = 0;
    }
    for (int r = 0; r < p->lanes; r++)
        if (!(sum[r] <= 0x1p20f)) return false;
    for (int r = 0; r < lanes; r++) p->l[r] += sum[r];
    return true;
}

/* Logits of a tile minus origin[r], and their maximum over the allowed pairs. */
static void tile_logits(const struct attn_flash_work *w, const struct panel *p, const struct tile *t, const struct attn_mask_run *runs,
                        int count, const float *origin, float *top) {
    const int lanes = w->ops->lanes;
    float start[ATTN_MAX_LANES], ignored[ATTN_MAX_LANES] = {0};
    struct attn_next_rows ahead = t->ahead;
    for (int r = 0; r < lanes; r++) {
        start[r] = -origin[r];
        top[r] = -INFINITY;
    }
    for (int i = 0; i < count; i++) {
        const struct attn_mask_run *run = &runs[i];
        int64_t n = run->end - run->begin;
        float *s = logits_at(w, run->begin);
        bool plain = run->full && !w->features;
        w->ops->logits(p->q, t->k + (size_t)run->begin * t->k_bytes, t->k_stride, n, w->dim, start, s, plain ? top : ignored, ahead);
        ahead.stride = 0;
        if (w->features) attn_flash_adjust_logits(w, s, p->row, p->lanes, t->begin + run->begin, n);
        if (!plain) w->ops->max(s, run->full ? NULL : w->words + run->begin, n, top);
    }
}

/* Weights of a tile after raising the maximum where needed. Returns the factors of what was summed before, or NULL if all are 1. */
static const float *weigh(const struct attn_flash_work *w, struct panel *p, const struct tile *t, const struct attn_mask_run *runs,
                          int count, float *alpha) {
    const int lanes = w->ops->lanes;
    float origin[ATTN_MAX_LANES], shift[ATTN_MAX_LANES], top[ATTN_MAX_LANES], sum[ATTN_MAX_LANES] = {0};
    bool raised = false;
    for (int r = 0; r < lanes; r++) origin[r] = !w->features && is_near(p->m[r]) ? p->m[r] : 0.0f;
    tile_logits(w, p, t, runs, count, origin, top);
    for (int r = 0; r < lanes; r++) {
        float m = p->m[r] - origin[r];
        alpha[r] = 1.0f;
        shift[r] = m == -INFINITY ? 0.0f : m;
        if (top[r] > m + raise_above) {
            alpha[r] = exp2f(m - top[r]);
            shift[r] = top[r];
            p->m[r] = origin[r] + top[r];
            p->l[r] *= alpha[r];
            raised = true;
        }
    }
    for (int i = 0; i < count; i++)
        w->ops->weights(logits_at(w, runs[i].begin), runs[i].full ? NULL : w->words + runs[i].begin, runs[i].end - runs[i].begin, shift,
                        weights_at(w, runs[i].begin), sum);
    for (int r = 0; r < lanes; r++) p->l[r] += sum[r];
    return raised ? alpha : NULL;
}

/* o = alpha * o + weights * values. Neighbouring runs are one stretch: where a pair is excluded its weight is 0, which a finite value
 * turns into nothing; a tile with a value that is not finite is multiplied run by run, excluded pairs left out. */
static void sum_values(const struct attn_flash_work *w, const struct panel *p, const struct tile *t, const struct attn_mask_run *runs,
                       int count, const float *alpha) {
    for (int i = 0; i < count;) {
        int32_t begin = runs[i].begin, end = runs[i].end;
        const uint32_t *words = NULL;
        if (!t->v_finite && !runs[i].full) words = w->words + begin;
        i++;
        while (t->v_finite && i < count && runs[i].begin == end) end = runs[i++].end;
        w->ops->values(weights_at(w, begin), words, end - begin, values_at(w, begin), ATTN_KEY_TILE, w->columns, alpha, p->o);
        alpha = NULL;
    }
}

static void panel_step(const struct attn_flash_work *w, struct panel *p, const struct tile *t) {
    struct attn_mask_run runs[ATTN_MASK_RUNS];
    float alpha[ATTN_MAX_LANES];
    const float *rescale = NULL;
    int count = attn_mask_runs_of_keys(&w->view, p->row, p->lanes, t->begin, t->begin + t->n, w->words, runs);
    if (count == 0) return;
    count = attn_flash_align_runs(w->ops, runs, count, t->n, w->words, p->lanes);
    if (!p->fused || !weigh_fused(w, p, t, runs, count)) {
        p->failed |= p->fused;
        rescale = weigh(w, p, t, runs, count, alpha);
        p->fused = !p->failed && !w->features;
        for (int r = 0; r < p->lanes; r++) p->fused = p->fused && is_near(p->m[r]);
    }
    if (w->x->shape->features & ATTN_DROPOUT) attn_flash_drop_weights(w, p->row, p->lanes, t->begin, runs, count);
    sum_values(w, p, t, runs, count, rescale);
}

/* The output of a row that weighs nothing beside what is there: it may hold anything, and must not be multiplied by 0. */
static void clear_lane(const struct attn_flash_work *w, const struct panel *p, int r) {
    for (int64_t c = 0; c < w->columns; c++) p->o[c * w->ops->lanes + r] = 0.0f;
}

/* Writes O and LSE of a panel: o / l with the sink in the denominator, merged with what is there if asked. */
static void panel_finish(const struct attn_flash_work *w, const struct panel *p) {
    const float grow = w->x->shape->features & ATTN_DROPOUT ? (float)(1.0 / (1.0 - w->x->shape->dropout)) : 1.0f;
    float scale[ATTN_MAX_LANES], keep[ATTN_MAX_LANES];
    for (int r = 0; r < p->lanes; r++) {
        float total = p->l[r], m = p->m[r], part = 1.0f;
        keep[r] = 0.0f;
        if (w->has_sink && w->sink != -INFINITY) { /* NaN stays */
            float top = fmaxf(m, w->sink);
            part = exp2f(m - top);
            total = total * part + exp2f(w->sink - top);
            m = top;
        }
        float lse = total == 0.0f ? -INFINITY : (m + log2f(total)) * (float)M_LN2;
        scale[r] = total == 0.0f ? 0.0f : grow * (part / total);
        float *out = attn_flash_lse(w, p->row + r);
        if (out && (w->x->accumulate & ATTN_ACCUMULATE_O)) {
            double before, now;
            lse = (float)attn_merge_weights((double)*out, (double)lse, &before, &now);
            keep[r] = (float)before;
            scale[r] *= (float)now;
            if (now == 0.0) clear_lane(w, p, r);
        }
        if (out) *out = lse;
    }
    attn_flash_store(w, p->o, scale, w->x->accumulate & ATTN_ACCUMULATE_O ? keep : NULL, p->row, p->lanes);
}

static void tile_step(struct attn_flash_work *w, struct panel *panels, int count, int64_t begin, int64_t n, int64_t limit) {
    struct tile t = {.begin = begin, .n = n};
    t.k = attn_flash_keys(w, begin, n, &t.k_stride);
    t.k_bytes = (size_t)t.k_stride * attn_flash_row_element(w->ops);
    t.v_finite = attn_flash_pack_values(w, begin, n);
    /* While these keys are computed with, the rows of the next tile come into the second-level cache: keys first, then values. */
    int64_t steps = n / ATTN_KEY_STEP * w->ops->ahead_rows, next = attn_min64(limit - begin - n, ATTN_KEY_TILE);
    for (int i = 0; i < count; i++) {
        int64_t at = i * steps;
        t.ahead = (struct attn_next_rows){w->q, 0};
        if (at < next)
            t.ahead = attn_flash_next_rows(w, &w->x->k, w->kv_row + begin + n + at);
        else if (at < 2 * next)
            t.ahead = attn_flash_next_rows(w, &w->x->v, w->kv_row + begin + n + at - next);
        panel_step(w, &panels[i], &t);
    }
}

void attn_flash_forward_chunk(struct attn_flash_work *w, int64_t q0, int64_t q1) {
    struct panel panels[ATTN_CHUNK_MAX / ATTN_MIN_LANES];
    const int lanes = w->ops->lanes;
    int count = (int)attn_div_up(q1 - q0, lanes);
    assert(q1 - q0 <= ATTN_CHUNK_MAX);
    for (int i = 0; i < count; i++) {
        int64_t row = q0 + (int64_t)i * lanes;
        struct panel *p = &panels[i];
        *p = (struct panel){.row = row, .lanes = (int)attn_min64(lanes, q1 - row)};
        p->q = (float *)w->q + i * attn_flash_query_words(w->ops, w->dim);
        p->o = w->o + (int64_t)i * lanes * w->columns;
        p->m = w->m + (int64_t)i * lanes;
        p->l = w->l + (int64_t)i * lanes;
        attn_flash_pack_queries(w, row, p->lanes, p->q);
        for (int r = 0; r < lanes; r++) {
            p->m[r] = -INFINITY;
            p->l[r] = 0.0f;
        }
        memset(p->o, 0, sizeof(float) * (size_t)(lanes * w->columns));
    }
    int64_t from = 0, k0, k1;
    while (attn_mask_next_keys(&w->view, q0, q1, from, &k0, &k1)) {
        for (int64_t k = k0; k < k1; k += ATTN_KEY_TILE) {
            tile_step(w, panels, count, k, attn_min64(ATTN_KEY_TILE, k1 - k), k1);
            attn_parallel_between();
        }
        from = k1;
    }
    for (int i = 0; i < count; i++) panel_finish(w, &panels[i]);
}
