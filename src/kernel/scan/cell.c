/* The recurrence of a stream. */
#include "kernel/scan/cell.h"

#include <math.h>

void attn_cell_clear(const struct attn_cell *cell) {
    *cell->m = -(double)INFINITY;
    *cell->c = 0.0;
    for (int64_t e = 0; e < cell->width; e++) cell->o[e] = 0.0;
}

/* Sixteen sums side by side, which the compiler makes vectors of, added by halves at the end. */
float attn_cell_score(const float *q, const float *k, int64_t dim) {
    enum { SUMS = 16 };
    float sum[SUMS] = {0};
    int64_t c = 0;
    for (; c + SUMS <= dim; c += SUMS)
        for (int i = 0; i < SUMS; i++) sum[i] += q[c + i] * k[c + i];
    for (int i = 0; c + i < dim; i++) sum[i] += q[c + i] * k[c + i];
    for (int half = SUMS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

/* The weight of the new part, once the old one's is multiplied by `keep` and its own is `add` at the greater maximum m. */
static double join(const struct attn_cell *cell, double m, double keep, double add) {
    *cell->m = m;
    *cell->c = keep * *cell->c + add;
    return add / *cell->c;
}

void attn_cell_push(const struct attn_cell *cell, float score, const float *v) {
    const double s = (double)score, m = *cell->m;
    if (score == -INFINITY) return;
    const double one = 1.0 + (s - s); /* NaN for +inf, whose weight beside other scores is unknown */
    const double weight = s <= m ? join(cell, m, 1.0, exp(s - m)) : join(cell, s, exp(m - s), one);
    for (int64_t e = 0; e < cell->width; e++) cell->o[e] += weight * ((double)v[e] - cell->o[e]);
}

void attn_cell_merge(const struct attn_cell *cell, const struct attn_cell *from) {
    const double m = *cell->m, other = *from->m, c = *from->c;
    if (c == 0.0) return;
    const double weight = other <= m ? join(cell, m, 1.0, exp(other - m) * c) : join(cell, other, exp(m - other), c);
    for (int64_t e = 0; e < cell->width; e++) cell->o[e] += weight * (from->o[e] - cell->o[e]);
}

double attn_cell_lse(const struct attn_cell *cell) {
    return *cell->c == 0.0 ? -(double)INFINITY : *cell->m + log(*cell->c);
}
