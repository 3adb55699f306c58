/* Points from left to right: the lower chain turns counter-clockwise, then the upper one, from right to left. */
#include "system/pointer/hull.h"

#include "metric/plane.h"
#include "system/pointer/order.h"

#include <string.h>

size_t attn_hull_scratch(int64_t n) {
    return 2 * (size_t)n * sizeof(struct attn_place);
}

/* Corners of a chain that stay where it goes on to a point, the first `least` anyhow. */
static int64_t staying(const double *xy, const int32_t *chain, int64_t count, int64_t least, int64_t point) {
    while (count > least && attn_orientation(xy + 2 * (int64_t)chain[count - 2], xy + 2 * (int64_t)chain[count - 1], xy + 2 * point) <= 0)
        count--;
    return count;
}

static void reverse(int32_t *a, int64_t count) {
    for (int64_t i = 0, j = count - 1; i < j; i++, j--) {
        const int32_t kept = a[i];
        a[i] = a[j];
        a[j] = kept;
    }
}

/* Rotates in place, by three reversals. */
static void begin_with_lowest(int32_t *hull, int64_t count) {
    int64_t lowest = 0;
    for (int64_t i = 1; i < count; i++)
        if (hull[i] < hull[lowest]) lowest = i;
    reverse(hull, lowest);
    reverse(hull + lowest, count - lowest);
    reverse(hull, count);
}

/* Both chains are made in the scratch: the upper one begins with points of the lower one before it leaves them. The first corner, which closes it, is not
 * written a second time. */
int64_t attn_hull(const double *xy, int64_t n, int32_t *hull, void *scratch) {
    struct attn_place *places = scratch;
    for (int64_t i = 0; i < n; i++) places[i] = (struct attn_place){xy[2 * i], xy[2 * i + 1], i};
    const int64_t distinct = attn_order_distinct(places, n, places + n);
    int32_t *chain = (int32_t *)(void *)(places + n);
    int64_t count = 0;
    for (int64_t i = 0; i < distinct; i++) {
        count = staying(xy, chain, count, 1, places[i].number);
        chain[count++] = (int32_t)places[i].number;
    }
    const int64_t lower = count;
    for (int64_t i = distinct - 2; i > 0; i--) {
        count = staying(xy, chain, count, lower, places[i].number);
        chain[count++] = (int32_t)places[i].number;
    }
    if (lower > 1) count = staying(xy, chain, count, lower, places[0].number);
    begin_with_lowest(chain, count);
    memcpy(hull, chain, (size_t)count * sizeof *hull);
    return count;
}
