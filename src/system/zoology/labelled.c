#include "system/zoology/labelled.h"

#include "base/context.h"

#include <math.h>

attn_status attn_labelled_open(attn_ctx *ctx, int64_t most, struct attn_labelled *out) {
    const size_t bytes = (size_t)most * sizeof *out->row;
    *out = (struct attn_labelled){attn_alloc(ctx, bytes), attn_alloc(ctx, bytes), 0, most};
    return out->row && out->label ? ATTN_OK : attn_no_memory(ctx, "the labels of a batch", 2 * bytes);
}

void attn_labelled_close(attn_ctx *ctx, struct attn_labelled *labelled) {
    attn_free(ctx, labelled->row);
    attn_free(ctx, labelled->label);
}

attn_tensor *attn_labelled_rows(struct attn_labelled *l, attn_tensor *hidden, const int32_t *labels) {
    const int64_t rows = attn_size(hidden, 0) * attn_size(hidden, 1);
    l->count = 0;
    for (int64_t i = 0; i < rows && l->count < l->most; i++)
        if (labels[i] >= 0) {
            l->row[l->count] = (int32_t)i;
            l->label[l->count++] = labels[i];
        }
    return attn_rows(attn_reshape(hidden, 2, (const int64_t[]){-1, attn_size(hidden, 2)}), 1, &l->count, l->row);
}

void attn_labelled_count(const struct attn_labelled *l, attn_tensor *logits, struct attn_labelled_score *score) {
    const int64_t n = attn_size(logits, 1);
    for (int64_t i = 0; logits && i < l->count; i++) {
        const attn_real *row = attn_data(logits) + i * n;
        int64_t best = 0;
        double sum = 0;
        for (int64_t c = 1; c < n; c++)
            if (row[c] > row[best]) best = c;
        for (int64_t c = 0; c < n; c++) sum += exp((double)(row[c] - row[best]));
        score->rows++;
        score->right += best == l->label[i];
        score->loss += log(sum) + (double)(row[best] - row[l->label[i]]);
    }
}

void attn_labelled_add(struct attn_labelled_score *to, const struct attn_labelled_score *from) {
    to->rows += from->rows;
    to->right += from->right;
    to->loss += from->loss;
}
