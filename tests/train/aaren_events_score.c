/* What figures of events say without a model: how far a Poisson process is behind, in standard errors. */
#include "base/random.h"
#include "support/training.h"
#include "system/aaren/events_loss.h"
#include "system/aaren/events_score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { PIECES = 40, MARKS = 3 };

/* Events of a piece under a mixture of one component, the end of a watch behind them; the Poisson process's loss less the model's. */
static double add_piece(struct attn_event_score *score, const struct attn_event_facts *facts, struct attn_random *random, int events) {
    double gain = 0;
    for (int i = 0; i <= events; i++) {
        const bool ends = i == events;
        const struct attn_log_normals mixture = {.count = 1, .mean = {attn_random_normal(random)}, .deviation = {0.5}};
        const double span = 0.1 + attn_random_uniform(random), y = log(span / facts->unit);
        const int32_t mark = (int32_t)attn_random_below(random, MARKS);
        const struct attn_event_answer answer = {.mixture = &mixture,
                                                 .target = ends ? ATTN_EVENT_SURVIVAL : ATTN_EVENT_DENSITY,
                                                 .y = y,
                                                 .span = span,
                                                 .next = ends ? -1 : mark,
                                                 .ends = ends,
                                                 .loss = attn_random_uniform(random),
                                                 .best = 0};
        attn_event_score_add(score, facts, &answer, false);
        gain += facts->rate * span - attn_event_time_loss(&mixture, y, answer.target, false);
        if (!ends) gain -= log(facts->rate * facts->unit) + log(facts->share[mark]) + answer.loss;
    }
    attn_event_score_end_piece(score, true);
    return gain;
}

/* The mean gain of an event over its standard error, from residuals of every piece: two passes, where the score has sums of squares. */
static void a_gain_is_told_in_standard_errors_of_pieces(void **state) {
    double share[MARKS] = {0.5, 0.3, 0.2}, gain[PIECES], events[PIECES], gains = 0, all = 0, squares = 0;
    const struct attn_event_facts facts = {.unit = 0.7, .least = 0.01, .mean = 0.6, .rate = 1.6, .share = share, .marks = MARKS};
    struct attn_event_score score = {.pieces = 0};
    struct attn_figures figures = {.count = 0};
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 5);
    for (int p = 0; p < PIECES; p++) {
        events[p] = 1 + (double)attn_random_below(&random, 20);
        gain[p] = add_piece(&score, &facts, &random, (int)events[p]);
        gains += gain[p];
        all += events[p];
    }
    for (int p = 0; p < PIECES; p++) squares += pow(gain[p] - gains / all * events[p], 2);
    const double error = sqrt(squares * PIECES / (PIECES - 1)) / all, want = gains / all / error;
    attn_event_score_figures(&score, &facts, "", true, false, &figures);
    const double got = attn_figures_get(&figures, "poisson_errors");
    if (!(fabs(got - want) <= 1e-9 * fabs(want))) fail_msg("%.15g, by its definition %.15g", got, want);
    assert_true(fabs(attn_figures_get(&figures, "poisson_nll") - attn_figures_get(&figures, "nll") - gains / all) <= 1e-9);
}

static void one_piece_has_no_standard_error(void **state) {
    double share[MARKS] = {0.5, 0.3, 0.2};
    const struct attn_event_facts facts = {.unit = 1, .least = 0.01, .mean = 0.6, .rate = 1.6, .share = share, .marks = MARKS};
    struct attn_event_score score = {.pieces = 0};
    struct attn_figures figures = {.count = 0};
    struct attn_random random;
    (void)state;
    attn_random_init(&random, 6);
    add_piece(&score, &facts, &random, 9);
    attn_event_score_figures(&score, &facts, "", true, false, &figures);
    assert_true(isnan(attn_figures_get(&figures, "poisson_errors")));
    assert_true(isfinite(attn_figures_get(&figures, "poisson_nll")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gain_is_told_in_standard_errors_of_pieces),
        cmocka_unit_test(one_piece_has_no_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
