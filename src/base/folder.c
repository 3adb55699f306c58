#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static attn_status make_one(attn_ctx *ctx, const struct attn_file_system *fs, const char *path, bool *fresh) {
    struct stat about;
    *fresh = fs->mkdir(fs->user, path, 0777) == 0;
    const int error = errno;
    if (*fresh || (error == EEXIST && stat(path, &about) == 0 && S_ISDIR(about.st_mode))) return ATTN_OK;
    const bool mistake =
        error == EACCES || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP || error == EEXIST || error == EROFS;
    return attn_fail(ctx, mistake ? ATTN_EINVAL : ATTN_ESYSTEM, "%s: the folder cannot be made: %s", path, strerror(error));
}

attn_status attn_folder_make(attn_ctx *ctx, const struct attn_file_system *system, const char *path, bool *fresh) {
    const struct attn_file_system *fs = system == NULL ? &attn_file_system_posix : system;
    char part[ATTN_FILE_PATH];
    attn_status status = ATTN_OK;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return attn_fail(ctx, ATTN_EINVAL, "a folder's path of %zu bytes: expected 1 to %d", length, ATTN_FILE_PATH - 1);
    while (length > 1 && path[length - 1] == '/') length--;
    memcpy(part, path, length);
    part[length] = '\0';
    for (size_t i = 1; i < length && status == ATTN_OK; i++) {
        bool any;
        if (path[i] != '/' || path[i - 1] == '/') continue;
        part[i] = '\0';
        status = make_one(ctx, fs, part, &any);
        part[i] = '/';
    }
    return status == ATTN_OK ? make_one(ctx, fs, part, fresh) : status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static attn_status add_name(attn_ctx *ctx, struct attn_folder *folder, size_t *room, const char *name) {
    if (folder->count == *room) {
        const size_t larger = *room > 0 ? 2 * *room : 64;
        char **names = attn_alloc(ctx, larger * sizeof *names);
        if (names == NULL) return attn_no_memory(ctx, "the names in a folder", larger * sizeof *names);
        if (folder->count > 0) memcpy(names, folder->name, folder->count * sizeof *names);
        attn_free(ctx, folder->name);
        folder->name = names;
        *room = larger;
    }
    char *copy = attn_alloc(ctx, strlen(name) + 1);
    if (copy == NULL) return attn_no_memory(ctx, "the names in a folder", strlen(name) + 1);
    folder->name[folder->count++] = memcpy(copy, name, strlen(name) + 1);
    return ATTN_OK;
}

attn_status attn_folder_list(attn_ctx *ctx, const char *path, struct attn_folder *out) {
    attn_status status = ATTN_OK;
    size_t room = 0;
    *out = (struct attn_folder){NULL, 0};
    DIR *directory = opendir(path);
    if (directory == NULL) {
        const bool ours = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO;
        return attn_fail(ctx, ours ? ATTN_ESYSTEM : ATTN_EINVAL, "%s: the folder cannot be read: %s", path, strerror(errno));
    }
    while (status == ATTN_OK) {
        errno = 0; /* readdir says the end and a failure alike */
        const struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0) status = attn_fail(ctx, ATTN_ESYSTEM, "%s: the folder cannot be read: %s", path, strerror(errno));
        if (entry == NULL) break;
        if (entry->d_name[0] != '.') status = add_name(ctx, out, &room, entry->d_name);
    }
    closedir(directory);
    if (status != ATTN_OK)
        attn_folder_free(ctx, out);
    else if (out->count > 0)
        qsort(out->name, out->count, sizeof *out->name, by_name);
    return status;
}

void attn_folder_free(attn_ctx *ctx, struct attn_folder *folder) {
    for (size_t i = 0; i < folder->count; i++) attn_free(ctx, folder->name[i]);
    attn_free(ctx, folder->name);
    *folder = (struct attn_folder){NULL, 0};
}

bool attn_path_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}
