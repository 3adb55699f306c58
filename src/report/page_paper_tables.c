/* Tables of papers on the page, behind the claims of their system and scale: as HTML, and what was measured as CSV. */
#include "report/html.h"
#include "report/page_claims.h"
#include "train/paper_table.h"

#include <string.h>

struct table {
    const struct attn_reproduction *r;
    const struct attn_paper_table *about;
};

static void put_row(FILE *f, const struct table *t, int row) {
    fputs("<tr>", f);
    for (int c = 0; c < t->about->column_count; c++) {
        struct attn_paper_value value;
        attn_paper_value(t->r, t->about, row, c, &value);
        fputs(c == 0 ? "<th scope=\"row\">" : "<td class=\"n\">", f);
        attn_html_text(f, value.shown);
        fputs(c == 0 ? "</th>" : "</td>", f);
    }
    fputs("</tr>\n", f);
}

static void put_table(FILE *f, const struct table *t) {
    attn_page_table_begin(f, t->about->title);
    fputs("<thead class=\"wide\"><tr>", f);
    for (int c = 0; c < t->about->column_count; c++) {
        fputs(c == 0 ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"n\">", f);
        attn_html_text(f, t->about->columns[c].title);
        fputs("</th>", f);
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (int row = 0; row < t->about->row_count; row++)
        if (attn_paper_shows(t->r, t->about, row)) put_row(f, t, row);
    fputs("</tbody>\n", f);
    attn_page_table_end(f);
    if (!t->about->note) return;
    fputs("<p class=\"soft\">", f);
    attn_html_text(f, t->about->note);
    fputs("</p>\n", f);
}

static void cells_csv(FILE *file, const void *what) {
    const struct table *t = what;
    bool header = true;
    for (int row = 0; row < t->about->row_count; row++)
        for (int c = 0; c < t->about->column_count; c++) {
            struct attn_paper_value value;
            struct attn_record record;
            if (!attn_paper_record(t->r, t->about, row, c, &value, &record)) continue;
            if (header) attn_csv_line(file, &record, true);
            attn_csv_line(file, &record, false);
            header = false;
        }
}

attn_status attn_page_paper_tables(struct attn_page *page, const struct attn_reproduction *r) {
    attn_status status = ATTN_OK;
    for (int i = 0; i < r->system->table_count && !status; i++) {
        const struct table t = {r, &r->system->tables[i]};
        char name[128] = "";
        if (!attn_paper_measured(r, t.about)) continue;
        put_table(page->file, &t);
        attn_append(name, sizeof name, "%s-%s-%s", r->system->name, t.about->name, attn_scale_names[r->scale]);
        attn_page_name(page, name);
        status = attn_page_csv(page, t.about->title, cells_csv, &t);
    }
    return status;
}
