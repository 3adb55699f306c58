/* Fuzz target: any bytes as a table in every form. Cells lie in the text, bad rows are counted, and what was required can be had. */
#include "io/table.h"

#include "base/context.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check(attn_ctx *ctx, struct attn_table *table, size_t size) {
    double *reals;
    int64_t *integers;
    const size_t first = 0;
    for (size_t row = 0; row < table->rows; row++)
        for (size_t column = 0; column < table->columns; column++) must(strlen(attn_table_text(table, row, column)) <= size);
    if (table->columns == 0) return;
    if (attn_table_require(ctx, table, &first, 1, ATTN_TABLE_REAL) == ATTN_OK) {
        must(attn_table_reals(ctx, table, 0, &reals) == ATTN_OK);
        attn_free(ctx, reals);
    }
    if (attn_table_integers(ctx, table, 0, &integers) == ATTN_OK) attn_free(ctx, integers);
    if (table->title != NULL) {
        size_t column;
        must(attn_table_column(ctx, table, table->text.bytes + table->title[0], &column) == ATTN_OK && column == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    attn_ctx *ctx = NULL;
    must(attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK);
    for (int i = 0; i < 8; i++) {
        const struct attn_table_options options = {i & 1 ? ATTN_TABLE_TSV : ATTN_TABLE_CSV, (i & 2) != 0, (i & 4) != 0};
        struct attn_table table;
        if (attn_table_parse(ctx, "fuzz", data, size, &options, &table) != ATTN_OK) continue;
        must(options.skip_bad || table.bad == 0);
        check(ctx, &table, size < (64 << 20) ? 64 << 20 : size);
        attn_table_free(ctx, &table);
    }
    attn_ctx_destroy(ctx);
    return 0;
}
