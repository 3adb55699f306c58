/* What a system, or its claims, adds to the report: pictures and tables of its own, as what a model attends to. */
#ifndef ATTN_TRAIN_EXHIBIT_H
#define ATTN_TRAIN_EXHIBIT_H

#include "train/store.h"

/* A picture, a table or both, under a title. All texts are texts: the report escapes them. What is pointed to must last while it is shown. */
struct attn_exhibit {
    const char *name; /* of its files, of letters, digits and '-': "hull" */
    const char *title;
    const char *caption; /* a sentence or two under it; NULL: none */
    const char *desc;    /* of the picture, for those who do not see it */
    const char *svg; /* one <svg> with a viewBox: shapes, texts and PNG images; colour #010203 becomes that of the text; NULL: no picture */
    const char *const *head; /* of the table's columns; columns 0: no table */
    const char *const *cell; /* [row][column]; NULL: nothing */
    int columns, rows;
};

/* Shows one; ATTN_EINVAL: its picture cannot be shown. */
typedef attn_status (*attn_exhibit_show)(void *user, const struct attn_exhibit *exhibit);

/* A system's function: shows what it has to say of these runs, which are of its task `task`. */
typedef attn_status (*attn_exhibits_fn)(attn_ctx *ctx, const char *task, const struct attn_run_summary *const *runs, int64_t count,
                                        attn_exhibit_show show, void *user);

#endif
