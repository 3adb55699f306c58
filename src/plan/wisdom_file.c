/* Wisdom in files. */
#include "plan/wisdom.h"

attn_status attn_wisdom_load_from(attn_ctx *ctx, const struct attn_file_system *system, const char *path) {
    uint8_t *data = NULL;
    size_t bytes = 0;
    attn_status status = attn_file_read(ctx, system, path, ATTN_WISDOM_BYTES, &data, &bytes);
    if (!status) status = attn_wisdom_merge(ctx, path, (const char *)data, bytes);
    attn_free(ctx, data);
    return status;
}

attn_status attn_wisdom_save_to(attn_ctx *ctx, const struct attn_file_system *system, const char *path) {
    struct attn_shared_text *wisdom = attn_ctx_wisdom(ctx);
    const attn_status status = attn_file_save(ctx, system, path, wisdom ? wisdom->at : NULL, wisdom ? wisdom->bytes : 0);
    attn_ctx_wisdom_drop(ctx, wisdom);
    return status;
}

static attn_status check_path(attn_ctx *ctx, const char *path) {
    if (path && *path) return ATTN_OK;
    return attn_fail(ctx, ATTN_EINVAL, "wisdom: path is %s, expected the name of a file", path ? "empty" : "NULL");
}

attn_status attn_wisdom_load(attn_ctx *ctx, const char *path) {
    if (!ctx) return ATTN_EINVAL;
    const attn_status status = check_path(ctx, path);
    return status ? status : attn_wisdom_load_from(ctx, NULL, path);
}

attn_status attn_wisdom_save(attn_ctx *ctx, const char *path) {
    if (!ctx) return ATTN_EINVAL;
    const attn_status status = check_path(ctx, path);
    return status ? status : attn_wisdom_save_to(ctx, NULL, path);
}
