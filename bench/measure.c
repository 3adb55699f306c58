/* The measuring loop. Runs shorter than 2 ms are repeated within one sample, so that the clock and a cold start do not show. */
#include "bench/measure.h"

#include "base/clock.h"
#include "base/context.h"
#include "bench/statistics.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double short_run = 0.002;

attn_status attn_case_subject(void *self, enum attn_direction pass, double *seconds) {
    const double start = attn_clock();
    const attn_status status = attn_case_run(self, pass);
    *seconds = attn_clock() - start;
    return status;
}

struct sampler {
    attn_ctx *ctx;
    const struct attn_protocol *protocol;
    enum attn_direction pass;
    double flops;
    unsigned char *flush;
    int runs;            /* samples asked for */
    double peak_seconds; /* of each half of the peak loop */
    double round;        /* seconds of the longest turn of all subjects */
    double *seconds[ATTN_SUBJECTS], *peak[ATTN_SUBJECTS], *fraction[ATTN_SUBJECTS];
    int inner[ATTN_SUBJECTS];
};

static attn_status sample_once(struct sampler *s, const struct attn_subject *subject, int inner, double *seconds) {
    double total = 0.0;
    for (int i = 0; i < inner; i++) {
        double once;
        const attn_status status = subject->run(subject->self, s->pass, &once);
        if (status != ATTN_OK) return status;
        total += once;
    }
    *seconds = total / inner;
    return ATTN_OK;
}

static attn_status sample_beside_peak(struct sampler *s, const struct attn_subject *subject, int index, int n) {
    const struct attn_protocol *p = s->protocol;
    const double before = attn_fma_rate(s->ctx, p->fma, p->threads, s->peak_seconds);
    if (s->flush != NULL) memset(s->flush, n + 1, p->flush_bytes);
    const attn_status status = sample_once(s, subject, s->inner[index], &s->seconds[index][n]);
    const double after = attn_fma_rate(s->ctx, p->fma, p->threads, s->peak_seconds);
    s->peak[index][n] = 0.5 * (before + after);
    s->fraction[index][n] = s->flops / s->seconds[index][n] * 1e-9 / s->peak[index][n];
    return status;
}

/* Warm-ups, of which the check was the first; then the shape of the samples and how many there will be. */
static attn_status prepare(struct sampler *s, const struct attn_subject *subjects, int count) {
    const struct attn_protocol *p = s->protocol;
    double round = 0.0, longest = 0.0;
    for (int i = 0; i < count; i++) {
        double seconds = subjects[i].seconds;
        for (int w = 0; w < p->warmups; w++) {
            const attn_status status = sample_once(s, &subjects[i], 1, &seconds);
            if (status != ATTN_OK) return status;
            if (seconds * p->repeats > p->budget && p->budget > 0.0) break;
        }
        s->inner[i] = seconds < short_run && p->flush_bytes == 0 ? 1 + (int)(short_run / fmax(seconds, 1e-6)) : 1;
        round += seconds * s->inner[i];
        longest = fmax(longest, seconds);
    }
    s->peak_seconds = fmin(fmax(0.05 * longest, 0.004), 0.1);
    s->runs = p->repeats;
    round += 2.0 * count * (s->peak_seconds + 0.001);
    s->round = round;
    if (p->budget > 0.0 && round * s->runs > p->budget) s->runs = 0;
    return ATTN_OK;
}

/* Whether another round, as long as the longest so far, would be too much. */
static bool out_of_time(const struct sampler *s, int done) {
    const struct attn_protocol *p = s->protocol;
    const double then = attn_clock() + s->round;
    if (p->stopped != NULL && p->stopped()) return true;
    return (p->ends > 0.0 && then > p->ends) || (p->enough > 0.0 && then > p->enough && done > 0);
}

/* The last subject first: ratios need the first one's times in the order of the runs, and quantiles sort. */
static void summarise(const struct sampler *s, int index, int runs, struct attn_timing *t) {
    t->repeats = runs;
    t->peak_gflops = attn_median(s->peak[index], runs);
    t->fraction = attn_median(s->fraction[index], runs);
    double *ratios = s->fraction[index];
    for (int n = 0; n < runs; n++) ratios[n] = s->seconds[index][n] / s->seconds[0][n];
    t->ratio = attn_median(ratios, runs);
    attn_sort(s->seconds[index], runs);
    t->median = attn_quantile(s->seconds[index], runs, 0.5);
    t->min = attn_quantile(s->seconds[index], runs, 0.0);
    t->p20 = attn_quantile(s->seconds[index], runs, 0.2);
    t->p80 = attn_quantile(s->seconds[index], runs, 0.8);
    t->gflops = s->flops / t->median * 1e-9;
}

attn_status attn_measure(attn_ctx *ctx, const struct attn_subject *subjects, int count, enum attn_direction pass, double flops,
                         const struct attn_protocol *protocol, struct attn_timing *timing) {
    struct sampler s = {.ctx = ctx, .protocol = protocol, .pass = pass, .flops = flops};
    const size_t each = (size_t)protocol->repeats;
    double *memory = attn_alloc(ctx, 3 * each * (size_t)count * sizeof(double));
    assert(count > 0);
    memset(timing, 0, (size_t)count * sizeof *timing);
    if (memory == NULL) return attn_no_memory(ctx, "samples", 3 * each * (size_t)count * sizeof(double));
    for (int i = 0; i < count; i++) {
        s.seconds[i] = memory + 3 * each * (size_t)i;
        s.peak[i] = s.seconds[i] + each;
        s.fraction[i] = s.peak[i] + each;
    }
    attn_status status = prepare(&s, subjects, count);
    if (status == ATTN_OK && protocol->flush_bytes > 0 && (s.flush = attn_alloc(ctx, protocol->flush_bytes)) == NULL)
        status = attn_no_memory(ctx, "flushing the caches", protocol->flush_bytes);
    int done = 0;
    while (status == ATTN_OK && done < s.runs && !out_of_time(&s, done)) {
        const double start = attn_clock();
        for (int i = 0; i < count && status == ATTN_OK; i++) status = sample_beside_peak(&s, &subjects[i], i, done);
        s.round = fmax(s.round, attn_clock() - start);
        done++;
    }
    for (int i = count - 1; i >= 0 && status == ATTN_OK && done > 0; i--) summarise(&s, i, done, &timing[i]);
    attn_free(ctx, s.flush);
    attn_free(ctx, memory);
    return status;
}
