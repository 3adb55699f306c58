/* One case, one plan for each kernel, run in turns. A kernel that is predicted or found to be several times slower than another is left out:
 * its turns would only lengthen the others' distances. */
#include "bench/planner.h"

#include "base/clock.h"
#include "base/context.h"
#include "plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double predicted_far = 8.0, found_far = 2.0, few_turns = 6.0; /* with the peak loops beside them, about five */

struct contender {
    struct attn_case *c;
    attn_plan *plan;
};

/* All use one workspace, so that none has better pages. */
struct contest {
    struct attn_case c;
    void *workspace;
    size_t workspace_bytes;
    struct contender contender[ATTN_PLANNER_KERNELS];
    struct attn_subject subject[ATTN_PLANNER_KERNELS];
    int count;
};

static attn_status run_contender(void *self, enum attn_direction pass, double *seconds) {
    struct contender *p = self;
    p->c->plan = p->plan;
    return attn_case_subject(p->c, pass, seconds);
}

/* Makes the kernel a contender, and runs it once. */
static attn_status add(struct contest *contest, const attn_problem *problem, const struct attn_kernel *kernel, enum attn_direction pass) {
    struct contender *p = &contest->contender[contest->count];
    struct attn_subject *s = &contest->subject[contest->count];
    attn_problem named = *problem;
    char name[48];
    snprintf(name, sizeof name, "%s/%s", kernel->name, kernel->isa);
    named.kernel = name;
    named.effort = ATTN_ESTIMATE;
    attn_status status = attn_plan_create(contest->c.ctx, &named, &p->plan);
    if (status != ATTN_OK) return status;
    contest->count++;
    p->c = &contest->c;
    *s = (struct attn_subject){kernel->name, p, run_contender, 0.0};
    status = run_contender(p, pass, &s->seconds);
    return status == ATTN_OK ? run_contender(p, pass, &s->seconds) : status;
}

static void drop_last(struct contest *contest) {
    struct contender *p = &contest->contender[--contest->count];
    attn_plan_destroy(p->plan);
    memset(p, 0, sizeof *p);
}

/* As large as any kernel needs. */
static attn_status allocate_workspace(struct contest *contest) {
    const attn_plan *plan = contest->c.plan;
    for (int i = 0; i < attn_kernel_count; i++)
        if (attn_kernel_usable(contest->c.ctx, attn_kernels[i], &plan->shape)) {
            const size_t bytes = attn_round64(attn_kernels[i]->workspace(&plan->shape));
            contest->workspace_bytes = bytes > contest->workspace_bytes ? bytes : contest->workspace_bytes;
        }
    contest->workspace = attn_alloc(contest->c.ctx, contest->workspace_bytes);
    if (contest->workspace == NULL) return attn_no_memory(contest->c.ctx, "workspace", contest->workspace_bytes);
    memset(contest->workspace, 0, contest->workspace_bytes);
    return ATTN_OK;
}

/* The planner's two choices; both must be contenders. */
struct choices {
    const struct attn_kernel *estimate, *measured;
    double seconds;
};

static attn_status ask(attn_ctx *ctx, const attn_problem *problem, struct choices *choices) {
    attn_plan *plan;
    attn_problem p = *problem;
    p.effort = ATTN_ESTIMATE;
    attn_status status = attn_plan_create(ctx, &p, &plan);
    if (status != ATTN_OK) return status;
    choices->estimate = plan->kernel;
    attn_plan_destroy(plan);
    attn_wisdom_forget(ctx);
    p.effort = ATTN_MEASURE;
    const double start = attn_clock();
    status = attn_plan_create(ctx, &p, &plan);
    choices->seconds = attn_clock() - start;
    if (status != ATTN_OK) return status;
    choices->measured = plan->kernel;
    attn_plan_destroy(plan);
    return ATTN_OK;
}

/* The estimate's choice first, so that times are told as ratios to it. */
static attn_status add_all(attn_ctx *ctx, struct contest *contest, const attn_problem *problem, const struct choices *choices,
                           enum attn_direction pass) {
    const struct attn_shape shape = contest->c.plan->shape;
    const double predicted = attn_kernel_seconds(choices->estimate, &shape);
    attn_status status = add(contest, problem, choices->estimate, pass);
    for (int i = 0; i < attn_kernel_count && status == ATTN_OK && contest->count < ATTN_PLANNER_KERNELS; i++) {
        const struct attn_kernel *k = attn_kernels[i];
        if (k == choices->estimate || !attn_kernel_usable(ctx, k, &shape)) continue;
        if (k != choices->measured && attn_kernel_seconds(k, &shape) > predicted_far * predicted) continue;
        status = add(contest, problem, k, pass);
        const double first = contest->subject[0].seconds;
        if (status == ATTN_OK && k != choices->measured && contest->subject[contest->count - 1].seconds > found_far * first)
            drop_last(contest);
    }
    return status;
}

static int index_of(const struct contest *contest, const struct attn_kernel *kernel) {
    int i = 0;
    while (contest->contender[i].plan->kernel != kernel) i++;
    return i;
}

static void compare(const struct contest *contest, const struct choices *choices, struct attn_planner_outcome *out) {
    out->count = contest->count;
    out->best = 0;
    for (int i = 0; i < contest->count; i++) {
        const struct attn_kernel *k = contest->contender[i].plan->kernel;
        snprintf(out->kernel[i], sizeof out->kernel[i], "%s/%s", k->name, k->isa);
        if (out->timing[i].ratio < out->timing[out->best].ratio) out->best = i;
    }
    out->estimate = index_of(contest, choices->estimate);
    out->measured = index_of(contest, choices->measured);
    out->estimate_loss = out->timing[out->estimate].ratio / out->timing[out->best].ratio - 1.0;
    out->measured_loss = out->timing[out->measured].ratio / out->timing[out->best].ratio - 1.0;
    out->plan_seconds = choices->seconds;
}

static attn_status run(attn_ctx *ctx, struct contest *contest, enum attn_direction pass, struct attn_protocol protocol, double seconds,
                       struct attn_planner_outcome *out) {
    struct choices choices = {0};
    const attn_problem problem = contest->c.plan->problem;
    attn_status status = ask(ctx, &problem, &choices);
    if (status == ATTN_OK) status = add_all(ctx, contest, &problem, &choices, pass);
    double turn = 0.0;
    for (int i = 0; i < contest->count; i++) turn += contest->subject[i].seconds;
    protocol.enough = attn_clock() + fmax(seconds, few_turns * turn);
    if (status == ATTN_OK)
        status = attn_measure(ctx, contest->subject, contest->count, pass, attn_case_flops(&contest->c, pass), &protocol, out->timing);
    if (status == ATTN_OK) compare(contest, &choices, out);
    return status;
}

attn_status attn_planner_run(attn_ctx *ctx, const struct attn_case_spec *spec, enum attn_direction pass, struct attn_protocol protocol,
                             double seconds, struct attn_planner_outcome *out, char *message) {
    struct contest contest = {.count = 0};
    memset(out, 0, sizeof *out);
    attn_status status = attn_case_open(&contest.c, spec);
    if (status == ATTN_OK) status = attn_case_mask_text(&contest.c, "full");
    if (status == ATTN_OK) status = attn_case_plan(&contest.c);
    if (status != ATTN_OK) snprintf(message, 1024, "%s", contest.c.message);
    if (status == ATTN_OK) {
        attn_plan *const own_plan = contest.c.plan;
        void *const own_workspace = contest.c.args.workspace;
        status = allocate_workspace(&contest);
        contest.c.args.workspace = contest.workspace;
        contest.c.args.workspace_bytes = contest.workspace_bytes;
        if (status == ATTN_OK) status = run(ctx, &contest, pass, protocol, seconds, out);
        if (status != ATTN_OK) attn_ctx_error(status == ATTN_ENOMEM ? contest.c.ctx : ctx, message, 1024);
        while (contest.count > 0) drop_last(&contest);
        attn_free(contest.c.ctx, contest.workspace);
        contest.c.plan = own_plan;
        contest.c.args.workspace = own_workspace;
    }
    attn_case_close(&contest.c);
    return status;
}
