/* Layer norm and RMS norm along the last axis, N elements.
 *
 * forward   h = (x - m) r,  r = 1 / sqrt(mean of (x - m)^2 + epsilon), m the mean (RMS: 0);  y = gain h + bias
 * backward  g = gain dy;  dx = r (g - mean of g - h mean of g h)   (RMS: without the mean of g)
 *           dgain = sum over rows of dy h;  dbias = sum over rows of dy
 */
#include "tape/tape.h"

struct norm {
    struct attn_node node;
    attn_tensor *x, *gain, *bias; /* NULL: none */
    attn_real *h, *scale;         /* [rows, columns], r of each row */
    attn_real epsilon;
    int64_t rows, columns;
    bool centred;
};

struct job {
    const struct norm *n;
    attn_real *y, *dx, *products;
    const attn_real *dy;
    attn_real *to;
    bool add;
};

/* Sums of a row are kept in LANES parts, which compilers put in vectors, and are then added in a fixed order. */
enum { LANES = 16 };

static attn_real sum_of_lanes(attn_real *lane) {
    for (int l = 0; l < 8; l++) lane[l] += lane[l + 8];
    for (int l = 0; l < 4; l++) lane[l] += lane[l + 4];
    return lane[0] + lane[2] + (lane[1] + lane[3]);
}

static attn_real sum_of(const attn_real *x, int64_t columns) {
    attn_real lane[LANES] = {0};
    int64_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += x[c + l];
    for (; c < columns; c++) lane[c % LANES] += x[c];
    return sum_of_lanes(lane);
}

static attn_real squares_of(const attn_real *x, attn_real mean, int64_t columns) {
    attn_real lane[LANES] = {0};
    int64_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (x[c + l] - mean) * (x[c + l] - mean);
    for (; c < columns; c++) lane[c % LANES] += (x[c] - mean) * (x[c] - mean);
    return sum_of_lanes(lane);
}

/* Of g and of g h; gain NULL: 1. */
static void sums_of(const attn_real *dy, const attn_real *gain, const attn_real *h, int64_t columns, attn_real *sum, attn_real *along) {
    attn_real lane[LANES] = {0}, lane_h[LANES] = {0};
    int64_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        for (int l = 0; l < LANES; l++) {
            const attn_real g = (gain ? gain[c + l] : 1) * dy[c + l];
            lane[l] += g;
            lane_h[l] += g * h[c + l];
        }
    for (; c < columns; c++) {
        const attn_real g = (gain ? gain[c] : 1) * dy[c];
        lane[c % LANES] += g;
        lane_h[c % LANES] += g * h[c];
    }
    *sum = sum_of_lanes(lane);
    *along = sum_of_lanes(lane_h);
}

static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct norm *n = job->n;
    const int64_t columns = n->columns;
    const attn_real *gain = n->gain ? n->gain->data : NULL, *bias = n->bias ? n->bias->data : NULL;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *x = n->x->data + i * columns;
        attn_real *restrict h = n->h + i * columns, *restrict y = job->y + i * columns;
        const attn_real mean = n->centred ? sum_of(x, columns) / (attn_real)columns : 0;
        const attn_real r = 1 / real_sqrt(squares_of(x, mean, columns) / (attn_real)columns + n->epsilon);
        n->scale[i] = r;
        for (int64_t c = 0; c < columns; c++) {
            h[c] = (x[c] - mean) * r;
            y[c] = (gain ? gain[c] : 1) * h[c] + (bias ? bias[c] : 0);
        }
    }
}

static void backward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct norm *n = job->n;
    const int64_t columns = n->columns;
    const attn_real *gain = n->gain ? n->gain->data : NULL;
    for (int64_t i = begin; i < end; i++) {
        const attn_real *h = n->h + i * columns, *dy = job->dy + i * columns;
        attn_real *restrict dx = job->dx + i * columns, mean, along;
        sums_of(dy, gain, h, columns, &mean, &along);
        mean = n->centred ? mean / (attn_real)columns : 0;
        along /= (attn_real)columns;
        const attn_real r = n->scale[i];
        for (int64_t c = 0; c < columns; c++) {
            const attn_real g = (gain ? gain[c] : 1) * dy[c];
            dx[c] = (job->add ? dx[c] : 0) + r * (g - mean - h[c] * along);
        }
    }
}

static void multiply(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    for (int64_t i = begin; i < end; i++) job->products[i] = job->dy[i] * job->n->h[i];
}

static void gain_columns(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    attn_add_columns(job->n->rows, job->n->columns, begin, end, job->products, job->to);
}

static void bias_columns(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    attn_add_columns(job->n->rows, job->n->columns, begin, end, job->dy, job->to);
}

static void backward(struct attn_node *node) {
    const struct norm *n = (struct norm *)node;
    attn_tape *tape = n->x->tape;
    struct job job = {.n = n, .dy = attn_grad_of(node->out)};
    if (attn_wants(n->x)) {
        job.dx = attn_grad_write(n->x, &job.add);
        if (job.dx) attn_range(tape, n->rows, attn_max64(1, ATTN_PIECE / n->columns), backward_rows, &job);
    }
    if (attn_wants(n->gain)) {
        job.to = attn_grad_add(n->gain);
        const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
        job.products = attn_tape_take(tape, (size_t)n->x->count * sizeof *job.products);
        if (!job.products || !job.to) return;
        attn_range(tape, n->x->count, ATTN_PIECE, multiply, &job);
        attn_range(tape, n->columns, 64, gain_columns, &job);
        attn_arena_back(&tape->step, mark);
    }
    if (attn_wants(n->bias)) {
        job.to = attn_grad_add(n->bias);
        if (job.to) attn_range(tape, n->columns, 64, bias_columns, &job);
    }
}

static attn_tensor *norm(const char *name, attn_tensor *x, attn_tensor *gain, attn_tensor *bias, attn_real epsilon, bool centred) {
    attn_tensor *inputs[3] = {attn_contiguous(x)};
    int count = 1;
    if (gain) inputs[count++] = gain = attn_contiguous(gain);
    if (bias) inputs[count++] = bias = attn_contiguous(bias);
    if (!attn_usable(count, inputs)) return NULL;
    x = inputs[0];
    attn_tape *tape = x->tape;
    struct norm here = {.x = x, .gain = gain, .bias = bias, .epsilon = epsilon, .columns = x->size[x->dims - 1], .centred = centred};
    for (int i = 1; i < count; i++)
        if (inputs[i]->dims != 1 || inputs[i]->size[0] != here.columns)
            return attn_tape_fail(tape, ATTN_ESHAPE, "%s: gain and bias must be [%lld], as x's last axis", name, (long long)here.columns);
    attn_tensor *out = attn_tensor_like(x);
    if (!out || here.columns == 0) return out;
    here.rows = x->count / here.columns;
    here.h = attn_tape_take(tape, (size_t)x->count * sizeof *here.h);
    here.scale = attn_tape_take(tape, (size_t)here.rows * sizeof *here.scale);
    if (!here.h || !here.scale) return NULL;
    attn_range(tape, here.rows, attn_max64(1, ATTN_PIECE / here.columns), forward_rows, &(struct job){.n = &here, .y = out->data});
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
