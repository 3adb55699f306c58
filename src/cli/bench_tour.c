/* attn bench tour: hulls, triangulations and tours a second. */
#include "bench/tour.h"

#include "bench/statistics.h"
#include "cli/bench_rows.h"
#include "cli/cli.h"
#include "system/pointer/qhull.h"

#include <math.h>
#include <string.h>

static const struct attn_column columns[] = {
    {"case", "case", 25, 0, 0},
    {"points", "points", 7, 0, 0},
    {"instances_per_second", "a second", 10, 1, 0},
    {"seconds_median", "us each", 11, 2, 1e-6},
    {"seconds_p20", "p20", 11, 2, 1e-6},
    {"seconds_p80", "p80", 11, 2, 1e-6},
    {"scratch_bytes", "KiB", 9, 1, 1024},
    {"mean", "mean", 9, 3, 0},
    {"answer", "of", 9, 0, 0},
    {"status", "status", 6, 0, 0},
};

struct suite {
    struct attn_integers points;
    int64_t repeat, seed;
    double seconds;
    bool json, csv;
    const struct attn_tour_method *chosen[ATTN_OPTION_VALUES];
    int count;
    struct attn_bench_output out;
};

static void print(struct suite *s, const struct attn_tour_case *c, bool valid, double mean, double *each) {
    struct attn_record r = {.count = 0};
    const int repeats = (int)s->repeat;
    if (valid) attn_sort(each, repeats);
    const double median = valid ? attn_quantile(each, repeats, 0.5) : (double)NAN;
    attn_record_text(&r, "case", c->method->name);
    attn_record_integer(&r, "points", c->n);
    attn_record_integer(&r, "instances", c->instances);
    attn_record_integer(&r, "repeats", repeats);
    attn_record_real(&r, "instances_per_second", 1 / median);
    attn_record_real(&r, "seconds_median", median);
    attn_record_real(&r, "seconds_p20", valid ? attn_quantile(each, repeats, 0.2) : (double)NAN);
    attn_record_real(&r, "seconds_p80", valid ? attn_quantile(each, repeats, 0.8) : (double)NAN);
    attn_record_real(&r, "scratch_bytes", c->method->scratch ? (double)c->scratch_bytes : (double)NAN);
    attn_record_real(&r, "mean", mean);
    attn_record_text(&r, "answer", c->method->answer);
    attn_record_text(&r, "status", valid ? ATTN_STATUS_OK : ATTN_STATUS_WRONG);
    attn_record_integer(&r, "seed", s->seed);
    attn_record_text(&r, "cpu", s->out.cpu);
    attn_record_text(&r, "compiler", s->out.compiler);
    attn_record_text(&r, "version", s->out.version);
    attn_report_row(&s->out.report, &r);
    if (valid) return;
    s->out.surprised = true;
    attn_complain("bench tour: %s: an answer for %lld points is none; its time does not count", c->method->name, (long long)c->n);
}

static attn_status measure(struct suite *s, struct attn_tour_case *c) {
    double each[ATTN_REPEATS], mean;
    int64_t next = 0;
    bool valid;
    attn_status status = attn_tour_case_check(c, attn_stop_asked, &valid, &mean);
    for (int i = 0; i < s->repeat && valid && status == ATTN_OK && !attn_stop_asked(); i++)
        status = attn_tour_case_time(c, s->seconds / (double)s->repeat, &next, &each[i]);
    if (status == ATTN_OK && !attn_stop_asked()) print(s, c, valid, mean, each);
    return status;
}

static int run(struct suite *s) {
    int status = -1;
    attn_ctx *ctx = attn_cli_context(1, &status);
    if (ctx == NULL) return status;
    attn_stop_catch();
    for (int i = 0; i < s->count && status < 0; i++)
        for (int k = 0; k < s->points.count && status < 0 && !attn_stop_asked(); k++) {
            const struct attn_tour_method *method = s->chosen[i];
            const int64_t n = s->points.item[k];
            struct attn_tour_case c;
            if (n < method->least || n > method->most) continue;
            attn_progress(method->name);
            attn_status done = attn_tour_case_open(&c, ctx, method, n, (uint64_t)s->seed);
            attn_progress(NULL);
            if (done == ATTN_OK) done = measure(s, &c);
            attn_tour_case_close(&c);
            if (done != ATTN_OK) status = attn_complain_status(ctx, done);
        }
    attn_ctx_destroy(ctx);
    if (status >= 0) return status;
    return attn_stop_asked() ? ATTN_EXIT_STOPPED : s->out.surprised ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

/* NULL: all, but Qhull's where this build is without it. */
static int choose(struct suite *s, char *list) {
    const char *names[ATTN_OPTION_VALUES];
    struct attn_words words;
    for (int i = 0; i < attn_tour_method_count; i++) {
        names[i] = attn_tour_methods[i].name;
        if (list == NULL && (attn_qhull_built() || strstr(names[i], "qhull") == NULL)) s->chosen[s->count++] = &attn_tour_methods[i];
    }
    if (list == NULL) return -1;
    if (!attn_words_split(list, ',', &words)) return attn_complain("bench tour: --case: more than %d names", ATTN_OPTION_VALUES);
    for (int w = 0; w < words.count; w++) {
        int found = 0;
        while (found < attn_tour_method_count && strcmp(names[found], words.item[w]) != 0) found++;
        const char *nearest = attn_nearest(words.item[w], names, attn_tour_method_count);
        if (found == attn_tour_method_count)
            return attn_complain("bench tour: --case: there is no case '%s'%s%s%s", words.item[w], nearest ? "; did you mean '" : "",
                                 nearest ? nearest : "", nearest ? "'?" : "");
        s->chosen[s->count++] = &attn_tour_methods[found];
    }
    return -1;
}

int attn_cmd_bench_tour(int argc, char **argv) {
    struct suite s = {.points = {{5, 10, 20, 50}, 4}, .repeat = 9, .seed = 42, .seconds = 0.3};
    char *cases = NULL;
    const struct attn_option options[] = {
        {"case", ATTN_OPTION_TEXT, &cases, "LIST",
         "hull, delaunay (each also with -qhull), exact, search, greedy, nearest, christofides-greedy, -minimum,\n"
         "-minimum-2opt (default all)",
         0, 0},
        {"len", ATTN_OPTION_INTEGERS, &s.points, "LIST", "points of an instance (default 5,10,20,50)", 1, 1 << 20},
        {"repeat", ATTN_OPTION_INTEGER, &s.repeat, "N", "runs; the median counts (default 9)", 1, ATTN_REPEATS},
        {"seconds", ATTN_OPTION_REAL, &s.seconds, "S", "of all runs of a measurement, at least (default 0.3)", 0, 3600},
        {"seed", ATTN_OPTION_INTEGER, &s.seed, "N", "of the points (default 42)", 0, 9e18},
        {"json", ATTN_OPTION_FLAG, &s.json, NULL, "one JSON object a line", 0, 0},
        {"csv", ATTN_OPTION_FLAG, &s.csv, NULL, "comma-separated values with a header", 0, 0},
    };
    const struct attn_usage usage = {
        "bench tour",
        NULL,
        "The answers of the pointer networks' tasks on uniform points, on one thread, each checked before it is timed. exact: Held and\n"
        "Karp, to 20 points; search: iterated local search, 20 n kicks; greedy, nearest, christofides-greedy: the approximations\n"
        "A1, A2, A3 of the paper. Lengths of more points than a case can do are left out. 'KiB' is the memory that it works in.",
        "attn bench tour --case hull,delaunay,exact --len 10,20 --json",
        options,
        sizeof options / sizeof options[0]};
    int status = attn_options_parse(&usage, argc, argv, NULL);
    if (status < 0) status = choose(&s, cases);
    if (status >= 0) return status;
    if (!attn_bench_output_init(&s.out, s.json, s.csv, columns, sizeof columns / sizeof columns[0])) return ATTN_EXIT_USAGE;
    attn_predict("bench tour", s.count * s.points.count, s.count * s.points.count * (s.seconds + 0.5));
    return run(&s);
}
