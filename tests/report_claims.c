/* The claims on the page: what attn reproduce judges, on the runs that the page is about; what is missing, failed or not tested; figures and data as files. */
#include "report/page.h"
#include "support/store.h"
#include "support/xml.h"
#include "system/systems.h"
#include "train/reproduce.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static attn_ctx *ctx;
static char store[64], page_path[128], figures_path[128];
static bool plots;

static int set_up(void **state) {
    (void)state;
    test_store_make(store);
    snprintf(page_path, sizeof page_path, "%s/page.html", store);
    snprintf(figures_path, sizeof figures_path, "%s/figures", store);
    return attn_ctx_create(NULL, &ctx, NULL, 0) != ATTN_OK;
}

static int tear_down(void **state) {
    (void)state;
    test_store_remove(store);
    attn_ctx_destroy(ctx);
    return 0;
}

static const struct attn_system *zoology(void) {
    for (int i = 0; i < attn_system_count; i++)
        if (strcmp(attn_systems[i]->name, "zoology") == 0) return attn_systems[i];
    fail_msg("there is no zoology");
    return NULL;
}

/* The experiment of this name among a scale's. */
static const struct attn_experiment *experiment_named(enum attn_scale scale, const char *name) {
    const struct attn_system *system = zoology();
    for (int i = 0; i < system->claim_count; i++) {
        const struct attn_experiment *e = system->claims[i].at[scale].experiment;
        if (e && strcmp(e->name, name) == 0) return e;
    }
    fail_msg("there is no experiment %s", name);
    return NULL;
}

enum fate { DONE, FAILED, ABSENT };

/* Runs of all recipes of an experiment: of arm a and its run i the figure 0.9 / (1 + a) + 0.001 i, and what `fate` says. */
static int add_experiment(const struct attn_experiment *e, enum fate (*fate)(int arm, int run)) {
    struct attn_sweep sweep;
    int added = 0;
    assert_int_equal(attn_experiment_recipes(ctx, e, 0, &sweep), ATTN_OK);
    const int each = (int)(sweep.count / e->arm_count);
    for (int i = 0; i < sweep.count; i++) {
        char id[128], metrics[512], *recipe = attn_recipe_text(attn_sweep_recipe(&sweep, i));
        const enum fate what = fate(i / each, i % each);
        assert_non_null(recipe);
        snprintf(id, sizeof id, "%s-%03d", e->name, i);
        snprintf(metrics, sizeof metrics,
                 "{\"event\":\"start\",\"step\":0,\"steps\":9,\"parameters\":%d}\n{\"event\":\"%s\",\"step\":9,\"seconds\":2,\"accuracy\":%"
                 ".17g}\n",
                 100 * (1 + i / each), what == DONE ? "done" : "failed", 0.9 / (1 + i / each) + 0.001 * (i % each));
        if (what != ABSENT) test_store_run(store, id, recipe, metrics, i == 0 ? "{\"version\":\"attn 0.0.1, gcc\"}" : NULL);
        added += what != ABSENT;
        attn_free(ctx, recipe);
    }
    attn_sweep_free(ctx, &sweep);
    return added;
}

static enum fate all_done(int arm, int run) {
    (void)arm, (void)run;
    return DONE;
}

/* Of the third arm's runs the first failed, and of the fifth's the last is not there. */
static enum fate some_done(int arm, int run) {
    return arm == 2 && run == 0 ? FAILED : arm == 4 && run == 2 ? ABSENT : DONE;
}

static char *write_page(void) {
    struct attn_run_list list;
    struct attn_report_runs runs;
    const struct attn_page_options options = {.title = "Runs", .path = page_path, .figures = figures_path};
    assert_int_equal(attn_store_list(ctx, store, &list), ATTN_OK);
    assert_int_equal(attn_report_runs_open(ctx, &list, &runs), ATTN_OK);
    assert_int_equal(attn_page_write(&runs, &options, &plots), ATTN_OK);
    attn_report_runs_close(&runs);
    attn_run_list_free(ctx, &list);
    char *page = test_read_file(page_path);
    const char *wrong = test_xml_wrong(page, NULL, NULL);
    if (wrong) fail_msg("%s", wrong);
    return page;
}

static void expect(const char *page, const char *piece) {
    if (!strstr(page, piece)) fail_msg("expected \"%s\" in the page", piece);
}

/* The row of a claim in a scale's table; in a buffer that the next call overwrites. */
static const char *row_of(const char *page, const char *scale, const char *claim) {
    static char row[4096];
    char key[160];
    snprintf(key, sizeof key, "<h3>zoology, %s</h3>", scale);
    const char *at = strstr(page, key);
    snprintf(key, sizeof key, "; %s</span></th>", claim);
    at = at ? strstr(at, key) : NULL;
    const char *end = at ? strstr(at, "</tr>") : NULL;
    if (!end) fail_msg("no row of %s at %s", claim, scale);
    snprintf(row, sizeof row, "%.*s", (int)(end - at), at);
    return row;
}

static void the_verdicts_are_those_of_attn_reproduce(void **state) {
    struct attn_reproduction r;
    (void)state;
    add_experiment(experiment_named(ATTN_QUICK, "one-layer"), all_done);
    char *page = write_page();
    assert_int_equal(attn_reproduction_open(ctx, zoology(), ATTN_QUICK, 0, &r), ATTN_OK);
    assert_int_equal(attn_reproduction_read_store(ctx, &r, store), ATTN_OK);
    int rows = 0;
    for (int i = 0; i < r.system->claim_count; i++) {
        char piece[256];
        struct attn_claim_result result;
        assert_int_equal(attn_reproduction_judge(ctx, &r, i, &result), ATTN_OK);
        if (result.verdict == ATTN_NOT_TESTED) continue;
        const char *row = row_of(page, "quick", r.system->claims[i].name);
        snprintf(piece, sizeof piece, "<strong>%s</strong>", attn_verdict_names[result.verdict]);
        expect(row, piece);
        assert_int_equal(strstr(row, "<strong>surprise</strong>") != NULL, result.surprise);
        snprintf(piece, sizeof piece, "%.4g</td>", (r.system->claims[i].kind == ATTN_CLAIM_AT_MOST ? -1 : 1) * result.interval.mean);
        if (!isnan(result.interval.mean)) expect(row, piece);
        rows++;
    }
    assert_true(rows >= 5);
    attn_reproduction_close(ctx, &r);
    expect(page, "<a href=\"#claims\">Claims</a>");
    expect(page, "Runs of other versions of the program count: 1 of version 0.0.1.</p>");
    free(page);
}

static void runs_that_failed_or_are_missing_are_told(void **state) {
    (void)state;
    const struct attn_experiment *e = experiment_named(ATTN_QUICK, "one-layer");
    const int added = add_experiment(e, some_done);
    char *page = write_page(), piece[160];
    assert_int_equal(added, 3 * e->arm_count - 1);
    snprintf(piece, sizeof piece, "1 failed and %d are missing or not at their end", 57 - added);
    expect(page, piece);
    expect(row_of(page, "quick", "width-helps-based"), "<strong>inconclusive</strong>: of 6 runs 1 failed</td>");
    expect(row_of(page, "quick", "attention-recalls-at-any-width"), "<span class=\"soft\">least </span>");
    expect(row_of(page, "quick", "one-attention-layer-suffices"), "of 3 runs 3 are missing or not at their end");
    expect(page, "Not tested at this scale: every-mixer-runs");
    assert_null(strstr(page, "A mixer behind a short convolution")); /* a figure of nothing */
    free(page);
}

static void a_claim_of_sums_shows_them(void **state) {
    const struct attn_system *system = zoology();
    const struct attn_claim *claim = NULL;
    (void)state;
    for (int i = 0; i < system->claim_count; i++)
        if (strcmp(system->claims[i].name, "others-fall-as-pairs-grow") == 0) claim = &system->claims[i];
    assert_non_null(claim);
    add_experiment(claim->at[ATTN_FULL].experiment, all_done);
    char *page = write_page(), sum[256];
    const struct attn_claim_term *first = claim->sums[0];
    snprintf(sum, sizeof sum, "data-head=\"arms\">%s − %s", first[0].arm, first[1].arm);
    const char *row = row_of(page, "full", claim->name);
    expect(row, sum);
    expect(row, "each more than 0</td>");
    expect(row, "<span class=\"soft\">least </span>");
    expect(row, "data-head=\"parameters\" class=\"n\">");
    free(page);
}

static void only_scales_with_runs_of_their_own_are_shown(void **state) {
    char *page;
    (void)state;
    test_store_run(store, "other", "{\"task\":\"zoology/mqar\"}", "", NULL);
    page = write_page();
    assert_null(strstr(page, "id=\"claims\""));
    free(page);
    add_experiment(experiment_named(ATTN_QUICK, "behind-a-convolution"), all_done); /* runs of the full scale too */
    page = write_page();
    expect(page, "<h3>zoology, quick</h3>");
    assert_null(strstr(page, "<h3>zoology, full</h3>"));
    free(page);
    add_experiment(experiment_named(ATTN_FULL, "selected-positions"), all_done);
    page = write_page();
    expect(page, "<h3>zoology, full</h3>");
    free(page);
}

static void claims_and_arms_are_written_as_files(void **state) {
    char path[256];
    (void)state;
    add_experiment(experiment_named(ATTN_QUICK, "one-layer"), all_done);
    free(write_page());
    snprintf(path, sizeof path, "%s/zoology-claims-quick.csv", figures_path);
    char *csv = test_read_file(path);
    expect(csv, "record,system,scale,claim,sentence,place,threshold,measured,low,high,seeds,verdict,expected,reason\n");
    expect(csv, "not tested at this scale");
    free(csv);
    snprintf(path, sizeof path, "%s/zoology-quick-one-layer.csv", figures_path);
    csv = test_read_file(path);
    expect(csv, "\narm,zoology,one-layer,attention 32,100,0.901");
    free(csv);
    snprintf(path, sizeof path, "%s/zoology-quick-one-layer.svg", figures_path);
    assert_int_equal(access(path, R_OK) == 0, plots);
    if (!plots) return;
    char *svg = test_read_file(path);
    assert_null(test_xml_wrong(svg, NULL, NULL));
    expect(svg, "<text>attention 32</text>");
    free(svg);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_verdicts_are_those_of_attn_reproduce, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_that_failed_or_are_missing_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_claim_of_sums_shows_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_scales_with_runs_of_their_own_are_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(claims_and_arms_are_written_as_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
