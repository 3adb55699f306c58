/* Convolution of images, channels last.
 *
 * forward   Y = P W^T + bias: row (b, i, j) of P is the window of x there, [KH, KW, C], zeros beyond the image
 * backward  dP = dY W, added to where its windows came from;  dW = dY^T P;  dbias = sum of the rows of dY
 *
 * P is made a block of rows at a time, in forward and again for dW, and lies in the second-level cache. Images are shared out where windows overlap
 * (dP); dW is summed over a few ranges of blocks, each by one task, and these are added in order.
 */
#include "tape/blas.h"
#include "tape/window.h"

#include "base/parallel.h"

#include <string.h>

struct conv2d {
    struct attn_node node;
    attn_tensor *x, *w, *bias; /* bias NULL: 0 */
    struct attn_window at;
    int64_t pixels, depth, filters; /* of the result, all images; KH KW C; O */
    int64_t block;                  /* rows of P at a time */
};

enum { RANGES = 8 /* that dW is summed over */ };

struct job {
    const struct conv2d *n;
    struct attn_packed w;
    attn_real *scratch; /* of each worker block * depth numbers */
    attn_real *to;
    const attn_real *dy;
    bool add;
    int64_t blocks, each; /* dW: blocks of a range */
};

/* Pixel number `index` of all: the window's rows and columns, and the image. */
struct place {
    struct attn_span rows, columns;
    int64_t image; /* elements before it */
};
static struct place place_of(const struct conv2d *n, int64_t index) {
    const struct attn_window *w = &n->at;
    const int64_t column = index % w->out[1], row = index / w->out[1] % w->out[0], image = index / (w->out[0] * w->out[1]);
    return (struct place){attn_window_at(w, 0, row), attn_window_at(w, 1, column), image * w->in[0] * w->in[1] * w->channels};
}

static void make_patches(const struct conv2d *n, int64_t begin, int64_t end, attn_real *to) {
    const struct attn_window *w = &n->at;
    const int64_t line = w->size[1] * w->channels; /* of a window */
    for (int64_t index = begin; index < end; index++, to += n->depth) {
        const struct place p = place_of(n, index);
        const int64_t lead = (p.columns.begin - p.columns.first) * w->channels, wide = (p.columns.end - p.columns.begin) * w->channels;
        const bool whole = wide == line && p.rows.end - p.rows.begin == w->size[0];
        if (!whole) memset(to, 0, (size_t)n->depth * sizeof *to);
        for (int64_t r = p.rows.begin; r < p.rows.end; r++)
            memcpy(to + (r - p.rows.first) * line + lead, n->x->data + p.image + (r * w->in[1] + p.columns.begin) * w->channels,
                   (size_t)wide * sizeof *to);
    }
}

static void add_patches(const struct conv2d *n, int64_t begin, int64_t end, const attn_real *from, attn_real *dx) {
    const struct attn_window *w = &n->at;
    const int64_t line = w->size[1] * w->channels;
    for (int64_t index = begin; index < end; index++, from += n->depth) {
        const struct place p = place_of(n, index);
        const int64_t lead = (p.columns.begin - p.columns.first) * w->channels, wide = (p.columns.end - p.columns.begin) * w->channels;
        for (int64_t r = p.rows.begin; r < p.rows.end; r++) {
            attn_real *to = dx + p.image + (r * w->in[1] + p.columns.begin) * w->channels;
            const attn_real *row = from + (r - p.rows.first) * line + lead;
            for (int64_t c = 0; c < wide; c++) to[c] += row[c];
        }
    }
}

static attn_real *scratch_of(const struct job *job, int worker) {
    return job->scratch + worker * job->n->block * job->n->depth;
}

static void forward_block(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct conv2d *n = job->n;
    const int64_t begin = index * n->block, end = attn_min64(begin + n->block, n->pixels);
    attn_real *patches = scratch_of(job, worker), *y = job->to + begin * n->filters;
    make_patches(n, begin, end, patches);
    for (int64_t i = 0; i < end - begin && n->bias; i++) memcpy(y + i * n->filters, n->bias->data, (size_t)n->filters * sizeof *y);
    attn_packed_product(&job->w, end - begin, patches, n->depth, y, n->filters, n->bias != NULL);
}

/* dx of one image. */
static void backward_image(void *arg, int64_t image, int worker) {
    const struct job *job = arg;
    const struct conv2d *n = job->n;
    const int64_t each = n->at.out[0] * n->at.out[1], elements = n->at.in[0] * n->at.in[1] * n->at.channels;
    attn_real *patches = scratch_of(job, worker);
    if (!job->add) memset(job->to + image * elements, 0, (size_t)elements * sizeof *job->to);
    for (int64_t begin = image * each; begin < (image + 1) * each; begin += n->block) {
        const int64_t end = attn_min64(begin + n->block, (image + 1) * each);
        attn_packed_product(&job->w, end - begin, job->dy + begin * n->filters, n->filters, patches, n->depth, false);
        add_patches(n, begin, end, patches, job->to);
    }
}

/* P^T dY of a range of blocks, [depth, O]. */
static void backward_range(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct conv2d *n = job->n;
    attn_real *patches = scratch_of(job, worker);
    const int64_t last = attn_min64((index + 1) * job->each, job->blocks);
    for (int64_t i = index * job->each; i < last; i++) {
        const int64_t begin = i * n->block, end = attn_min64(begin + n->block, n->pixels);
        const struct attn_product p = {.m = n->depth,
                                       .n = n->filters,
                                       .k = end - begin,
                                       .transpose_a = true,
                                       .lda = n->depth,
                                       .ldb = n->filters,
                                       .ldc = n->filters,
                                       .keep = i > index * job->each ? 1 : 0};
        make_patches(n, begin, end, patches);
        attn_product_here(n->x->tape->ctx, &p, patches, job->dy + begin * n->filters, job->to + index * n->depth * n->filters);
    }
}

/* False: the tape is spoiled. */
static bool take_scratch(struct job *job) {
    attn_tape *tape = job->n->x->tape;
    job->scratch = attn_tape_take(tape, (size_t)(job->n->block * job->n->depth * tape->ctx->config.threads) * sizeof(attn_real));
    return job->scratch != NULL;
}

static void gradient_of_x(const struct conv2d *n, const attn_real *dy) {
    attn_tape *tape = n->x->tape;
    struct job job = {.n = n, .dy = dy};
    job.to = attn_grad_write(n->x, &job.add);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    if (!job.to || !attn_pack(tape, n->w->data, n->depth, false, n->filters, n->depth, &job.w) || !take_scratch(&job)) return;
    attn_parallel(tape->ctx, n->at.batch, tape->ctx->config.threads, backward_image, &job);
    attn_tape_add_products(tape, 1, n->pixels, n->filters, n->depth);
    attn_arena_back(&tape->step, mark);
}

/* The ranges' sums, transposed, into rows [begin, end) of dW [O, depth]. */
struct sum {
    const struct conv2d *n;
    int64_t ranges;
    const attn_real *from;
    attn_real *to;
};
static void add_ranges(void *arg, int64_t begin, int64_t end) {
    const struct sum *s = arg;
    const int64_t depth = s->n->depth, filters = s->n->filters;
    for (int64_t o = begin; o < end; o++)
        for (int64_t i = 0; i < depth; i++) {
            attn_real sum = 0;
            for (int64_t r = 0; r < s->ranges; r++) sum += s->from[(r * depth + i) * filters + o];
            s->to[o * depth + i] += sum;
        }
}

static void gradient_of_w(const struct conv2d *n, const attn_real *dy) {
    attn_tape *tape = n->x->tape;
    struct job job = {.n = n, .dy = dy, .blocks = attn_div_up(n->pixels, n->block)};
    struct sum sum = {.n = n, .to = attn_grad_add(n->w)};
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    job.each = attn_div_up(job.blocks, RANGES);
    sum.ranges = attn_div_up(job.blocks, job.each);
    sum.from = job.to = attn_tape_take(tape, (size_t)(sum.ranges * n->depth * n->filters) * sizeof *job.to);
    if (!sum.to || !job.to || !take_scratch(&job)) return;
    attn_parallel(tape->ctx, sum.ranges, tape->ctx->config.threads, backward_range, &job);
    attn_tape_add_products(tape, 1, n->pixels, n->filters, n->depth);
    attn_range(tape, n->filters, attn_max64(1, ATTN_PIECE / (n->depth * sum.ranges)), add_ranges, &sum);
    attn_arena_back(&tape->step, mark);
}

struct bias_job {
    const struct conv2d *n;
    const attn_real *dy;
    attn_real *to;
};
static void add_bias(void *arg, int64_t begin, int64_t end) {
    const struct bias_job *job = arg;
    attn_add_columns(job->n->pixels, job->n->filters, begin, end, job->dy, job->to);
}

static void backward(struct attn_node *node) {
    const struct conv2d *n = (struct conv2d *)node;
    const attn_real *dy = attn_grad_of(node->out);
    if (attn_wants(n->x)) gradient_of_x(n, dy);
    if (attn_wants(n->w) && !n->x->tape->status) gradient_of_w(n, dy);
    struct bias_job job = {n, dy, attn_wants(n->bias) ? attn_grad_add(n->bias) : NULL};
    if (job.to) attn_range(n->x->tape, n->filters, 64, add_bias, &job);
}

/* False: the tape is spoiled. */
static bool compute(const struct conv2d *n, attn_tensor *out) {
    attn_tape *tape = out->tape;
    struct job job = {.n = n, .to = out->data};
    const struct attn_product p = {.m = n->block, .n = attn_max64(n->filters, n->depth)};
    tape->status = attn_product_begin(tape->ctx, &p);
    const struct attn_arena_mark mark = attn_arena_mark(&tape->step);
    if (!attn_pack(tape, n->w->data, n->depth, true, n->depth, n->filters, &job.w) || !take_scratch(&job)) return false;
    attn_parallel(tape->ctx, attn_div_up(n->pixels, n->block), tape->ctx->config.threads, forward_block, &job);
    attn_tape_add_products(tape, 1, n->pixels, n->filters, n->depth);
    attn_arena_back(&tape->step, mark);
    return true;
}

/* A block of P is 128 KiB of floats, or a tile of rows. */
static int64_t block_of(int64_t depth) {
    enum { NUMBERS = 32768, TILE = 12, MOST = 516 };
    return attn_min64(MOST, attn_max64(TILE, NUMBERS / depth / TILE * TILE));
}

attn_tensor *attn_conv2d(attn_tensor *x, attn_tensor *w, attn_tensor *bias, int64_t stride, int64_t padding) {
    attn_tensor *inputs[] = {attn_contiguous(x), attn_contiguous(w), bias ? attn_contiguous(bias) : NULL};
    const int count = bias ? 3 : 2;
    char text_x[ATTN_SHAPE_TEXT], text_w[ATTN_SHAPE_TEXT];
    if (!attn_usable(count, inputs)) return NULL;
    struct conv2d here = {.x = inputs[0], .w = inputs[1], .bias = inputs[2]};
    attn_tape *tape = here.x->tape;
    if (here.x->dims != 4 || here.w->dims != 4 || here.w->count == 0 || here.x->size[3] != here.w->size[3] ||
        (bias && (here.bias->dims != 1 || here.bias->size[0] != here.w->size[0])))
        return attn_tape_fail(tape, ATTN_ESHAPE, "conv2d: x [B, H, W, C] needs w [O, KH, KW, C] and bias [O]; x is %s, w %s",
                              attn_shape_text(here.x, text_x), attn_shape_text(here.w, text_w));
    if (!attn_window_open(&here.at, "conv2d", here.x, here.w->size[1], here.w->size[2], stride, padding)) return NULL;
    here.filters = here.w->size[0];
    here.depth = here.w->count / here.filters;
    here.pixels = here.at.batch * here.at.out[0] * here.at.out[1];
    here.block = block_of(here.depth);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){here.at.batch, here.at.out[0], here.at.out[1], here.filters});
    if (!out || out->count == 0) return out;
    if (!compute(&here, out)) return NULL;
    if (attn_recording(out, count, inputs)) {
        struct conv2d *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}
