/* Reading and writing of safetensors files: the header is checked first (safetensors_header.c), then memory is taken for one tensor. */
#include "io/safetensors.h"

#include "io/safetensors_header.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *dtype;
    enum attn_npy_type type;
} types[] = {{"BF16", ATTN_NPY_BF16}, {"F16", ATTN_NPY_F16}, {"F32", ATTN_NPY_F32}, {"F64", ATTN_NPY_F64},
             {"I32", ATTN_NPY_I32},   {"I64", ATTN_NPY_I64}, {"U8", ATTN_NPY_U8},   {"BOOL", ATTN_NPY_BOOL}};
enum { TYPES = sizeof types / sizeof types[0] };

void attn_safetensors_free(attn_ctx *ctx, struct attn_safetensors *file) {
    attn_free(ctx, file->header);
    attn_free(ctx, file->tensor);
    *file = (struct attn_safetensors){.header = NULL};
}

attn_status attn_safetensors_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_safetensors *out) {
    *out = (struct attn_safetensors){.header = NULL};
    attn_status status = attn_safetensors_length(ctx, name, bytes, size, &out->length);
    if (status != ATTN_OK) return status;
    out->header = attn_alloc(ctx, out->length);
    if (out->header == NULL) return attn_no_memory(ctx, name, out->length);
    memcpy(out->header, bytes + ATTN_SAFETENSORS_PREFIX, out->length);
    status = attn_safetensors_header(ctx, name, size, out);
    if (status != ATTN_OK) attn_safetensors_free(ctx, out);
    return status;
}

static attn_status read_header(attn_ctx *ctx, const struct attn_file *file, const char *path, struct attn_safetensors *out) {
    uint8_t prefix[ATTN_SAFETENSORS_PREFIX];
    const size_t held = file->size < sizeof prefix ? file->size : sizeof prefix;
    *out = (struct attn_safetensors){.header = NULL};
    attn_status status = attn_file_pread(ctx, file, path, prefix, held, 0);
    if (status == ATTN_OK) status = attn_safetensors_length(ctx, path, prefix, file->size, &out->length);
    if (status != ATTN_OK) return status;
    out->header = attn_alloc(ctx, out->length);
    if (out->header == NULL) return attn_no_memory(ctx, path, out->length);
    status = attn_file_pread(ctx, file, path, out->header, out->length, sizeof prefix);
    if (status == ATTN_OK) status = attn_safetensors_header(ctx, path, file->size, out);
    if (status != ATTN_OK) attn_safetensors_free(ctx, out);
    return status;
}

attn_status attn_safetensors_list(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_safetensors *out) {
    struct attn_file file;
    attn_status status = attn_file_open(ctx, system, path, &file);
    if (status != ATTN_OK) return status;
    status = read_header(ctx, &file, path, out);
    attn_file_close(&file);
    return status;
}

static int compare(const char *name, const struct attn_safetensors_entry *tensor) {
    const size_t length = strlen(name), shorter = length < tensor->length ? length : tensor->length;
    const int order = memcmp(name, tensor->name, shorter);
    return order != 0 ? order : (length > tensor->length) - (length < tensor->length);
}

static int compare_key(const void *key, const void *tensor) {
    return compare(key, tensor);
}

const struct attn_safetensors_entry *attn_safetensors_find(const struct attn_safetensors *file, const char *name) {
    return file->count == 0 ? NULL : bsearch(name, file->tensor, file->count, sizeof *file->tensor, compare_key);
}

/* "a, b, c", as many as fit. */
static attn_status no_such_tensor(attn_ctx *ctx, const char *path, const struct attn_safetensors *file, const char *name) {
    char names[256];
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < file->count && used + file->tensor[i].length + 8 < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", i > 0 ? ", " : "", (int)file->tensor[i].length,
                                 file->tensor[i].name);
    return attn_fail(ctx, ATTN_EINVAL, "%s: found no tensor \"%.64s\", expected one of its %zu: %s", path, name, file->count, names);
}

static void swap_bytes(uint8_t *data, size_t bytes, size_t size) {
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) return;
    for (size_t at = 0; at < bytes; at += size)
        for (size_t b = 0; b < size / 2; b++) {
            const uint8_t keep = data[at + b];
            data[at + b] = data[at + size - 1 - b];
            data[at + size - 1 - b] = keep;
        }
}

static attn_status read_tensor(attn_ctx *ctx, const struct attn_file *file, const char *path, const struct attn_safetensors *list,
                               const char *name, struct attn_npy *out) {
    const struct attn_safetensors_entry *t = attn_safetensors_find(list, name);
    int which = 0;
    if (t == NULL) return no_such_tensor(ctx, path, list, name);
    while (which < TYPES && strcmp(types[which].dtype, attn_safetensors_dtype(t)) != 0) which++;
    if (which == TYPES)
        return attn_fail(ctx, ATTN_EINVAL, "%s: tensor \"%.64s\": found elements of %s, expected BF16, F16, F32, F64, I32, I64, U8 or BOOL",
                         path, name, attn_safetensors_dtype(t));
    const size_t bytes = (size_t)(t->end - t->begin);
    *out = (struct attn_npy){.type = types[which].type, .rank = t->rank, .count = bytes / attn_npy_size(types[which].type)};
    attn_safetensors_shape(list, t, out->shape);
    out->data = attn_alloc(ctx, bytes);
    if (out->data == NULL) return attn_no_memory(ctx, path, bytes);
    const attn_status status =
        attn_file_pread(ctx, file, path, out->data, bytes, ATTN_SAFETENSORS_PREFIX + list->length + (size_t)t->begin);
    if (status != ATTN_OK) attn_npy_free(ctx, out);
    swap_bytes(out->data, status == ATTN_OK ? bytes : 0, attn_npy_size(out->type));
    return status;
}

attn_status attn_safetensors_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *tensor,
                                  struct attn_npy *out) {
    struct attn_file file;
    struct attn_safetensors list;
    attn_status status = attn_file_open(ctx, system, path, &file);
    if (status != ATTN_OK) return status;
    status = read_header(ctx, &file, path, &list);
    if (status == ATTN_OK) {
        status = read_tensor(ctx, &file, path, &list, tensor, out);
        attn_safetensors_free(ctx, &list);
    }
    attn_file_close(&file);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- writing */

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

static void add_header(struct text *text, const struct attn_safetensors_source *tensors, int count) {
    size_t begin = 0;
    add(text, "{");
    for (int i = 0; i < count; i++) {
        const struct attn_safetensors_source *t = &tensors[i];
        const size_t end = begin + count_of(t) * attn_npy_size(t->type);
        int which = 0;
        while (types[which].type != t->type) which++;
        add(text, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i == 0 ? "" : ",", t->name, types[which].dtype);
        for (int axis = 0; axis < t->rank; axis++) add(text, "%s%lld", axis == 0 ? "" : ",", (long long)t->shape[axis]);
        add(text, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    add(text, "}");
}

static attn_status write_elements(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *t) {
    enum { PIECE = 4096 };
    const size_t bytes = count_of(t) * attn_npy_size(t->type);
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) return attn_file_write(ctx, writer, t->data, bytes);
    attn_status status = ATTN_OK;
    for (size_t at = 0; at < bytes && status == ATTN_OK; at += PIECE) {
        uint8_t piece[PIECE];
        const size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        memcpy(piece, (const uint8_t *)t->data + at, n);
        swap_bytes(piece, n, attn_npy_size(t->type));
        status = attn_file_write(ctx, writer, piece, n);
    }
    return status;
}

attn_status attn_safetensors_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *tensors, int count) {
    struct text text = {NULL, 0, 0};
    add_header(&text, tensors, count);
    const size_t length = text.used, padded = (length + 7) / 8 * 8; /* elements begin at a multiple of 8 */
    char *header = attn_alloc(ctx, ATTN_SAFETENSORS_PREFIX + padded + 1);
    if (header == NULL) return attn_no_memory(ctx, "the header of a safetensors file", padded);
    for (int i = 0; i < ATTN_SAFETENSORS_PREFIX; i++) header[i] = (char)(padded >> (8 * i) & 0xFF);
    text = (struct text){header + ATTN_SAFETENSORS_PREFIX, padded + 1, 0};
    add_header(&text, tensors, count);
    memset(header + ATTN_SAFETENSORS_PREFIX + length, ' ', padded - length);
    attn_status status = attn_file_write(ctx, writer, header, ATTN_SAFETENSORS_PREFIX + padded);
    for (int i = 0; i < count && status == ATTN_OK; i++) status = write_elements(ctx, writer, &tensors[i]);
    attn_free(ctx, header);
    return status;
}
