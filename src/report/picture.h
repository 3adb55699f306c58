/* Pictures of tasks (train/picture.h) as SVG, without any program beside this one. Points lie on axes with equal units; what is true is a wide line, dashed but
 * for curves over time, what is predicted a narrow one, so that both are seen where they agree and are told apart without colours. A matrix is a heat map with its scale. */
#ifndef ATTN_REPORT_PICTURE_H
#define ATTN_REPORT_PICTURE_H

#include "base/context.h"
#include "train/picture.h"

#include <stdio.h>

/* What attn_svg_copy takes, for a page; *svg is freed by free. The picture must not be empty. */
attn_status attn_picture_svg(attn_ctx *ctx, const struct attn_picture *picture, char **svg, size_t *bytes);

/* A file of its own, with title and description, for light and dark ground. The name shows the old file or the whole new one. */
attn_status attn_picture_write(attn_ctx *ctx, const struct attn_picture *picture, const char *path);

/* What is drawn, as CSV: "what,number,role,x,y" for points and the vertices of lines, where a named model's name is its lines' role, or "row,column,value". */
void attn_picture_csv(FILE *file, const struct attn_picture *picture);

#endif
