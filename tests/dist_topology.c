/* Topologies as text: units, defaults, and for each mistake a sentence with its line, what was found and what was expected. */
#include "dist/cp/quantity.h"
#include "dist/cp/topology.h"
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

static attn_status parse(const char *text, struct attn_topology *out) {
    return attn_topology_parse(test_ctx, "c.txt", text, strlen(text), out);
}

static void every_key_is_read(void **state) {
    struct attn_topology t;
    (void)state;
    assert_int_equal(
        parse("# a cluster\nranks_per_node = 4\nlatency_inside=2us\n latency_between = 7.5 us # far\n\nbandwidth_inside = 450 GB/s\r\n"
              "bandwidth_between = 400 Gbit/s\nlinks = 2\nmemory = 80 GiB\nflops = 400 TFLOP/s",
              &t),
        ATTN_OK);
    assert_int_equal(t.ranks_per_node, 4);
    assert_int_equal(t.links, 2);
    expect_near(t.latency[0], 2e-6, 1e-18);
    expect_near(t.latency[1], 7.5e-6, 1e-18);
    expect_near(t.bandwidth[0], 450e9, 1);
    expect_near(t.bandwidth[1], 50e9, 1);
    expect_near(t.memory, 80 * 0x1p30, 0);
    expect_near(t.flops, 400e12, 1);
}

static void what_is_left_out_is_usual(void **state) {
    struct attn_topology t, usual;
    (void)state;
    attn_topology_usual(&usual);
    assert_int_equal(parse("", &t), ATTN_OK);
    assert_memory_equal(&t, &usual, sizeof t);
    assert_int_equal(parse("memory = unlimited\nlatency_inside = 0", &t), ATTN_OK);
    assert_true(isinf(t.memory) && t.latency[0] == 0);
}

static void mistakes_say_where_and_what(void **state) {
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"links = 2\nlinks = 3", "c.txt:2: found links again; expected it once, as in line 1"},
        {"\n\nranks = 2", "c.txt:3: found the key 'ranks'; expected"},
        {"latency_inside", "c.txt:1: found 'latency_inside'; expected key = value"},
        {"latencyinside = 1us", "expected 'latency_inside', of "},
        {"latency_inside = 1", "c.txt:1: latency_inside: found '1'; expected a number in ns, us, ms or s"},
        {"latency_inside = -1 us", "found '-1 us'"},
        {"bandwidth_inside = 0", "found '0'; expected a number above 0 in MB/s, GB/s, TB/s or Gbit/s"},
        {"bandwidth_inside = nan GB/s", "found 'nan GB/s'"},
        {"bandwidth_inside = 0x10 GB/s", "found '0x10 GB/s'"},
        {"memory = 80 GiB/s", "memory: found '80 GiB/s'; expected a number above 0 in MiB"},
        {"links = 0", "links: found '0'; expected an integer from 1 to 1048576"},
        {"links = 1.5", "links: found '1.5'"},
        {"links =", "links: found ''"},
        {"flops = 3 GB/s", "flops: found '3 GB/s'; expected a number above 0 in MFLOP/s, GFLOP/s or TFLOP/s"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attn_topology t = {.links = -7};
        assert_int_equal(parse(cases[i].text, &t), ATTN_EINVAL);
        assert_int_equal(t.links, -7);
        if (!strstr(test_sentence(), cases[i].sentence)) fail_msg("'%s': %s", cases[i].text, test_sentence());
    }
}

static void the_text_of_a_topology_reads_as_the_same(void **state) {
    struct attn_topology t, back;
    char text[ATTN_TOPOLOGY_TEXT];
    (void)state;
    attn_topology_usual(&t);
    for (int i = 0; i < 2; i++) {
        attn_topology_text(&t, text);
        assert_int_equal(parse(text, &back), ATTN_OK);
        assert_int_equal(back.ranks_per_node, t.ranks_per_node);
        assert_int_equal(back.links, t.links);
        for (int n = 0; n < 2; n++) {
            expect_near(back.latency[n], t.latency[n], 1e-8 * t.latency[n]);
            expect_near(back.bandwidth[n], t.bandwidth[n], 1e-8 * t.bandwidth[n]);
        }
        assert_true(back.memory == t.memory);
        expect_near(back.flops, t.flops, 1e-8 * t.flops);
        t = (struct attn_topology){3, {1.25e-6, 3.3e-5}, {1.7e9, 0.9e9}, 5, 3 * 0x1p30, 1.654321e11};
    }
}

static void long_lines_and_zero_bytes_are_mistakes(void **state) {
    struct attn_topology t;
    char text[600];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(attn_topology_parse(test_ctx, "c.txt", text, sizeof text, &t), ATTN_EINVAL);
    assert_int_equal(attn_topology_parse(test_ctx, "c.txt", "links\0= 3", 9, &t), ATTN_EINVAL);
    assert_int_equal(attn_topology_read(test_ctx, "/nowhere/c.txt", &t), ATTN_EINVAL);
}

static void quantities_need_a_unit_of_their_kind(void **state) {
    double x;
    (void)state;
    assert_true(attn_quantity_parse(ATTN_QUANTITY_SECONDS, "250 ns", &x) && fabs(x - 250e-9) < 1e-20);
    assert_true(attn_quantity_parse(ATTN_QUANTITY_RATE, "12.5GB/s", &x) && x == 12.5e9);
    assert_true(attn_quantity_parse(ATTN_QUANTITY_BYTES, "1.5 TiB", &x) && x == 1.5 * 0x1p40);
    assert_true(attn_quantity_parse(ATTN_QUANTITY_BYTES, "0", &x) && x == 0);
    assert_false(attn_quantity_parse(ATTN_QUANTITY_BYTES, "5 us", &x));
    assert_false(attn_quantity_parse(ATTN_QUANTITY_BYTES, "1e308 TB", &x));
    assert_false(attn_quantity_parse(ATTN_QUANTITY_SECONDS, "", &x));
    assert_false(attn_quantity_parse(ATTN_QUANTITY_SECONDS, "us", &x));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_left_out_is_usual),
        cmocka_unit_test(mistakes_say_where_and_what),
        cmocka_unit_test(the_text_of_a_topology_reads_as_the_same),
        cmocka_unit_test(long_lines_and_zero_bytes_are_mistakes),
        cmocka_unit_test(quantities_need_a_unit_of_their_kind),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
