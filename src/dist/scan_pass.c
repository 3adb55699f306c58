/* What forward and backward over ranks have in common: arguments that all ranks agree on, and the exchange. */
#include "dist/scan.h"

static attn_status check_workspace(const attn_mpi_scan *scan, const attn_args *args) {
    if (!args->workspace)
        return attn_fail(scan->ctx, ATTN_EWORKSPACE, "scan over ranks: args.workspace is NULL, expected %zu bytes aligned to 64",
                         scan->workspace);
    if (args->workspace_bytes < scan->workspace)
        return attn_fail(scan->ctx, ATTN_EWORKSPACE,
                         "scan over ranks: args.workspace_bytes is %zu, expected at least %zu (attn_mpi_scan_workspace)",
                         args->workspace_bytes, scan->workspace);
    return ATTN_OK;
}

/* States come from the other ranks, and their gradients go there. */
static attn_status check_states(attn_ctx *ctx, const attn_args *args, const attn_gradients *gradients) {
    const char *given = args->state_o.data ? "args.state_o" : args->state_lse.data ? "args.state_lse" : NULL;
    if (gradients && !given)
        given = gradients->dstate_o.data     ? "gradients.dstate_o"
                : gradients->dstate_lse.data ? "gradients.dstate_lse"
                : gradients->d_last_o.data   ? "gradients.d_last_o"
                : gradients->d_last_lse.data ? "gradients.d_last_lse"
                                             : NULL;
    if (!given) return ATTN_OK;
    return attn_fail(ctx, ATTN_EUNSUPPORTED, "scan over ranks: %s is given; expected NULL: what lies before and behind is on other ranks",
                     given);
}

static attn_status open_alone(enum attn_pass direction, const attn_args *args, const attn_gradients *gradients,
                              struct attn_scan_pass *pass) {
    attn_mpi_scan *scan = pass->scan;
    attn_status status = attn_args_check(scan->ctx, args);
    if (!status) status = check_workspace(scan, args);
    if (status) return status;
    attn_scan_memory_lay_out(scan->plan, args->workspace, &pass->m);
    pass->args = *args;
    pass->args.workspace_bytes = pass->m.plan;
    status = attn_bind(scan->plan, &pass->args, gradients, direction, &pass->x);
    return status ? status : check_states(scan->ctx, args, gradients);
}

attn_status attn_scan_pass_open(attn_mpi_scan *scan, enum attn_pass direction, const attn_args *args, const attn_gradients *gradients,
                                struct attn_scan_pass *pass) {
    *pass = (struct attn_scan_pass){
        .scan = scan, .call = {scan->ctx, direction == ATTN_PASS_FORWARD ? "forward over ranks" : "backward over ranks", scan->step++}};
    const attn_status status = open_alone(direction, args, gradients, pass);
    pass->heads = pass->x.batch * scan->plan->shape.heads;
    pass->width = scan->plan->shape.v_dim + 2;
    return attn_link_agree(scan->link, &pass->call, status, "args.batch", pass->x.batch);
}

double attn_scan_get(const struct attn_scan_pass *pass, const void *data, int64_t at) {
    return pass->x.shape->dtype == ATTN_F64 ? ((const double *)data)[at] : (double)((const float *)data)[at];
}

void attn_scan_put(const struct attn_scan_pass *pass, void *data, int64_t at, double value) {
    if (pass->x.shape->dtype == ATTN_F64)
        ((double *)data)[at] = value;
    else
        ((float *)data)[at] = (float)value;
}

attn_status attn_scan_pass_exchange(const struct attn_scan_pass *pass, int direction,
                                    void (*join)(double *element, const double *beyond, int64_t width)) {
    const struct attn_exscan scan = {.elements = pass->heads,
                                     .width = pass->width,
                                     .direction = direction,
                                     .join = join,
                                     .own = pass->m.own,
                                     .beyond = pass->m.beyond,
                                     .incoming = pass->m.incoming};
    return attn_exscan_run(&scan, pass->scan->link, &pass->call);
}
