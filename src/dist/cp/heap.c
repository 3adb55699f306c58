/* Binary heaps: the children of element i are 2 i + 1 and 2 i + 2. */
#include "dist/cp/heap.h"

void attn_heap_sift(int64_t *heap, int64_t count, int64_t at, attn_heap_before_fn before, const void *user) {
    const int64_t moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(user, heap[child + 1], heap[child])) child++;
        if (!before(user, heap[child], moved)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

void attn_heap_rise(int64_t *heap, int64_t at, attn_heap_before_fn before, const void *user) {
    const int64_t moved = heap[at];
    for (int64_t parent; at > 0 && before(user, moved, heap[parent = (at - 1) / 2]); at = parent) heap[at] = heap[parent];
    heap[at] = moved;
}

void attn_heap_make(int64_t *heap, int64_t count, attn_heap_before_fn before, const void *user) {
    for (int64_t i = count / 2; i-- > 0;) attn_heap_sift(heap, count, i, before, user);
}

/* The first of what is left goes to the end of the heap, so that all lie from the last to the first, and are then turned round. */
void attn_heap_sort(int64_t *number, int64_t count, attn_heap_before_fn before, const void *user) {
    attn_heap_make(number, count, before, user);
    for (int64_t n = count - 1; n > 0; n--) {
        const int64_t first = number[0];
        number[0] = number[n];
        attn_heap_sift(number, n, 0, before, user);
        number[n] = first;
    }
    for (int64_t i = 0, j = count - 1; i < j; i++, j--) {
        const int64_t swapped = number[i];
        number[i] = number[j];
        number[j] = swapped;
    }
}
