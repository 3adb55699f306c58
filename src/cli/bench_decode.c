/* attn bench decode: few queries over caches of growing length, in every stored type, beside the bandwidth of memory. */
#include "bench/decode.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"kernel", "kernel", 10, 0, 0},
    {"isa", "isa", 8, 0, 0},
    {"cache_dtype", "cache", 5, 0, 0},
    {"kv_len", "keys", 7, 0, 0},
    {"heads", "heads", 5, 0, 0},
    {"kv_heads", "kv", 3, 0, 0},
    {"block_tokens", "block", 5, 0, 0},
    {"threads", "thr", 3, 0, 0},
    {"seconds_median", "us", 9, 1, 1e-6},
    {"bytes", "MiB", 7, 1, 1048576},
    {"gbytes_per_second", "GB/s", 6, 1, 0},
    {"fraction_of_read", "of read", 7, 3, 0},
    {"time_of_first", "t/first", 7, 3, 0},
    {"max_error", "err 1e-7", 8, 1, 1e-7},
    {"mean_square_error", "nmse", 9, 7, 0},
    {"repeats", "runs", 4, 0, 0},
};

struct decode {
    struct attn_bench_shape shape; /* len is not used */
    struct attn_integers kv_lens;
    int64_t queries, block_tokens;
    const char *types, *peer, *python;
    struct attn_decode_spec spec;
    struct attn_experiment experiment; /* of the peers */
};

static int types_of(struct decode *d) {
    char text[128];
    struct attn_words words;
    snprintf(text, sizeof text, "%s", d->types ? d->types : "f32,bf16,f16,q8_0");
    if (!attn_words_split(text, ',', &words) || words.count > ATTN_DECODE_TYPES)
        return attn_complain("bench decode: --cache-dtype %s: expected at most %d types", d->types, ATTN_DECODE_TYPES);
    for (int i = 0; i < words.count; i++) {
        int type = ATTN_F32;
        while (type <= ATTN_Q8_0 && (type == ATTN_F64 || strcmp(words.item[i], attn_dtype_name((attn_dtype)type)) != 0)) type++;
        if (type > ATTN_Q8_0) return attn_complain("bench decode: --cache-dtype %s: expected f32, bf16, f16 or q8_0", words.item[i]);
        d->spec.types[i] = (attn_dtype)type;
    }
    d->spec.type_count = words.count;
    return -1;
}

static void record_shape(const struct decode *d, struct attn_record *r, const char *kernel, const char *isa, attn_dtype type) {
    attn_record_text(r, "kernel", kernel);
    attn_record_text(r, "isa", isa);
    attn_record_text(r, "cache_dtype", attn_dtype_name(type));
    attn_record_integer(r, "kv_len", d->spec.kv_len);
    attn_record_integer(r, "q_len", d->spec.queries);
    attn_record_integer(r, "heads", d->spec.heads);
    attn_record_integer(r, "kv_heads", d->spec.kv_heads);
    attn_record_integer(r, "dim", d->spec.dim);
    attn_record_integer(r, "block_tokens", d->spec.block_tokens);
    attn_record_integer(r, "threads", d->spec.threads);
}

static void record_machine(struct attn_bench_output *out, const struct decode *d, struct attn_record *r, const char *peer) {
    attn_record_integer(r, "seed", d->shape.seed);
    attn_record_text(r, "cpu", out->cpu);
    attn_record_text(r, "compiler", out->compiler);
    attn_record_text(r, "version", out->version);
    attn_record_text(r, "peer", peer);
    attn_report_row(&out->report, r);
}

static void print_own(struct attn_bench_output *out, const struct decode *d, attn_dtype type, const struct attn_decode_figures *f) {
    struct attn_record r = {.count = 0};
    record_shape(d, &r, f->kernel, f->isa, type);
    attn_record_real(&r, "seconds_median", f->median);
    attn_record_real(&r, "seconds_min", f->min);
    attn_record_real(&r, "seconds_p20", f->p20);
    attn_record_real(&r, "seconds_p80", f->p80);
    attn_record_integer(&r, "repeats", f->repeats);
    attn_record_real(&r, "bytes", f->bytes);
    attn_record_real(&r, "gbytes_per_second", f->bytes / f->median * 1e-9);
    attn_record_real(&r, "read_gbytes_per_second", f->read * 1e-9);
    attn_record_real(&r, "fraction_of_read", f->fraction);
    attn_record_real(&r, "time_of_first", f->of_first);
    attn_record_real(&r, "max_error", f->max_error);
    attn_record_real(&r, "mean_square_error", f->mean_error);
    record_machine(out, d, &r, NULL);
}

/* Ours in float32 again, in turns with the peers. */
static int run_peers(attn_ctx *ctx, struct decode *d, struct attn_bench_output *out) {
    struct attn_outcome outcome;
    struct attn_experiment *e = &d->experiment;
    e->mask = "full";
    e->pass = ATTN_FWD;
    e->spec.q_len = d->spec.queries;
    e->spec.kv_len = d->spec.kv_len;
    const int status = attn_bench_run(ctx, e, "the peers", &outcome);
    if (status >= 0) return status;
    const double bytes = 2.0 * 4.0 * (double)d->spec.kv_len * d->spec.kv_heads * d->spec.dim;
    for (int i = 0; i < outcome.count; i++) {
        const struct attn_figures *f = &outcome.figures[i];
        struct attn_record r = {.count = 0};
        if (f->message[0] != '\0') attn_complain("bench decode: %s: %s", f->status, f->message);
        if (f->timing.repeats == 0) continue;
        record_shape(d, &r, f->name, f->isa, ATTN_F32);
        attn_record_real(&r, "seconds_median", f->timing.median);
        attn_record_real(&r, "seconds_min", f->timing.min);
        attn_record_real(&r, "seconds_p20", f->timing.p20);
        attn_record_real(&r, "seconds_p80", f->timing.p80);
        attn_record_integer(&r, "repeats", f->timing.repeats);
        attn_record_real(&r, "bytes", bytes);
        attn_record_real(&r, "gbytes_per_second", bytes / f->timing.median * 1e-9);
        attn_record_real(&r, "read_gbytes_per_second", (double)NAN);
        attn_record_real(&r, "fraction_of_read", (double)NAN);
        attn_record_real(&r, "time_of_first", f->timing.ratio);
        attn_record_real(&r, "max_error", f->max_error);
        attn_record_real(&r, "mean_square_error", (double)NAN);
        record_machine(out, d, &r, f->peer);
    }
    return -1;
}

/* Seconds of all lengths: drawing and storing numbers, two checks against double in one thread, runs of which each is read six times. */
static double predict(const struct decode *d) {
    const struct attn_decode_spec *p = &d->spec;
    double seconds = 0.0;
    for (int i = 0; i < d->kv_lens.count; i++) {
        const double keys = (double)d->kv_lens.item[i], numbers = 2.0 * keys * p->kv_heads * p->dim;
        const double checked = 2.0 * keys * fmin(4.0, p->heads);
        const double run = 6.0 * 4.0 * numbers / (2e10 * fmin(2.0, p->threads)) * (1.0 + d->experiment.peer_count);
        seconds += 4e-9 * numbers + p->type_count * (4e-9 * numbers + checked * (5e-8 + 2e-9 * p->dim) + p->repeats * run);
    }
    return seconds;
}

static int run_length(attn_ctx *ctx, struct decode *d, struct attn_bench_output *out) {
    struct attn_decode_figures figures[ATTN_DECODE_TYPES];
    char message[1024], progress[64];
    snprintf(progress, sizeof progress, "%lld keys", (long long)d->spec.kv_len);
    attn_progress(progress);
    const attn_status status = attn_decode_measure(ctx, &d->spec, figures, message);
    attn_progress(NULL);
    if (status != ATTN_OK) {
        attn_complain("%s", message);
        return status == ATTN_ENOMEM ? ATTN_EXIT_SYSTEM : ATTN_EXIT_USAGE;
    }
    for (int i = 0; i < d->spec.type_count; i++) {
        const struct attn_decode_figures *f = &figures[i];
        if (!f->wrong) continue;
        out->surprised = true;
        attn_complain("bench decode: %lld keys as %s: the results are %.3g away from the reference's (nmse %.3g), so nothing is timed",
                      (long long)d->spec.kv_len, attn_dtype_name(d->spec.types[i]), f->max_error, f->mean_error);
    }
    for (int i = 0; i < d->spec.type_count && figures[i].repeats > 0; i++) print_own(out, d, d->spec.types[i], &figures[i]);
    return d->experiment.peer_count > 0 && !attn_stop_asked() ? run_peers(ctx, d, out) : -1;
}

static int run(struct decode *d, struct attn_bench_output *out) {
    int status = attn_bench_heads("bench decode", d->shape.heads, d->shape.kv_heads);
    if (status < 0) status = types_of(d);
    if (status < 0 && d->peer != NULL) status = attn_bench_peers("bench decode", d->peer, &d->experiment);
    if (status >= 0) return status;
    if (d->python != NULL && setenv("ATTN_PYTHON", d->python, 1) != 0) return ATTN_EXIT_SYSTEM;
    attn_ctx *ctx = attn_cli_context((int)d->shape.threads, &status);
    if (ctx == NULL) return status;
    const struct attn_experiment peers = d->experiment;
    attn_bench_shape_experiment(ctx, &d->shape, &d->experiment);
    d->experiment.peer_count = peers.peer_count;
    memcpy(d->experiment.peers, peers.peers, sizeof peers.peers);
    d->experiment.protocol.warmups = 1;
    d->spec.queries = d->queries;
    d->spec.heads = d->experiment.spec.heads;
    d->spec.kv_heads = d->experiment.spec.kv_heads;
    d->spec.dim = d->experiment.spec.dim;
    d->spec.block_tokens = (int32_t)d->block_tokens;
    d->spec.threads = attn_ctx_threads(ctx);
    d->spec.repeats = (int)d->shape.repeat;
    d->spec.kernel = d->shape.kernel;
    d->spec.seed = (uint64_t)d->shape.seed;
    d->spec.stopped = attn_stop_asked;
    attn_stop_catch();
    attn_predict("bench decode", d->kv_lens.count * d->spec.type_count, predict(d));
    status = -1;
    for (int i = 0; i < d->kv_lens.count && status < 0 && !attn_stop_asked(); i++) {
        d->spec.kv_len = d->kv_lens.item[i];
        status = run_length(ctx, d, out);
    }
    attn_ctx_destroy(ctx);
    if (status >= 0) return status;
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : out->surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

int attn_cmd_bench_decode(int argc, char **argv) {
    static struct decode d = {.shape = {.heads = 32, .kv_heads = 8, .dim = 128, .repeat = 15, .seed = 42}, .queries = 1};
    struct attn_option options[ATTN_BENCH_SHAPE_OPTIONS + 7] = {
        {"kv-len", ATTN_OPTION_INTEGERS, &d.kv_lens, "LIST", "keys, e.g. 1K,64K (default 1K,4K,16K,64K)", 1, 1 << 24},
        {"queries", ATTN_OPTION_INTEGER, &d.queries, "T", "queries of the step (default 1)", 1, 4096},
        {"heads", ATTN_OPTION_INTEGER, &d.shape.heads, "H", "query heads (default 32)", 1, 4096},
        {"cache-dtype", ATTN_OPTION_TEXT, &d.types, "LIST", "f32, bf16, f16, q8_0 (default: all four)", 0, 0},
        {"block-tokens", ATTN_OPTION_INTEGER, &d.block_tokens, "N", "tokens of a block, in random order (default 0: side by side)", 0,
         1 << 24},
        {"peer", ATTN_OPTION_TEXT, &d.peer, "LIST", "torch: scaled_dot_product_attention, in turns with ours in float32", 0, 0},
        {"python", ATTN_OPTION_TEXT, &d.python, "PATH", "of the peer torch (default: ATTN_PYTHON, then python3)", 0, 0},
    };
    const int count = 7 + attn_bench_shape_options(&d.shape, options + 7);
    options[7].help = "key/value heads (default 8)"; /* --kv-heads */
    const struct attn_usage usage = {
        "bench decode",
        NULL,
        "One step of decoding: few queries over many keys, whose type of storage is varied. The limit is memory: 'of read' is the\n"
        "share of a plain read of the same bytes in the same run, 't/first' the time over that of the first type. nmse: squares of\n"
        "O's errors from storing, over the squares of O.",
        "attn bench decode --kv-len 64K --heads 32 --kv-heads 8 --cache-dtype f32,q8_0 --block-tokens 64",
        options,
        count};
    struct attn_bench_output out;
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (d.kv_lens.count == 0) d.kv_lens = (struct attn_integers){{1024, 4096, 16384, 65536}, 4};
    if (!attn_bench_output_init(&out, d.shape.json, d.shape.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    return run(&d, &out);
}
