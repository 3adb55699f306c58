/* Context parallelism over MPI, in words. */
#include "dist/mpi_plan.h"

#include <stdarg.h>
#include <stdio.h>

struct text {
    char *at;
    size_t size, needed;
};

static void add(struct text *t, const char *format, ...) ATTN_PRINTF(2, 3);
static void add(struct text *t, const char *format, ...) {
    const size_t used = t->needed < t->size ? t->needed : t->size;
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->at ? t->at + used : NULL, t->at ? t->size - used : 0, format, args);
    va_end(args);
    if (n > 0) t->needed += (size_t)n;
}

static void add_grid(struct text *t, const attn_mpi_plan *plan) {
    const struct attn_grid *g = &plan->cp->config.grid;
    const int rank = plan->transport->rank;
    add(t, "mechanism  %s on %d ranks", attn_mechanism_name(g->mechanism), plan->transport->count);
    if (g->mechanism == ATTN_CP_HYBRID) {
        add(t, ", groups of ranks for %lld documents; this rank is in %lld\n", (long long)plan->documents, (long long)plan->cp->stages);
        return;
    }
    add(t, ": %d exchange heads, %d pass keys around", g->ulysses, g->ring);
    if (g->windows > 1) add(t, " in %d windows", g->windows);
    if (g->ulysses > 1 && g->ring > 1) add(t, ", %s first", g->head_first ? "heads" : "the ring");
    add(t, "; rank %d has piece %d of position %d\n", rank, attn_grid_piece(g, rank), attn_grid_position(g, rank));
}

size_t attn_mpi_plan_text(const attn_mpi_plan *plan, char *text, size_t size) {
    const struct attn_cp *cp = plan->cp;
    const attn_problem *p = &cp->problem;
    const double mean = cp->area / plan->transport->count;
    struct text t = {text, size, 0};
    add(&t, "problem    %s %s, %d heads on %d key/value heads, head sizes %d and %d, scale %g; %lld sequence%s of %lld tokens\n",
        attn_dtype_name(p->dtype), attn_layout_name(p->layout), p->heads, p->kv_heads, p->dim, p->v_dim, p->scale, (long long)p->batch,
        p->batch == 1 ? "" : "s", (long long)p->q_len);
    add_grid(&t, plan);
    add(&t, "why        %s\n", plan->why);
    add(&t, "sharding   %s, %lld places on this rank",
        attn_sharding_name(cp->config.grid.mechanism == ATTN_CP_HYBRID ? ATTN_SHARD_ZIGZAG : cp->config.sharding), (long long)cp->places);
    if (plan->documents > 1) add(&t, ", %lld documents", (long long)plan->documents);
    add(&t, "\nwork       %.6g of %.6g allowed pairs", cp->own_area, cp->area);
    if (mean > 0.0) add(&t, ", %.3f times the mean of a rank", cp->own_area / mean);
    add(&t, "\nsends      forward %lld bytes", (long long)plan->sent[0]);
    if (p->features & ATTN_BACKWARD) add(&t, ", backward %lld bytes", (long long)plan->sent[1]);
    add(&t, "\nworkspace  %zu bytes, %d threads\n", cp->workspace, p->threads);
    return t.needed;
}
