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

/* One text of __metadata__, without escapes and without a 0. */
struct attn_safetensors_pair {
    const char *key, *value;
    uint32_t key_length, value_length;
};

/* A file's tensors, sorted by name, and its texts, sorted by key. */
struct attn_safetensors {
    char *header; /* of `length` bytes */
    size_t length;
    struct attn_safetensors_entry *tensor;
    size_t count;
    struct attn_safetensors_pair *pair;
    size_t pairs;
};

/* What a file holds, from all its bytes in memory; `name` stands for it in messages. Freed by attn_safetensors_free. */
attn_status attn_safetensors_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, struct attn_safetensors *out);
void attn_safetensors_free(attn_ctx *ctx, struct attn_safetensors *file);

const struct attn_safetensors_entry *attn_safetensors_find(const struct attn_safetensors *file, const char *name); /* NULL: there is none */
void attn_safetensors_shape(const struct attn_safetensors *file, const struct attn_safetensors_entry *tensor, int64_t shape[ATTN_NPY_RANK]);
const char *attn_safetensors_dtype(const struct attn_safetensors_entry *tensor); /* "BF16" */

/* The text under `key` of __metadata__, unescaped, with a 0 behind it, freed by attn_free; *out NULL: there is none. A text that holds
 * a character 0 itself is ATTN_EINVAL. */
attn_status attn_safetensors_metadata(attn_ctx *ctx, const struct attn_safetensors *file, const char *key, char **out);

/* A file that stays open while many of its tensors are read: its header is read and checked once. */
struct attn_safetensors_reader {
    struct attn_safetensors list;
    struct attn_file file;
    char path[ATTN_FILE_PATH];
};
attn_status attn_safetensors_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path,
                                  struct attn_safetensors_reader *out);
/* One tensor, in this machine's byte order. A name that the file has not, or a type that no array of ours has, is ATTN_EINVAL. */
attn_status attn_safetensors_take(attn_ctx *ctx, const struct attn_safetensors_reader *reader, const char *tensor, struct attn_npy *out);
void attn_safetensors_close(attn_ctx *ctx, struct attn_safetensors_reader *reader);

/* The three at once, for a single tensor. */
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

/* A text under a key of __metadata__: any UTF-8, so that JSON fits into it. */
struct attn_safetensors_text {
    const char *key, *value;
};

/* Writes all into a writer that was begun; the caller syncs and commits. Names of tensors must differ, not be empty or "__metadata__",
 * and be UTF-8 without control characters. Keys that are there twice, texts that are not UTF-8 and a header above 100,000,000 bytes are
 * ATTN_EINVAL, before anything is written. */
attn_status attn_safetensors_write(attn_ctx *ctx, struct attn_file_writer *writer, const struct attn_safetensors_text *texts,
                                   int text_count, const struct attn_safetensors_source *tensors, int count);

#endif
