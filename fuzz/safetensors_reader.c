/* Fuzz target: any bytes into the safetensors reader. It must answer with a status; tensors that it accepts lie in the file, one behind the
 * other, are as large as their shapes say, and are found by their names. */
#include "base/context.h"
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check_tensor(const struct attn_safetensors *file, const struct attn_safetensors_entry *t, size_t room) {
    int64_t shape[ATTN_NPY_RANK];
    size_t bits = 64; /* of the widest element */
    char *name = malloc((size_t)t->length + 1);
    must(name != NULL && t->begin <= t->end && t->end <= room && t->rank <= ATTN_NPY_RANK);
    attn_safetensors_shape(file, t, shape);
    for (int axis = 0; axis < t->rank; axis++) bits = shape[axis] == 0 ? 0 : bits * (size_t)shape[axis];
    must((t->end - t->begin) * 8 <= bits);
    memcpy(name, t->name, t->length);
    name[t->length] = '\0';
    must(strlen(name) == t->length && attn_safetensors_find(file, name) == t);
    free(name);
}

/* A text is found by its key, unless one of both holds a character 0. */
static void check_pair(attn_ctx *ctx, const struct attn_safetensors *file, const struct attn_safetensors_pair *pair) {
    char *text, *key = malloc((size_t)pair->key_length + 1);
    must(key != NULL);
    memcpy(key, pair->key, pair->key_length);
    key[pair->key_length] = '\0';
    if (strlen(key) == pair->key_length && attn_safetensors_metadata(ctx, file, key, &text) == ATTN_OK) {
        must(text != NULL && strlen(text) == pair->value_length && memcmp(text, pair->value, pair->value_length) == 0);
        attn_free(ctx, text);
    }
    free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    struct attn_safetensors file;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) abort();
    if (attn_safetensors_parse(ctx, "fuzz", data, size, &file) == ATTN_OK) {
        const size_t room = size - ATTN_SAFETENSORS_PREFIX - file.length;
        uint64_t bytes = 0;
        for (size_t i = 0; i < file.count; i++) {
            check_tensor(&file, &file.tensor[i], room);
            bytes += file.tensor[i].end - file.tensor[i].begin;
        }
        must(bytes == room);
        for (size_t i = 0; i < file.pairs; i++) check_pair(ctx, &file, &file.pair[i]);
        attn_safetensors_free(ctx, &file);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
