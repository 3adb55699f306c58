/* Sums, differences, products, quotients and the greater or smaller of two, with broadcasting.
 *
 * forward   o = f(a, b)
 * backward  da += do * df/da summed over what of a was repeated, db likewise
 */
#include "tape/walk.h"

typedef void (*forward_fn)(const struct attn_walk_row *row, const attn_real *a, const attn_real *b, attn_real *o);
/* target += d times a derivative that depends on a and b; add false: =, where target repeats nothing. */
typedef void (*backward_fn)(const struct attn_walk_row *row, attn_real *target, const attn_real *d, const attn_real *a, const attn_real *b,
                            bool add);

/* Rows of tensors 0 (o), 1 (a), 2 (b). Loops of their own where the compiler can use vectors. */
#define FORWARD(name, expression)                                                                                                          \
    static void name(const struct attn_walk_row *row, const attn_real *a, const attn_real *b, attn_real *o) {                              \
        const int64_t n = row->n, step_a = row->step[1], step_b = row->step[2];                                                            \
        if (step_a == 1 && step_b == 1)                                                                                                    \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i], y = b[i];                                                                                        \
                o[i] = expression;                                                                                                         \
            }                                                                                                                              \
        else if (step_a == 1 && step_b == 0)                                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i], y = *b;                                                                                          \
                o[i] = expression;                                                                                                         \
            }                                                                                                                              \
        else                                                                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i * step_a], y = b[i * step_b];                                                                      \
                o[i] = expression;                                                                                                         \
            }                                                                                                                              \
    }

/* Rows of tensors 0 (target), 1 (d), 2 (a), 3 (b). */
#define BACKWARD(name, expression)                                                                                                         \
    static void name(const struct attn_walk_row *row, attn_real *target, const attn_real *d, const attn_real *a, const attn_real *b,       \
                     bool add) {                                                                                                           \
        const int64_t n = row->n, step = row->step[0], step_a = row->step[2], step_b = row->step[3];                                       \
        if (step == 1 && step_a == 1 && step_b == 1)                                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i], y = b[i], own = d[i] * (expression);                                                             \
                (void)x, (void)y;                                                                                                          \
                target[i] = add ? target[i] + own : own;                                                                                   \
            }                                                                                                                              \
        else if (step == 0) {                                                                                                              \
            double sum = 0;                                                                                                                \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i * step_a], y = b[i * step_b];                                                                      \
                (void)x, (void)y;                                                                                                          \
                sum += (double)(d[i] * (expression));                                                                                      \
            }                                                                                                                              \
            *target += (attn_real)sum;                                                                                                     \
        } else                                                                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const attn_real x = a[i * step_a], y = b[i * step_b], own = d[i] * (expression);                                           \
                (void)x, (void)y;                                                                                                          \
                target[i * step] = add ? target[i * step] + own : own;                                                                     \
            }                                                                                                                              \
    }

FORWARD(add, x + y)
FORWARD(sub, x - y)
FORWARD(mul, x *y)
FORWARD(divide, x / y)
FORWARD(maximum, x > y || isnan(x) ? x : y)
FORWARD(minimum, x < y || isnan(x) ? x : y)
BACKWARD(plus, (attn_real)1)
BACKWARD(minus, (attn_real)-1)
BACKWARD(times_b, y)
BACKWARD(times_a, x)
BACKWARD(over_b, 1 / y)
BACKWARD(quotient_by_b, -(x / y) / y)
BACKWARD(where_a_is_most, x >= y || isnan(x) ? (attn_real)1 : 0) /* of equal ones a */
BACKWARD(where_b_is_most, x >= y || isnan(x) ? 0 : (attn_real)1)
BACKWARD(where_a_is_least, x <= y || isnan(x) ? (attn_real)1 : 0)
BACKWARD(where_b_is_least, x <= y || isnan(x) ? 0 : (attn_real)1)

static const struct operation {
    const char *name;
    forward_fn forward;
    backward_fn by_a, by_b;
} operation_add = {"add", add, plus, plus}, operation_sub = {"sub", sub, plus, minus}, operation_mul = {"mul", mul, times_b, times_a},
  operation_div = {"div", divide, over_b, quotient_by_b}, operation_maximum = {"maximum", maximum, where_a_is_most, where_b_is_most},
  operation_minimum = {"minimum", minimum, where_a_is_least, where_b_is_least};

struct binary {
    struct attn_node node;
    const struct operation *operation;
    attn_tensor *a, *b;
    int64_t step_a[ATTN_TENSOR_DIMS], step_b[ATTN_TENSOR_DIMS]; /* along the axes of the result */
};

struct forward_job {
    forward_fn forward;
    const attn_real *a, *b;
};

static void forward_row(void *arg, const struct attn_walk_row *row) {
    const struct forward_job *job = arg;
    attn_walk_fetch(row, 1, job->a + row->at[1]);
    attn_walk_fetch(row, 2, job->b + row->at[2]);
    job->forward(row, job->a + row->at[1], job->b + row->at[2], row->to);
}

struct backward_job {
    backward_fn backward;
    const attn_real *d, *a, *b;
    bool add;
};

static void backward_row(void *arg, const struct attn_walk_row *row) {
    const struct backward_job *job = arg;
    attn_walk_fetch(row, 0, row->to);
    attn_walk_fetch(row, 1, job->d + row->at[1]);
    attn_walk_fetch(row, 2, job->a + row->at[2]);
    attn_walk_fetch(row, 3, job->b + row->at[3]);
    job->backward(row, row->to, job->d + row->at[1], job->a + row->at[2], job->b + row->at[3], job->add);
}

static void gradient_of(const struct binary *n, attn_tensor *x, const int64_t *step, backward_fn backward) {
    const attn_tensor *out = n->node.out;
    struct backward_job job = {.backward = backward, .d = attn_grad_of(out), .a = n->a->data, .b = n->b->data, .add = true};
    struct attn_walk w;
    if (!attn_wants(x)) return;
    attn_real *target = x->count == out->count && x->count > 1 && attn_is_contiguous(x) ? attn_grad_write(x, &job.add) : attn_grad_add(x);
    if (!target) return;
    attn_walk_make(&w, out->dims, out->size, 4, (const int64_t *const[]){step, out->step, n->step_a, n->step_b});
    attn_walk_run(out->tape, &w, target, backward_row, &job);
}

static void backward(struct attn_node *node) {
    const struct binary *n = (struct binary *)node;
    gradient_of(n, n->a, n->step_a, n->operation->by_a);
    gradient_of(n, n->b, n->step_b, n->operation->by_b);
}

/* The sizes of the result, and x's steps along its axes. False: x does not fit. */
static bool broadcast(const attn_tensor *x, int dims, int64_t *size, int64_t *step) {
    for (int i = 0; i < dims; i++) {
        const int own = i - (dims - x->dims);
        const int64_t mine = own < 0 ? 1 : x->size[own];
        if (mine != 1 && size[i] != 1 && mine != size[i]) return false;
        if (size[i] == 1) size[i] = mine;
        step[i] = mine == 1 ? 0 : x->step[own];
    }
    return true;
}

static attn_tensor *binary(const struct operation *operation, attn_tensor *a, attn_tensor *b) {
    attn_tensor *const inputs[] = {a, b};
    int64_t size[ATTN_TENSOR_DIMS] = {1, 1, 1, 1, 1}, step_a[ATTN_TENSOR_DIMS], step_b[ATTN_TENSOR_DIMS];
    char text_a[ATTN_SHAPE_TEXT], text_b[ATTN_SHAPE_TEXT];
    struct attn_walk w;
    if (!attn_usable(2, inputs)) return NULL;
    const int dims = a->dims > b->dims ? a->dims : b->dims;
    if (!broadcast(a, dims, size, step_a) || !broadcast(b, dims, size, step_b))
        return attn_tape_fail(a->tape, ATTN_ESHAPE, "%s: %s and %s do not fit each other", operation->name, attn_shape_text(a, text_a),
                              attn_shape_text(b, text_b));
    attn_tensor *out = attn_tensor_new(a->tape, dims, size);
    if (!out) return NULL;
    attn_walk_make(&w, dims, size, 3, (const int64_t *const[]){out->step, step_a, step_b});
    attn_walk_run(a->tape, &w, out->data, forward_row, &(struct forward_job){operation->forward, a->data, b->data});
    if (attn_recording(out, 2, inputs)) {
        struct binary *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        n->operation = operation;
        n->a = a;
        n->b = b;
        for (int i = 0; i < dims; i++) {
            n->step_a[i] = step_a[i];
            n->step_b[i] = step_b[i];
        }
    }
    return out->tape->status ? NULL : out;
}

attn_tensor *attn_add(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_add, a, b);
}
attn_tensor *attn_sub(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_sub, a, b);
}
attn_tensor *attn_mul(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_mul, a, b);
}
attn_tensor *attn_div(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_div, a, b);
}
attn_tensor *attn_maximum(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_maximum, a, b);
}
attn_tensor *attn_minimum(attn_tensor *a, attn_tensor *b) {
    return binary(&operation_minimum, a, b);
}
