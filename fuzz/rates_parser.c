/* Fuzz target: any bytes as a table of kernel rates. What is taken answers every question with a number above 0, or 0 for a pass it lacks. */
#include "dist/cp/rates.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const double densities[] = {0, 1e-3, 0.5, 1}, lengths[] = {1, 100, 4096.5, 1e9};
    struct attn_rates rates;
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    const attn_status status = attn_rates_parse(ctx, "fuzz", (const char *)data, size, &rates);
    must(status == ATTN_OK || status == ATTN_EINVAL);
    must((status == ATTN_OK) == (rates.rows > 0));
    for (int i = 0; i < 64 && !status; i++) {
        const double rate = attn_rates_at(&rates, i & 1, densities[i / 2 % 4], lengths[i / 8 % 4], i < 32 ? 64 : 7);
        must(rate >= 0 && isfinite(rate));
    }
    attn_rates_close(&rates);
    attn_ctx_destroy(ctx);
    return 0;
}
