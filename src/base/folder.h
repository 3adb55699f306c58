/* Folders: made, and listed in the order of the names. */
#ifndef ATTN_BASE_FOLDER_H
#define ATTN_BASE_FOLDER_H

#include "base/file.h"

/* Makes the folder, and those above it that are missing. *fresh: it was not there. A name that cannot be made is ATTN_EINVAL, other failures
 * ATTN_ESYSTEM. */
attn_status attn_folder_make(attn_ctx *ctx, const struct attn_file_system *system, const char *path, bool *fresh);

/* Names in a folder but those that begin with '.', sorted. Freed by attn_folder_free. No such folder: ATTN_EINVAL. */
struct attn_folder {
    char **name;
    size_t count;
};
attn_status attn_folder_list(attn_ctx *ctx, const char *path, struct attn_folder *out);
void attn_folder_free(attn_ctx *ctx, struct attn_folder *folder);

/* Whether something has this name. */
bool attn_path_exists(const char *path);

#endif
