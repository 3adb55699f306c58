#include "cli/training/paper_tables.h"

#include "train/paper_table.h"

#include <stdio.h>
#include <string.h>

/* Characters of UTF-8: all bytes but those that go on with one. */
static int characters(const char *text) {
    int count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* The first column to the left, the others to the right. */
static void print_cell(int column, int width, const char *text) {
    const int blanks = width - characters(text);
    printf("%s%*s%s%*s", column > 0 ? "  " : "", column > 0 ? blanks : 0, "", text, column > 0 ? 0 : blanks, "");
}

static int width_of(const struct attn_reproduction *r, const struct attn_paper_table *table, int column) {
    int width = characters(table->columns[column].title);
    for (int row = 0; row < table->row_count; row++) {
        struct attn_paper_value value;
        attn_paper_value(r, table, row, column, &value);
        if (attn_paper_shows(r, table, row) && characters(value.shown) > width) width = characters(value.shown);
    }
    return width;
}

static void print_table(const struct attn_reproduction *r, const struct attn_paper_table *table) {
    int width[ATTN_PAPER_COLUMNS];
    printf("\n%s\n", table->title);
    for (int c = 0; c < table->column_count; c++) {
        width[c] = width_of(r, table, c);
        print_cell(c, width[c], table->columns[c].title);
    }
    putchar('\n');
    for (int row = 0; row < table->row_count; row++) {
        if (!attn_paper_shows(r, table, row)) continue;
        for (int c = 0; c < table->column_count; c++) {
            struct attn_paper_value value;
            attn_paper_value(r, table, row, c, &value);
            print_cell(c, width[c], value.shown);
        }
        putchar('\n');
    }
    if (table->note) printf("%s\n", table->note);
}

static void print_records(const struct attn_reproduction *r, const struct attn_paper_table *table) {
    for (int row = 0; row < table->row_count; row++)
        for (int c = 0; c < table->column_count; c++) {
            struct attn_paper_value value;
            struct attn_record record;
            if (attn_paper_record(r, table, row, c, &value, &record)) attn_json_line(stdout, &record);
        }
}

void attn_cli_print_paper_tables(const struct attn_reproduction *r, enum attn_print_form form) {
    for (int i = 0; i < r->system->table_count; i++) {
        const struct attn_paper_table *table = &r->system->tables[i];
        if (!attn_paper_measured(r, table)) continue;
        if (form == ATTN_FORM_TABLE) print_table(r, table);
        if (form == ATTN_FORM_JSON) print_records(r, table);
    }
}
