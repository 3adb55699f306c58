/* Where the runs of a panel's keys begin and end, moved to where the microkernels like it. A full run gives keys away to a partial
 * one, whose words then say that all lanes may.
 */
#include "kernel/flash/forward_parts.h"

/* Full runs that end inside a step of the logits kernel hand the rest to the partial run behind them, so that only one of the two has a
 * tail. */
static void align_to_steps(struct attn_mask_run *runs, int count, uint32_t *words, uint32_t all) {
    for (int r = 0; r + 1 < count; r++) {
        if (!runs[r].full || runs[r + 1].full || runs[r].end != runs[r + 1].begin) continue;
        int32_t rest = (runs[r].end - runs[r].begin) % ATTN_KEY_STEP;
        for (int32_t j = runs[r].end - rest; j < runs[r].end; j++) words[j] = all;
        runs[r].end -= rest;
        runs[r + 1].begin -= rest;
    }
}

static bool are_paired(const struct attn_mask_run *runs, int count, int64_t n) {
    for (int r = 0; r < count; r++)
        if (runs[r].begin % 2 || (runs[r].end % 2 && runs[r].end < n)) return false;
    return true;
}

/* Words of all keys from the first run to the last: what lies between the runs has none, full runs have all. */
static void fill_words(const struct attn_mask_run *runs, int count, int32_t begin, int32_t end, uint32_t *words, uint32_t all) {
    int32_t j = begin;
    for (int r = 0; r < count; r++) {
        for (; j < runs[r].begin; j++) words[j] = 0;
        for (; j < runs[r].end; j++)
            if (runs[r].full) words[j] = all;
    }
    for (; j < end; j++) words[j] = 0;
}

/* The same pairs in runs of whole pairs of keys; only the last may end with half of one, at n. Where there would be too many, the last one
 * takes the rest. */
static int pair_up(struct attn_mask_run *runs, int count, int64_t n, uint32_t *words, uint32_t all) {
    const int32_t begin = runs[0].begin & ~1, end = (int32_t)attn_min64((runs[count - 1].end + 1) & ~1, n);
    fill_words(runs, count, begin, end, words, all);
    count = 0;
    for (int32_t j = begin; j < end; j += 2) {
        const int32_t next = (int32_t)attn_min64(j + 2, end);
        const uint32_t second = words[next - 1];
        const bool full = words[j] == all && second == all, joins = count && runs[count - 1].end == j;
        if (!words[j] && !second) continue;
        if (joins && runs[count - 1].full == full) {
            runs[count - 1].end = next;
        } else if (count == ATTN_MASK_RUNS) {
            runs[count - 1].full = false;
            runs[count - 1].end = next;
        } else {
            runs[count++] = (struct attn_mask_run){.begin = j, .end = next, .full = full};
        }
    }
    return count;
}

int attn_flash_align_runs(const struct attn_flash_forward_ops *ops, struct attn_mask_run *runs, int count, int64_t n, uint32_t *words,
                          int lanes) {
    const uint32_t all = (uint32_t)((1ull << lanes) - 1);
    if (ops->paired && !are_paired(runs, count, n)) return pair_up(runs, count, n, words, all);
    align_to_steps(runs, count, words, all);
    return count;
}
