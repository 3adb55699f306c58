/* What reading a safetensors file takes before its elements, and the names of its types. */
#ifndef ATTN_IO_SAFETENSORS_HEADER_H
#define ATTN_IO_SAFETENSORS_HEADER_H

#include "io/safetensors.h"

/* Length of the header, from the first bytes of a file of `size` bytes: all, or ATTN_SAFETENSORS_PREFIX of them. */
attn_status attn_safetensors_length(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, size_t *length);

/* Finds the tensors and texts in file->header, whose escapes it undoes. */
attn_status attn_safetensors_header(attn_ctx *ctx, const char *name, size_t size, struct attn_safetensors *file);

/* The type of ours that goes by a name of safetensors, if there is one, and the way back. */
bool attn_safetensors_type(const char *dtype, enum attn_npy_type *out);
const char *attn_safetensors_type_name(enum attn_npy_type type);

#endif
