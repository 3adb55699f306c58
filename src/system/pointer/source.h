/* Where examples come from: drawn from a seed as they are needed, or read from a file in the paper's format.
 *
 * A step's examples depend on the step's number alone. Of a set that repeats they are drawn with replacement; of one that does not every example is new. A batch is
 * of one number of points, drawn for each step, or mixed. */
#ifndef ATTN_SYSTEM_POINTER_SOURCE_H
#define ATTN_SYSTEM_POINTER_SOURCE_H

#include "system/pointer/batch.h"

/* The examples of a file, those of equal numbers of points together. */
struct attn_pointer_file {
    int64_t count, least, most; /* examples; points of the shortest and of the longest */
    int64_t most_line;          /* where the first of the longest stands */
    int64_t most_tokens;
    double *xy;
    int32_t *tokens;                 /* with the end */
    int64_t *first_xy, *first_token; /* [count + 1] */
};

struct attn_pointer_source {
    const struct attn_pointer_problem *problem;
    struct attn_pointer_file *file; /* NULL: examples are drawn */
    uint64_t seed;
    int64_t low, high; /* points, each number as likely */
    int64_t examples;  /* of a set that repeats, in equal parts for each number of points; 0: every example is new */
    bool mixed;        /* a batch has examples of all numbers of points */
    bool unlabelled;   /* points alone: examples have no tokens */
    int64_t batch;     /* examples of a step */
    uint16_t *kept;    /* structures of a set that repeats and are slow to find, [examples, high], as tokens; 0: not known yet */
};

/* The file's examples; in those of tours and hulls the closing point is put in, or left out, as the problem has it. */
attn_status attn_pointer_file_read(attn_ctx *ctx, const struct attn_pointer_problem *problem, const char *path,
                                   struct attn_pointer_file **out);
void attn_pointer_file_free(attn_ctx *ctx, struct attn_pointer_file *file);

/* Makes room for what the source keeps; closed also after a failure. */
attn_status attn_pointer_source_open(attn_ctx *ctx, struct attn_pointer_source *source);
void attn_pointer_source_close(attn_ctx *ctx, struct attn_pointer_source *source);

/* Tokens of the longest answer. */
int64_t attn_pointer_source_tokens(const struct attn_pointer_source *source);

/* Examples [first, first + count) of step number `step`. scratch: attn_pointer_source_scratch bytes for each of the context's threads. */
size_t attn_pointer_source_scratch(const struct attn_pointer_source *source);
void attn_pointer_source_fill(attn_ctx *ctx, const struct attn_pointer_source *source, int64_t step, int64_t first, int64_t count,
                              void *scratch, struct attn_pointer_batch *out);

/* Example `index` of n points as it stands in the set: what tests, files and pictures are made of. */
void attn_pointer_source_example(const struct attn_pointer_source *source, int64_t n, int64_t index, void *scratch, double *xy,
                                 int32_t *tokens, int64_t *count);

#endif
