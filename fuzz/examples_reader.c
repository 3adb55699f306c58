/* Fuzz target: any bytes as a file of examples. What is read can be written, and is the same when it is read again. */
#include "base/context.h"
#include "system/pointer/examples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    must(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void check(attn_ctx *ctx, const struct attn_point_example *e, const char *path) {
    struct attn_example_reader *reader;
    struct attn_point_example again;
    bool end;
    FILE *file = fopen(path, "wb");
    must(e->n >= 1 && e->count >= 1);
    must(file != NULL && attn_example_write(ctx, file, e->xy, e->n, e->target, e->count) == ATTN_OK && fclose(file) == 0);
    must(attn_examples_open(ctx, path, &reader) == ATTN_OK);
    must(attn_examples_next(reader, &again, &end) == ATTN_OK && !end && again.n == e->n && again.count == e->count);
    for (int64_t i = 0; i < 2 * e->n; i++) must(again.xy[i] == e->xy[i]);
    must(memcmp(again.target, e->target, (size_t)e->count * sizeof *e->target) == 0);
    attn_examples_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64], copy[64];
    struct attn_example_reader *reader;
    struct attn_point_example e;
    bool end = false;
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    snprintf(path, sizeof path, "/tmp/attn-examples-%ld", (long)getpid());
    snprintf(copy, sizeof copy, "/tmp/attn-examples-%ld-copy", (long)getpid());
    write_file(path, data, size);
    if (attn_examples_open(ctx, path, &reader) == ATTN_OK) {
        while (attn_examples_next(reader, &e, &end) == ATTN_OK && !end) check(ctx, &e, copy);
        attn_examples_close(reader);
    }
    unlink(path);
    unlink(copy);
    attn_ctx_destroy(ctx);
    return 0;
}
