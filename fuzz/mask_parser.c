/* Fuzz target: any bytes into the parser of masks. It must answer with a status; what it accepts must print a text that is accepted
 * again and prints the same, and compile to rows whose keys add up to the area. Files are not read. */
#include "mask/view.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVALS = 512, LENGTH = 37, LONGEST = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check_text(attn_ctx *ctx, const attn_mask *mask) {
    const size_t size = attn_mask_text(mask, NULL, 0) + 1;
    char *text = malloc(size), *again = malloc(size);
    attn_mask *second = NULL;
    must(text && again);
    must(attn_mask_text(mask, text, size) == size - 1);
    must(attn_mask_parse(ctx, text, &second) == ATTN_OK);
    must(attn_mask_text(second, again, size) == size - 1 && strcmp(text, again) == 0);
    attn_mask_destroy(second);
    free(again);
    free(text);
}

static void check_rows(attn_ctx *ctx, const attn_mask *mask, int64_t q_len, int64_t k_len) {
    attn_mask *compiled = NULL;
    if (attn_mask_compile(ctx, mask, q_len, k_len, &compiled) != ATTN_OK) return;
    int64_t keys = 0, interval[2 * INTERVALS];
    bool counted = true;
    for (int64_t q = 0; q < q_len; q++) {
        const int64_t count = attn_mask_row(compiled, q, interval, INTERVALS);
        counted = counted && count <= INTERVALS;
        for (int64_t i = 0; i < count && i < INTERVALS; i++) keys += interval[2 * i + 1] - interval[2 * i];
    }
    must(!counted || keys == attn_mask_area(compiled));
    attn_mask_destroy(compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    attn_mask *mask = NULL;
    char *text = malloc(size + 1);
    must(text && attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    if (!strchr(text, '@') && attn_mask_parse(ctx, text, &mask) == ATTN_OK) {
        int64_t q_len, k_len;
        attn_mask_lengths(mask, &q_len, &k_len);
        check_text(ctx, mask);
        if (q_len < 0) {
            check_rows(ctx, mask, LENGTH, LENGTH);
            check_rows(ctx, mask, LENGTH, 2 * LENGTH);
            check_rows(ctx, mask, 0, LENGTH);
        } else if (q_len <= LONGEST && k_len <= LONGEST) {
            check_rows(ctx, mask, q_len, k_len);
        }
    }
    attn_mask_destroy(mask);
    attn_ctx_destroy(ctx);
    free(text);
    return 0;
}
