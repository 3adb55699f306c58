/* Grey pictures as PNG files. */
#ifndef ATTN_IO_PNG_H
#define ATTN_IO_PNG_H

#include "base/context.h"

/* Writes width x height bytes, 0 black, row after row. The file appears whole or not at all. ATTN_ESYSTEM where the program was built
 * without libpng. */
attn_status attn_png_write(attn_ctx *ctx, const char *path, const uint8_t *grey, int width, int height);

#endif
