/* Functions of one number.
 *
 * forward   y = f(x)
 * backward  dx += dy * f'(x), written in x and y
 */
#include "tape/tape.h"

typedef void (*forward_fn)(int64_t n, const attn_real *x, attn_real *y, const attn_real *constant);
typedef void (*backward_fn)(int64_t n, const attn_real *x, const attn_real *y, const attn_real *dy, attn_real *dx, bool add,
                            const attn_real *constant);

/* `value` in x, `derivative` in x and y; c: two constants. */
#define FUNCTION(name, value, derivative)                                                                                                  \
    static void name(int64_t n, const attn_real *x_of, attn_real *y_of, const attn_real *c) {                                              \
        (void)c;                                                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const attn_real x = x_of[i];                                                                                                   \
            y_of[i] = value;                                                                                                               \
        }                                                                                                                                  \
    }                                                                                                                                      \
    static void name##_backward(int64_t n, const attn_real *x_of, const attn_real *y_of, const attn_real *dy, attn_real *dx, bool add,     \
                                const attn_real *c) {                                                                                      \
        (void)c;                                                                                                                           \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const attn_real x = x_of[i], y = y_of[i], d = dy[i] * (derivative);                                                            \
            (void)x, (void)y;                                                                                                              \
            dx[i] = add ? dx[i] + d : d;                                                                                                   \
        }                                                                                                                                  \
    }

static attn_real sigmoid_of(attn_real x) {
    if (x >= 0) return 1 / (1 + real_exp(-x));
    const attn_real e = real_exp(x); /* no infinity on the way */
    return e / (1 + e);
}
static attn_real softplus_of(attn_real x) {
    return (x > 0 ? x : 0) + real_log1p(real_exp(-real_fabs(x)));
}
static attn_real normal_cdf(attn_real x) {
    return (attn_real)0.5 * (1 + real_erf(x * (attn_real)M_SQRT1_2));
}
static attn_real normal_density(attn_real x) {
    return (attn_real)(M_2_SQRTPI * M_SQRT1_2 / 2) * real_exp(x * x / -2);
}

FUNCTION(affine, c[0] * x + c[1], c[0])
FUNCTION(exponential, real_exp(x), y)
FUNCTION(logarithm, real_log(x), 1 / x)
FUNCTION(square, x *x, 2 * x)
FUNCTION(root, real_sqrt(x), (attn_real)0.5 / y)
FUNCTION(sine, real_sin(x), real_cos(x))
FUNCTION(cosine, real_cos(x), -real_sin(x))
FUNCTION(hyperbolic, real_tanh(x), 1 - y * y)
FUNCTION(sigmoid, sigmoid_of(x), y *(1 - y))
FUNCTION(softplus, softplus_of(x), sigmoid_of(x))
FUNCTION(relu, x > 0 ? x : 0, x > 0 ? (attn_real)1 : 0)
FUNCTION(elu, x > 0 ? x : real_expm1(x), x > 0 ? 1 : y + 1)
FUNCTION(silu, x *sigmoid_of(x), sigmoid_of(x) + y * (1 - sigmoid_of(x)))
FUNCTION(gelu, x *normal_cdf(x), normal_cdf(x) + x * normal_density(x))

struct unary {
    struct attn_node node;
    forward_fn forward;
    backward_fn backward;
    attn_tensor *x;
    attn_real constant[2];
};

struct job {
    const struct unary *n;
    const attn_real *dy;
    attn_real *y, *dx;
    bool add;
};

static void forward_piece(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    job->n->forward(end - begin, job->n->x->data + begin, job->y + begin, job->n->constant);
}

static void backward_piece(void *arg, int64_t i, int64_t end) {
    const struct job *job = arg;
    job->n->backward(end - i, job->n->x->data + i, job->y + i, job->dy + i, job->dx + i, job->add, job->n->constant);
}

static void backward(struct attn_node *node) {
    const struct unary *n = (struct unary *)node;
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .y = node->out->data};
    job.dx = attn_grad_write(n->x, &job.add);
    if (job.dx) attn_range(n->x->tape, n->x->count, ATTN_PIECE, backward_piece, &job);
}

static attn_tensor *unary(attn_tensor *x, forward_fn forward, backward_fn by, attn_real first, attn_real second) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tensor *out = attn_tensor_like(x);
    if (!out) return NULL;
    struct unary here = {.forward = forward, .backward = by, .x = x, .constant = {first, second}};
    attn_range(x->tape, x->count, ATTN_PIECE, forward_piece, &(struct job){.n = &here, .y = out->data});
    if (attn_recording(out, 1, &x)) {
        struct unary *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return out->tape->status ? NULL : out;
}

attn_tensor *attn_affine(attn_tensor *x, attn_real factor, attn_real addend) {
    return unary(x, affine, affine_backward, factor, addend);
}
#define UNARY(public_name, name)                                                                                                           \
    attn_tensor *public_name(attn_tensor *x) {                                                                                             \
        return unary(x, name, name##_backward, 0, 0);                                                                                      \
    }
UNARY(attn_exp, exponential)
UNARY(attn_ln, logarithm)
UNARY(attn_square, square)
UNARY(attn_sqrt, root)
UNARY(attn_sin, sine)
UNARY(attn_cos, cosine)
UNARY(attn_tanh, hyperbolic)
UNARY(attn_sigmoid, sigmoid)
UNARY(attn_softplus, softplus)
UNARY(attn_relu, relu)
UNARY(attn_elu, elu)
UNARY(attn_silu, silu)
UNARY(attn_gelu, gelu)
