#include "io/npz.h"

#include <stdio.h>
#include <string.h>

attn_status attn_npz_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_npz *out) {
    attn_status status = attn_file_open(ctx, system, path, &out->file);
    if (status != ATTN_OK) return status;
    snprintf(out->path, sizeof out->path, "%s", path);
    status = attn_zip_open(ctx, &out->file, out->path, &out->zip);
    if (status != ATTN_OK) attn_file_close(&out->file);
    return status;
}

void attn_npz_close(attn_ctx *ctx, struct attn_npz *npz) {
    attn_zip_free(ctx, &npz->zip);
    attn_file_close(&npz->file);
}

/* "a, b, c", as many as fit, without .npy. */
static attn_status no_such_array(attn_ctx *ctx, const struct attn_npz *npz, const char *name) {
    char names[256];
    size_t used = 0;
    names[0] = '\0';
    for (size_t i = 0; i < npz->zip.count && used + npz->zip.member[i].length + 8 < sizeof names; i++) {
        const struct attn_zip_member *m = &npz->zip.member[i];
        const bool npy = m->length > 4 && memcmp(m->name + m->length - 4, ".npy", 4) == 0;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", i > 0 ? ", " : "", (int)(m->length - (npy ? 4 : 0)), m->name);
    }
    return attn_fail(ctx, ATTN_EINVAL, "%s: found no array \"%.64s\", expected one of its %zu: %s", npz->path, name, npz->zip.count, names);
}

attn_status attn_npz_take(attn_ctx *ctx, const struct attn_npz *npz, const char *name, struct attn_npy *out) {
    char member[ATTN_ZIP_NAME + 8], place[ATTN_FILE_PATH + 80];
    snprintf(member, sizeof member, "%.*s.npy", ATTN_ZIP_NAME, name);
    const struct attn_zip_member *found = attn_zip_find(&npz->zip, member);
    uint8_t *bytes;
    if (found == NULL) return no_such_array(ctx, npz, name);
    attn_status status = attn_zip_take(ctx, &npz->file, npz->path, found, &bytes);
    if (status != ATTN_OK) return status;
    snprintf(place, sizeof place, "%s: member \"%.64s\"", npz->path, member);
    status = attn_npy_parse(ctx, place, bytes, (size_t)found->size, out);
    attn_free(ctx, bytes);
    return status;
}
