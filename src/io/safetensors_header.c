/* Parser of the header of a safetensors file: a cursor over its bytes, one function for each piece of the grammar, which is that of JSON
 * narrowed to the shape such headers have. So nothing nests deeper than three levels, and integers are read as integers.
 *
 * Invariants: the cursor never passes the header's end; every failure names the byte of the file where it stands, or a tensor. Escapes
 * are undone in place, which only shortens, so that names are pointers into the header. */
#include "io/safetensors_header.h"

#include "io/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFIX = ATTN_SAFETENSORS_PREFIX,
    SHORTEST_TENSOR = 50, /* "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}, */
    SHORTEST_KEY = 6,     /* "":"", */
    METADATA_KEYS = 32768
};

/* What a file may hold; BITS of an element. The first are types of ours, in their order: only those can be read. */
static const struct {
    const char *name;
    int bits;
} dtypes[] = {[ATTN_NPY_BF16] = {"BF16", 16},
              [ATTN_NPY_F16] = {"F16", 16},
              [ATTN_NPY_F32] = {"F32", 32},
              [ATTN_NPY_F64] = {"F64", 64},
              [ATTN_NPY_I32] = {"I32", 32},
              [ATTN_NPY_I64] = {"I64", 64},
              [ATTN_NPY_U8] = {"U8", 8},
              [ATTN_NPY_BOOL] = {"BOOL", 8},
              {"I8", 8},
              {"I16", 16},
              {"U16", 16},
              {"U32", 32},
              {"U64", 64},
              {"F8_E4M3", 8},
              {"F8_E5M2", 8},
              {"F8_E8M0", 8},
              {"F6_E2M3", 6},
              {"F6_E3M2", 6},
              {"F4", 4},
              {"C64", 64}};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0], OURS = ATTN_NPY_BOOL + 1 };

bool attn_safetensors_type(const char *dtype, enum attn_npy_type *out) {
    int which = 0;
    while (which < OURS && strcmp(dtypes[which].name, dtype) != 0) which++;
    if (which < OURS) *out = (enum attn_npy_type)which;
    return which < OURS;
}

const char *attn_safetensors_type_name(enum attn_npy_type type) {
    return dtypes[type].name;
}

const char *attn_safetensors_dtype(const struct attn_safetensors_entry *tensor) {
    return dtypes[tensor->dtype].name;
}

struct cursor {
    attn_ctx *ctx;
    const char *name;
    char *bytes;
    size_t at, end;
};

/* A string in the header, escapes undone. */
struct text {
    const char *at;
    size_t length;
};

static attn_status unexpected_at(struct cursor *c, size_t at, const char *expected) {
    const unsigned char letter = at < c->end ? (unsigned char)c->bytes[at] : 0;
    if (at >= c->end)
        return attn_fail(c->ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the header, expected %s", c->name, PREFIX + at, expected);
    return attn_fail(c->ctx, ATTN_EINVAL,
                     letter > 0x20 && letter < 0x7F ? "%s: byte %zu: found '%c', expected %s"
                                                    : "%s: byte %zu: found byte 0x%02x, expected %s",
                     c->name, PREFIX + at, letter, expected);
}

static attn_status unexpected(struct cursor *c, const char *expected) {
    return unexpected_at(c, c->at, expected);
}

static void skip_blanks(struct cursor *c) {
    while (c->at < c->end && (c->bytes[c->at] == ' ' || c->bytes[c->at] == '\t' || c->bytes[c->at] == '\n' || c->bytes[c->at] == '\r'))
        c->at++;
}

static bool take(struct cursor *c, char letter) {
    skip_blanks(c);
    if (c->at >= c->end || c->bytes[c->at] != letter) return false;
    c->at++;
    return true;
}

static attn_status check_utf8(struct cursor *c) {
    for (size_t at = 0, length; at < c->end; at += length)
        if ((length = attn_utf8_length((const uint8_t *)c->bytes + at, c->end - at)) == 0) return unexpected_at(c, at, "text in UTF-8");
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- strings */

/* The four hexadecimal digits behind \u. */
static bool take_unit(struct cursor *c, uint32_t *out) {
    uint32_t value = 0;
    if (c->end - c->at < 4) return false;
    for (int i = 0; i < 4; i++) {
        const char digit = c->bytes[c->at + (size_t)i];
        const char *const digits = "0123456789abcdef", *found = strchr(digits, digit | (digit >= 'A' && digit <= 'F' ? 0x20 : 0));
        if (digit == '\0' || found == NULL) return false;
        value = value << 4 | (uint32_t)(found - digits);
    }
    c->at += 4;
    *out = value;
    return true;
}

/* What stands behind a backslash, as UTF-8. */
static attn_status take_escape(struct cursor *c, char *to, size_t *written) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const size_t begin = c->at - 1;
    const char letter = c->at < c->end ? c->bytes[c->at] : '\0';
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    c->at++;
    if (found != NULL) {
        to[0] = meanings[found - letters];
        *written = 1;
        return ATTN_OK;
    }
    uint32_t code, low;
    if (letter != 'u' || !take_unit(c, &code)) return unexpected_at(c, begin, "an escape of JSON");
    if (code >= 0xD800 && code < 0xDC00) { /* the first half of a pair */
        const bool pair = c->end - c->at >= 2 && c->bytes[c->at] == '\\' && c->bytes[c->at + 1] == 'u';
        c->at += pair ? 2 : 0;
        if (!pair || !take_unit(c, &low) || low < 0xDC00 || low >= 0xE000) return unexpected_at(c, begin, "a pair of surrogates");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
        return unexpected_at(c, begin, "a pair of surrogates");
    }
    *written = attn_utf8_put(to, code);
    return ATTN_OK;
}

static attn_status take_string(struct cursor *c, const char *expected, struct text *out) {
    skip_blanks(c);
    if (c->at >= c->end || c->bytes[c->at] != '"') return unexpected(c, expected);
    char *to = c->bytes + ++c->at;
    *out = (struct text){to, 0};
    while (c->at < c->end && c->bytes[c->at] != '"') {
        size_t written = 1;
        if ((unsigned char)c->bytes[c->at] < 0x20) return unexpected(c, "a string without control characters");
        if (c->bytes[c->at] == '\\') {
            c->at++;
            const attn_status status = take_escape(c, to, &written);
            if (status != ATTN_OK) return status;
        } else {
            *to = c->bytes[c->at++];
        }
        to += written;
    }
    if (c->at >= c->end) return unexpected(c, "the closing quote of a string");
    c->at++;
    out->length = (size_t)(to - out->at);
    return ATTN_OK;
}

static bool is(struct text t, const char *word) {
    return t.length == strlen(word) && memcmp(t.at, word, t.length) == 0;
}

/* A name that a message may quote: its first bytes, without control characters. */
static const char *quoted(struct text t, char out[64]) {
    size_t n = 0;
    for (; n < t.length && n < 60; n++) out[n] = (unsigned char)t.at[n] < 0x20 || t.at[n] == 0x7F ? '?' : t.at[n];
    out[n] = '\0';
    return out;
}

static attn_status check_name(struct cursor *c, size_t at, struct text name) {
    bool plain = name.length > 0;
    for (size_t i = 0; i < name.length; i++) plain = plain && (unsigned char)name.at[i] >= 0x20 && name.at[i] != 0x7F;
    return plain ? ATTN_OK : unexpected_at(c, at, "a name that is not empty and has no control characters");
}

/* --------------------------------------------------------------------------------------------------------- numbers */

static attn_status take_integer(struct cursor *c, uint64_t *out) {
    skip_blanks(c);
    const size_t begin = c->at;
    uint64_t value = 0;
    while (c->at < c->end && c->bytes[c->at] >= '0' && c->bytes[c->at] <= '9') {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c->bytes[c->at] - '0'), &value) || value > INT64_MAX)
            return unexpected_at(c, begin, "an integer below 2^63");
        c->at++;
    }
    const bool leading_zero = c->at - begin > 1 && c->bytes[begin] == '0';
    if (c->at == begin || leading_zero) return unexpected_at(c, begin, "an integer of digits alone");
    if (c->at < c->end && (c->bytes[c->at] == '.' || c->bytes[c->at] == 'e' || c->bytes[c->at] == 'E'))
        return unexpected(c, "an integer, without fraction or exponent");
    *out = value;
    return ATTN_OK;
}

/* --------------------------------------------------------------------------------------------------------- tensors */

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4 };

static attn_status take_dtype(struct cursor *c, struct attn_safetensors_entry *t) {
    struct text word = {"", 0};
    char text[64];
    skip_blanks(c);
    const size_t at = c->at;
    const attn_status status = take_string(c, "the name of a type, like \"F32\"", &word);
    if (status != ATTN_OK) return status;
    for (int i = 0; i < DTYPES; i++)
        if (is(word, dtypes[i].name)) {
            t->dtype = (uint8_t)i;
            return ATTN_OK;
        }
    return attn_fail(c->ctx, ATTN_EINVAL,
                     "%s: byte %zu: found the type \"%s\", expected one that safetensors has, like \"F32\" or \"BF16\"", c->name,
                     PREFIX + at, quoted(word, text));
}

static attn_status take_shape(struct cursor *c, struct attn_safetensors_entry *t) {
    attn_status status = ATTN_OK;
    uint64_t extent;
    if (!take(c, '[')) return unexpected(c, "the list of extents");
    t->shape = (uint32_t)c->at;
    t->rank = 0;
    if (take(c, ']')) return ATTN_OK;
    do {
        if (t->rank == ATTN_NPY_RANK) return unexpected(c, "at most 16 extents");
        status = take_integer(c, &extent);
        t->rank++;
    } while (status == ATTN_OK && take(c, ','));
    if (status != ATTN_OK) return status;
    return take(c, ']') ? ATTN_OK : unexpected(c, "',' or ']' after an extent");
}

static attn_status take_offsets(struct cursor *c, struct attn_safetensors_entry *t) {
    if (!take(c, '[')) return unexpected(c, "the two offsets [begin, end]");
    attn_status status = take_integer(c, &t->begin);
    if (status == ATTN_OK && !take(c, ',')) status = unexpected(c, "',' between the two offsets");
    if (status == ATTN_OK) status = take_integer(c, &t->end);
    if (status == ATTN_OK && !take(c, ']')) status = unexpected(c, "']' after the two offsets");
    return status;
}

/* The object of one tensor. */
static attn_status take_tensor(struct cursor *c, struct attn_safetensors_entry *t) {
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    static attn_status (*const takes[])(struct cursor *, struct attn_safetensors_entry *) = {take_dtype, take_shape, take_offsets};
    unsigned seen = 0;
    if (!take(c, '{')) return unexpected(c, "the object of a tensor");
    do {
        struct text key = {"", 0};
        int which = 0;
        skip_blanks(c);
        const size_t at = c->at;
        attn_status status = take_string(c, "one of the keys \"dtype\", \"shape\", \"data_offsets\"", &key);
        if (status != ATTN_OK) return status;
        while (which < 3 && !is(key, keys[which])) which++;
        if (which == 3) return unexpected_at(c, at, "one of the keys \"dtype\", \"shape\", \"data_offsets\"");
        if (seen >> which & 1u) return unexpected_at(c, at, "a key that was not there before");
        seen |= 1u << which;
        if (!take(c, ':')) return unexpected(c, "':' after a key");
        status = takes[which](c, t);
        if (status != ATTN_OK) return status;
    } while (take(c, ','));
    if (!take(c, '}')) return unexpected(c, "',' or '}' after a value");
    return seen == (HAS_DTYPE | HAS_SHAPE | HAS_OFFSETS)
               ? ATTN_OK
               : unexpected_at(c, c->at - 1, "all of \"dtype\", \"shape\", \"data_offsets\" before it");
}

static int by_text(const void *a, const void *b) {
    const struct text *x = a, *y = b;
    const size_t shorter = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->at, y->at, shorter);
    return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

static attn_status twice(struct cursor *c, const char *what, struct text name) {
    char text[64];
    return attn_fail(c->ctx, ATTN_EINVAL, "%s: %s \"%s\" is there twice, expected different names", c->name, what, quoted(name, text));
}

static int by_key(const void *a, const void *b) {
    const struct attn_safetensors_pair *x = a, *y = b;
    return by_text(&(struct text){x->key, x->key_length}, &(struct text){y->key, y->key_length});
}

static attn_status take_pair(struct cursor *c, struct attn_safetensors *file) {
    struct text key = {"", 0}, value = {"", 0};
    attn_status status = take_string(c, "a key of \"__metadata__\"", &key);
    if (status == ATTN_OK && !take(c, ':')) status = unexpected(c, "':' after a key");
    if (status == ATTN_OK) status = take_string(c, "a string, as all of \"__metadata__\" must be", &value);
    if (status == ATTN_OK)
        file->pair[file->pairs++] = (struct attn_safetensors_pair){key.at, value.at, (uint32_t)key.length, (uint32_t)value.length};
    return status;
}

/* Texts by texts. */
static attn_status take_metadata(struct cursor *c, struct attn_safetensors *file) {
    attn_status status = ATTN_OK;
    if (!take(c, '{')) return unexpected(c, "the object of \"__metadata__\"");
    if (take(c, '}')) return ATTN_OK;
    const size_t fit = (c->end - c->at) / SHORTEST_KEY + 1, most = fit < METADATA_KEYS ? fit : METADATA_KEYS;
    file->pair = attn_alloc(c->ctx, most * sizeof *file->pair);
    if (file->pair == NULL) return attn_no_memory(c->ctx, c->name, most * sizeof *file->pair);
    do status = file->pairs == most ? unexpected(c, "at most 32768 keys of \"__metadata__\"") : take_pair(c, file);
    while (status == ATTN_OK && take(c, ','));
    if (status == ATTN_OK && !take(c, '}')) status = unexpected(c, "',' or '}' after a value");
    if (status == ATTN_OK) qsort(file->pair, file->pairs, sizeof *file->pair, by_key);
    for (size_t i = 1; i < file->pairs && status == ATTN_OK; i++)
        if (by_key(&file->pair[i - 1], &file->pair[i]) == 0)
            status = twice(c, "the key of \"__metadata__\"", (struct text){file->pair[i].key, file->pair[i].key_length});
    return status;
}

/* ------------------------------------------------------------------------------------------------------ the header */

static attn_status take_header(struct cursor *c, struct attn_safetensors *out, size_t most) {
    bool metadata = false;
    if (c->at >= c->end || c->bytes[c->at] != '{') return unexpected(c, "'{' as the first byte of the header");
    c->at++;
    if (take(c, '}')) return ATTN_OK;
    do {
        struct text name = {"", 0};
        skip_blanks(c);
        const size_t at = c->at;
        attn_status status = take_string(c, "the name of a tensor", &name);
        if (status == ATTN_OK) status = check_name(c, at, name);
        if (status == ATTN_OK && !take(c, ':')) status = unexpected(c, "':' after a name");
        if (status == ATTN_OK && is(name, "__metadata__")) {
            if (metadata) return twice(c, "the key", name);
            metadata = true;
            status = take_metadata(c, out);
        } else if (status == ATTN_OK) {
            if (out->count == most) return unexpected_at(c, at, "at most 1000000 tensors");
            struct attn_safetensors_entry *t = &out->tensor[out->count++];
            t->name = name.at;
            t->length = (uint32_t)name.length;
            status = take_tensor(c, t);
        }
        if (status != ATTN_OK) return status;
    } while (take(c, ','));
    return take(c, '}') ? ATTN_OK : unexpected(c, "',' or '}' after a tensor");
}

void attn_safetensors_shape(const struct attn_safetensors *file, const struct attn_safetensors_entry *tensor,
                            int64_t shape[ATTN_NPY_RANK]) {
    size_t at = tensor->shape;
    for (int axis = 0; axis < tensor->rank; axis++) {
        while (file->header[at] < '0' || file->header[at] > '9') at++;
        for (shape[axis] = 0; file->header[at] >= '0' && file->header[at] <= '9'; at++)
            shape[axis] = 10 * shape[axis] + (file->header[at] - '0');
    }
}

static attn_status wrong_tensor(struct cursor *c, const struct attn_safetensors_entry *t, const char *what) {
    char text[64];
    return attn_fail(c->ctx, ATTN_EINVAL, "%s: tensor \"%s\": %s", c->name, quoted((struct text){t->name, t->length}, text), what);
}

/* Shape, type and offsets of a tensor fit each other. */
static attn_status check_size(struct cursor *c, const struct attn_safetensors *file, const struct attn_safetensors_entry *t) {
    int64_t shape[ATTN_NPY_RANK];
    size_t bits = (size_t)dtypes[t->dtype].bits;
    char text[160];
    attn_safetensors_shape(file, t, shape);
    bool fits = true;
    for (int axis = 0; axis < t->rank; axis++) fits = fits && attn_mul_size(bits, (size_t)shape[axis], &bits);
    if (!fits) return wrong_tensor(c, t, "found more elements than memory has bits, expected a shape that a file can hold");
    if (bits % 8 != 0) return wrong_tensor(c, t, "found elements that end inside a byte, expected whole bytes");
    if (t->end < t->begin) return wrong_tensor(c, t, "found data_offsets that end before they begin, expected begin <= end");
    if (t->end - t->begin == bits / 8) return ATTN_OK;
    snprintf(text, sizeof text, "found %llu bytes by its data_offsets, expected %zu by its shape and type %s",
             (unsigned long long)(t->end - t->begin), bits / 8, attn_safetensors_dtype(t));
    return wrong_tensor(c, t, text);
}

static int by_place(const void *a, const void *b) {
    const struct attn_safetensors_entry *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin) : (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b) {
    const struct attn_safetensors_entry *x = a, *y = b;
    return by_text(&(struct text){x->name, x->length}, &(struct text){y->name, y->length});
}

/* The elements follow one another from the first byte behind the header to the last one of the file; then names, which must differ. */
static attn_status check_tensors(struct cursor *c, struct attn_safetensors *file, uint64_t room) {
    attn_status status = ATTN_OK;
    uint64_t at = 0;
    char text[160];
    for (size_t i = 0; i < file->count && status == ATTN_OK; i++) status = check_size(c, file, &file->tensor[i]);
    if (status == ATTN_OK) qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    for (size_t i = 0; i < file->count && status == ATTN_OK; i++) {
        const struct attn_safetensors_entry *t = &file->tensor[i];
        snprintf(text, sizeof text, "found data_offsets that begin at %llu, expected %llu, where the tensors before it end",
                 (unsigned long long)t->begin, (unsigned long long)at);
        if (t->begin != at) status = wrong_tensor(c, t, text);
        at = t->end;
    }
    if (status == ATTN_OK && at != room)
        status = attn_fail(c->ctx, ATTN_EINVAL, "%s: found %llu bytes behind the header, expected %llu, where the last tensor ends",
                           c->name, (unsigned long long)room, (unsigned long long)at);
    if (status == ATTN_OK) qsort(file->tensor, file->count, sizeof *file->tensor, by_name);
    for (size_t i = 1; i < file->count && status == ATTN_OK; i++)
        if (by_name(&file->tensor[i - 1], &file->tensor[i]) == 0)
            status = twice(c, "the tensor", (struct text){file->tensor[i].name, file->tensor[i].length});
    return status;
}

attn_status attn_safetensors_length(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, size_t *length) {
    uint64_t value = 0;
    if (size < PREFIX)
        return attn_fail(ctx, ATTN_EINVAL, "%s: byte %zu: found the end of the file, expected 8 bytes, the length of the header", name,
                         size);
    for (int i = 0; i < PREFIX; i++) value |= (uint64_t)bytes[i] << (8 * i);
    if (value > ATTN_SAFETENSORS_HEADER)
        return attn_fail(ctx, ATTN_EINVAL,
                         "%s: byte 0: found a header of %llu bytes, expected at most 100000000; is it a safetensors file?", name,
                         (unsigned long long)value);
    if (value > size - PREFIX)
        return attn_fail(ctx, ATTN_EINVAL, "%s: byte 0: found a header of %llu bytes, expected at most %zu, which the file has", name,
                         (unsigned long long)value, size - PREFIX);
    *length = (size_t)value;
    return ATTN_OK;
}

attn_status attn_safetensors_header(attn_ctx *ctx, const char *name, size_t size, struct attn_safetensors *file) {
    struct cursor c = {ctx, name, file->header, 0, file->length};
    const size_t fit = file->length / SHORTEST_TENSOR + 1, most = fit < ATTN_SAFETENSORS_TENSORS ? fit : ATTN_SAFETENSORS_TENSORS;
    file->tensor = attn_alloc(ctx, most * sizeof *file->tensor);
    if (file->tensor == NULL) return attn_no_memory(ctx, name, most * sizeof *file->tensor);
    attn_status status = check_utf8(&c);
    if (status == ATTN_OK) status = take_header(&c, file, most);
    skip_blanks(&c);
    if (status == ATTN_OK && c.at < c.end) status = unexpected(&c, "blanks up to the end of the header");
    return status == ATTN_OK ? check_tensors(&c, file, size - PREFIX - file->length) : status;
}
