/* What is told of a model before it trains: the state that it keeps as a sequence or as a stream, its operations; and what positions=auto makes of mixers. */
#include "support/setting.h"
#include "system/aaren/aaren.h"
#include "train/cost.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 8, LAYERS = 2, ROWS = 12 };

static struct attn_cost cost_of(const struct attn_task *task, const char *words) {
    struct test_job job;
    char text[1024];
    if (test_job_try(&job, test_ctx, task, words, NULL) || attn_job_cost(&job.job))
        fail_msg("%s %s: %s", task->name, words, attn_ctx_error(test_ctx, text, sizeof text));
    const struct attn_cost cost = job.job.cost;
    test_job_close(&job);
    return cost;
}

static const struct {
    const struct attn_task *task;
    const char *words, *length; /* the field that says how many rows are seen at once */
    int64_t tokens;             /* of a row */
} streams[] = {
    {&attn_aaren_forecast, "rows=300 horizon=4 batch=2", "length", 1},
    {&attn_aaren_classify, "train_examples=12 test_examples=6 batch=2 head=mean", "length", 1},
    {&attn_aaren_events, "horizon=10 train_sequences=8 test_sequences=4 batch=2", "length", 1},
    {&attn_aaren_control, "episodes=10 batch=2", "context", 3},
};
enum { STREAMS = sizeof streams / sizeof streams[0] };

static struct attn_cost stream_cost(size_t task, const char *mixer, int rows) {
    char words[512];
    snprintf(words, sizeof words, "%s %s=%d mixer=%s:heads=2 width=%d ffn=8 layers=%d", streams[task].words, streams[task].length, rows,
             mixer, WIDTH, LAYERS);
    return cost_of(streams[task].task, words);
}

static void a_streams_state_is_told_with_its_run(void **state) {
    (void)state;
    for (size_t i = 0; i < STREAMS; i++) {
        const struct attn_cost once = stream_cost(i, "aaren", ROWS), twice = stream_cost(i, "aaren", 2 * ROWS),
                               cached = stream_cost(i, "attention", ROWS), longer = stream_cost(i, "attention", 2 * ROWS);
        const int64_t tokens = ROWS * streams[i].tokens, aaren = LAYERS * (2 * WIDTH + 3 * 2), cache = LAYERS * 2 * WIDTH * tokens;
        assert_true(once.state_bytes > aaren * 4); /* what the task keeps besides stands in both */
        assert_int_equal(once.state_bytes, twice.state_bytes);
        assert_int_equal(cached.state_bytes - once.state_bytes, (cache - aaren) * 4);
        assert_int_equal(longer.state_bytes - cached.state_bytes, cache * 4);
        assert_int_equal(once.paper_state_bytes, -1);
        assert_true(once.forward_flops > 0 && once.step_flops > once.forward_flops);
    }
}

static void models_that_are_no_streams_have_no_state(void **state) {
    (void)state;
    assert_int_equal(
        cost_of(&attn_aaren_forecast, "rows=300 length=12 horizon=4 width=8 ffn=8 layers=1 padding=circular supervise=last").state_bytes,
        -1);
    assert_int_equal(cost_of(&attn_aaren_classify, "train_examples=12 width=8 ffn=8 layers=1 padding=circular").state_bytes, -1);
    assert_int_equal(cost_of(&attn_aaren_recall, "pairs=2 width=8 ffn=8 layers=1 mixer=aaren").state_bytes, -1);
}

static bool has_positions(const char *mixer) {
    struct test_job job;
    char words[128];
    bool found = false;
    snprintf(words, sizeof words, "layers=2 mixer=%s", mixer);
    test_job_open(&job, test_ctx, NULL, words);
    for (int64_t i = 0; i < attn_model_count(job.job.model); i++)
        found = found || strcmp(attn_model_name(job.job.model, i), "positions.weight") == 0;
    test_job_close(&job);
    return found;
}

static void positions_are_added_where_no_mixer_knows_the_order(void **state) {
    static const char *const blind[] = {"attention", "attention:heads=2", "aaren", "aaren:heads=2", "aaren:heads=2+attention"},
                             *const seeing[] = {"baseconv:kernel=3+attention", "aaren+baseconv:kernel=3", "linear", "retnet:heads=1"};
    (void)state;
    for (size_t i = 0; i < sizeof blind / sizeof blind[0]; i++)
        if (!has_positions(blind[i])) fail_msg("%s has no positions", blind[i]);
    for (size_t i = 0; i < sizeof seeing / sizeof seeing[0]; i++)
        if (has_positions(seeing[i])) fail_msg("%s has positions", seeing[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_streams_state_is_told_with_its_run),
        cmocka_unit_test(models_that_are_no_streams_have_no_state),
        cmocka_unit_test(positions_are_added_where_no_mixer_knows_the_order),
    };
    return cmocka_run_group_tests_name("train: cost", tests, test_setting_open, test_setting_close);
}
