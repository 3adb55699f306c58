/* Tensors: their making, their shapes, what the caller sees of them. */
#include "tape/tape.h"

#include <stdio.h>
#include <string.h>

/* Sizes are positive or 0; the bytes of all that are not 0, taken together, are within int64_t: steps are products of some. -1: they are not. */
static int64_t count_of(int dims, const int64_t *size) {
    int64_t product = 1;
    bool empty = false;
    if (dims < 1 || dims > ATTN_TENSOR_DIMS || !size) return -1;
    for (int i = 0; i < dims; i++) {
        if (size[i] < 0 || __builtin_mul_overflow(product, size[i] > 0 ? size[i] : 1, &product) ||
            product > INT64_MAX / (int64_t)sizeof(attn_real))
            return -1;
        empty = empty || size[i] == 0;
    }
    return empty ? 0 : product;
}

/* Contiguous, without numbers. False: the sizes are wrong. */
static bool lay_out(attn_tensor *x, attn_tape *tape, int dims, const int64_t *size) {
    const int64_t count = count_of(dims, size);
    if (count < 0) {
        attn_tape_fail(tape, ATTN_ESHAPE, "tensor: 1 to %d axes of sizes from 0 on, whose product fits, are needed", ATTN_TENSOR_DIMS);
        return false;
    }
    *x = (attn_tensor){.tape = tape, .dims = dims, .count = count};
    int64_t step = 1;
    for (int i = dims - 1; i >= 0; i--) {
        x->size[i] = size[i];
        x->step[i] = step;
        step *= size[i];
    }
    return true;
}

attn_tensor *attn_tensor_new(attn_tape *tape, int dims, const int64_t *size) {
    attn_tensor *x = attn_tape_take(tape, sizeof *x);
    if (!x || !lay_out(x, tape, dims, size)) return NULL;
    x->data = attn_tape_take(tape, (size_t)x->count * sizeof(attn_real));
    return x->data ? x : NULL;
}

attn_tensor *attn_tensor_like(const attn_tensor *x) {
    return attn_tensor_new(x->tape, x->dims, x->size);
}

attn_tensor *attn_tensor_view(attn_tensor *x, int64_t offset) {
    attn_tensor *view = attn_tape_take(x->tape, sizeof *view);
    if (!view) return NULL;
    *view = *x;
    view->offset += offset;
    view->data += offset;
    if (x->gradient) x->gradient->pieces = true;
    return view;
}

attn_tensor *attn_parameter(attn_tape *tape, int dims, const int64_t *size) {
    attn_tensor shape;
    if (!tape || tape->status || !lay_out(&shape, tape, dims, size)) return NULL;
    const size_t bytes = (size_t)shape.count * sizeof(attn_real);
    struct attn_kept *p = attn_arena_take(&tape->kept, sizeof *p);
    attn_real *data = p ? attn_arena_take(&tape->kept, bytes) : NULL, *gradient = data ? attn_arena_take(&tape->kept, bytes) : NULL;
    if (!gradient) return attn_tape_fail(tape, ATTN_ENOMEM, "parameter: no memory for %zu bytes", 2 * bytes);
    memset(data, 0, bytes);
    memset(gradient, 0, bytes);
    *p =
        (struct attn_kept){.tensor = shape, .gradient = {.at = gradient, .count = shape.count, .filled = true}, .before = tape->parameters};
    p->tensor.data = data;
    p->tensor.gradient = &p->gradient;
    tape->parameters = p;
    return &p->tensor;
}

attn_tensor *attn_tensor_input(attn_tape *tape, int dims, const int64_t *size, const attn_real *data) {
    if (!tape) return NULL;
    attn_tensor *x = attn_tape_take(tape, sizeof *x);
    if (!x || !lay_out(x, tape, dims, size)) return NULL;
    if (!data && x->count > 0) return attn_tape_fail(tape, ATTN_EINVAL, "input: data is NULL");
    memcpy(&x->data, &data, sizeof data); /* never written: no gradient is wanted of it, and results are arrays of their own */
    return x;
}

attn_tensor *attn_constant(attn_tape *tape, int dims, const int64_t *size, attn_real value) {
    if (!tape) return NULL;
    attn_tensor *x = attn_tensor_new(tape, dims, size);
    for (int64_t i = 0; x && i < x->count; i++) x->data[i] = value;
    return x;
}

int attn_dims(const attn_tensor *x) {
    return x ? x->dims : 0;
}

int64_t attn_size(const attn_tensor *x, int axis) {
    if (!x) return 0;
    const int i = axis < 0 ? axis + x->dims : axis;
    return i < 0 || i >= x->dims ? 0 : x->size[i];
}

int64_t attn_count(const attn_tensor *x) {
    return x ? x->count : 0;
}

attn_real *attn_data(attn_tensor *x) {
    return x ? x->data : NULL;
}

attn_real *attn_grad(attn_tensor *x) {
    return attn_wants(x) && x->gradient->filled ? x->gradient->at + x->offset : NULL;
}

bool attn_is_contiguous(const attn_tensor *x) {
    int64_t step = 1;
    for (int i = x->dims - 1; i >= 0; i--) {
        if (x->size[i] != 1 && x->step[i] != step) return x->count == 0;
        step *= x->size[i];
    }
    return true;
}

int attn_axis_of(attn_tensor *x, int axis, const char *operator_name) {
    const int i = axis < 0 ? axis + x->dims : axis;
    if (i >= 0 && i < x->dims) return i;
    attn_tape_fail(x->tape, ATTN_ESHAPE, "%s: axis %d; the tensor has %d", operator_name, axis, x->dims);
    return -1;
}

const char *attn_shape_text(const attn_tensor *x, char text[ATTN_SHAPE_TEXT]) {
    text[0] = 0;
    for (int i = 0; i < x->dims; i++) attn_append(text, ATTN_SHAPE_TEXT, "%s%lld", i == 0 ? "[" : ", ", (long long)x->size[i]);
    attn_append(text, ATTN_SHAPE_TEXT, "]");
    return text;
}
