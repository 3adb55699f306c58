/* How a walk is cut. Where tensor 0 repeats nothing, rows are shared out, or pieces of the only row. Where it is summed into and differs along the
 * last axis, pieces of that axis are, each of which takes all rows in order; where it is one element along the last axis, the first axis is
 * shared out if it differs along it. */
#include "tape/walk.h"

#include <string.h>

enum { LEAST_PIECE = 64 /* columns of a piece, at least: whole lines of memory */ };

static bool joins(const struct attn_walk *w, int axis, const int64_t *const *steps, int64_t inner, int from) {
    for (int t = 0; t < w->tensors; t++)
        if (steps[t][axis] != w->step[t][from] * inner) return false;
    return true;
}

void attn_walk_make(struct attn_walk *w, int dims, const int64_t *size, int tensors, const int64_t *const *steps) {
    *w = (struct attn_walk){.tensors = tensors};
    int at = ATTN_TENSOR_DIMS; /* joined axes, from the last on, at the end of the arrays */
    for (int i = dims - 1; i >= 0; i--) {
        if (size[i] == 1) continue;
        if (at < ATTN_TENSOR_DIMS && joins(w, i, steps, w->size[at], at)) {
            w->size[at] *= size[i];
            continue;
        }
        at--;
        w->size[at] = size[i];
        for (int t = 0; t < tensors; t++) w->step[t][at] = steps[t][i];
    }
    if (at == ATTN_TENSOR_DIMS) w->size[--at] = 1; /* one element */
    w->dims = ATTN_TENSOR_DIMS - at;
    memmove(w->size, w->size + at, (size_t)w->dims * sizeof *w->size);
    for (int t = 0; t < tensors; t++) memmove(w->step[t], w->step[t] + at, (size_t)w->dims * sizeof *w->size);
    w->row = w->size[w->dims - 1];
    w->rows = 1;
    for (int i = 0; i + 1 < w->dims; i++) w->rows *= w->size[i];
}

/* Row number `index`, its columns [begin, end). */
static void row_at(const struct attn_walk *w, int64_t index, int64_t begin, int64_t end, struct attn_walk_row *row) {
    row->n = end - begin;
    for (int t = 0; t < w->tensors; t++) {
        row->step[t] = w->step[t][w->dims - 1];
        row->at[t] = begin * row->step[t];
    }
    for (int i = w->dims - 2; i >= 0; i--) {
        for (int t = 0; t < w->tensors; t++) row->at[t] += index % w->size[i] * w->step[t][i];
        index /= w->size[i];
    }
}

struct run {
    const struct attn_walk *w;
    attn_walk_fn body;
    void *arg;
    int64_t rows_each; /* rows of an index, where rows are shared out */
};

static void rows(void *arg, int64_t begin, int64_t end) {
    const struct run *r = arg;
    struct attn_walk_row row = {.n = 0};
    for (int64_t i = begin * r->rows_each; i < end * r->rows_each; i++) {
        row_at(r->w, i, 0, r->w->row, &row);
        r->body(r->arg, &row);
    }
}

static void columns(void *arg, int64_t begin, int64_t end) {
    const struct run *r = arg;
    struct attn_walk_row row = {.n = 0};
    for (int64_t i = 0; i < r->w->rows; i++) {
        row_at(r->w, i, begin, end, &row);
        r->body(r->arg, &row);
    }
}

static bool repeats(const struct attn_walk *w) {
    for (int i = 0; i < w->dims; i++)
        if (w->step[0][i] == 0 && w->size[i] > 1) return true;
    return false;
}

void attn_walk_run(attn_tape *tape, const struct attn_walk *w, attn_walk_fn body, void *arg) {
    struct run r = {.w = w, .body = body, .arg = arg, .rows_each = 1};
    if (w->rows == 0 || w->row == 0) return;
    if (w->rows == 1 && !repeats(w)) {
        attn_range(tape, w->row, ATTN_PIECE, columns, &r);
    } else if (!repeats(w)) {
        attn_range(tape, w->rows, attn_max64(1, ATTN_PIECE / w->row), rows, &r);
    } else if (w->step[0][w->dims - 1] != 0) {
        attn_range(tape, w->row, attn_max64(LEAST_PIECE, ATTN_PIECE / w->rows / LEAST_PIECE * LEAST_PIECE), columns, &r);
    } else if (w->dims > 1 && w->step[0][0] != 0) {
        r.rows_each = w->rows / w->size[0];
        attn_range(tape, w->size[0], attn_max64(1, ATTN_PIECE / (r.rows_each * w->row)), rows, &r);
    } else {
        rows(&(struct run){.w = w, .body = body, .arg = arg, .rows_each = w->rows}, 0, 1);
    }
}

struct add_job {
    const attn_real *from;
    attn_real *to;
};

static void add_row(void *arg, const struct attn_walk_row *row) {
    const struct add_job *job = arg;
    attn_real *to = job->to + row->at[0];
    const attn_real *from = job->from + row->at[1];
    for (int64_t i = 0; i < row->n; i++) to[i * row->step[0]] += from[i * row->step[1]];
}

void attn_add_along(attn_tape *tape, int dims, const int64_t *size, const int64_t *to_step, attn_real *to, const int64_t *from_step,
                    const attn_real *from) {
    struct attn_walk w;
    attn_walk_make(&w, dims, size, 2, (const int64_t *const[]){to_step, from_step});
    attn_walk_run(tape, &w, add_row, &(struct add_job){from, to});
}
