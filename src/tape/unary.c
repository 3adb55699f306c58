/* Functions of one number.
 *
 * forward   y = f(x)
 * backward  dx += dy * f'(x), written in x and y
 */
#include "tape/functions.h"
#include "tape/tape.h"

struct unary {
    struct attn_node node;
    const struct attn_loops *loops;
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
    job->n->loops->forward(end - begin, job->n->x->data + begin, job->y + begin, job->n->constant);
}

static void backward_piece(void *arg, int64_t i, int64_t end) {
    const struct job *job = arg;
    job->n->loops->backward(end - i, job->n->x->data + i, job->y + i, job->dy + i, job->dx + i, job->add, job->n->constant);
}

static void backward(struct attn_node *node) {
    const struct unary *n = (struct unary *)node;
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .y = node->out->data};
    job.dx = attn_grad_write(n->x, &job.add);
    if (job.dx) attn_range(n->x->tape, n->x->count, ATTN_PIECE, backward_piece, &job);
}

static attn_tensor *unary(attn_tensor *x, enum attn_function function, attn_real first, attn_real second) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tensor *out = attn_tensor_like(x);
    if (!out) return NULL;
    struct unary here = {.loops = attn_loops_for(x->tape->ctx, function), .x = x, .constant = {first, second}};
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
    return unary(x, ATTN_FN_AFFINE, factor, addend);
}
#define UNARY(public_name, function)                                                                                                       \
    attn_tensor *public_name(attn_tensor *x) {                                                                                             \
        return unary(x, function, 0, 0);                                                                                                   \
    }
UNARY(attn_exp, ATTN_FN_EXP)
UNARY(attn_ln, ATTN_FN_LN)
UNARY(attn_square, ATTN_FN_SQUARE)
UNARY(attn_sqrt, ATTN_FN_SQRT)
UNARY(attn_sin, ATTN_FN_SIN)
UNARY(attn_cos, ATTN_FN_COS)
UNARY(attn_tanh, ATTN_FN_TANH)
UNARY(attn_sigmoid, ATTN_FN_SIGMOID)
UNARY(attn_softplus, ATTN_FN_SOFTPLUS)
UNARY(attn_relu, ATTN_FN_RELU)
UNARY(attn_elu, ATTN_FN_ELU)
UNARY(attn_silu, ATTN_FN_SILU)
UNARY(attn_gelu, ATTN_FN_GELU)
