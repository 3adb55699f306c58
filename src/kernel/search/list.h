/* The best keys found so far for one query.
 *
 * An entry is 64 bits that order as results are ordered: the score's bits, made to rise with the score, above the complement of the index.
 * A greater entry is a greater score, or the same score and a lower index; no two are equal. So the best `top` entries of a set are the
 * same set in whatever order and by however many workers it is gone through: lists belong to workers, results to nobody's schedule.
 *
 * Entries above the bound wait unsorted in `fresh` until it is full; then they are sorted, merged with `best`, and the bound rises.
 */
#ifndef ATTN_KERNEL_SEARCH_LIST_H
#define ATTN_KERNEL_SEARCH_LIST_H

#include "base/context.h"

#include <string.h>

struct attn_search_list {
    uint64_t *best, *fresh; /* best: descending */
    int32_t kept, waiting;
    float bound; /* a score that is not >= this is none of the best `top`. -inf: all but NaN; NaN: nothing is */
};

/* Room of `fresh` before it must be settled; as many lanes as a panel has at most come on top. */
static inline int32_t attn_search_room(int32_t top) {
    return (top + 63) & ~63;
}
enum { ATTN_SEARCH_PANEL = 64 };

/* Words of a list, and of the scratch that settling takes. */
static inline int64_t attn_search_list_words(int32_t top) {
    return (int64_t)top + attn_search_room(top) + ATTN_SEARCH_PANEL;
}
static inline int64_t attn_search_scratch_words(int32_t top) {
    return (int64_t)attn_search_room(top) + ATTN_SEARCH_PANEL;
}

static inline uint64_t attn_search_entry(float score, uint32_t index) {
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    bits ^= bits >> 31 ? UINT32_MAX : 1u << 31;
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
void attn_search_list_clear(struct attn_search_list *list, uint64_t *memory, int32_t top);

/* Sets the bound for keys from `next` on. A key behind the last of the best needs a greater score, one before it an equal one. */
void attn_search_list_from(struct attn_search_list *list, int32_t top, uint32_t next);

/* Merges what waits into the best; then the bound is for keys from `next` on. */
void attn_search_list_settle(struct attn_search_list *list, int32_t top, uint64_t *scratch, uint32_t next);

/* Adds the best of a settled list to those of another. */
void attn_search_list_merge(struct attn_search_list *list, const struct attn_search_list *other, int32_t top, uint64_t *scratch);

#endif
