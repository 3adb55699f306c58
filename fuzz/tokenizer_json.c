/* Fuzz target: any bytes as a tokenizer in JSON. What is accepted writes the same JSON again, encodes and decodes. */
#include "base/context.h"
#include "io/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check(attn_ctx *ctx, const struct attn_tokenizer *t) {
    static const char text[] = "the \xC3\xA9 cat\n \xFF x";
    struct attn_tokenizer *again;
    char *json, *back;
    int32_t *numbers;
    size_t count, size;
    must(attn_tokenizer_text(ctx, t, &json, &size) == ATTN_OK);
    must(attn_tokenizer_parse(ctx, "fuzz", json, size, &again) == ATTN_OK);
    must(attn_tokenizer_vocabulary(again) == attn_tokenizer_vocabulary(t));
    attn_tokenizer_free(ctx, again);
    attn_free(ctx, json);
    if (attn_tokenizer_encode(ctx, t, "fuzz", text, sizeof text - 1, &numbers, &count) != ATTN_OK) return;
    must(attn_tokenizer_decode(ctx, t, numbers, count, &back, &size) == ATTN_OK);
    if (attn_tokenizer_kind(t) == ATTN_TOKENIZER_BPE) must(size == sizeof text - 1 && memcmp(back, text, size) == 0);
    attn_free(ctx, numbers);
    attn_free(ctx, back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    struct attn_tokenizer *t;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (attn_tokenizer_parse(ctx, "fuzz", (const char *)data, size, &t) == ATTN_OK) {
        check(ctx, t);
        attn_tokenizer_free(ctx, t);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
