/* Records of the suites. The keys and their order are documented in attn(1); scripts read them. */
#include "cli/bench_rows.h"

#include "base/cpu.h"
#include "cli/cli.h"
#include "plan/plan.h"

#include <math.h>
#include <string.h>

/* "attn 0.1.0, gcc 12.2.0, openmp, ..." gives "0.1.0" and "gcc 12.2.0". */
static void split_version(struct attn_bench_output *out) {
    const char *text = attn_version_string();
    const size_t name = strcspn(text, " "), version = strcspn(text, ",");
    snprintf(out->version, sizeof out->version, "%.*s", (int)(version - name - 1), text + name + 1);
    const char *compiler = text + version + (text[version] != '\0' ? 2 : 0);
    snprintf(out->compiler, sizeof out->compiler, "%.*s", (int)strcspn(compiler, ","), compiler);
}

bool attn_bench_output_init(struct attn_bench_output *out, bool json, bool csv, const struct attn_column *columns, int count) {
    memset(out, 0, sizeof *out);
    if (json && csv) {
        attn_complain("bench: --json and --csv are both given; choose one");
        return false;
    }
    out->report = (struct attn_report){stdout, json ? ATTN_FORM_JSON : csv ? ATTN_FORM_CSV : ATTN_FORM_TABLE, columns, count, 0};
    out->sgemm = (double)NAN;
    attn_cpu_name(out->cpu, sizeof out->cpu);
    split_version(out);
    return true;
}

static void record_case(struct attn_record *record, const struct attn_experiment *e, const struct attn_outcome *outcome, const char *mask,
                        const char *spec) {
    const struct attn_case_spec *s = &e->spec;
    attn_record_text(record, "dtype", attn_dtype_name(s->dtype));
    attn_record_text(record, "pass", attn_direction_name(e->pass));
    attn_record_text(record, "mask", mask);
    attn_record_text(record, "mask_spec", spec);
    attn_record_integer(record, "batch", s->batch);
    attn_record_integer(record, "heads", s->heads);
    attn_record_integer(record, "kv_heads", s->kv_heads);
    attn_record_integer(record, "q_len", s->q_len);
    attn_record_integer(record, "kv_len", s->kv_len);
    attn_record_integer(record, "dim", s->dim);
    attn_record_integer(record, "v_dim", s->v_dim);
    attn_record_integer(record, "threads", s->threads);
    attn_record_real(record, "area", outcome->area);
}

static void record_figures(struct attn_record *record, const struct attn_bench_output *out, const struct attn_figures *f) {
    const bool timed = f->timing.repeats > 0;
    const double none = (double)NAN;
    attn_record_text(record, "status", f->status);
    attn_record_real(record, "seconds_median", timed ? f->timing.median : none);
    attn_record_real(record, "seconds_min", timed ? f->timing.min : none);
    attn_record_real(record, "seconds_p20", timed ? f->timing.p20 : none);
    attn_record_real(record, "seconds_p80", timed ? f->timing.p80 : none);
    attn_record_integer(record, "repeats", f->timing.repeats);
    attn_record_real(record, "gflops", timed ? f->timing.gflops : none);
    attn_record_real(record, "fma_peak_gflops", timed ? f->timing.peak_gflops : none);
    attn_record_real(record, "fraction_of_peak", timed ? f->timing.fraction : none);
    attn_record_real(record, "sgemm_gflops", out->sgemm);
    attn_record_real(record, "peak_bytes", f->peak_bytes > 0 ? (double)f->peak_bytes : none);
    attn_record_real(record, "max_error", f->max_error);
}

static void explain(struct attn_bench_output *out, const struct attn_figures *f) {
    if (strcmp(f->status, ATTN_STATUS_WRONG) == 0) out->surprised = true;
    if (f->message[0] == '\0' || (out->explained && strcmp(f->status, ATTN_STATUS_WRONG) != 0)) return;
    attn_progress(NULL);
    attn_complain("bench: %s: %s", f->status, f->message);
    out->explained = true;
}

void attn_bench_print(struct attn_bench_output *out, const struct attn_experiment *e, const struct attn_outcome *outcome, const char *mask,
                      const char *spec, void (*fill)(struct attn_record *record, void *user, int figure), void *user) {
    for (int i = 0; i < outcome->count; i++) {
        const struct attn_figures *f = &outcome->figures[i];
        struct attn_record record = {.count = 0};
        attn_record_text(&record, "kernel", f->name);
        attn_record_text(&record, "isa", f->isa);
        record_case(&record, e, outcome, mask, spec);
        record_figures(&record, out, f);
        attn_record_integer(&record, "seed", (int64_t)e->spec.seed);
        attn_record_text(&record, "cpu", out->cpu);
        attn_record_text(&record, "compiler", out->compiler);
        attn_record_text(&record, "version", out->version);
        attn_record_text(&record, "peer", f->peer);
        if (fill != NULL) fill(&record, user, i);
        if (i == 0 || !out->own_rows || out->report.form != ATTN_FORM_TABLE) attn_report_row(&out->report, &record);
        explain(out, f);
    }
}

int attn_bench_dtype(const char *command, const char *name, attn_dtype *out) {
    for (int i = ATTN_F32; i <= ATTN_F16; i++)
        if (strcmp(name, attn_dtype_name((attn_dtype)i)) == 0) {
            *out = (attn_dtype)i;
            return -1;
        }
    return attn_complain("%s: --dtype %s: expected f32, f64, bf16 or f16", command, name);
}

int attn_bench_pass(const char *command, const char *name, enum attn_direction *out) {
    for (int i = ATTN_FWD; i <= ATTN_BOTH; i++)
        if (strcmp(name, attn_direction_name((enum attn_direction)i)) == 0) {
            *out = (enum attn_direction)i;
            return -1;
        }
    return attn_complain("%s: --pass %s: expected fwd, bwd or fwd+bwd", command, name);
}

int attn_bench_peers(const char *command, const char *names, struct attn_experiment *e) {
    char text[256];
    struct attn_words words;
    if (strcmp(names, "none") == 0) return -1;
    snprintf(text, sizeof text, "%s", names);
    if (!attn_words_split(text, ',', &words) || words.count > ATTN_SUBJECTS - 1)
        return attn_complain("%s: --peer %s: expected at most %d peers", command, names, ATTN_SUBJECTS - 1);
    for (int i = 0; i < words.count; i++) {
        e->peers[i] = attn_peer_find(words.item[i]);
        if (e->peers[i] == NULL)
            return attn_complain("%s: --peer %s: expected %storch%s", command, words.item[i],
                                 attn_peer_find("rowpanel") ? "rowpanel or " : "",
                                 attn_peer_find("rowpanel") ? "" : " (rowpanel is there when a CBLAS is)");
    }
    e->peer_count = words.count;
    return -1;
}

int attn_bench_pairs(attn_ctx *ctx, const struct attn_experiment *e, double *pairs) {
    attn_mask *mask = NULL, *compiled = NULL;
    attn_status status = attn_mask_parse(ctx, e->mask, &mask);
    if (status == ATTN_OK) status = attn_mask_compile(ctx, mask, e->spec.q_len, e->spec.kv_len, &compiled);
    if (status == ATTN_OK) *pairs = (double)attn_mask_area(compiled);
    attn_mask_destroy(compiled);
    attn_mask_destroy(mask);
    return status == ATTN_OK ? -1 : attn_complain_status(ctx, status);
}

double attn_bench_cost(const struct attn_experiment *e, double pairs) {
    const double once = attn_experiment_guess(e, pairs) * (1.0 + 1.5 * e->peer_count);
    const double all = once * (e->protocol.repeats + e->protocol.warmups + 2) + 0.02 * e->protocol.repeats * (1 + e->peer_count);
    return e->protocol.budget > 0.0 ? fmin(all, e->protocol.budget) : all;
}

int attn_bench_run(attn_ctx *ctx, const struct attn_experiment *e, const char *progress, struct attn_outcome *outcome) {
    char message[1024];
    attn_progress(progress);
    const attn_status status = attn_experiment_run(ctx, e, outcome, message);
    if (attn_stop_asked()) {
        attn_progress(NULL);
        return ATTN_EXIT_STOPPED;
    }
    if (status == ATTN_OK) return -1;
    attn_progress(NULL);
    attn_complain("%s", message);
    return status == ATTN_ENOMEM || status == ATTN_ESYSTEM ? ATTN_EXIT_SYSTEM : ATTN_EXIT_USAGE;
}

int attn_bench_shape_options(struct attn_bench_shape *shape, struct attn_option *options) {
    const struct attn_option common[ATTN_BENCH_SHAPE_OPTIONS] = {
        {"kv-heads", ATTN_OPTION_INTEGER, &shape->kv_heads, "G", "key/value heads (default: as heads)", 1, 256},
        {"dim", ATTN_OPTION_INTEGER, &shape->dim, "D", "head size (default 128)", 1, 4096},
        {"threads", ATTN_OPTION_INTEGER, &shape->threads, "N", "threads (default: all processors)", 1, 4096},
        {"kernel", ATTN_OPTION_TEXT, &shape->kernel, "NAME", ATTN_DOT_KERNELS " (default: the planner's choice)", 0, 0},
        {"repeat", ATTN_OPTION_INTEGER, &shape->repeat, "N", "runs; the median counts (default 15)", 1, ATTN_REPEATS},
        {"seed", ATTN_OPTION_INTEGER, &shape->seed, "N", "of all that is drawn: data, documents, blocks (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &shape->json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &shape->csv, NULL, "comma-separated values with a header", 0, 0},
    };
    memcpy(options, common, sizeof common);
    return ATTN_BENCH_SHAPE_OPTIONS;
}

void attn_bench_shape_experiment(const attn_ctx *ctx, const struct attn_bench_shape *shape, struct attn_experiment *e) {
    e->spec = (struct attn_case_spec){.dtype = ATTN_F32,
                                      .kernel = shape->kernel,
                                      .batch = 1,
                                      .q_len = shape->len,
                                      .kv_len = shape->len,
                                      .heads = (int32_t)shape->heads,
                                      .kv_heads = (int32_t)(shape->kv_heads > 0 ? shape->kv_heads : shape->heads),
                                      .dim = (int32_t)shape->dim,
                                      .v_dim = (int32_t)shape->dim,
                                      .threads = attn_ctx_threads(ctx),
                                      .gain = 1.0,
                                      .seed = (uint64_t)shape->seed};
    e->protocol = (struct attn_protocol){
        .repeats = (int)shape->repeat, .threads = attn_ctx_threads(ctx), .fma = attn_fma_best(ctx, ATTN_F32), .stopped = attn_stop_asked};
}

int attn_bench_heads(const char *command, int64_t heads, int64_t kv_heads) {
    if (kv_heads == 0 || heads % kv_heads == 0) return -1;
    return attn_complain("%s: --heads %lld --kv-heads %lld: heads must be a multiple of kv-heads", command, (long long)heads,
                         (long long)kv_heads);
}

void attn_predict(const char *command, int measurements, double seconds) {
    const char *unit = seconds < 100.0 ? "s" : seconds < 6000.0 ? "minutes" : "hours";
    const double value = seconds < 100.0 ? seconds : seconds < 6000.0 ? seconds / 60.0 : seconds / 3600.0;
    fprintf(stderr, "attn: %s: %d measurement%s, about %.0f %s\n", command, measurements, measurements == 1 ? "" : "s", ceil(value), unit);
}

double attn_bench_sgemm(attn_ctx *ctx, int threads) {
#if defined(ATTN_HAVE_CBLAS)
    return attn_sgemm_rate(ctx, threads, 1024);
#else
    (void)ctx;
    (void)threads;
    return (double)NAN;
#endif
}

const char *attn_bench_blas_core(void) {
#if defined(ATTN_HAVE_CBLAS)
    return attn_blas_core();
#else
    return NULL;
#endif
}
