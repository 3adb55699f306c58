/* attn apply: one attention on arrays from files. */
#include "io/apply.h"

#include "cli/cli.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/wisdom.h"
#include "io/apply_job.h"
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const help_in[ATTN_APPLY_INPUTS] = {"queries [B,H,T,D]",
                                                       "keys [B,G,S,D]",
                                                       "values [B,G,S,E]",
                                                       "gradient of the output: computes the backward pass too",
                                                       "gradient of the log-sum-exp (default 0)",
                                                       "ALiBi slopes [H]",
                                                       "additive bias [B,H,T,S], an extent of 1 is shared",
                                                       "sink logits [H]",
                                                       "score vectors [H,D], --score additive",
                                                       "gradient of the weights: backward, --score additive",
                                                       "cumulative lengths of queries, --layout thd",
                                                       "cumulative lengths of keys, --layout thd",
                                                       "keys of each sequence [B]",
                                                       "blocks of each sequence [B,N]; k and v are pools [blocks,G,tokens,D]"};
static const char *const help_out[ATTN_APPLY_OUTPUTS] = {"the output, laid out as q with v's width",
                                                         "log-sum-exp [B,H,T], packed [H,T]",
                                                         "gradient of q",
                                                         "gradient of k",
                                                         "gradient of v",
                                                         "gradient of the slopes",
                                                         "gradient of the bias, summed over shared axes",
                                                         "gradient of the sinks",
                                                         "weights [B,H,T,S], --score additive",
                                                         "gradient of w",
                                                         "with --top: the best keys of each query [B,H,T,K], int64",
                                                         "with --top: their scores [B,H,T,K]"};

struct words {
    struct attn_words mask;
    const char *layout, *dtype, *kv_dtype, *score;
    struct attn_cli_wisdom wisdom;
    int64_t threads, seed;
    bool json;
};

/* The table of options: the files by their roles, then the rest. */
static int list_options(struct attn_apply *a, struct words *w, struct attn_option *options) {
    int n = 0;
    for (int i = 0; i < ATTN_APPLY_INPUTS; i++)
        options[n++] = (struct attn_option){attn_apply_input_names[i], ATTN_OPTION_TEXT, &a->in[i], "FILE", help_in[i], 0, 0};
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++)
        options[n++] = (struct attn_option){attn_apply_output_names[i], ATTN_OPTION_TEXT, &a->out[i], "FILE", help_out[i], 0, 0};
    const struct attn_option rest[] = {
        {"mask", ATTN_OPTION_WORDS, &w->mask, "SPEC", "e.g. causal, 'window:128,0'; repeated: and (default full)", 0, 0},
        {"scale", ATTN_OPTION_REAL, &a->scale, "X", "factor of the logits (default 1/sqrt(D), additive 1)", -1e30, 1e30},
        {"softcap", ATTN_OPTION_REAL, &a->softcap, "X", "soft-cap of the logits (default none)", 1e-30, 1e30},
        {"dropout", ATTN_OPTION_REAL, &a->dropout, "P", "probability of dropping a weight (default 0)", 0, 0.999999},
        {"seed", ATTN_OPTION_INTEGER, &w->seed, "N", "of dropout (default 0)", 0, 9e18},
        {"score", ATTN_OPTION_TEXT, &w->score, "NAME",
         "dot (default), additive: w.tanh(q+k), learned-query: q [H,D], row i sees keys 0 to i", 0, 0},
        {"top", ATTN_OPTION_INTEGER, &a->top, "K", "instead of attention: the K keys of greatest dot product with each query", 1,
         ATTN_SEARCH_TOP},
        {"layout", ATTN_OPTION_TEXT, &w->layout, "NAME", "bhtd (default), bthd, thd (packed)", 0, 0},
        {"dtype", ATTN_OPTION_TEXT, &w->dtype, "NAME", "what is computed in: f32 (default), f64, bf16, f16", 0, 0},
        {"kv-dtype", ATTN_OPTION_TEXT, &w->kv_dtype, "NAME", "what k and v are rounded to: bf16, f16, q8_0 (default: as --dtype)", 0, 0},
        {"kernel", ATTN_OPTION_TEXT, &a->kernel, "NAME",
         "flash, flash32, flash-pairs, decode, naive; pointer; scan (default: the planner's choice)", 0, 0},
        {"effort", ATTN_OPTION_TEXT, &w->wisdom.effort_name, "HOW", ATTN_WISDOM_EFFORT_HELP, 0, 0},
        {"wisdom", ATTN_OPTION_TEXT, &w->wisdom.path, "FILE", ATTN_WISDOM_FILE_HELP, 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &w->threads, "N", "threads (default: all processors)", 1, 4096},
        {"json", ATTN_OPTION_FLAG, &w->json, NULL, "one JSON object about what was done", 0, 0},
    };
    memcpy(options + n, rest, sizeof rest);
    return n + (int)(sizeof rest / sizeof rest[0]);
}

static int choose_names(struct attn_apply *a, const struct words *w) {
    static const char *const layouts[] = {"bhtd", "bthd", "thd"};
    int layout = -1, dtype = -1, kv_dtype = w->kv_dtype == NULL ? ATTN_DTYPE_SAME : -2;
    for (int i = 0; i < 3; i++)
        if (strcmp(w->layout, layouts[i]) == 0) layout = i;
    for (int i = ATTN_F32; i <= ATTN_F16; i++)
        if (strcmp(w->dtype, attn_dtype_name((attn_dtype)i)) == 0) dtype = i;
    for (int i = ATTN_F32; i <= ATTN_Q8_0 && w->kv_dtype != NULL; i++)
        if (strcmp(w->kv_dtype, attn_dtype_name((attn_dtype)i)) == 0) kv_dtype = i;
    int score = ATTN_SCORE_LEARNED_QUERY;
    while (score >= 0 && strcmp(w->score, attn_score_name((attn_score)score)) != 0) score--;
    if (score < 0) return attn_complain("apply: --score %s: expected dot, additive or learned-query", w->score);
    a->score = (attn_score)score;
    if (layout < 0) return attn_complain("apply: --layout %s: expected bhtd, bthd or thd", w->layout);
    if (dtype < 0) return attn_complain("apply: --dtype %s: expected f32, f64, bf16 or f16", w->dtype);
    if (kv_dtype < ATTN_DTYPE_SAME) return attn_complain("apply: --kv-dtype %s: expected f32, bf16, f16 or q8_0", w->kv_dtype);
    a->layout = (attn_layout)layout;
    a->kv_dtype = (attn_dtype)kv_dtype;
    a->dtype = (attn_dtype)dtype;
    return -1;
}

static void print_report(const struct attn_apply_report *r, const struct attn_apply *a, bool json) {
    struct attn_record record = {.count = 0};
    attn_record_text(&record, "kernel", r->kernel);
    attn_record_text(&record, "isa", r->isa);
    attn_record_text(&record, "dtype", attn_dtype_name(a->dtype));
    attn_record_text(&record, "score", attn_score_name(a->score));
    attn_record_text(&record, "pass", r->backward ? "fwd+bwd" : "fwd");
    if (a->top > 0) attn_record_integer(&record, "top", a->top);
    attn_record_integer(&record, "batch", r->batch);
    attn_record_integer(&record, "heads", r->heads);
    attn_record_integer(&record, "kv_heads", r->kv_heads);
    attn_record_integer(&record, "q_len", r->q_len);
    attn_record_integer(&record, "kv_len", r->kv_len);
    attn_record_integer(&record, "dim", r->dim);
    attn_record_integer(&record, "v_dim", r->v_dim);
    attn_record_real(&record, "seconds", r->seconds);
    bool written = false;
    for (int i = 0; i < ATTN_APPLY_OUTPUTS; i++) written = written || a->out[i] != NULL;
    if (json)
        attn_json_line(stdout, &record);
    else
        fprintf(stderr, "attn: apply: %s with %s/%s in %.3g s%s%s\n",
                a->top > 0    ? "best keys"
                : r->backward ? "forward and backward"
                              : "forward",
                r->kernel, r->isa, r->seconds, written ? "" : "; nothing is written, as no output is named: ",
                written      ? ""
                : a->top > 0 ? "--out-index FILE"
                             : "--out FILE");
}

static int apply(attn_ctx *ctx, const struct attn_apply *a, const struct words *w) {
    struct attn_apply_report report;
    attn_stop_catch();
    const attn_status done = attn_apply_files(ctx, a, &report);
    if (done != ATTN_OK) return attn_complain_status(ctx, done);
    if (report.stopped) return ATTN_EXIT_STOPPED;
    print_report(&report, a, w->json);
    return attn_cli_wisdom_close(ctx, &w->wisdom, ATTN_EXIT_DONE);
}

/* What measuring has chosen would be written over an output. */
static int check_wisdom(const struct attn_apply *a, const struct attn_cli_wisdom *w) {
    const char *path = w->path != NULL ? w->path : getenv("ATTN_WISDOM");
    const bool measured = path != NULL && w->effort_name != NULL && strcmp(w->effort_name, "measure") == 0;
    for (int i = 0; i < ATTN_APPLY_OUTPUTS && measured; i++) {
        struct attn_place place;
        if (a->out[i] == NULL) continue;
        attn_apply_place(a->out[i], attn_apply_output_names[i], &place);
        if (attn_file_same(place.path, path))
            return attn_complain("apply: --%s %s: expected another file than that of --wisdom", attn_apply_output_names[i], a->out[i]);
    }
    return -1;
}

int attn_cmd_apply(int argc, char **argv) {
    static char mask[65536];
    struct attn_apply a = {.scale = (double)NAN, .softcap = (double)INFINITY, .stopped = attn_stop_asked};
    struct words w = {.score = "dot", .layout = "bhtd", .dtype = "f32"};
    struct attn_option options[ATTN_APPLY_INPUTS + ATTN_APPLY_OUTPUTS + 21];
    const int count = list_options(&a, &w, options);
    const struct attn_usage usage = {
        "apply",
        NULL,
        "Attention on arrays from .npy files (float16, float32, float64) and safetensors files (bfloat16 too), forward, and\n"
        "backward where --do is given. A tensor of a safetensors file is FILE.safetensors:NAME; without a name it is called\n"
        "as the option. Outputs may share such a file, and appear only when all are complete.",
        "attn apply --q q.npy --k k.npy --v v.npy --mask causal --out o.npy --lse lse.npy",
        options,
        count};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = choose_names(&a, &w);
    if (status < 0) status = check_wisdom(&a, &w.wisdom);
    if (status >= 0) return status;
    if (!attn_words_and(&w.mask, mask, sizeof mask)) return attn_complain("apply: --mask: the text is longer than %zu bytes", sizeof mask);
    a.mask = w.mask.count > 0 ? mask : NULL;
    a.seed = (uint64_t)w.seed;
    attn_ctx *ctx = attn_cli_context((int)w.threads, &status);
    if (ctx == NULL) return status;
    status = attn_cli_wisdom_open(ctx, "apply", &w.wisdom);
    a.effort = w.wisdom.effort;
    if (status < 0) status = apply(ctx, &a, &w);
    attn_ctx_destroy(ctx);
    return status;
}
