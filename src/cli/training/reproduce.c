/* attn reproduce: the claims and tables of papers, measured here. */
#define _DEFAULT_SOURCE /* getloadavg */

#include "base/cpu.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/training/charts.h"
#include "cli/training/paper_tables.h"
#include "cli/training/training.h"
#include "system/systems.h"
#include "train/reproduce.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct attn_column claim_columns[] = {
    {"claim", "claim", 38, 0, 0}, {"threshold", "wanted", 8, 3, 0}, {"measured", "measured", 8, 3, 0}, {"low", "95% from", 8, 3, 0},
    {"high", "to", 8, 3, 0},      {"seeds", "seeds", 5, 0, 0},      {"verdict", "verdict", 24, 0, 0},  {"expected", "expected", 0, 0, 0},
};
static const struct attn_column arm_columns[] = {
    {"arm", "arm", 24, 0, 0},        {"parameters", "parameters", 10, 0, 0},
    {"mean", "mean", 8, 3, 0},       {"low", "95% from", 8, 3, 0},
    {"high", "to", 8, 3, 0},         {"done", "runs", 5, 0, 0},
    {"seconds", "seconds", 8, 0, 0}, {"best", "best", 0, 0, 0},
};

struct reproduce {
    const char *scale_name, *store;
    int64_t seeds, threads, jobs;
    bool json, csv, strict, dry_run, quiet, trains, claims; /* claims: some system has any at the scale */
    enum attn_scale scale;
    attn_ctx *ctx;
    struct attn_work work;
    int64_t ready, wanted;
    int tested, surprises, unheld;
};

static bool stop_asked(void *user) {
    (void)user;
    return attn_stop_asked();
}

static struct attn_report report_of(const struct reproduce *p, const struct attn_column *columns, int count) {
    return (struct attn_report){.file = stdout,
                                .form = p->json  ? ATTN_FORM_JSON
                                        : p->csv ? ATTN_FORM_CSV
                                                 : ATTN_FORM_TABLE,
                                .columns = columns,
                                .column_count = count};
}

static void say_ready(void *user, int64_t index, const struct attn_run_summary *summary) {
    struct reproduce *p = user;
    char line[200];
    (void)index;
    p->ready++;
    if (summary->state == ATTN_RUN_FAILED) attn_complain("reproduce: %s: %s", summary->id, summary->message);
    snprintf(line, sizeof line, "run %lld of %lld: %.120s", (long long)p->ready, (long long)p->wanted, summary->id);
    if (!p->quiet) attn_progress(line);
}

/* ------------------------------------------------------------------------------------------------------------- tables */

/* Of all experiments: an older program's runs count, and are told. */
static void print_versions(const struct attn_reproduction *r) {
    struct attn_version_count all = {.others = 0};
    for (int i = 0; i < r->count; i++)
        for (int arm = 0; arm < r->experiment[i]->arm_count; arm++) attn_version_count_merge(&all, &r->result[i][arm].versions);
    attn_cli_print_versions(&all);
}

static void print_arms(struct reproduce *p, const struct attn_reproduction *r) {
    for (int i = 0; i < r->count; i++) {
        struct attn_report report = report_of(p, arm_columns, sizeof arm_columns / sizeof arm_columns[0]);
        if (p->csv) continue; /* one table a file: the claims */
        if (!p->json) printf("%s (%s)\n", r->experiment[i]->title, r->experiment[i]->task->figure);
        for (int arm = 0; arm < r->experiment[i]->arm_count; arm++) {
            struct attn_record row;
            attn_reproduction_arm_record(r, i, arm, &row);
            attn_report_row(&report, &row);
        }
        if (!p->json) printf("\n");
    }
}

/* In a table what is not tested is a paragraph at its end: what was measured is not lost among it. */
static void print_untested(const struct attn_reproduction *r, const bool *untested) {
    enum { WIDTH = 100 };
    int count = 0, column = WIDTH;
    for (int i = 0; i < r->system->claim_count; i++) count += untested[i];
    if (count == 0) return;
    printf("not tested at this scale, %d of %d claims:", count, r->system->claim_count);
    for (int i = 0; i < r->system->claim_count; i++) {
        if (!untested[i]) continue;
        const int length = (int)strlen(r->system->claims[i].name) + 2;
        const bool wraps = column + length > WIDTH;
        column = (wraps ? 1 : column) + length;
        printf("%s%s%s", wraps ? "\n  " : " ", r->system->claims[i].name, --count > 0 ? "," : "\n");
    }
}

static attn_status judge_all(struct reproduce *p, const struct attn_reproduction *r) {
    struct attn_report report = report_of(p, claim_columns, sizeof claim_columns / sizeof claim_columns[0]);
    bool *untested = attn_alloc(p->ctx, (size_t)r->system->claim_count * sizeof *untested);
    attn_status status = untested ? ATTN_OK : attn_no_memory(p->ctx, "the claims", (size_t)r->system->claim_count);
    for (int i = 0; i < r->system->claim_count && !status; i++) {
        struct attn_claim_result result;
        status = attn_reproduction_judge(p->ctx, r, i, &result);
        if (status) break;
        const bool tested = result.verdict != ATTN_NOT_TESTED;
        p->tested += tested;
        p->surprises += result.surprise;
        p->unheld += tested && result.verdict != ATTN_HOLDS;
        untested[i] = !tested;
        if (!tested && report.form == ATTN_FORM_TABLE) continue;
        struct attn_record row;
        attn_reproduction_claim_record(r, i, &result, &row);
        attn_report_row(&report, &row);
    }
    if (!status && report.form == ATTN_FORM_TABLE) print_untested(r, untested);
    attn_free(p->ctx, untested);
    return status;
}

/* --------------------------------------------------------------------------------------------------------------- work */

static void print_cost(const struct reproduce *p, const struct attn_reproduction *r, const struct attn_reproduction_cost *cost, int cores) {
    static const struct attn_column columns[] = {{"system", "system", 0, 0, 0},
                                                 {"scale", "scale", 0, 0, 0},
                                                 {"runs", "runs", 0, 0, 0},
                                                 {"missing", "missing", 0, 0, 0},
                                                 {"seconds", "seconds", 0, 0, 0}};
    struct attn_report report = report_of(p, columns, sizeof columns / sizeof columns[0]);
    struct attn_record row = {.count = 0};
    attn_record_text(&row, "record", "cost");
    attn_record_text(&row, "system", r->system->name);
    attn_record_text(&row, "scale", p->scale_name);
    attn_record_integer(&row, "runs", cost->runs);
    attn_record_integer(&row, "missing", cost->missing);
    attn_record_real(&row, "seconds", cost->seconds / cores + cost->alone);
    attn_report_row(&report, &row);
}

/* A scale without runs. */
static void say_checks(const struct reproduce *p, const struct attn_reproduction *r) {
    int checks = 0;
    for (int i = 0; i < r->system->claim_count; i++) checks += r->system->claims[i].at[p->scale].tested;
    printf("%s, %s: %d of %d claims are checked by the program alone; no runs are made or kept\n", r->system->name, p->scale_name, checks,
           r->system->claim_count);
}

static attn_status say_cost(struct reproduce *p, struct attn_reproduction *r, int cores) {
    struct attn_reproduction_cost cost;
    char text[32], load[64] = "";
    const attn_status status = attn_reproduction_cost(p->ctx, r, &p->work, &cost);
    if (status || attn_stop_asked()) return status;
    p->wanted = cost.runs;
    p->ready = 0;
    if ((p->json || p->csv) && p->dry_run) print_cost(p, r, &cost, cores);
    if (p->dry_run && !p->json && !p->csv && cost.runs == 0) say_checks(p, r);
    if (p->json || p->csv || (p->quiet && !p->dry_run) || cost.runs == 0) return ATTN_OK;
    double busy; /* processes that ran or waited to, over the last minute */
    if (cost.missing > 0 && getloadavg(&busy, 1) == 1) snprintf(load, sizeof load, ", measured now, at a load of %.1f", busy);
    printf("%s, %s: %lld runs, of which the store has %lld; the rest takes about %s on %d processors%s\n", r->system->name, p->scale_name,
           (long long)cost.runs, (long long)(cost.runs - cost.missing), attn_cli_duration(cost.seconds / cores + cost.alone, text), cores,
           load);
    fflush(stdout);
    return ATTN_OK;
}

/* Whether any of a system's claims is tested at a scale, by runs or by a check. */
static bool has_claims(const struct attn_system *system, enum attn_scale scale) {
    for (int i = 0; i < system->claim_count; i++)
        if (system->claims[i].at[scale].experiment || system->claims[i].at[scale].tested) return true;
    return false;
}

static void say_scales(const struct reproduce *p, const struct attn_system *system) {
    char scales[64] = "";
    for (int scale = 0; scale < ATTN_SCALES; scale++)
        if (has_claims(system, (enum attn_scale)scale))
            attn_append(scales, sizeof scales, "%s%s", scales[0] ? ", " : "", attn_scale_names[scale]);
    attn_complain("reproduce: %s has no claims at scale %s; it has %s", system->name, p->scale_name, scales[0] ? scales : "none");
}

static attn_status reproduce_system(struct reproduce *p, const struct attn_system *system) {
    struct attn_reproduction r;
    struct attn_work_count count = {0, 0, 0};
    const int cores = p->threads > 0 ? (int)p->threads : attn_cpu_count(), jobs = p->jobs > 0 ? (int)p->jobs : cores;
    if (!has_claims(system, p->scale)) {
        say_scales(p, system);
        return ATTN_OK;
    }
    p->claims = true;
    attn_status status = attn_reproduction_open(p->ctx, system, p->scale, (int)p->seeds, &r);
    p->trains = p->trains || r.count > 0;
    if (!status && r.missing[0]) attn_complain("reproduce: %s: the claims on these data are not tested", r.missing);
    if (!status) status = say_cost(p, &r, cores);
    if (!status && !p->dry_run)
        status = attn_reproduction_train(p->ctx, &r, &p->work, jobs, cores / jobs > 0 ? cores / jobs : 1, say_ready, p, &count);
    attn_progress(NULL);
    if (!status && !attn_stop_asked() && (count.failed > 0 || count.left > 0))
        attn_complain("reproduce: %lld runs failed and %lld were not brought to their end: what needs them is inconclusive",
                      (long long)count.failed, (long long)count.left);
    if (!status && !p->dry_run && !attn_stop_asked()) {
        status = attn_reproduction_read_store(p->ctx, &r, p->work.store);
        if (!status) print_arms(p, &r);
        if (!status) status = judge_all(p, &r);
        if (!status) status = attn_cli_print_charts(p->ctx, &r, report_of(p, NULL, 0).form);
        if (!status) attn_cli_print_paper_tables(&r, report_of(p, NULL, 0).form);
        if (!status && !p->json && !p->csv) print_versions(&r);
    }
    attn_reproduction_close(p->ctx, &r);
    return status;
}

static const struct attn_system *system_named(const char *name) {
    const char *names[64];
    for (int i = 0; i < attn_system_count; i++) {
        if (strcmp(attn_systems[i]->name, name) == 0) return attn_systems[i];
        names[i] = attn_systems[i]->name;
    }
    const char *nearest = attn_nearest(name, names, attn_system_count);
    attn_complain("reproduce: there is no system '%s'%s%s%s", name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?" : "");
    return NULL;
}

static int run(struct reproduce *p, const struct attn_words *words) {
    const struct attn_system *chosen[64];
    int count = 0, status = ATTN_EXIT_DONE;
    for (int i = 0; i < words->count; i++)
        if (!(chosen[count++] = system_named(words->item[i]))) return ATTN_EXIT_USAGE;
    for (int i = 0; i < attn_system_count && words->count == 0; i++) chosen[count++] = attn_systems[i];
    while (attn_scale_names[p->scale] && strcmp(attn_scale_names[p->scale], p->scale_name) != 0) p->scale++;
    if (!attn_scale_names[p->scale])
        return attn_complain("reproduce: --scale %s: expected smoke, quick, full, night or paper", p->scale_name);
    p->ctx = attn_cli_context(1, &status); /* processes do the work: no thread of this one may run a loop before they are made */
    if (!p->ctx) return status;
    attn_stop_catch();
    p->work = (struct attn_work){.store = attn_cli_store(p->store), .options = {.checkpoint_seconds = 60, .stop = stop_asked, .user = p}};
    attn_status done = ATTN_OK;
    for (int i = 0; i < count && !done && !attn_stop_asked(); i++) done = reproduce_system(p, chosen[i]);
    status = done ? attn_complain_status(p->ctx, done) : ATTN_EXIT_DONE;
    attn_ctx_destroy(p->ctx);
    if (done) return status;
    if (attn_stop_asked()) return ATTN_EXIT_STOPPED;
    if (p->trains && !p->dry_run && !p->json && !p->csv && !p->quiet)
        printf("\nattn report --store %s writes a page with these claims and their figures\n", p->work.store);
    if (!p->claims) return ATTN_EXIT_USAGE; /* it has been said */
    if (p->tested == 0 && !p->dry_run) return attn_complain("reproduce: no claim is tested at scale %s", p->scale_name);
    return p->surprises > 0 || (p->strict && p->unheld > 0) ? ATTN_EXIT_SURPRISE : ATTN_EXIT_DONE;
}

int attn_cmd_reproduce(int argc, char **argv) {
    struct reproduce p = {.scale_name = "quick"};
    struct attn_words words = {.count = 0};
    const struct attn_option options[] = {
        {"scale", ATTN_OPTION_TEXT, &p.scale_name, "SCALE", "smoke, quick (default), full, night or paper", 0, 0},
        {"seeds", ATTN_OPTION_INTEGER, &p.seeds, "N", "seeds of every arm; default: the experiment's own", 1, ATTN_CLAIM_SEEDS},
        {"strict", ATTN_OPTION_FLAG, &p.strict, NULL, "exit 1 unless every claim holds", 0, 0},
        {"dry-run", ATTN_OPTION_FLAG, &p.dry_run, NULL, "print what it would cost, and stop", 0, 0},
        {"store", ATTN_OPTION_TEXT, &p.store, "DIR", "where runs are; default: ATTN_RUNS, else runs", 0, 0},
        {"threads", ATTN_OPTION_INTEGER, &p.threads, "N", "processors to use; default: all", 1, 4096},
        {"jobs", ATTN_OPTION_INTEGER, &p.jobs, "N", "runs at once; default: one a processor", 1, 256},
        {"quiet", ATTN_OPTION_FLAG, &p.quiet, NULL, "no progress", 0, 0},
        {"json", ATTN_OPTION_FLAG, &p.json, NULL, "one JSON object an arm, a claim, a measured cell of a table and a point of a chart", 0,
         0},
        {"csv", ATTN_OPTION_FLAG, &p.csv, NULL, "the claims as CSV", 0, 0},
    };
    const struct attn_usage usage = {
        "reproduce",
        "[SYSTEM...]",
        "Trains or measures what the claims of papers need, says of each whether it holds here, and prints the papers' "
        "tables with what was measured beside them. Runs that the store "
        "has are not trained again, so that "
        "a stopped command goes on. Exit 0: every verdict is the expected one; 1: a surprise.",
        "attn reproduce zoology --scale quick",
        options,
        sizeof options / sizeof options[0]};
    const int status = attn_options_parse(&usage, argc, argv, &words);
    return status >= 0 ? status : run(&p, &words);
}
