/* Fuzz target: any bytes as an archive of arrays. Members lie in the file without overlap, are found by their names, and are read. */
#include "base/context.h"
#include "io/npz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

struct memory {
    const uint8_t *bytes;
    size_t size;
};

static ssize_t pread_memory(void *user, int number, void *to, size_t bytes, off_t at) {
    const struct memory *m = user;
    (void)number;
    must((size_t)at <= m->size); /* nothing is asked for beyond the file */
    const size_t left = m->size - (size_t)at, n = bytes < left ? bytes : left;
    memcpy(to, m->bytes + at, n);
    return (ssize_t)n;
}

static int close_memory(void *user, int number) {
    (void)user, (void)number;
    return 0;
}

static void check_member(attn_ctx *ctx, const struct attn_npz *npz, const struct attn_zip_member *m) {
    char name[ATTN_ZIP_NAME + 1];
    struct attn_npy array;
    must(m->length <= ATTN_ZIP_NAME && m->data + m->packed <= npz->file.size);
    memcpy(name, m->name, m->length);
    name[m->length] = '\0';
    must(attn_zip_find(&npz->zip, name) == m);
    if (m->length <= 4 || strcmp(name + m->length - 4, ".npy") != 0) return;
    name[m->length - 4] = '\0';
    if (attn_npz_take(ctx, npz, name, &array) == ATTN_OK) attn_npy_free(ctx, &array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct memory memory = {data, size};
    const struct attn_file_system system = {.user = &memory, .pread = pread_memory, .close = close_memory};
    attn_ctx *ctx = NULL;
    struct attn_npz npz = {.file = {&system, 0, size}, .path = "fuzz"};
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (attn_zip_open(ctx, &npz.file, npz.path, &npz.zip) == ATTN_OK) {
        for (size_t i = 0; i < npz.zip.count; i++) check_member(ctx, &npz, &npz.zip.member[i]);
        attn_npz_close(ctx, &npz);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
