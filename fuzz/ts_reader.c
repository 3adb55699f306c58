/* Fuzz target: any bytes as a .ts file. What is read is level: every case has all dimensions, none is empty, values are finite or missing, classes are among the
 * header's. */
#include "io/ts.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check(const struct attn_ts *ts, size_t size) {
    must(ts->cases >= 1 && ts->dimensions >= 1 && ts->first[0] == 0);
    must(ts->shortest >= 1 && ts->longest >= ts->shortest);
    for (int64_t c = 0; c < ts->cases; c++) {
        must(ts->line[c] >= 2 && (c == 0 || ts->line[c] > ts->line[c - 1]));
        must(ts->classes == 0 || (ts->label[c] >= -1 && ts->label[c] < ts->classes));
        for (int64_t d = 0; d < ts->dimensions; d++) {
            int64_t length;
            const double *value = attn_ts_series(ts, c, d, &length);
            must(length >= ts->shortest && length <= ts->longest);
            for (int64_t t = 0; t < length; t++) must(!isinf(value[t]));
        }
    }
    must(ts->first[ts->cases * ts->dimensions] <= (int64_t)(size < (64 << 20) ? 64 << 20 : size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    struct attn_ts ts;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    if (attn_ts_parse(ctx, "fuzz", data, size, &ts) == ATTN_OK) {
        check(&ts, size);
        attn_ts_free(ctx, &ts);
    } else {
        must(ts.value == NULL);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
