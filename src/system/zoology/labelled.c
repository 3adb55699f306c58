#include "system/zoology/labelled.h"

#include "tape/token_split.h"

attn_status attn_labelled_open(attn_ctx *ctx, int64_t most, struct attn_labelled *out) {
    const size_t bytes = (size_t)most * sizeof *out->row;
    *out = (struct attn_labelled){
        .row = attn_alloc(ctx, bytes), .label = attn_alloc(ctx, bytes), .best = attn_alloc(ctx, bytes), .most = most};
    out->loss = attn_alloc(ctx, (size_t)most * sizeof *out->loss);
    return out->row && out->label && out->best && out->loss ? ATTN_OK : attn_no_memory(ctx, "the labels of a batch", 4 * bytes);
}

void attn_labelled_close(attn_ctx *ctx, struct attn_labelled *labelled) {
    attn_free(ctx, labelled->row);
    attn_free(ctx, labelled->label);
    attn_free(ctx, labelled->best);
    attn_free(ctx, labelled->loss);
}

attn_tensor *attn_labelled_rows(struct attn_labelled *l, attn_tensor *hidden, int64_t tokens, const int32_t *labels) {
    if (!hidden) return NULL;
    const int64_t rows = attn_size(hidden, 0) * attn_size(hidden, 1);
    labels = attn_token_split_labels(hidden->tape, attn_size(hidden, 0), tokens, labels, &l->all);
    if (!labels) return NULL;
    l->count = 0;
    for (int64_t i = 0; i < rows && l->count < l->most; i++)
        if (labels[i] >= 0) {
            l->row[l->count] = (int32_t)i;
            l->label[l->count++] = labels[i];
        }
    if (l->count == 0 && hidden->tape->split) { /* the other ranks wait for this one in the layers' backward passes */
        l->row[0] = 0;
        l->label[l->count++] = -1;
    }
    return attn_rows(attn_reshape(hidden, 2, (const int64_t[]){-1, attn_size(hidden, 2)}), 1, &l->count, l->row);
}

void attn_labelled_count(struct attn_labelled *l, attn_tensor *logits, struct attn_labelled_score *score) {
    if (attn_row_losses(logits, l->label, l->loss, l->best)) return; /* the tape knows */
    for (int64_t i = 0; i < l->count; i++) {
        score->rows += l->label[i] >= 0;
        score->right += l->best[i] == l->label[i];
        score->loss += (double)l->loss[i];
    }
}

void attn_labelled_add(struct attn_labelled_score *to, const struct attn_labelled_score *from) {
    to->rows += from->rows;
    to->right += from->right;
    to->loss += from->loss;
}

attn_status attn_labelled_sum(attn_tape *tape, struct attn_labelled_score *score) {
    double numbers[] = {(double)score->rows, (double)score->right, score->loss};
    const attn_status status = attn_token_split_sum(tape, numbers, 3);
    *score = (struct attn_labelled_score){(int64_t)numbers[0], (int64_t)numbers[1], numbers[2]};
    return status;
}
