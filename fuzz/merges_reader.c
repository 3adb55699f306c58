/* Fuzz target: any bytes as GPT-2's two files, encoder.json up to the first byte 0, vocab.bpe behind it. What is accepted gives any bytes
 * back. */
#include "io/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void round_trip(attn_ctx *ctx, const struct attn_tokenizer *t, const char *text, size_t size) {
    int32_t *numbers;
    size_t count, again;
    char *back;
    must(attn_tokenizer_encode(ctx, t, "fuzz", text, size, &numbers, &count) == ATTN_OK);
    must(attn_tokenizer_decode(ctx, t, numbers, count, &back, &again) == ATTN_OK);
    must(again == size && memcmp(back, text, size) == 0);
    attn_free(ctx, numbers);
    attn_free(ctx, back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *zero = size == 0 ? NULL : memchr(text, 0, size);
    const size_t first = zero == NULL ? size : (size_t)(zero - text), second = zero == NULL ? 0 : size - first - 1;
    attn_ctx *ctx = NULL;
    struct attn_tokenizer *t = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    attn_status status = attn_tokenizer_new(ctx, ATTN_TOKENIZER_BPE, &t);
    if (status == ATTN_OK) status = attn_bpe_take_encoder(ctx, "fuzz", text, first, t);
    if (status == ATTN_OK) status = attn_bpe_take_merges(ctx, "fuzz", zero == NULL ? text + size : zero + 1, second, t);
    if (status == ATTN_OK) status = attn_bpe_finish(ctx, t, "fuzz", true);
    if (status == ATTN_OK) round_trip(ctx, t, text, size);
    attn_tokenizer_free(ctx, t);
    attn_ctx_destroy(ctx);
    return 0;
}
