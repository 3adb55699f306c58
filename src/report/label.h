/* Labels of plots: texts of recipes in as many characters as there is room for. */
#ifndef ATTN_REPORT_LABEL_H
#define ATTN_REPORT_LABEL_H

#include <stddef.h>

enum { ATTN_LABEL_MOST = 64, ATTN_LABEL_BYTES = 4 * ATTN_LABEL_MOST + 1 };

/* What is shown of a text. */
struct attn_label {
    const char *text;
    char shown[ATTN_LABEL_BYTES];
};

/* Fills in `shown`, `most` characters at most (8 to ATTN_LABEL_MOST): the text, or its begin and its end with an ellipsis between. A label that would be shown as
 * one before it shows the place where their texts begin to differ. What is not UTF-8 and control characters become U+FFFD. */
void attn_labels_show(struct attn_label *labels, int count, int most);

#endif
