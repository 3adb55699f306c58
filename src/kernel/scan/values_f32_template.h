/* A chunk's rows: scores, scalars, then sums of weighted values, VEC_LANES rows at a time. The sums of a block of columns stay in registers
 * over those rows; the scores of the rows behind are computed before the values of these, which wait for their scalars. */

/* Scalars of VEC_LANES rows, read one by one. */
struct factors {
    float keep[VEC_LANES], add[VEC_LANES], before[VEC_LANES], own[VEC_LANES];
} __attribute__((aligned(64)));

/* w_i = keep_i w_{i-1} + add_i v_i: both passes compute it by this, so they agree to the bit. */
VEC_INLINE void add_value(int vectors, int64_t rest, float keep, float add, const float *v, vec w[SCAN_VECTORS]) {
    vec value[SCAN_VECTORS];
    load_columns(vectors, rest, v, value);
    for (int j = 0; j < vectors; j++) w[j] = vec_fma(vec_set1(keep), w[j], vec_mul(vec_set1(add), value[j]));
}

VEC_INLINE vec joined(float x, float y, vec before, vec w) {
    return vec_fma(vec_set1(x), before, vec_mul(vec_set1(y), w));
}

VEC_INLINE void sum_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t first, int64_t n,
                          const struct factors *f, float *w) {
    const ptrdiff_t stride = rows->v_stride, ahead = rows->v_ahead * stride;
    const float *v = rows->v + first * stride + at;
    vec sum[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) sum[j] = vec_load(w + at + VEC_LANES * j);
    for (int64_t i = 0; i < n; i++, v += stride) {
        fetch_columns(vectors, v + ahead);
        add_value(vectors, rest, f->keep[i], f->add[i], v, sum);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

VEC_INLINE void emit_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t first, int64_t n, bool stream,
                           const struct factors *f, const float *o_before, float *w) {
    const ptrdiff_t stride = rows->v_stride, o_stride = rows->o_stride, ahead = rows->v_ahead * stride;
    const float *v = rows->v + first * stride + at;
    float *o = rows->o + first * o_stride + at;
    vec sum[SCAN_VECTORS], before[SCAN_VECTORS], row[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_load(w + at + VEC_LANES * j);
        before[j] = vec_load(o_before + at + VEC_LANES * j);
    }
    for (int64_t i = 0; i < n; i++, v += stride, o += o_stride) {
        fetch_columns(vectors, v + ahead);
        add_value(vectors, rest, f->keep[i], f->add[i], v, sum);
        for (int j = 0; j < vectors; j++) row[j] = joined(f->before[i], f->own[i], before[j], sum[j]);
        write_columns(vectors, rest, stream, o, row);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

VEC_INLINE vec scores(const struct attn_scan_rows *rows, int64_t at, int64_t n) {
    if (at >= n) return vec_set1(0.0f);
    if (rows->scored) return vec_load(rows->s + at);
    return dots(rows->q, 0, rows->k + at * rows->k_stride, rows->k_stride, rows->k_ahead, n - at, rows->d);
}

VEC_INLINE struct running open_sums(const struct attn_scan_sums *own) {
    return (struct running){vec_set1(*own->m), vec_set1(*own->c)};
}

/* m and c of the last of n rows, whose block is `last`. */
VEC_INLINE void close_sums(int64_t n, struct own last, const struct attn_scan_sums *own) {
    float m[VEC_LANES], c[VEC_LANES];
    vec_store(m, last.m);
    vec_store(c, last.c);
    *own->m = m[(n - 1) % VEC_LANES];
    *own->c = c[(n - 1) % VEC_LANES];
}

static void sum(const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_sums *sums) {
    struct running run = open_sums(sums);
    struct own own = {.m = run.m, .c = run.c};
    struct factors f;
    vec s = scores(rows, 0, n);
    for (int64_t first = 0; first < n; first += VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        vec_store(rows->s + first, s);
        own = go_on(s, &run);
        vec_store(f.keep, own.keep);
        vec_store(f.add, own.add);
        s = scores(rows, first + VEC_LANES, n);
        SCAN_BLOCKS(rows->e, sum_block, rows, first, count, &f, sums->w)
    }
    close_sums(n, own, sums);
}

static void emit(const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_sums *sums, const struct attn_scan_carry *before) {
    const struct running carry = {vec_set1(*before->m), vec_set1(*before->c)};
    const bool stream = rows->stream && whole_lines(rows->o, rows->o_stride, rows->e);
    struct running run = open_sums(sums);
    struct own own = {.m = run.m, .c = run.c};
    struct factors f;
    vec s = scores(rows, 0, n);
    for (int64_t first = 0; first < n; first += VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        own = go_on(s, &run);
        const struct joined all = join_rows(own.m, own.c, carry);
        vec_store(f.keep, own.keep);
        vec_store(f.add, own.add);
        vec_store(f.before, all.before);
        vec_store(f.own, all.own);
        vec_store(rows->lse + first, all.lse);
        s = scores(rows, first + VEC_LANES, n);
        SCAN_BLOCKS(rows->e, emit_block, rows, first, count, stream, &f, before->o, sums->w)
    }
    close_sums(n, own, sums);
}

static void join(const struct attn_scan_sums *own, int64_t e, const struct attn_scan_carry *carry) {
    const struct joined all = join_rows(vec_set1(*own->m), vec_set1(*own->c), (struct running){vec_set1(*carry->m), vec_set1(*carry->c)});
    const float x = all.before[0], y = all.own[0];
    *carry->m = all.m[0];
    *carry->c = all.c[0];
    for (int64_t c = 0; c < e; c += VEC_LANES) vec_store(carry->o + c, joined(x, y, vec_load(carry->o + c), vec_load(own->w + c)));
}

static void fence(void) {
    SCAN_FENCE();
}
