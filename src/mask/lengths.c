/* Lists of document lengths, inline or from a file: 512,300x4,212 or @lengths.txt.
 *
 * A file holds whole numbers separated by commas, spaces or line ends; # begins a comment. Every number is checked as it is read, so
 * the memory taken is bounded by ATTN_LENGTHS_MAX whatever the file says.
 */
#include "base/file.h"
#include "mask/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 4096, NUMBER_TEXT = 44, FILE_MAX = 1 << 28 };

void attn_lengths_free(struct attn_lengths *l) {
    attn_free(l->ctx, l->length);
    l->length = NULL;
}

const char *attn_lengths_append(struct attn_lengths *l, int64_t length, int64_t times) {
    int64_t sum;
    if (length < 1) return "a document has at least 1 token";
    if (times < 1 || times > ATTN_LENGTHS_MAX - l->count) return "more than 4194304 documents, or none";
    if (__builtin_mul_overflow(length, times, &sum) || __builtin_add_overflow(sum, l->total, &sum) || sum > ATTN_MASK_LEN)
        return "the documents have more than 2^60 tokens";
    l->total = sum;
    if (l->count + times > l->capacity) {
        int64_t wanted = attn_max64(2 * l->capacity, attn_max64(64, l->count + times));
        int64_t *larger = attn_alloc(l->ctx, (size_t)wanted * sizeof *larger);
        l->no_memory = !larger;
        if (!larger) return "there is no memory for the lengths";
        if (l->count) memcpy(larger, l->length, (size_t)l->count * sizeof *larger);
        attn_free(l->ctx, l->length);
        l->length = larger;
        l->capacity = wanted;
    }
    while (times-- > 0) l->length[l->count++] = length;
    return NULL;
}

struct reader {
    const char *name;
    const uint8_t *at, *end;
    long line;
};

/* Steps to the next number; false at the end of the file. */
static bool next_number(struct reader *r) {
    bool comment = false;
    for (; r->at < r->end; r->at++) {
        comment = *r->at == '#' || (comment && *r->at != '\n');
        r->line += *r->at == '\n';
        if (!comment && !isspace(*r->at) && *r->at != ',') return true;
    }
    return false;
}

static attn_status read_numbers(attn_ctx *ctx, struct reader *r, struct attn_lengths *l) {
    while (next_number(r)) {
        const char *wrong = isdigit(*r->at) ? NULL : "expected a document length, a whole number";
        int64_t v = 0;
        for (; !wrong && r->at < r->end && isdigit(*r->at); r->at++)
            if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *r->at - '0', &v)) wrong = "the number is too large";
        if (!wrong) wrong = attn_lengths_append(l, v, 1);
        if (wrong) return attn_fail(ctx, l->no_memory ? ATTN_ENOMEM : ATTN_EMASK, "%s:%ld: %s", r->name, r->line, wrong);
    }
    return l->count ? ATTN_OK : attn_fail(ctx, ATTN_EMASK, "%s: holds no document length", r->name);
}

/* The name after '@': up to a space, ')', '&', '|' or the end, or between quotes. */
static attn_status read_file(struct attn_parser *p, struct attn_lengths *l) {
    char name[NAME_MAX_BYTES];
    size_t begin = p->at, n = 0;
    bool quoted = p->text[p->at] == '"';
    const char *stop = quoted ? "\"" : " \t\r\n)&|";
    p->at += quoted;
    n = strcspn(p->text + p->at, stop);
    if (n == 0 || n >= sizeof name)
        return attn_parse_fail(p, begin, "expected the name of a file of lengths, at most %d bytes", NAME_MAX_BYTES - 1);
    memcpy(name, p->text + p->at, n);
    name[n] = 0;
    p->at += n;
    if (quoted && p->text[p->at] != '"') return attn_parse_fail(p, begin, "the quote is not closed");
    p->at += quoted;
    uint8_t *data;
    size_t size;
    attn_status status = attn_file_read(p->ctx, NULL, name, FILE_MAX, &data, &size);
    if (status != ATTN_OK) return status;
    struct reader r = {.name = name, .at = data, .end = data + size, .line = 1};
    status = read_numbers(p->ctx, &r, l);
    attn_free(p->ctx, data);
    return status == ATTN_OK ? attn_parse_pieces(p, begin, l->count) : status;
}

attn_status attn_parse_lengths(struct attn_parser *p, struct attn_lengths *l) {
    if (attn_parse_accept(p, '@')) return read_file(p, l);
    do {
        int64_t length, times = 1;
        attn_parse_space(p);
        size_t begin = p->at;
        attn_status status = attn_parse_int(p, "a document length", 1, ATTN_MASK_LEN, &length);
        if (status == ATTN_OK && p->text[p->at] == 'x') {
            p->at++;
            status = attn_parse_int(p, "how often the length is repeated", 1, ATTN_LENGTHS_MAX, &times);
        }
        if (status != ATTN_OK) return status;
        const char *wrong = attn_lengths_append(l, length, times);
        if (l->no_memory) return attn_fail(p->ctx, ATTN_ENOMEM, "mask: %s", wrong);
        if (wrong) return attn_parse_fail(p, begin, "%s", wrong);
        status = attn_parse_pieces(p, begin, times);
        if (status != ATTN_OK) return status;
    } while (attn_parse_accept(p, ','));
    return ATTN_OK;
}

char *attn_lengths_text(const struct attn_lengths *l, const char *prefix) {
    int64_t runs = 0;
    for (int64_t i = 0; i < l->count; i++) runs += i == 0 || l->length[i] != l->length[i - 1];
    size_t size = strlen(prefix) + (size_t)runs * NUMBER_TEXT + 1;
    char *text = attn_alloc(l->ctx, size);
    if (!text) {
        (void)attn_no_memory(l->ctx, "the text of a mask", size);
        return NULL;
    }
    size_t used = (size_t)snprintf(text, size, "%s", prefix);
    for (int64_t i = 0, j; i < l->count; i = j) {
        for (j = i + 1; j < l->count && l->length[j] == l->length[i];) j++;
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? "," : "", (long long)l->length[i]);
        if (j - i > 1) used += (size_t)snprintf(text + used, size - used, "x%lld", (long long)(j - i));
    }
    return text;
}
