/* attn bench cp --protocol longca: the Long-Context Attention Benchmark's (Bu et al. 2025; benchmark specification, sec. 9), simulated. Means over masks. */
#include "cli/bench_cp.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const char *const masks[] = {"full", "causal", "full_document_long", "causal_document_long"};
enum { MASKS = 4 };

/* The mean of a mechanism's predictions so far. */
struct mean {
    struct attn_cp_config config;
    struct attn_cp_prediction sum;
    int count;
};

static void add(struct attn_cp_prediction *s, const struct attn_cp_prediction *o) {
    for (int pass = 0; pass < 2; pass++) {
        s->seconds[pass] += o->seconds[pass];
        s->mean_seconds[pass] += o->mean_seconds[pass];
        s->compute[pass] += o->compute[pass];
        s->communication[pass] += o->communication[pass];
        s->exposed[pass] += o->exposed[pass];
        s->bytes[pass] += o->bytes[pass];
        s->long_bytes[pass] += o->long_bytes[pass];
        s->total_bytes[pass] += o->total_bytes[pass];
    }
    s->useful += o->useful;
    s->needed += o->needed;
    s->pairs += o->pairs;
    s->balance += o->balance;
    s->padding += o->padding;
    s->memory = fmax(s->memory, o->memory);
    s->arrays = fmax(s->arrays, o->arrays);
    s->sampled = s->sampled || o->sampled;
}

static void divide(struct attn_cp_prediction *s, int count) {
    for (int pass = 0; pass < 2; pass++) {
        double *const sums[] = {&s->seconds[pass], &s->mean_seconds[pass], &s->compute[pass],    &s->communication[pass],
                                &s->exposed[pass], &s->bytes[pass],        &s->long_bytes[pass], &s->total_bytes[pass]};
        for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) *sums[i] /= count;
    }
    double *const sums[] = {&s->useful, &s->needed, &s->pairs, &s->balance, &s->padding};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) *sums[i] /= count;
    const double communication = s->communication[0] + s->communication[1];
    s->overlap = communication > 0 ? fmax(0, 1 - (s->exposed[0] + s->exposed[1]) / communication) : (double)NAN;
}

/* One draw of a mask under all mechanisms. A mechanism that cannot is not asked again. */
static attn_status predict_draw(struct attn_bench_cp *b, const attn_problem *p, const char *name, int ranks, int draw, struct mean *mean) {
    struct attn_bench_cp_mask mask;
    attn_status status = attn_bench_cp_mask_open(b->ctx, name, p->q_len, (uint64_t)(b->seed + draw), &mask);
    for (int m = 0; m < ATTN_CP_MECHANISMS && !status && !attn_stop_asked(); m++) {
        struct attn_cp_prediction o = {.ranks = ranks};
        if (!b->wanted[m] || mean[m].sum.status) continue;
        status = attn_bench_cp_config(b, (enum attn_mechanism)m, ranks, &mask, &mean[m].config);
        if (!status) status = attn_cp_predict(b->ctx, p, mask.mask, &mean[m].config, &b->machine, &o);
        if (status == ATTN_EUNSUPPORTED) {
            char sentence[1024];
            mean[m].sum = (struct attn_cp_prediction){.ranks = ranks, .status = ATTN_EUNSUPPORTED};
            attn_append(mean[m].sum.why, sizeof mean[m].sum.why, "%s", attn_ctx_error(b->ctx, sentence, sizeof sentence));
            status = ATTN_OK;
            continue;
        }
        if (!status && o.status) mean[m].sum = o;
        if (status || o.status) continue;
        add(&mean[m].sum, &o);
        mean[m].count++;
    }
    attn_bench_cp_mask_close(b->ctx, &mask);
    return status;
}

static double rate(const struct attn_bench_cp *b, const attn_problem *p, const struct attn_cp_prediction *o) {
    const double flops = o->pairs * (attn_pair_flops(p, 0) + (b->backward ? attn_pair_flops(p, 1) : 0));
    return o->status || !(o->seconds[0] > 0) ? (double)NAN : flops / (double)o->ranks / (o->seconds[0] + o->seconds[1]) * 1e-9;
}

static attn_status run_count(struct attn_bench_cp *b, const char *name, int at, struct attn_cp_chart *chart) {
    const int ranks = b->rank[at];
    struct mean mean[ATTN_CP_MECHANISMS] = {0};
    attn_problem p;
    attn_status status = attn_bench_cp_problem(b, b->tokens_per_rank * ranks, &p);
    if (!status) status = attn_bench_cp_speed(b, &p);
    const bool drawn = strstr(name, "_long") != NULL; /* full and causal are what they are */
    for (int draw = 0; draw < (drawn ? b->masks : 1) && !status && !attn_stop_asked(); draw++)
        status = predict_draw(b, &p, name, ranks, draw, mean);
    for (int m = 0; m < ATTN_CP_MECHANISMS && !status; m++) {
        struct mean *one = &mean[m];
        if (one->count > 0 && !one->sum.status) divide(&one->sum, one->count);
        one->sum.ranks = ranks;
        chart->gflops[m][at] = b->wanted[m] && one->count > 0 ? rate(b, &p, &one->sum) : (double)NAN;
        if (b->wanted[m] && (one->count > 0 || one->sum.status)) attn_bench_cp_print(b, name, p.q_len, &one->config, &one->sum, 0);
    }
    return status;
}

int attn_bench_cp_protocol(struct attn_bench_cp *b) {
    for (int n = 0; n < MASKS; n++) {
        struct attn_cp_chart chart = {.mask = masks[n], .lines = ATTN_CP_MECHANISMS, .counts = b->rank_count};
        for (int m = 0; m < ATTN_CP_MECHANISMS; m++) chart.label[m] = attn_mechanism_name((enum attn_mechanism)m);
        attn_status status = ATTN_OK;
        for (int i = 0; i < b->rank_count && !status && !attn_stop_asked(); i++) {
            char text[96] = "";
            attn_append(text, sizeof text, "%s, %d ranks", masks[n], b->rank[i]);
            attn_progress(text);
            chart.rank[i] = b->rank[i];
            status = run_count(b, masks[n], i, &chart);
        }
        attn_progress(NULL);
        if (!status && attn_stop_asked()) return ATTN_EXIT_STOPPED;
        if (!status && b->figures) status = attn_cp_chart_write(b->ctx, &chart, b->figures);
        if (status) return attn_complain_status(b->ctx, status);
    }
    return ATTN_EXIT_DONE;
}
