/* attn bench peak: what the machine can do at best. */
#include "bench/peak.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"

#include "base/cpu.h"
#include "bench/peers/peer.h"
#include "plan/plan.h"

#include <math.h>

static const struct attn_column columns[] = {
    {"what", "what", 16, 0, 0},      {"isa", "isa", 9, 0, 0},   {"dtype", "type", 5, 0, 0},
    {"threads", "threads", 7, 0, 0}, {"rate", "rate", 9, 1, 0}, {"unit", "unit", 8, 0, 0},
};

static void print_rate(struct attn_bench_output *out, const char *what, const char *isa, const char *dtype, int threads, double rate,
                       const char *unit) {
    struct attn_record record = {.count = 0};
    attn_record_text(&record, "what", what);
    attn_record_text(&record, "isa", isa);
    attn_record_text(&record, "dtype", dtype);
    attn_record_integer(&record, "threads", threads);
    attn_record_real(&record, "rate", rate);
    attn_record_text(&record, "unit", unit);
    attn_record_text(&record, "cpu", out->cpu);
    attn_record_text(&record, "compiler", out->compiler);
    attn_record_text(&record, "version", out->version);
    attn_report_row(&out->report, &record);
}

static void measure(struct attn_bench_output *out, attn_ctx *ctx, int threads, double seconds) {
    for (int i = 0; i < attn_fma_count && !attn_stop_asked(); i++) {
        const struct attn_fma *fma = &attn_fma_loops[i];
        if ((fma->isa_bits & ~attn_cpu_isa()) == 0)
            print_rate(out, "multiply-add", fma->isa, attn_dtype_name(fma->dtype), threads, attn_fma_rate(ctx, fma, threads, seconds),
                       "GFLOP/s");
    }
    if (!attn_stop_asked() && !isnan(out->sgemm = attn_bench_sgemm(ctx, threads)))
        print_rate(out, "sgemm", attn_bench_blas_core(), "f32", threads, out->sgemm, "GFLOP/s");
    if (!attn_stop_asked())
        print_rate(out, "memory read", NULL, NULL, threads, attn_read_bandwidth(ctx, threads, (size_t)512 << 20, seconds) * 1e-9, "GB/s");
}

int attn_cmd_bench_peak(int argc, char **argv) {
    int64_t threads = 0;
    double seconds = 0.3;
    bool json = false, csv = false;
    const struct attn_option options[] = {
        {"threads", ATTN_OPTION_INTEGER, &threads, "N", "threads of the second half (default: all processors)", 1, 4096},
        {"seconds", ATTN_OPTION_REAL, &seconds, "S", "length of each loop (default 0.3)", 0.001, 60},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench peak",
        NULL,
        "Multiply-add rate of each instruction set and data type, rate of sgemm where a BLAS was found, and read\n"
        "bandwidth of memory; on one thread, then on all.",
        "attn bench peak --json",
        options,
        sizeof options / sizeof options[0]};
    struct attn_bench_output out;
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&out, json, csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    attn_ctx *ctx = attn_cli_context((int)threads, &status);
    if (ctx == NULL) return status;
    attn_stop_catch();
    measure(&out, ctx, 1, seconds);
    if (attn_ctx_threads(ctx) > 1) measure(&out, ctx, attn_ctx_threads(ctx), seconds);
    attn_ctx_destroy(ctx);
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}
