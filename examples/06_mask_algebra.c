/* Masks are values: made from text, bands, blocks or a rule, combined with and, or, not, compiled once for given lengths, asked. */
#include <attn.h>

#include <stdio.h>
#include <stdlib.h>

enum { T = 12 };

static attn_ctx *ctx;

static void must(attn_status status) {
    char text[1024];
    if (status == ATTN_OK) return;
    fprintf(stderr, "%s\n", attn_ctx_error(ctx, text, sizeof text));
    exit(1);
}

/* Compiles for T x T, draws, and lets go. */
static void show(const char *title, attn_mask *mask) {
    attn_mask *compiled;
    must(attn_mask_compile(ctx, mask, T, T, &compiled));
    printf("%s: %lld pairs\n", title, (long long)attn_mask_area(compiled));
    for (int i = 0; i < T; i++) {
        for (int j = 0; j < T; j++) putchar(attn_mask_allows(compiled, i, j) ? '#' : '.');
        int64_t interval[8];
        const int64_t count = attn_mask_row(compiled, i, interval, 4);
        for (int64_t n = 0; n < count && n < 4; n++) printf(" [%lld, %lld)", (long long)interval[2 * n], (long long)interval[2 * n + 1]);
        putchar('\n');
    }
    attn_mask_destroy(compiled);
}

static int same_parity(void *user, int64_t q, int64_t k) {
    (void)user;
    return q % 2 == k % 2;
}

int main(void) {
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) return 1;
    attn_mask *window, *first, *either, *causal, *result, *rule;
    must(attn_mask_band(ctx, -2, 2, ATTN_TOP_LEFT, &window));
    const attn_slice first_keys = {.q_begin = 0, .q_end = T, .k_begin = 0, .k_end = 2, .low = -ATTN_UNLIMITED, .high = ATTN_UNLIMITED};
    must(attn_mask_slices(ctx, T, T, &first_keys, 1, &first));
    must(attn_mask_or(ctx, window, first, &either));
    must(attn_mask_parse(ctx, "causal", &causal));
    must(attn_mask_and(ctx, either, causal, &result));
    attn_mask_destroy(window), attn_mask_destroy(first), attn_mask_destroy(either); /* result keeps what it needs */
    show("causal & (window 2,2 | first two keys)", result);

    must(attn_mask_predicate(ctx, T, T, same_parity, NULL, NULL, &rule));
    attn_mask_destroy(result);
    must(attn_mask_and(ctx, causal, rule, &result));
    show("causal & same parity", result);

    char text[1024];
    attn_mask *wrong;
    if (attn_mask_parse(ctx, "causal & document:5,x", &wrong) == ATTN_EMASK) printf("%s\n", attn_ctx_error(ctx, text, sizeof text));
    attn_mask_destroy(rule), attn_mask_destroy(causal), attn_mask_destroy(result);
    attn_ctx_destroy(ctx);
    return 0;
}
