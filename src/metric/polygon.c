/* Area, simplicity and equality of polygons. */
#include "metric/polygon.h"

#include "metric/plane.h"

#include <math.h>

/* Triangles from the first vertex on, so that a polygon far from the origin loses nothing; coordinates times `scale`. */
static double twice_area(const double *xy, const int32_t *index, int64_t count, double scale) {
    double twice = 0;
    for (int64_t i = 1; i + 1 < count; i++) {
        const double *o = xy + 2 * (int64_t)index[0], *a = xy + 2 * (int64_t)index[i], *b = xy + 2 * (int64_t)index[i + 1];
        const double ax = a[0] * scale - o[0] * scale, ay = a[1] * scale - o[1] * scale;
        twice += ax * (b[1] * scale - o[1] * scale) - ay * (b[0] * scale - o[0] * scale);
    }
    return twice;
}

/* Products of coordinates above 1e154 overflow: those are made smaller first, so that infinities do not cancel. */
double attn_polygon_area(const double *xy, const int32_t *index, int64_t count) {
    const double area = twice_area(xy, index, count, 1) / 2;
    return isfinite(area) ? area : twice_area(xy, index, count, 0x1p-600) / 2 * 0x1p600 * 0x1p600;
}

/* By x, then by y: -1, 0, 1. On a line it is the order along it. */
static int compare(const double *a, const double *b) {
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    return (a[1] > b[1]) - (a[1] < b[1]);
}

static bool ranges_meet(double a, double b, double c, double d) {
    const double low = a < b ? a : b, high = a < b ? b : a;
    return (c >= low || d >= low) && (c <= high || d <= high);
}

/* Closed segments pq and rs have a point in common: their boxes meet, and neither lies on one side of the other's line. */
static bool touch(const double *p, const double *q, const double *r, const double *s) {
    if (!ranges_meet(p[0], q[0], r[0], s[0]) || !ranges_meet(p[1], q[1], r[1], s[1])) return false;
    return attn_orientation(p, q, r) * attn_orientation(p, q, s) <= 0 && attn_orientation(r, s, p) * attn_orientation(r, s, q) <= 0;
}

/* Edges ab and bc share b alone: c is not on the line of ab, or on its other side of b. */
static bool turns_back(const double *a, const double *b, const double *c) {
    return attn_orientation(a, b, c) == 0 && compare(a, b) != compare(b, c);
}

bool attn_polygon_simple(const double *xy, const int32_t *index, int64_t count) {
    if (count < 3) return false;
    for (int64_t i = 0; i < count; i++) {
        const double *a = xy + 2 * (int64_t)index[i], *b = xy + 2 * (int64_t)index[(i + 1) % count];
        const double *c = xy + 2 * (int64_t)index[(i + 2) % count];
        if (compare(a, b) == 0 || turns_back(a, b, c)) return false;
        for (int64_t j = i + 2; j < count - (i == 0); j++)
            if (touch(a, b, xy + 2 * (int64_t)index[j], xy + 2 * (int64_t)index[(j + 1) % count])) return false;
    }
    return true;
}

/* Element i of a sequence that is read on and on, backwards where step is -1. */
static int32_t at(const int32_t *a, int64_t count, int step, int64_t i) {
    i %= count;
    return a[step > 0 ? i : count - 1 - i];
}

/* Where the least of all rotations begins: of two candidates, the first difference rules out the greater one and all that begin within what was
 * equal. */
static int64_t least_rotation(const int32_t *a, int64_t count, int step) {
    int64_t i = 0, j = 1, equal = 0;
    while (i < count && j < count && equal < count) {
        const int32_t x = at(a, count, step, i + equal), y = at(a, count, step, j + equal);
        if (x == y) {
            equal++;
            continue;
        }
        if (x > y)
            i += equal + 1;
        else
            j += equal + 1;
        if (i == j) j++;
        equal = 0;
    }
    return i < j ? i : j;
}

bool attn_same_cycle(const int32_t *a, int64_t count_a, const int32_t *b, int64_t count_b) {
    if (count_a != count_b) return false;
    const int64_t from = least_rotation(a, count_a, 1);
    for (int step = -1; step <= 1; step += 2) {
        const int64_t to = least_rotation(b, count_b, step);
        int64_t i = 0;
        while (i < count_a && at(a, count_a, 1, from + i) == at(b, count_b, step, to + i)) i++;
        if (i == count_a) return true;
    }
    return false;
}
