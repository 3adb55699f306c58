/* The measuring planner. The usable kernels that the cost model does not call hopeless run in turns on arrays of the problem's shape, on
 * one thread whatever the problem says: so the choice, and with it every bit of the results, is the same for any number of threads.
 *
 * A shape too large for the time limit or for memory is measured smaller: one sequence instead of many, then fewer key/value heads with
 * their query heads, then shorter lengths, the longer one first, then fewer query heads of a group. How long that takes is predicted by
 * the cost model, after a run on a small shape has shown how much slower than the model this machine is.
 */
#include "plan/measure.h"

#include "base/clock.h"
#include "plan/trial.h"
#include "plan/wisdom.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_ROUNDS = 5, SHORT_LENGTH = 64, PLACEMENTS = 2 };
static const double hopeless = 8.0;          /* times the best predicted time: not run */
static const double short_sample = 100e-6;   /* seconds that a sample takes at least, by repeating the run */
static const double greatest_bytes = 0x1p28; /* of the arrays of a trial */
static const double few_bytes = 0x1p20;      /* up to here, two trials take turns */

struct candidates {
    const struct attn_kernel *kernel[ATTN_CANDIDATES]; /* by predicted time */
    double predicted[ATTN_CANDIDATES];
    struct attn_samples samples;
};

static void find_candidates(const attn_ctx *ctx, const attn_problem *problem, struct candidates *c) {
    const struct attn_shape shape = attn_shape_of(problem);
    struct attn_samples *s = &c->samples;
    s->count = s->rounds = 0;
    for (int i = 0; i < attn_kernel_count && s->count < ATTN_CANDIDATES; i++) {
        if (!attn_kernel_usable(ctx, attn_kernels[i], &shape)) continue;
        const double predicted = attn_kernel_seconds(attn_kernels[i], &shape);
        int at = s->count++;
        for (; at > 0 && c->predicted[at - 1] > predicted; at--) {
            c->kernel[at] = c->kernel[at - 1];
            c->predicted[at] = c->predicted[at - 1];
        }
        c->kernel[at] = attn_kernels[i];
        c->predicted[at] = predicted;
    }
    for (int i = 0; i < s->count; i++) s->out[i] = c->predicted[i] > hopeless * c->predicted[0];
}

/* "flash/avx512 1.23 ms, naive/portable not run". */
static void write_times(const struct candidates *c, const bool *run, char *text, size_t size) {
    text[0] = 0;
    for (int i = 0; i < c->samples.count; i++) {
        double least = (double)INFINITY;
        for (int r = 0; r < c->samples.rounds; r++)
            if (c->samples.seconds[i][r] > 0) least = fmin(least, c->samples.seconds[i][r]);
        const char *unit = least < 1e-3 ? "us" : least < 1 ? "ms" : "s";
        const double value = least * (least < 1e-3 ? 1e6 : least < 1 ? 1e3 : 1);
        attn_append(text, size, "%s%s/%s ", i ? ", " : "", c->kernel[i]->name, c->kernel[i]->isa);
        attn_append(text, size, run[i] ? "%.3g %s" : "not run", value, unit);
    }
}

/* Does wisdom's line know the candidates of today, each and no other? A new kernel makes it stale. */
static bool knows_candidates(const struct candidates *c, const char *text) {
    struct attn_piece times = {text, strlen(text)}, name;
    bool seen[ATTN_CANDIDATES] = {false};
    int found = 0, known = 0;
    while (attn_wisdom_next_kernel(&times, &name)) {
        found++;
        for (int i = 0; i < c->samples.count; i++) {
            if (seen[i] || !attn_kernel_is(c->kernel[i], name.at, name.length)) continue;
            seen[i] = true;
            known++;
        }
    }
    return found == known && known == c->samples.count;
}

/* Takes the kernel that wisdom names. */
static bool use_wisdom(attn_ctx *ctx, const struct candidates *c, const char *key, const struct attn_kernel **kernel, char *why,
                       size_t size) {
    struct attn_wisdom_entry entry;
    if (!attn_wisdom_find(ctx, key, &entry)) return false;
    for (int i = 0; i < c->samples.count && knows_candidates(c, entry.times); i++)
        if (attn_kernel_is(c->kernel[i], entry.kernel, strlen(entry.kernel))) {
            *kernel = c->kernel[i];
            snprintf(why, size, "wisdom: %.300s%s%.100s", entry.times, strcmp(entry.scope, "whole") ? ", on " : "",
                     strcmp(entry.scope, "whole") ? entry.scope : "");
            return true;
        }
    attn_log(ctx, ATTN_LOG_INFO, "wisdom: the entry of \"%.300s\" does not name the kernels of today; it is not used", key);
    return false;
}

/* The workspace of the candidate that needs most. */
static size_t greatest_workspace(const struct candidates *c, const attn_problem *problem) {
    const struct attn_shape shape = attn_shape_of(problem);
    size_t most = 0;
    for (int i = 0; i < c->samples.count; i++) {
        const size_t bytes = c->samples.out[i] ? 0 : attn_round64(c->kernel[i]->workspace(&shape));
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* One step smaller. False: there is none. */
static bool step_down(attn_problem *p) {
    const int32_t group = p->heads / p->kv_heads;
    const bool queries_longer = p->q_len >= p->kv_len;
    int64_t *longer = queries_longer ? &p->q_len : &p->kv_len;
    if (p->batch > 1) {
        p->batch = p->batch / 2;
    } else if (p->kv_heads > 1) {
        p->kv_heads = p->kv_heads / 2;
        p->heads = p->kv_heads * group;
    } else if (*longer <= SHORT_LENGTH && p->heads > 1) {
        p->heads = p->heads / 2;
    } else if (*longer > 1) {
        *longer = *longer / 2;
    } else {
        return false;
    }
    if (p->score == ATTN_SCORE_LEARNED_QUERY) p->kv_len = p->q_len;
    p->q_tokens = attn_min64(p->q_tokens, p->batch * p->q_len);
    p->kv_tokens = attn_min64(p->kv_tokens, p->batch * p->kv_len);
    return true;
}

/* The greatest reduced problem that `count` candidates are predicted to execute in `seconds`, once each. */
static attn_problem fitting(const struct candidates *c, int count, const attn_problem *problem, double seconds) {
    attn_problem p = *problem;
    for (bool fits = false; !fits;) {
        const struct attn_shape shape = attn_shape_of(&p);
        double predicted = 0;
        for (int i = 0; i < count; i++) predicted += c->samples.out[i] ? 0 : attn_kernel_seconds(c->kernel[i], &shape);
        fits = (predicted <= seconds && attn_trial_bytes(&p, greatest_workspace(c, &p)) <= greatest_bytes) || !step_down(&p);
    }
    return p;
}

/* Even the least shape would take more memory than a trial may. */
static bool never_fits(const struct candidates *c, const attn_problem *problem) {
    const attn_problem least = fitting(c, 1, problem, 0);
    return attn_trial_bytes(&least, greatest_workspace(c, &least)) > greatest_bytes;
}

/* How many times slower than predicted the first candidate runs here, at least 1. Written once and read once more than needed, on a
 * shape of a hundredth of the time limit. */
static attn_status find_slowness(attn_ctx *ctx, struct candidates *c, const attn_problem *problem, double limit, double *slowness) {
    struct attn_trial trial;
    const attn_problem p = fitting(c, 1, problem, limit / 100);
    const struct attn_shape shape = attn_shape_of(&p);
    const attn_status status = attn_trial_open(ctx, &p, greatest_workspace(c, &p), 64, &trial);
    if (status) return status;
    attn_trial_run(&trial, c->kernel[0], 1);
    *slowness = fmax(1, attn_trial_run(&trial, c->kernel[0], 1) / attn_kernel_seconds(c->kernel[0], &shape));
    attn_trial_close(&trial);
    return ATTN_OK;
}

/* Arrays that lie one behind the other, and, where they are small, arrays on pages of their own: what is fastest at a few microseconds
 * depends on whether addresses agree in their last 12 bits, so a candidate has to win in both places. */
struct trials {
    struct attn_trial at[PLACEMENTS];
    int count;
};

static void close_trials(struct trials *t) {
    while (t->count > 0) attn_trial_close(&t->at[--t->count]);
}

static attn_status open_trials(attn_ctx *ctx, const struct candidates *c, const attn_problem *p, struct trials *t) {
    static const size_t alignment[PLACEMENTS] = {64, 4096};
    const size_t workspace = greatest_workspace(c, p);
    const int wanted = attn_trial_bytes(p, workspace) <= few_bytes ? PLACEMENTS : 1;
    attn_status status = ATTN_OK;
    for (t->count = 0; t->count < wanted && !status; t->count += !status)
        status = attn_trial_open(ctx, p, workspace, alignment[t->count], &t->at[t->count]);
    if (status) close_trials(t);
    return status;
}

/* Runs the candidates in turns until the rounds or the time are used up, or no other can win. */
static void run_rounds(struct trials *t, struct candidates *c, double deadline) {
    struct attn_samples *s = &c->samples;
    int times[ATTN_CANDIDATES] = {0};
    double longest = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->out[i]) continue;
        for (int place = 0; place < t->count; place++) attn_trial_run(&t->at[place], c->kernel[i], 1); /* warms caches and pages */
        const double once = attn_trial_run(&t->at[0], c->kernel[i], 1);
        times[i] = once < short_sample ? (int)(short_sample / fmax(once, 1e-7)) + 1 : 1;
    }
    while (s->rounds < ATTN_ROUNDS && !attn_samples_settled(s) && (s->rounds == 0 || attn_clock() + longest < deadline)) {
        const double start = attn_clock();
        struct attn_trial *trial = &t->at[s->rounds % t->count];
        for (int i = 0; i < s->count; i++) s->seconds[i][s->rounds] = s->out[i] ? 0 : attn_trial_run(trial, c->kernel[i], times[i]);
        s->rounds++;
        longest = fmax(longest, attn_clock() - start);
        attn_samples_thin(s);
    }
}

/* "whole", or the reduced shape. */
static void write_scope(const attn_problem *whole, const attn_problem *p, char *text, size_t size) {
    const bool same = p->batch == whole->batch && p->heads == whole->heads && p->q_len == whole->q_len && p->kv_len == whole->kv_len;
    if (same)
        snprintf(text, size, "whole");
    else
        snprintf(text, size, "batch %lld heads %d:%d len %lld:%lld", (long long)p->batch, p->heads, p->kv_heads, (long long)p->q_len,
                 (long long)p->kv_len);
}

static attn_status measure(attn_ctx *ctx, struct candidates *c, const attn_problem *problem, char *scope, size_t size) {
    const double start = attn_clock(), limit = problem->measure_seconds;
    struct trials trials;
    double slowness;
    attn_status status = find_slowness(ctx, c, problem, limit, &slowness);
    if (status) return status;
    const double left = limit - (attn_clock() - start);
    const attn_problem p = fitting(c, c->samples.count, problem, left / slowness / (2 + LEAST_ROUNDS));
    status = open_trials(ctx, c, &p, &trials);
    if (status) return status;
    run_rounds(&trials, c, start + limit);
    close_trials(&trials);
    write_scope(problem, &p, scope, size);
    return ATTN_OK;
}

/* Keeps what was found as wisdom. Wisdom that is full is no reason to fail: the plan is good. */
static attn_status keep(attn_ctx *ctx, const char *key, const struct attn_kernel *kernel, const char *scope, const char *times) {
    char line[2 * ATTN_WISDOM_LINE];
    snprintf(line, sizeof(line), "%s | %s/%s | %s | %s\n", key, kernel->name, kernel->isa, scope, times);
    const attn_status status = attn_wisdom_add(ctx, line);
    if (status != ATTN_ENOMEM) attn_log(ctx, ATTN_LOG_INFO, "plan: measured %.900s", line);
    return status == ATTN_ENOMEM ? status : ATTN_OK;
}

attn_status attn_choose_measured(attn_ctx *ctx, const attn_problem *problem, const struct attn_kernel **kernel, char *why, size_t size) {
    struct candidates c = {.samples = {.count = 0}};
    bool run[ATTN_CANDIDATES] = {false};
    char key[ATTN_WISDOM_LINE], scope[96], times[512];
    int left = 0;
    find_candidates(ctx, problem, &c);
    attn_wisdom_key(ctx, problem, key);
    if (use_wisdom(ctx, &c, key, kernel, why, size)) return ATTN_OK;
    for (int i = 0; i < c.samples.count; i++) left += run[i] = !c.samples.out[i];
    const bool empty = problem->q_tokens == 0 || problem->kv_tokens == 0;
    if (problem->effort == ATTN_WISDOM || left == 1 || empty || never_fits(&c, problem)) {
        snprintf(why, size, "%s, so the least predicted time decided",
                 problem->effort == ATTN_WISDOM ? "there is no wisdom for it"
                 : left == 1                    ? "no other kernel is predicted to come near"
                 : empty                        ? "there is nothing to measure"
                                                : "it is too large to be measured");
        return ATTN_OK;
    }
    attn_status status = measure(ctx, &c, problem, scope, sizeof(scope));
    if (status) return status;
    *kernel = c.kernel[attn_samples_choose(&c.samples)];
    write_times(&c, run, times, sizeof(times));
    snprintf(why, size, "measured on one thread: %s%s%s", times, strcmp(scope, "whole") ? ", on " : "",
             strcmp(scope, "whole") ? scope : "");
    return keep(ctx, key, *kernel, scope, times);
}
