/* The two kinds of pictures, and what they share. */
#ifndef ATTN_REPORT_PICTURE_PARTS_H
#define ATTN_REPORT_PICTURE_PARTS_H

#include "report/picture.h"
#include "report/svg.h"

enum {
    ATTN_PICTURE_WIDTH = 480, /* as plots are */
    ATTN_PICTURE_FONT = 12,
    ATTN_PICTURE_LETTER = 7 /* the width of a letter or digit at most */
};

/* Told apart by those who see no red or no green too, on white and on black. */
#define ATTN_PICTURE_TRUTH_COLOUR     "#1f77c4"
#define ATTN_PICTURE_PREDICTED_COLOUR "#d95f02"

void attn_picture_begin(FILE *file, double height);
/* A text at a place; anchor: "start", "middle" or "end". */
void attn_picture_text(FILE *file, double x, double y, const char *anchor, const char *text);

void attn_picture_put_points(FILE *file, const struct attn_picture *picture);
void attn_picture_put_matrix(FILE *file, const struct attn_picture *picture);

#endif
