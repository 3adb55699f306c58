/* Fuzz target: any bytes as a table in every form. Cells lie in the text, bad rows are counted, what was required can be had, and a date's text is that date. */
#include "io/date.h"
#include "io/table.h"

#include "base/context.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

static void check_date(const char *text) {
    struct attn_date date, again;
    char written[ATTN_DATE_TEXT];
    if (!attn_date_parse(text, &date)) return;
    must(attn_date_parse(attn_date_text(&date, written), &again) && attn_date_seconds(&again) == attn_date_seconds(&date));
}

static void check(attn_ctx *ctx, struct attn_table *table, size_t size) {
    double *reals;
    int64_t *integers;
    const size_t first = 0;
    for (size_t row = 0; row < table->rows; row++)
        for (size_t column = 0; column < table->columns; column++) {
            must(strlen(attn_table_text(table, row, column)) <= size);
            check_date(attn_table_text(table, row, column));
        }
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
