/* A chunk's rows: scores, scalars, then sums of weighted values, VEC_LANES rows at a time. The sums of a block of columns stay in registers
 * over those rows. Row by row, the products of the rows behind are computed with the values of these (SCAN_TOGETHER), so that keys, values
 * and outputs pass memory at an even rate: one kind after the other, 16 rows of each, leaves it idle in between. */

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

/* Columns of the query, and of keys from one row on. */
struct keys {
    const float *q, *k;
    ptrdiff_t stride, ahead;
};
VEC_INLINE struct keys keys_of(const struct attn_scan_rows *rows, int64_t row, int64_t at) {
    return (struct keys){rows->q + at, rows->k + row * rows->k_stride + at, rows->k_stride, rows->k_ahead * rows->k_stride};
}

/* One row of `dots`. */
VEC_INLINE void add_row_products(int vectors, int64_t rest, const struct keys *keys, int64_t row, vec *product) {
    const float *k = keys->k + row * keys->stride;
    vec x[SCAN_VECTORS], y[SCAN_VECTORS], sum = *product;
    fetch_past(vectors, k + keys->ahead);
    load_columns(vectors, rest, keys->q, x);
    load_columns(vectors, rest, k, y);
    for (int j = 0; j < vectors; j++) sum = vec_fma(x[j], y[j], sum);
    *product = sum;
}

/* products: of the VEC_LANES rows behind, or NULL. */
VEC_INLINE void sum_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t first, int64_t n,
                          const struct factors *f, float *w, vec *products) {
    const ptrdiff_t stride = rows->v_stride, ahead = rows->v_ahead * stride;
    const float *v = rows->v + first * stride + at;
    const struct keys keys = products ? keys_of(rows, first + VEC_LANES, at) : (struct keys){0};
    vec sum[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) sum[j] = vec_load(w + at + VEC_LANES * j);
    for (int64_t i = 0; i < n; i++, v += stride) {
        if (products) add_row_products(vectors, rest, &keys, i, products + i);
        fetch_columns(vectors, v + ahead);
        add_value(vectors, rest, f->keep[i], f->add[i], v, sum);
    }
    for (int j = 0; j < vectors; j++) vec_store(w + at + VEC_LANES * j, sum[j]);
}

VEC_INLINE void emit_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *rows, int64_t first, int64_t n, bool stream,
                           const struct factors *f, const float *o_before, float *w, vec *products) {
    const ptrdiff_t stride = rows->v_stride, o_stride = rows->o_stride, ahead = rows->v_ahead * stride;
    const float *v = rows->v + first * stride + at;
    const struct keys keys = products ? keys_of(rows, first + VEC_LANES, at) : (struct keys){0};
    float *o = rows->o + first * o_stride + at;
    vec sum[SCAN_VECTORS], before[SCAN_VECTORS], row[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_load(w + at + VEC_LANES * j);
        before[j] = vec_load(o_before + at + VEC_LANES * j);
    }
    for (int64_t i = 0; i < n; i++, v += stride, o += o_stride) {
        if (products) add_row_products(vectors, rest, &keys, i, products + i);
        fetch_past(vectors, v + ahead);
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

/* Keys and values have the same columns, and all VEC_LANES rows behind `first`'s are there, so they are taken row by row together. */
VEC_INLINE bool goes_together(const struct attn_scan_rows *rows, int64_t first, int64_t n) {
    return SCAN_TOGETHER && !rows->scored && rows->d == rows->e && n - first >= 2 * VEC_LANES;
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
    vec s = scores(rows, 0, n), products[VEC_LANES];
    for (int64_t first = 0; first < n; first += VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        vec_store(rows->s + first, s);
        own = go_on(s, &run);
        vec_store(f.keep, own.keep);
        vec_store(f.add, own.add);
        if (goes_together(rows, first, n)) {
            for (int i = 0; i < VEC_LANES; i++) products[i] = vec_set1(0.0f);
            SCAN_BLOCKS(rows->e, sum_block, rows, first, VEC_LANES, &f, sums->w, products)
            s = lane_sums(products);
        } else {
            s = scores(rows, first + VEC_LANES, n);
            SCAN_BLOCKS(rows->e, sum_block, rows, first, count, &f, sums->w, NULL)
        }
    }
    close_sums(n, own, sums);
}

static void emit(const struct attn_scan_rows *rows, int64_t n, const struct attn_scan_sums *sums, const struct attn_scan_carry *before) {
    const struct running carry = {vec_set1(*before->m), vec_set1(*before->c)};
    const bool stream = rows->stream && whole_lines(rows->o, rows->o_stride, rows->e);
    struct running run = open_sums(sums);
    struct own own = {.m = run.m, .c = run.c};
    struct factors f;
    vec s = scores(rows, 0, n), products[VEC_LANES];
    for (int64_t first = 0; first < n; first += VEC_LANES) {
        const int64_t count = attn_min64(VEC_LANES, n - first);
        own = go_on(s, &run);
        const struct joined all = join_rows(own.m, own.c, carry);
        vec_store(f.keep, own.keep);
        vec_store(f.add, own.add);
        vec_store(f.before, all.before);
        vec_store(f.own, all.own);
        vec_store(rows->lse + first, all.lse);
        if (goes_together(rows, first, n)) {
            for (int i = 0; i < VEC_LANES; i++) products[i] = vec_set1(0.0f);
            SCAN_BLOCKS(rows->e, emit_block, rows, first, VEC_LANES, stream, &f, before->o, sums->w, products)
            s = lane_sums(products);
        } else {
            s = scores(rows, first + VEC_LANES, n);
            SCAN_BLOCKS(rows->e, emit_block, rows, first, count, stream, &f, before->o, sums->w, NULL)
        }
    }
    close_sums(n, own, sums);
}

/* The same for both passes: products and a value of `in`, whose rows come from memory, and a row of `out`, whose values are in cache. */
VEC_INLINE void both_block(int vectors, int64_t rest, int64_t at, const struct attn_scan_rows *in, const struct attn_scan_rows *out,
                           int64_t first, bool stream, const struct factors *f, const struct factors *g, float *w_in, const float *o_before,
                           float *w_out, vec *products) {
    const struct keys keys = products ? keys_of(in, first + VEC_LANES, at) : (struct keys){0};
    const ptrdiff_t in_stride = in->v_stride, ahead = in->v_ahead * in_stride, out_stride = out->v_stride, o_stride = out->o_stride;
    const float *v_in = in->v + first * in_stride + at, *v_out = out->v + first * out_stride + at;
    float *o = out->o + first * o_stride + at;
    vec sum[SCAN_VECTORS], own[SCAN_VECTORS], before[SCAN_VECTORS], row[SCAN_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = vec_load(w_in + at + VEC_LANES * j);
        own[j] = vec_load(w_out + at + VEC_LANES * j);
        before[j] = vec_load(o_before + at + VEC_LANES * j);
    }
    for (int64_t i = 0; i < VEC_LANES; i++) {
        if (products) add_row_products(vectors, rest, &keys, i, products + i);
        fetch_columns(vectors, v_in + i * in_stride + ahead);
        add_value(vectors, rest, f->keep[i], f->add[i], v_in + i * in_stride, sum);
        add_value(vectors, rest, g->keep[i], g->add[i], v_out + i * out_stride, own);
        for (int j = 0; j < vectors; j++) row[j] = joined(g->before[i], g->own[i], before[j], own[j]);
        write_columns(vectors, rest, stream, o + i * o_stride, row);
    }
    for (int j = 0; j < vectors; j++) {
        vec_store(w_in + at + VEC_LANES * j, sum[j]);
        vec_store(w_out + at + VEC_LANES * j, own[j]);
    }
}

static void sum_and_emit(const struct attn_scan_rows *in, const struct attn_scan_sums *in_sums, const struct attn_scan_rows *out,
                         const struct attn_scan_sums *out_sums, const struct attn_scan_carry *before, int64_t n) {
    if (!SCAN_TOGETHER || in->d != in->e || n % VEC_LANES != 0) {
        emit(out, n, out_sums, before);
        sum(in, n, in_sums);
        return;
    }
    const struct running carry = {vec_set1(*before->m), vec_set1(*before->c)};
    const bool stream = out->stream && whole_lines(out->o, out->o_stride, out->e);
    struct running in_run = open_sums(in_sums), out_run = open_sums(out_sums);
    struct own in_own = {.m = in_run.m, .c = in_run.c}, out_own = {.m = out_run.m, .c = out_run.c};
    struct factors f, g;
    vec s = scores(in, 0, n), products[VEC_LANES];
    for (int64_t first = 0; first < n; first += VEC_LANES) {
        vec_store(in->s + first, s);
        in_own = go_on(s, &in_run);
        vec_store(f.keep, in_own.keep);
        vec_store(f.add, in_own.add);
        out_own = go_on(scores(out, first, n), &out_run);
        const struct joined all = join_rows(out_own.m, out_own.c, carry);
        vec_store(g.keep, out_own.keep);
        vec_store(g.add, out_own.add);
        vec_store(g.before, all.before);
        vec_store(g.own, all.own);
        vec_store(out->lse + first, all.lse);
        for (int i = 0; i < VEC_LANES; i++) products[i] = vec_set1(0.0f);
        if (first + VEC_LANES < n) {
            SCAN_BLOCKS(in->e, both_block, in, out, first, stream, &f, &g, in_sums->w, before->o, out_sums->w, products)
            s = lane_sums(products);
        } else {
            SCAN_BLOCKS(in->e, both_block, in, out, first, stream, &f, &g, in_sums->w, before->o, out_sums->w, NULL)
        }
    }
    close_sums(n, in_own, in_sums);
    close_sums(n, out_own, out_sums);
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
