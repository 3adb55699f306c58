/* A long convolution by Fourier transforms, padded with zeros so that the circular product is the linear one.
 *
 * Two channels are the real and the imaginary part of one transform: with Z that of a + i b, A[f] = (Z[f] + conj Z[-f]) / 2 and
 * B[f] = (Z[f] - conj Z[-f]) / 2i.
 *
 * forward   Y = X H                     backward  dX = conj(H) dY;  dH = sum over sequences of conj(X) dY
 *
 * A group of neighbouring pairs is copied to and fro together, whole lines of memory. Forward shares out groups of every sequence; backward groups
 * alone, each with all sequences in order: dY serves both gradients, and dH is one sum. X is transformed anew in backward: keeping it would
 * take more than twice the memory of x.
 */
#include "tape/long_convolution.h"

#include "base/parallel.h"

#include <string.h>

enum { GROUP = 8 /* pairs */ };

struct job {
    const struct attn_long_convolution *c;
    const attn_real *dy;
    attn_real *to, *dx, *dh;
    struct attn_complex *scratch; /* of each worker `each` numbers */
    int64_t each, across;         /* across: groups side by side */
};

/* Pairs [0, pairs) of a group, whose first channel is `begin`; a last odd channel is paired with zeros. */
struct group {
    int64_t begin, pairs;
};

static struct group group_at(const struct attn_long_convolution *c, int64_t index) {
    const int64_t begin = index * 2 * GROUP;
    return (struct group){begin, attn_min64(GROUP, attn_div_up(c->channels - begin, 2))};
}

/* Rows of a group's channels, then zeros, to z[pair * n + row]. */
static void gather(const struct attn_long_convolution *c, struct group g, int64_t rows, const attn_real *from, struct attn_complex *z) {
    const int64_t whole = g.begin + 2 * g.pairs <= c->channels ? g.pairs : g.pairs - 1;
    for (int64_t r = 0; r < rows; r++) {
        const attn_real *row = from + r * c->channels + g.begin;
        for (int64_t p = 0; p < whole; p++) z[p * c->n + r] = (struct attn_complex){row[2 * p], row[2 * p + 1]};
        if (whole < g.pairs) z[whole * c->n + r] = (struct attn_complex){row[2 * whole], 0};
    }
    for (int64_t p = 0; p < g.pairs; p++) memset(z + p * c->n + rows, 0, (size_t)(c->n - rows) * sizeof *z);
}

/* to = (add: to +) the first rows of z / n. */
static void scatter(const struct attn_long_convolution *c, struct group g, int64_t rows, const struct attn_complex *z, bool add,
                    attn_real *to) {
    const attn_real scale = 1 / (attn_real)c->n;
    const int64_t wide = attn_min64(2 * g.pairs, c->channels - g.begin);
    for (int64_t r = 0; r < rows; r++) {
        attn_real *row = to + r * c->channels + g.begin;
        for (int64_t l = 0; l < wide; l++) {
            const struct attn_complex at = z[l / 2 * c->n + r];
            row[l] = (add ? row[l] : 0) + scale * (l % 2 == 0 ? at.re : at.im);
        }
    }
}

/* The channels' own transforms at f, from those of the pair at f and -f. */
static void part(struct attn_complex at, struct attn_complex mirror, struct attn_complex *a, struct attn_complex *b) {
    const attn_real half = (attn_real)0.5;
    *a = (struct attn_complex){half * (at.re + mirror.re), half * (at.im - mirror.im)};
    *b = (struct attn_complex){half * (at.im + mirror.im), half * (mirror.re - at.re)};
}

/* conj(a) b where `conjugate`, else a b */
static struct attn_complex times(bool conjugate, struct attn_complex a, struct attn_complex b) {
    const attn_real im = conjugate ? -a.im : a.im;
    return (struct attn_complex){a.re * b.re - im * b.im, a.re * b.im + im * b.re};
}

/* Channel by channel, of pairs: to = (add: to +) conj(a) b or a b. to may be b. */
static void multiply(int64_t n, bool conjugate, const struct attn_complex *a, const struct attn_complex *b, bool add,
                     struct attn_complex *to) {
    for (int64_t f = 0; f <= n / 2; f++) {
        const int64_t g = (n - f) % n;
        struct attn_complex a1, a2, b1, b2;
        part(a[f], a[g], &a1, &a2);
        part(b[f], b[g], &b1, &b2);
        const struct attn_complex y1 = times(conjugate, a1, b1), y2 = times(conjugate, a2, b2);
        const struct attn_complex at = {y1.re - y2.im, y1.im + y2.re}, mirror = {y1.re + y2.im, y2.re - y1.im};
        const struct attn_complex at_before = add ? to[f] : (struct attn_complex){0, 0};
        const struct attn_complex mirror_before = add ? to[g] : (struct attn_complex){0, 0};
        to[f] = (struct attn_complex){at_before.re + at.re, at_before.im + at.im};
        if (g != f) to[g] = (struct attn_complex){mirror_before.re + mirror.re, mirror_before.im + mirror.im};
    }
}

static void transform_taps(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    const struct group g = group_at(c, index);
    struct attn_complex *z = job->scratch + worker * job->each;
    gather(c, g, c->taps, c->h->data, z);
    for (int64_t p = 0; p < g.pairs; p++) attn_fft_run(c->fft, false, z + p * c->n, c->of_h + (g.begin / 2 + p) * c->n);
}

static void forward_group(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    const struct group g = group_at(c, index % job->across);
    const int64_t first = index / job->across * c->length * c->channels;
    struct attn_complex *z = job->scratch + worker * job->each, *of_x = z + GROUP * c->n;
    gather(c, g, c->length, c->x->data + first, z);
    for (int64_t p = 0; p < g.pairs; p++) {
        attn_fft_run(c->fft, false, z + p * c->n, of_x);
        multiply(c->n, false, c->of_h + (g.begin / 2 + p) * c->n, of_x, false, of_x);
        attn_fft_run(c->fft, true, of_x, z + p * c->n);
    }
    scatter(c, g, c->length, z, false, job->to + first);
}

static void backward_group(void *arg, int64_t index, int worker) {
    const struct job *job = arg;
    const struct attn_long_convolution *c = job->c;
    const struct group g = group_at(c, index);
    const int64_t all = GROUP * c->n;
    struct attn_complex *dz = job->scratch + worker * job->each, *z = dz + all, *of_dh = z + all, *of_dy = of_dh + all,
                        *of_x = of_dy + c->n;
    if (job->dh) memset(of_dh, 0, (size_t)all * sizeof *of_dh);
    for (int64_t b = 0; b < c->sequences; b++) {
        const int64_t first = b * c->length * c->channels;
        gather(c, g, c->length, job->dy + first, dz);
        if (job->dh) gather(c, g, c->length, c->x->data + first, z);
        for (int64_t p = 0; p < g.pairs; p++) {
            attn_fft_run(c->fft, false, dz + p * c->n, of_dy);
            if (job->dh) {
                attn_fft_run(c->fft, false, z + p * c->n, of_x);
                multiply(c->n, true, of_x, of_dy, true, of_dh + p * c->n);
            }
            if (job->dx) {
                multiply(c->n, true, c->of_h + (g.begin / 2 + p) * c->n, of_dy, false, of_dy);
                attn_fft_run(c->fft, true, of_dy, dz + p * c->n);
            }
        }
        if (job->dx) scatter(c, g, c->length, dz, true, job->dx + first);
    }
    if (!job->dh) return;
    for (int64_t p = 0; p < g.pairs; p++) attn_fft_run(c->fft, true, of_dh + p * c->n, z + p * c->n);
    scatter(c, g, c->taps, z, true, job->dh);
}

/* Scratch for every worker. False: the tape is spoiled. */
static bool open_job(struct job *job, int64_t each) {
    attn_tape *tape = job->c->x->tape;
    job->across = attn_div_up(job->c->channels, 2 * GROUP);
    job->each = each;
    job->scratch = attn_tape_take(tape, (size_t)(each * tape->ctx->config.threads) * sizeof *job->scratch);
    return job->scratch != NULL;
}

bool attn_long_convolution_fft(struct attn_long_convolution *c, attn_real *y) {
    struct job job = {.c = c, .to = y};
    attn_ctx *ctx = c->x->tape->ctx;
    c->of_h = attn_tape_take(c->x->tape, (size_t)(attn_div_up(c->channels, 2) * c->n) * sizeof *c->of_h);
    if (!c->of_h || !open_job(&job, (GROUP + 1) * c->n)) return false;
    attn_parallel(ctx, job.across, ctx->config.threads, transform_taps, &job);
    attn_parallel(ctx, job.across * c->sequences, ctx->config.threads, forward_group, &job);
    return true;
}

void attn_long_convolution_fft_backward(const struct attn_long_convolution *c, const attn_real *dy, attn_real *dx, attn_real *dh) {
    struct job job = {.c = c, .dy = dy, .dx = dx, .dh = dh};
    attn_ctx *ctx = c->x->tape->ctx;
    if (open_job(&job, (3 * GROUP + 2) * c->n)) attn_parallel(ctx, job.across, ctx->config.threads, backward_group, &job);
}
