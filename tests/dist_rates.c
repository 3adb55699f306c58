/* Tables of kernel rates: what attn bench prints is read, mistakes are named by row and column, and what lies between rows is interpolated. */
#include "dist/cp/rates.h"
#include "support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_near(double got, double want, double by) {
    if (!(fabs(got - want) <= by)) fail_msg("found %.17g, expected %.17g", got, want);
}

static attn_status parse(const char *text, struct attn_rates *out) {
    return attn_rates_parse(test_ctx, "r.csv", text, strlen(text), out);
}

static void rows_give_flops(void **state) {
    struct attn_rates r;
    (void)state;
    assert_int_equal(parse("pass,mask,len,dim,seconds,heads\nfwd,full,1024,64,0.5,8\nbwd,causal,1024,64,2,1\n", &r), ATTN_OK);
    assert_int_equal(r.rows, 2);
    expect_near(r.row[0].flops, 1024.0 * 1024 * 8 * 4 * 64 / 0.5, 1);
    expect_near(r.row[1].flops, 1024.0 * 1025 / 2 * 10 * 64 / 2, 1);
    expect_near(r.row[1].density, 1025.0 / 2048, 1e-12);
    attn_rates_close(&r);
}

static void what_bench_prints_is_read(void **state) {
    struct attn_rates r;
    (void)state;
    assert_int_equal(parse("kernel,pass,mask,batch,heads,q_len,dim,area,seconds_median,peer\r\n"
                           "flash,fwd,\"document:2,2 & \"\"x\"\"\",2,4,4,64,8,0.25,\r\n"
                           "naive,fwd,\"document:2,2 & \"\"x\"\"\",2,4,4,64,8,0.5,\n"
                           "flash,fwd+bwd,full,1,4,4,64,16,0.25,\n"
                           "flash,bwd,full,1,4,4,64,16,,\n",
                           &r),
                     ATTN_OK);
    assert_int_equal(r.rows, 1);
    assert_string_equal(r.row[0].mask, "document:2,2 & \"x\"");
    expect_near(r.row[0].flops, 8.0 * 2 * 4 * 4 * 64 / 0.25, 1e-6);
    attn_rates_close(&r);
}

/* 1 GFLOP/s at 1K, 3 at 4K; causal 2; head size 128 10. */
static const char table[] = "pass,mask,len,dim,area,seconds\n"
                            "fwd,full,1024,64,1048576,0.268435456\n"
                            "fwd,full,4096,64,16777216,1.431655765333\n"
                            "fwd,causal,1024,64,524800,0.0671744\n"
                            "fwd,full,1024,128,1048576,0.0536870912\n";

static void rates_lie_between_rows(void **state) {
    struct attn_rates r;
    (void)state;
    assert_int_equal(parse(table, &r), ATTN_OK);
    expect_near(attn_rates_at(&r, 0, 1, 1024, 64), 1e9, 1);
    expect_near(attn_rates_at(&r, 0, 1, 2048, 64), 2e9, 10);
    expect_near(attn_rates_at(&r, 0, 0.9, 100, 64), 1e9, 1);
    expect_near(attn_rates_at(&r, 0, 1, 1e9, 70), 3e9, 10);
    expect_near(attn_rates_at(&r, 0, 0.3, 1024, 64), 2e9, 10);
    expect_near(attn_rates_at(&r, 0, 0.3, 1024, 256), 10e9, 10);
    expect_near(attn_rates_at(&r, 1, 1, 1024, 64), 0, 0);
    attn_rates_close(&r);
}

static void seconds_come_from_a_rate_a_table_or_the_planner(void **state) {
    attn_problem p;
    struct attn_rates r;
    struct attn_speed speed;
    const struct attn_kernel_work work = {.pairs = 2048.0 * 2048 * 4, .rows = 2048, .keys = 2048, .heads = 4};
    (void)state;
    attn_problem_init(&p);
    p.heads = p.kv_heads = 4;
    p.dim = p.v_dim = 64;
    p.q_len = p.kv_len = 2048;
    assert_int_equal(attn_speed_usual(test_ctx, &p, &speed), ATTN_OK);
    const double forward = attn_speed_seconds(&speed, &p, 0, &work), backward = attn_speed_seconds(&speed, &p, 1, &work);
    assert_true(forward > 0 && backward > forward && backward < 10 * forward);
    speed.threads = 2;
    expect_near(attn_speed_seconds(&speed, &p, 0, &work), forward / 2, 1e-12);
    assert_int_equal(parse(table, &r), ATTN_OK);
    speed.rates = &r;
    expect_near(attn_speed_seconds(&speed, &p, 0, &work), work.pairs * 4 * 64 / 2e9, 1e-6);
    expect_near(attn_speed_seconds(&speed, &p, 1, &work), work.pairs * 10 * 64 / 2e9, 1e-6); /* no row: as forward */
    speed.flops = 1e12;
    expect_near(attn_speed_seconds(&speed, &p, 1, &work), work.pairs * 10 * 64 / 1e12, 1e-12);
    attn_rates_close(&r);
}

static void mistakes_say_where_and_what(void **state) {
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "r.csv:1: found no column pass; expected the header pass,mask,len,dim,seconds"},
        {"pass,mask,dim,seconds\n", "r.csv:1: found no column len or q_len"},
        {"pass,mask,len,dim,seconds\n", "r.csv: found no measured row"},
        {"pass,mask,len,dim,seconds\n\n# note\nfwd,full,x,64,1\n", "r.csv:4: len: found 'x'; expected an integer from 1 to 2147483648"},
        {"pass,mask,len,dim,seconds\nfwd,full,16,64,0\n", "r.csv:2: seconds: found '0'; expected a number above 0"},
        {"pass,mask,len,dim,seconds\nfwd,full,16,64,nan\n", "seconds: found 'nan'"},
        {"pass,mask,len,dim,seconds\nfwd,full,16,64\n", "r.csv:2: seconds: found 'no cell'; expected as many cells as the header has"},
        {"pass,mask,len,dim,seconds\nup,full,16,64,1\n", "r.csv:2: pass: found 'up'; expected fwd, bwd or fwd+bwd"},
        {"pass,mask,len,dim,seconds\nfwd,prefix,16,64,1\n", "mask: found 'prefix'; expected full or causal, or a column area"},
        {"pass,mask,len,dim,seconds\nfwd,\"full,16,64,1\n", "r.csv:2: found 'full,16,64,1'; expected a quote at its end"},
        {"pass,mask,len,dim,seconds\nfwd,\"full\"x,16,64,1\n", "expected a comma behind the quote"},
        {"pass,mask,len,dim,seconds,area\nfwd,full,16,64,1,257\n", "area: found '257'; expected a number above 0, at most len * len"},
        {"pass,mask,len,dim,seconds\nfwd,full,16,64,1e-320\n", "seconds: found '1e-320'; expected more seconds"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_rates r;
        assert_int_equal(parse(cases[i].text, &r), ATTN_EINVAL);
        assert_null(r.row);
        if (!strstr(test_sentence(), cases[i].sentence)) fail_msg("%zu: %s", i, test_sentence());
    }
}

static void too_much_is_refused(void **state) {
    static char text[1 << 17] = "pass,mask,len,dim,seconds\n";
    struct attn_rates r;
    (void)state;
    size_t at = strlen(text);
    for (int i = 0; i < 4097; i++, at += 16) memcpy(text + at, "fwd,full,9,4,1  \n", 18), text[at + 15] = '\n';
    assert_int_equal(attn_rates_parse(test_ctx, "r.csv", text, at, &r), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "r.csv:4098: found 'one more row'; expected at most 4096"));
    assert_int_equal(attn_rates_read(test_ctx, "/nowhere/r.csv", &r), ATTN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_give_flops),
        cmocka_unit_test(what_bench_prints_is_read),
        cmocka_unit_test(rates_lie_between_rows),
        cmocka_unit_test(seconds_come_from_a_rate_a_table_or_the_planner),
        cmocka_unit_test(mistakes_say_where_and_what),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
