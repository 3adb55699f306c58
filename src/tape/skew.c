/* forward   y[i, j] = x[i, i - j + ahead] for j <= i
 * backward  dx[i, i - j + ahead] += dy[i, j] */
#include "tape/skew.h"

struct skew {
    struct attn_node node;
    attn_tensor *x;
    int64_t size, ahead;
};

struct job {
    const struct skew *n;
    const attn_real *dy;
    attn_real *to;
};

/* Row number r of all: columns [*begin, i] of y meet an element of x. */
static int64_t first_column(const struct skew *n, int64_t r) {
    return attn_max64(0, r % n->size + n->ahead - (n->size - 1));
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct skew *n = job->n;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *x = n->x->data + r * n->size + r % n->size + n->ahead;
        attn_real *y = job->to + r * n->size;
        const int64_t first = first_column(n, r);
        for (int64_t j = 0; j < n->size; j++) y[j] = j < first || j > r % n->size ? 0 : x[-j];
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct skew *n = job->n;
    for (int64_t r = begin; r < end; r++) {
        attn_real *dx = job->to + r * n->size + r % n->size + n->ahead;
        for (int64_t j = first_column(n, r); j <= r % n->size; j++) dx[-j] += job->dy[r * n->size + j];
    }
}

static void backward(struct attn_node *node) {
    const struct skew *n = (struct skew *)node;
    struct job job = {n, attn_grad_of(node->out), attn_grad_add(n->x)};
    if (job.to) attn_range(n->x->tape, n->x->count / n->size, attn_max64(1, ATTN_PIECE / n->size), backward_rows, &job);
}

attn_tensor *attn_skew(attn_tensor *x, int64_t ahead) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    char text[ATTN_SHAPE_TEXT];
    if (x->dims < 2 || x->size[x->dims - 1] != x->size[x->dims - 2] || ahead < 0)
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "skew: x must be [..., T, T]; it is %s", attn_shape_text(x, text));
    struct skew here = {.x = x, .size = x->size[x->dims - 1], .ahead = ahead};
    attn_tensor *out = attn_tensor_like(x);
    if (!out || out->count == 0) return out;
    attn_range(x->tape, x->count / here.size, attn_max64(1, ATTN_PIECE / here.size), forward_rows,
               &(struct job){.n = &here, .to = out->data});
    if (attn_recording(out, 1, &x)) {
        struct skew *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return out->tape->status ? NULL : out;
}
