#include "train/sum.h"

#include "nn/model.h"

#include <string.h>

attn_status attn_gradient_sum_open(attn_ctx *ctx, const attn_model *model, int64_t micros, const struct attn_ranks *ranks, int group,
                                   struct attn_gradient_sum *out) {
    *out = (struct attn_gradient_sum){.ctx = ctx, .model = model, .micros = micros, .elements = attn_model_elements(model), .group = group};
    const bool alone = !ranks || ranks->count == 1;
    if (micros == 1 && alone) return ATTN_OK; /* the parameters' own gradients will do */
    const size_t bytes = (size_t)out->elements * sizeof(attn_real);
    bool good = true;
    while ((int64_t)1 << out->levels <= micros) {
        out->level[out->levels] = attn_alloc(ctx, bytes);
        good = good && out->level[out->levels];
        out->levels++;
    }
    if (!alone) good = (out->received = attn_alloc(ctx, bytes)) != NULL && good;
    if (good) return ATTN_OK;
    attn_gradient_sum_close(out);
    return attn_no_memory(ctx, "sums of gradients", bytes);
}

void attn_gradient_sum_close(struct attn_gradient_sum *sum) {
    for (int l = 0; l < sum->levels; l++) attn_free(sum->ctx, sum->level[l]);
    attn_free(sum->ctx, sum->received);
    sum->levels = 0;
    sum->received = NULL;
}

/* Between the parameters' gradients and one array. */
static void copy(const struct attn_gradient_sum *sum, attn_real *array, bool back) {
    for (const struct attn_model_entry *e = attn_model_first(sum->model); e; e = e->next) {
        attn_real *gradient = attn_grad(e->tensor);
        const size_t bytes = (size_t)e->tensor->count * sizeof *array;
        if (back)
            memcpy(gradient, array, bytes);
        else
            memcpy(array, gradient, bytes);
        array += e->tensor->count;
    }
}

static void add(int64_t n, attn_real *to, const attn_real *from) {
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

void attn_gradient_sum_take(struct attn_gradient_sum *sum, double loss) {
    int l = 0;
    if (sum->levels == 0) {
        sum->loss[0] = loss;
        return;
    }
    /* Neighbours wait at level 0, pairs at level 1: as carries of a binary counter. */
    while (sum->taken >> l & 1) l++;
    copy(sum, sum->level[l], false);
    for (int below = 0; below < l; below++) {
        add(sum->elements, sum->level[l], sum->level[below]);
        loss += sum->loss[below];
    }
    sum->loss[l] = loss;
    sum->taken++;
}

/* Adds what this process and the one at that distance have. */
static attn_status add_peer(struct attn_gradient_sum *sum, const struct attn_ranks *ranks, int64_t step, int distance, double *loss) {
    attn_real *own = sum->level[sum->levels - 1];
    const int peer = ranks->rank ^ distance;
    double other = 0;
    attn_status status =
        ranks->exchange(ranks->user, sum->ctx, "gradients", step, peer, own, sum->received, (size_t)sum->elements * sizeof(attn_real));
    if (!status) status = ranks->exchange(ranks->user, sum->ctx, "loss", step, peer, loss, &other, sizeof other);
    if (!status) add(sum->elements, own, sum->received);
    *loss += other;
    return status;
}

attn_status attn_gradient_sum_finish(struct attn_gradient_sum *sum, const struct attn_ranks *ranks, int64_t step, double *loss) {
    attn_status status = ATTN_OK;
    const int top = sum->levels > 0 ? sum->levels - 1 : 0;
    *loss = sum->loss[top];
    sum->taken = 0;
    if (sum->levels == 0) return ATTN_OK;
    for (int d = sum->group; ranks && d < ranks->count && !status; d *= 2) status = add_peer(sum, ranks, step, d, loss);
    for (int d = 1; ranks && d < sum->group && !status; d *= 2) status = add_peer(sum, ranks, step, d, loss);
    if (!status) copy(sum, sum->level[top], true);
    return status;
}
