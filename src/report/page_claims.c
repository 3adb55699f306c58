/* The claims of papers: for each system and scale of which there are runs, what became of each claim, as `attn reproduce` judges it. */
#include "report/html.h"
#include "report/page_claims.h"
#include "system/systems.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct attn_claim *claim_at(const struct attn_page_scale *s, int index) {
    return &s->r->system->claims[index];
}

/* ----------------------------------------------------------------------------------------------------------- cells */

static void begin_cell(FILE *f, const char *head, bool number) {
    fprintf(f, "<td role=\"cell\" data-head=\"%s\"%s>", head, number ? " class=\"n\"" : "");
}

/* A cell that says nothing, which cards on a narrow screen leave out. */
static void put_none(FILE *f, const char *head) {
    fprintf(f, "<td role=\"cell\" data-head=\"%s\" class=\"n none\">–</td>", head);
}

static void put_sentence(FILE *f, const struct attn_claim *claim) {
    fputs("<th scope=\"row\" role=\"rowheader\">", f);
    attn_html_text(f, claim->sentence);
    fputs("<br/><span class=\"soft\">", f);
    attn_html_text(f, claim->place);
    fputs("; ", f);
    attn_html_text(f, claim->name);
    fputs("</span></th>", f);
}

/* "loss_hits of BaseConv - loss_hits of attention". */
static void put_sum(FILE *f, const struct attn_claim *claim, const struct attn_claim_term *first) {
    for (const struct attn_claim_term *t = first; t->arm; t++) {
        const char *figure = t->figure ? t->figure : claim->figure;
        if (t != first || t->weight < 0) fputs(t->weight < 0 ? " − " : " + ", f);
        if (fabs(t->weight) != 1) fprintf(f, "%g × ", fabs(t->weight));
        if (figure) attn_html_text(f, figure);
        fputs(figure ? " of " : "", f);
        attn_html_text(f, t->arm);
    }
}

static void put_arms(FILE *f, const struct attn_claim *claim) {
    begin_cell(f, "arms", false);
    for (int i = 0; claim->kind == ATTN_CLAIM_SUMS && claim->sums[i]; i++) {
        fputs(i > 0 ? "; " : "", f);
        put_sum(f, claim, claim->sums[i]);
    }
    for (int i = 0; claim->kind != ATTN_CLAIM_SUMS && attn_claim_arm(claim, i); i++) {
        fputs(i > 0 ? ", " : "", f);
        attn_html_text(f, attn_claim_arm(claim, i));
    }
    fputs(claim->kind == ATTN_CLAIM_CHECK ? "a check without training</td>" : "</td>", f);
}

/* "more than 0.3 above all others", "less than 0.05 below the one before". */
static void put_difference(FILE *f, const char *which, double by, bool lower, const char *others) {
    fprintf(f, "%s %s than %g %s %s", which, by < 0 ? "less" : "more", fabs(by), lower == (by < 0) ? "above" : "below", others);
}

static void put_wanted(FILE *f, const struct attn_page_scale *s, int index) {
    const struct attn_claim *claim = claim_at(s, index);
    const struct attn_experiment *e = claim->at[s->r->scale].experiment;
    const bool lower = e && attn_claim_lower(claim, e);
    const double t = claim->threshold;
    begin_cell(f, "wanted", false);
    switch (claim->kind) {
    case ATTN_CLAIM_AT_LEAST:
        fprintf(f, "each arm at least %g", t);
        break;
    case ATTN_CLAIM_AT_MOST:
        fprintf(f, "each arm at most %g", -t);
        break;
    case ATTN_CLAIM_ABOVE:
        put_difference(f, "the first arm", t, lower, "all others");
        break;
    case ATTN_CLAIM_RISING:
        put_difference(f, "each arm", t, lower, "the one before");
        break;
    case ATTN_CLAIM_SUMS:
        fprintf(f, "%smore than %g", claim->sums[1] ? "each " : "", t);
        break;
    case ATTN_CLAIM_CHECK:
        fprintf(f, "at least %g", t);
        break;
    }
    if (claim->figure && claim->kind != ATTN_CLAIM_SUMS) {
        fputs(", of ", f);
        attn_html_text(f, claim->figure);
    }
    fputs("</td>", f);
}

/* The claim's number as the reader expects it: of a bound from above the greatest figure, not minus it. */
static void put_measured(FILE *f, const struct attn_claim *claim, const struct attn_interval *i) {
    static const char *const what[] = {"least ", "greatest ", "difference ", "least step ", "least ", ""};
    const double sign = claim->kind == ATTN_CLAIM_AT_MOST ? -1 : 1;
    const bool known = i->count > 0 && !isnan(i->mean);
    if (known) {
        begin_cell(f, "measured", true);
        fprintf(f, "<span class=\"soft\">%s</span>", what[claim->kind]);
        attn_html_real(f, sign * i->mean, ATTN_PAGE_DIGITS);
        fputs("</td>", f);
    } else {
        put_none(f, "measured");
    }
    if (known && i->count > 1) {
        begin_cell(f, "95% interval", true);
        attn_html_real(f, fmin(sign * i->low, sign * i->high), ATTN_PAGE_DIGITS);
        fputs(" to ", f);
        attn_html_real(f, fmax(sign * i->low, sign * i->high), ATTN_PAGE_DIGITS);
        fputs("</td>", f);
    } else {
        put_none(f, "95% interval");
    }
}

static void put_seeds(FILE *f, const struct attn_claim *claim, const struct attn_interval *i) {
    if (claim->kind == ATTN_CLAIM_CHECK) {
        put_none(f, "seeds");
        return;
    }
    begin_cell(f, "seeds", true);
    fprintf(f, "%lld</td>", (long long)i->count);
}

/* What is known of a claim's arms together. */
struct arms {
    int64_t least, greatest; /* parameters; 0: none are known */
    int64_t runs, done, failed;
};

static struct arms arms_of(const struct attn_page_scale *s, int index) {
    struct arms out = {0, 0, 0, 0, 0};
    int experiment, arm;
    for (int i = 0; attn_reproduction_arm(s->r, claim_at(s, index), i, &experiment, &arm); i++) {
        const struct attn_arm_result *a = &s->r->result[experiment][arm];
        out.least = out.least > 0 && (a->parameters == 0 || out.least < a->parameters) ? out.least : a->parameters;
        out.greatest = attn_max64(out.greatest, a->parameters);
        out.runs += a->runs;
        out.done += a->done;
        out.failed += a->failed;
    }
    return out;
}

static void put_parameters(FILE *f, const struct arms *a) {
    if (a->greatest == 0) {
        put_none(f, "parameters");
        return;
    }
    begin_cell(f, "parameters", true);
    attn_html_whole(f, a->least);
    if (a->greatest > a->least) {
        fputs(" to ", f);
        attn_html_whole(f, a->greatest);
    }
    fputs("</td>", f);
}

/* "of 9 runs 1 failed and 2 are missing"; nothing where all are done. */
static void put_undone(FILE *f, const char *before, int64_t runs, int64_t done, int64_t failed) {
    const int64_t missing = runs - done - failed;
    if (runs == done) return;
    fprintf(f, "%sof %lld run%s ", before, (long long)runs, runs == 1 ? "" : "s");
    if (failed > 0) fprintf(f, "%lld failed%s", (long long)failed, missing > 0 ? " and " : "");
    if (missing > 0)
        fprintf(f, "%lld %s missing or not at %s end", (long long)missing, missing == 1 ? "is" : "are", missing == 1 ? "its" : "their");
}

static void put_verdict(FILE *f, const struct attn_page_scale *s, int index, const struct arms *arms) {
    const struct attn_claim_result *result = &s->result[index];
    const struct attn_claim_scale *at = &claim_at(s, index)->at[s->r->scale];
    begin_cell(f, "verdict", false);
    fprintf(f, "<strong>%s</strong>", attn_verdict_names[result->verdict]);
    put_undone(f, ": ", arms->runs, arms->done, arms->failed);
    fputs("</td>", f);
    begin_cell(f, "expected", false);
    if (result->surprise)
        fprintf(f, "<strong>surprise</strong>: %s", attn_verdict_names[at->expected]);
    else
        fputs("as expected", f);
    if (at->reason) {
        fputs(" (", f);
        attn_html_text(f, at->reason);
        fputs(")", f);
    }
    fputs("</td>", f);
}

/* ------------------------------------------------------------------------------------------------------------ table */

static void put_row(FILE *f, const struct attn_page_scale *s, int index) {
    const struct attn_claim *claim = claim_at(s, index);
    const struct arms arms = arms_of(s, index);
    fputs("<tr role=\"row\">", f);
    put_sentence(f, claim);
    put_arms(f, claim);
    put_wanted(f, s, index);
    put_measured(f, claim, &s->result[index].interval);
    put_seeds(f, claim, &s->result[index].interval);
    put_parameters(f, &arms);
    put_verdict(f, s, index, &arms);
    fputs("</tr>\n", f);
}

static void put_table(FILE *f, const struct attn_page_scale *s) {
    static const char *const heads[] = {"claim", "arms",       "wanted",  "measured", "95% interval",
                                        "seeds", "parameters", "verdict", "expected"};
    fprintf(f,
            "<table class=\"claims\" role=\"table\" aria-label=\"Claims of %s at scale %s\">\n<thead role=\"rowgroup\"><tr role=\"row\">",
            s->r->system->name, attn_scale_names[s->r->scale]);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        fprintf(f, "<th scope=\"col\" role=\"columnheader\"%s>%s</th>", i >= 3 && i <= 6 ? " class=\"n\"" : "", heads[i]);
    fputs("</tr></thead>\n<tbody role=\"rowgroup\">\n", f);
    for (int i = 0; i < s->r->system->claim_count; i++)
        if (s->result[i].verdict != ATTN_NOT_TESTED) put_row(f, s, i);
    fputs("</tbody>\n</table>\n", f);
}

static void put_untested(FILE *f, const struct attn_page_scale *s) {
    bool any = false;
    for (int i = 0; i < s->r->system->claim_count; i++) {
        if (s->result[i].verdict != ATTN_NOT_TESTED) continue;
        fputs(any ? "; " : "<p>Not tested at this scale: ", f);
        attn_html_text(f, claim_at(s, i)->name);
        fputs(" <span class=\"soft\">“", f);
        attn_html_text(f, claim_at(s, i)->sentence);
        fputs("”</span>", f);
        any = true;
    }
    if (any) fputs(".</p>\n", f);
}

/* Data that an experiment needs and this machine has not. */
static void put_missing(FILE *f, const struct attn_reproduction *r) {
    if (!r->missing[0]) return;
    fputs("<p>Some of them need data: ", f);
    attn_html_text(f, r->missing);
    fputs(".</p>\n", f);
}

static void claims_csv(FILE *file, const void *what) {
    const struct attn_page_scale *s = what;
    for (int i = 0; i < s->r->system->claim_count; i++) {
        struct attn_record record;
        attn_reproduction_claim_record(s->r, i, &s->result[i], &record);
        if (i == 0) attn_csv_line(file, &record, true);
        attn_csv_line(file, &record, false);
    }
}

/* ------------------------------------------------------------------------------------------------------------ scales */

static void put_counts(FILE *f, const struct attn_reproduction *r) {
    int64_t runs = 0, done = 0, failed = 0;
    struct attn_version_count versions = {.others = 0};
    for (int i = 0; i < r->count; i++)
        for (int arm = 0; arm < r->experiment[i]->arm_count; arm++) {
            attn_version_count_merge(&versions, &r->result[i][arm].versions);
            runs += r->result[i][arm].runs;
            done += r->result[i][arm].done;
            failed += r->result[i][arm].failed;
        }
    fputs("<p>", f);
    if (runs == done) fprintf(f, "All %lld runs are done", (long long)runs);
    put_undone(f, "Not all runs are done: ", runs, done, failed);
    fputs(".", f);
    for (int i = 0; i < versions.others; i++) {
        fprintf(f, "%s%lld of version ", i == 0 ? " Runs of other versions of the program count: " : ", ",
                (long long)versions.other[i].runs);
        attn_html_text(f, versions.other[i].version);
    }
    fputs(versions.others > 0 ? ".</p>\n" : "</p>\n", f);
}

static attn_status put_scale(struct attn_page *page, const struct attn_reproduction *r) {
    FILE *f = page->file;
    char name[128] = "", title[160] = "";
    const size_t bytes = (size_t)r->system->claim_count * sizeof(struct attn_claim_result);
    struct attn_page_scale s = {r, attn_alloc(page->ctx, bytes)};
    attn_status status = s.result ? ATTN_OK : attn_no_memory(page->ctx, "verdicts", bytes);
    for (int i = 0; i < r->system->claim_count && !status; i++) status = attn_reproduction_judge(page->ctx, r, i, &s.result[i]);
    if (!status) {
        attn_append(title, sizeof title, "Claims of %s at scale %s", r->system->name, attn_scale_names[r->scale]);
        attn_append(name, sizeof name, "%s-claims-%s", r->system->name, attn_scale_names[r->scale]);
        fprintf(f, "<h3>%s, %s</h3>\n", r->system->name, attn_scale_names[r->scale]);
        put_counts(f, r);
        put_table(f, &s);
        put_untested(f, &s);
        put_missing(f, r);
        attn_page_name(page, name);
        status = attn_page_csv(page, title, claims_csv, &s);
    }
    if (!status) status = attn_page_charts(page, r);
    if (!status) status = attn_page_paper_tables(page, r);
    if (!status) status = attn_page_arms(page, &s);
    attn_free(page->ctx, s.result);
    return status;
}

static void put_head(FILE *f) {
    fputs("<section id=\"claims\" aria-labelledby=\"claims-title\">\n<h2 id=\"claims-title\">Claims</h2>\n"
          "<p>Sentences of papers, measured on the runs of this page as <code>attn reproduce</code> measures them. Of each arm and seed "
          "the best "
          "figure over what is tuned counts, once all of its runs are at their end. A claim holds where the whole 95% interval of its "
          "number's "
          "mean over the seeds is as wanted, does not hold where none of it is, and is inconclusive in between.</p>\n",
          f);
}

/* Whether there is a run at this scale that no smaller one has; those of this scale are known from then on. */
static bool has_own(bool *known, const bool *used, int64_t count) {
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        any = any || (used[i] && !known[i]);
        known[i] = known[i] || used[i];
    }
    return any;
}

/* known: runs of smaller scales, and room for those of this one behind. */
static attn_status judge_scale(struct attn_page *page, const struct attn_system *system, enum attn_scale scale,
                               const struct attn_run_views *views, bool *known, bool *any) {
    struct attn_reproduction r;
    attn_status status = attn_reproduction_open(page->ctx, system, scale, 0, &r);
    if (status) return status;
    memset(views->used, 0, (size_t)views->count * sizeof *views->used);
    status = attn_reproduction_read(page->ctx, &r, views);
    if (!status && has_own(known, views->used, views->count)) {
        if (!*any) put_head(page->file);
        *any = true;
        status = put_scale(page, &r);
    }
    attn_reproduction_close(page->ctx, &r);
    return status;
}

attn_status attn_page_claims(struct attn_page *page, const struct attn_report_runs *runs, bool *any) {
    const size_t count = (size_t)runs->count;
    struct attn_run_view *at = attn_alloc(page->ctx, count * sizeof *at);
    bool *marks = attn_alloc(page->ctx, 2 * count * sizeof *marks);
    attn_status status = at && marks ? ATTN_OK : attn_no_memory(page->ctx, "the claims", count * sizeof *at);
    *any = false;
    for (size_t i = 0; i < count && !status; i++) at[i] = (struct attn_run_view){runs->at[i].summary, runs->at[i].recipe};
    for (int s = 0; s < attn_system_count && !status && count > 0; s++) {
        const struct attn_run_views views = {at, runs->count, marks + count};
        memset(marks, 0, count * sizeof *marks);
        for (int scale = 0; scale < ATTN_SCALES && !status; scale++)
            status = judge_scale(page, attn_systems[s], (enum attn_scale)scale, &views, marks, any);
    }
    if (*any) attn_page_warn(page);
    if (*any) fputs("</section>\n", page->file);
    attn_free(page->ctx, at);
    attn_free(page->ctx, marks);
    return status;
}
