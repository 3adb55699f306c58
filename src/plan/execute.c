/* Execution of a plan: bind the arguments, then run the kernel. Nothing is written before everything was checked. */
#include "base/parallel.h"
#include "plan/plan.h"

#include <string.h>

attn_status attn_forward(const attn_plan *plan, const attn_args *args) {
    if (!plan) return ATTN_EINVAL;
    struct attn_exec x;
    const attn_status status = attn_bind(plan, args, NULL, ATTN_PASS_FORWARD, &x);
    if (!status) plan->kernel->forward(&x);
    return status;
}

struct zero {
    const struct attn_array_out *array;
    int64_t extents[4];
};

/* One (batch, head) of dbias. */
static void zero_task(void *arg, int64_t index, int worker) {
    const struct zero *z = arg;
    const struct attn_array_out *a = z->array;
    (void)worker;
    float *plane = (float *)a->data + index / z->extents[1] * a->b + index % z->extents[1] * a->h;
    for (int64_t i = 0; i < z->extents[2]; i++) {
        float *row = plane + i * a->t;
        if (a->d == 1)
            memset(row, 0, (size_t)z->extents[3] * sizeof(float));
        else
            for (int64_t j = 0; j < z->extents[3]; j++) row[j * a->d] = 0.0f;
    }
}

static void zero_array(const struct attn_exec *x, const struct attn_array_out *array, const int64_t extents[4]) {
    struct zero z = {array, {extents[0], extents[1], extents[2], extents[3]}};
    if (array->data) attn_parallel(x->ctx, extents[0] * extents[1], x->shape->threads, zero_task, &z);
}

attn_status attn_backward(const attn_plan *plan, const attn_args *args, const attn_gradients *gradients) {
    if (!plan) return ATTN_EINVAL;
    struct attn_exec x;
    const attn_status status = attn_bind(plan, args, gradients, ATTN_PASS_BACKWARD, &x);
    if (status) return status;
    if (!(x.accumulate & ATTN_ACCUMULATE_REST)) {
        int64_t bias[4];
        attn_bias_extents(&x, bias);
        zero_array(&x, &x.dbias, bias);
        zero_array(&x, &x.dalibi, (int64_t[4]){x.dalibi.b ? x.batch : 1, x.shape->heads, 1, 1});
        zero_array(&x, &x.dsink, (int64_t[4]){x.dsink.b ? x.batch : 1, x.shape->heads, 1, 1});
    }
    if (!x.sink.data) x.dsink.data = NULL;
    plan->kernel->backward(&x);
    return ATTN_OK;
}
