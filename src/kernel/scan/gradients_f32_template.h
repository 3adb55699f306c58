/* Backward, from the last row of a chunk to the first, VEC_LANES rows at a time: scalars of these rows at once, then sums of output gradients
 * with the gradients of the values, then the gradients of the keys and the chunk's share of that of the query.
 */

/* l and d of the first row so far, in all lanes. */
struct back_running {
    vec lse, d;
};

struct back_own {
    vec lse, keep, d;
};

VEC_INLINE vec first_lane(vec x) {
    return vec_set1(x[0]);
}

/* The recurrence over the `n` rows before. A lane without a row hands on what lies to the right of it. */
VEC_INLINE struct back_own go_back(const struct attn_scan_back_rows *rows, int64_t first, int64_t n, struct back_running *run) {
    const vec_mask rows_there = vec_bits((1u << n) - 1);
    const vec zero = vec_set1(0.0f), one = vec_set1(1.0f);
    vec d = dots(rows->g + first * rows->g_stride, rows->g_stride, rows->o + first * rows->o_stride, rows->o_stride, -rows->o_ahead, n,
                 rows->e);
    if (rows->d_lse) d = vec_sub(d, vec_load_first(rows->d_lse + first, n));
    struct back_own own = {.lse = vec_select(rows_there, vec_load_first(rows->lse + first, n), run->lse)};
    own.keep = exp_of(vec_keep(rows_there, vec_sub(own.lse, vec_down(own.lse, 1, run->lse))));
    vec keep = own.keep;
    d = vec_keep(rows_there, d);
#pragma GCC unroll 4
    for (int i = 1; i < VEC_LANES; i *= 2) {
        d = vec_fma(keep, vec_down(d, i, zero), d);
        keep = vec_mul(keep, vec_down(keep, i, one));
    }
    own.d = vec_fma(keep, run->d, d);
    *run = (struct back_running){first_lane(own.lse), first_lane(own.d)};
    return own;
}

VEC_INLINE void add_gradient(int vectors, int64_t rest, float keep, const float *g, vec w[SCAN_VECTORS]) {
    vec row[SCAN_VECTORS];
    load_columns(vectors, rest, g, row);
    for (int j = 0; j < vectors; j++) w[j] = vec_fma(vec_set1(keep), w[j], row[j]);
}

VEC_INLINE void back_sum_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_back_rows *rows, int64_t first, int64_t n,
                               const float *keep, float *w) {
    const ptrdiff_t stride = rows->g_stride, ahead = rows->g_ahead * stride;
    const float *g = rows->g + (first + n - 1) * stride + at;
    vec sum[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) sum[j] = vec_load(w + at + VEC_LANES * j);
    for (int64_t i = n - 1; i >= 0; i--, g -= stride) {
        fetch_columns(vectors, g - ahead);
        add_gradient(vectors, rest, keep[i], g, sum);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

VEC_INLINE struct back_running open_back(const struct attn_scan_back_sums *own) {
    return (struct back_running){vec_set1(*own->lse), vec_set1(*own->d)};
}

VEC_INLINE void close_back(struct back_running run, const struct attn_scan_back_sums *own) {
    *own->lse = run.lse[0];
    *own->d = run.d[0];
}

/* The first row of the last block of n. */
VEC_INLINE int64_t last_block(int64_t n) {
    return (n - 1) / VEC_LANES * VEC_LANES;
}

static void back_sum(const struct attn_scan_back_rows *rows, int64_t n, const struct attn_scan_back_sums *sums) {
    struct back_running run = open_back(sums);
    float keep[VEC_LANES] __attribute__((aligned(64)));
    for (int64_t first = last_block(n); first >= 0; first -= VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        vec_store(keep, go_back(rows, first, count, &run).keep);
        SCAN_BLOCKS(rows->e, back_sum_block, rows, first, count, keep, sums->w)
    }
    close_back(run, sums);
}

/* Scalars of VEC_LANES rows, read one by one. */
struct back_factors {
    float keep[VEC_LANES], far[VEC_LANES], p[VEC_LANES], ds[VEC_LANES];
} __attribute__((aligned(64)));

/* dot[i] += G . v_i, lanes not yet added. */
VEC_INLINE void back_values_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_back_rows *rows, int64_t first, int64_t n,
                                  bool stream, const struct back_factors *f, const float *right, float *w, vec dot[VEC_LANES]) {
    const ptrdiff_t g_stride = rows->g_stride, v_stride = rows->v_stride, dv_stride = rows->dv_stride;
    const ptrdiff_t g_ahead = rows->g_ahead * g_stride, v_ahead = rows->v_ahead * v_stride;
    const int64_t last = first + n - 1;
    const float *g = rows->g + last * g_stride + at, *value = rows->v + last * v_stride + at;
    const bool add = rows->add_v;
    float *dv = rows->dv + last * dv_stride + at;
    vec sum[SCAN_VECTORS], far[SCAN_VECTORS], v[SCAN_VECTORS], to[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_load(w + at + VEC_LANES * j);
        far[j] = vec_load(right + at + VEC_LANES * j);
    }
    for (int64_t i = n - 1; i >= 0; i--, g -= g_stride, value -= v_stride, dv -= dv_stride) {
        fetch_columns(vectors, g - g_ahead);
        fetch_columns(vectors, value - v_ahead);
        add_gradient(vectors, rest, f->keep[i], g, sum);
        load_columns(vectors, rest, value, v);
        for (int j = 0; j < vectors; j++) to[j] = vec_set1(0.0f);
        if (add) load_columns(vectors, rest, dv, to);
        for (int j = 0; j < vectors; j++) {
            const vec all = vec_fma(vec_set1(f->far[i]), far[j], sum[j]);
            dot[i] = vec_fma(all, v[j], dot[i]);
            to[j] = vec_fma(vec_set1(f->p[i]), all, to[j]);
        }
        write_columns(vectors, rest, stream, dv, to);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

VEC_INLINE void back_keys_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_back_rows *rows, int64_t first, int64_t n,
                                bool stream, const float *ds) {
    const ptrdiff_t k_stride = rows->k_stride, dk_stride = rows->dk_stride;
    const float *key = rows->k + (first + n - 1) * k_stride + at;
    const bool add = rows->add_k;
    float *dk = rows->dk + (first + n - 1) * dk_stride + at;
    vec sum[SCAN_VECTORS], q[SCAN_VECTORS], k[SCAN_VECTORS], to[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_load(rows->dq + at + VEC_LANES * j);
        q[j] = vec_load(rows->q + at + VEC_LANES * j);
    }
    for (int64_t i = n - 1; i >= 0; i--, key -= k_stride, dk -= dk_stride) {
        const vec factor = vec_set1(ds[i]);
        load_columns(vectors, rest, key, k);
        for (int j = 0; j < vectors; j++) to[j] = vec_set1(0.0f);
        if (add) load_columns(vectors, rest, dk, to);
        for (int j = 0; j < vectors; j++) {
            sum[j] = vec_fma(factor, k[j], sum[j]);
            to[j] = vec_fma(factor, q[j], to[j]);
        }
        write_columns(vectors, rest, stream, dk, to);
    }
    for (int j = 0; j < vectors; j++) vec_store(rows->dq + at + VEC_LANES * j, sum[j]);
}

static void back(const struct attn_scan_back_rows *rows, int64_t n, const struct attn_scan_back_sums *sums,
                 const struct attn_scan_right *right) {
    const bool stream_v = rows->stream && whole_lines(rows->dv, rows->dv_stride, rows->e);
    const bool stream_k = rows->stream && whole_lines(rows->dk, rows->dk_stride, rows->d);
    const vec right_lse = vec_set1(*right->lse), right_d = vec_set1(*right->d);
    struct back_running run = open_back(sums);
    struct back_factors f;
    for (int64_t first = last_block(n); first >= 0; first -= VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        vec dot[VEC_LANES];
        const vec s = dots(rows->q, 0, rows->k + first * rows->k_stride, rows->k_stride, -rows->k_ahead, count, rows->d);
        const struct back_own own = go_back(rows, first, count, &run);
        const vec far = exp_of(vec_sub(own.lse, right_lse)), p = exp_of(vec_sub(s, own.lse));
        vec_store(f.keep, own.keep);
        vec_store(f.far, far);
        vec_store(f.p, p);
        for (int i = 0; i < VEC_LANES; i++) dot[i] = vec_set1(0.0f);
        SCAN_BLOCKS(rows->e, back_values_block, rows, first, count, stream_v, &f, right->g, sums->w, dot)
        vec_store(f.ds, vec_mul(p, vec_sub(lane_sums(dot), vec_fma(far, right_d, own.d))));
        SCAN_BLOCKS(rows->d, back_keys_block, rows, first, count, stream_k, f.ds)
    }
    close_back(run, sums);
}

static void back_join(const struct attn_scan_back_sums *own, int64_t e, const struct attn_scan_right *right) {
    if (*own->lse == INFINITY) return; /* no row of this chunk, nor of those before, has a gradient */
    const vec far = exp_of(vec_set1(*own->lse - *right->lse));
    for (int64_t c = 0; c < e; c += VEC_LANES) vec_store(right->g + c, vec_fma(far, vec_load(right->g + c), vec_load(own->w + c)));
    *right->d = far[0] * *right->d + *own->d;
    *right->lse = *own->lse;
}
