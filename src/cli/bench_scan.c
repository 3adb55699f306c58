/* attn bench scan: attention of a learned query, beside the memory bandwidth of the same run. */
#include "bench/scan.h"

#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "cli/ranks.h"
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 18, 0, 0},
    {"isa", "isa", 8, 0, 0},
    {"dtype", "dtype", 5, 0, 0},
    {"pass", "pass", 4, 0, 0},
    {"len", "len", 8, 0, 0},
    {"heads", "heads", 5, 0, 0},
    {"dim", "dim", 4, 0, 0},
    {"threads", "thr", 3, 0, 0},
    {"ranks", "ranks", 5, 0, 0},
    {"status", "status", 11, 0, 0},
    {"seconds_median", "ms", 9, 2, 1e-3},
    {"tokens_per_second", "Mtok/s", 7, 2, 1e6},
    {"gb_per_second", "GB/s", 7, 1, 0},
    {"fraction_of_memory", "of memory", 9, 3, 0},
    {"times_ours", "x ours", 7, 2, 0},
    {"max_error", "err 1e-7", 8, 1, 1e-7},
};

struct scan {
    struct attn_integers lens, dims, threads;
    struct attn_words kernels, passes;
    int64_t heads, kv_heads, batch, repeat, seed;
    const char *dtype, *peer, *python;
    bool json, csv;
    struct attn_bench_output out;
};

static void print_figures(struct scan *s, const struct attn_scan_spec *spec, const struct attn_scan_figures *f, const char *status) {
    struct attn_record r = {.count = 0};
    const bool measured = f->repeats > 0;
    attn_record_text(&r, "kernel", f->kernel[0] ? f->kernel : spec->spec.kernel);
    attn_record_text(&r, "isa", f->isa[0] ? f->isa : NULL);
    attn_record_text(&r, "dtype", attn_dtype_name(spec->spec.dtype));
    attn_record_text(&r, "pass", attn_direction_name(spec->pass));
    attn_record_integer(&r, "batch", spec->spec.batch);
    attn_record_integer(&r, "len", spec->spec.q_len);
    attn_record_integer(&r, "heads", spec->spec.heads);
    attn_record_integer(&r, "kv_heads", spec->spec.kv_heads);
    attn_record_integer(&r, "dim", spec->spec.dim);
    attn_record_integer(&r, "threads", spec->spec.threads);
    attn_record_integer(&r, "ranks", attn_cli_ranks() ? attn_cli_ranks()->count : 1);
    attn_record_text(&r, "status", status);
    attn_record_integer(&r, "repeats", f->repeats);
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"seconds_median", f->median},
                   {"seconds_min", f->min},
                   {"seconds_p80", f->p80},
                   {"tokens_per_second", (double)(spec->spec.batch * spec->spec.q_len) / f->median},
                   {"bytes", f->bytes},
                   {"gb_per_second", f->rate * 1e-9},
                   {"triad_gb_per_second", f->triad * 1e-9},
                   {"fraction_of_memory", f->fraction},
                   {"peer_seconds_median", f->peer_median},
                   {"times_ours", f->speedup},
                   {"peer_difference", f->peer_difference}};
    for (size_t i = 0; measured && i < sizeof numbers / sizeof numbers[0]; i++) attn_record_real(&r, numbers[i].name, numbers[i].value);
    if (measured) attn_record_text(&r, "peer", f->peer[0] ? f->peer : NULL);
    if (measured || f->wrong) attn_record_real(&r, "max_error", f->max_error);
    attn_record_integer(&r, "workspace_bytes", (int64_t)f->workspace);
    attn_record_text(&r, "message", f->message[0] ? f->message : NULL);
    attn_record_text(&r, "cpu", s->out.cpu);
    attn_record_text(&r, "compiler", s->out.compiler);
    attn_record_text(&r, "version", s->out.version);
    attn_report_row(&s->out.report, &r);
    if (f->message[0]) fprintf(stderr, "attn: bench scan: %s\n", f->message);
}

static int run_one(attn_ctx *ctx, struct scan *s, struct attn_scan_spec *spec) {
    struct attn_scan_figures f;
    const attn_scan_measure_fn shared = attn_cli_ranks_scan();
    const attn_status status = shared ? shared(ctx, spec, &f) : attn_scan_measure(ctx, spec, &f);
    if (status == ATTN_ENOMEM || status == ATTN_EUNSUPPORTED) {
        print_figures(s, spec, &f, status == ATTN_ENOMEM ? ATTN_STATUS_OOM : ATTN_STATUS_UNSUPPORTED);
        return -1;
    }
    if (status != ATTN_OK) return attn_complain("bench scan: %s", f.message);
    if (!f.wrong && f.repeats == 0) return -1; /* stopped before the first run */
    const double limit = s->dtype[0] == 'b' ? 2e-2 : 1e-4;
    const bool differs = f.peer[0] && !(f.peer_difference <= limit);
    s->out.surprised = s->out.surprised || f.wrong || differs;
    print_figures(s, spec, &f, f.wrong ? ATTN_STATUS_WRONG : differs ? "peer differs" : ATTN_STATUS_OK);
    return -1;
}

static int choose_pass(const char *name, struct attn_scan_spec *spec) {
    const int status = attn_bench_pass("bench scan", name, &spec->pass);
    if (status >= 0) return status;
    if (spec->pass == ATTN_BOTH) return attn_complain("bench scan: --pass fwd+bwd: expected fwd or bwd, which are measured one by one");
    spec->spec.backward = spec->pass == ATTN_BWD;
    return -1;
}

static int combinations(const struct scan *s) {
    return s->dims.count * s->lens.count * s->threads.count * s->passes.count * s->kernels.count;
}

/* Combination n, the kernels fastest. */
static int choose(const struct scan *s, int n, struct attn_scan_spec *spec) {
    spec->spec.kernel = s->kernels.item[n % s->kernels.count];
    n /= s->kernels.count;
    const int status = choose_pass(s->passes.item[n % s->passes.count], spec);
    n /= s->passes.count;
    spec->spec.threads = (int)s->threads.item[n % s->threads.count];
    n /= s->threads.count;
    spec->spec.q_len = spec->spec.kv_len = s->lens.item[n % s->lens.count];
    spec->spec.dim = spec->spec.v_dim = (int32_t)s->dims.item[n / s->lens.count];
    return status;
}

/* Checks all combinations and adds up the predicted time. */
static int predict(attn_ctx *ctx, const struct scan *s, struct attn_scan_spec *spec) {
    double seconds = 0.0;
    for (int n = 0; n < combinations(s); n++) {
        const int status = choose(s, n, spec);
        if (status >= 0) return status;
        seconds += attn_scan_guess(ctx, spec);
    }
    if (!attn_cli_ranks() || attn_cli_ranks()->rank == 0) attn_predict("bench scan", combinations(s), seconds);
    return -1;
}

static int run_all(attn_ctx *ctx, struct scan *s, struct attn_scan_spec *spec) {
    for (int n = 0; n < combinations(s); n++) {
        int status = choose(s, n, spec);
        if (status < 0) status = run_one(ctx, s, spec);
        if (status >= 0) return status;
        if (attn_stop_asked()) return ATTN_EXIT_STOPPED;
    }
    return s->out.surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

static int choose_peer(const struct scan *s, struct attn_scan_spec *spec) {
    if (s->python != NULL) setenv("ATTN_PYTHON", s->python, 1);
    if (s->peer == NULL || strcmp(s->peer, "none") == 0) return -1;
    if (strcmp(s->peer, "torch") != 0) return attn_complain("bench scan: --peer %s: expected torch or none", s->peer);
    spec->peer = &attn_peer_torch;
    return -1;
}

static int run(struct scan *s) {
    struct attn_scan_spec spec = {.repeats = (int)s->repeat, .stopped = attn_stop_asked};
    int most = 1;
    attn_dtype dtype;
    int status = attn_bench_heads("bench scan", s->heads, s->kv_heads);
    if (status < 0) status = attn_bench_dtype("bench scan", s->dtype, &dtype);
    if (status < 0) status = choose_peer(s, &spec);
    if (status >= 0) return status;
    for (int i = 0; i < s->threads.count; i++) most = s->threads.item[i] > most ? (int)s->threads.item[i] : most;
    attn_ctx *ctx = attn_cli_context(s->threads.count ? most : 0, &status);
    if (ctx == NULL) return status;
    if (s->threads.count == 0) s->threads = (struct attn_integers){{attn_ctx_threads(ctx)}, 1};
    spec.spec = (struct attn_case_spec){.dtype = dtype,
                                        .batch = s->batch,
                                        .heads = (int32_t)s->heads,
                                        .kv_heads = (int32_t)(s->kv_heads ? s->kv_heads : s->heads),
                                        .learned = true,
                                        .gain = 1.0,
                                        .seed = (uint64_t)s->seed};
    attn_stop_catch();
    status = predict(ctx, s, &spec);
    if (status < 0) status = run_all(ctx, s, &spec);
    attn_ctx_destroy(ctx);
    return status;
}

int attn_cmd_bench_scan(int argc, char **argv) {
    struct scan s = {.lens = {{1 << 20}, 1}, .dims = {{64}, 1}, .heads = 1, .batch = 1, .repeat = 15, .seed = 42, .dtype = "f32"};
    char kernels[] = "scan", passes[] = "fwd,bwd", *kernel_list = kernels, *pass_list = passes;
    const struct attn_option options[] = {
        {"kernel", ATTN_OPTION_TEXT, &kernel_list, "LIST", "scan (default), scan-serial, scan-hillis-steele, scan-blelloch, naive", 0, 0},
        {"dtype", ATTN_OPTION_TEXT, &s.dtype, "TYPE", "f32 (default), bf16, f16; f64 with --kernel naive", 0, 0},
        {"pass", ATTN_OPTION_TEXT, &pass_list, "LIST", "fwd, bwd (default both)", 0, 0},
        {"batch", ATTN_OPTION_INTEGER, &s.batch, "B", "sequences (default 1)", 1, 1 << 20},
        {"heads", ATTN_OPTION_INTEGER, &s.heads, "H", "query heads (default 1)", 1, 1024},
        {"kv-heads", ATTN_OPTION_INTEGER, &s.kv_heads, "G", "key/value heads (default: as heads)", 1, 1024},
        {"len", ATTN_OPTION_INTEGERS, &s.lens, "LIST", "tokens (default 1M)", 1, 1 << 26},
        {"dim", ATTN_OPTION_INTEGERS, &s.dims, "LIST", "head size (default 64)", 1, 4096},
        {"threads", ATTN_OPTION_INTEGERS, &s.threads, "LIST", "threads (default: all processors)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "timed runs (default 15)", 1, 1000},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the data (default 42)", 0, 9e18},
        {"peer", ATTN_OPTION_TEXT, &s.peer, "NAME", "torch: logcumsumexp and cumsum of weighted values in PyTorch; none (default)", 0, 0},
        {"python", ATTN_OPTION_TEXT, &s.python, "PATH", "the Python that has PyTorch (default: ATTN_PYTHON, else python3)", 0, 0},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench scan",
        NULL,
        "Attention of one learned query for each head over all prefixes: seconds, the bytes that must be moved, GB/s, and\n"
        "what share that is of memory bandwidth, measured beside each run by a triad that reads two arrays and writes a third.\n"
        "Under mpirun with attn-mpi the tokens are split over the processes, and a run ends with the last of them.",
        "attn bench scan --len 1M --heads 8 --pass fwd --threads 2",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_words_split(kernel_list, ',', &s.kernels) || !attn_words_split(pass_list, ',', &s.passes))
        return attn_complain("bench scan: --kernel or --pass: more than %d names", ATTN_OPTION_VALUES);
    if (!attn_bench_output_init(&s.out, s.json, s.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    return run(&s);
}
