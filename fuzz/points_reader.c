/* Fuzz target: any bytes as a stream of points. Sets have points, all finite, and the stream comes to an end. */
#include "base/context.h"
#include "system/pointer/read_points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct attn_point_set set = {.xy = NULL};
    attn_ctx *ctx = NULL;
    bool end = false;
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (!in) return 0; /* of no bytes */
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    for (int64_t line = -1; attn_points_read(ctx, in, "fuzz", &set, &end) == ATTN_OK && !end;) {
        must(set.n >= 1 && set.line > line && set.line <= (int64_t)size);
        for (int64_t i = 0; i < 2 * set.n; i++) must(isfinite(set.xy[i]));
        must(memchr(set.name, '\0', sizeof set.name) != NULL);
        line = set.line;
        attn_points_free(ctx, &set);
    }
    must(set.xy == NULL);
    fclose(in);
    attn_ctx_destroy(ctx);
    return 0;
}
