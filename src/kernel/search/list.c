/* Lists of the best keys: the bound, selecting, sorting. Few entries pass the bound (of keys in random order about top * log2(S / top)), and
 * each costs a constant number of steps, as selecting is linear; the result is sorted once. */
#include "kernel/search/list.h"

#include <math.h>

void attn_search_list_clear(struct attn_search_list *list, uint64_t *memory) {
    *list = (struct attn_search_list){.entries = memory, .bound = -INFINITY};
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

void attn_search_list_from(struct attn_search_list *list, uint32_t next) {
    if (list->last == 0) return;
    const float score = attn_search_score(list->last);
    list->bound = next > attn_search_index(list->last) ? next_above(score) : score;
}

/* ------------------------------------------------------------------------------------------------ sorting */

/* a and b, both descending, into `to`. */
static void merge(const uint64_t *a, int32_t a_count, const uint64_t *b, int32_t b_count, uint64_t *to) {
    int32_t i = 0, j = 0;
    while (i < a_count && j < b_count) {
        const bool first = a[i] > b[j];
        *to++ = first ? a[i] : b[j];
        i += first;
        j += !first;
    }
    while (i < a_count) *to++ = a[i++];
    while (j < b_count) *to++ = b[j++];
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
            merge(from + i, first, from + i + first, second, to + i);
        }
        uint64_t *other = from;
        from = to;
        to = other;
    }
    if (from != x) memcpy(x, from, (size_t)count * sizeof *x);
}

void attn_search_list_sort(struct attn_search_list *list, uint64_t *scratch) {
    sort(list->entries, list->count, scratch);
}

/* ---------------------------------------------------------------------------------------------- selecting */

static uint64_t middle_of(uint64_t a, uint64_t b, uint64_t c) {
    const uint64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Moves the greatest `top` of `count` entries to the front, the least of them to place top - 1: Hoare's selection, without branches on the
 * entries. Rounds that do not halve what is left, as made-up data could want, are counted, and too many of them end by sorting. */
static void select_top(uint64_t *x, int32_t count, int32_t top, uint64_t *scratch) {
    int32_t low = 0, high = count; /* the place is in [low, high) */
    for (int slow = 0; high - low > SHORT;) {
        const int32_t before = high - low, third = before / 3;
        const uint64_t pivot = middle_of(x[low + third / 2], x[low + before / 2], x[high - 1 - third / 2]);
        int32_t greater = low;
        for (int32_t i = low; i < high; i++) {
            const uint64_t entry = x[i];
            x[i] = x[greater];
            x[greater] = entry;
            greater += entry > pivot;
        }
        /* [low, greater) are greater than the pivot, which is one of the rest */
        if (greater >= top) {
            high = greater;
        } else {
            low = greater;
            if (low == top - 1) { /* the place is the pivot's */
                int32_t at = low;
                while (x[at] != pivot) at++;
                x[at] = x[low];
                x[low] = pivot;
                return;
            }
        }
        slow += high - low > before / 2 + before / 4;
        if (slow > 16) break;
    }
    sort(x + low, high - low, scratch);
}

void attn_search_list_cut(struct attn_search_list *list, int32_t top, uint64_t *scratch) {
    if (list->count < top) return;
    select_top(list->entries, list->count, top, scratch);
    list->last = list->entries[top - 1];
    list->count = top;
}

void attn_search_list_merge(struct attn_search_list *list, const struct attn_search_list *other, int32_t top, uint64_t *scratch) {
    memcpy(list->entries + list->count, other->entries, (size_t)other->count * sizeof *other->entries);
    list->count += other->count;
    attn_search_list_cut(list, top, scratch);
}
