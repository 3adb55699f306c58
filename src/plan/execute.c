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
    int64_t extents[4], element; /* element: bytes */
};

/* One (batch, head) of the array. */
static void zero_task(void *arg, int64_t index, int worker) {
    const struct zero *z = arg;
    const struct attn_array_out *a = z->array;
    (void)worker;
    char *plane = (char *)a->data + (index / z->extents[1] * a->b + index % z->extents[1] * a->h) * z->element;
    for (int64_t i = 0; i < z->extents[2]; i++) {
        char *row = plane + i * a->t * z->element;
        if (a->d == 1)
            memset(row, 0, (size_t)(z->extents[3] * z->element));
        else
            for (int64_t j = 0; j < z->extents[3]; j++) memset(row + j * a->d * z->element, 0, (size_t)z->element);
    }
}

static void zero_array(const struct attn_exec *x, const struct attn_array_out *array, const int64_t extents[4]) {
    struct zero z = {array, {extents[0], extents[1], extents[2], extents[3]}, (int64_t)attn_dtype_bytes(array->type)};
    if (array->data) attn_parallel(x->ctx, extents[0] * extents[1], x->shape->threads, zero_task, &z);
}

/* Gradients of what each head of a learned query has one of. */
static void zero_learned(const struct attn_exec *x) {
    const struct attn_shape *p = x->shape;
    if (!(x->accumulate & ATTN_ACCUMULATE_DQ)) zero_array(x, &x->dq, (int64_t[4]){x->dq.b ? x->batch : 1, p->heads, 1, p->dim});
    if (x->accumulate & ATTN_ACCUMULATE_REST) return;
    zero_array(x, &x->dstate_o, (int64_t[4]){x->batch, p->heads, 1, p->v_dim});
    zero_array(x, &x->dstate_lse, (int64_t[4]){x->batch, p->heads, 1, 1});
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
    if (x.shape->score == ATTN_SCORE_LEARNED_QUERY) zero_learned(&x);
    if (x.dw.data && !(x.accumulate & ATTN_ACCUMULATE_REST))
        zero_array(&x, &x.dw, (int64_t[4]){x.dw.b ? x.batch : 1, x.shape->heads, 1, x.shape->dim});
    if (!x.sink.data) x.dsink.data = NULL;
    plan->kernel->backward(&x);
    return ATTN_OK;
}
