/* attn bench stream: what a token costs behind many others, with Aaren and with a cache of keys and values. */
#include "base/folder.h"
#include "cli/bench_rows.h"
#include "cli/bench_stream_charts.h"
#include "cli/cli.h"

#include <string.h>

static const struct attn_column columns[] = {
    {"mixer", "mixer", 18, 0, 0},
    {"tokens", "tokens", 8, 0, 0},
    {"state_bytes", "state KiB", 10, 1, 1024},
    {"seconds", "s", 10, 4, 0},
    {"attention_seconds", "mixers s", 10, 4, 0},
    {"token_seconds", "us a token", 10, 2, 1e-6},
    {"slope", "slope", 6, 2, 0},
    {"attention_slope", "mixers", 6, 2, 0},
};

enum { FIRST = 16, FIGURES = 64 };

struct suite {
    struct attn_words mixers;
    char words[2][64];
    int64_t tokens, cache_tokens, dim, layers, heads, ffn, seed;
    bool json, csv;
    const char *figures; /* a folder; NULL: none are wanted */
    attn_ctx *ctx;
    struct attn_bench_output out;
    struct attn_stream_charts *charts;
};

/* The slopes are those of the last decade up to the row. */
static void print(struct suite *s, const char *mixer, const struct attn_aaren_cost *cost, int index) {
    double tokens[FIGURES], seconds[FIGURES], attention[FIGURES];
    struct attn_record r = {.count = 0};
    for (int i = 0; i <= index; i++) {
        tokens[i] = (double)cost[i].tokens;
        seconds[i] = cost[i].seconds;
        attention[i] = cost[i].attention_seconds;
    }
    attn_record_text(&r, "mixer", mixer);
    attn_record_integer(&r, "width", s->dim);
    attn_record_integer(&r, "layers", s->layers);
    attn_record_integer(&r, "ffn", s->ffn);
    attn_record_integer(&r, "threads", attn_ctx_threads(s->ctx));
    attn_record_integer(&r, "tokens", cost[index].tokens);
    attn_record_integer(&r, "state_bytes", cost[index].state_bytes);
    attn_record_real(&r, "seconds", cost[index].seconds);
    attn_record_real(&r, "attention_seconds", cost[index].attention_seconds);
    attn_record_real(&r, "token_seconds", cost[index].token_seconds);
    attn_record_real(&r, "slope", attn_aaren_cost_slope(index + 1, tokens, seconds));
    attn_record_real(&r, "attention_slope", attn_aaren_cost_slope(index + 1, tokens, attention));
    attn_record_text(&r, "cpu", s->out.cpu);
    attn_record_text(&r, "compiler", s->out.compiler);
    attn_record_text(&r, "version", s->out.version);
    attn_report_row(&s->out.report, &r);
}

static attn_status measure(struct suite *s, const char *mixer) {
    struct attn_aaren_cost cost[FIGURES];
    const int64_t most = strncmp(mixer, "attention", strlen("attention")) == 0 ? attn_min64(s->tokens, s->cache_tokens) : s->tokens;
    const struct attn_aaren_cost_spec spec = {
        .mixer = mixer, .width = s->dim, .ffn = s->ffn, .layers = s->layers, .seed = (uint64_t)s->seed, .stopped = attn_stop_asked};
    int count = 0, done = 0;
    for (int64_t tokens = FIRST; tokens < most; tokens *= 2) cost[count++].tokens = tokens;
    cost[count++].tokens = most;
    attn_progress(mixer);
    attn_status status = attn_aaren_cost_measure(s->ctx, &spec, cost, count, &done);
    attn_progress(NULL);
    for (int i = 0; i < done && !status; i++) print(s, mixer, cost, i);
    if (!status && done > 0) status = attn_stream_charts_add(s->ctx, &s->charts, mixer, cost, done);
    return status;
}

static int run(struct suite *s) {
    int status = -1;
    s->ctx = attn_cli_context(1, &status);
    if (s->ctx == NULL) return status;
    attn_stop_catch();
    if (s->figures) { /* hours may come before they are written */
        bool fresh;
        const attn_status made = attn_folder_make(s->ctx, NULL, s->figures, &fresh);
        if (made != ATTN_OK) status = attn_complain_status(s->ctx, made);
    }
    for (int i = 0; i < s->mixers.count && status < 0 && !attn_stop_asked(); i++) {
        const attn_status done = measure(s, s->mixers.item[i]);
        if (done != ATTN_OK) status = attn_complain_status(s->ctx, done);
    }
    if (s->figures && status < 0) {
        const attn_status written = attn_stream_charts_write(s->ctx, s->charts, s->figures);
        if (written != ATTN_OK) status = attn_complain_status(s->ctx, written);
    }
    attn_free(s->ctx, s->charts);
    attn_ctx_destroy(s->ctx);
    return status >= 0 ? status : attn_stop_asked() ? ATTN_EXIT_STOPPED : ATTN_EXIT_DONE;
}

/* The two of the paper, where no mixer is named. */
static int check(struct suite *s) {
    static const char *const names[] = {"aaren", "attention"};
    for (int i = 0, own = s->mixers.count == 0; own && i < 2; i++) {
        attn_append(s->words[i], sizeof s->words[i], "%s:heads=%lld", names[i], (long long)s->heads);
        s->mixers.item[s->mixers.count++] = s->words[i];
    }
    if (s->ffn == 0) s->ffn = 4 * s->dim;
    return attn_bench_output_init(&s->out, s->json, s->csv, columns, sizeof columns / sizeof columns[0]) ? -1 : ATTN_EXIT_USAGE;
}

int attn_cmd_bench_stream(int argc, char **argv) {
    struct suite s = {.tokens = 8192, .cache_tokens = 8192, .dim = 128, .layers = 4, .heads = 4, .seed = 42};
    const struct attn_option options[] = {
        {"tokens", ATTN_OPTION_INTEGER, &s.tokens, "N", "tokens that are pushed, one by one (default 8192)", 1, 1e12},
        {"cache-tokens", ATTN_OPTION_INTEGER, &s.cache_tokens, "N",
         "of mixers that keep what they have seen, attention's, at most so many (default 8192)", 1, 1e9},
        {"mixer", ATTN_OPTION_WORDS, &s.mixers, "MIXER", "as in a recipe; again for more (default aaren and attention with --heads)", 0, 0},
        {"dim", ATTN_OPTION_INTEGER, &s.dim, "D", "width (default 128)", 1, 65536},
        {"layers", ATTN_OPTION_INTEGER, &s.layers, "L", "blocks (default 4)", 1, 1024},
        {"heads", ATTN_OPTION_INTEGER, &s.heads, "H", "heads (default 4)", 1, 1024},
        {"ffn", ATTN_OPTION_INTEGER, &s.ffn, "F", "hidden numbers of the feed-forward networks (default 4 times the width)", 1, 1 << 20},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of weights and tokens (default 42)", 0, 9e18},
        {"figures", ATTN_OPTION_TEXT, &s.figures, "DIR", "write state.svg and seconds.svg, drawn by gnuplot, and their data as CSV", 0, 0},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {"bench stream",
                                     NULL,
                                     "Pushes tokens one by one, on one thread, through a stack of blocks, Aaren's and a Transformer's with "
                                     "its cache of keys and values: bytes of\n"
                                     "state; seconds of the processor for all tokens so far, and of the mixers alone, with their "
                                     "projections, in a pass of their own; the median time\n"
                                     "of a token there; the slopes of the logarithms of both times over the last decade of tokens: 1 where "
                                     "a token costs the same everywhere, 2 where it\n"
                                     "costs as much as there were before it.",
                                     "attn bench stream --tokens 1000000 --figures figures",
                                     options,
                                     sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = check(&s);
    return status >= 0 ? status : run(&s);
}
