/* The header of an .npy file, parsed and checked. */
#ifndef ATTN_IO_NPY_HEADER_H
#define ATTN_IO_NPY_HEADER_H

#include "io/npy.h"

struct attn_npy_header {
    enum attn_npy_type type;
    bool swapped, fortran;
    int rank;
    int64_t shape[ATTN_NPY_RANK];
    size_t count, bytes; /* elements, and their bytes */
    size_t data;         /* where they begin in the file */
};

/* `bytes` holds the first `held` bytes of a file of `size` bytes; held is at least the smaller of size and ATTN_NPY_HEADER + 12. */
attn_status attn_npy_header_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t held, size_t size,
                                  struct attn_npy_header *out);

#endif
