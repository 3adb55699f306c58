/* How a walk is cut. Where tensor 0 repeats nothing, rows are shared out, or pieces of the only row. Where it is summed into, its own rows
 * are, or pieces of them, each of which takes all rows of the others that go there in order: some at a time into a sum beside, and these
 * sums into one in double, since a float that has grown loses what is added to it. */
#include "tape/walk.h"

#include <string.h>

enum {
    LEAST_PIECE = 64, /* columns of a piece, at least: whole lines of memory */
    MOST_PIECE = ATTN_PIECE / 2,
    FEW = 128 /* rows */
};

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

struct run {
    const struct attn_walk *w;
    attn_real *to;
    attn_walk_fn body;
    void *arg;
    /* where tensor 0 is summed into: */
    int64_t own, others;   /* its rows; rows of the others for each of them */
    int64_t pieces, piece; /* of its row, which is one element where the last axis is summed */
};

/* The offsets of rows number `index` along the axes, but for the last, that tensor 0 has (or, own false, has not). */
static void move(const struct attn_walk *w, int64_t index, bool own, int64_t at[ATTN_WALK_MOST]) {
    for (int i = w->dims - 2; i >= 0; i--) {
        if ((w->step[0][i] != 0) != own) continue;
        for (int t = 0; t < w->tensors; t++) at[t] += index % w->size[i] * w->step[t][i];
        index /= w->size[i];
    }
}

/* Columns from `begin` on of the first row. */
static struct attn_walk_row first_row(const struct run *r, int64_t begin, int64_t n) {
    struct attn_walk_row row = {.n = n};
    for (int t = 0; t < r->w->tensors; t++) {
        row.step[t] = r->w->step[t][r->w->dims - 1];
        row.at[t] = begin * row.step[t];
    }
    return row;
}

/* For row number i of a walk of two axes at least. */
static void look_ahead(const struct attn_walk *w, int64_t i, struct attn_walk_row *row) {
    enum { AHEAD = 8, MOST = 512 };
    const int outer = w->dims - 2;
    if (w->row > MOST || i % w->size[outer] + AHEAD >= w->size[outer]) return;
    for (int t = 0; t < w->tensors; t++)
        if (row->step[t] == 1 && w->step[t][outer] != w->row) row->ahead[t] = AHEAD * w->step[t][outer];
}

static void rows(void *arg, int64_t begin, int64_t end) {
    const struct run *r = arg;
    for (int64_t i = begin; i < end; i++) {
        struct attn_walk_row row = first_row(r, 0, r->w->row);
        look_ahead(r->w, i, &row);
        move(r->w, i, true, row.at);
        row.to = r->to + row.at[0];
        r->body(r->arg, &row);
    }
}

static void columns(void *arg, int64_t begin, int64_t end) {
    const struct run *r = arg;
    struct attn_walk_row row = first_row(r, begin, end - begin);
    row.to = r->to + row.at[0];
    r->body(r->arg, &row);
}

/* All that goes to a row of tensor 0, or a piece of one. */
static void sum_into(const struct run *r, const struct attn_walk_row *first) {
    const int64_t wide = first->step[0] == 0 ? 1 : first->n, step = first->step[0];
    attn_real *to = r->to + first->at[0], sum[MOST_PIECE];
    double total[MOST_PIECE];
    for (int64_t c = 0; c < wide && r->others > FEW; c++) total[c] = 0;
    for (int64_t i = 0; i < r->others; i += FEW) {
        memset(sum, 0, (size_t)wide * sizeof *sum);
        for (int64_t n = i; n < i + FEW && n < r->others; n++) {
            struct attn_walk_row row = *first;
            move(r->w, n, false, row.at);
            row.to = sum;
            row.step[0] = step == 0 ? 0 : 1;
            r->body(r->arg, &row);
        }
        for (int64_t c = 0; c < wide; c++)
            if (r->others > FEW)
                total[c] += (double)sum[c];
            else
                to[c * step] += sum[c];
    }
    for (int64_t c = 0; c < wide && r->others > FEW; c++) to[c * step] += (attn_real)total[c];
}

static void sums(void *arg, int64_t begin, int64_t end) {
    const struct run *r = arg;
    for (int64_t i = begin; i < end; i++) {
        const int64_t column = i % r->pieces * r->piece;
        struct attn_walk_row row = first_row(r, column, attn_min64(r->piece, r->w->row - column));
        move(r->w, i / r->pieces, true, row.at);
        if (r->others > 1) {
            sum_into(r, &row);
        } else {
            row.to = r->to + row.at[0];
            r->body(r->arg, &row);
        }
    }
}

static bool repeats(const struct attn_walk *w) {
    for (int i = 0; i < w->dims; i++)
        if (w->step[0][i] == 0 && w->size[i] > 1) return true;
    return false;
}

void attn_walk_run(attn_tape *tape, const struct attn_walk *w, attn_real *to, attn_walk_fn body, void *arg) {
    struct run r = {.w = w, .to = to, .body = body, .arg = arg, .own = 1, .others = 1};
    if (w->rows == 0 || w->row == 0) return;
    if (!repeats(w) && w->rows == 1) {
        attn_range(tape, w->row, ATTN_PIECE, columns, &r);
    } else if (!repeats(w)) {
        attn_range(tape, w->rows, attn_max64(1, ATTN_PIECE / w->row), rows, &r);
    } else {
        for (int i = 0; i + 1 < w->dims; i++) *(w->step[0][i] != 0 ? &r.own : &r.others) *= w->size[i];
        r.piece = w->step[0][w->dims - 1] == 0 ? w->row : attn_max64(LEAST_PIECE, ATTN_PIECE / r.others / LEAST_PIECE * LEAST_PIECE);
        r.piece = attn_min64(r.piece, w->row);
        r.pieces = attn_div_up(w->row, r.piece);
        attn_range(tape, r.own * r.pieces, attn_max64(1, ATTN_PIECE / (r.others * r.piece)), sums, &r);
    }
}

static void add_row(void *arg, const struct attn_walk_row *row) {
    const attn_real *const *from = arg;
    for (int64_t i = 0; i < row->n; i++) row->to[i * row->step[0]] += (*from + row->at[1])[i * row->step[1]];
}

void attn_add_along(attn_tape *tape, int dims, const int64_t *size, const int64_t *to_step, attn_real *to, const int64_t *from_step,
                    const attn_real *from) {
    struct attn_walk w;
    attn_walk_make(&w, dims, size, 2, (const int64_t *const[]){to_step, from_step});
    attn_walk_run(tape, &w, to, add_row, &from);
}
