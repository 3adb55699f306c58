/* Layer norm and RMS norm along the last axis, N elements.
 *
 * forward   h = (x - m) r,  r = 1 / sqrt(mean of (x - m)^2 + epsilon), m the mean (RMS: 0);  y = gain h + bias
 * backward  g = gain dy;  dx = r (g - mean of g - h mean of g h)   (RMS: without the mean of g)
 *           dgain = sum over rows of dy h;  dbias = sum over rows of dy
 */
#include "tape/functions.h"
#include "tape/tape.h"

struct norm {
    struct attn_node node;
    attn_tensor *x, *gain, *bias; /* NULL: none */
    const struct attn_functions *functions;
    struct attn_norm_rows all;
    attn_real *stat; /* m and r of each row */
};

/* Gradients of gain and bias are summed over blocks of rows, and then over the blocks. */
enum { BLOCKS = 16, MOST_ROWS = 128 };

struct job {
    const struct norm *n;
    attn_real *y, *dx, *d_gain, *d_bias; /* d_gain, d_bias: [blocks, columns] */
    const attn_real *dy;
    bool add;
    int64_t rows, blocks; /* rows of a block */
    attn_real *to;
    const attn_real *from;
};

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    struct attn_norm_rows rows = job->n->all;
    const int64_t at = begin * rows.columns;
    rows.rows = end - begin;
    job->n->functions->norm_forward(&rows, job->n->x->data + at, job->y + at, job->n->stat + 2 * begin);
}

static void backward_block(const struct job *job, int64_t block) {
    const struct norm *n = job->n;
    struct attn_norm_rows rows = n->all;
    const int64_t first = block * job->rows, at = first * rows.columns, sums = block * rows.columns;
    attn_real *d_gain = job->d_gain ? job->d_gain + sums : NULL, *d_bias = job->d_bias ? job->d_bias + sums : NULL;
    for (int64_t c = 0; c < rows.columns && d_gain; c++) d_gain[c] = 0;
    for (int64_t c = 0; c < rows.columns && d_bias; c++) d_bias[c] = 0;
    rows.rows = attn_min64(job->rows, rows.rows - first);
    n->functions->norm_backward(&rows, n->x->data + at, n->stat + 2 * first, job->dy + at, job->dx ? job->dx + at : NULL, job->add, d_gain,
                                d_bias);
}

static void backward_blocks(void *arg, int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) backward_block(arg, block);
}

static void add_blocks(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t c = begin; c < end; c++) {
        double total = 0;
        for (int64_t b = 0; b < job->blocks; b++) total += (double)job->from[b * job->n->all.columns + c];
        job->to[c] += (attn_real)total;
    }
}

static void add_sums(struct job job, attn_tensor *x, const attn_real *from) {
    if (!from) return;
    job.to = attn_grad_add(x);
    job.from = from;
    attn_range(x->tape, x->count, attn_max64(1, ATTN_PIECE / job.blocks), add_blocks, &job);
}

static void backward(struct attn_node *node) {
    const struct norm *n = (struct norm *)node;
    attn_tape *tape = n->x->tape;
    const int64_t rows = n->all.rows, columns = n->all.columns;
    struct job job = {.n = n, .dy = attn_grad_of(node->out)};
    if (attn_wants(n->x) && !(job.dx = attn_grad_write(n->x, &job.add))) return; /* before the mark, as those of gain and bias */
    if ((attn_wants(n->gain) && !attn_grad_add(n->gain)) || (attn_wants(n->bias) && !attn_grad_add(n->bias))) return;
    job.rows = attn_min64(attn_div_up(rows, BLOCKS), MOST_ROWS);
    job.blocks = attn_div_up(rows, job.rows);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    const size_t bytes = (size_t)(job.blocks * columns) * sizeof(attn_real);
    if (attn_wants(n->gain)) job.d_gain = attn_tape_take(tape, bytes);
    if (attn_wants(n->bias)) job.d_bias = attn_tape_take(tape, bytes);
    if (tape->status) return;
    attn_range(tape, job.blocks, attn_max64(1, ATTN_PIECE / (job.rows * columns)), backward_blocks, &job);
    add_sums(job, n->gain, job.d_gain);
    add_sums(job, n->bias, job.d_bias);
    attn_arena_back(&tape->step, mark);
}

static attn_tensor *norm(const char *name, attn_tensor *x, attn_tensor *gain, attn_tensor *bias, attn_real epsilon, bool centred) {
    attn_tensor *inputs[3] = {attn_contiguous(x)};
    int count = 1;
    if (gain) inputs[count++] = gain = attn_contiguous(gain);
    if (bias) inputs[count++] = bias = attn_contiguous(bias);
    if (!attn_usable(count, inputs)) return NULL;
    x = inputs[0];
    attn_tape *tape = x->tape;
    const int64_t columns = x->size[x->dims - 1];
    for (int i = 1; i < count; i++)
        if (inputs[i]->dims != 1 || inputs[i]->size[0] != columns)
            return attn_tape_fail(tape, ATTN_ESHAPE, "%s: gain and bias must be [%lld], as x's last axis", name, (long long)columns);
    attn_tensor *out = attn_tensor_like(x);
    if (!out || out->count == 0) return out;
    struct norm here = {.x = x, .gain = gain, .bias = bias, .functions = attn_functions_for(tape->ctx)};
    here.all = (struct attn_norm_rows){x->count / columns, columns, gain ? gain->data : NULL, bias ? bias->data : NULL, epsilon, centred};
    here.stat = attn_tape_take(tape, (size_t)(2 * here.all.rows) * sizeof *here.stat);
    if (!here.stat) return NULL;
    attn_range(tape, here.all.rows, attn_max64(1, ATTN_PIECE / columns), forward_rows, &(struct job){.n = &here, .y = out->data});
    if (attn_recording(out, count, inputs)) {
        struct norm *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}

attn_tensor *attn_layer_norm(attn_tensor *x, attn_tensor *gain, attn_tensor *bias, attn_real epsilon) {
    return norm("layer norm", x, gain, bias, epsilon, true);
}
attn_tensor *attn_rms_norm(attn_tensor *x, attn_tensor *gain, attn_real epsilon) {
    return norm("RMS norm", x, gain, NULL, epsilon, false);
}
