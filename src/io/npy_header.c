/* Parser of the .npy header: a cursor over the bytes, one function for each piece of the dictionary's grammar
 *   { 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 * Invariant: the cursor never passes the header's end, and every failure names the byte where it stands. */
#include "io/npy_header.h"

#include <stdio.h>
#include <string.h>

struct cursor {
    attn_ctx *ctx;
    const char *name;
    const uint8_t *bytes;
    size_t at, end;
    struct attn_npy_header *out;
    bool seen[3]; /* descr, fortran_order, shape */
};

/* What stands at the cursor, fit for a message. */
static const char *found(const struct cursor *c, char *text, size_t size) {
    if (c->at >= c->end)
        snprintf(text, size, "the end of the header");
    else if (c->bytes[c->at] > 0x20 && c->bytes[c->at] < 0x7F)
        snprintf(text, size, "'%c'", c->bytes[c->at]);
    else
        snprintf(text, size, "byte 0x%02x", c->bytes[c->at]);
    return text;
}

static attn_status unexpected(struct cursor *c, const char *expected) {
    char text[32];
    return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found %s, expected %s", c->name, c->at, found(c, text, sizeof text), expected);
}

static void skip_blanks(struct cursor *c) {
    while (c->at < c->end && (c->bytes[c->at] == ' ' || c->bytes[c->at] == '\t' || c->bytes[c->at] == '\n' || c->bytes[c->at] == '\r'))
        c->at++;
}

static bool take(struct cursor *c, char letter) {
    skip_blanks(c);
    if (c->at >= c->end || c->bytes[c->at] != (uint8_t)letter) return false;
    c->at++;
    return true;
}

static bool take_word(struct cursor *c, const char *word) {
    skip_blanks(c);
    const size_t length = strlen(word);
    if (c->end - c->at < length || memcmp(c->bytes + c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

/* A quoted string without escapes into text. */
static attn_status parse_string(struct cursor *c, char *text, size_t size, const char *expected) {
    skip_blanks(c);
    if (c->at >= c->end || (c->bytes[c->at] != '\'' && c->bytes[c->at] != '"')) return unexpected(c, expected);
    const uint8_t quote = c->bytes[c->at++];
    const size_t begin = c->at;
    while (c->at < c->end && c->bytes[c->at] != quote && c->bytes[c->at] >= 0x20 && c->bytes[c->at] < 0x7F && c->bytes[c->at] != '\\')
        c->at++;
    if (c->at >= c->end || c->bytes[c->at] != quote) return unexpected(c, "the closing quote of a plain string");
    if (c->at - begin >= size) {
        c->at = begin;
        return unexpected(c, expected);
    }
    memcpy(text, c->bytes + begin, c->at - begin);
    text[c->at++ - begin] = '\0';
    return ATTN_OK;
}

static attn_status parse_descr(struct cursor *c) {
    static const struct {
        const char *code;
        enum attn_npy_type type;
    } types[] = {{"f2", ATTN_NPY_F16}, {"f4", ATTN_NPY_F32}, {"f8", ATTN_NPY_F64}, {"i4", ATTN_NPY_I32},
                 {"i8", ATTN_NPY_I64}, {"u1", ATTN_NPY_U8},  {"b1", ATTN_NPY_BOOL}};
    static const char *const expected = "the type f2, f4, f8, i4, i8, u1 or b1 with its byte order, like '<f4'";
    char text[16];
    skip_blanks(c);
    const size_t begin = c->at;
    if (c->at < c->end && c->bytes[c->at] == '[') return unexpected(c, "a plain type like '<f4', no record type");
    attn_status status = parse_string(c, text, sizeof text, expected);
    if (status != ATTN_OK) return status;
    const char order = text[0];
    const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (order != '\0' && strchr("<>=|", order) != NULL && strcmp(text + 1, types[i].code) == 0) {
            const bool one_byte = attn_npy_size(types[i].type) == 1;
            if (order == '|' && !one_byte) break;
            c->out->type = types[i].type;
            c->out->swapped = !one_byte && ((order == '>' && little) || (order == '<' && !little));
            return ATTN_OK;
        }
    }
    const bool object = strchr(text, 'O') != NULL;
    return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the type '%s'%s, expected %s", c->name, begin, text,
                     object ? " (Python objects, which are never loaded)" : "", expected);
}

static attn_status parse_order(struct cursor *c) {
    if (take_word(c, "False"))
        c->out->fortran = false;
    else if (take_word(c, "True"))
        c->out->fortran = true;
    else
        return unexpected(c, "True or False");
    return ATTN_OK;
}

static attn_status parse_extent(struct cursor *c, int64_t *out) {
    const size_t begin = c->at;
    int64_t value = 0;
    while (c->at < c->end && c->bytes[c->at] >= '0' && c->bytes[c->at] <= '9') {
        if (__builtin_mul_overflow(value, (int64_t)10, &value) || __builtin_add_overflow(value, (int64_t)(c->bytes[c->at] - '0'), &value)) {
            c->at = begin;
            return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found an extent above 2^63, expected one that a file can hold", c->name,
                             begin);
        }
        c->at++;
    }
    if (c->at == begin) return unexpected(c, "an extent of the shape, a whole number from 0");
    if (c->at - begin > 1 && c->bytes[begin] == '0') {
        c->at = begin;
        return unexpected(c, "an extent without a leading 0");
    }
    if (c->at < c->end && c->bytes[c->at] == 'L') /* Python 2 wrote long integers so */
        c->at++;
    *out = value;
    return ATTN_OK;
}

static attn_status parse_shape(struct cursor *c) {
    if (!take(c, '(')) return unexpected(c, "'(' of the shape");
    c->out->rank = 0;
    while (!take(c, ')')) {
        if (c->out->rank == ATTN_NPY_RANK)
            return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found more than %d axes, expected at most %d", c->name, c->at,
                             ATTN_NPY_RANK, ATTN_NPY_RANK);
        const attn_status status = parse_extent(c, &c->out->shape[c->out->rank]);
        if (status != ATTN_OK) return status;
        c->out->rank++;
        if (take(c, ',')) continue;
        if (c->out->rank == 1) return unexpected(c, "',' after the only extent of a shape");
        if (!take(c, ')')) return unexpected(c, "',' or ')' in the shape");
        break;
    }
    return ATTN_OK;
}

static attn_status parse_entry(struct cursor *c) {
    static const char *const keys[3] = {"descr", "fortran_order", "shape"};
    static attn_status (*const parse[3])(struct cursor *) = {parse_descr, parse_order, parse_shape};
    char key[16];
    skip_blanks(c);
    const size_t begin = c->at;
    attn_status status = parse_string(c, key, sizeof key, "a key: 'descr', 'fortran_order' or 'shape'");
    if (status != ATTN_OK) return status;
    for (int i = 0; i < 3; i++) {
        if (strcmp(key, keys[i]) != 0) continue;
        if (c->seen[i])
            return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the key '%s' again, expected it once", c->name, begin, key);
        c->seen[i] = true;
        return take(c, ':') ? parse[i](c) : unexpected(c, "':' after a key");
    }
    return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the key '%s', expected 'descr', 'fortran_order' or 'shape'", c->name, begin,
                     key);
}

static attn_status parse_dictionary(struct cursor *c) {
    if (!take(c, '{')) return unexpected(c, "'{' of the header's dictionary");
    while (!take(c, '}')) {
        const attn_status status = parse_entry(c);
        if (status != ATTN_OK) return status;
        if (take(c, ',')) continue;
        if (!take(c, '}')) return unexpected(c, "',' or '}' in the header's dictionary");
        break;
    }
    for (int i = 0; i < 3; i++)
        if (!c->seen[i])
            return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the dictionary, expected the key '%s'", c->name, c->at,
                             i == 0   ? "descr"
                             : i == 1 ? "fortran_order"
                                      : "shape");
    skip_blanks(c);
    return c->at == c->end ? ATTN_OK : unexpected(c, "blanks to the end of the header");
}

/* Magic, version and length; moves the cursor to the dictionary and sets its end. */
static attn_status parse_prefix(struct cursor *c, size_t held, size_t size) {
    static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    for (size_t i = 0; i < sizeof magic; i++)
        if (i >= held || c->bytes[i] != magic[i]) {
            c->at = i;
            c->end = held;
            if (i >= held)
                return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the file, expected the magic \\x93NUMPY", c->name, i);
            return unexpected(c, "the magic \\x93NUMPY of an .npy file");
        }
    if (held < 10)
        return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the file, expected version and header length", c->name, held);
    const int version = c->bytes[6];
    if (version < 1 || version > 3 || c->bytes[7] != 0)
        return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte 6: found format version %d.%d, expected 1.0, 2.0 or 3.0", c->name, version,
                         c->bytes[7]);
    size_t length = (size_t)c->bytes[8] | (size_t)c->bytes[9] << 8;
    c->at = 10;
    if (version > 1) {
        if (held < 12)
            return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the file, expected the header length", c->name, held);
        length |= (size_t)c->bytes[10] << 16 | (size_t)c->bytes[11] << 24;
        c->at = 12;
    }
    if (length > ATTN_NPY_HEADER)
        return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte 8: found a header of %zu bytes, expected at most %d", c->name, length,
                         ATTN_NPY_HEADER);
    if (length > size - c->at)
        return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte 8: found a header of %zu bytes, expected at most the %zu that the file has left",
                         c->name, length, size - c->at);
    c->end = c->at + length;
    return ATTN_OK;
}

attn_status attn_npy_header_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t held, size_t size,
                                  struct attn_npy_header *out) {
    struct attn_npy_header header = {0};
    struct cursor c = {.ctx = ctx, .name = name, .bytes = bytes, .out = &header};
    attn_status status = parse_prefix(&c, held, size);
    if (status == ATTN_OK) status = parse_dictionary(&c);
    if (status != ATTN_OK) return status;
    header.data = c.end;
    header.count = 1;
    bool fits = true, empty = false;
    for (int i = 0; i < header.rank; i++) empty |= header.shape[i] == 0;
    for (int i = 0; i < header.rank && !empty; i++) fits = fits && attn_mul_size(header.count, (size_t)header.shape[i], &header.count);
    header.count = empty ? 0 : header.count;
    if (!fits || !attn_mul_size(header.count, attn_npy_size(header.type), &header.bytes) || header.bytes > PTRDIFF_MAX)
        return attn_fail(ctx, ATTN_EINVAL,
                         "%s: byte %zu: found a shape of more bytes than memory has addresses, expected %zu bytes of elements", name,
                         header.data, size - header.data);
    if (header.bytes != size - header.data)
        return attn_fail(ctx, ATTN_EINVAL, "%s: byte %zu: found %zu bytes of elements, expected %zu, as the shape says", name, header.data,
                         size - header.data, header.bytes);
    *out = header;
    return ATTN_OK;
}
