/* A heat map: the greater a number, the less of the ground shines through its square, so that one colour serves light and dark ground. */
#include "report/picture_parts.h"

#include <math.h>
#include <string.h>

enum {
    SQUARE = 28,  /* at most */
    HEIGHT = 600, /* of all rows at most */
    ROW = 11,     /* pixels between labels of rows at least */
    TITLE = 18,   /* above the columns' labels, left of the rows' */
    GAP = 6,
    SCALE = 20,     /* steps of the scale, */
    SCALE_STEP = 7, /* each so wide */
    SCALE_HEIGHT = 12
};

struct layout {
    double left, top, side, low, high;
    int64_t row_every, column_every; /* of the labels, which one is written */
};

/* The longest label of a row, in letters. */
static int64_t longest_row(const struct attn_picture *p) {
    int64_t most = 1;
    for (int64_t i = 0; i < p->rows; i++) {
        const int64_t length = (int64_t)strlen(p->label[i]);
        if (length > most) most = length;
    }
    return most;
}

/* Labels of columns that are so many apart do not touch. */
static bool columns_fit(const struct attn_picture *p, double side, int64_t every) {
    double end = -ATTN_PICTURE_WIDTH;
    for (int64_t j = 0; j < p->columns; j += every) {
        const double half = (double)strlen(p->label[p->rows + j]) * ATTN_PICTURE_LETTER / 2, middle = ((double)j + 0.5) * side;
        if (middle - half < end) return false;
        end = middle + half + GAP;
    }
    return true;
}

static struct layout lay_out(const struct attn_picture *p) {
    struct layout l = {.low = 0, .high = 0};
    l.left = (double)longest_row(p) * ATTN_PICTURE_LETTER + GAP + (p->row_title[0] ? TITLE : 0);
    l.top = ATTN_PICTURE_FONT + GAP + (p->column_title[0] ? TITLE : 0);
    l.side = fmin(SQUARE, fmin((ATTN_PICTURE_WIDTH - l.left - 1) / (double)p->columns, (double)HEIGHT / (double)p->rows));
    l.row_every = (int64_t)ceil(ROW / l.side);
    l.column_every = 1;
    while (!columns_fit(p, l.side, l.column_every)) l.column_every++;
    for (int64_t i = 0; i < p->rows * p->columns; i++) {
        if (!isfinite(p->cell[i])) continue;
        l.low = fmin(l.low, p->cell[i]);
        l.high = fmax(l.high, p->cell[i]);
    }
    if (p->full > 0) l.high = p->full;
    return l;
}

static void put_labels(FILE *file, const struct attn_picture *p, const struct layout *l) {
    const double width = l->side * (double)p->columns, height = l->side * (double)p->rows;
    if (p->column_title[0]) attn_picture_text(file, l->left + width / 2, ATTN_PICTURE_FONT, "middle", p->column_title);
    if (p->row_title[0]) {
        fprintf(file, "<g transform=\"translate(%d %.1f) rotate(-90)\">\n", ATTN_PICTURE_FONT, l->top + height / 2);
        attn_picture_text(file, 0, 0, "middle", p->row_title);
        fputs("</g>\n", file);
    }
    for (int64_t i = 0; i < p->rows; i += l->row_every)
        attn_picture_text(file, l->left - GAP, l->top + ((double)i + 0.5) * l->side + 4, "end", p->label[i]);
    for (int64_t j = 0; j < p->columns; j += l->column_every)
        attn_picture_text(file, l->left + ((double)j + 0.5) * l->side, l->top - GAP, "middle", p->label[p->rows + j]);
}

static void put_square(FILE *file, double x, double y, double width, double height, double share) {
    fprintf(file, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill-opacity=\"%.3f\"/>\n", x, y, width, height, share);
}

static void put_frame(FILE *file, double x, double y, double width, double height) {
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"rgb(1,2,3)\" stroke-opacity=\"0.4\" "
            "stroke-width=\"0.8\"/>\n",
            x, y, width, height);
}

static void put_scale(FILE *file, const struct layout *l, double y) {
    char low[32], high[32];
    snprintf(low, sizeof low, "%.3g", l->low);
    snprintf(high, sizeof high, "%.3g", l->high);
    const double x = l->left + (double)strlen(low) * ATTN_PICTURE_LETTER + GAP;
    fputs("<g fill=\"" ATTN_PICTURE_TRUTH_COLOUR "\">\n", file);
    for (int i = 0; i < SCALE; i++) put_square(file, x + i * SCALE_STEP, y, SCALE_STEP, SCALE_HEIGHT, (double)i / (SCALE - 1));
    fputs("</g>\n", file);
    put_frame(file, x, y, SCALE * SCALE_STEP, SCALE_HEIGHT);
    attn_picture_text(file, x - GAP, y + SCALE_HEIGHT - 2, "end", low);
    attn_picture_text(file, x + SCALE * SCALE_STEP + GAP, y + SCALE_HEIGHT - 2, "start", high);
}

void attn_picture_put_matrix(FILE *file, const struct attn_picture *p) {
    const struct layout l = lay_out(p);
    const double bottom = l.top + l.side * (double)p->rows;
    attn_picture_begin(file, bottom + 3 * GAP + SCALE_HEIGHT);
    put_labels(file, p, &l);
    fputs("<g fill=\"" ATTN_PICTURE_TRUTH_COLOUR "\">\n", file);
    for (int64_t i = 0; i < p->rows * p->columns; i++) {
        const double share = l.high > l.low ? fmin(1, (p->cell[i] - l.low) / (l.high - l.low)) : 0;
        const int64_t row = i / p->columns, column = i % p->columns;
        if (isfinite(p->cell[i]) && share > 0.0005)
            put_square(file, l.left + (double)column * l.side, l.top + (double)row * l.side, l.side, l.side, share);
    }
    fputs("</g>\n", file);
    put_frame(file, l.left, l.top, l.side * (double)p->columns, bottom - l.top);
    put_scale(file, &l, bottom + 2 * GAP);
}
