/* Tables 1 and 2 of the paper and its numbers for triangulations, and behind the paper's rows those of what is measured here. A row that is measured is one line:
 * its method, the arm, the numbers of points of training, that of the test, and at each scale the experiment it comes from. */
#include "system/pointer/tables.h"

#include "system/pointer/experiments.h"

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

/* Experiments of scales. */
#define QUICK(name)       [ATTN_QUICK] = &attn_pointer_##name##_quick
#define FULL(name)        [ATTN_FULL] = &attn_pointer_##name##_full
#define NIGHT(name)       [ATTN_NIGHT] = &attn_pointer_##name##_night
#define PAPER_SCALE(name) [ATTN_PAPER] = &attn_pointer_##name##_paper

/* ---------------------------------------------------------------------------------------------------------------- hulls */

/* way: "" or "_wide", of decoding. */
#define HULL_CELLS(method_, arm_, trained_, n_, way_, accuracy_, area_)                                                                    \
    .cell = {{.text = method_},                                                                                                            \
             {.text = trained_},                                                                                                           \
             {.text = #n_},                                                                                                                \
             {.text = accuracy_},                                                                                                          \
             {.text = area_},                                                                                                              \
             {.arm = arm_, .figure = "accuracy_" #n_ way_},                                                                                \
             {.arm = arm_, .figure = "area_" #n_ way_, .failing = "simple_area_" #n_ way_}}
#define PAPER_HULL(method_, arm_, trained_, n_, accuracy_, area_)                                                                          \
    {                                                                                                                                      \
        HULL_CELLS(method_, arm_, trained_, n_, "", accuracy_, area_), .paper = true, .at = { PAPER_SCALE(hulls) }                         \
    }
#define HULL(method_, arm_, trained_, n_, way_, ...)                                                                                       \
    {                                                                                                                                      \
        HULL_CELLS(method_, arm_, trained_, n_, way_, NULL, NULL), .at = { __VA_ARGS__ }                                                   \
    }

static const struct attn_paper_column hull_columns[] = {
    {"method", ATTN_PAPER_TEXT},       {"trained n", ATTN_PAPER_TEXT}, {"n", ATTN_PAPER_TEXT},
    {"accuracy", ATTN_PAPER_TEXT},     {"area", ATTN_PAPER_TEXT},      {"accuracy here", ATTN_PAPER_PERCENT},
    {"area here", ATTN_PAPER_PERCENT},
};
static const struct attn_paper_row hull_rows[] = {
    PAPER_HULL("LSTM", "LSTM 50", "50", 50, "1.9 %", "FAIL"),
    PAPER_HULL("+ attention", "attention 50", "50", 50, "38.9 %", "99.7 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 50", "50", 50, "72.6 %", "99.9 %"),
    PAPER_HULL("LSTM", "LSTM 5", "5", 5, "87.7 %", "99.6 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 5, "92.0 %", "99.6 %"),
    PAPER_HULL("LSTM", "LSTM 10", "10", 10, "29.9 %", "FAIL"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 10, "87.0 %", "99.8 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 50, "69.6 %", "99.9 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 100, "50.3 %", "99.9 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 200, "22.1 %", "99.9 %"),
    PAPER_HULL("Ptr-Net", "Ptr-Net 5-50", "5-50", 500, "1.3 %", "99.2 %"),
    HULL("LSTM", "LSTM", "5-10", 5, "", QUICK(hulls)),
    HULL("LSTM", "LSTM", "5-10", 10, "", QUICK(hulls)),
    HULL("+ attention", "attention", "5-10", 5, "", QUICK(hulls)),
    HULL("+ attention", "attention", "5-10", 10, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 5, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 10, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 15, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 20, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 30, "", QUICK(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-10", 50, "", QUICK(hulls)),
    HULL("LSTM, beam of 3", "LSTM", "5-10", 5, "_wide", QUICK(hulls)),
    HULL("LSTM, beam of 3", "LSTM", "5-10", 10, "_wide", QUICK(hulls)),
    HULL("+ attention, beam of 3", "attention", "5-10", 5, "_wide", QUICK(hulls)),
    HULL("+ attention, beam of 3", "attention", "5-10", 10, "_wide", QUICK(hulls)),
    HULL("Ptr-Net, beam of 3", "Ptr-Net", "5-10", 5, "_wide", QUICK(hulls)),
    HULL("Ptr-Net, beam of 3", "Ptr-Net", "5-10", 10, "_wide", QUICK(hulls)),
    HULL("LSTM", "LSTM", "5-20", 5, "", FULL(hulls)),
    HULL("LSTM", "LSTM", "5-20", 10, "", FULL(hulls)),
    HULL("LSTM", "LSTM", "5-20", 20, "", FULL(hulls)),
    HULL("+ attention", "attention", "5-20", 5, "", FULL(hulls)),
    HULL("+ attention", "attention", "5-20", 10, "", FULL(hulls)),
    HULL("+ attention", "attention", "5-20", 20, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 5, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 10, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 15, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 20, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 30, "", FULL(hulls)),
    HULL("Ptr-Net", "Ptr-Net", "5-20", 50, "", FULL(hulls)),
    HULL("LSTM, beam of 3", "LSTM", "5-20", 5, "_wide", FULL(hulls)),
    HULL("LSTM, beam of 3", "LSTM", "5-20", 10, "_wide", FULL(hulls)),
    HULL("LSTM, beam of 3", "LSTM", "5-20", 20, "_wide", FULL(hulls)),
    HULL("+ attention, beam of 3", "attention", "5-20", 5, "_wide", FULL(hulls)),
    HULL("+ attention, beam of 3", "attention", "5-20", 10, "_wide", FULL(hulls)),
    HULL("+ attention, beam of 3", "attention", "5-20", 20, "_wide", FULL(hulls)),
    HULL("Ptr-Net, beam of 3", "Ptr-Net", "5-20", 5, "_wide", FULL(hulls)),
    HULL("Ptr-Net, beam of 3", "Ptr-Net", "5-20", 10, "_wide", FULL(hulls)),
    HULL("Ptr-Net, beam of 3", "Ptr-Net", "5-20", 20, "_wide", FULL(hulls)),
};

/* ------------------------------------------------------------------------------------------------------- triangulations */

#define TRIANGLE_CELLS(method_, arm_, n_, accuracy_, coverage_)                                                                            \
    .cell = {{.text = method_},                                                                                                            \
             {.text = #n_},                                                                                                                \
             {.text = #n_},                                                                                                                \
             {.text = accuracy_},                                                                                                          \
             {.text = coverage_},                                                                                                          \
             {.arm = arm_, .figure = "accuracy_" #n_},                                                                                     \
             {.arm = arm_, .figure = "coverage_" #n_}}
#define PAPER_TRIANGLES(arm_, n_, accuracy_, coverage_)                                                                                    \
    {                                                                                                                                      \
        TRIANGLE_CELLS("Ptr-Net", arm_, n_, accuracy_, coverage_), .paper = true, .at = { PAPER_SCALE(triangulations) }                    \
    }
/* Trained and tested on n points. */
#define TRIANGLES(method_, arm_, n_, ...)                                                                                                  \
    {                                                                                                                                      \
        TRIANGLE_CELLS(method_, arm_, n_, NULL, NULL), .at = { __VA_ARGS__ }                                                               \
    }

static const struct attn_paper_column triangle_columns[] = {
    {"method", ATTN_PAPER_TEXT},           {"trained n", ATTN_PAPER_TEXT}, {"n", ATTN_PAPER_TEXT},
    {"accuracy", ATTN_PAPER_TEXT},         {"coverage", ATTN_PAPER_TEXT},  {"accuracy here", ATTN_PAPER_PERCENT},
    {"coverage here", ATTN_PAPER_PERCENT},
};
static const struct attn_paper_row triangle_rows[] = {
    PAPER_TRIANGLES("Ptr-Net 5", 5, "80.7 %", "93.0 %"),
    PAPER_TRIANGLES("Ptr-Net 10", 10, "22.6 %", "81.3 %"),
    PAPER_TRIANGLES("Ptr-Net 50", 50, "0 %", "52.8 %"),
    TRIANGLES("Ptr-Net", "Ptr-Net", 5, FULL(triangulations), NIGHT(triangulations)),
    TRIANGLES("by incentre, fewer steps", "by incentre", 5, FULL(order)),
    TRIANGLES("in no order, as many", "in no order", 5, FULL(order)),
};

/* ---------------------------------------------------------------------------------------------------------------- tours */

/* The figures are of n cities; the paper's rows say in brackets whose tours are learned, or on how many cities. */
#define MEASURED_TOUR(arm_, n_)                                                                                                            \
    {.arm = arm_, .figure = "length_" #n_}, {.arm = arm_, .figure = "ratio_" #n_}, {.arm = arm_, .figure = "optimal_" #n_},                \
        {.arm = arm_, .figure = "a1_" #n_}, {.arm = arm_, .figure = "a2_" #n_}, {                                                          \
        .arm = arm_, .figure = "a3_" #n_                                                                                                   \
    }
#define PAPER_TOUR(arm_, n_, training_, optimal_, a1_, a2_, a3_, net_)                                                                     \
    {                                                                                                                                      \
        .cell = {{.text = #n_ " (" training_ ")"}, {.text = optimal_}, {.text = a1_}, {.text = a2_}, {.text = a3_}, {.text = net_},        \
                 MEASURED_TOUR(arm_, n_)},                                                                                                 \
        .paper = true, .at = {                                                                                                             \
            PAPER_SCALE(tours)                                                                                                             \
        }                                                                                                                                  \
    }
#define TOUR(arm_, n_, training_, ...)                                                                                                     \
    {                                                                                                                                      \
        .cell = {{.text = #n_ " (" training_ ")"}, {.text = NULL}, {.text = NULL}, {.text = NULL}, {.text = NULL}, {.text = NULL},         \
                 MEASURED_TOUR(arm_, n_)},                                                                                                 \
        .at = {                                                                                                                            \
            __VA_ARGS__                                                                                                                    \
        }                                                                                                                                  \
    }

static const struct attn_paper_column tour_columns[] = {
    {"n (training)", ATTN_PAPER_TEXT},
    {"Optimal", ATTN_PAPER_TEXT},
    {"A1", ATTN_PAPER_TEXT},
    {"A2", ATTN_PAPER_TEXT},
    {"A3", ATTN_PAPER_TEXT},
    {"Ptr-Net", ATTN_PAPER_TEXT},
    {"Ptr-Net here", ATTN_PAPER_NUMBER},
    {"over the shortest", ATTN_PAPER_NUMBER},
    {"Optimal here", ATTN_PAPER_NUMBER},
    {"A1 here", ATTN_PAPER_NUMBER},
    {"A2 here", ATTN_PAPER_NUMBER},
    {"A3 here", ATTN_PAPER_NUMBER},
};
static const struct attn_paper_row tour_rows[] = {
    PAPER_TOUR("Ptr-Net 5", 5, "optimal", "2.12", "2.18", "2.12", "2.12", "2.12"),
    PAPER_TOUR("Ptr-Net 10", 10, "optimal", "2.87", "3.07", "2.87", "2.87", "2.88"),
    PAPER_TOUR("Ptr-Net 50 (A1)", 50, "A1", "n/a", "6.46", "5.84", "5.79", "6.42"),
    PAPER_TOUR("Ptr-Net 50 (A3)", 50, "A3", "n/a", "6.46", "5.84", "5.79", "6.09"),
    PAPER_TOUR("Ptr-Net 5-20", 5, "5-20", "2.12", "2.18", "2.12", "2.12", "2.12"),
    PAPER_TOUR("Ptr-Net 5-20", 10, "5-20", "2.87", "3.07", "2.87", "2.87", "2.87"),
    PAPER_TOUR("Ptr-Net 5-20", 20, "5-20", "3.83", "4.24", "3.86", "3.85", "3.88"),
    PAPER_TOUR("Ptr-Net 5-20", 25, "5-20", "n/a", "4.71", "4.27", "4.24", "4.30"),
    PAPER_TOUR("Ptr-Net 5-20", 30, "5-20", "n/a", "5.11", "4.63", "4.60", "4.72"),
    PAPER_TOUR("Ptr-Net 5-20", 40, "5-20", "n/a", "5.82", "5.27", "5.23", "5.91"),
    PAPER_TOUR("Ptr-Net 5-20", 50, "5-20", "n/a", "6.46", "5.84", "5.79", "7.66"),
    TOUR("Ptr-Net", 5, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 6, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 8, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 10, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 12, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 15, "5-8", QUICK(tours)),
    TOUR("Ptr-Net", 5, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 6, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 8, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 10, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 12, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 15, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 20, "5-10", FULL(tours)),
    TOUR("Ptr-Net", 10, "A1", FULL(imitation)),
};

#define TABLE(name_, title_, columns_, rows_, note_)                                                                                       \
    {                                                                                                                                      \
        .name = name_, .title = title_, .note = note_, .columns = columns_, .column_count = COUNT(columns_), .rows = rows_,                \
        .row_count = COUNT(rows_)                                                                                                          \
    }
const struct attn_paper_table attn_pointer_tables[ATTN_POINTER_TABLES] = {
    TABLE("table-1", "Table 1: convex hulls, and what was measured here", hull_columns, hull_rows,
          "The paper's accuracies of LSTM on 5 and on 10 points are from memory, and so are its areas but those of 500 points and of "
          "training on 50. FAIL: more than 1% of the answers are no simple polygons."),
    TABLE("triangulations", "Delaunay triangulations (sec. 4.3), and what was measured here", triangle_columns, triangle_rows, NULL),
    TABLE("table-2", "Table 2: mean lengths of tours, and what was measured here", tour_columns, tour_rows,
          "The paper's values of A2 are from memory, and so are its rows of 5, 10 and 25 cities with training on 5 to 20; of the "
          "others those of Ptr-Net and of what it is compared with were checked. Here all are of the same cities; beyond exact= the "
          "shortest are the local search's."),
};
