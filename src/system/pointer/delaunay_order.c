/* Triangles by the centres of their inscribed circles. */
#include "system/pointer/delaunay.h"

#include "system/pointer/order.h"

#include <math.h>
#include <string.h>

size_t attn_delaunay_order_scratch(int64_t count) {
    return (size_t)count * (2 * sizeof(struct attn_place) + 3 * sizeof(int32_t));
}

static void ascend(int32_t *v) {
    for (int pass = 0; pass < 3; pass++) {
        int32_t *pair = v + pass % 2;
        if (pair[0] <= pair[1]) continue;
        const int32_t kept = pair[0];
        pair[0] = pair[1];
        pair[1] = kept;
    }
}

/* The mean of the corners, each weighted with the side across. */
static struct attn_place incentre(const double *xy, const int32_t *v, int64_t number) {
    const double *p[3] = {xy + 2 * (int64_t)v[0], xy + 2 * (int64_t)v[1], xy + 2 * (int64_t)v[2]};
    struct attn_place centre = {0, 0, number};
    double side[3], sum = 0;
    for (int i = 0; i < 3; i++) {
        const double *a = p[(i + 1) % 3], *b = p[(i + 2) % 3];
        side[i] = hypot(a[0] - b[0], a[1] - b[1]);
        sum += side[i];
    }
    for (int i = 0; i < 3; i++) {
        centre.x += side[i] / sum * p[i][0];
        centre.y += side[i] / sum * p[i][1];
    }
    return centre;
}

/* By indices first, whose ranks decide between equal centres. */
void attn_delaunay_order(const double *xy, int32_t *triangles, int64_t count, void *scratch) {
    struct attn_place *places = scratch;
    int32_t *ranked = (int32_t *)(void *)(places + 2 * count);
    for (int64_t i = 0; i < count; i++) {
        int32_t *v = triangles + 3 * i;
        ascend(v);
        places[i] = (struct attn_place){v[0], v[1], v[2]};
    }
    attn_order_places(places, count, places + count);
    for (int64_t i = 0; i < count; i++) {
        ranked[3 * i] = (int32_t)places[i].x;
        ranked[3 * i + 1] = (int32_t)places[i].y;
        ranked[3 * i + 2] = (int32_t)places[i].number;
        places[i] = incentre(xy, ranked + 3 * i, i);
    }
    attn_order_places(places, count, places + count);
    for (int64_t i = 0; i < count; i++) memcpy(triangles + 3 * i, ranked + 3 * places[i].number, 3 * sizeof *triangles);
}
