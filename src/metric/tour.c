/* Length and validity of tours. */
#include "metric/tour.h"

#include <math.h>
#include <string.h>

double attn_tour_length(const double *xy, const int32_t *tour, int64_t n) {
    double length = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *a = xy + 2 * (int64_t)tour[i], *b = xy + 2 * (int64_t)tour[i + 1 < n ? i + 1 : 0];
        length += hypot(b[0] - a[0], b[1] - a[1]);
    }
    return length;
}

size_t attn_tour_valid_scratch(int64_t n) {
    return (size_t)n;
}

bool attn_tour_valid(const int32_t *tour, int64_t count, int64_t n, void *scratch) {
    unsigned char *visited = scratch;
    if (count != n) return false;
    if (n > 0) memset(visited, 0, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        if (tour[i] < 0 || tour[i] >= n || visited[tour[i]]) return false;
        visited[tour[i]] = 1;
    }
    return true;
}
