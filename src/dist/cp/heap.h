/* Heaps of numbers, and sorting by them: in place, without the allocation that a C library's qsort may do. */
#ifndef ATTN_DIST_CP_HEAP_H
#define ATTN_DIST_CP_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/* Comes a before b? A total order makes the outcome one and the same everywhere. */
typedef bool (*attn_heap_before_fn)(const void *user, int64_t a, int64_t b);

/* heap[0] comes before all others. Restores that after heap[at] has been put later (sift) or earlier (rise). O(log count). */
void attn_heap_sift(int64_t *heap, int64_t count, int64_t at, attn_heap_before_fn before, const void *user);
void attn_heap_rise(int64_t *heap, int64_t at, attn_heap_before_fn before, const void *user);
/* Of any array, O(count). */
void attn_heap_make(int64_t *heap, int64_t count, attn_heap_before_fn before, const void *user);

/* Sorts numbers so that each comes before the next. O(count log count). */
void attn_heap_sort(int64_t *number, int64_t count, attn_heap_before_fn before, const void *user);

#endif
