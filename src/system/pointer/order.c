/* Merge sort: short runs by insertion, then runs of twice the length from one array to the other and back. */
#include "system/pointer/order.h"

#include <stdbool.h>
#include <string.h>

enum { RUN = 16 };

static bool before(const struct attn_place *a, const struct attn_place *b) {
    if (a->x != b->x) return a->x < b->x;
    if (a->y != b->y) return a->y < b->y;
    return a->number < b->number;
}

static void sort_run(struct attn_place *p, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const struct attn_place moved = p[i];
        int64_t at = i;
        for (; at > 0 && before(&moved, &p[at - 1]); at--) p[at] = p[at - 1];
        p[at] = moved;
    }
}

static void merge(const struct attn_place *a, int64_t count_a, const struct attn_place *b, int64_t count_b, struct attn_place *to) {
    while (count_a > 0 && count_b > 0) {
        const bool second = before(b, a);
        *to++ = second ? *b : *a;
        b += second;
        count_b -= second;
        a += !second;
        count_a -= !second;
    }
    memcpy(to, count_a > 0 ? a : b, (size_t)(count_a + count_b) * sizeof *to);
}

void attn_order_places(struct attn_place *places, int64_t n, struct attn_place *spare) {
    struct attn_place *from = places, *to = spare;
    for (int64_t i = 0; i < n; i += RUN) sort_run(places + i, n - i < RUN ? n - i : RUN);
    for (int64_t run = RUN; run < n; run *= 2) {
        for (int64_t i = 0; i < n; i += 2 * run) {
            const int64_t a = n - i < run ? n - i : run, b = n - i - a < run ? n - i - a : run;
            merge(from + i, a, from + i + a, b, to + i);
        }
        struct attn_place *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != places) memcpy(places, from, (size_t)n * sizeof *places);
}

int64_t attn_order_distinct(struct attn_place *places, int64_t n, struct attn_place *spare) {
    int64_t kept = 0;
    attn_order_places(places, n, spare);
    for (int64_t i = 0; i < n; i++)
        if (kept == 0 || places[kept - 1].x != places[i].x || places[kept - 1].y != places[i].y) places[kept++] = places[i];
    return kept;
}
