/* NumPy's array files, format versions 1, 2 and 3 (numpy.lib.format): magic, version, length of the header, the header as a Python
 * dictionary of exactly 'descr', 'fortran_order' and 'shape', then the elements. A file may be hostile: every number is checked before
 * it is used, and the elements must fill the file to its last byte. Messages: "FILE: byte N: found X, expected Y". */
#ifndef ATTN_IO_NPY_H
#define ATTN_IO_NPY_H

#include "base/file.h"

/* ATTN_NPY_BF16 is of arrays in memory and of safetensors files: .npy has no such type. */
enum attn_npy_type { ATTN_NPY_BF16, ATTN_NPY_F16, ATTN_NPY_F32, ATTN_NPY_F64, ATTN_NPY_I32, ATTN_NPY_I64, ATTN_NPY_U8, ATTN_NPY_BOOL };

enum { ATTN_NPY_RANK = 16, ATTN_NPY_HEADER = 65536, ATTN_NPY_COMPOSED = 1024 };

/* An array in memory: row-major, in this machine's byte order, whatever the file had. */
struct attn_npy {
    enum attn_npy_type type;
    int rank;
    int64_t shape[ATTN_NPY_RANK];
    size_t count; /* elements */
    void *data;   /* aligned to 64; freed by attn_npy_free */
};

size_t attn_npy_size(enum attn_npy_type type);      /* bytes of an element */
const char *attn_npy_name(enum attn_npy_type type); /* "float32" */

/* Turns the bytes of each of `count` elements of `size` bytes around. */
void attn_npy_swap(uint8_t *data, size_t count, size_t size);

/* From bytes in memory; `name` stands for the file in messages. */
attn_status attn_npy_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_npy *out);
attn_status attn_npy_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_npy *out);
void attn_npy_free(attn_ctx *ctx, struct attn_npy *array);

/* What stands before the elements of a file of version 1.0; returns its bytes. */
size_t attn_npy_compose(char header[ATTN_NPY_COMPOSED], enum attn_npy_type type, int rank, const int64_t *shape);
/* Writes version 1.0, row-major, into a writer that was begun; the caller syncs and commits. */
attn_status attn_npy_write(attn_ctx *ctx, struct attn_file_writer *writer, enum attn_npy_type type, int rank, const int64_t *shape,
                           const void *data);

/* A copy of the elements as float or double; what the type cannot hold exactly is rounded. ATTN_ENOMEM only. */
attn_status attn_npy_to_f32(attn_ctx *ctx, const struct attn_npy *array, float **out);
attn_status attn_npy_to_f64(attn_ctx *ctx, const struct attn_npy *array, double **out);
attn_status attn_npy_to_half(attn_ctx *ctx, const struct attn_npy *array, attn_dtype type, uint16_t **out); /* ATTN_BF16 or ATTN_F16 */
/* The same as integers; a fractional or too large element is ATTN_EINVAL with its index. */
attn_status attn_npy_to_i32(attn_ctx *ctx, const char *name, const struct attn_npy *array, int32_t **out);

#endif
