/* Real tables of events: the numbers of sequences, events and marks that are stated of them. Left out where the data is not (support/data.h). */
#include "io/events.h"
#include "support/data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static attn_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return attn_ctx_create(NULL, &ctx, NULL, 0) == ATTN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    attn_ctx_destroy(ctx);
    return 0;
}

static void the_folder_is_found_or_the_tests_are_left_out(void **state) {
    (void)state;
    assert_non_null(test_data("README.md"));
}

#if defined(ATTN_HAVE_ZLIB)
static void expect(const char *name, const struct attn_events_options *options, int64_t sequences, int64_t events, int32_t marks) {
    struct attn_events e;
    char text[1024];
    if (attn_events_read(ctx, test_data(name), options, NULL, &e)) fail_msg("%s", attn_ctx_error(ctx, text, sizeof text));
    assert_int_equal(e.sequences, sequences);
    assert_int_equal(e.events, events);
    assert_int_equal(e.marks.count, marks);
    attn_events_free(ctx, &e);
}

static void stackoverflow_and_taobao_have_the_events_that_are_stated(void **state) {
    struct attn_events_options options;
    (void)state;
    attn_events_options_init(&options);
    expect("tpp/stackoverflow.csv.gz", &options, 4468, 327487, 22);
    expect("tpp/taobao_train.csv.gz", &options, 1300, 75205, 17);
    expect("tpp/taobao_dev.csv.gz", &options, 200, 11737, 17);
    expect("tpp/taobao_test.csv.gz", &options, 500, 28455, 17);
}

static void earthquakes_are_one_sequence_of_dates_with_classes_of_magnitude(void **state) {
    struct attn_events_options options = {.time = "Date", .mark = "Magnitude", .sort = true}; /* three rows have a clock's time too */
    (void)state;
    assert_true(attn_events_bounds("6+7", &options));
    expect("tpp/earthquakes_1965_2016.csv.gz", &options, 1, 23412, 3);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_found_or_the_tests_are_left_out),
#if defined(ATTN_HAVE_ZLIB)
        cmocka_unit_test(stackoverflow_and_taobao_have_the_events_that_are_stated),
        cmocka_unit_test(earthquakes_are_one_sequence_of_dates_with_classes_of_magnitude),
#endif
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
