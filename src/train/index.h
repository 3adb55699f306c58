/* An index over the folders of a store: one SQLite file in it, .index.sqlite, that says of each run what its folder said when it was last read.
 *
 * Folders are the truth and the index is disposable. A row counts only while the sizes and times of its folder's files are those that it was
 * made from, and only if its checksum is right; any other run is read from its folder and put into the index again. So an index that is
 * missing, old, broken, locked or written by two at once costs time, and changes no answer. A file that SQLite finds broken, or of another version, is
 * taken away.
 *
 * One transaction reads, and one writes, each under SQLite's POSIX locks, waited for at most one second; what cannot be written is left to
 * the next reader. There is no write-ahead log, which network file systems cannot have, nor a journal or sync: there is nothing to lose. A file
 * system without locks, or one that may not be written, has no index.
 *
 * It stands on this floor, not on the report's, as training asks for runs by their recipe. */
#ifndef ATTN_TRAIN_INDEX_H
#define ATTN_TRAIN_INDEX_H

#include "train/store.h"

#define ATTN_INDEX_FILE ".index.sqlite"

/* A store with fewer folders has no index: reading them is as fast. */
enum { ATTN_INDEX_LEAST = 48 };

/* What the files of a run were when it was read; all 0: there are none. */
struct attn_index_stamp {
    int64_t recipe_bytes, recipe_time, metrics_bytes, metrics_time; /* times in nanoseconds */
};
struct attn_index_stamp attn_index_stamp(const char *folder);

/* A folder of the store. */
struct attn_index_row {
    const char *name;
    struct attn_index_stamp stamp;
    struct attn_run_summary *summary; /* the caller's; its state is what the lines say: whether it is running is asked of the folder */
    char *recipe;                     /* recipe.json; freed by attn_free. NULL: no run, or not known yet */
    bool known;                       /* from the index */
};

/* Fills in the rows that the index has, by names in the order of strcmp. Where `stamps`, only those whose stamp is the row's. `gone` counts those of folders
 * that are not among the names. */
void attn_index_take(attn_ctx *ctx, const char *store, struct attn_index_row *rows, size_t count, bool stamps, size_t *gone);

/* Keeps the rows with a recipe that are not known, and forgets those of other names where `forget`. */
void attn_index_keep(attn_ctx *ctx, const char *store, const struct attn_index_row *rows, size_t count, bool forget);

#endif
