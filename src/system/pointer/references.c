/* What tours of the examples that a recipe is tested on are compared with: those of the paper's approximations, of the nearest neighbour, and the shortest. They
 * depend on the recipe alone, and are found anew where claims and tables are read. */
#include "system/pointer/task.h"

#include "base/parallel.h"
#include "metric/tour.h"
#include "system/pointer/distances.h"
#include "system/pointer/pointer.h"

#include <math.h>
#include <stdio.h>

enum { METHODS = 4, MOST_POINTS = 50 /* as in the paper's table 2: A2 takes time as the cube of the points */ };
static const char *const methods[METHODS] = {"nearest", "a1", "a2", "a3"};
static const enum attn_pointer_labels labels[METHODS] = {ATTN_LABELS_OPTIMAL /* not used */, ATTN_LABELS_A1, ATTN_LABELS_A2,
                                                         ATTN_LABELS_A3};

struct references {
    const struct attn_pointer_task *task;
    int64_t n;
    size_t scratch_bytes;
    unsigned char *scratch; /* for each worker */
    double *length;         /* [examples, METHODS] */
};

/* From the first city to the nearest that is left, on and on. */
static void nearest(const double *xy, int64_t n, int32_t *tour, void *scratch) {
    double *d = scratch;
    attn_distances(xy, n, d);
    attn_tour_from(d, n, 0, tour, (int32_t *)(void *)(d + n * n));
}

static void measure_one(void *arg, int64_t example, int worker) {
    struct references *r = arg;
    const struct attn_pointer_task *s = r->task;
    double xy[2 * MOST_POINTS];
    int32_t tour[MOST_POINTS];
    void *scratch = r->scratch + (size_t)worker * r->scratch_bytes;
    attn_pointer_draw(&s->problem, r->n, ATTN_POINTER_TEST_SEEDS + s->source.seed, (uint64_t)example, xy);
    for (int m = 0; m < METHODS; m++) {
        struct attn_pointer_problem problem = s->problem;
        problem.labels = labels[m];
        if (m == 0)
            nearest(xy, r->n, tour, scratch);
        else
            attn_pointer_label(&problem, xy, r->n, 0, tour, scratch);
        r->length[example * METHODS + m] = attn_tour_length(xy, tour, r->n);
    }
}

/* Means, and the shortest tours' by what the run has told: length over ratio, where all of its answers were tours. */
static void add_figures(const struct references *r, struct attn_figures *figures) {
    char name[48];
    for (int m = 0; m < METHODS; m++) {
        double sum = 0;
        for (int64_t i = 0; i < r->task->test_examples; i++) sum += r->length[i * METHODS + m];
        snprintf(name, sizeof name, "%s_%lld", methods[m], (long long)r->n);
        attn_figures_add(figures, name, sum / (double)r->task->test_examples);
    }
    snprintf(name, sizeof name, "valid_%lld", (long long)r->n);
    if (!(attn_figures_get(figures, name) >= 1)) return;
    snprintf(name, sizeof name, "length_%lld", (long long)r->n);
    const double length = attn_figures_get(figures, name);
    snprintf(name, sizeof name, "ratio_%lld", (long long)r->n);
    const double ratio = attn_figures_get(figures, name);
    snprintf(name, sizeof name, "optimal_%lld", (long long)r->n);
    attn_figures_add(figures, name, length / ratio);
}

/* Whether a run has such figures of its own. */
static bool told(const struct references *r, const struct attn_figures *figures) {
    char name[48];
    snprintf(name, sizeof name, "%s_%lld", methods[0], (long long)r->n);
    return !isnan(attn_figures_get(figures, name));
}

static attn_status measure_all(attn_ctx *ctx, const struct attn_pointer_task *s, struct attn_figures *figures) {
    const size_t nearest_bytes = MOST_POINTS * (MOST_POINTS * sizeof(double) + sizeof(int32_t)),
                 tours = attn_pointer_scratch(&s->problem, MOST_POINTS), lengths = (size_t)s->test_examples * METHODS * sizeof(double);
    struct references r = {.task = s, .scratch_bytes = ((nearest_bytes > tours ? nearest_bytes : tours) + 63) / 64 * 64};
    const size_t bytes = r.scratch_bytes * (size_t)ctx->config.threads;
    r.scratch = attn_alloc(ctx, bytes);
    r.length = attn_alloc(ctx, lengths);
    const attn_status status = r.scratch && r.length ? ATTN_OK : attn_no_memory(ctx, "tours to compare with", bytes + lengths);
    for (int i = 0; i < s->tests && !status; i++) {
        r.n = s->test[i];
        if (r.n > MOST_POINTS || told(&r, figures)) continue;
        attn_parallel(ctx, s->test_examples, ctx->config.threads, measure_one, &r);
        add_figures(&r, figures);
    }
    attn_free(ctx, r.scratch);
    attn_free(ctx, r.length);
    return status;
}

attn_status attn_pointer_references(attn_ctx *ctx, const struct attn_recipe *recipe, struct attn_figures *figures) {
    struct attn_job job; /* as of a saved model: no files, no memory for training */
    attn_status status = attn_job_open(ctx, &attn_pointer_tsp, recipe, NULL, 0, "", &job);
    if (!status) status = measure_all(ctx, job.self, figures);
    attn_job_close(&job);
    return status;
}
