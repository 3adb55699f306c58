#include "system/aaren/events_set.h"

#include "io/number.h"

#include <math.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------------------------- parts */

static attn_status add_piece(attn_ctx *ctx, struct attn_event_part *part, size_t *room, struct attn_event_piece piece) {
    void *pieces = part->piece;
    const attn_status status = attn_grow(ctx, "pieces of sequences", &pieces, room, (size_t)part->pieces + 1, sizeof piece);
    part->piece = pieces;
    if (status) return status;
    part->piece[part->pieces++] = piece;
    part->longest = attn_max64(part->longest, piece.count);
    return ATTN_OK;
}

attn_status attn_event_part_add(attn_ctx *ctx, const struct attn_events *events, int64_t begin, int64_t end, int64_t length,
                                struct attn_event_part *out) {
    size_t room = (size_t)out->pieces;
    attn_status status = ATTN_OK;
    out->events = events;
    for (int64_t s = begin; s < end; s++)
        for (int64_t at = events->first[s], stop = events->first[s + 1]; at + 1 < stop && !status; at += length - 1) {
            const int64_t count = attn_min64(length, stop - at);
            status = add_piece(ctx, out, &room, (struct attn_event_piece){at, count, s, at + count == stop});
        }
    return status;
}

void attn_event_part_free(attn_ctx *ctx, struct attn_event_part *part) {
    attn_free(ctx, part->piece);
    *part = (struct attn_event_part){.pieces = 0};
}

enum attn_event_target attn_event_target_of(const struct attn_event_part *part, const struct attn_event_piece *piece, int64_t index,
                                            enum attn_event_last last) {
    if (part->events->mark[piece->first + index] < 0) return ATTN_EVENT_SURVIVAL;
    if (!piece->last || index + 1 < piece->count || last == ATTN_LAST_EVENT) return ATTN_EVENT_DENSITY;
    return last == ATTN_LAST_CENSORED ? ATTN_EVENT_CENSORED : ATTN_EVENT_SURVIVAL;
}

/* ------------------------------------------------------------------------------------------------------------- splits */

/* Where the parts of `count` things end: 60% and 80%, rounded down. */
static void part_ends(int64_t count, int64_t end[ATTN_EVENT_PARTS]) {
    end[0] = count * 3 / 5;
    end[1] = count * 4 / 5;
    end[2] = count;
}

static attn_status split_sequences(attn_ctx *ctx, const struct attn_events *events, int64_t length, struct attn_event_part *out) {
    int64_t end[ATTN_EVENT_PARTS];
    attn_status status = ATTN_OK;
    part_ends(events->sequences, end);
    for (int i = 0; i < ATTN_EVENT_PARTS && !status; i++)
        status = attn_event_part_add(ctx, events, i > 0 ? end[i - 1] : 0, end[i], length, &out[i]);
    return status;
}

/* Of one sequence, the earlier pieces are learned from. */
static attn_status split_pieces(attn_ctx *ctx, const struct attn_events *events, int64_t length, struct attn_event_part *out) {
    struct attn_event_part all = {.pieces = 0};
    int64_t end[ATTN_EVENT_PARTS];
    size_t room[ATTN_EVENT_PARTS] = {0};
    attn_status status = attn_event_part_add(ctx, events, 0, 1, length, &all);
    part_ends(all.pieces, end);
    for (int i = 0; i < ATTN_EVENT_PARTS; i++) {
        out[i].events = events;
        for (int64_t p = i > 0 ? end[i - 1] : 0; p < end[i] && !status; p++) status = add_piece(ctx, &out[i], &room[i], all.piece[p]);
    }
    attn_event_part_free(ctx, &all);
    return status;
}

/* The last digit of a name of digits; -1: it is none. */
static int last_digit(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (name[i] < '0' || name[i] > '9') return -1;
    return length > 0 ? name[length - 1] - '0' : -1;
}

static attn_status split_by_digit(attn_ctx *ctx, const char *path, const struct attn_events *events, int64_t length,
                                  struct attn_event_part *out) {
    struct attn_event_part all = {.pieces = 0};
    size_t room[ATTN_EVENT_PARTS] = {0};
    attn_status status = attn_event_part_add(ctx, events, 0, events->sequences, length, &all);
    for (int i = 0; i < ATTN_EVENT_PARTS; i++) out[i].events = events;
    for (int64_t p = 0; p < all.pieces && !status; p++) {
        char shown[ATTN_WORD_SHOWN];
        size_t bytes;
        const char *name = attn_vocabulary_get(&events->names, (int32_t)all.piece[p].sequence, &bytes);
        const int digit = last_digit(name, bytes), part = digit < 8 ? 0 : digit - 7;
        if (digit < 0)
            status = attn_fail(ctx, ATTN_EINVAL, "%s: found the sequence '%s', expected names that are whole numbers, as split=mod10", path,
                               attn_word_shown(name, name + bytes, shown));
        else
            status = add_piece(ctx, &out[part], &room[part], all.piece[p]);
    }
    attn_event_part_free(ctx, &all);
    return status;
}

attn_status attn_event_split(attn_ctx *ctx, const char *path, const struct attn_events *events, enum attn_event_split split, int64_t length,
                             struct attn_event_part out[ATTN_EVENT_PARTS]) {
    static const char *const names[] = {"training", "validation", "test"};
    attn_status status = split == ATTN_SPLIT_MOD10 ? split_by_digit(ctx, path, events, length, out)
                         : events->sequences > 1   ? split_sequences(ctx, events, length, out)
                                                   : split_pieces(ctx, events, length, out);
    for (int i = 0; i < ATTN_EVENT_PARTS && !status; i++)
        if (out[i].pieces == 0)
            status = attn_fail(ctx, ATTN_EINVAL, "%s: found %lld sequences and none for %s, expected at least one with two rows%s", path,
                               (long long)events->sequences, names[i], events->sequences > 1 ? "" : ", or pieces of a smaller length=");
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- facts */

struct tally {
    double log_sum, sum, least;
    int64_t apart, targets, events;
};

static void count_piece(const struct attn_event_part *part, const struct attn_event_piece *piece, enum attn_event_last last,
                        struct tally *t, double *share) {
    const struct attn_events *e = part->events;
    for (int64_t i = 1; i < piece->count; i++) {
        const int64_t row = piece->first + i;
        const double span = e->time[row] - e->time[row - 1];
        const enum attn_event_target target = attn_event_target_of(part, piece, i, last);
        t->sum += span;
        t->targets++;
        t->events += target == ATTN_EVENT_DENSITY;
        if (target != ATTN_EVENT_SURVIVAL) share[e->mark[row]] += 1;
        if (!(span > 0)) continue;
        t->log_sum += log(span);
        t->least = t->apart == 0 ? span : fmin(t->least, span);
        t->apart++;
    }
}

attn_status attn_event_facts_of(attn_ctx *ctx, const char *path, const struct attn_event_part *part, enum attn_event_last last,
                                struct attn_event_facts *out) {
    const int32_t marks = part->events->marks.count;
    struct tally t = {.apart = 0};
    double all = 0;
    *out = (struct attn_event_facts){.marks = marks, .share = attn_alloc(ctx, (size_t)marks * sizeof *out->share)};
    if (!out->share) return attn_no_memory(ctx, path, (size_t)marks * sizeof *out->share);
    for (int32_t m = 0; m < marks; m++) out->share[m] = 1;
    for (int64_t p = 0; p < part->pieces; p++) count_piece(part, &part->piece[p], last, &t, out->share);
    if (t.apart == 0 || t.events == 0)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found no two events at different times to learn from, expected some", path);
    for (int32_t m = 0; m < marks; m++) all += out->share[m];
    for (int32_t m = 0; m < marks; m++) out->share[m] /= all;
    out->unit = exp(t.log_sum / (double)t.apart);
    out->least = t.least;
    out->mean = t.sum / (double)t.targets;
    out->rate = (double)t.events / t.sum;
    return ATTN_OK;
}

void attn_event_facts_free(attn_ctx *ctx, struct attn_event_facts *facts) {
    attn_free(ctx, facts->share);
    *facts = (struct attn_event_facts){.marks = 0};
}
