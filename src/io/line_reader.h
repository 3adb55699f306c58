/* The lines of a file of any size, plain or packed by gzip (told by its first bytes, not by its name), in the memory of a block and of the longest
 * line. A byte order mark at the beginning is dropped. One reader is used by one thread at a time. */
#ifndef ATTN_IO_LINE_READER_H
#define ATTN_IO_LINE_READER_H

#include "base/file.h"

struct attn_line_reader;

/* Lines of at most `limit` bytes. *out is closed by attn_line_reader_close, before the context is destroyed. ATTN_EINVAL: no regular file that can
 * be read; ATTN_EUNSUPPORTED: packed, and there is no zlib. */
attn_status attn_line_reader_open(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit,
                                  struct attn_line_reader **out);
void attn_line_reader_close(struct attn_line_reader *reader); /* NULL is allowed */

/* The next line, without its end ("\n" or "\r\n", which the last may lack) and with a 0 behind it, in the reader's memory until the next call; or
 * *end. ATTN_EINVAL, with the number of the line: it is too long, holds a byte 0, or the packed data are damaged or cut off. */
attn_status attn_line_reader_next(struct attn_line_reader *reader, const char **line, size_t *length, bool *end);

/* Of the line that was given last, from 1. */
int64_t attn_line_reader_number(const struct attn_line_reader *reader);

#endif
