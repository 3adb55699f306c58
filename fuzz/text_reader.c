/* Fuzz target: any bytes into the reader of texts, plain or packed. What it accepts is UTF-8, and its lines are all of it. */
#include "io/text.h"
#include "io/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    struct attn_text text;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (attn_text_parse(ctx, "fuzz", data, size, 1 << 20, &text) == ATTN_OK) {
        struct attn_lines lines = attn_lines_of(text.bytes, text.size);
        const char *line;
        size_t length, seen = 0;
        must(text.size <= 1 << 20 && text.bytes[text.size] == '\0');
        must(attn_utf8_valid((const uint8_t *)text.bytes, text.size) == text.size);
        for (; attn_lines_next(&lines, &line, &length); seen++) must(line + length <= text.bytes + text.size);
        must(seen == lines.number && lines.at == text.bytes + text.size);
        attn_text_free(ctx, &text);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
