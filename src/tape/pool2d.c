/* Pooling of images, channels last: the greatest of each window, or the mean of what lies within the image.
 *
 * forward   y[i, j] = max or mean over the window of x
 * backward  dx of the greatest += dy;  dx of each of the window's n += dy / n
 */
#include "tape/window.h"

#include <string.h>

struct pool2d {
    struct attn_node node;
    attn_tensor *x;
    struct attn_window at;
    int32_t *greatest; /* of each number of the result the pixel of its image; NULL: the mean */
};

struct job {
    const struct pool2d *n;
    attn_real *y, *dx;
    const attn_real *dy;
    bool add;
};

/* One window: y [C] and, for the greatest, their pixels. */
static void greatest_of(const struct pool2d *n, const attn_real *x, struct attn_span rows, struct attn_span columns, attn_real *y,
                        int32_t *pixel) {
    const int64_t channels = n->at.channels;
    int32_t at = (int32_t)(rows.begin * n->at.in[1] + columns.begin);
    memcpy(y, x + at * channels, (size_t)channels * sizeof *y);
    for (int64_t l = 0; l < channels; l++) pixel[l] = at;
    for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = columns.begin; c < columns.end; c++) {
            at = (int32_t)(r * n->at.in[1] + c);
            const attn_real *from = x + at * channels;
            for (int64_t l = 0; l < channels; l++) { /* without branches: nobody foresees which is greater */
                const bool greater = (from[l] > y[l]) | (from[l] != from[l]);
                y[l] = greater ? from[l] : y[l];
                pixel[l] = greater ? at : pixel[l];
            }
        }
}

static void mean_of(const struct pool2d *n, const attn_real *x, struct attn_span rows, struct attn_span columns, attn_real *y) {
    const int64_t channels = n->at.channels;
    const attn_real factor = 1 / (attn_real)((rows.end - rows.begin) * (columns.end - columns.begin));
    memset(y, 0, (size_t)channels * sizeof *y);
    for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = columns.begin; c < columns.end; c++)
            for (int64_t l = 0; l < channels; l++) y[l] += x[(r * n->at.in[1] + c) * channels + l];
    for (int64_t l = 0; l < channels; l++) y[l] *= factor;
}

/* Rows of windows, of all images. */
static void forward_rows(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct pool2d *n = job->n;
    const struct attn_window *w = &n->at;
    for (int64_t index = begin; index < end; index++) {
        const attn_real *x = n->x->data + index / w->out[0] * w->in[0] * w->in[1] * w->channels;
        const struct attn_span rows = attn_window_at(w, 0, index % w->out[0]);
        for (int64_t i = 0; i < w->out[1]; i++) {
            const int64_t at = (index * w->out[1] + i) * w->channels;
            const struct attn_span columns = attn_window_at(w, 1, i);
            if (n->greatest)
                greatest_of(n, x, rows, columns, job->y + at, n->greatest + at);
            else
                mean_of(n, x, rows, columns, job->y + at);
        }
    }
}

static void spread(const struct pool2d *n, struct attn_span rows, struct attn_span columns, const attn_real *dy, attn_real *dx) {
    const int64_t channels = n->at.channels;
    const attn_real factor = 1 / (attn_real)((rows.end - rows.begin) * (columns.end - columns.begin));
    for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = columns.begin; c < columns.end; c++)
            for (int64_t l = 0; l < channels; l++) dx[(r * n->at.in[1] + c) * channels + l] += factor * dy[l];
}

static void backward_images(void *arg, int64_t begin, int64_t end) {
    const struct job *job = arg;
    const struct pool2d *n = job->n;
    const struct attn_window *w = &n->at;
    const int64_t elements = w->in[0] * w->in[1] * w->channels, pixels = w->out[0] * w->out[1];
    for (int64_t image = begin; image < end; image++) {
        attn_real *dx = job->dx + image * elements;
        if (!job->add) memset(dx, 0, (size_t)elements * sizeof *dx);
        for (int64_t i = 0; i < pixels; i++) {
            const int64_t at = (image * pixels + i) * w->channels;
            if (n->greatest)
                for (int64_t l = 0; l < w->channels; l++) dx[n->greatest[at + l] * w->channels + l] += job->dy[at + l];
            else
                spread(n, attn_window_at(w, 0, i / w->out[1]), attn_window_at(w, 1, i % w->out[1]), job->dy + at, dx);
        }
    }
}

static void backward(struct attn_node *node) {
    const struct pool2d *n = (struct pool2d *)node;
    struct job job = {.n = n, .dy = attn_grad_of(node->out)};
    job.dx = attn_grad_write(n->x, &job.add);
    if (job.dx) attn_range(n->x->tape, n->at.batch, 1, backward_images, &job);
}

static attn_tensor *pool(const char *name, attn_tensor *x, int64_t size, int64_t stride, int64_t padding, bool greatest) {
    x = attn_contiguous(x);
    if (!x) return NULL;
    attn_tape *tape = x->tape;
    struct pool2d here = {.x = x};
    if (!attn_window_open(&here.at, name, x, size, size, stride, padding)) return NULL;
    if (here.at.in[0] > INT32_MAX / here.at.in[1])
        return attn_tape_fail(tape, ATTN_ESHAPE, "%s: an image of %lld x %lld; at most 2^31 - 1 pixels are allowed", name,
                              (long long)here.at.in[0], (long long)here.at.in[1]);
    attn_tensor *out = attn_tensor_new(tape, 4, (const int64_t[]){here.at.batch, here.at.out[0], here.at.out[1], here.at.channels});
    if (!out || out->count == 0) return out;
    here.greatest = greatest ? attn_tape_take(tape, (size_t)out->count * sizeof *here.greatest) : NULL;
    if (greatest && !here.greatest) return NULL;
    const int64_t row = here.at.out[1] * here.at.channels * size * size;
    attn_range(tape, here.at.batch * here.at.out[0], attn_max64(1, ATTN_PIECE / row), forward_rows,
               &(struct job){.n = &here, .y = out->data});
    if (attn_recording(out, 1, &x)) {
        struct pool2d *n = attn_node_new(out, sizeof *n, backward);
        if (!n) return NULL;
        here.node = n->node;
        *n = here;
    }
    return tape->status ? NULL : out;
}

attn_tensor *attn_max_pool2d(attn_tensor *x, int64_t size, int64_t stride, int64_t padding) {
    return pool("max pool2d", x, size, stride, padding, true);
}
attn_tensor *attn_avg_pool2d(attn_tensor *x, int64_t size, int64_t stride, int64_t padding) {
    return pool("avg pool2d", x, size, stride, padding, false);
}
