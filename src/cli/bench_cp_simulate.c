/* attn bench cp --simulate and --choose: what would be, by schedule and cost model. */
#include "cli/bench_cp.h"
#include "cli/cli.h"
#include "plan/plan.h"

#include <math.h>

const struct attn_column attn_bench_cp_columns[] = {
    {"mechanism", "mechanism", 10, 0, 0},
    {"grid", "grid", 10, 0, 0},
    {"sharding", "sharding", 10, 0, 0},
    {"exchanges", "pieces", 6, 0, 0},
    {"mask", "mask", 20, 0, 0},
    {"ranks", "ranks", 6, 0, 0},
    {"len", "len", 9, 0, 0},
    {"status", "status", 11, 0, 0},
    {"seconds_forward", "fwd ms", 9, 3, 1e-3},
    {"seconds_backward", "bwd ms", 9, 3, 1e-3},
    {"gflops_rank", "GFLOP/s", 9, 1, 0},
    {"exposed_share", "exposed", 7, 3, 0},
    {"bytes_greatest", "MB a rank", 9, 1, 1e6},
    {"long_bytes_greatest", "MB far", 8, 1, 1e6},
    {"useful", "useful", 6, 3, 0},
    {"balance", "balance", 7, 3, 0},
    {"padding", "padding", 7, 3, 0},
    {"memory", "MiB", 9, 1, 0x1p20},
    {"sampled", "sampled", 7, 0, 0},
};
const int attn_bench_cp_column_count = sizeof attn_bench_cp_columns / sizeof attn_bench_cp_columns[0];

static void record_seconds(struct attn_record *r, const struct attn_bench_cp *b, const attn_problem *p,
                           const struct attn_cp_prediction *o) {
    const double none = (double)NAN, seconds = o->seconds[0] + o->seconds[1], mean = o->mean_seconds[0] + o->mean_seconds[1];
    const double flops = o->pairs * (attn_pair_flops(p, 0) + (b->backward ? attn_pair_flops(p, 1) : 0)) / (double)o->ranks;
    attn_record_real(r, "seconds_forward", o->seconds[0] > 0 ? o->seconds[0] : none);
    attn_record_real(r, "seconds_backward", o->seconds[1] > 0 ? o->seconds[1] : none);
    attn_record_real(r, "mean_seconds_forward", o->mean_seconds[0] > 0 ? o->mean_seconds[0] : none);
    attn_record_real(r, "mean_seconds_backward", o->mean_seconds[1] > 0 ? o->mean_seconds[1] : none);
    attn_record_real(r, "compute_forward", o->compute[0]);
    attn_record_real(r, "compute_backward", o->compute[1]);
    attn_record_real(r, "communication_forward", o->communication[0]);
    attn_record_real(r, "communication_backward", o->communication[1]);
    attn_record_real(r, "exposed_forward", o->exposed[0]);
    attn_record_real(r, "exposed_backward", o->exposed[1]);
    attn_record_real(r, "exposed_share", seconds > 0 ? (o->exposed[0] + o->exposed[1]) / seconds : none);
    attn_record_real(r, "overlap", o->overlap);
    attn_record_real(r, "gflops_rank", seconds > 0 ? flops / seconds * 1e-9 : none);
    attn_record_real(r, "gflops_rank_mean", mean > 0 ? flops / mean * 1e-9 : none);
}

static void record_bytes(struct attn_record *r, const struct attn_cp_prediction *o) {
    attn_record_real(r, "bytes_forward", o->total_bytes[0]);
    attn_record_real(r, "bytes_backward", o->total_bytes[1]);
    attn_record_real(r, "bytes_greatest", o->bytes[0] + o->bytes[1]);
    attn_record_real(r, "long_bytes_greatest", o->long_bytes[0] + o->long_bytes[1]);
    attn_record_real(r, "useful", o->useful);
    attn_record_real(r, "needed", o->needed);
    attn_record_real(r, "balance", o->balance > 0 ? o->balance : (double)NAN);
    attn_record_real(r, "padding", o->padding > 0 ? o->padding : (double)NAN);
    attn_record_real(r, "memory", o->memory > 0 ? o->memory : (double)NAN);
    attn_record_real(r, "arrays", o->arrays > 0 ? o->arrays : (double)NAN);
    attn_record_bool(r, "sampled", o->sampled);
}

/* A row has the same fields whether the mechanism fits or not. */
static struct attn_cp_prediction without_figures(const struct attn_cp_prediction *o) {
    struct attn_cp_prediction none = *o;
    double *const both[] = {none.seconds, none.mean_seconds, none.compute,    none.communication,
                            none.exposed, none.bytes,        none.long_bytes, none.total_bytes};
    double *const one[] = {&none.overlap, &none.useful,  &none.needed, &none.pairs,
                           &none.balance, &none.padding, &none.memory, &none.arrays};
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) both[i][0] = both[i][1] = (double)NAN;
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) *one[i] = (double)NAN;
    return none;
}

void attn_bench_cp_print(struct attn_bench_cp *b, const char *mask, int64_t len, const struct attn_cp_config *config,
                         const struct attn_cp_prediction *o, int place) {
    struct attn_record r = {.count = 0};
    attn_problem p;
    char grid[48];
    const bool known = o->status != ATTN_EUNSUPPORTED;
    if (attn_bench_cp_problem(b, len, &p) != ATTN_OK) return;
    const struct attn_cp_prediction figures = known ? *o : without_figures(o);
    if (place > 0)
        attn_record_integer(&r, "place", place);
    else if (b->choose)
        attn_record_text(&r, "place", NULL);
    attn_record_text(&r, "mechanism", attn_mechanism_name(config->grid.mechanism));
    attn_record_text(&r, "grid", known ? attn_bench_cp_grid(&config->grid, grid, sizeof grid) : NULL);
    attn_record_integer(&r, "ulysses", config->grid.ulysses);
    attn_record_integer(&r, "ring", config->grid.ring);
    attn_record_integer(&r, "windows", config->grid.windows);
    attn_record_text(&r, "sharding", known && config->grid.ring > 1 ? attn_sharding_name(config->sharding) : NULL);
    attn_record_integer(&r, "exchanges", config->exchanges);
    attn_record_text(&r, "mask", mask);
    attn_record_text(&r, "dtype", attn_dtype_name(b->type));
    attn_record_integer(&r, "heads", b->heads);
    attn_record_integer(&r, "kv_heads", b->kv_heads);
    attn_record_integer(&r, "dim", b->dim);
    attn_record_integer(&r, "ranks", o->ranks);
    attn_record_integer(&r, "len", len);
    attn_record_text(&r, "status",
                     o->status == ATTN_OK       ? ATTN_STATUS_OK
                     : o->status == ATTN_ENOMEM ? ATTN_STATUS_OOM
                                                : ATTN_STATUS_UNSUPPORTED);
    record_seconds(&r, b, &p, &figures);
    record_bytes(&r, &figures);
    attn_record_text(&r, "message", o->why[0] ? o->why : NULL);
    attn_record_text(&r, "version", b->out.version);
    attn_report_row(&b->out.report, &r);
    if (o->why[0] && b->out.report.form == ATTN_FORM_TABLE)
        fprintf(stderr, "attn: bench cp: %s on %lld ranks: %s\n", attn_mechanism_name(config->grid.mechanism), (long long)o->ranks, o->why);
}

/* ------------------------------------------------------------------------------------------------------ simulate */

static attn_status simulate_one(struct attn_bench_cp *b, const char *name, int ranks, enum attn_mechanism mechanism, const attn_problem *p,
                                const struct attn_bench_cp_mask *mask) {
    struct attn_cp_prediction o = {.ranks = ranks, .status = ATTN_EUNSUPPORTED};
    struct attn_cp_config config;
    attn_status status = attn_bench_cp_config(b, mechanism, ranks, mask, &config);
    char sentence[1024];
    if (status == ATTN_OK)
        status = attn_cp_predict(b->ctx, p, mask->mask, &config, &b->machine, &o);
    else if (status == ATTN_EUNSUPPORTED)
        attn_append(o.why, sizeof o.why, "%s", attn_ctx_error(b->ctx, sentence, sizeof sentence));
    if (status != ATTN_OK && status != ATTN_EUNSUPPORTED) return status;
    attn_bench_cp_print(b, name, p->q_len, &config, &o, 0);
    return ATTN_OK;
}

static attn_status simulate_count(struct attn_bench_cp *b, const char *name, int ranks) {
    const int64_t len = b->len > 0 ? b->len : b->tokens_per_rank * ranks;
    struct attn_bench_cp_mask mask;
    attn_problem p;
    attn_status status = attn_bench_cp_problem(b, len, &p);
    if (!status) status = attn_bench_cp_speed(b, &p);
    if (status) return status;
    status = attn_bench_cp_mask_open(b->ctx, name, len, (uint64_t)b->seed, &mask);
    for (int m = 0; m < ATTN_CP_MECHANISMS && !status && !attn_stop_asked(); m++)
        if (b->wanted[m]) status = simulate_one(b, name, ranks, (enum attn_mechanism)m, &p, &mask);
    attn_bench_cp_mask_close(b->ctx, &mask);
    return status;
}

int attn_bench_cp_simulate(struct attn_bench_cp *b) {
    for (int n = 0; n < b->names.count; n++)
        for (int i = 0; i < b->rank_count && !attn_stop_asked(); i++) {
            const attn_status status = simulate_count(b, b->names.item[n], b->rank[i]);
            if (status) return attn_complain_status(b->ctx, status);
        }
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------------------ choose */

static attn_status choose_count(struct attn_bench_cp *b, const char *name, int ranks) {
    const int64_t len = b->len > 0 ? b->len : b->tokens_per_rank * ranks;
    struct attn_bench_cp_mask mask;
    struct attn_cp_choice *choice = NULL;
    attn_problem p;
    int count;
    attn_status status = attn_bench_cp_problem(b, len, &p);
    if (!status) status = attn_bench_cp_speed(b, &p);
    if (status) return status;
    status = attn_bench_cp_mask_open(b->ctx, name, len, (uint64_t)b->seed, &mask);
    if (!status) status = attn_cp_choose(b->ctx, &p, mask.mask, ranks, &b->machine, &choice, &count);
    for (int i = 0; !status && i < count; i++)
        if (b->wanted[choice[i].config.grid.mechanism])
            attn_bench_cp_print(b, name, len, &choice[i].config, &choice[i].prediction, choice[i].prediction.status ? 0 : i + 1);
    attn_free(b->ctx, choice);
    attn_bench_cp_mask_close(b->ctx, &mask);
    return status;
}

int attn_bench_cp_choose(struct attn_bench_cp *b) {
    for (int n = 0; n < b->names.count; n++)
        for (int i = 0; i < b->rank_count && !attn_stop_asked(); i++) {
            const attn_status status = choose_count(b, b->names.item[n], b->rank[i]);
            if (status) return attn_complain_status(b->ctx, status);
        }
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}
