/* The C side of overhead.py: calls attn_forward on one query and eight keys, prints the nanoseconds of a call: least and median slice. */
#include <attn.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLICES = 51, CALLS = 4000, KEYS = 8, DIM = 8 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static float q[DIM], k[KEYS * DIM], v[KEYS * DIM], o[DIM];
    double slice[SLICES];
    attn_ctx *ctx;
    attn_plan *plan;
    attn_problem problem;
    attn_args args;
    if (attn_ctx_create(NULL, &ctx, NULL, 0)) return 1;
    attn_problem_init(&problem);
    problem.heads = 1, problem.dim = DIM, problem.q_len = 1, problem.kv_len = KEYS;
    if (attn_plan_create(ctx, &problem, &plan)) return 1;
    attn_args_init(&args);
    args.q.data = q, args.k.data = k, args.v.data = v, args.o.data = o;
    args.workspace_bytes = attn_plan_workspace(plan);
    if (args.workspace_bytes && !(args.workspace = aligned_alloc(64, args.workspace_bytes))) return 1;
    for (int s = 0; s < SLICES; s++) {
        const double start = seconds();
        for (int n = 0; n < CALLS; n++)
            if (attn_forward(plan, &args)) return 1;
        slice[s] = (seconds() - start) / CALLS;
    }
    qsort(slice, SLICES, sizeof slice[0], compare);
    printf("%.1f %.1f\n", 1e9 * slice[0], 1e9 * slice[SLICES / 2]);
    free(args.workspace);
    attn_plan_destroy(plan);
    attn_ctx_destroy(ctx);
}
