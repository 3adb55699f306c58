/* The loops over rows of one type, `real`; NAME(x) makes the names of its functions. */

static real *NAME(row_of)(const struct attn_array_out *a, int64_t b, int64_t h, int64_t row) {
    return (real *)a->data + b * a->b + h * a->h + row * a->t;
}
static const real *NAME(row_in)(const struct attn_array *a, int64_t b, int64_t h, int64_t row) {
    return (const real *)a->data + b * a->b + h * a->h + row * a->t;
}

/* Sums side by side, which the compiler makes vectors of. */
static double NAME(dot)(int64_t n, const real *a, const real *b) {
    enum { SUMS = 8 };
    double sum[SUMS] = {0}, total = 0.0;
    int64_t c = 0;
    for (; c + SUMS <= n; c += SUMS)
        for (int i = 0; i < SUMS; i++) sum[i] += (double)a[c + i] * (double)b[c + i];
    for (int i = 0; c + i < n; i++) sum[i] += (double)a[c + i] * (double)b[c + i];
    for (int i = 0; i < SUMS; i++) total += sum[i];
    return total;
}

/* l rises: where a weight is 0, all that follow are. */
static void NAME(sums)(const struct attn_exec *x, int64_t b, int32_t h, int64_t row, int64_t end, double *sums) {
    for (; row < end; row++) {
        const double l = (double)*NAME(row_of)(&x->lse, b, h, row);
        if (l == -(double)INFINITY) continue;
        if (sums[0] == (double)INFINITY) sums[0] = l;
        const double weight = exp(sums[0] - l);
        if (weight == 0.0) return;
        const real *g = NAME(row_in)(&x->d_o, b, h, row);
        const double d_lse = x->d_lse.data ? (double)*NAME(row_in)(&x->d_lse, b, h, row) : 0.0;
        sums[1] += weight * (NAME(dot)(x->shape->v_dim, g, NAME(row_of)(&x->o, b, h, row)) - d_lse);
        for (int32_t c = 0; c < x->shape->v_dim; c++) sums[2 + c] += weight * (double)g[c];
    }
}

static void NAME(last)(const struct attn_exec *x, int64_t b, int32_t h, int64_t last, const double *sums, real *d_o, real *d_lse) {
    const double far = exp((double)*NAME(row_of)(&x->lse, b, h, last) - sums[0]);
    for (int32_t c = 0; c < x->shape->v_dim; c++) d_o[c] = (real)(far * sums[2 + c]);
    *d_lse = (real)(NAME(dot)(x->shape->v_dim, d_o, NAME(row_of)(&x->o, b, h, last)) - far * sums[1]);
}
