/* Reading of safetensors files: the header is checked first (safetensors_header.c), then memory is taken for one tensor. */
#include "io/safetensors.h"

#include "io/safetensors_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void attn_safetensors_free(attn_ctx *ctx, struct attn_safetensors *file) {
    attn_free(ctx, file->header);
    attn_free(ctx, file->tensor);
    attn_free(ctx, file->pair);
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

attn_status attn_safetensors_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path,
                                  struct attn_safetensors_reader *out) {
    attn_status status = attn_file_open(ctx, system, path, &out->file);
    if (status != ATTN_OK) return status;
    snprintf(out->path, sizeof out->path, "%s", path);
    status = read_header(ctx, &out->file, out->path, &out->list);
    if (status != ATTN_OK) attn_file_close(&out->file);
    return status;
}

void attn_safetensors_close(attn_ctx *ctx, struct attn_safetensors_reader *reader) {
    attn_safetensors_free(ctx, &reader->list);
    attn_file_close(&reader->file);
}

static int compare(const char *name, const char *other, size_t length) {
    const size_t own = strlen(name), shorter = own < length ? own : length;
    const int order = memcmp(name, other, shorter);
    return order != 0 ? order : (own > length) - (own < length);
}

static int compare_tensor(const void *key, const void *tensor) {
    const struct attn_safetensors_entry *t = tensor;
    return compare(key, t->name, t->length);
}

const struct attn_safetensors_entry *attn_safetensors_find(const struct attn_safetensors *file, const char *name) {
    return file->count == 0 ? NULL : bsearch(name, file->tensor, file->count, sizeof *file->tensor, compare_tensor);
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

attn_status attn_safetensors_take(attn_ctx *ctx, const struct attn_safetensors_reader *reader, const char *name, struct attn_npy *out) {
    const struct attn_safetensors *list = &reader->list;
    const struct attn_safetensors_entry *t = attn_safetensors_find(list, name);
    enum attn_npy_type type;
    if (t == NULL) return no_such_tensor(ctx, reader->path, list, name);
    if (!attn_safetensors_type(attn_safetensors_dtype(t), &type))
        return attn_fail(ctx, ATTN_EINVAL, "%s: tensor \"%.64s\": found elements of %s, expected BF16, F16, F32, F64, I32, I64, U8 or BOOL",
                         reader->path, name, attn_safetensors_dtype(t));
    const size_t bytes = (size_t)(t->end - t->begin), size = attn_npy_size(type);
    struct attn_npy array = {.type = type, .rank = t->rank, .count = bytes / size, .data = attn_alloc(ctx, bytes)};
    if (array.data == NULL) return attn_no_memory(ctx, reader->path, bytes);
    attn_safetensors_shape(list, t, array.shape);
    const attn_status status =
        attn_file_pread(ctx, &reader->file, reader->path, array.data, bytes, ATTN_SAFETENSORS_PREFIX + list->length + (size_t)t->begin);
    if (status != ATTN_OK) {
        attn_npy_free(ctx, &array);
        return status;
    }
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) attn_npy_swap(array.data, array.count, size);
    *out = array;
    return ATTN_OK;
}

attn_status attn_safetensors_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *tensor,
                                  struct attn_npy *out) {
    struct attn_safetensors_reader reader;
    attn_status status = attn_safetensors_open(ctx, system, path, &reader);
    if (status != ATTN_OK) return status;
    status = attn_safetensors_take(ctx, &reader, tensor, out);
    attn_safetensors_close(ctx, &reader);
    return status;
}

static int compare_pair(const void *key, const void *pair) {
    const struct attn_safetensors_pair *p = pair;
    return compare(key, p->key, p->key_length);
}

attn_status attn_safetensors_metadata(attn_ctx *ctx, const struct attn_safetensors *file, const char *key, char **out) {
    const struct attn_safetensors_pair *pair =
        file->pairs == 0 ? NULL : bsearch(key, file->pair, file->pairs, sizeof *file->pair, compare_pair);
    *out = NULL;
    if (pair == NULL) return ATTN_OK;
    if (memchr(pair->value, 0, pair->value_length) != NULL)
        return attn_fail(ctx, ATTN_EINVAL, "__metadata__: \"%.64s\": found a text with a character 0, expected none", key);
    char *text = attn_alloc(ctx, (size_t)pair->value_length + 1);
    if (text == NULL) return attn_no_memory(ctx, "a text of __metadata__", (size_t)pair->value_length + 1);
    memcpy(text, pair->value, pair->value_length);
    text[pair->value_length] = '\0';
    *out = text;
    return ATTN_OK;
}
