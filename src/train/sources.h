/* What a run is made of beside its recipe: the contents of the files that the recipe names, and of the plugins whose mixers it has. env.json says
 * them,
 *
 *   "files": [{"field": "data", "path": "text.txt", "bytes": 1234, "sha256": "..."}],
 *   "plugins": [{"path": "./mine.so", "mixers": ["mine"], "bytes": 1234, "sha256": "..."}]
 *
 * and a run whose files or plugins are others now is not the run that is asked for. A file that is not there now cannot be another; a run without
 * these entries counts by its recipe. */
#ifndef ATTN_TRAIN_SOURCES_H
#define ATTN_TRAIN_SOURCES_H

#include "attn_train.h"
#include "base/file.h"
#include "base/sha256.h"
#include "train/recipe.h"

#include <stdio.h>

enum {
    ATTN_SOURCES = 80, /* of a recipe, at most: its files and all plugins */
    ATTN_SOURCES_SENTENCE = 1024
};

struct attn_source {
    const char *field;         /* of the recipe; NULL: a plugin */
    const attn_plugin *plugin; /* NULL: a file */
    char path[ATTN_FILE_PATH];
    bool missing; /* there is no such file, or it cannot be read */
    int64_t bytes;
    char hash[ATTN_SHA256_TEXT];
};

struct attn_source_list {
    struct attn_source *at;
    int count;
};

/* What one process knows: the plugins that it has loaded, and files that it has hashed, so that none is hashed twice while its size, time and place on
 * the disk stay. One thread at a time. */
struct attn_sources {
    attn_ctx *ctx;
    struct attn_hashed_file *hashed;
    struct {
        const char *path;
        const attn_plugin *plugin;
    } plugin[64];
    int plugins;
    char said[ATTN_SOURCES_SENTENCE]; /* the last sentence about runs that do not count, which is not said again */
};
void attn_sources_open(attn_ctx *ctx, struct attn_sources *out);
void attn_sources_close(struct attn_sources *sources);

/* A plugin that has been loaded from `path`; both must last. */
attn_status attn_sources_plugin(struct attn_sources *sources, const char *path, const attn_plugin *plugin);

/* What a run of the recipe would be made of now, with fields and texts of the recipe; freed by attn_source_list_free. Sentences go to ctx. recipe NULL: of the
 * plugins alone. sources NULL: an empty list. */
attn_status attn_sources_of(attn_ctx *ctx, struct attn_sources *sources, const struct attn_recipe *recipe, struct attn_source_list *out);
void attn_source_list_free(attn_ctx *ctx, struct attn_source_list *list);

/* A number that equal contents share. */
uint64_t attn_source_list_hash(const struct attn_source_list *list);

/* The entries of env.json, "\"files\": [...], \"plugins\": [...]". */
void attn_source_list_write(FILE *file, const struct attn_source_list *list);

/* Where a run with this env.json, of `env_bytes` bytes, was made of something else: a sentence about the first difference; "" where there is none, or
 * nothing to compare. */
void attn_sources_compare(const char *env, size_t env_bytes, const struct attn_recipe *recipe, const struct attn_source_list *now,
                          char *text, size_t size);

#endif
