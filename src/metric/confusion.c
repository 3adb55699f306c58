#include "metric/confusion.h"

#include <math.h>

void attn_confusion_count(const int32_t *predictions, const int32_t *labels, int64_t n, int64_t classes, int64_t *counts) {
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= 0) counts[labels[i] * classes + predictions[i]]++;
}

static int64_t cases_of(const int64_t *row, int64_t classes) {
    int64_t sum = 0;
    for (int64_t k = 0; k < classes; k++) sum += row[k];
    return sum;
}

double attn_confusion_accuracy(const int64_t *counts, int64_t classes) {
    int64_t right = 0;
    for (int64_t k = 0; k < classes; k++) right += counts[k * classes + k];
    const int64_t all = cases_of(counts, classes * classes);
    return all > 0 ? (double)right / (double)all : (double)NAN;
}

double attn_confusion_balanced(const int64_t *counts, int64_t classes) {
    double sum = 0;
    int64_t present = 0;
    for (int64_t k = 0; k < classes; k++) {
        const int64_t cases = cases_of(counts + k * classes, classes);
        if (cases == 0) continue;
        sum += (double)counts[k * classes + k] / (double)cases;
        present++;
    }
    return present > 0 ? sum / (double)present : (double)NAN;
}
