/* Prefix attention over ranks, forward: the state behind each rank's rows, as if nothing lay before them; these states scanned over the ranks; then
 * the rows, from what lies before.
 *
 * So keys and values are read twice, but by the last rank, whose state nobody needs. The first one could find its state on the way of its rows; then
 * the others would have to wait for these. Rows that were computed at once and corrected afterwards would read O a second time instead, and their LSE
 * in float would not do: beside a score of 1e4 it keeps 1e-3 of what a part weighs. */
#include "dist/scan.h"
#include "kernel/scan/cell.h"

#include <math.h>

static struct attn_cell cell_of(const struct attn_scan_pass *pass, double *element) {
    return (struct attn_cell){&element[0], &element[1], element + 2, pass->width - 2};
}

/* element takes all that `before` has seen. */
static void join(double *element, const double *before, int64_t width) {
    double m = before[0], c = before[1]; /* cells are written to; of this one nothing is */
    const struct attn_cell to = {&element[0], &element[1], element + 2, width - 2};
    const struct attn_cell from = {&m, &c, (double *)(uintptr_t)(before + 2), width - 2};
    attn_cell_merge(&to, &from);
}

static struct attn_array_out heads_array(const struct attn_scan_pass *pass, void *data, int64_t numbers) {
    const int64_t heads = pass->x.shape->heads;
    return (struct attn_array_out){data, heads * numbers, numbers, 0, 1, pass->x.o.type};
}

/* The state behind this rank's rows, as if nothing lay before them. */
static void find_end(const struct attn_scan_pass *pass) {
    struct attn_exec x = pass->x;
    x.end_o = heads_array(pass, pass->m.carry_o, pass->width - 2);
    x.end_m = heads_array(pass, pass->m.carry_lse, 1);
    x.end_c = heads_array(pass, pass->m.carry_c, 1);
    x.o.data = x.lse.data = NULL;
    pass->scan->plan->kernel->forward(&x);
}

/* That state is this rank's element; beyond is nothing yet. */
static void open_elements(const struct attn_scan_pass *pass, bool any) {
    for (int64_t n = 0; n < pass->heads; n++) {
        double *own = pass->m.own + n * pass->width, *beyond = pass->m.beyond + n * pass->width;
        const struct attn_cell cell = cell_of(pass, own), none = cell_of(pass, beyond);
        attn_cell_clear(&cell);
        attn_cell_clear(&none);
        if (!any) continue;
        own[0] = attn_scan_get(pass, pass->m.carry_lse, n);
        own[1] = attn_scan_get(pass, pass->m.carry_c, n);
        for (int64_t c = 0; c < cell.width; c++) cell.o[c] = attn_scan_get(pass, pass->m.carry_o, n * cell.width + c);
    }
}

/* What lies before becomes the state that the execution goes on from. */
static void go_on(const struct attn_scan_pass *pass, struct attn_exec *x) {
    const int64_t e = pass->width - 2, heads = x->shape->heads;
    for (int64_t n = 0; n < pass->heads; n++) {
        const double *before = pass->m.beyond + n * pass->width;
        attn_scan_put(pass, pass->m.carry_lse, n, before[0]);
        attn_scan_put(pass, pass->m.carry_c, n, before[1]);
        for (int64_t c = 0; c < e; c++) attn_scan_put(pass, pass->m.carry_o, n * e + c, before[2 + c]);
    }
    x->state_o = (struct attn_array){pass->m.carry_o, heads * e, e, 0, 1, x->o.type};
    x->state_lse = (struct attn_array){pass->m.carry_lse, heads, 1, 0, 1, x->o.type};
    x->state_c = (struct attn_array){pass->m.carry_c, heads, 1, 0, 1, x->o.type};
}

attn_status attn_mpi_scan_forward(attn_mpi_scan *scan, const attn_args *args) {
    struct attn_scan_pass pass;
    if (!scan) return ATTN_EINVAL;
    attn_status status = attn_scan_pass_open(scan, ATTN_PASS_FORWARD, args, NULL, &pass);
    if (status) return status;
    const bool first = scan->link->rank == 0, last = scan->link->rank == scan->link->count - 1;
    struct attn_exec x = pass.x;
    if (!last) find_end(&pass);
    open_elements(&pass, !last);
    status = attn_scan_pass_exchange(&pass, 1, join);
    if (status) return status;
    if (!first) go_on(&pass, &x);
    scan->plan->kernel->forward(&x);
    return ATTN_OK;
}
