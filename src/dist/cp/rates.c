#include "dist/cp/rates.h"

#include "plan/plan.h"

#include <math.h>
#include <string.h>

void attn_rates_close(struct attn_rates *rates) {
    attn_free(rates->ctx, rates->row);
    *rates = (struct attn_rates){.ctx = NULL};
}

/* Rows [*begin, *end) of the pass with the nearest head size. */
static bool nearest_dim(const struct attn_rates *r, int pass, int32_t dim, int64_t *begin, int64_t *end) {
    double best = (double)INFINITY;
    *begin = *end = 0;
    for (int64_t i = 0; i < r->rows; i++) {
        if (r->row[i].pass != pass) continue;
        const double distance = fabs(log((double)r->row[i].dim / dim));
        if (distance < best) {
            best = distance;
            *begin = i;
        }
        if (r->row[i].dim == r->row[*begin].dim) *end = i + 1;
    }
    return isfinite(best);
}

static bool same_mask(const struct attn_rate *a, const struct attn_rate *b) {
    return strcmp(a->mask, b->mask) == 0;
}

/* Of them, those of the mask that has a row of the nearest density. */
static void nearest_mask(const struct attn_rates *r, double density, int64_t *begin, int64_t *end) {
    int64_t best = *begin;
    for (int64_t i = *begin; i < *end; i++)
        if (fabs(r->row[i].density - density) < fabs(r->row[best].density - density)) best = i;
    const int64_t first = *begin, last = *end;
    for (*begin = best; *begin > first && same_mask(&r->row[*begin - 1], &r->row[best]);) --*begin;
    for (*end = best + 1; *end < last && same_mask(&r->row[*end], &r->row[best]);) ++*end;
}

double attn_rates_at(const struct attn_rates *rates, int pass, double density, double len, int32_t dim) {
    int64_t begin, end;
    if (!nearest_dim(rates, pass, dim, &begin, &end)) return 0;
    nearest_mask(rates, density, &begin, &end);
    const struct attn_rate *row = rates->row;
    if (len <= (double)row[begin].len) return row[begin].flops;
    for (int64_t i = begin + 1; i < end; i++)
        if (len < (double)row[i].len) {
            const double low = log((double)row[i - 1].len), high = log((double)row[i].len), at = (log(len) - low) / (high - low);
            return row[i - 1].flops + at * (row[i].flops - row[i - 1].flops);
        }
    return row[end - 1].flops;
}

double attn_pair_flops(const attn_problem *problem, int pass) {
    const double d = problem->dim, e = problem->v_dim;
    return pass == 0 ? 2 * (d + e) : 2 * (3 * d + 2 * e);
}

attn_status attn_speed_usual(attn_ctx *ctx, const attn_problem *problem, struct attn_speed *out) {
    attn_problem p = *problem, checked;
    const struct attn_kernel *kernel;
    p.features |= ATTN_BACKWARD;
    /* Constants do not depend on lengths; choosing a kernel does. Beyond 2^20 tokens nothing changes. */
    p.q_len = attn_min64(p.q_len, 1 << 20);
    p.kv_len = attn_min64(p.kv_len, 1 << 20);
    attn_status status = attn_problem_check(ctx, &p, &checked);
    if (status) return status;
    const struct attn_shape shape = attn_shape_of(&checked);
    status = attn_choose_kernel(ctx, &checked, &shape, &kernel);
    if (status) return status;
    *out = (struct attn_speed){.cost = {attn_plan_cost(kernel->forward_cost), attn_plan_cost(kernel->backward_cost)},
                               .threads = problem->threads > 0 ? problem->threads : 1};
    return ATTN_OK;
}

static double cost_seconds(const struct attn_speed *s, const attn_problem *p, int pass, const struct attn_kernel_work *w) {
    const struct attn_cost *c = s->cost[pass];
    const double width = (double)(attn_div_up(p->dim, c->dims) + attn_div_up(p->v_dim, c->dims)) * c->dims;
    const double rows = (double)w->rows * w->heads;
    const double sum = c->call + c->head * w->heads + (c->row + c->row_element * width) * rows + w->pairs * (c->pair + c->element * width);
    return 1e-9 * sum / (s->threads > 0 ? s->threads : 1);
}

double attn_speed_seconds(const struct attn_speed *speed, const attn_problem *problem, int pass, const struct attn_kernel_work *work) {
    if (!(work->pairs > 0)) return 0;
    const double flops = work->pairs * attn_pair_flops(problem, pass);
    if (speed->flops > 0) return flops / speed->flops;
    if (speed->rates && speed->rates->rows > 0) {
        const double all = (double)work->rows * (double)work->keys;
        const double rate = attn_rates_at(speed->rates, pass, work->pairs / (all * work->heads), sqrt(all), problem->dim);
        /* A table of forward alone: backward at the same rate. */
        return flops /
               (rate > 0 ? rate : attn_rates_at(speed->rates, 1 - pass, work->pairs / (all * work->heads), sqrt(all), problem->dim));
    }
    return cost_seconds(speed, problem, pass, work);
}
