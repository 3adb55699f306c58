/* The claims of the paper, with the thresholds of a setting that was calibrated for two processor cores before this was built. */
#include "system/pointer/claims.h"

#include "system/pointer/experiments.h"

/* ----------------------------------------------------------------------------------------------------------------- sums */

#define FIGURE(name, sign, arm_, figure_) static const struct attn_claim_term name[] = {{sign, arm_, figure_}, {0, NULL, NULL}}
#define MINUS(name, arm_, more, less)     static const struct attn_claim_term name[] = {{1, arm_, more}, {-1, arm_, less}, {0, NULL, NULL}}

/* One model on more and more points: each loses to the one before. */
MINUS(hull_10, "Ptr-Net", "accuracy_10", "accuracy_12");
MINUS(hull_12, "Ptr-Net", "accuracy_12", "accuracy_15");
MINUS(hull_15, "Ptr-Net", "accuracy_15", "accuracy_20");
MINUS(hull_20, "Ptr-Net", "accuracy_20", "accuracy_30");
MINUS(hull_30, "Ptr-Net", "accuracy_30", "accuracy_50");
static const struct attn_claim_term *const decaying[] = {hull_10, hull_12, hull_15, hull_20, hull_30, NULL};

MINUS(tour_8, "Ptr-Net", "ratio_10", "ratio_8");
MINUS(tour_10, "Ptr-Net", "ratio_15", "ratio_10");
static const struct attn_claim_term *const breaking[] = {tour_8, tour_10, NULL};

MINUS(wide_5, "Ptr-Net", "accuracy_5_wide", "accuracy_5");
MINUS(wide_10, "Ptr-Net", "accuracy_10_wide", "accuracy_10");
static const struct attn_claim_term *const wide[] = {wide_5, wide_10, NULL};

FIGURE(area_5, 1, "Ptr-Net", "simple_area_5");
FIGURE(area_10, 1, "Ptr-Net", "simple_area_10");
static const struct attn_claim_term *const areas[] = {area_5, area_10, NULL};

FIGURE(simple_5, 1, "Ptr-Net", "simple_5");
FIGURE(simple_10, 1, "Ptr-Net", "simple_10");
static const struct attn_claim_term *const simple[] = {simple_5, simple_10, NULL};

FIGURE(near_5, 1, "Ptr-Net", "simple_area_5_wide");
FIGURE(near_10, 1, "Ptr-Net", "simple_area_10_wide");
static const struct attn_claim_term *const near[] = {near_5, near_10, NULL};

FIGURE(rule_5, 1, "Ptr-Net", "simple_5_wide");
FIGURE(rule_10, 1, "Ptr-Net", "simple_10_wide");
static const struct attn_claim_term *const rule[] = {rule_5, rule_10, NULL};

static const struct attn_claim_term shorter_than_labels[] = {
    {1, "Ptr-Net", "label_length_10"}, {-1, "Ptr-Net", "length_10"}, {0, NULL, NULL}};
static const struct attn_claim_term near_labels[] = {{1.06, "Ptr-Net", "label_length_10"}, {-1, "Ptr-Net", "length_10"}, {0, NULL, NULL}};
static const struct attn_claim_term *const beating[] = {shorter_than_labels, NULL}, *const following[] = {near_labels, NULL};

MINUS(below_a1, "Ptr-Net", "a1_5", "length_5");
MINUS(below_nearest, "Ptr-Net", "nearest_5", "length_5");
static const struct attn_claim_term *const beating_greedy[] = {below_a1, below_nearest, NULL};

static const struct attn_claim_term escape[] = {{1, "within .08", "loss"}, {-1, "within .2", "loss"}, {0, NULL, NULL}};
static const struct attn_claim_term *const escaping[] = {escape, NULL};

static const struct attn_claim_term in_order[] = {{1, "by incentre", "accuracy_5"}, {-1, "in no order", "accuracy_5"}, {0, NULL, NULL}};
static const struct attn_claim_term *const ordered[] = {in_order, NULL};

static const struct attn_claim_term long_before[] = {
    {1, "Ptr-Net 50 (A1)", "label_length_50"}, {-1, "Ptr-Net 50 (A1)", "length_50"}, {0, NULL, NULL}};
static const struct attn_claim_term *const beating_50[] = {long_before, NULL};

/* --------------------------------------------------------------------------------------------------------------- claims */

#define FULL(what)                                                                                                                         \
    {                                                                                                                                      \
        [ATTN_FULL] = {.experiment = &attn_pointer_##what##_full }                                                                         \
    }
#define FULL_BUT(what, verdict, why)                                                                                                       \
    {                                                                                                                                      \
        [ATTN_FULL] = {.experiment = &attn_pointer_##what##_full, .expected = verdict, .reason = why }                                     \
    }
#define FULL_BUT_AND_NIGHT(what, verdict, why)                                                                                             \
    {                                                                                                                                      \
        [ATTN_FULL] = {.experiment = &attn_pointer_##what##_full, .expected = verdict, .reason = why}, [ATTN_NIGHT] = {                    \
            .experiment = &attn_pointer_##what##_night                                                                                     \
        }                                                                                                                                  \
    }
#define QUICK_AND_FULL_BUT(what, verdict, why)                                                                                             \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.experiment = &attn_pointer_##what##_quick}, [ATTN_FULL] = {                                                       \
            .experiment = &attn_pointer_##what##_full,                                                                                     \
            .expected = verdict,                                                                                                           \
            .reason = why                                                                                                                  \
        }                                                                                                                                  \
    }
#define QUICK_AND_FULL(what)                                                                                                               \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.experiment = &attn_pointer_##what##_quick}, [ATTN_FULL] = {.experiment = &attn_pointer_##what##_full }            \
    }
#define QUICK_AND_FULL_BUT_BOTH(what, verdict, why_quick, why_full)                                                                        \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.experiment = &attn_pointer_##what##_quick, .expected = verdict, .reason = why_quick}, [ATTN_FULL] = {             \
            .experiment = &attn_pointer_##what##_full,                                                                                     \
            .expected = verdict,                                                                                                           \
            .reason = why_full                                                                                                             \
        }                                                                                                                                  \
    }
#define ONE_SEED(what)                                                                                                                     \
    {                                                                                                                                      \
        [ATTN_PAPER] = {.experiment = &attn_pointer_##what##_paper, .expected = ATTN_INCONCLUSIVE, .reason = "one seed" }                  \
    }

#define QUICK(what)                                                                                                                        \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.experiment = &attn_pointer_##what##_quick }                                                                       \
    }

const struct attn_claim attn_pointer_claims[ATTN_POINTER_CLAIMS] = {
    {.name = "pointers-beat-the-lstm",
     .sentence = "Ptr-Net finds far more hulls than an LSTM sequence-to-sequence model: at 10 points, at least .4 more",
     .place = "table 1",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"Ptr-Net", "LSTM"},
     .figure = "accuracy_10",
     .threshold = 0.4,
     .at = QUICK_AND_FULL_BUT(hulls, ATTN_INCONCLUSIVE, "LSTMs find .36 to .44 of the hulls, from seed to seed: three are too few")},
    {.name = "pointers-beat-attention",
     .sentence = "Ptr-Net finds more hulls than the LSTM with attention to its input",
     .place = "table 1",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"Ptr-Net", "attention"},
     .figure = "accuracy_10",
     .threshold = 0,
     .at = QUICK_AND_FULL_BUT_BOTH(hulls, ATTN_INCONCLUSIVE,
                                   "attention varies from seed to seed, and roundings change which seeds it learns with",
                                   "attention at 1e-2 comes within .02 of Ptr-Net in 60,000 steps")},
    {.name = "attention-beats-the-lstm",
     .sentence = "Attention to the input helps the LSTM",
     .place = "table 1",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"attention", "LSTM"},
     .figure = "accuracy_10",
     .threshold = 0,
     .at = QUICK_AND_FULL(hulls)},
    {.name = "the-lstm-fails",
     .sentence = "More than 1% of the LSTM's answers at 10 points are no simple polygons: its area is FAIL",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"LSTM"},
     .figure = "simple_10",
     .threshold = -0.99,
     .at = QUICK_AND_FULL(hulls)},
    {.name = "hulls-of-5",
     .sentence = "Greedy answers for 5 points are right in at least .8 of the cases",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_5",
     .threshold = 0.8,
     .at = QUICK(hulls)},
    {.name = "hulls-of-10",
     .sentence = "The same model for 10 points: in at least .62",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_10",
     .threshold = 0.62,
     .at = QUICK(hulls)},
    {.name = "areas",
     .sentence = "Answers that are simple polygons cover at least .99 of the hull, in the range of training",
     .place = "table 1",
     .kind = ATTN_CLAIM_SUMS,
     .sums = areas,
     .threshold = 0.99,
     .at = QUICK_AND_FULL(hulls)},
    {.name = "polygons",
     .sentence = "At least .95 of the answers are simple polygons there, without a constraint",
     .place = "sec. 4.2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = simple,
     .threshold = 0.95,
     .at = QUICK_AND_FULL(hulls)},
    {.name = "beams-do-no-harm",
     .sentence = "A beam of 3 finds no fewer hulls than greedy answers, within .01",
     .place = "sec. 3",
     .kind = ATTN_CLAIM_SUMS,
     .sums = wide,
     .threshold = -0.01,
     .at = QUICK_AND_FULL(hulls)},
    {.name = "hulls-beyond-training-15",
     .sentence = "Trained on 5 to 10 points, Ptr-Net finds at least .38 of the hulls of 15",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_15",
     .threshold = 0.38,
     .at = QUICK(hulls)},
    {.name = "hulls-beyond-training-20",
     .sentence = "and at least .2 of those of 20",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_20",
     .threshold = 0.2,
     .at = QUICK(hulls)},
    {.name = "areas-beyond-training",
     .sentence = "Its simple polygons of 50 points still cover at least .96 of the hull",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "simple_area_50",
     .threshold = 0.96,
     .at = QUICK(hulls)},
    {.name = "hulls-decay-gracefully",
     .sentence = "Accuracy falls from 10 points on to 12, 15, 20, 30 and 50",
     .place = "table 1",
     .kind = ATTN_CLAIM_SUMS,
     .sums = decaying,
     .threshold = 0,
     .at = QUICK(hulls)},
    {.name = "tours-of-5",
     .sentence = "Tours of 5 cities are within 1% of the shortest",
     .place = "table 2",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"Ptr-Net"},
     .figure = "ratio_5",
     .lower = true,
     .threshold = -1.01,
     .at = QUICK_AND_FULL(tours)},
    {.name = "tours-of-8",
     .sentence = "Tours of 8 cities are within 5% of the shortest",
     .place = "table 2",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"Ptr-Net"},
     .figure = "ratio_8",
     .lower = true,
     .threshold = -1.05,
     .at = QUICK_AND_FULL(tours)},
    {.name = "tours-beat-the-greedy",
     .sentence = "Its tours of 5 cities are shorter than those of greedy edges (A1) and of the nearest neighbour, of the same cities",
     .place = "table 2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = beating_greedy,
     .threshold = 0,
     .at = QUICK_AND_FULL(tours)},
    {.name = "tours-break-beyond-training",
     .sentence = "Beyond the training range tours break down: worse at 10 cities than at 8, and at 15 than at 10",
     .place = "table 2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = breaking,
     .threshold = 0,
     .at = QUICK(tours)},
    {.name = "constrained-tours-are-valid",
     .sentence = "Under the constraint every answer is a tour, at all numbers of cities that it is tested on",
     .place = "sec. 4.4",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "valid",
     .threshold = 1,
     .at = QUICK_AND_FULL(tours)},
    {.name = "hulls-of-5-as-the-paper",
     .sentence = "One model for 5 to 20 points finds the hulls of 5 as often as the paper's for 5 to 50 does (.92), within .03",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_5",
     .threshold = 0.89,
     .at = FULL(hulls)},
    {.name = "hulls-of-10-as-the-paper",
     .sentence = "and those of 10 (.87), within .03",
     .place = "table 1",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_10",
     .threshold = 0.84,
     .at = FULL(hulls)},
    {.name = "areas-as-the-paper",
     .sentence = "With a beam of 3 its simple polygons of 5 and 10 points cover at least .996 of the hull",
     .place = "table 1",
     .kind = ATTN_CLAIM_SUMS,
     .sums = near,
     .threshold = 0.996,
     .at = FULL(hulls)},
    {.name = "polygons-as-the-paper",
     .sentence =
         "With a beam of 3 no more than 1% of its answers for 5 and 10 points are no simple polygons: the paper's rule for telling an area",
     .place = "table 1",
     .kind = ATTN_CLAIM_SUMS,
     .sums = rule,
     .threshold = 0.99,
     .at = FULL(hulls)},
    {.name = "triangulations-as-the-paper",
     .sentence = "Triangulations of 5 points are right as often as in the paper (.807), within .03",
     .place = "sec. 4.3",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_5",
     .threshold = 0.777,
     .at = FULL_BUT_AND_NIGHT(triangulations, ATTN_DOES_NOT_HOLD, "6.4 million examples are seen, in the paper 15 million")},
    {.name = "triangles-as-the-paper",
     .sentence = "and cover as many of the true triangles (.93), within .03",
     .place = "sec. 4.3",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "coverage_5",
     .threshold = 0.9,
     .at = FULL_BUT_AND_NIGHT(triangulations, ATTN_DOES_NOT_HOLD, "6.4 million examples are seen, in the paper 15 million")},
    {.name = "triangles-in-order",
     .sentence = "Triangles in the order of their incentres are learned, in no order they are not: at least .1 fewer triangulations",
     .place = "sec. 4.3",
     .kind = ATTN_CLAIM_SUMS,
     .sums = ordered,
     .threshold = 0.1,
     .at = FULL_BUT(order, ATTN_INCONCLUSIVE, ".14 fewer, but seeds differ by more than three can tell")},
    {.name = "triangles-in-minutes",
     .sentence = "In that order 60,000 steps cover at least .75 of the true triangles",
     .place = "sec. 4.3",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"by incentre"},
     .figure = "coverage_5",
     .threshold = 0.75,
     .at = FULL(order)},
    {.name = "tours-of-5-as-the-paper",
     .sentence = "Tours of 5 cities are as short as in the paper: within .5% of the shortest",
     .place = "table 2",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"Ptr-Net"},
     .figure = "ratio_5",
     .lower = true,
     .threshold = -1.005,
     .at = FULL(tours)},
    {.name = "tours-of-10-as-the-paper",
     .sentence = "Tours of 10 cities are within 1.5% of the shortest",
     .place = "table 2",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"Ptr-Net"},
     .figure = "ratio_10",
     .lower = true,
     .threshold = -1.015,
     .at = FULL(tours)},
    {.name = "imitation-follows-its-teacher",
     .sentence = "A model that learns the tours of A1 is at most 6% longer",
     .place = "table 2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = following,
     .threshold = 0,
     .at = FULL(imitation)},
    {.name = "imitation-beats-its-teacher",
     .sentence = "and its tours are shorter than those that it has learned from",
     .place = "table 2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = beating,
     .threshold = 0,
     .at =
         FULL_BUT(imitation, ATTN_DOES_NOT_HOLD, "at 10 cities A1, with its 2-opt rounds, is a third of a percent shorter than its pupil")},
    {.name = "numbers-are-sorted",
     .sentence = "5 numbers are put in order in at least .95 of the cases",
     .place = "-",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net"},
     .figure = "accuracy_5",
     .threshold = 0.95,
     .at = FULL(sorting)},
    {.name = "larger-first-weights-learn",
     .sentence = "First weights within .2 leave the plateau in 1500 steps: less than .8 a token",
     .place = "-",
     .kind = ATTN_CLAIM_AT_MOST,
     .arms = {"within .2"},
     .figure = "loss",
     .lower = true,
     .threshold = -0.8,
     .at = FULL(plateau)},
    {.name = "the-papers-first-weights-wait",
     .sentence = "Those within .08, the paper's, are behind by then",
     .place = "-",
     .kind = ATTN_CLAIM_SUMS,
     .sums = escaping,
     .threshold = 0.3,
     .at = FULL_BUT(plateau, ATTN_INCONCLUSIVE, ".37 behind, but seeds differ by more than three can tell")},
    {.name = "every-model-runs",
     .sentence = "(no claim of the paper: every model of every task has gradients of two steps and answers)",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = attn_pointer_check_models,
     .at = {[ATTN_SMOKE] = {.tested = true}}},
    {.name = "untrained-tours-are-valid",
     .sentence = "The constraint makes tours of an untrained model's answers too",
     .place = "sec. 4.4",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = attn_pointer_check_untrained,
     .at = {[ATTN_SMOKE] = {.tested = true}, [ATTN_QUICK] = {.tested = true}, [ATTN_FULL] = {.tested = true}}},
    {.name = "table-1-of-50",
     .sentence = "At 50 points Ptr-Net is ahead of attention, and attention of the LSTM",
     .place = "table 1",
     .kind = ATTN_CLAIM_RISING,
     .arms = {"LSTM 50", "attention 50", "Ptr-Net 50"},
     .figure = "accuracy_50",
     .threshold = 0,
     .at = ONE_SEED(hulls)},
    {.name = "triangles-of-50",
     .sentence = "Of 50 points about half of the triangles are found (.528), within .03",
     .place = "sec. 4.3",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Ptr-Net 50"},
     .figure = "coverage_50",
     .threshold = 0.498,
     .at = ONE_SEED(triangulations)},
    {.name = "imitation-beats-its-teacher-at-50",
     .sentence = "A model that learns A1's tours of 50 cities has shorter ones",
     .place = "table 2",
     .kind = ATTN_CLAIM_SUMS,
     .sums = beating_50,
     .threshold = 0,
     .at = ONE_SEED(tours)},
};
