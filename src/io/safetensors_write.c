/* Writing of safetensors files: the header is composed twice, once for its length and once into memory of that length. */
#include "io/safetensors.h"
#include "io/safetensors_header.h"
#include "io/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t count_of(const struct attn_safetensors_source *t) {
    size_t count = 1;
    for (int axis = 0; axis < t->rank; axis++) count *= (size_t)t->shape[axis];
    return count;
}

/* Text that grows to its end in a buffer of any size: `used` goes on where the buffer is full. */
struct text {
    char *at;
    size_t size, used;
};

static void add(struct text *t, const char *format, ...) ATTN_PRINTF(2, 3);
static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const bool room = t->used < t->size;
    const int n = vsnprintf(room ? t->at + t->used : NULL, room ? t->size - t->used : 0, format, args);
    va_end(args);
    t->used += n > 0 ? (size_t)n : 0;
}

static void add_byte(struct text *t, char byte) {
    if (t->used < t->size) t->at[t->used] = byte;
    t->used++;
}

/* A string of JSON. */
static void add_string(struct text *t, const char *string) {
    static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
    add_byte(t, '"');
    for (const char *s = string; *s != '\0'; s++) {
        const char *found = strchr(letters, *s);
        if (found != NULL) {
            add_byte(t, '\\');
            add_byte(t, escapes[found - letters]);
        } else if ((unsigned char)*s < 0x20) {
            add(t, "\\u%04x", (unsigned)(unsigned char)*s);
        } else {
            add_byte(t, *s);
        }
    }
    add_byte(t, '"');
}

static void add_header(struct text *text, const struct attn_safetensors_text *texts, int text_count,
                       const struct attn_safetensors_source *tensors, int count) {
    size_t begin = 0;
    add(text, "{%s", text_count > 0 ? "\"__metadata__\":{" : "");
    for (int i = 0; i < text_count; i++) {
        add(text, "%s", i == 0 ? "" : ",");
        add_string(text, texts[i].key);
        add_byte(text, ':');
        add_string(text, texts[i].value);
    }
    add(text, "%s", text_count > 0 ? "}" : "");
    for (int i = 0; i < count; i++) {
        const struct attn_safetensors_source *t = &tensors[i];
        const size_t end = begin + count_of(t) * attn_npy_size(t->type);
        add(text, "%s", i == 0 && text_count == 0 ? "" : ",");
        add_string(text, t->name);
        add(text, ":{\"dtype\":\"%s\",\"shape\":[", attn_safetensors_type_name(t->type));
        for (int axis = 0; axis < t->rank; axis++) add(text, "%s%lld", axis == 0 ? "" : ",", (long long)t->shape[axis]);
        add(text, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    add(text, "}");
}

static attn_status write_elements(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *t) {
    enum { PIECE = 4096 };
    const size_t size = attn_npy_size(t->type), bytes = count_of(t) * size;
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) return attn_file_write(ctx, writer, t->data, bytes);
    attn_status status = ATTN_OK;
    for (size_t at = 0; at < bytes && status == ATTN_OK; at += PIECE) {
        uint8_t piece[PIECE];
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        memcpy(piece, (const uint8_t *)t->data + at, n);
        attn_npy_swap(piece, n / size, size);
        status = attn_file_write(ctx, writer, piece, n);
    }
    return status;
}

/* What the reader would refuse is not written. */
static attn_status check_texts(attn_ctx *ctx, const struct attn_safetensors_text *texts, int count) {
    for (int i = 0; i < count; i++) {
        const char *const both[2] = {texts[i].key, texts[i].value};
        for (int which = 0; which < 2; which++) {
            const size_t size = strlen(both[which]), valid = attn_utf8_valid((const uint8_t *)both[which], size);
            if (valid < size)
                return attn_fail(ctx, ATTN_EINVAL, "__metadata__: the %s of text %d: byte %zu: found byte 0x%02x, expected text in UTF-8",
                                 which == 0 ? "key" : "value", i, valid, (unsigned)(unsigned char)both[which][valid]);
        }
        for (int j = 0; j < i; j++)
            if (strcmp(texts[i].key, texts[j].key) == 0)
                return attn_fail(ctx, ATTN_EINVAL, "__metadata__: the key \"%.64s\" is there twice, expected different keys", texts[i].key);
    }
    return ATTN_OK;
}

attn_status attn_safetensors_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_text *texts,
                                   int text_count, const struct attn_safetensors_source *tensors, int count) {
    struct text text = {NULL, 0, 0};
    attn_status status = check_texts(ctx, texts, text_count);
    if (status != ATTN_OK) return status;
    add_header(&text, texts, text_count, tensors, count);
    const size_t length = text.used, padded = (length + 7) / 8 * 8; /* elements begin at a multiple of 8 */
    if (padded > ATTN_SAFETENSORS_HEADER)
        return attn_fail(ctx, ATTN_EINVAL, "%s: found names and texts of %zu bytes, expected at most %d", writer->path, padded,
                         ATTN_SAFETENSORS_HEADER);
    char *header = attn_alloc(ctx, ATTN_SAFETENSORS_PREFIX + padded + 1);
    if (header == NULL) return attn_no_memory(ctx, "the header of a safetensors file", padded);
    for (int i = 0; i < ATTN_SAFETENSORS_PREFIX; i++) header[i] = (char)(padded >> (8 * i) & 0xFF);
    text = (struct text){header + ATTN_SAFETENSORS_PREFIX, padded + 1, 0};
    add_header(&text, texts, text_count, tensors, count);
    memset(header + ATTN_SAFETENSORS_PREFIX + length, ' ', padded - length);
    status = attn_file_write(ctx, writer, header, ATTN_SAFETENSORS_PREFIX + padded);
    for (int i = 0; i < count && status == ATTN_OK; i++) status = write_elements(ctx, writer, &tensors[i]);
    attn_free(ctx, header);
    return status;
}
