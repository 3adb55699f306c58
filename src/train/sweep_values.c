#include "train/sweep_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A block of `bytes` bytes with the first `used` of the old one. */
static bool grow(attn_ctx *ctx, void **block, size_t used, size_t bytes) {
    void *more = attn_alloc(ctx, bytes);
    if (!more) return false;
    if (used > 0) memcpy(more, *block, used);
    attn_free(ctx, *block);
    *block = more;
    return true;
}

attn_status attn_sweep_values_add(struct attn_sweep_values *v, const char *text, size_t bytes) {
    struct attn_sweep_axis *axis = &v->axis;
    void *block;
    if (axis->count == ATTN_SWEEP_MOST)
        return attn_fail(v->ctx, ATTN_EINVAL, "%.200s: found more than %d values, expected at most so many recipes", v->place,
                         ATTN_SWEEP_MOST);
    if (axis->count == v->places) {
        v->places = v->places > 0 ? 2 * v->places : 8;
        block = axis->begin;
        if (!grow(v->ctx, &block, (size_t)axis->count * sizeof *axis->begin, (size_t)v->places * sizeof *axis->begin))
            return attn_no_memory(v->ctx, "the values of a sweep", (size_t)v->places * sizeof *axis->begin);
        axis->begin = block;
    }
    if (!axis->text || v->room - v->used < bytes + 1) {
        v->room = 2 * v->room + bytes + 64;
        block = axis->text;
        if (!grow(v->ctx, &block, v->used, v->room)) return attn_no_memory(v->ctx, "the values of a sweep", v->room);
        axis->text = block;
    }
    axis->begin[axis->count++] = (uint32_t)v->used;
    memcpy(axis->text + v->used, text, bytes);
    axis->text[v->used + bytes] = '\0';
    v->used += bytes + 1;
    return ATTN_OK;
}

/* A whole number in digits alone, perhaps behind a '-'; *at goes behind it. False: there is none, or it has more than 64 bits. */
static bool read_whole(const char **at, long long *out) {
    char *end;
    if (!isdigit((unsigned char)(*at)[**at == '-'])) return false;
    errno = 0;
    *out = strtoll(*at, &end, 10);
    *at = end;
    return errno == 0;
}

static bool read_range(const char *at, const char *end, long long *low, long long *high) {
    if (!read_whole(&at, low) || strncmp(at, "..", 2) != 0) return false;
    at += 2;
    return read_whole(&at, high) && at == end;
}

attn_status attn_sweep_values_add_range(struct attn_sweep_values *v, const char *text, size_t bytes, bool *is) {
    char range[64], number[32];
    long long low, high;
    *is = false;
    if (bytes >= sizeof range) return ATTN_OK;
    memcpy(range, text, bytes);
    range[bytes] = '\0';
    *is = read_range(range, range + bytes, &low, &high);
    if (!*is) return ATTN_OK;
    if (high < low || (unsigned long long)high - (unsigned long long)low >= ATTN_SWEEP_MOST)
        return attn_fail(v->ctx, ATTN_EINVAL, "%.200s: found %s, expected A..B with A at most B and at most %d numbers", v->place, range,
                         ATTN_SWEEP_MOST);
    attn_status status = ATTN_OK;
    for (long long i = 0; i <= high - low && !status; i++)
        status = attn_sweep_values_add(v, number, (size_t)snprintf(number, sizeof number, "%lld", low + i));
    return status;
}

/* A value that begins with a double quote: as CSV has it (RFC 4180). *at goes behind its closing quote. */
static attn_status add_quoted(struct attn_sweep_values *v, const char **at) {
    char value[ATTN_RECIPE_TEXT];
    size_t n = 0;
    const char *from = *at + 1;
    for (; *from && (*from != '"' || from[1] == '"') && n < sizeof value; from++) {
        from += *from == '"';
        value[n++] = *from;
    }
    if (*from != '"' || (from[1] != '\0' && from[1] != ','))
        return attn_fail(v->ctx, ATTN_EINVAL, "%.200s: expected a closing quote at the end or before a comma, within %d bytes", v->place,
                         ATTN_RECIPE_TEXT - 1);
    *at = from + 1;
    return attn_sweep_values_add(v, value, n);
}

static attn_status add_plain(struct attn_sweep_values *v, bool ranges, const char **at) {
    const char *text = *at;
    const size_t n = strcspn(text, ",");
    bool range = false;
    attn_status status = ATTN_OK;
    *at = text + n;
    if (ranges) status = attn_sweep_values_add_range(v, text, n, &range);
    return status || range ? status : attn_sweep_values_add(v, text, n);
}

attn_status attn_sweep_values_read(attn_ctx *ctx, const char *assignment, const char *text, bool ranges, struct attn_sweep_axis *axis) {
    struct attn_sweep_values v = {.ctx = ctx, .place = assignment};
    attn_status status = ATTN_OK;
    for (const char *at = text; !status; at++) {
        status = *at == '"' ? add_quoted(&v, &at) : add_plain(&v, ranges, &at);
        if (status || !*at) break;
    }
    *axis = v.axis;
    return status;
}
