/* Saved models as C for microcontrollers: one source and one header of C99 with the weights in them, no memory but the state's, no library but libm, and none
 * with no_libm.
 *
 *   NAME_state s;                             one for each stream; NAME_STATE_BYTES, whose size does not depend on the number of rows
 *   NAME_init(&s);
 *   NAME_push(&s, in, out);                   float in[NAME_INPUTS], out[NAME_OUTPUTS]: what attn_task.push answers, to 1e-5
 *
 * int8: matrices are 8-bit numbers with a factor for each row; activations stay float. A quarter of the flash. */
#ifndef ATTN_TRAIN_EXPORT_H
#define ATTN_TRAIN_EXPORT_H

#include "base/file.h"
#include "train/job.h"

struct attn_export_options {
    const char *folder;                    /* made where it is missing */
    const char *name;                      /* a C identifier; of files, functions and types */
    const char *data;                      /* what the loss of accuracy is measured on, a file; NULL: the recipe's */
    bool int8, no_libm, force;             /* force: over files that are there */
    const struct attn_file_system *system; /* NULL: the operating system's */
};

struct attn_export_report {
    char source[ATTN_FILE_PATH], header[ATTN_FILE_PATH];
    int64_t inputs, outputs, weight_bytes, state_bytes;
    int64_t products;                  /* multiplications of weights in one push */
    int64_t flash_bytes;               /* of the compiled source, code and weights; -1: there is no compiler */
    struct attn_figures before, after; /* int8: of the model with the weights it had, and with those that are written */
    char unmeasured[1024];             /* int8: why there are no such figures; "" where there are */
};

/* Writes NAME.c and NAME.h. With int8 the job's own weights are rounded as the written ones are, and its figures taken before and after. ATTN_EUNSUPPORTED: this
 * task, or this model, cannot be exported, with what can. ATTN_EINVAL: a name that is no identifier, files that are there, a folder that cannot be made, weights
 * that are not finite, data of options.data that cannot be read. */
attn_status attn_export(struct attn_job *job, const struct attn_export_options *options, struct attn_export_report *out);

/* The compiler and options that flash_bytes are of. */
extern const char attn_export_compiler[];

#endif
