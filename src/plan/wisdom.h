/* Wisdom: what measuring chose, as text. A context's wisdom is one text of whole lines, shared and never changed: a change makes a new
 * one and puts it in the old one's place, so that planning reads without a lock.
 *
 * A line is a comment (# ...) or an entry of seven fields with | between them:
 *
 *   version | processor | instruction set | problem class | kernel | measured on | times
 *
 * The first four are its key: there is one entry for a key. An entry of another version of the library is kept as it is and not looked
 * into; of this version, the key must be of this processor and of the context's instruction set to be of use, others are kept too.
 */
#ifndef ATTN_PLAN_WISDOM_H
#define ATTN_PLAN_WISDOM_H

#include "base/file.h"
#include "plan/plan.h"

enum { ATTN_WISDOM_BYTES = 1 << 20, ATTN_WISDOM_LINES = 4096, ATTN_WISDOM_LINE = 1024 };

/* A piece of a longer text. */
struct attn_piece {
    const char *at;
    size_t length;
};
bool attn_piece_is(struct attn_piece piece, const char *text);

enum attn_wisdom_field {
    ATTN_WISDOM_VERSION,
    ATTN_WISDOM_CPU,
    ATTN_WISDOM_ISA,
    ATTN_WISDOM_PROBLEM,
    ATTN_WISDOM_KERNEL,
    ATTN_WISDOM_SCOPE,
    ATTN_WISDOM_TIMES,
    ATTN_WISDOM_FIELDS
};

enum attn_wisdom_kind { ATTN_WISDOM_BLANK, ATTN_WISDOM_COMMENT, ATTN_WISDOM_ENTRY, ATTN_WISDOM_FOREIGN, ATTN_WISDOM_MALFORMED };

struct attn_wisdom_line {
    enum attn_wisdom_kind kind; /* FOREIGN: of another version */
    struct attn_piece text;     /* without blanks around it */
    struct attn_piece field[ATTN_WISDOM_FIELDS];
    char complaint[128]; /* of a malformed line: what was found and what was expected */
};

/* Takes a line, without its end, apart. */
void attn_wisdom_parse(const char *text, size_t length, struct attn_wisdom_line *line);

/* Steps through the kernels of a field of times: "flash/avx512 1.2 ms, naive/portable not run" has two. False at the end. */
bool attn_wisdom_next_kernel(struct attn_piece *times, struct attn_piece *kernel);

/* The key of a checked problem in this context, "0.1.0 | AMD EPYC, family 26, model 2 | avx512 | f32 bhtd heads 8:2 ...": all that may
 * decide which kernel is fastest. Lengths and batch are rounded up to three significant binary digits; threads are not in it, as measuring
 * uses one. */
void attn_wisdom_key(const attn_ctx *ctx, const attn_problem *problem, char key[ATTN_WISDOM_LINE]);

/* The entry of a key, copied. */
struct attn_wisdom_entry {
    char kernel[ATTN_WISDOM_LINE], scope[ATTN_WISDOM_LINE], times[ATTN_WISDOM_LINE];
};
bool attn_wisdom_find(attn_ctx *ctx, const char *key, struct attn_wisdom_entry *out);

/* Adds a line, or puts it in the place of the one with its key. */
attn_status attn_wisdom_add(attn_ctx *ctx, const char *line);

/* Entries that this context's plans may use, and others that are only kept. */
void attn_wisdom_count(attn_ctx *ctx, int *usable, int *others);

/* Imports `text`; notes name `source` (NULL: no name). */
attn_status attn_wisdom_merge(attn_ctx *ctx, const char *source, const char *text, size_t bytes);

/* attn_wisdom_load and attn_wisdom_save on a file system of the tests; NULL: the operating system's. */
attn_status attn_wisdom_load_from(attn_ctx *ctx, const struct attn_file_system *system, const char *path);
attn_status attn_wisdom_save_to(attn_ctx *ctx, const struct attn_file_system *system, const char *path);

#endif
