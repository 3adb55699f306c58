/* The greatest numbers along the last axis.
 *
 * forward   y[i] = x[index[i]], greatest first, of equal ones the first
 * backward  dx[index[i]] += dy[i]
 *
 * A heap holds the best so far, the worst of them on top: N numbers take N log k comparisons at most, and about N where few are among the
 * best of those before them.
 */
#include "tape/tape.h"

struct top_k {
    struct attn_node node;
    attn_tensor *x;
    int32_t *index; /* [rows, k] */
    int64_t columns, k;
};

struct job {
    const struct top_k *n;
    attn_real *y, *dx;
    const attn_real *dy;
};

/* Whether number a of the row comes behind number b: it is smaller, or NaN, or equal and later. */
static bool worse(const attn_real *x, int32_t a, int32_t b) {
    const bool nan_a = isnan(x[a]), nan_b = isnan(x[b]);
    if (nan_a != nan_b) return nan_a;
    return !nan_a && x[a] != x[b] ? x[a] < x[b] : a > b;
}

/* The root of heap[0 .. n) goes down to its place. */
static void sift(const attn_real *x, int32_t *heap, int64_t n, int64_t root) {
    const int32_t moved = heap[root];
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && worse(x, heap[child + 1], heap[child])) child++;
        if (!worse(x, heap[child], moved)) break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

static void choose(const attn_real *x, int64_t columns, int64_t k, int32_t *index) {
    for (int64_t i = 0; i < k; i++) index[i] = (int32_t)i;
    for (int64_t i = k / 2 - 1; i >= 0; i--) sift(x, index, k, i);
    for (int64_t i = k; i < columns && k > 0; i++)
        if (worse(x, index[0], (int32_t)i)) {
            index[0] = (int32_t)i;
            sift(x, index, k, 0);
        }
    for (int64_t n = k - 1; n > 0; n--) { /* the worst goes last */
        const int32_t worst = index[0];
        index[0] = index[n];
        index[n] = worst;
        sift(x, index, n, 0);
    }
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct top_k *n = job->n;
    for (int64_t r = begin; r < end; r++) {
        const attn_real *x = n->x->data + r * n->columns;
        int32_t *index = n->index + r * n->k;
        choose(x, n->columns, n->k, index);
        for (int64_t i = 0; i < n->k; i++) job->y[r * n->k + i] = x[index[i]];
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct top_k *n = job->n;
    for (int64_t r = begin; r < end; r++)
        for (int64_t i = 0; i < n->k; i++) job->dx[r * n->columns + n->index[r * n->k + i]] += job->dy[r * n->k + i];
}

static void over_rows(const struct top_k *n, attn_range_fn body, struct job *job) {
    if (n->k > 0) attn_range(n->x->tape, n->x->count / n->columns, attn_max64(1, ATTN_PIECE / n->columns), body, job);
}

static void backward(struct attn_node *node) {
    const struct top_k *n = (struct top_k *)node;
    struct job job = {.n = n, .dy = attn_grad_of(node->out), .dx = attn_grad_add(n->x)};
    if (job.dx) over_rows(n, backward_rows, &job);
}

attn_tensor *attn_top_k(attn_tensor *x, int64_t k, const int32_t **index) {
    int64_t size[ATTN_TENSOR_DIMS];
    x = attn_contiguous(x);
    if (!x) return NULL;
    struct top_k here = {.x = x, .columns = x->size[x->dims - 1], .k = k};
    if (k < 0 || k > here.columns || here.columns > INT32_MAX)
        return attn_tape_fail(x->tape, ATTN_ESHAPE, "top k: %lld numbers of an axis of %lld; at most all of at most 2^31 - 1 can be chosen",
                              (long long)k, (long long)here.columns);
    for (int i = 0; i < x->dims; i++) size[i] = i + 1 < x->dims ? x->size[i] : k;
    attn_tensor *out = attn_tensor_new(x->tape, x->dims, size);
    here.index = out ? attn_tape_take(x->tape, (size_t)out->count * sizeof *here.index) : NULL;
    if (!here.index) return NULL;
    over_rows(&here, forward_rows, &(struct job){.n = &here, .y = out->data});
    if (index) *index = here.index;
    if (attn_recording(out, 1, &x)) {
        struct top_k *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return out->tape->status ? NULL : out;
}
