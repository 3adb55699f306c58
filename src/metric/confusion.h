/* Which classes are taken for which. */
#ifndef ATTN_METRIC_CONFUSION_H
#define ATTN_METRIC_CONFUSION_H

#include <stdint.h>

/* counts[label * classes + prediction] += 1 for each of n cases; a label below 0 is none, and its case is left out. All others are below `classes`. */
void attn_confusion_count(const int32_t *predictions, const int32_t *labels, int64_t n, int64_t classes, int64_t *counts);

/* The share of the cases that are on the diagonal, and the mean over the classes that have cases of each one's own share: balanced accuracy (Brodersen et al. 2010).
 * NaN: no case. */
double attn_confusion_accuracy(const int64_t *counts, int64_t classes);
double attn_confusion_balanced(const int64_t *counts, int64_t classes);

#endif
