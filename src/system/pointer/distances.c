/* Distances, and what is done to tours by them. */
#include "system/pointer/distances.h"

#include <math.h>

void attn_distances(const double *xy, int64_t n, double *d) {
    for (int64_t i = 0; i < n; i++) {
        d[i * n + i] = 0;
        for (int64_t j = 0; j < i; j++) d[i * n + j] = d[j * n + i] = hypot(xy[2 * i] - xy[2 * j], xy[2 * i + 1] - xy[2 * j + 1]);
    }
}

void attn_tour_ascending(int32_t *tour, int64_t n) {
    for (int64_t i = 0; i < n; i++) tour[i] = (int32_t)i;
}

double attn_tour_sum(const double *d, const int32_t *tour, int64_t n) {
    double sum = n > 0 ? d[tour[n - 1] * n + tour[0]] : 0;
    for (int64_t i = 0; i + 1 < n; i++) sum += d[tour[i] * n + tour[i + 1]];
    return sum;
}

/* Cities that are left stay in ascending order. */
void attn_tour_from(const double *d, int64_t n, int32_t start, int32_t *tour, int32_t *left) {
    int64_t count = n;
    attn_tour_ascending(left, n);
    int64_t next = start;
    for (int64_t i = 0; i < n; i++) {
        tour[i] = left[next];
        count--;
        for (int64_t k = next; k < count; k++) left[k] = left[k + 1];
        next = 0;
        const double *row = d + tour[i] * n;
        for (int64_t k = 1; k < count; k++)
            if (row[left[k]] < row[left[next]]) next = k;
    }
}

static void reverse(int32_t *tour, int64_t from, int64_t to) {
    for (; from < to; from++, to--) {
        const int32_t kept = tour[from];
        tour[from] = tour[to];
        tour[to] = kept;
    }
}

void attn_tour_from_first(int32_t *tour, int64_t n) {
    int64_t at = 0;
    while (at < n && tour[at] != 0) at++;
    reverse(tour, 0, at - 1);
    reverse(tour, at, n - 1);
    reverse(tour, 0, n - 1);
}
