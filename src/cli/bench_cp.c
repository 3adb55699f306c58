/* attn bench cp: attention over ranks, measured or predicted. */
#include "cli/bench_cp.h"
#include "cli/cli.h"
#include "cli/ranks.h"
#include "dist/cp/quantity.h"

#include <string.h>

static int choose_mechanisms(struct attn_bench_cp *b) {
    static char text[256];
    struct attn_words words;
    if (!b->mechanism) {
        for (int m = 0; m < ATTN_CP_MECHANISMS; m++) b->wanted[m] = true;
        return -1;
    }
    snprintf(text, sizeof text, "%s", b->mechanism);
    if (!attn_words_split(text, ',', &words)) words.count = 0;
    for (int i = 0; i < words.count; i++) {
        const int m = attn_mechanism_find(words.item[i]);
        if (m < 0)
            return attn_complain("bench cp: --mechanism %s: expected ulysses, ring, allgather, usp, loongtrain or hybrid", words.item[i]);
        b->wanted[m] = true;
    }
    return words.count > 0 ? -1 : attn_complain("bench cp: --mechanism %s: expected a list of mechanisms", b->mechanism);
}

static int choose_passes(struct attn_bench_cp *b) {
    static char text[64];
    struct attn_words words;
    snprintf(text, sizeof text, "%s", b->pass);
    if (!attn_words_split(text, ',', &words)) words.count = 0;
    for (int i = 0; i < words.count; i++) {
        if (strcmp(words.item[i], "fwd") != 0 && strcmp(words.item[i], "bwd") != 0)
            return attn_complain("bench cp: --pass %s: expected fwd, bwd or fwd,bwd", b->pass);
        b->backward = b->backward || words.item[i][0] == 'b';
    }
    return words.count > 0 ? -1 : attn_complain("bench cp: --pass %s: expected fwd, bwd or fwd,bwd", b->pass);
}

static int add_count(struct attn_bench_cp *b, int64_t ranks) {
    if (ranks < 1 || ranks > 1 << 20) return attn_complain("bench cp: --ranks %s: expected numbers from 1 to 1M", b->ranks);
    if (b->rank_count == ATTN_CP_RANK_COUNTS) return attn_complain("bench cp: --ranks %s: expected at most 64 numbers", b->ranks);
    b->rank[b->rank_count++] = (int)ranks;
    return -1;
}

/* "8,16,96", or "8..96": doubled from the first, and the last. */
static int choose_ranks(struct attn_bench_cp *b) {
    static char text[512];
    struct attn_words words;
    snprintf(text, sizeof text, "%s", b->ranks);
    if (!attn_words_split(text, ',', &words)) return attn_complain("bench cp: --ranks %s: expected at most 64 numbers", b->ranks);
    for (int i = 0; i < words.count; i++) {
        char word[128], *dots;
        int64_t first, last;
        snprintf(word, sizeof word, "%s", words.item[i]);
        dots = strstr(word, "..");
        if (dots) *dots = '\0';
        if (!attn_integer_parse(word, &first) || !attn_integer_parse(dots ? dots + 2 : word, &last) || last < first)
            return attn_complain("bench cp: --ranks %s: expected numbers, or two with .. between: 8..96", b->ranks);
        int status = -1;
        for (int64_t ranks = first; ranks < last && ranks > 0 && status < 0; ranks *= 2) status = add_count(b, ranks);
        if (status < 0) status = add_count(b, last);
        if (status >= 0) return status;
    }
    return -1;
}

static int choose_machine(struct attn_bench_cp *b) {
    attn_status status = ATTN_OK;
    attn_topology_usual(&b->machine.topology);
    if (b->topology) status = attn_topology_read(b->ctx, b->topology, &b->machine.topology);
    if (!status && b->rates) status = attn_rates_read(b->ctx, b->rates, &b->table);
    if (status) return attn_complain_status(b->ctx, status);
    double *memory = &b->machine.topology.memory;
    if (b->memory && (!attn_quantity_parse(ATTN_QUANTITY_BYTES, b->memory, memory) || !(*memory > 0)))
        return attn_complain("bench cp: --memory-per-rank %s: expected a number above 0 in %s", b->memory,
                             attn_quantity_units(ATTN_QUANTITY_BYTES));
    return -1;
}

static int choose_masks(struct attn_bench_cp *b) {
    static char text[65536];
    if (!attn_words_and(&b->mask, text, sizeof text)) return attn_complain("bench cp: --mask is too long");
    if (b->mask.count == 0) strcpy(text, "causal");
    return attn_words_split(text, ';', &b->names) ? -1 : attn_complain("bench cp: --mask: more than %d masks", ATTN_OPTION_VALUES);
}

/* What is left open: the benchmark's protocol has 64 query and 8 key/value heads of 128, bfloat16. */
static void fill_in(struct attn_bench_cp *b) {
    if (b->heads == 0) b->heads = b->protocol ? 64 : 8;
    if (b->kv_heads == 0) b->kv_heads = b->protocol ? 8 : b->heads % 2 ? b->heads : attn_max64(b->heads / 4, 2);
    if (b->dim == 0) b->dim = b->protocol ? 128 : 64;
    if (!b->dtype) b->dtype = b->protocol ? "bf16" : "f32";
    if (!b->ranks) b->ranks = "8..96";
}

/* What would do nothing is refused. */
static int check_together(const struct attn_bench_cp *b) {
    const bool predicted = b->simulate || b->choose || b->protocol;
    if (predicted && (b->local_ranks || b->delay))
        return attn_complain("bench cp: --local-ranks and --delay are of what is measured; expected neither with --simulate, --choose or "
                             "--protocol");
    if (b->local_ranks && attn_cli_ranks())
        return attn_complain("bench cp: --local-ranks %lld and %d processes; expected one of both", (long long)b->local_ranks,
                             attn_cli_ranks()->count);
    if (b->ranks && !predicted) return attn_complain("bench cp: --ranks %s goes with --simulate, --choose or --protocol", b->ranks);
    if (b->figures && !b->protocol) return attn_complain("bench cp: --figures %s goes with --protocol", b->figures);
    if (b->protocol && (b->len || b->mask.count))
        return attn_complain("bench cp: --protocol has its masks, and its lengths by --tokens-per-rank; expected neither --mask nor --len");
    return -1;
}

static int resolve(struct attn_bench_cp *b) {
    const int how = attn_sharding_find(b->sharding);
    int status = check_together(b);
    fill_in(b);
    if (status < 0) status = attn_bench_heads("bench cp", b->heads, b->kv_heads);
    if (status < 0) status = attn_bench_dtype("bench cp", b->dtype, &b->type);
    if (status < 0 && b->type == ATTN_F64) status = attn_complain("bench cp: --dtype f64: expected f32, bf16 or f16");
    if (status < 0 && how < 0)
        status = attn_complain("bench cp: --sharding %s: expected contiguous, zigzag, stripe or minheap", b->sharding);
    if (status < 0 && b->simulate + b->choose + (b->protocol != NULL) + (b->measure != NULL) > 1)
        status = attn_complain("bench cp: expected one of --simulate, --choose, --protocol and --measure");
    if (status < 0 && b->measure && !attn_cli_ranks_machine())
        status = attn_complain("bench cp: --measure is of the processes of mpirun: mpirun -n 2 attn-mpi bench cp --measure %s", b->measure);
    if (status < 0 && b->protocol && strcmp(b->protocol, "longca") != 0)
        status = attn_complain("bench cp: --protocol %s: expected longca", b->protocol);
    b->how = (enum attn_sharding)how;
    if (status < 0) status = choose_mechanisms(b);
    if (status < 0) status = choose_passes(b);
    if (status < 0) status = choose_ranks(b);
    if (status < 0) status = choose_masks(b);
    return status;
}

/* What is measured is read as any other topology is. */
static int measure_machine(struct attn_bench_cp *b) {
    attn_problem p;
    attn_status status = attn_bench_cp_problem(b, b->len ? b->len : b->tokens_per_rank, &p);
    if (!status) status = attn_cli_ranks_machine()(b->ctx, &p, b->measure);
    if (status) return attn_complain_status(b->ctx, status);
    const int processes = attn_cli_ranks() ? attn_cli_ranks()->count : 1;
    printf("%s: the machine of %d process%s\n", b->measure, processes, processes == 1 ? "" : "es");
    return ATTN_EXIT_DONE;
}

static int run(struct attn_bench_cp *b) {
    int status = resolve(b);
    if (status >= 0) return status;
    if (!b->measure && !attn_bench_output_init(&b->out, b->json, b->csv, attn_bench_cp_columns, attn_bench_cp_column_count))
        return ATTN_EXIT_USAGE;
    b->ctx = attn_cli_context((int)b->threads, &status);
    if (!b->ctx) return status;
    attn_stop_catch();
    status = choose_machine(b);
    if (status < 0)
        status = b->measure    ? measure_machine(b)
                 : b->simulate ? attn_bench_cp_simulate(b)
                 : b->choose   ? attn_bench_cp_choose(b)
                 : b->protocol ? attn_bench_cp_protocol(b)
                               : attn_bench_cp_measure(b);
    attn_rates_close(&b->table);
    attn_ctx_destroy(b->ctx);
    return status;
}

static const char summary[] =
    "Attention over ranks (context parallelism), forward and backward. Measured, on ranks that are threads (--local-ranks) or the\n"
    "processes of mpirun (attn-mpi): checked against one rank, then the time of the slowest rank, what of it is arithmetic, what messages\n"
    "take alone and how much of that is hidden, bytes counted and by formula, beside what the cost model says. --simulate predicts by\n"
    "schedules alone, on a cluster that --topology describes; --choose ranks mechanisms, grids and shardings; --protocol longca is the\n"
    "Long-Context Attention Benchmark's experiment, predicted: 8K tokens a rank, means over --masks drawn masks.";

int attn_cmd_bench_cp(int argc, char **argv) {
    static struct attn_bench_cp b = {.sharding = "zigzag",
                                     .pass = "fwd,bwd",
                                     .tokens_per_rank = 8192,
                                     .exchanges = 1,
                                     .threads = 1,
                                     .repeat = 15,
                                     .masks = 30,
                                     .seed = 42,
                                     .capacity = 8192};
    const struct attn_option options[] = {
        {"mechanism", ATTN_OPTION_TEXT, &b.mechanism, "LIST", "ulysses, ring, allgather, usp, loongtrain, hybrid (default all)", 0, 0},
        {"mask", ATTN_OPTION_WORDS, &b.mask, "SPEC",
         "a mask, or several with ';' between; repeated: and; also full_document_long, causal_document_long (default causal)", 0, 0},
        {"len", ATTN_OPTION_INTEGER, &b.len, "T", "tokens of all ranks (default 16K; predicted: --tokens-per-rank)", 1, INT32_MAX},
        {"heads", ATTN_OPTION_INTEGER, &b.heads, "H", "query heads (default 8; --protocol 64)", 1, 4096},
        {"kv-heads", ATTN_OPTION_INTEGER, &b.kv_heads, "G", "key/value heads (default 2; --protocol 8)", 1, 4096},
        {"dim", ATTN_OPTION_INTEGER, &b.dim, "D", "head size (default 64; --protocol 128)", 1, 4096},
        {"dtype", ATTN_OPTION_TEXT, &b.dtype, "TYPE", "f32 (default), bf16 (of --protocol), f16", 0, 0},
        {"sharding", ATTN_OPTION_TEXT, &b.sharding, "NAME", "contiguous, zigzag (default), stripe, minheap", 0, 0},
        {"ulysses", ATTN_OPTION_INTEGER, &b.ulysses, "U", "usp, loongtrain: ranks that exchange heads (default: up to 8)", 1, 4096},
        {"windows", ATTN_OPTION_INTEGER, &b.windows, "W", "loongtrain: windows of the ring (default: up to its root)", 1, 4096},
        {"exchanges", ATTN_OPTION_INTEGER, &b.exchanges, "C", "heads are exchanged in C pieces, one while another is computed (default 1)",
         1, 4096},
        {"capacity", ATTN_OPTION_INTEGER, &b.capacity, "N", "hybrid: tokens of a document that one rank takes alone (default 8192)", 1,
         INT32_MAX},
        {"sparse", ATTN_OPTION_FLAG, &b.sparse, NULL, "keys that no rank further on needs are not passed on", 0, 0},
        {"exchange-again", ATTN_OPTION_FLAG, &b.exchange_again, NULL, "backward keeps nothing of forward's exchange", 0, 0},
        {"pass", ATTN_OPTION_TEXT, &b.pass, "LIST", "fwd, bwd (default both)", 0, 0},
        {"local-ranks", ATTN_OPTION_INTEGER, &b.local_ranks, "N", "measure on N threads as ranks", 1, 256},
        {"delay", ATTN_OPTION_TEXT, &b.delay, "L,B", "their messages take latency L and go at bandwidth B: 50us,1GB/s", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &b.threads, "N", "of a rank (default 1)", 1, 4096},
        {"repeat", ATTN_OPTION_INTEGER, &b.repeat, "N", "timed runs; the median counts (default 15)", 1, ATTN_CP_REPEATS},
        {"simulate", ATTN_OPTION_FLAG, &b.simulate, NULL, "predict for --ranks", 0, 0},
        {"choose", ATTN_OPTION_FLAG, &b.choose, NULL, "predict every mechanism, grid and sharding, the fastest first", 0, 0},
        {"protocol", ATTN_OPTION_TEXT, &b.protocol, "NAME", "longca: predict the Long-Context Attention Benchmark's experiment", 0, 0},
        {"ranks", ATTN_OPTION_TEXT, &b.ranks, "LIST", "numbers of ranks to predict for: 8,16,96 or doubled, 8..100000 (default 8..96)", 0,
         0},
        {"tokens-per-rank", ATTN_OPTION_INTEGER, &b.tokens_per_rank, "N", "where --len is not given (default 8K)", 1, INT32_MAX},
        {"topology", ATTN_OPTION_TEXT, &b.topology, "FILE",
         "the cluster: nodes, latencies, bandwidths, memory (attn(1); default: 8 ranks a node)", 0, 0},
        {"measure", ATTN_OPTION_TEXT, &b.measure, "FILE",
         "attn-mpi: measure messages and kernels of the processes, and write FILE for --topology", 0, 0},
        {"rates", ATTN_OPTION_TEXT, &b.rates, "FILE", "CSV of kernel seconds: pass,mask,len,dim,seconds, or of bench kernels", 0, 0},
        {"tflops", ATTN_OPTION_REAL, &b.tflops, "X", "one rate of a rank instead (default: the planner's for this processor)", 0, 1e9},
        {"memory-per-rank", ATTN_OPTION_TEXT, &b.memory, "SIZE", "80GiB: what needs more does not fit", 0, 0},
        {"masks", ATTN_OPTION_INTEGER, &b.masks, "N", "--protocol: drawn masks (default 30)", 1, 10000},
        {"figures", ATTN_OPTION_TEXT, &b.figures, "DIR", "--protocol: write MASK.svg, drawn by gnuplot, and MASK.csv", 0, 0},
        {"seed", ATTN_OPTION_INTEGER, &b.seed, "N", "of data and documents (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &b.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &b.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench cp", NULL,
        summary,    "attn bench cp --simulate --ranks 8..1024 --mechanism ring,usp --mask causal --tflops 400 --dtype bf16",
        options,    sizeof options / sizeof options[0]};
    const int status = attn_options_parse(&usage, argc, argv, NULL);
    return status >= 0 ? status : run(&b);
}
