/* Files of episodes: what is written is read again, arrays are cut where episodes end, and what is wrong is said with its place. */
#include "base/file.h"
#include "io/npz.h"
#include "support/data.h"
#include "support/setting.h"
#include "system/aaren/control_point.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char path[96];

static attn_status parse(const char *text, struct attn_aaren_episodes *out) {
    return attn_aaren_episodes_parse(test_ctx, "e.csv", (const uint8_t *)text, strlen(text), out);
}

/* ------------------------------------------------------------------------------------------------------------- CSV */

static void written_episodes_are_read_again(void **state) {
    struct attn_aaren_episodes e, again;
    (void)state;
    assert_int_equal(attn_aaren_point_episodes(test_ctx, ATTN_BEHAVIOUR_REPLAY, 1, 5, &e), ATTN_OK);
    for (int64_t count = 1; count <= 9; count += 4) { /* 9: all 5 */
        snprintf(path, sizeof path, "%s/e.csv", test_folder);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(attn_aaren_episodes_write(test_ctx, &e, count, file), ATTN_OK);
        fclose(file);
        assert_int_equal(attn_aaren_episodes_read(test_ctx, path, &again), ATTN_OK);
        assert_true(again.count == attn_min64(count, 5) && again.steps == again.count * 100 && again.observations == 4 &&
                    again.actions == 2);
        assert_memory_equal(again.first, e.first, (size_t)(again.count + 1) * sizeof *e.first);
        assert_memory_equal(again.observation, e.observation, (size_t)again.steps * 4 * sizeof(float));
        assert_memory_equal(again.action, e.action, (size_t)again.steps * 2 * sizeof(float));
        assert_memory_equal(again.reward, e.reward, (size_t)again.steps * sizeof(double));
        assert_memory_equal(again.to_go, e.to_go, (size_t)again.steps * sizeof(double));
        attn_aaren_episodes_free(test_ctx, &again);
    }
    attn_aaren_episodes_free(test_ctx, &e);
}

/* Episodes of one and of three steps, the second under a number that was there before the first. */
static void returns_to_go_are_sums_to_the_episodes_end(void **state) {
    static const double to_go[] = {7, 0.75, 1.25, -1};
    struct attn_aaren_episodes e;
    (void)state;
    assert_int_equal(parse("trajectory,step,obs0,act0,reward\n5,0,1,2,7\n3,0,1,2,-0.5\n3,1,4,5,2.25\n3,2,0,0,-1\n", &e), ATTN_OK);
    assert_true(e.count == 2 && e.steps == 4 && e.first[1] == 1 && e.first[2] == 4);
    for (int i = 0; i < 4; i++) assert_true(e.to_go[i] == to_go[i]);
    assert_true(attn_aaren_episode_return(&e, 1) == 0.75 && attn_aaren_episodes_return(&e) == 3.875);
    assert_int_equal(attn_aaren_episodes_longest(&e), 3);
    attn_aaren_episodes_free(test_ctx, &e);
}

#define HEAD "trajectory,step,obs0,obs1,act0,reward\n"
static const struct {
    const char *text, *sentence;
} malformed[] = {
    {"", "e.csv: line 1: found the end of the file, expected a header"},
    {"trajectory\n", "e.csv: line 1, column 1: found \"trajectory\", expected \"trajectory,step,obs0,...,act0,...,reward\""},
    {"episode,step,obs0,act0,reward\n", "e.csv: line 1, column 1: found \"episode\", expected \"trajectory\""},
    {"trajectory,time,obs0,act0,reward\n", "e.csv: line 1, column 2: found \"time\", expected \"step\""},
    {"trajectory,step\n", "e.csv: line 1: found the end of the header, expected another column, \"reward\" the last"},
    {"trajectory,step,x,act0,reward\n", "e.csv: line 1, column 3: found \"x\", expected \"obs0\""},
    {"trajectory,step,obs0,obs2,act0,reward\n", "e.csv: line 1, column 4: found \"obs2\", expected \"obs1\" or \"act0\""},
    {"trajectory,step,obs0,reward\n", "e.csv: line 1, column 4: found \"reward\", expected \"obs1\" or \"act0\""},
    {"trajectory,step,obs0,act0\n", "e.csv: line 1: found the end of the header, expected another column, \"reward\" the last"},
    {"trajectory,step,obs0,act0,act2,reward\n", "e.csv: line 1, column 5: found \"act2\", expected \"act1\" or \"reward\""},
    {"trajectory,step,obs0,act0,reward,done\n", "e.csv: line 1, column 6: found \"done\", expected the end of the line behind \"reward\""},
    {HEAD, "e.csv: line 2: found the end of the file, expected a step of an episode"},
    {HEAD "0,0,1,2,3\n", "e.csv: line 2, column 5: found 5 cells, expected 6"},
    {HEAD "0,0,1,2,3,4\n0,2,1,2,3,4\n", "e.csv: line 3, column 2 (step): found 2, expected 1, the next step of the trajectory"},
    {HEAD "0,0,1,2,3,4\n1,1,1,2,3,4\n", "e.csv: line 3, column 2 (step): found 1, expected 0, the first step of a trajectory"},
    {HEAD "0,0,1,2,3,4\n0,0,1,2,3,4\n", "e.csv: line 3, column 2 (step): found 0, expected 1, the next step of the trajectory"},
    {HEAD "0,1,1,2,3,4\n", "e.csv: line 2, column 2 (step): found 1, expected 0, the first step of a trajectory"},
    {HEAD "0,0.5,1,2,3,4\n", "e.csv: line 2, column 2 (step): found \"0.5\", expected a whole number"},
    {HEAD "a,0,1,2,3,4\n", "e.csv: line 2, column 1 (trajectory): found \"a\", expected a whole number"},
    {HEAD "0,0,1,,3,4\n", "e.csv: line 2, column 4 (obs1): found \"\", expected a number"},
    {HEAD "0,0,1,nan,3,4\n", "e.csv: line 2, column 4 (obs1): found \"nan\", expected a finite number"},
    {HEAD "0,0,1,2,1e39,4\n", "e.csv: line 2, column 5 (act0): found \"1e39\", expected a finite number"},
    {HEAD "0,0,1,2,3,4\n0,1,1,2,3,inf\n", "e.csv: line 3, column 6 (reward): found \"inf\", expected a finite number"},
    {HEAD "0,0,1,2,3,1e300\n", "e.csv: line 2, column 6 (reward): found \"1e300\", expected a finite number"},
};

static void every_malformed_file_is_refused_with_line_and_column(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct attn_aaren_episodes e;
        if (parse(malformed[i].text, &e) != ATTN_EINVAL) fail_msg("taken: %s", malformed[i].text);
        test_expect_sentence(test_ctx, malformed[i].sentence);
    }
}

/* 513 observations; and a file that is not there, or HDF5 by its name. */
static void too_many_numbers_and_other_files_are_refused(void **state) {
    struct attn_aaren_episodes e;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    (void)state;
    assert_non_null(out);
    fputs("trajectory,step", out);
    for (int i = 0; i < 513; i++) fprintf(out, ",obs%d", i);
    fputs(",act0,reward\n", out);
    fclose(out);
    assert_int_equal(parse(text, &e), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "e.csv: line 1: found 513 observations and 1 actions, expected at most 512 of each");
    free(text);
    assert_int_equal(attn_aaren_episodes_read(test_ctx, "/nowhere/e.csv", &e), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "/nowhere/e.csv");
    assert_int_equal(attn_aaren_episodes_read(test_ctx, "/nowhere/e.npz", &e), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "/nowhere/e.npz");
    assert_int_equal(attn_aaren_episodes_read(test_ctx, "walker.hdf5", &e), ATTN_EINVAL);
    test_expect_sentence(test_ctx, "walker.hdf5: found a name of HDF5, expected .npz (numpy.savez of its arrays)");
}

/* ------------------------------------------------------------------------------------------------------------- npz */

enum { MOST = 2500 };
struct arrays {
    float observation[2 * MOST], action[MOST], reward[MOST];
    uint8_t terminal[MOST], timeout[MOST];
    int64_t rows, action_rows, reward_rows;
    bool timed;
};

static void fill(struct arrays *a, int64_t rows, bool timed) {
    *a = (struct arrays){.rows = rows, .action_rows = rows, .reward_rows = rows, .timed = timed};
    for (int64_t i = 0; i < rows; i++) {
        a->observation[2 * i] = (float)i;
        a->observation[2 * i + 1] = (float)-i;
        a->action[i] = 0.5f * (float)i;
        a->reward[i] = 1;
    }
}

static void write_arrays(const struct arrays *a, bool terminals) {
    const int64_t seen[] = {a->rows, 2}, done[] = {a->action_rows, 1}, line[] = {a->rows}, paid[] = {a->reward_rows};
    const struct attn_safetensors_source sources[] = {{"observations", ATTN_NPY_F32, 2, seen, a->observation},
                                                      {"actions", ATTN_NPY_F32, 2, done, a->action},
                                                      {"rewards", ATTN_NPY_F32, 1, paid, a->reward},
                                                      {"terminals", ATTN_NPY_BOOL, 1, line, a->terminal},
                                                      {"timeouts", ATTN_NPY_BOOL, 1, line, a->timeout}};
    struct attn_file_writer writer;
    snprintf(path, sizeof path, "%s/e.npz", test_folder);
    assert_int_equal(attn_file_begin(test_ctx, NULL, path, &writer), ATTN_OK);
    assert_int_equal(attn_npz_write(test_ctx, &writer, sources, terminals ? (a->timed ? 5 : 4) : 3, true), ATTN_OK);
    assert_int_equal(attn_file_sync(test_ctx, &writer), ATTN_OK);
    assert_int_equal(attn_file_commit(test_ctx, &writer), ATTN_OK);
}

static void arrays_are_cut_behind_terminals_and_timeouts(void **state) {
    static struct arrays a;
    struct attn_aaren_episodes e;
    (void)state;
    fill(&a, 10, true);
    a.terminal[2] = a.timeout[6] = a.terminal[6] = a.timeout[7] = 1;
    write_arrays(&a, true);
    assert_int_equal(attn_aaren_episodes_read(test_ctx, path, &e), ATTN_OK);
    assert_true(e.count == 3 && e.steps == 8 && e.observations == 2 && e.actions == 1); /* rows 8 and 9 have no end */
    assert_true(e.first[1] == 3 && e.first[2] == 7 && e.first[3] == 8);
    for (int64_t t = 0; t < 8; t++)
        assert_true(e.observation[2 * t + 1] == (float)-t && e.action[t] == 0.5f * (float)t && e.reward[t] == 1);
    assert_true(e.to_go[0] == 3 && e.to_go[3] == 4 && e.to_go[6] == 1 && e.to_go[7] == 1);
    attn_aaren_episodes_free(test_ctx, &e);
}

static void without_timeouts_an_episode_ends_after_a_thousand_steps(void **state) {
    static struct arrays a;
    struct attn_aaren_episodes e;
    (void)state;
    fill(&a, MOST, false);
    a.terminal[99] = 1;
    write_arrays(&a, true);
    assert_int_equal(attn_aaren_episodes_read(test_ctx, path, &e), ATTN_OK);
    assert_true(e.count == 3 && e.steps == 2100 && e.first[1] == 100 && e.first[2] == 1100 && e.first[3] == 2100);
    attn_aaren_episodes_free(test_ctx, &e);
}

static void expect_refused(const struct arrays *a, bool terminals, const char *sentence) {
    struct attn_aaren_episodes e;
    write_arrays(a, terminals);
    assert_int_equal(attn_aaren_episodes_read(test_ctx, path, &e), ATTN_EINVAL);
    test_expect_sentence(test_ctx, sentence);
}

static void malformed_arrays_are_refused_by_name_row_and_column(void **state) {
    static struct arrays a;
    (void)state;
    fill(&a, 10, true);
    expect_refused(&a, true, "found no end of an episode in 10 steps, expected one in \"terminals\" or \"timeouts\"");
    a.terminal[9] = 1;
    expect_refused(&a, false, "found no array \"terminals\", expected one of its 3");
    a.observation[7] = NAN;
    expect_refused(&a, true, "array \"observations\": row 4, column 2: found nan, expected a finite number");
    fill(&a, 10, true);
    a.reward[3] = INFINITY;
    expect_refused(&a, true, "array \"rewards\": row 4, column 1: found inf, expected a finite number");
    fill(&a, 10, true);
    a.action_rows = 9;
    expect_refused(&a, true, "array \"actions\": found 2 axes of 9 rows, expected 2 and as many rows as \"observations\"");
    fill(&a, 10, true);
    a.reward_rows = 11;
    expect_refused(&a, true, "array \"rewards\": found 1 axes of 11 rows, expected 1 and as many rows as \"observations\"");
    fill(&a, 0, true);
    expect_refused(&a, true, "array \"observations\": found 0 rows of 2 numbers, expected rows of 1 to 512");
}

/* ------------------------------------------------------------------------------------------------------- real sets */

static void check_real(const char *name, int64_t count, int64_t steps, int64_t observations, int64_t actions, double mean) {
    struct attn_aaren_episodes e;
    char text[1024];
    if (attn_aaren_episodes_read(test_ctx, test_data(name), &e)) fail_msg("%s", attn_ctx_error(test_ctx, text, sizeof text));
    assert_true(e.count == count && e.steps == steps && e.observations == observations && e.actions == actions);
    if (mean != 0) assert_true(fabs(attn_aaren_episodes_return(&e) - mean) < 0.05);
    attn_aaren_episodes_free(test_ctx, &e);
}

/* As the sets' own description counts them. */
static void the_door_is_read(void **state) {
    (void)state;
    check_real("offline-rl/door_human.csv.gz", 25, 6729, 39, 28, 0);
}
static void the_pendulum_is_read(void **state) {
    (void)state;
    check_real("offline-rl/pendulum_expert.csv.gz", 56, 11200, 3, 1, -189.4);
}
static void the_cart_and_pole_are_read(void **state) {
    (void)state;
    check_real("offline-rl/cartpole_expert.csv.gz", 57, 26964, 4, 1, 473.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_episodes_are_read_again),
        cmocka_unit_test(returns_to_go_are_sums_to_the_episodes_end),
        cmocka_unit_test(every_malformed_file_is_refused_with_line_and_column),
        cmocka_unit_test(too_many_numbers_and_other_files_are_refused),
        cmocka_unit_test(arrays_are_cut_behind_terminals_and_timeouts),
        cmocka_unit_test(without_timeouts_an_episode_ends_after_a_thousand_steps),
        cmocka_unit_test(malformed_arrays_are_refused_by_name_row_and_column),
        cmocka_unit_test(the_door_is_read),
        cmocka_unit_test(the_pendulum_is_read),
        cmocka_unit_test(the_cart_and_pole_are_read),
    };
    return cmocka_run_group_tests(tests, test_setting_open, test_setting_close);
}
