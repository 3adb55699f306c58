/* The two steps that reading a safetensors file takes before its elements. */
#ifndef ATTN_IO_SAFETENSORS_HEADER_H
#define ATTN_IO_SAFETENSORS_HEADER_H

#include "io/safetensors.h"

/* Length of the header, from the first bytes of a file of `size` bytes: all, or ATTN_SAFETENSORS_PREFIX of them. */
attn_status attn_safetensors_length(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, size_t *length);

/* Finds the tensors in file->header, whose escapes it undoes. */
attn_status attn_safetensors_header(attn_ctx *ctx, const char *name, size_t size, struct attn_safetensors *file);

#endif
