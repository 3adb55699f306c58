/* Lists of the best keys: sorting, merging, the bound. All of it costs O(log top) for each entry that passes the bound, and few do: of keys
 * in random order about top * log2(S / top). */
#include "kernel/search/list.h"

#include <math.h>

void attn_search_list_clear(struct attn_search_list *list, uint64_t *memory, int32_t top) {
    *list = (struct attn_search_list){.best = memory, .fresh = memory + top, .bound = -INFINITY};
}

/* The least float greater than x, which is no NaN; of +inf there is none: NaN, which nothing is >=. */
static float next_above(float x) {
    uint32_t bits;
    if (x == INFINITY) return (float)NAN;
    if (x == 0) return 0x1p-149f;
    memcpy(&bits, &x, sizeof bits);
    bits += bits >> 31 ? UINT32_MAX : 1u; /* towards +inf: a negative number's magnitude falls */
    memcpy(&x, &bits, sizeof x);
    return x;
}

void attn_search_list_from(struct attn_search_list *list, int32_t top, uint32_t next) {
    if (list->kept < top) return;
    const uint64_t last = list->best[top - 1];
    const float score = attn_search_score(last);
    list->bound = next > attn_search_index(last) ? next_above(score) : score;
}

/* a and b, both descending, into `to`, also descending; the first `most` of them. Returns how many. */
static int32_t merge(const uint64_t *a, int32_t a_count, const uint64_t *b, int32_t b_count, uint64_t *to, int32_t most) {
    int32_t i = 0, j = 0, n = 0;
    while (n < most && i < a_count && j < b_count) {
        const bool first = a[i] > b[j];
        to[n++] = first ? a[i] : b[j];
        i += first;
        j += !first;
    }
    while (n < most && i < a_count) to[n++] = a[i++];
    while (n < most && j < b_count) to[n++] = b[j++];
    return n;
}

enum { SHORT = 8 };

static void sort_short(uint64_t *x, int32_t count) {
    for (int32_t i = 1; i < count; i++) {
        const uint64_t entry = x[i];
        int32_t j = i;
        for (; j > 0 && x[j - 1] < entry; j--) x[j] = x[j - 1];
        x[j] = entry;
    }
}

static int32_t least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Descending, in place; merges from short stretches upwards, so never worse than count * log2(count). */
static void sort(uint64_t *x, int32_t count, uint64_t *scratch) {
    uint64_t *from = x, *to = scratch;
    for (int32_t i = 0; i < count; i += SHORT) sort_short(x + i, least(SHORT, count - i));
    for (int32_t width = SHORT; width < count; width *= 2) {
        for (int32_t i = 0; i < count; i += 2 * width) {
            const int32_t first = least(width, count - i), second = least(width, count - i - first);
            merge(from + i, first, from + i + first, second, to + i, first + second);
        }
        uint64_t *other = from;
        from = to;
        to = other;
    }
    if (from != x) memcpy(x, from, (size_t)count * sizeof *x);
}

static void take(struct attn_search_list *list, const uint64_t *entries, int32_t count, int32_t top, uint64_t *scratch) {
    list->kept = merge(list->best, list->kept, entries, count, scratch, top);
    memcpy(list->best, scratch, (size_t)list->kept * sizeof *scratch);
}

void attn_search_list_settle(struct attn_search_list *list, int32_t top, uint64_t *scratch, uint32_t next) {
    if (list->waiting > 0) {
        sort(list->fresh, list->waiting, scratch);
        take(list, list->fresh, list->waiting, top, scratch);
        list->waiting = 0;
    }
    attn_search_list_from(list, top, next);
}

void attn_search_list_merge(struct attn_search_list *list, const struct attn_search_list *other, int32_t top, uint64_t *scratch) {
    take(list, other->best, other->kept, top, scratch);
}
