#include "io/text.h"

#include "io/inflate.h"
#include "io/utf8.h"

#include <string.h>

void attn_text_free(attn_ctx *ctx, struct attn_text *text) {
    attn_free(ctx, text->bytes);
    *text = (struct attn_text){NULL, 0};
}

attn_status attn_text_check(attn_ctx *ctx, const char *name, const char *bytes, size_t size) {
    const size_t at = attn_utf8_valid((const uint8_t *)bytes, size);
    size_t line = 1;
    if (at == size) return ATTN_OK;
    for (const char *s = bytes; (s = memchr(s, '\n', at - (size_t)(s - bytes))) != NULL; s++) line++;
    return attn_fail(ctx, ATTN_EINVAL, "%s: line %zu, byte %zu: found byte 0x%02x, expected text in UTF-8", name, line, at,
                     (unsigned)(uint8_t)bytes[at]);
}

/* Takes over `bytes`, which were allocated with a 0 behind them. */
static attn_status finish(attn_ctx *ctx, const char *name, uint8_t *bytes, size_t size, size_t limit, struct attn_text *out) {
    attn_status status = ATTN_OK;
    if (size >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) { /* no text in UTF-8 begins so */
        uint8_t *plain;
        status = attn_inflate(ctx, name, ATTN_INFLATE_GZIP, bytes, size, limit, &plain, &size);
        attn_free(ctx, bytes);
        if (status != ATTN_OK) return status;
        bytes = plain;
    }
    status = attn_text_check(ctx, name, (const char *)bytes, size);
    if (status != ATTN_OK) {
        attn_free(ctx, bytes);
        return status;
    }
    const size_t mark = size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (mark > 0) memmove(bytes, bytes + mark, size - mark + 1);
    *out = (struct attn_text){(char *)bytes, size - mark};
    return ATTN_OK;
}

attn_status attn_text_read(attn_ctx *ctx, const struct attn_file_system *system, const char *path, size_t limit, struct attn_text *out) {
    uint8_t *bytes;
    size_t size;
    const attn_status status = attn_file_read(ctx, system, path, limit, &bytes, &size);
    return status == ATTN_OK ? finish(ctx, path, bytes, size, limit, out) : status;
}

attn_status attn_text_parse(attn_ctx *ctx, const char *name, const uint8_t *bytes, size_t size, size_t limit, struct attn_text *out) {
    if (size > limit) return attn_fail(ctx, ATTN_EINVAL, "%s: found %zu bytes, expected at most %zu", name, size, limit);
    uint8_t *copy = attn_alloc(ctx, size + 1);
    if (copy == NULL) return attn_no_memory(ctx, name, size + 1);
    memcpy(copy, bytes, size);
    copy[size] = 0;
    return finish(ctx, name, copy, size, limit, out);
}

struct attn_lines attn_lines_of(const char *bytes, size_t size) {
    return (struct attn_lines){bytes, bytes + size, 0};
}

bool attn_lines_next(struct attn_lines *lines, const char **line, size_t *length) {
    if (lines->at == lines->end) return false;
    const char *begin = lines->at, *end = memchr(begin, '\n', (size_t)(lines->end - begin));
    lines->at = end == NULL ? lines->end : end + 1;
    if (end == NULL)
        end = lines->end;
    else if (end > begin && end[-1] == '\r')
        end--;
    lines->number++;
    *line = begin;
    *length = (size_t)(end - begin);
    return true;
}
