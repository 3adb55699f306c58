/* The paper's own setting: 256 numbers of state, first weights within .08, SGD at 1.0 with gradients clipped to 2, as many steps as 15 passes over a million examples in batches of 128 (drawn with replacement),
 * beams of 3. Every arm takes a day of a processor core or some. */
#include "system/pointer/experiments.h"

#include "system/pointer/pointer.h"

static const char *const rate[] = {"lr=1", NULL};

#define PAPER                                                                                                                              \
    "hidden=256", "init=0.08", "optimizer=sgd", "clip=2", "schedule=constant", "batch=128", "train_examples=1000000", "steps=0",           \
        "epochs=15", "beam=3", NULL
static const char *const common[] = {PAPER};

static const struct attn_arm hull_arms[] = {
    {"Ptr-Net 50", {"model=ptrnet", "points=50", "test_points=50"}},
    {"attention 50", {"model=attention", "points=50", "test_points=50"}},
    {"LSTM 50", {"model=lstm", "points=50", "test_points=50"}},
    {"LSTM 5", {"model=lstm", "points=5", "test_points=5"}},
    {"LSTM 10", {"model=lstm", "points=10", "test_points=10"}},
    {"Ptr-Net 5-50", {"model=ptrnet", "points=5-50", "test_points=5+10+50+100+200+500"}},
};
static const struct attn_arm triangulation_arms[] = {{"Ptr-Net 5", {"points=5", "test_points=5"}},
                                                     {"Ptr-Net 10", {"points=10", "test_points=10"}},
                                                     {"Ptr-Net 50", {"points=50", "test_points=50"}}};
static const struct attn_arm tour_arms[] = {
    {"Ptr-Net 5", {"points=5", "test_points=5"}},
    {"Ptr-Net 10", {"points=10", "test_points=10"}},
    {"Ptr-Net 50 (A1)", {"points=50", "test_points=50", "labels=a1"}},
    {"Ptr-Net 50 (A3)", {"points=50", "test_points=50", "labels=a3"}},
    {"Ptr-Net 5-20", {"points=5-20", "test_points=5+10+20+25+30+40+50"}},
};

#define EXPERIMENT(name_, title_, task_, arms_)                                                                                            \
    {                                                                                                                                      \
        .name = name_, .title = title_, .task = &task_, .common = common, .tuning = rate, .arms = arms_,                                   \
        .arm_count = sizeof(arms_) / sizeof(arms_)[0], .seeds = 1                                                                          \
    }
const struct attn_experiment attn_pointer_hulls_paper = EXPERIMENT("hulls", "Hulls, as in table 1", attn_pointer_hull, hull_arms);
const struct attn_experiment attn_pointer_triangulations_paper =
    EXPERIMENT("triangulations", "Triangulations of 5, 10 and 50 points", attn_pointer_delaunay, triangulation_arms);
const struct attn_experiment attn_pointer_tours_paper = EXPERIMENT("tours", "Tours, as in table 2", attn_pointer_tsp, tour_arms);
