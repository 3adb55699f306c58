/* Sums of weighted values over the rows of a chunk: a block of columns in registers, row by row. */

/* w_i = keep_i w_{i-1} + add_i v_i: both passes compute it by this, so they agree to the bit. */
VEC_INLINE void add_value(int vectors, int64_t rest, float keep, float add, const float *v, vec w[SCAN_VECTORS]) {
    vec value[SCAN_VECTORS];
    load_columns(vectors, rest, v, value);
    for (int j = 0; j < vectors; j++) w[j] = vec_fma(vec_set1(keep), w[j], vec_mul(vec_set1(add), value[j]));
}

VEC_INLINE vec joined(float x, float y, vec before, vec w) {
    return vec_fma(vec_set1(x), before, vec_mul(vec_set1(y), w));
}

VEC_INLINE void sum_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t n, const float *v,
                          ptrdiff_t v_stride, float *w) {
    vec sum[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) sum[j] = vec_set1(0.0f);
    for (int64_t i = 0; i < n; i++) add_value(vectors, rest, rows->keep[i], rows->add[i], v + i * v_stride + at, sum);
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

static void sum(const struct attn_scan_rows *rows, int64_t n, const float *v, ptrdiff_t v_stride, int64_t e, float *w) {
    SCAN_BLOCKS(e, sum_block, rows, n, v, v_stride, w)
}

struct output {
    const float *before;
    float *o;
    ptrdiff_t stride;
    bool stream;
    const struct attn_scan_ahead *ahead;
};

VEC_INLINE void emit_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t n, const float *v,
                           ptrdiff_t v_stride, float *w, const struct output *out) {
    vec sum[SCAN_VECTORS], before[SCAN_VECTORS], row[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_set1(0.0f);
        before[j] = vec_load(out->before + at + VEC_LANES * j);
    }
    for (int64_t i = 0; i < n; i++) {
        float *o = out->o + i * out->stride + at;
        if (at == 0) attn_scan_fetch(out->ahead, i);
        add_value(vectors, rest, rows->keep[i], rows->add[i], v + i * v_stride + at, sum);
        for (int j = 0; j < vectors; j++) row[j] = joined(rows->before[i], rows->own[i], before[j], sum[j]);
        if (out->stream)
            for (int j = 0; j < vectors; j++) SCAN_STREAM(o + VEC_LANES * j, row[j]);
        else
            store_columns(vectors, rest, o, row);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

static void emit(const struct attn_scan_rows *rows, int64_t n, const float *v, ptrdiff_t v_stride, int64_t e, const float *before, float *w,
                 float *o, ptrdiff_t o_stride, bool stream, const struct attn_scan_ahead *ahead) {
    const bool lines = (uintptr_t)o % 64 == 0 && o_stride % 16 == 0 && e % 16 == 0; /* whole cache lines can go past the cache */
    const struct output out = {before, o, o_stride, stream && lines, ahead};
    SCAN_BLOCKS(e, emit_block, rows, n, v, v_stride, w, &out)
    if (out.stream) SCAN_FENCE();
}

static void carry(float x, float y, const float *w, int64_t e, float *o) {
    for (int64_t c = 0; c < e; c += VEC_LANES)
        vec_store_first(o + c, e - c, joined(x, y, vec_load_first(o + c, e - c), vec_load_first(w + c, e - c)));
}
