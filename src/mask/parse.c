/* The text form of masks: recursive descent over
 *
 *   or   = and  { ("|" | "or")  and }
 *   and  = not  { ("&" | "and") not }
 *   not  = ("!" | "not") not | "(" or ")" | pattern
 *
 * Nesting, leaves and text are limited, so no text overflows the stack. A mistake is reported with a caret under its character.
 */
#include "mask/parse.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BEFORE = 56, SHOWN_AFTER = 24 };

attn_status attn_parse_fail(struct attn_parser *p, size_t at, const char *format, ...) {
    char what[512], line[SHOWN_BEFORE + SHOWN_AFTER + 8];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    size_t begin = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0, used = 0;
    if (begin > 0) used = (size_t)snprintf(line, sizeof line, "...");
    size_t caret = used + at - begin;
    size_t end = begin + strnlen(p->text + begin, at - begin + SHOWN_AFTER);
    for (size_t i = begin; i < end; i++) line[used++] = isprint((unsigned char)p->text[i]) ? p->text[i] : '?';
    line[used] = 0;
    return attn_fail(p->ctx, ATTN_EMASK, "mask: %s\n  %s%s\n  %*s^", what, line, p->text[end] ? "..." : "", (int)caret, "");
}

attn_status attn_parse_pieces(struct attn_parser *p, size_t at, int64_t count) {
    if (count > ATTN_PARSE_PIECES - p->pieces)
        return attn_parse_fail(p, at, "more than %d documents and blocks in one text; build the mask from slices", ATTN_PARSE_PIECES);
    p->pieces += count;
    return ATTN_OK;
}

void attn_parse_space(struct attn_parser *p) {
    while (p->text[p->at] == ' ' || p->text[p->at] == '\t' || p->text[p->at] == '\n' || p->text[p->at] == '\r') p->at++;
}

bool attn_parse_accept(struct attn_parser *p, char c) {
    attn_parse_space(p);
    bool here = p->text[p->at] == c;
    p->at += here;
    return here;
}

size_t attn_parse_name(const struct attn_parser *p) {
    size_t n = 0;
    for (const char *s = p->text + p->at; isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '-';) n++;
    return n;
}

bool attn_parse_word(struct attn_parser *p, const char *word) {
    attn_parse_space(p);
    size_t n = attn_parse_name(p);
    bool here = n == strlen(word) && memcmp(p->text + p->at, word, n) == 0;
    p->at += here ? n : 0;
    return here;
}

attn_status attn_parse_int(struct attn_parser *p, const char *what, int64_t least, int64_t most, int64_t *value) {
    attn_parse_space(p);
    size_t begin = p->at;
    bool negative = p->text[p->at] == '-';
    p->at += negative;
    if (!isdigit((unsigned char)p->text[p->at])) {
        p->at = begin;
        return attn_parse_fail(p, begin, "expected %s, a whole number", what);
    }
    int64_t v = 0;
    bool fits = true;
    for (; isdigit((unsigned char)p->text[p->at]); p->at++)
        fits = fits && !__builtin_mul_overflow(v, 10, &v) && !__builtin_add_overflow(v, p->text[p->at] - '0', &v);
    v = negative ? -v : v;
    if (!fits || v < least || v > most)
        return most == ATTN_MASK_LEN ? attn_parse_fail(p, begin, "%s must be from %lld to 2^60", what, (long long)least)
                                     : attn_parse_fail(p, begin, "%s must be from %lld to %lld", what, (long long)least, (long long)most);
    *value = v;
    return ATTN_OK;
}

static attn_status parse_chain(struct attn_parser *p, bool is_and, attn_mask **out);

static attn_status parse_not(struct attn_parser *p, attn_mask **out) {
    attn_parse_space(p);
    size_t begin = p->at;
    bool negate = attn_parse_accept(p, '!') || attn_parse_word(p, "not"), open = !negate && attn_parse_accept(p, '(');
    if (!negate && !open) return attn_parse_leaf(p, out);
    if (++p->nesting > ATTN_PARSE_NESTING)
        return attn_parse_fail(p, begin, "parentheses and nots are nested deeper than %d", ATTN_PARSE_NESTING);
    attn_mask *inner = NULL;
    attn_status status = negate ? parse_not(p, &inner) : parse_chain(p, false, &inner);
    if (status == ATTN_OK && open && !attn_parse_accept(p, ')'))
        status = attn_parse_fail(p, p->at, "expected ')' for the '(' at character %zu", begin + 1);
    p->nesting--;
    if (status == ATTN_OK && open) {
        *out = inner;
        return status;
    }
    if (status == ATTN_OK) status = attn_mask_not(p->ctx, inner, out);
    attn_mask_destroy(inner);
    return status;
}

/* Replaces *left by left op right. */
static attn_status join(struct attn_parser *p, size_t at, bool is_and, attn_mask **left, attn_mask *right) {
    attn_mask *both = NULL, *a = *left;
    attn_status status;
    assert(a && right);
    if (a->q_len >= 0 && right->q_len >= 0 && (a->q_len != right->q_len || a->k_len != right->k_len))
        status = attn_parse_fail(p, at, "the left side is bound to %lld x %lld tokens, the right side to %lld x %lld; they must be equal",
                                 (long long)a->q_len, (long long)a->k_len, (long long)right->q_len, (long long)right->k_len);
    else
        status = is_and ? attn_mask_and(p->ctx, a, right, &both) : attn_mask_or(p->ctx, a, right, &both);
    attn_mask_destroy(a);
    attn_mask_destroy(right);
    *left = both;
    return status;
}

/* Operands joined by & (is_and), or chains of those joined by |. */
static attn_status parse_chain(struct attn_parser *p, bool is_and, attn_mask **out) {
    attn_mask *left = NULL;
    attn_status status = is_and ? parse_not(p, &left) : parse_chain(p, true, &left);
    while (status == ATTN_OK) {
        attn_parse_space(p);
        size_t at = p->at;
        if (!attn_parse_accept(p, is_and ? '&' : '|') && !attn_parse_word(p, is_and ? "and" : "or")) break;
        attn_mask *right = NULL;
        status = is_and ? parse_not(p, &right) : parse_chain(p, true, &right);
        if (status == ATTN_OK) status = join(p, at, is_and, &left, right);
    }
    if (status == ATTN_OK)
        *out = left;
    else
        attn_mask_destroy(left);
    return status;
}

attn_status attn_mask_parse(attn_ctx *ctx, const char *text, attn_mask **out) {
    if (!ctx) return ATTN_EINVAL;
    if (!text || !out) return attn_fail(ctx, ATTN_EINVAL, "mask: %s is NULL", text ? "out" : "text");
    if (strnlen(text, ATTN_PARSE_TEXT + 1) > ATTN_PARSE_TEXT)
        return attn_fail(ctx, ATTN_EMASK, "mask: the text is longer than %d bytes; put the lengths in a file and write @FILE",
                         ATTN_PARSE_TEXT);
    struct attn_parser p = {.ctx = ctx, .text = text};
    attn_mask *mask = NULL;
    attn_status status = parse_chain(&p, false, &mask);
    attn_parse_space(&p);
    if (status == ATTN_OK && p.text[p.at]) {
        status = attn_parse_fail(&p, p.at, "expected '&', '|' or the end");
        attn_mask_destroy(mask);
    }
    if (status == ATTN_OK) *out = mask;
    return status;
}
