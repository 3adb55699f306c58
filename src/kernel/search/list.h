/* The best keys found so far for one query.
 *
 * An entry is 64 bits that order as results are ordered: the score's bits, made to rise with the score, above the complement of the index.
 * A greater entry is a greater score, or the same score and a lower index; no two are equal. So the best `top` entries of a set are the
 * same set in whatever order and by however many workers it is gone through: lists belong to workers, results to nobody's schedule.
 *
 * Entries that pass the bound are appended; when the list is full, the best `top` are moved to its front, the rest is dropped and the
 * bound rises. Only the result is sorted.
 */
#ifndef ATTN_KERNEL_SEARCH_LIST_H
#define ATTN_KERNEL_SEARCH_LIST_H

#include "base/context.h"

#include <string.h>

struct attn_search_list {
    uint64_t *entries;
    uint64_t last; /* of the best `top` when they were cut last; 0: they never were */
    int32_t count;
    float bound; /* a score that is not >= this is none of the best `top`. -inf: all but NaN; NaN: nothing is */
};

enum { ATTN_SEARCH_PANEL = 64 }; /* entries appended at once, at most */

/* A list of so many entries is full. Twice `top` and more, so that two lists that were cut fit one. */
static inline int32_t attn_search_full(int32_t top) {
    return 2 * top > top + 64 ? 2 * top : top + 64;
}
static inline int64_t attn_search_list_words(int32_t top) {
    return (int64_t)attn_search_full(top) + ATTN_SEARCH_PANEL;
}

static inline uint64_t attn_search_entry(float score, uint32_t index) {
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    bits ^= bits >> 31 ? UINT32_MAX : 1u << 31; /* negative: all bits turn */
    return (uint64_t)bits << 32 | (uint32_t)~index;
}
static inline uint32_t attn_search_index(uint64_t entry) {
    return ~(uint32_t)entry;
}
static inline float attn_search_score(uint64_t entry) {
    uint32_t bits = (uint32_t)(entry >> 32);
    float score;
    bits ^= bits >> 31 ? 1u << 31 : UINT32_MAX;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* `memory`: attn_search_list_words words. */
void attn_search_list_clear(struct attn_search_list *list, uint64_t *memory);

/* Sets the bound for keys from `next` on. A key behind the last of the best needs a greater score, one before it an equal one. */
void attn_search_list_from(struct attn_search_list *list, uint32_t next);

/* Keeps the best `top`, in no order. scratch: attn_search_list_words words. */
void attn_search_list_cut(struct attn_search_list *list, int32_t top, uint64_t *scratch);

/* Adds the entries of another list that was cut to one that was. */
void attn_search_list_merge(struct attn_search_list *list, const struct attn_search_list *other, int32_t top, uint64_t *scratch);

/* Descending. */
void attn_search_list_sort(struct attn_search_list *list, uint64_t *scratch);

#endif
