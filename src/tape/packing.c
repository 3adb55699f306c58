#include "tape/packing.h"

static bool check(attn_tape *tape, const char *name, const struct attn_packing *p, const int32_t *lengths) {
    for (int64_t b = 0; b < p->batch; b++)
        if (lengths[b] < 0 || lengths[b] > p->length) {
            attn_tape_fail(tape, ATTN_EINVAL, "%s: lengths[%lld] is %d; there are %lld tokens", name, (long long)b, lengths[b],
                           (long long)p->length);
            return false;
        }
    return true;
}

/* Sorts by length, equal ones as they come: next[n] is the next position of length n. */
static void sort(const struct attn_packing *p, const int32_t *lengths, int64_t *next, int64_t *first, int32_t *order) {
    for (int64_t t = 0; t <= p->length; t++) next[t] = 0;
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t t = 0; t < lengths[b]; t++) next[t]++; /* how many are longer than t */
    first[0] = 0;
    for (int64_t t = 0; t < p->length; t++) first[t + 1] = first[t] + next[t];
    for (int64_t b = 0; b < p->batch; b++) order[next[lengths[b]]++] = (int32_t)b;
}

bool attn_packing_open(attn_tape *tape, const char *name, int64_t batch, int64_t length, const int32_t *lengths, struct attn_packing *out) {
    *out = (struct attn_packing){.batch = batch, .length = length, .rows = batch * length};
    if (!lengths) return true;
    if (!check(tape, name, out, lengths)) return false;
    int32_t *order = attn_tape_take(tape, (size_t)batch * sizeof *order);
    int64_t *first = attn_tape_take(tape, (size_t)(length + 1) * sizeof *first);
    int64_t *next = attn_tape_take(tape, (size_t)(length + 1) * sizeof *next);
    if (!order || !first || !next) return false;
    sort(out, lengths, next, first, order);
    int64_t *place = attn_tape_take(tape, (size_t)first[length] * sizeof *place);
    for (int64_t t = 0; t < length && place; t++)
        for (int64_t i = first[t]; i < first[t + 1]; i++) place[i] = order[i - first[t]] * length + t;
    out->rows = first[length];
    out->order = order;
    out->first = first;
    out->place = place;
    return place != NULL;
}
