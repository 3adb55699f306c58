/* Text files: UTF-8, whole in memory, plain or packed by gzip (told by their first bytes, not by their names). A byte order mark at the
 * beginning is dropped. Messages name line and byte. */
#ifndef ATTN_IO_TEXT_H
#define ATTN_IO_TEXT_H

#include "base/file.h"

struct attn_text {
    char *bytes; /* with a 0 behind them; freed by attn_text_free */
    size_t size;
};

/* At most `limit` bytes, in the file and unpacked; what unpacking may cost is said in io/inflate.h. A file that is no text, damaged or
 * too large is ATTN_EINVAL; a packed one is ATTN_EUNSUPPORTED without zlib. */
attn_status attn_text_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit, struct attn_text *out);
/* The same from the bytes of such a file; `name` stands for it in messages. */
attn_status attn_text_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, size_t limit, struct attn_text *out);
void attn_text_free(attn_ctx *ctx, struct attn_text *text);

/* A valid UTF-8 text, or ATTN_EINVAL with line and byte. */
attn_status attn_text_check(attn_ctx *ctx, const char *name, const char *bytes, size_t size);

/* The lines of a text, without their ends ("\n" or "\r\n"); the last may lack its end. Nothing behind the last end is no line. */
struct attn_lines {
    const char *at, *end;
    size_t number; /* of the line that was given last, from 1 */
};
struct attn_lines attn_lines_of(const char *bytes, size_t size);
bool attn_lines_next(struct attn_lines *lines, const char **line, size_t *length);

#endif
