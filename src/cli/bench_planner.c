/* attn bench planner: what the planner's choices cost against the fastest kernel, over a suite of shapes. */
#include "bench/planner.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"pass", "pass", 7, 0, 0},
    {"heads", "heads", 5, 0, 0},
    {"q_len", "len", 6, 0, 0},
    {"dim", "dim", 3, 0, 0},
    {"best", "best", 16, 0, 0},
    {"estimate", "estimate", 16, 0, 0},
    {"measured", "measured", 16, 0, 0},
    {"estimate_loss", "est. %", 7, 1, 0.01},
    {"measured_loss", "meas. %", 7, 1, 0.01},
    {"seconds_best", "best ms", 9, 3, 1e-3},
    {"plan_seconds", "plan s", 7, 3, 0},
    {"repeats", "runs", 4, 0, 0},
};

/* The lists that are combined, the last one fastest. */
enum { PASSES, DIMS, HEADS, LENS, AXES };

struct suite {
    struct attn_integers dims, heads, lens;
    int64_t repeat, seed;
    double seconds, limit;
    struct attn_protocol protocol;
};

/* Losses of one way to choose. */
struct losses {
    double sum, worst;
    char where[96];
};

static int extent(const struct suite *s, int axis) {
    return axis == PASSES ? 2 : axis == DIMS ? s->dims.count : axis == HEADS ? s->heads.count : s->lens.count;
}

static int shapes(const struct suite *s) {
    int count = 1;
    for (int axis = 0; axis < AXES; axis++) count *= extent(s, axis);
    return count;
}

static enum attn_direction choose(const struct suite *s, int index, struct attn_case_spec *spec) {
    int at[AXES];
    for (int axis = AXES - 1; axis >= 0; axis--) {
        at[axis] = index % extent(s, axis);
        index /= extent(s, axis);
    }
    const enum attn_direction pass = at[PASSES] == 0 ? ATTN_FWD : ATTN_BOTH;
    *spec = (struct attn_case_spec){.dtype = ATTN_F32, .batch = 1, .threads = 1, .gain = 1.0, .seed = (uint64_t)s->seed};
    spec->q_len = spec->kv_len = s->lens.item[at[LENS]];
    spec->heads = spec->kv_heads = (int32_t)s->heads.item[at[HEADS]];
    spec->dim = spec->v_dim = (int32_t)s->dims.item[at[DIMS]];
    spec->backward = pass != ATTN_FWD;
    return pass;
}

static void tally(struct losses *l, double loss, const struct attn_case_spec *spec, enum attn_direction pass) {
    l->sum += loss;
    if (loss <= l->worst && l->where[0] != '\0') return;
    l->worst = loss;
    snprintf(l->where, sizeof l->where, "%s, heads %d, len %lld, dim %d", attn_direction_name(pass), spec->heads, (long long)spec->q_len,
             spec->dim);
}

static void print_shape(struct attn_bench_output *out, const struct attn_case_spec *spec, enum attn_direction pass,
                        const struct attn_planner_outcome *o) {
    struct attn_record record = {.count = 0};
    char times[512] = "";
    for (int i = 0; i < o->count; i++)
        attn_append(times, sizeof times, "%s%s %.4g us", i > 0 ? ", " : "", o->kernel[i], 1e6 * o->timing[i].median);
    attn_record_text(&record, "pass", attn_direction_name(pass));
    attn_record_integer(&record, "heads", spec->heads);
    attn_record_integer(&record, "q_len", spec->q_len);
    attn_record_integer(&record, "dim", spec->dim);
    attn_record_text(&record, "best", o->kernel[o->best]);
    attn_record_text(&record, "estimate", o->kernel[o->estimate]);
    attn_record_text(&record, "measured", o->kernel[o->measured]);
    attn_record_real(&record, "estimate_loss", o->estimate_loss);
    attn_record_real(&record, "measured_loss", o->measured_loss);
    attn_record_real(&record, "seconds_best", o->timing[o->best].median);
    attn_record_real(&record, "plan_seconds", o->plan_seconds);
    attn_record_integer(&record, "repeats", o->timing[0].repeats);
    attn_record_text(&record, "medians", times);
    attn_record_integer(&record, "seed", (int64_t)spec->seed);
    attn_record_text(&record, "cpu", out->cpu);
    attn_record_text(&record, "compiler", out->compiler);
    attn_record_text(&record, "version", out->version);
    attn_report_row(&out->report, &record);
}

static void print_summary(int count, const struct losses *estimate, const struct losses *measured) {
    if (count == 0) return;
    attn_complain("bench planner: %d shapes; time lost against the fastest kernel of each:", count);
    attn_complain("bench planner: estimate: mean %.2f%%, worst %.1f%% (%s)", 100.0 * estimate->sum / count, 100.0 * estimate->worst,
                  estimate->where);
    attn_complain("bench planner: measured: mean %.2f%%, worst %.1f%% (%s)", 100.0 * measured->sum / count, 100.0 * measured->worst,
                  measured->where);
}

static int run_all(attn_ctx *ctx, struct suite *s, struct attn_bench_output *out) {
    struct losses estimate = {0}, measured = {0};
    const int total = shapes(s);
    int done = 0;
    for (; done < total && !attn_stop_asked(); done++) {
        struct attn_case_spec spec;
        struct attn_planner_outcome outcome;
        char message[1024];
        const enum attn_direction pass = choose(s, done, &spec);
        snprintf(message, sizeof message, "%d of %d: %lld tokens, %s", done + 1, total, (long long)spec.q_len, attn_direction_name(pass));
        attn_progress(message);
        const attn_status status = attn_planner_run(ctx, &spec, pass, s->protocol, s->seconds, &outcome, message);
        if (status != ATTN_OK) {
            attn_progress(NULL);
            attn_complain("%s", message);
            return status == ATTN_ENOMEM || status == ATTN_ESYSTEM ? ATTN_EXIT_SYSTEM : ATTN_EXIT_USAGE;
        }
        if (outcome.timing[0].repeats == 0) break;
        tally(&estimate, outcome.estimate_loss, &spec, pass);
        tally(&measured, outcome.measured_loss, &spec, pass);
        print_shape(out, &spec, pass, &outcome);
    }
    attn_progress(NULL);
    print_summary(done, &estimate, &measured);
    if (attn_stop_asked()) return ATTN_EXIT_STOPPED;
    return measured.worst > 0.01 * s->limit ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

static void fill_in(const attn_ctx *ctx, struct suite *s) {
    static const struct attn_integers lens = {{1, 2, 4, 8, 16, 64, 256, 1024, 4096}, 9}, heads = {{1, 8}, 2}, dims = {{8, 32, 64, 128}, 4};
    if (s->lens.count == 0) s->lens = lens;
    if (s->heads.count == 0) s->heads = heads;
    if (s->dims.count == 0) s->dims = dims;
    s->protocol = (struct attn_protocol){
        .warmups = 1, .repeats = (int)s->repeat, .threads = 1, .fma = attn_fma_best(ctx, ATTN_F32), .stopped = attn_stop_asked};
}

int attn_cmd_bench_planner(int argc, char **argv) {
    static struct suite s = {.repeat = 15, .seed = 42, .seconds = 2.0, .limit = 3.0};
    bool json = false, csv = false;
    const struct attn_option options[] = {
        {"len", ATTN_OPTION_INTEGERS, &s.lens, "LIST", "queries and keys (default 1,2,4,8,16,64,256,1K,4K)", 1, 1 << 20},
        {"heads", ATTN_OPTION_INTEGERS, &s.heads, "LIST", "heads (default 1,8)", 1, 4096},
        {"dim", ATTN_OPTION_INTEGERS, &s.dims, "LIST", "head sizes (default 8,32,64,128)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "runs of each kernel; medians count (default 15)", 1, ATTN_REPEATS},
        {"seconds", ATTN_OPTION_REAL, &s.seconds, "S", "of a shape: after about five turns, none is begun that would pass it (default 2)",
         0, 1e6},
        {"limit", ATTN_OPTION_REAL, &s.limit, "PERCENT", "a measured choice that loses more ends with status 1 (default 3)", 0, 1e6},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the data (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench planner",
        NULL,
        "How much time the planner's choices lose: for each shape, forward and forward with backward, on one thread, all\n"
        "kernels that come near run in turns, and the choices of the cost model and of a measurement are compared with the best.",
        "attn bench planner --len 1,64,1K --dim 64",
        options,
        sizeof options / sizeof options[0]};
    struct attn_bench_output out;
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&out, json, csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    attn_ctx *ctx = attn_cli_context(1, &status);
    if (ctx == NULL) return status;
    fill_in(ctx, &s);
    attn_predict("bench planner", shapes(&s), shapes(&s) * 0.5 * (1.0 + s.seconds));
    attn_stop_catch();
    status = run_all(ctx, &s, &out);
    attn_ctx_destroy(ctx);
    return status;
}
