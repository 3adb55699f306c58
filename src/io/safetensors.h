/* safetensors files (github.com/huggingface/safetensors, the format as its README has it): the length of the header (8 bytes,
 * little-endian), the header, a JSON object
 *   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {"KEY": "TEXT", ...}}
 * perhaps with blanks behind it, and the elements, row-major and little-endian, which fill the rest of the file without a hole or overlap.
 *
 * A file may be hostile: every number is checked before it is used, and memory follows what was read. Refused, besides what is no such
 * object: names and keys that appear twice, that are empty or hold control characters, unknown types, integers that are negative,
 * fractional or above 2^63 - 1, headers above 100,000,000 bytes, ranks above 16, more than 1,000,000 tensors. Messages name the byte of
 * the file, or the tensor. */
#ifndef ATTN_IO_SAFETENSORS_H
#define ATTN_IO_SAFETENSORS_H

#include "io/npy.h"

enum { ATTN_SAFETENSORS_PREFIX = 8, ATTN_SAFETENSORS_HEADER = 100000000, ATTN_SAFETENSORS_TENSORS = 1000000 };

struct attn_safetensors_entry {
    const char *name; /* of `length` bytes, without escapes and without a 0 */
    uint32_t length;
    uint32_t shape; /* where its extents stand in the header */
    uint8_t rank, dtype;
    uint64_t begin, end; /* bytes of its elements, behind the header */
};

/* A file's tensors, sorted by name. */
struct attn_safetensors {
    char *header; /* of `length` bytes */
    size_t length;
    struct attn_safetensors_entry *tensor;
    size_t count;
};

/* What a file holds, from all its bytes in memory, or from the file; `name` stands for it in messages. Freed by attn_safetensors_free. */
attn_status attn_safetensors_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_safetensors *out);
attn_status attn_safetensors_list(attn_ctx *ctx, const struct attn_file_system *system, const char *path, struct attn_safetensors *out);
void attn_safetensors_free(attn_ctx *ctx, struct attn_safetensors *file);

const struct attn_safetensors_entry *attn_safetensors_find(const struct attn_safetensors *file, const char *name); /* NULL: there is none */
void attn_safetensors_shape(const struct attn_safetensors *file, const struct attn_safetensors_entry *tensor, int64_t shape[ATTN_NPY_RANK]);
const char *attn_safetensors_dtype(const struct attn_safetensors_entry *tensor); /* "BF16" */

/* One tensor of a file, in this machine's byte order. A name that the file has not, or a type that no array of ours has, is ATTN_EINVAL. */
attn_status attn_safetensors_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, const char *tensor,
                                  struct attn_npy *out);

/* What a file that is written holds. */
struct attn_safetensors_source {
    const char *name;
    enum attn_npy_type type;
    int rank;
    const int64_t *shape;
    const void *data;
};

/* Writes all into a writer that was begun; the caller syncs and commits. Names must differ and be plain: no quotes, backslashes or control
 * characters. */
attn_status attn_safetensors_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_source *tensors, int count);

#endif
