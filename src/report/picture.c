#include "report/html.h"
#include "report/picture_parts.h"
#include "train/run.h"

#include <stdlib.h>

void attn_picture_begin(FILE *file, double height) {
    fprintf(file, "<svg viewBox=\"0 0 %d %.0f\" xmlns=\"http://www.w3.org/2000/svg\">\n<g font-family=\"sans-serif\" font-size=\"%d\">\n",
            ATTN_PICTURE_WIDTH, height, ATTN_PICTURE_FONT);
}

void attn_picture_text(FILE *file, double x, double y, const char *anchor, const char *text) {
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"rgb(1,2,3)\">", x, y, anchor);
    attn_html_text(file, text);
    fputs("</text>\n", file);
}

attn_status attn_picture_svg(attn_ctx *ctx, const struct attn_picture *picture, char **svg, size_t *bytes) {
    FILE *file = open_memstream(svg, bytes);
    if (!file) return attn_no_memory(ctx, "a picture", 0);
    if (picture->cell)
        attn_picture_put_matrix(file, picture);
    else
        attn_picture_put_points(file, picture);
    fputs("</g>\n</svg>\n", file);
    const bool whole = !ferror(file);
    if (fclose(file) == 0 && whole) return ATTN_OK;
    free(*svg);
    *svg = NULL;
    return attn_no_memory(ctx, "a picture", *bytes);
}

attn_status attn_picture_write(attn_ctx *ctx, const struct attn_picture *picture, const char *path) {
    const struct attn_svg_use use = {.prefix = "picture-", .title = picture->title, .desc = picture->description, .alone = true};
    char *svg = NULL, *text = NULL;
    size_t bytes = 0, size = 0;
    attn_status status = attn_picture_svg(ctx, picture, &svg, &bytes);
    if (status) return status;
    FILE *file = open_memstream(&text, &size);
    const char *wrong = file ? attn_svg_copy(file, svg, bytes, &use) : NULL;
    const bool whole = file && !ferror(file);
    if (!file || fclose(file) != 0 || !whole) status = attn_no_memory(ctx, path, bytes);
    if (!status && wrong) status = attn_fail(ctx, ATTN_EINVAL, "%s: found %s in the picture", path, wrong);
    if (!status) status = attn_run_write_text(ctx, NULL, path, text);
    free(svg);
    free(text);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- CSV */

static void put_cell(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"') fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

static void matrix_csv(FILE *file, const struct attn_picture *p) {
    fputs("row,column,value\n", file);
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t j = 0; j < p->columns; j++) {
            put_cell(file, p->label[i]);
            fputc(',', file);
            put_cell(file, p->label[p->rows + j]);
            fprintf(file, ",%.9g\n", p->cell[i * p->columns + j]);
        }
}

void attn_picture_csv(FILE *file, const struct attn_picture *p) {
    static const char *const roles[] = {"", "truth", "predicted", "both"};
    if (p->cell) {
        matrix_csv(file, p);
        return;
    }
    fputs("what,number,role,x,y\n", file);
    for (int64_t i = 0; i < p->points; i++)
        fprintf(file, "point,%lld,,%.17g,%.17g\n", (long long)i + 1, p->point[2 * i], p->point[2 * i + 1]);
    for (int64_t k = 0; k < p->lines; k++)
        for (int64_t i = 0; i < p->line[k].count; i++) {
            const double *v = p->vertex + 2 * (p->line[k].first + i);
            const bool named = p->models > 0 && p->line[k].role == ATTN_PICTURE_PREDICTED;
            fprintf(file, "line,%lld,", (long long)k + 1);
            if (named)
                put_cell(file, p->model[p->line[k].model]);
            else
                fputs(roles[p->line[k].role], file);
            fprintf(file, ",%.17g,%.17g\n", v[0], v[1]);
        }
}
