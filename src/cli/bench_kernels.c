/* attn bench kernels: every combination of the values given to the options is one experiment. */
#include "bench/patterns.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "cli/wisdom.h"
#include "mask/generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 16, 0, 0},
    {"isa", "isa", 8, 0, 0},
    {"dtype", "type", 4, 0, 0},
    {"pass", "pass", 7, 0, 0},
    {"mask", "mask", 21, 0, 0},
    {"heads", "heads", 5, 0, 0},
    {"kv_heads", "kv", 3, 0, 0},
    {"q_len", "len", 6, 0, 0},
    {"dim", "dim", 3, 0, 0},
    {"threads", "thr", 3, 0, 0},
    {"status", "status", 11, 0, 0},
    {"seconds_median", "ms", 9, 2, 1e-3},
    {"gflops", "GFLOP/s", 8, 1, 0},
    {"fraction_of_peak", "of peak", 7, 3, 0},
    {"peak_bytes", "MiB", 7, 1, 1048576},
    {"max_error", "err 1e-7", 8, 1, 1e-7},
    {"times_ours", "x ours", 6, 2, 0},
};

/* The lists that are combined, the last one fastest. */
enum { DIMS, LENS, MASKS, THREADS, DTYPES, PASSES, KERNELS, AXES, COMBINATIONS = 100000 };

struct sweep {
    struct attn_integers dims, lens, threads;
    struct attn_words masks, dtypes, passes, kernels;
    int64_t heads, kv_heads, kv_len, v_dim, batch, repeat, seed;
    double budget, gain;
    const char *peer, *python;
    bool longca;
    int corpus; /* of document lengths; -1: by length */
    struct attn_cli_wisdom wisdom;
    struct attn_experiment experiment; /* what all have in common */
};

static int extent(const struct sweep *s, int axis) {
    const int counts[AXES] = {s->dims.count,   s->lens.count,   s->masks.count,  s->threads.count,
                              s->dtypes.count, s->passes.count, s->kernels.count};
    return counts[axis];
}

/* COMBINATIONS + 1: too many. */
static int combinations(const struct sweep *s) {
    int64_t product = 1;
    for (int axis = 0; axis < AXES && product <= COMBINATIONS; axis++) product *= extent(s, axis);
    return product <= COMBINATIONS ? (int)product : COMBINATIONS + 1;
}

/* Experiment `index` of the sweep; its mask's name and text go to `mask`. */
static int choose(attn_ctx *ctx, const struct sweep *s, int index, struct attn_experiment *e, struct attn_pattern *mask) {
    int at[AXES];
    for (int axis = AXES - 1; axis >= 0; axis--) {
        at[axis] = index % extent(s, axis);
        index /= extent(s, axis);
    }
    *e = s->experiment;
    struct attn_case_spec *spec = &e->spec;
    spec->dim = (int32_t)s->dims.item[at[DIMS]];
    spec->v_dim = s->v_dim > 0 ? (int32_t)s->v_dim : spec->dim;
    spec->q_len = s->lens.item[at[LENS]];
    spec->kv_len = s->kv_len > 0 ? s->kv_len : spec->q_len;
    spec->threads = (int)s->threads.item[at[THREADS]];
    spec->kernel = strcmp(s->kernels.item[at[KERNELS]], "auto") == 0 ? NULL : s->kernels.item[at[KERNELS]];
    e->protocol.threads = spec->threads;
    int status = attn_bench_dtype("bench kernels", s->dtypes.item[at[DTYPES]], &spec->dtype);
    if (status < 0) status = attn_bench_pass("bench kernels", s->passes.item[at[PASSES]], &e->pass);
    if (status < 0) {
        const struct attn_pattern_draw draw = {spec->q_len, spec->kv_len, spec->seed, s->corpus};
        const attn_status made = attn_pattern_make(ctx, s->masks.item[at[MASKS]], &draw, mask);
        status = made == ATTN_OK ? -1 : attn_complain_status(ctx, made);
    }
    spec->backward = e->pass != ATTN_FWD;
    e->protocol.fma = attn_fma_best(ctx, spec->dtype);
    e->mask = mask->text;
    return status;
}

/* Checks all combinations, so that a mistake ends the program before the first long run, and adds up the predicted time. */
static int predict(attn_ctx *ctx, const struct sweep *s, double *seconds) {
    static struct attn_pattern pattern;
    struct attn_experiment e;
    *seconds = 0.0;
    for (int i = 0; i < combinations(s); i++) {
        double pairs;
        int status = choose(ctx, s, i, &e, &pattern);
        if (status < 0) status = attn_bench_pairs(ctx, &e, &pairs);
        if (status >= 0) return status;
        *seconds += attn_bench_cost(&e, pairs);
    }
    return -1;
}

static void fill_ratio(struct attn_record *record, void *user, int figure) {
    const struct attn_outcome *outcome = user;
    const struct attn_figures *f = &outcome->figures[figure];
    if (figure > 0 && f->timing.repeats > 0 && outcome->figures[0].timing.repeats > 0)
        attn_record_real(record, "times_ours", f->timing.ratio);
}

static int run_all(attn_ctx *ctx, const struct sweep *s, struct attn_bench_output *out) {
    static struct attn_pattern pattern;
    const int total = combinations(s);
    double sgemm[4097];
    for (int i = 0; i <= 4096; i++) sgemm[i] = -1.0;
    for (int i = 0; i < total && !attn_stop_asked(); i++) {
        struct attn_experiment e;
        struct attn_outcome outcome;
        char text[128];
        int exit_status = choose(ctx, s, i, &e, &pattern);
        if (exit_status >= 0) return exit_status;
        snprintf(text, sizeof text, "%d of %d: %s, %lld tokens, %s", i + 1, total, pattern.name, (long long)e.spec.q_len,
                 attn_direction_name(e.pass));
        if (sgemm[e.spec.threads] < 0.0) sgemm[e.spec.threads] = attn_bench_sgemm(ctx, e.spec.threads);
        out->sgemm = sgemm[e.spec.threads];
        exit_status = attn_bench_run(ctx, &e, text, &outcome);
        if (exit_status >= 0) return exit_status;
        attn_bench_print(out, &e, &outcome, pattern.name, pattern.text, out->report.form == ATTN_FORM_TABLE ? fill_ratio : NULL, &outcome);
    }
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : out->surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

/* A list option's text cut at `separator`, or the default's. The text must outlive the sweep. */
static bool list(const char *given, const char *standard, char separator, char *text, size_t size, struct attn_words *out) {
    if (strlen(given != NULL ? given : standard) >= size) return false;
    strcpy(text, given != NULL ? given : standard);
    return attn_words_split(text, separator, out);
}

static void integers(struct attn_integers *list_of, const int64_t *standard, int count) {
    if (list_of->count == 0)
        while (list_of->count < count) {
            list_of->item[list_of->count] = standard[list_of->count];
            list_of->count++;
        }
}

/* What the options leave open, by the suite's own choice or by the protocol of the Long-Context Attention Benchmark (sec. 9): 64
 * query and 8 key/value heads, D 128, bfloat16, 1K to 48K tokens, 5 warm-ups, 20 runs, 256 MiB written before each. */
static void fill_in(struct sweep *s) {
    static const int64_t lens[] = {1024, 4096}, dims[] = {64, 128}, one[] = {1};
    static const int64_t long_lens[] = {1024, 2048, 4096, 8192, 16384, 24576, 32768, 40960, 49152}, long_dims[] = {128};
    struct attn_experiment *e = &s->experiment;
    integers(&s->lens, s->longca ? long_lens : lens, s->longca ? 9 : 2);
    integers(&s->dims, s->longca ? long_dims : dims, s->longca ? 1 : 2);
    integers(&s->threads, one, 1);
    if (s->heads == 0) s->heads = s->longca ? 64 : 8;
    if (s->kv_heads == 0) s->kv_heads = s->longca ? 8 : s->heads;
    e->spec.batch = s->batch;
    e->spec.heads = (int32_t)s->heads;
    e->spec.kv_heads = (int32_t)s->kv_heads;
    e->spec.gain = s->gain;
    e->spec.seed = (uint64_t)s->seed;
    e->protocol.warmups = s->longca ? 5 : 1;
    e->protocol.repeats = s->repeat > 0 ? (int)s->repeat : s->longca ? 20 : 15;
    e->protocol.flush_bytes = s->longca ? (size_t)256 << 20 : 0;
    e->protocol.budget = s->budget;
    e->protocol.stopped = attn_stop_asked;
}

static int run(struct sweep *s, struct attn_bench_output *out, int64_t most_threads) {
    int status = -1;
    if ((status = attn_bench_heads("bench kernels", s->heads, s->kv_heads)) >= 0) return status;
    if (s->peer != NULL && (status = attn_bench_peers("bench kernels", s->peer, &s->experiment)) >= 0) return status;
    if (combinations(s) > COMBINATIONS)
        return attn_complain("bench kernels: the lists have more than %d combinations; give shorter ones", COMBINATIONS);
    attn_ctx *ctx = attn_cli_context((int)most_threads, &status);
    double seconds;
    if (ctx == NULL) return status;
    status = attn_cli_wisdom_open(ctx, "bench kernels", &s->wisdom);
    s->experiment.spec.planner = ctx;
    s->experiment.spec.effort = s->wisdom.effort;
    if (status < 0) status = predict(ctx, s, &seconds);
    if (status < 0) {
        attn_predict("bench kernels", combinations(s), seconds);
        attn_stop_catch();
        status = attn_cli_wisdom_close(ctx, &s->wisdom, run_all(ctx, s, out));
    }
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_bench_kernels(int argc, char **argv) {
    static struct sweep s = {.batch = 1, .seed = 42, .gain = 1.0, .corpus = -1};
    static char mask_text[65536], text[3][256];
    const char *kernel = NULL, *dtype = NULL, *pass = NULL, *protocol = NULL, *corpus = NULL;
    struct attn_words mask = {.count = 0};
    bool json = false, csv = false;
    const struct attn_option options[] = {
        {"kernel", ATTN_OPTION_TEXT, &kernel, "LIST", "auto (default), " ATTN_DOT_KERNELS, 0, 0},
        {"dtype", ATTN_OPTION_TEXT, &dtype, "LIST", "f32 (default), f64, bf16, f16", 0, 0},
        {"pass", ATTN_OPTION_TEXT, &pass, "LIST", "fwd,bwd (default), fwd+bwd", 0, 0},
        {"mask", ATTN_OPTION_WORDS, &mask, "SPEC", "a mask, or several with ';' between; repeated: and (default full;causal)", 0, 0},
        {"batch", ATTN_OPTION_INTEGER, &s.batch, "B", "sequences (default 1)", 1, 65536},
        {"heads", ATTN_OPTION_INTEGER, &s.heads, "H", "query heads (default 8)", 1, 4096},
        {"kv-heads", ATTN_OPTION_INTEGER, &s.kv_heads, "G", "key/value heads (default: as heads)", 1, 4096},
        {"len", ATTN_OPTION_INTEGERS, &s.lens, "LIST", "queries, e.g. 1K,4K,16K (default 1K,4K)", 1, 1 << 24},
        {"kv-len", ATTN_OPTION_INTEGER, &s.kv_len, "S", "keys (default: as queries)", 1, 1 << 24},
        {"dim", ATTN_OPTION_INTEGERS, &s.dims, "LIST", "head sizes (default 64,128)", 1, 4096},
        {"v-dim", ATTN_OPTION_INTEGER, &s.v_dim, "E", "head size of values (default: as dim)", 1, 4096},
        {"threads", ATTN_OPTION_INTEGERS, &s.threads, "LIST", "threads (default 1)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "runs; the median counts (default 15)", 1, ATTN_REPEATS},
        {"budget", ATTN_OPTION_REAL, &s.budget, "SECONDS", "a measurement predicted to take longer is skipped", 0, 1e9},
        {"gain", ATTN_OPTION_REAL, &s.gain, "X", "scores X times larger than those of N(0,1) data (default 1)", 0, 1e6},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the data (default 42)", 0, 9e18},
        {"effort", ATTN_OPTION_TEXT, &s.wisdom.effort_name, "HOW", ATTN_WISDOM_EFFORT_HELP, 0, 0},
        {"wisdom", ATTN_OPTION_TEXT, &s.wisdom.path, "FILE", ATTN_WISDOM_FILE_HELP, 0, 0},
        {"corpus", ATTN_OPTION_TEXT, &corpus, "NAME", "of document lengths: pile, prolong64k, prolong512k (default: by length)", 0, 0},
        {"protocol", ATTN_OPTION_TEXT, &protocol, "NAME", "longca: the Long-Context Attention Benchmark's", 0, 0},
        {"peer", ATTN_OPTION_TEXT, &s.peer, "LIST", "rowpanel, torch: measured in turns with ours", 0, 0},
        {"python", ATTN_OPTION_TEXT, &s.python, "PATH", "of the peer torch (default: ATTN_PYTHON, then python3)", 0, 0},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench kernels",
        NULL,
        "Times attention, every combination of the lists given. A kernel is timed only after it was checked against\n"
        "double precision in the same run; every run stands beside a run of the multiply-add peak loop.",
        "attn bench kernels --len 4K --dim 128 --mask 'full;causal' --pass fwd,bwd --peer rowpanel",
        options,
        sizeof options / sizeof options[0]};
    struct attn_bench_output out;
    char joined[32768] = "", patterns[512];
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (protocol != NULL && strcmp(protocol, "longca") != 0)
        return attn_complain("bench kernels: --protocol %s: expected longca", protocol);
    if (!attn_bench_output_init(&out, json, csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    s.longca = protocol != NULL;
    if (corpus != NULL && (s.corpus = attn_corpus_find(corpus)) < 0)
        return attn_complain("bench kernels: --corpus %s: expected pile, prolong64k or prolong512k", corpus);
    fill_in(&s);
    if (s.python != NULL && setenv("ATTN_PYTHON", s.python, 1) != 0) return ATTN_EXIT_SYSTEM;
    attn_pattern_list(patterns, sizeof patterns);
    if (!attn_words_and(&mask, joined, sizeof joined) ||
        !list(mask.count > 0 ? joined : NULL, s.longca ? patterns : "full;causal", ';', mask_text, sizeof mask_text, &s.masks) ||
        !list(kernel, "auto", ',', text[0], sizeof text[0], &s.kernels) ||
        !list(dtype, s.longca ? "bf16" : "f32", ',', text[1], sizeof text[1], &s.dtypes) ||
        !list(pass, "fwd,bwd", ',', text[2], sizeof text[2], &s.passes))
        return attn_complain("bench kernels: a list is too long");
    int64_t most = 1;
    for (int i = 0; i < s.threads.count; i++) most = s.threads.item[i] > most ? s.threads.item[i] : most;
    return run(&s, &out, most);
}
