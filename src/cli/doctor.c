/* attn doctor: what the machine offers, what this build can do with it, what is missing. */
#include "base/cpu.h"
#include "base/parallel.h"
#include "bench/peers/peer.h"
#include "bench/peers/torch.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/wisdom.h"
#include "plan/wisdom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Typical problems: what would be chosen, and why. */
static const struct {
    const char *name, *field; /* field: of the JSON object */
    attn_dtype dtype;
    int32_t heads, kv_heads, dim;
    int64_t len;
    uint32_t features;
} problems[] = {
    {"training, 8 heads of 64, 4096 tokens", "kernel_training", ATTN_F32, 8, 8, 64, 4096, ATTN_BACKWARD},
    {"grouped heads 32:8 of 128, 16384 tokens, forward", "kernel_grouped_forward", ATTN_F32, 32, 8, 128, 16384, 0},
    {"bias with gradient, sink, ALiBi, 8 heads of 64, 1024 tokens", "kernel_features", ATTN_F32, 8, 8, 64, 1024,
     ATTN_BACKWARD | ATTN_BIAS | ATTN_BIAS_GRAD | ATTN_SINK | ATTN_ALIBI},
    {"bfloat16, training, 8 heads of 64, 4096 tokens", "kernel_bf16", ATTN_BF16, 8, 8, 64, 4096, ATTN_BACKWARD},
    {"float16, training, 8 heads of 64, 4096 tokens", "kernel_f16", ATTN_F16, 8, 8, 64, 4096, ATTN_BACKWARD},
    {"double precision, 1 head of 64, 256 tokens", "kernel_double", ATTN_F64, 1, 1, 64, 256, ATTN_BACKWARD},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0], TEXT = 8192 };

struct findings {
    char cpu[128], isas[128], machine[256], torch[512], support[TEXT], plans[PROBLEMS][TEXT];
    const char *kernels[PROBLEMS];
    double memory;
    int processors, wisdom_usable, wisdom_others;
    bool has_torch;
};

static void find_isas(char *text, size_t size) {
    static const struct {
        uint32_t bit;
        const char *name;
    } isas[] = {{ATTN_ISA_AVX2, "avx2"}, {ATTN_ISA_AVX512, "avx512"}, {ATTN_ISA_AVX512_BF16, "avx512_bf16"}, {ATTN_ISA_NEON, "neon"}};
    size_t used = (size_t)snprintf(text, size, "portable");
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++)
        if ((attn_cpu_isa() & isas[i].bit) != 0 && used < size) used += (size_t)snprintf(text + used, size - used, " %s", isas[i].name);
}

static void plan_typical(attn_ctx *ctx, struct findings *f, attn_effort effort, int i) {
    attn_problem problem;
    attn_plan *plan = NULL;
    attn_problem_init(&problem);
    problem.dtype = problems[i].dtype;
    problem.heads = problems[i].heads;
    problem.kv_heads = problems[i].kv_heads;
    problem.dim = problems[i].dim;
    problem.q_len = problems[i].len;
    problem.features = problems[i].features;
    problem.effort = effort;
    f->kernels[i] = NULL;
    if (attn_plan_create(ctx, &problem, &plan) == ATTN_OK) {
        f->kernels[i] = attn_plan_kernel(plan);
        attn_plan_text(plan, f->plans[i], TEXT);
    } else {
        attn_ctx_error(ctx, f->plans[i], TEXT);
    }
    attn_plan_destroy(plan);
}

static void find_all(attn_ctx *ctx, attn_effort effort, struct findings *f) {
    struct utsname name;
    attn_cpu_name(f->cpu, sizeof f->cpu);
    f->processors = attn_cpu_count();
    find_isas(f->isas, sizeof f->isas);
    if (uname(&name) == 0) snprintf(f->machine, sizeof f->machine, "%.60s %.80s %.60s", name.sysname, name.release, name.machine);
    f->memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    attn_support_text(ctx, f->support, sizeof f->support);
    f->has_torch = attn_torch_version(ctx, f->torch, sizeof f->torch) == ATTN_OK;
    for (int i = 0; i < PROBLEMS; i++) plan_typical(ctx, f, effort, i);
    attn_wisdom_count(ctx, &f->wisdom_usable, &f->wisdom_others); /* what the plans above have measured, too */
}

/* Indents every line of a text. */
static void print_indented(const char *text) {
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        printf("    %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_wisdom(const struct attn_cli_wisdom *w, const struct findings *f) {
    if (!w->named)
        printf("wisdom        none: --wisdom FILE or ATTN_WISDOM names a file, --effort measure fills it\n");
    else
        printf("wisdom        %s: %d entr%s for this processor and instruction set, %d kept for others\n", w->path, f->wisdom_usable,
               f->wisdom_usable == 1 ? "y" : "ies", f->wisdom_others);
}

static void print_text(const attn_ctx *ctx, const struct attn_cli_wisdom *w, const struct findings *f) {
    printf("version       %s\n", attn_version_string());
    printf("processor     %s, %d usable by this process\n", f->cpu, f->processors);
    printf("system        %s, %.1f GiB of memory\n", f->machine, f->memory / 1073741824.0);
    printf("instructions  %s; kernels are taken from %s%s\n", f->isas, attn_ctx_isa(ctx), getenv("ATTN_ISA") != NULL ? " (ATTN_ISA)" : "");
    if (strcmp(attn_ctx_isa(ctx), "neon") == 0) printf("              (the NEON kernels were tested under an emulator, not on hardware)\n");
    printf("threads       %d%s, executor %s%s\n", attn_ctx_threads(ctx), getenv("ATTN_THREADS") != NULL ? " (ATTN_THREADS)" : "",
           attn_parallel_name(),
           attn_ctx_threads(ctx) > f->processors ? "; more than processors: they take turns, which is slower, with the same bits" : "");
    print_wisdom(w, f);
    printf("row-panel     %s\n",
           attn_peer_find("rowpanel") != NULL ? "yes, this build has a CBLAS" : "no: build with a CBLAS (Debian: libopenblas-dev)");
    printf("PyTorch       %s%s\n\nKernels of this build:\n", f->has_torch ? "" : "no: ", f->torch);
    print_indented(f->support);
    printf("\nWhat is chosen, and why:\n");
    for (int i = 0; i < PROBLEMS; i++) {
        printf("  %s\n", problems[i].name);
        print_indented(f->plans[i]);
    }
}

static void print_json(const attn_ctx *ctx, const struct attn_cli_wisdom *w, const struct findings *f) {
    struct attn_record record = {.count = 0};
    attn_record_text(&record, "version", attn_version_string());
    attn_record_text(&record, "cpu", f->cpu);
    attn_record_integer(&record, "processors", f->processors);
    attn_record_text(&record, "system", f->machine);
    attn_record_real(&record, "memory_bytes", f->memory);
    attn_record_text(&record, "cpu_isas", f->isas);
    attn_record_text(&record, "isa", attn_ctx_isa(ctx));
    attn_record_integer(&record, "threads", attn_ctx_threads(ctx));
    attn_record_text(&record, "executor", attn_parallel_name());
    attn_record_text(&record, "wisdom", w->named ? w->path : NULL);
    attn_record_integer(&record, "wisdom_entries", f->wisdom_usable);
    attn_record_integer(&record, "wisdom_others", f->wisdom_others);
    attn_record_bool(&record, "rowpanel", attn_peer_find("rowpanel") != NULL);
    attn_record_text(&record, "torch", f->has_torch ? f->torch : NULL);
    attn_record_text(&record, "support", f->support);
    for (int i = 0; i < PROBLEMS; i++) attn_record_text(&record, problems[i].field, f->kernels[i]);
    attn_json_line(stdout, &record);
}

int attn_cmd_doctor(int argc, char **argv) {
    static struct findings f;
    bool json = false;
    const char *python = NULL;
    struct attn_cli_wisdom wisdom = {0};
    const struct attn_option options[] = {
        {"python", ATTN_OPTION_TEXT, &python, "PATH", "asked for PyTorch (default: ATTN_PYTHON, then python3)", 0, 0},
        {"effort", ATTN_OPTION_TEXT, &wisdom.effort_name, "HOW", ATTN_WISDOM_EFFORT_HELP, 0, 0},
        {"wisdom", ATTN_OPTION_TEXT, &wisdom.path, "FILE", ATTN_WISDOM_FILE_HELP, 0, 0},
        {"json", ATTN_OPTION_FLAG, &json, NULL, "one JSON object", 0, 0},
    };
    const struct attn_usage usage = {
        "doctor",
        NULL,
        "Machine, instruction sets, threads, kernels of this build, what is chosen for typical problems and why, peers.",
        "attn doctor",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status >= 0) return status;
    if (python != NULL && setenv("ATTN_PYTHON", python, 1) != 0) return ATTN_EXIT_SYSTEM;
    attn_ctx *ctx = attn_cli_context(0, &status);
    if (ctx == NULL) return status;
    status = attn_cli_wisdom_open(ctx, "doctor", &wisdom);
    if (status < 0) {
        find_all(ctx, wisdom.effort, &f);
        if (json)
            print_json(ctx, &wisdom, &f);
        else
            print_text(ctx, &wisdom, &f);
        status = attn_cli_wisdom_close(ctx, &wisdom, ATTN_EXIT_DONE);
    }
    attn_ctx_destroy(ctx);
    return status;
}
