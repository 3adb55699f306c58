/* Fuzz target: any bytes into the .npy reader. It must answer with a status, and an accepted array must be as large as it says. */
#include "io/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    struct attn_npy array;
    if (attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK) abort();
    if (attn_npy_parse(ctx, "fuzz", data, size, &array) == ATTN_OK) {
        double *values = NULL;
        if (array.count * attn_npy_size(array.type) > size) abort();
        if (attn_npy_to_f64(ctx, &array, &values) == ATTN_OK) attn_free(ctx, values);
        attn_npy_free(ctx, &array);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
