/* Views, which share numbers and gradient with their tensor, and the copies that views can need.
 *
 * copy      forward y = x; backward dx += dy, along x's steps
 * concat    the same for each piece
 */
#include "tape/walk.h"

static attn_tensor *own_shape(attn_tensor *x, int dims, const int64_t *size) {
    int64_t step = 1;
    attn_tensor *view = attn_tensor_view(x, 0);
    if (!view) return NULL;
    view->dims = dims;
    for (int i = dims - 1; i >= 0; i--) {
        view->size[i] = size[i];
        view->step[i] = step;
        step *= size[i];
    }
    return view;
}

attn_tensor *attn_reshape(attn_tensor *x, int dims, const int64_t *size) {
    char text[ATTN_SHAPE_TEXT];
    int64_t resolved[ATTN_TENSOR_DIMS], count = 1;
    int open = -1;
    if (!attn_usable(1, &x)) return NULL;
    if (!attn_is_contiguous(x))
        return attn_tape_fail(x->tape, ATTN_EINVAL, "reshape: the tensor is narrowed or permuted; attn_contiguous makes a copy");
    if (dims < 1 || dims > ATTN_TENSOR_DIMS)
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "reshape: %d axes; 1 to %d are allowed", dims, ATTN_TENSOR_DIMS);
    bool fits = true;
    for (int i = 0; i < dims; i++) {
        resolved[i] = size[i];
        if (size[i] == -1 && open < 0)
            open = i;
        else
            fits = fits && size[i] >= 0 && !__builtin_mul_overflow(count, size[i], &count);
    }
    if (fits && open >= 0 && count > 0 && x->count % count == 0) {
        resolved[open] = x->count / count;
        count = x->count;
    }
    if (!fits || count != x->count || (open >= 0 && resolved[open] < 0))
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "reshape: the %lld elements of %s do not fit into the new sizes", (long long)x->count,
                              attn_shape_text(x, text));
    return own_shape(x, dims, resolved);
}

attn_tensor *attn_narrow(attn_tensor *x, int axis, int64_t begin, int64_t n) {
    if (!attn_usable(1, &x)) return NULL;
    const int i = attn_axis_of(x, axis, "narrow");
    if (i < 0) return NULL;
    if (begin < 0 || n < 0 || begin > x->size[i] - n)
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "narrow: [%lld, %lld + %lld) of an axis of %lld", (long long)begin, (long long)begin,
                              (long long)n, (long long)x->size[i]);
    attn_tensor *view = attn_tensor_view(x, begin * x->step[i]);
    if (!view) return NULL;
    view->count = x->size[i] > 0 ? x->count / x->size[i] * n : 0;
    view->size[i] = n;
    return view;
}

attn_tensor *attn_permute(attn_tensor *x, const int *order) {
    unsigned seen = 0;
    if (!attn_usable(1, &x)) return NULL;
    for (int i = 0; i < x->dims; i++)
        if (order[i] >= 0 && order[i] < x->dims) seen |= 1u << order[i];
    if (seen != (1u << x->dims) - 1)
        return attn_tape_fail(x->tape, ATTN_EINVAL, "permute: each of the %d axes must be named once", x->dims);
    attn_tensor *view = attn_tensor_view(x, 0);
    for (int i = 0; view && i < x->dims; i++) {
        view->size[i] = x->size[order[i]];
        view->step[i] = x->step[order[i]];
    }
    return view;
}

/* --------------------------------------------------------------------------------------------------------- copies */

static void copy_row(void *arg, const struct attn_walk_row *row) {
    const attn_tensor *x = arg;
    const attn_real *from = x->data + row->at[1];
    for (int64_t i = 0; i < row->n; i++) row->to[i * row->step[0]] = from[i * row->step[1]];
}

/* The numbers of x lie in out from `at` on, along out's steps. */
struct piece {
    attn_tensor *x;
    int64_t at;
};

struct copy {
    struct attn_node node;
    int count;
    struct piece piece[];
};

static void backward(struct attn_node *node) {
    const struct copy *n = (struct copy *)node;
    for (int i = 0; i < n->count; i++) {
        attn_tensor *x = n->piece[i].x;
        attn_real *to = attn_wants(x) ? attn_grad_add(x) : NULL;
        if (to) attn_add_along(x->tape, x->dims, x->size, x->step, to, node->out->step, attn_grad_of(node->out) + n->piece[i].at);
    }
}

/* Copies each x to its place in out, one behind the other along the axis. */
static attn_tensor *copy_all(attn_tensor *out, int count, attn_tensor *const *inputs, int axis) {
    int64_t at = 0;
    struct copy *n = NULL;
    if (attn_recording(out, count, inputs)) {
        n = attn_node_new(out, sizeof *n + (size_t)count * sizeof *n->piece, backward);
        if (n) n->count = count;
    }
    for (int i = 0; i < count; i++) {
        struct attn_walk w;
        attn_tensor *x = inputs[i];
        if (n) n->piece[i] = (struct piece){x, at};
        attn_walk_make(&w, x->dims, x->size, 2, (const int64_t *const[]){out->step, x->step});
        attn_walk_run(x->tape, &w, out->data + at, copy_row, x);
        at += x->size[axis] * out->step[axis];
    }
    return out->tape->status ? NULL : out;
}

attn_tensor *attn_contiguous(attn_tensor *x) {
    if (!attn_usable(1, &x)) return NULL;
    if (attn_is_contiguous(x)) return x;
    attn_tensor *out = attn_tensor_like(x);
    return out ? copy_all(out, 1, &x, 0) : NULL;
}

attn_tensor *attn_concat(int count, attn_tensor *const *x, int axis) {
    int64_t size[ATTN_TENSOR_DIMS];
    char text[ATTN_SHAPE_TEXT], first[ATTN_SHAPE_TEXT];
    if (count < 1 || !attn_usable(count, x)) return NULL;
    const int along = attn_axis_of(x[0], axis, "concat");
    if (along < 0) return NULL;
    for (int i = 0; i < x[0]->dims; i++) size[i] = i == along ? 0 : x[0]->size[i];
    for (int n = 0; n < count; n++) {
        bool fits = x[n]->dims == x[0]->dims;
        for (int i = 0; i < x[0]->dims && fits; i++) fits = i == along || x[n]->size[i] == size[i];
        if (!fits)
            return attn_tape_fail(x[0]->tape, ATTN_ESHAPE, "concat: %s does not fit beside %s along axis %d", attn_shape_text(x[n], text),
                                  attn_shape_text(x[0], first), along);
        size[along] += x[n]->size[along];
    }
    attn_tensor *out = attn_tensor_new(x[0]->tape, x[0]->dims, size);
    return out ? copy_all(out, count, x, along) : NULL;
}
