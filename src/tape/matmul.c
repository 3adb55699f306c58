/* Matrix products over the last two axes.
 *
 * forward   O = A B
 * backward  dA += dO B^T, dB += A^T dO, summed over the products where B is one matrix for all; of a transposed operand the transpose
 */
#include "tape/blas.h"
#include "tape/tape.h"

/* An operand: its last two axes are a matrix in rows of ld elements, those before are walked along step. */
struct matrix {
    attn_tensor *x;
    bool transposed;
    int64_t rows, columns; /* of what takes part, after the transposition */
    int64_t ld;
};

struct matmul {
    struct attn_node node;
    struct matrix a, b;
    int64_t batch;
    struct attn_product_place *places; /* of each product in a, b and the result */
};

/* Puts the numbers where BLAS can read them: the last axis contiguous. A transposed view of a matrix is read as what it is. */
static bool open_matrix(struct matrix *m, attn_tensor *x, bool transpose) {
    if (x->dims < 2) {
        attn_tape_fail(x->tape, ATTN_ESHAPE, "matmul: a tensor of %d axis; two are needed", x->dims);
        return false;
    }
    const int row = x->dims - 2, column = x->dims - 1;
    *m = (struct matrix){.x = x, .transposed = transpose};
    if (x->step[column] == 1 || x->size[column] <= 1) {
        m->ld = x->step[row];
    } else if (x->step[row] == 1) {
        m->ld = x->step[column];
        m->transposed = !transpose;
    } else {
        m->x = attn_contiguous(x);
        if (!m->x) return false;
        m->ld = m->x->step[row];
    }
    m->rows = x->size[transpose ? column : row];
    m->columns = x->size[transpose ? row : column];
    const int64_t stored = m->transposed ? m->rows : m->columns;
    m->ld = attn_max64(m->ld, attn_max64(1, stored)); /* of a single row any step is true; BLAS wants one that holds it */
    return true;
}

/* Axes before the last two: those of a; b has the same or none. */
static bool batches_fit(const attn_tensor *a, const attn_tensor *b) {
    bool fit = b->dims == 2 || b->dims == a->dims;
    for (int i = 0; i + 2 < a->dims && fit && b->dims > 2; i++) fit = a->size[i] == b->size[i];
    return fit;
}

static int64_t offset_of(const attn_tensor *x, const attn_tensor *like, int64_t index) {
    int64_t offset = 0;
    for (int i = like->dims - 3; i >= 0; i--) {
        if (x->dims > 2) offset += index % like->size[i] * x->step[i];
        index /= like->size[i];
    }
    return offset;
}

/* The gradient of an operand X, into the array X is stored in, which is X or X^T:
 *   A stored: dO B^T     A^T stored: B dO^T     B stored: A^T dO     B^T stored: dO^T A
 * dO stands left in the first and the last, and is transposed where X is; the other operand is transposed where X is not. */
static void add_gradient(const struct matmul *n, bool of_a) {
    attn_tensor *out = n->node.out;
    const struct matrix *target = of_a ? &n->a : &n->b, *other = of_a ? &n->b : &n->a;
    if (!attn_wants(target->x)) return;
    attn_real *to = attn_grad_add(target->x);
    struct attn_product_place *places = attn_tape_take(out->tape, (size_t)n->batch * sizeof *places);
    if (!to || !places) return;
    const bool d_left = of_a != target->transposed;
    const bool d_transposed = target->transposed, other_transposed = other->transposed != !target->transposed;
    const int64_t columns = out->size[out->dims - 1];
    const attn_real *d = attn_grad_of(out);
    const struct attn_product p = {
        .m = target->transposed ? target->columns : target->rows,
        .n = target->transposed ? target->rows : target->columns,
        .k = of_a ? columns : n->a.rows,
        .transpose_a = d_left ? d_transposed : other_transposed,
        .transpose_b = d_left ? other_transposed : d_transposed,
        .lda = d_left ? attn_max64(1, columns) : other->ld,
        .ldb = d_left ? other->ld : attn_max64(1, columns),
        .ldc = target->ld,
        .keep = 1,
    };
    for (int64_t i = 0; i < n->batch; i++) {
        const struct attn_product_place *at = &n->places[i];
        const int64_t other_at = of_a ? at->b : at->a;
        places[i] = (struct attn_product_place){d_left ? at->c : other_at, d_left ? other_at : at->c, of_a ? at->a : at->b};
    }
    attn_tape_add_products(out->tape, n->batch, p.m, p.n, p.k);
    /* Products into one matrix are added one after the other. */
    const int64_t each = !of_a && target->x->dims == 2 ? 1 : n->batch;
    for (int64_t i = 0; i < n->batch && !out->tape->status; i += each)
        out->tape->status =
            attn_products(out->tape->ctx, &p, each, places + i, d_left ? d : other->x->data, d_left ? other->x->data : d, to);
}

static void backward(struct attn_node *node) {
    const struct matmul *n = (struct matmul *)node;
    add_gradient(n, true);
    add_gradient(n, false);
}

/* The result's sizes and the places of all products. NULL: the sentence is written. */
static attn_tensor *open_product(struct matmul *n, attn_tensor *a, bool transpose_a, attn_tensor *b, bool transpose_b) {
    int64_t size[ATTN_TENSOR_DIMS];
    char text_a[ATTN_SHAPE_TEXT], text_b[ATTN_SHAPE_TEXT];
    if (!open_matrix(&n->a, a, transpose_a) || !open_matrix(&n->b, b, transpose_b)) return NULL;
    a = n->a.x;
    b = n->b.x;
    if (!batches_fit(a, b) || n->a.columns != n->b.rows)
        return attn_tape_fail(a->tape, ATTN_ESHAPE, "matmul: %s%s and %s%s do not fit each other", attn_shape_text(a, text_a),
                              transpose_a ? " transposed" : "", attn_shape_text(b, text_b), transpose_b ? " transposed" : "");
    n->batch = 1;
    for (int i = 0; i + 2 < a->dims; i++) n->batch *= size[i] = a->size[i];
    if (n->batch > INT64_MAX / (int64_t)sizeof *n->places)
        return attn_tape_fail(a->tape, ATTN_ESHAPE, "matmul: %lld products are too many", (long long)n->batch);
    size[a->dims - 2] = n->a.rows;
    size[a->dims - 1] = n->b.columns;
    attn_tensor *out = attn_tensor_new(a->tape, a->dims, size);
    n->places = out ? attn_tape_take(a->tape, (size_t)n->batch * sizeof *n->places) : NULL;
    for (int64_t i = 0; i < n->batch && n->places; i++)
        n->places[i] = (struct attn_product_place){offset_of(a, a, i), offset_of(b, a, i), i * n->a.rows * n->b.columns};
    return n->places ? out : NULL;
}

attn_tensor *attn_matmul(attn_tensor *a, bool transpose_a, attn_tensor *b, bool transpose_b) {
    struct matmul here = {.batch = 0};
    if (!attn_usable(2, (attn_tensor *const[]){a, b})) return NULL;
    attn_tensor *out = open_product(&here, a, transpose_a, b, transpose_b);
    if (!out) return NULL;
    const struct attn_product p = {
        .m = here.a.rows,
        .n = here.b.columns,
        .k = here.a.columns,
        .transpose_a = here.a.transposed,
        .transpose_b = here.b.transposed,
        .lda = here.a.ld,
        .ldb = here.b.ld,
        .ldc = attn_max64(1, here.b.columns),
    };
    out->tape->status = attn_products(out->tape->ctx, &p, here.batch, here.places, here.a.x->data, here.b.x->data, out->data);
    attn_tape_add_products(out->tape, here.batch, p.m, p.n, p.k);
    if (attn_recording(out, 2, (attn_tensor *const[]){here.a.x, here.b.x})) {
        struct matmul *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return out->tape->status ? NULL : out;
}
