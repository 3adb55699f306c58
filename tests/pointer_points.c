/* Points of the user's own in every form, malformed streams, and the files of TSPLIB. */
#include "support/data.h"
#include "support/failing_memory.h"
#include "support/fixture.h"
#include "support/noting.h"
#include "system/pointer/read_points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "3: 0,1 2,3 | 7: 4,5": each set's last line and its points. */
static void put_sets(const char *text, char *out, size_t size) {
    struct attn_point_set set = {.xy = NULL};
    bool end = false;
    size_t used = 0;
    out[0] = '\0';
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "rb");
    assert_non_null(in);
    for (;;) {
        if (attn_points_read(test_ctx, in, "x", &set, &end)) fail_msg("%s: %s", text, test_sentence());
        if (end) break;
        used += (size_t)snprintf(out + used, size - used, "%s%lld:", used > 0 ? " | " : "", (long long)set.line);
        for (int64_t i = 0; i < set.n; i++) used += (size_t)snprintf(out + used, size - used, " %g,%g", set.xy[2 * i], set.xy[2 * i + 1]);
        attn_points_free(test_ctx, &set);
    }
    fclose(in);
}

static void every_form_of_points_is_read(void **state) {
    static const struct {
        const char *text, *sets;
    } cases[] = {
        {"\n# nothing\n", ""},
        {"1,2\n3,4\n", "2: 1,2 3,4"},
        {"1,2\n3,4", "2: 1,2 3,4"},
        {"1;2\r\n3;4\r\n\r\n", "3: 1,2 3,4"},
        {"1\t2\n3\t4\n\n\n5\t6\n", "3: 1,2 3,4 | 5: 5,6"},
        {"1 2\n  3   4  \n", "2: 1,2 3,4"},
        {"1 2 3\n4 5 6\n", "2: 1,2 4,5"},
        {" 1 , 2 \n3,4,,\n", "2: 1,2 3,4"},
        {"# both\n1,2\n# in between\n3,4\n", "4: 1,2 3,4"},
        {"x,y\n1,2\n", "2: 1,2"},
        {"id,Y,X\na,1,2\nb,3,4\n\nc,5,6\n", "4: 2,1 4,3 | 5: 6,5"},
        {"name;lat;lon\n\"Paris; France\";48.8;2.3\n", "2: 2.3,48.8"},
        {"Latitude,city,Lng\n1,Nice,2\n", "2: 2,1"},
        {"east,north\n1,2\n", "2: 1,2"},
        {"lat,lon\n1,2\n", "2: 2,1"},
        {"id,lon,lat\na,1,2\n", "2: 1,2"},
        {"x,z\n1,2\n", "2: 1,2"},
        {"x,lat,lon,y\n1,2,3,4\n", "2: 1,4"},
        {"x,lat,lon\n1,2,3\n", "2: 3,2"},
        {"x y\n1 2\n", "2: 1,2"},
        {"\"x\",\"y\"\n\"1\",\"2\"\n", "2: 1,2"},
        {"\xEF\xBB\xBFx,y\n1,2\n", "2: 1,2"},
        {"1,2\n\nNAME,x,y\na,3,4\n\nx,y\n5,6\n", "2: 1,2 | 5: 3,4 | 7: 5,6"},
        {"0.5 1 2 3\n4 5 6 7\n", "1: 0.5,1 2,3 | 2: 4,5 6,7"},
        {"1 2 output 1\n1 2 3 4 5 6 output 1 2 3 1 \n", "1: 1,2 | 2: 1,2 3,4 5,6"},
        {"1\t2\toutput\n", "1: 1,2"},
        {"NAME: a\nTYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n1 2 3\n2 4.0e0 5\nEOF\n1,2\n",
         "8: 2,3 4,5 | 9: 1,2"},
        {"DIMENSION:1\nEDGE_WEIGHT_TYPE:EUC_2D\nDISPLAY_DATA_TYPE: X\nNODE_COORD_SECTION\n\n 1  2  3 \n", "6: 2,3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sets[512];
        put_sets(cases[i].text, sets, sizeof sets);
        if (strcmp(sets, cases[i].sets) != 0)
            fail_msg("case %d, \"%s\": found %s, expected %s", (int)i, cases[i].text, sets, cases[i].sets);
    }
}

#define TSPLIB "TYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n"

static const struct {
    const char *text, *sentence;
} malformed[] = {
    {"\x1F\x8B\x08 packed\n", "x: line 1: found data packed by gzip, expected text"},
    {"1,2\n3\n", "x: line 2: found 1 cells, expected at least 2"},
    {"1\n", "x: line 1: found 1 cells, expected at least 2"},
    {"id,y,x\na,1\n", "x: line 2: found 2 cells, expected at least 3"},
    {"1,2\n3,a\n", "x: line 2, column 2: found \"a\", expected a finite number"},
    {"1,2\n3,\n", "x: line 2, column 2: found \"\", expected a finite number"},
    {"1,2\n3 4,5\n", "x: line 2, column 1: found \"3 4\", expected a finite number"},
    {"1,5;2,5\n", "x: line 1, column 1: found \"1,5\""},
    {"nan,1\n", "x: line 1, column 1: found \"nan\", expected a finite number"},
    {"x,y\n1,-Infinity\n", "x: line 2, column 2: found \"-Infinity\", expected a finite number"},
    {"1,1e400\n", "x: line 1, column 2: found \"1e400\", expected a finite number"},
    {"0x1,2\n", "x: line 1, column 1: found \"0x1\""},
    {"Paris,2\n", "x: line 1, column 1: found \"Paris\""},
    {"id,east,north\n1,2,3\n",
     "x: line 1: found a header of 3 columns, \"id,east,north\", expected two of them to be x and y, or lon and lat"},
    {"x,z,id\n1,2,3\n", "x: line 1: found a header of 3 columns, \"x,z,id\", expected"},
    {"x,lat,id\n1,2,3\n", "x: line 1: found a header of 3 columns"},
    {"1,2\n\na;b;c\n1;2;3\n", "x: line 3: found a header of 3 columns, \"a;b;c\""},
    {"x,y\n", "x: line 1: found the end of a header's rows, expected a row of coordinates"},
    {"x,y\n\n1,2\n", "x: line 2: found the end of a header's rows"},
    {"1 2 3 4 5\n", "x: line 1: found 5 coordinates, expected an even number, 2 a point"},
    {"1 2 3 output 1\n", "x: line 1: found 3 coordinates, expected an even number, 2 a point"},
    {"output 1\n", "x: line 1: found no coordinates before \"output\""},
    {"1 2 x 4 output 1\n", "x: line 1, coordinate 3: found \"x\", expected a finite number"},
    {"\n\n1 2 3 4 output\n1 inf output\n", "x: line 4, coordinate 2: found \"inf\""},
    {"NAME: a\nEDGE_WEIGHT_TYPE: GEO\n", "x: line 2: found EDGE_WEIGHT_TYPE \"GEO\", expected EUC_2D, distances in the plane, which alone"},
    {"NAME: a\nTYPE: CVRP\n", "x: line 2: found TYPE \"CVRP\", expected TSP"},
    {"NAME: a\nDIMENSION: 0\n", "x: line 2: found DIMENSION \"0\", expected a number of cities from 1 to 10000000"},
    {"NAME: a\nDIMENSION: 1e3\n", "x: line 2: found DIMENSION \"1e3\""},
    {"NAME: a\nDIMENSION: 99999999999999999999\n", "x: line 2: found DIMENSION \"99999999999999999999\""},
    {"NAME: a\nCAPACITY: 5\n", "x: line 2: found CAPACITY, expected NAME, TYPE, COMMENT"},
    {"NAME: a\n12\n", "x: line 2: found \"12\", expected a keyword of TSPLIB"},
    {"NAME: a\n", "x: line 1: found the end, expected NODE_COORD_SECTION behind this line"},
    {"NODE_COORD_SECTION\n", "x: line 1: found NODE_COORD_SECTION, expected EDGE_WEIGHT_TYPE: EUC_2D before it"},
    {"EDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n", "x: line 2: found NODE_COORD_SECTION, expected DIMENSION before it"},
    {TSPLIB "1 2 3\nEOF\n", "x: line 6: found the end behind 1 cities, expected 2, as DIMENSION says"},
    {TSPLIB "1 2 3\n", "x: line 5: found the end behind 1 cities, expected 2, as DIMENSION says"},
    {TSPLIB "1 2 3\n2 3 4\n3 4 5\n", "x: line 7: found a city more, expected 2, as DIMENSION says"},
    {TSPLIB "2 2 3\n", "x: line 5: found city 2, expected 1: cities stand in the order of their numbers"},
    {TSPLIB "1 2\n", "x: line 5: found 2 numbers, expected 3"},
    {TSPLIB "1 2 nan\n", "x: line 5, column 3: found \"nan\", expected a finite number"},
    {TSPLIB "1 2 3 4\n", "x: line 5: found \"4\" behind a city's coordinates"},
    {TSPLIB "1 2 3\nDEMAND_SECTION\n", "x: line 6: found DEMAND_SECTION, expected EOF behind the cities"},
};

static void every_malformed_stream_is_refused_with_its_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct attn_point_set set = {.xy = NULL};
        bool end = false;
        attn_status status = ATTN_OK;
        attn_ctx *ctx = test_noting_context();
        FILE *in = fmemopen((void *)(uintptr_t)malformed[i].text, strlen(malformed[i].text), "rb");
        assert_non_null(in);
        while (!status && !end) {
            status = attn_points_read(ctx, in, "x", &set, &end);
            if (!status) attn_points_free(ctx, &set);
        }
        test_must_refuse(ctx, status, ATTN_EINVAL, strlen(malformed[i].text), malformed[i].sentence);
        assert_null(set.xy);
        fclose(in);
        attn_ctx_destroy(ctx);
    }
}

/* What a context is told, warnings alone. */
struct notes {
    int count;
    char text[512]; /* the newest */
};

static void note(void *user, attn_log_level level, const char *text) {
    struct notes *notes = user;
    if (level != ATTN_LOG_WARN) return;
    notes->count++;
    snprintf(notes->text, sizeof notes->text, "%s", text);
}

static void columns_that_may_be_meant_otherwise_are_noted_once(void **state) {
    static const struct {
        const char *text, *note; /* NULL: none */
    } cases[] = {
        {"1,5,6\n2,7,8\n3,9,9\n\n1,5,6\n2,7,8\n3,9,9\n", "x: up to line 4: the first of more than two columns counts the rows"},
        {"0 5 6\n1 7 8\n2 9 9\n", "x: up to line 3: the first of more than two columns"},
        {"lon,lat\n1,2\n\nlon,lat\n3,4\n", "x: line 1: takes lon and lat for coordinates in the plane, so that lengths are in degrees"},
        {"id,Latitude,Lng\n1,2,3\n", "x: line 1: takes lon and lat"},
        {"1,5\n2,7\n3,9\n", NULL},
        {"1,5,,\n2,7,,\n3,9,,\n", NULL},
        {"1,5,6\n2,7,8\n4,9,9\n", NULL},
        {"2,5,6\n3,7,8\n4,9,9\n", NULL},
        {"1,5,6\n2,7,8\n", NULL},
        {"x,y,id\n1,5,6\n2,7,8\n3,9,9\n\n1,5,6\n2,7,8\n3,9,9\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct notes notes = {0, ""};
        struct attn_point_set set = {.xy = NULL};
        attn_ctx_config config;
        attn_ctx *ctx;
        bool end = false;
        FILE *in = fmemopen((void *)(uintptr_t)cases[i].text, strlen(cases[i].text), "rb");
        attn_ctx_config_init(&config);
        config.log = note;
        config.log_user = &notes;
        assert_non_null(in);
        assert_int_equal(attn_ctx_create(&config, &ctx, NULL, 0), ATTN_OK);
        while (!end) {
            assert_int_equal(attn_points_read(ctx, in, "x", &set, &end), ATTN_OK);
            attn_points_free(ctx, &set);
        }
        if (notes.count != (cases[i].note != NULL) || !strstr(notes.text, cases[i].note ? cases[i].note : ""))
            fail_msg("case %d: %d notes, the last \"%s\"", (int)i, notes.count, notes.text);
        fclose(in);
        attn_ctx_destroy(ctx);
    }
}

static void a_byte_0_and_a_stream_that_cannot_be_read_are_said(void **state) {
    struct attn_point_set set = {.xy = NULL};
    bool end;
    (void)state;
    FILE *in = fmemopen((void *)(uintptr_t) "1,\0\n", 4, "rb");
    assert_int_equal(attn_points_read(test_ctx, in, "x", &set, &end), ATTN_EINVAL);
    assert_string_equal(test_sentence(), "x: line 1: found a byte 0, expected text");
    fclose(in);
    in = fmemopen((void *)(uintptr_t) "\x1F\x8B\x08\0\0\n", 6, "rb");
    set.line = 0;
    assert_int_equal(attn_points_read(test_ctx, in, "x", &set, &end), ATTN_EINVAL);
    assert_non_null(strstr(test_sentence(), "x: line 1: found data packed by gzip, expected text"));
    fclose(in);
    in = fopen("/", "rb");
    if (!in) return;
    set.line = 0;
    assert_int_equal(attn_points_read(test_ctx, in, "x", &set, &end), ATTN_ESYSTEM);
    assert_non_null(strstr(test_sentence(), "x: line 1: reading failed: "));
    fclose(in);
}

static void a_million_points_are_read_in_rows_and_in_one_line(void **state) {
    enum { MILLION = 1000000 };
    const int points = getenv("ATTN_TEST_QUICK") ? 1000 : MILLION;
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct attn_point_set set = {.xy = NULL};
        bool end;
        FILE *in = tmpfile();
        assert_non_null(in);
        for (int i = 0; i < points; i++) fprintf(in, form ? "0.%d %d " : "0.%d,%d\n", i, i);
        rewind(in);
        if (attn_points_read(test_ctx, in, "x", &set, &end)) fail_msg("%s", test_sentence());
        assert_int_equal(set.n, points);
        for (int i = 0; i < points; i++) {
            char text[32];
            snprintf(text, sizeof text, "0.%d", i);
            if (set.xy[2 * i + 1] != i || (i % 97 == 0 && set.xy[2 * i] != strtod(text, NULL))) fail_msg("point %d", i);
        }
        attn_points_free(test_ctx, &set);
        fclose(in);
    }
}

static void files_of_tsplib_are_read_or_refused_by_their_distances(void **state) {
    static const struct {
        const char *name;
        int64_t n; /* 0: of other distances */
    } files[] = {{"berlin52", 52}, {"eil51", 51},    {"eil76", 76}, {"eil101", 101}, {"ch130", 130}, {"ch150", 150},  {"tsp225", 225},
                 {"gil262", 262},  {"bier127", 127}, {"d198", 198}, {"burma14", 0},  {"att48", 0},   {"ulysses22", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        struct attn_point_set set = {.xy = NULL};
        bool end;
        snprintf(name, sizeof name, "tsplib/%s.tsp", files[i].name);
        FILE *in = fopen(test_data(name), "rb");
        assert_non_null(in);
        const attn_status status = attn_points_read(test_ctx, in, name, &set, &end);
        if (files[i].n == 0) {
            assert_int_equal(status, ATTN_EINVAL);
            assert_non_null(strstr(test_sentence(), "expected EUC_2D"));
        } else {
            if (status) fail_msg("%s", test_sentence());
            assert_int_equal(set.n, files[i].n);
            assert_string_equal(set.name, files[i].name);
            if (i == 0) assert_true(set.xy[0] == 565 && set.xy[1] == 575 && set.xy[102] == 1740 && set.xy[103] == 245);
            attn_points_free(test_ctx, &set);
            assert_int_equal(attn_points_read(test_ctx, in, name, &set, &end), ATTN_OK);
            assert_true(end);
        }
        fclose(in);
    }
}

static attn_status read_all(attn_ctx *ctx) {
    static const char text[] = "x,y\n1,2\n3,4\n\n1 2 3 4 output 1\n" TSPLIB "1 1 1\n2 2 2\n";
    struct attn_point_set set = {.xy = NULL};
    bool end = false;
    attn_status status = ATTN_OK;
    FILE *in = fmemopen((void *)(uintptr_t)text, sizeof text - 1, "rb");
    if (!in) return ATTN_ESYSTEM;
    while (!status && !end) {
        status = attn_points_read(ctx, in, "x", &set, &end);
        if (!status) attn_points_free(ctx, &set);
    }
    fclose(in);
    return status;
}

static void failing_memory_is_said_and_nothing_is_lost(void **state) {
    (void)state;
    test_survives(read_all, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_points_is_read),
        cmocka_unit_test(every_malformed_stream_is_refused_with_its_line),
        cmocka_unit_test(columns_that_may_be_meant_otherwise_are_noted_once),
        cmocka_unit_test(a_byte_0_and_a_stream_that_cannot_be_read_are_said),
        cmocka_unit_test(a_million_points_are_read_in_rows_and_in_one_line),
        cmocka_unit_test(files_of_tsplib_are_read_or_refused_by_their_distances),
        cmocka_unit_test(failing_memory_is_said_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, test_open_context, test_close_context);
}
