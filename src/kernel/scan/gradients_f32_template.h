/* Backward, from the last row of a chunk to the first: sums of output gradients, gradients of the values and of the keys, and the chunk's
 * share of the gradient of the query. */

VEC_INLINE void add_gradient(int vectors, int64_t rest, float keep, const float *g, vec w[SCAN_VECTORS]) {
    vec row[SCAN_VECTORS];
    load_columns(vectors, rest, g, row);
    for (int j = 0; j < vectors; j++) w[j] = vec_fma(vec_set1(keep), w[j], row[j]);
}

VEC_INLINE void back_sum_block(int vectors, int64_t rest, int64_t at, const float *keep, int64_t n, const float *g, ptrdiff_t g_stride,
                               float *w) {
    vec sum[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) sum[j] = vec_set1(0.0f);
    for (int64_t i = n - 1; i >= 0; i--) add_gradient(vectors, rest, keep[i], g + i * g_stride + at, sum);
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

static void back_sum(const float *keep, int64_t n, const float *g, ptrdiff_t g_stride, int64_t e, float *w) {
    SCAN_BLOCKS(e, back_sum_block, keep, n, g, g_stride, w)
}

struct value_rows {
    const float *keep, *far, *p, *g, *v, *right;
    ptrdiff_t g_stride, v_stride, dv_stride;
    float *w, *dv, *dot;
    bool add;
};

VEC_INLINE void back_values_block(int vectors, int64_t rest, int64_t at, const struct value_rows *s, int64_t n) {
    vec sum[SCAN_VECTORS], right[SCAN_VECTORS], v[SCAN_VECTORS], to[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_set1(0.0f);
        right[j] = vec_load(s->right + at + VEC_LANES * j);
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        float *dv = s->dv + i * s->dv_stride + at;
        vec dot = vec_set1(0.0f);
        add_gradient(vectors, rest, s->keep[i], s->g + i * s->g_stride + at, sum);
        load_columns(vectors, rest, s->v + i * s->v_stride + at, v);
        for (int j = 0; j < vectors; j++) to[j] = vec_set1(0.0f);
        if (s->add) load_columns(vectors, rest, dv, to);
        for (int j = 0; j < vectors; j++) {
            const vec all = vec_fma(vec_set1(s->far[i]), right[j], sum[j]);
            dot = vec_fma(all, v[j], dot);
            to[j] = vec_fma(vec_set1(s->p[i]), all, to[j]);
        }
        store_columns(vectors, rest, dv, to);
        s->dot[i] = (at ? s->dot[i] : 0.0f) + vec_sum(dot);
    }
    for (int j = 0; j < vectors; j++) vec_store(s->w + at + VEC_LANES * j, sum[j]);
}

static void back_values(const float *keep, const float *far, const float *p, int64_t n, const float *g, ptrdiff_t g_stride, const float *v,
                        ptrdiff_t v_stride, int64_t e, const float *right, float *w, float *dv, ptrdiff_t dv_stride, bool add, float *dot) {
    const struct value_rows s = {keep, far, p, g, v, right, g_stride, v_stride, dv_stride, w, dv, dot, add};
    SCAN_BLOCKS(e, back_values_block, &s, n)
}

struct key_rows {
    const float *ds, *q, *k;
    ptrdiff_t k_stride, dk_stride;
    float *dk, *dq;
    bool add;
};

VEC_INLINE void back_keys_block(int vectors, int64_t rest, int64_t at, const struct key_rows *s, int64_t n) {
    vec sum[SCAN_VECTORS], q[SCAN_VECTORS], k[SCAN_VECTORS], to[SCAN_VECTORS];
    load_columns(vectors, rest, s->dq + at, sum);
    load_columns(vectors, rest, s->q + at, q);
    for (int64_t i = n - 1; i >= 0; i--) {
        float *dk = s->dk + i * s->dk_stride + at;
        const vec ds = vec_set1(s->ds[i]);
        load_columns(vectors, rest, s->k + i * s->k_stride + at, k);
        for (int j = 0; j < vectors; j++) to[j] = vec_set1(0.0f);
        if (s->add) load_columns(vectors, rest, dk, to);
        for (int j = 0; j < vectors; j++) {
            sum[j] = vec_fma(ds, k[j], sum[j]);
            to[j] = vec_fma(ds, q[j], to[j]);
        }
        store_columns(vectors, rest, dk, to);
    }
    store_columns(vectors, rest, s->dq + at, sum);
}

static void back_keys(const float *ds, int64_t n, const float *q, const float *k, ptrdiff_t k_stride, int64_t d, float *dk,
                      ptrdiff_t dk_stride, bool add, float *dq) {
    const struct key_rows s = {ds, q, k, k_stride, dk_stride, dk, dq, add};
    SCAN_BLOCKS(d, back_keys_block, &s, n)
}
