/* Points in order of x, then of y, then of their number. */
#ifndef ATTN_SYSTEM_POINTER_ORDER_H
#define ATTN_SYSTEM_POINTER_ORDER_H

#include <stdint.h>

struct attn_place {
    double x, y;
    int64_t number;
};

/* Sorts; `spare` has as much room. O(n log n), no allocation. */
void attn_order_places(struct attn_place *places, int64_t n, struct attn_place *spare);

/* Sorts by x and y, and leaves of those in one place the one of the lowest number; how many are left. */
int64_t attn_order_distinct(struct attn_place *places, int64_t n, struct attn_place *spare);

#endif
