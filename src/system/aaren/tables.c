/* A row is a set of data, known by the names of its files or by what it is generated with; a column is a model and a figure. Which experiments there are is not
 * known here: cells find their arms by recipes. Of the paper's values only those of control are recalled, from memory, and nothing is compared with them. */
#include "system/aaren/tables.h"

#include "system/aaren/aaren.h"

#define TABLE(name_, title_, note_, task_, columns_, rows_)                                                                                \
    {                                                                                                                                      \
        .name = name_, .title = title_, .note = note_, .task = &task_, .columns = columns_,                                                \
        .column_count = sizeof(columns_) / sizeof(columns_)[0], .rows = rows_, .row_count = sizeof(rows_) / sizeof(rows_)[0]               \
    }

/* Cells: a figure of Aaren's, of the Transformer's in the same network, and of whichever of them has run, where no model has a part in it. */
#define AAREN(figure_, ...)                                                                                                                \
    {                                                                                                                                      \
        .figure = figure_, .where = { "mixer=aaren", __VA_ARGS__ }                                                                         \
    }
#define TRANSFORMER(figure_, ...)                                                                                                          \
    {                                                                                                                                      \
        .figure = figure_, .where = { "mixer=attention", __VA_ARGS__ }                                                                     \
    }
#define DATA(figure_)                                                                                                                      \
    { .figure = figure_ }

/* -------------------------------------------------------------------------------------------------------------- control */

#define CONTROL_CELLS(set_, paper_)                                                                                                        \
    .cell = {{.text = set_},                                                                                                               \
             {.text = paper_},                                                                                                             \
             AAREN("score_window", NULL),                                                                                                  \
             TRANSFORMER("score_window", NULL),                                                                                            \
             DATA("score_data"),                                                                                                           \
             AAREN("score_stream", NULL),                                                                                                  \
             TRANSFORMER("score_stream", NULL),                                                                                            \
             AAREN("validation_mse", NULL),                                                                                                \
             TRANSFORMER("validation_mse", NULL)}
#define PAPER_CONTROL(set_, data_, paper_)                                                                                                 \
    { CONTROL_CELLS(set_, paper_), .where = {data_}, .paper = true }
#define CONTROL(set_, ...)                                                                                                                 \
    {                                                                                                                                      \
        CONTROL_CELLS(set_, NULL), .where = { __VA_ARGS__ }                                                                                \
    }

static const struct attn_paper_column control_columns[] = {
    {"set", ATTN_PAPER_TEXT},
    {"paper's Aaren (from memory)", ATTN_PAPER_TEXT},
    {"Aaren", ATTN_PAPER_SPREAD_SCORE},
    {"Transformer", ATTN_PAPER_SPREAD_SCORE},
    {"the data", ATTN_PAPER_SPREAD_SCORE},
    {"stream Aaren", ATTN_PAPER_SPREAD_SCORE},
    {"stream Transformer", ATTN_PAPER_SPREAD_SCORE},
    {"MSE Aaren", ATTN_PAPER_SPREAD},
    {"MSE Transformer", ATTN_PAPER_SPREAD},
};
static const struct attn_paper_row control_rows[] = {
    PAPER_CONTROL("HalfCheetah-M", "data=halfcheetah-medium-v2", "42.2"),
    PAPER_CONTROL("Ant-M", "data=ant-medium-v2", NULL),
    PAPER_CONTROL("Hopper-M", "data=hopper-medium-v2", "80.9"),
    PAPER_CONTROL("Walker-M", "data=walker2d-medium-v2", "74.4"),
    PAPER_CONTROL("HalfCheetah-MR", "data=halfcheetah-medium-replay-v2", "37.9"),
    PAPER_CONTROL("Ant-MR", "data=ant-medium-replay-v2", NULL),
    PAPER_CONTROL("Hopper-MR", "data=hopper-medium-replay-v2", "77.9"),
    PAPER_CONTROL("Walker-MR", "data=walker2d-medium-replay-v2", "71.4"),
    PAPER_CONTROL("HalfCheetah-ME", "data=halfcheetah-medium-expert-v2", "75.7"),
    PAPER_CONTROL("Ant-ME", "data=ant-medium-expert-v2", NULL),
    PAPER_CONTROL("Hopper-ME", "data=hopper-medium-expert-v2", "103.9"),
    PAPER_CONTROL("Walker-ME", "data=walker2d-medium-expert-v2", "110.5"),
    CONTROL("point mass, medium", "data=", "behaviour=medium"),
    CONTROL("point mass, replay", "data=", "behaviour=replay"),
    CONTROL("point mass, expert", "data=", "behaviour=expert"),
    CONTROL("pendulum", "data=pendulum_expert"),
    CONTROL("cart and pole", "data=cartpole_expert"),
    CONTROL("door", "data=door_human"),
};

/* --------------------------------------------------------------------------------------------------------------- events */

#define GRU(figure_)                                                                                                                       \
    {                                                                                                                                      \
        .figure = figure_, .where = { "encoder=gru" }                                                                                      \
    }
#define THREE(figure_) AAREN(figure_, "encoder=stack"), TRANSFORMER(figure_, "encoder=stack"), GRU(figure_)
#define EVENT_CELLS(set_, ...)                                                                                                             \
    .cell = {{.text = set_}, THREE("test_nll"), DATA("test_poisson_nll"), DATA("test_true_nll"), THREE("test_rmse"), __VA_ARGS__}
#define PAPER_EVENTS(set_, data_)                                                                                                          \
    { EVENT_CELLS(set_, THREE("test_accuracy")), .where = {data_}, .paper = true }
/* Events without marks have no accuracy. */
#define PAPER_TIMES(set_, ...)                                                                                                             \
    { EVENT_CELLS(set_, {.text = NULL}), .where = {__VA_ARGS__}, .paper = true }
#define EVENTS(set_, ...)                                                                                                                  \
    {                                                                                                                                      \
        EVENT_CELLS(set_, THREE("test_accuracy")), .where = { __VA_ARGS__ }                                                                \
    }

static const struct attn_paper_column event_columns[] = {
    {"set", ATTN_PAPER_TEXT},
    {"NLL Aaren", ATTN_PAPER_SPREAD},
    {"NLL Transformer", ATTN_PAPER_SPREAD},
    {"NLL GRU", ATTN_PAPER_SPREAD},
    {"NLL Poisson", ATTN_PAPER_SPREAD},
    {"NLL truth", ATTN_PAPER_SPREAD},
    {"RMSE Aaren", ATTN_PAPER_SPREAD},
    {"RMSE Transformer", ATTN_PAPER_SPREAD},
    {"RMSE GRU", ATTN_PAPER_SPREAD},
    {"% right Aaren", ATTN_PAPER_SPREAD_PERCENT},
    {"% right Transformer", ATTN_PAPER_SPREAD_PERCENT},
    {"% right GRU", ATTN_PAPER_SPREAD_PERCENT},
};
static const struct attn_paper_row event_rows[] = {
    PAPER_EVENTS("MIMIC", "data=mimic"),
    PAPER_EVENTS("Wiki", "data=wiki"),
    PAPER_EVENTS("Reddit", "data=reddit"),
    PAPER_EVENTS("Mooc", "data=mooc"),
    PAPER_EVENTS("StackOverflow", "data=stackoverflow"),
    PAPER_TIMES("Sin (constants of our own)", "data=", "process=sine"),
    PAPER_TIMES("Uber", "data=uber"),
    PAPER_TIMES("Taxi", "data=taxi"),
    EVENTS("Hawkes", "data=", "process=hawkes"),
    EVENTS("Taobao", "data=taobao_train"),
    EVENTS("earthquakes", "data=earthquakes_1965_2016"),
};

/* ------------------------------------------------------------------------------------------------------- classification */

#define CLASSIFY_CELLS(set_)                                                                                                               \
    .cell = {{.text = set_}, AAREN("accuracy", NULL), TRANSFORMER("accuracy", NULL), DATA("accuracy_nearest"), DATA("accuracy_majority")}
#define PAPER_CLASSIFY(set_)                                                                                                               \
    { CLASSIFY_CELLS(set_), .where = {"data=" set_ "_TRAIN"}, .paper = true }
#define CLASSIFY(set_)                                                                                                                     \
    {                                                                                                                                      \
        CLASSIFY_CELLS(set_), .where = { "data=" set_ "_TRAIN" }                                                                           \
    }

static const struct attn_paper_column classify_columns[] = {
    {"set", ATTN_PAPER_TEXT},
    {"% right Aaren", ATTN_PAPER_SPREAD_PERCENT},
    {"% right Transformer", ATTN_PAPER_SPREAD_PERCENT},
    {"% right nearest case", ATTN_PAPER_SPREAD_PERCENT},
    {"% right most frequent class", ATTN_PAPER_SPREAD_PERCENT},
};
static const struct attn_paper_row classify_rows[] = {
    PAPER_CLASSIFY("EthanolConcentration"),
    PAPER_CLASSIFY("FaceDetection"),
    PAPER_CLASSIFY("Handwriting"),
    PAPER_CLASSIFY("Heartbeat"),
    PAPER_CLASSIFY("JapaneseVowels"),
    PAPER_CLASSIFY("PEMS-SF"),
    PAPER_CLASSIFY("SelfRegulationSCP1"),
    PAPER_CLASSIFY("SelfRegulationSCP2"),
    PAPER_CLASSIFY("SpokenArabicDigits"),
    PAPER_CLASSIFY("UWaveGestureLibrary"),
    {CLASSIFY_CELLS("chirps, steps, bursts"), .where = {"data="}},
    CLASSIFY("ItalyPowerDemand"),
    CLASSIFY("BasicMotions"),
    CLASSIFY("ArrowHead"),
};

/* ---------------------------------------------------------------------------------------------------------- forecasting */

#define BOTH(figure_)    AAREN(figure_, "form=encoder"), TRANSFORMER(figure_, "form=encoder")
#define DECODED(figure_) AAREN(figure_, "form=encoder-decoder"), TRANSFORMER(figure_, "form=encoder-decoder")
#define FORECAST_CELLS(set_, horizon_)                                                                                                     \
    .cell = {{.text = set_},                                                                                                               \
             {.text = #horizon_},                                                                                                          \
             BOTH("test_mse"),                                                                                                             \
             BOTH("test_mae"),                                                                                                             \
             AAREN("test_mse_of_stream", "form=encoder"),                                                                                  \
             DECODED("test_mse"),                                                                                                          \
             DECODED("test_mae"),                                                                                                          \
             DATA("test_mse_of_last_row")}
#define FORECAST(set_, data_, horizon_)                                                                                                    \
    {                                                                                                                                      \
        FORECAST_CELLS(set_, horizon_), .where = { data_, "horizon=" #horizon_ }                                                           \
    }
/* The paper's main table has the horizon 192 (from memory), its appendix the others. */
#define PAPER_FORECASTS(set_, data_)                                                                                                       \
    FORECAST(set_, data_, 96), {FORECAST_CELLS(set_, 192), .where = {data_, "horizon=192"}, .paper = true}, FORECAST(set_, data_, 336),    \
        FORECAST(set_, data_, 720)

static const struct attn_paper_column forecast_columns[] = {
    {"set", ATTN_PAPER_TEXT},
    {"horizon", ATTN_PAPER_TEXT},
    {"MSE Aaren", ATTN_PAPER_SPREAD},
    {"MSE Transformer", ATTN_PAPER_SPREAD},
    {"MAE Aaren", ATTN_PAPER_SPREAD},
    {"MAE Transformer", ATTN_PAPER_SPREAD},
    {"MSE stream Aaren", ATTN_PAPER_SPREAD},
    {"decoder MSE Aaren", ATTN_PAPER_SPREAD},
    {"decoder MSE Transformer", ATTN_PAPER_SPREAD},
    {"decoder MAE Aaren", ATTN_PAPER_SPREAD},
    {"decoder MAE Transformer", ATTN_PAPER_SPREAD},
    {"MSE last row", ATTN_PAPER_SPREAD},
};
static const struct attn_paper_row forecast_rows[] = {
    PAPER_FORECASTS("Weather", "data=weather"),
    PAPER_FORECASTS("Exchange", "data=exchange_rate"),
    PAPER_FORECASTS("Traffic", "data=traffic"),
    PAPER_FORECASTS("ECL", "data=electricity"),
    PAPER_FORECASTS("ETTh1", "data=ETTh1"),
    PAPER_FORECASTS("ETTh2", "data=ETTh2"),
    PAPER_FORECASTS("ETTm1", "data=ETTm1"),
    PAPER_FORECASTS("ETTm2", "data=ETTm2"),
    FORECAST("illness", "data=national_illness", 24),
    FORECAST("illness", "data=national_illness", 36),
    FORECAST("illness", "data=national_illness", 48),
    FORECAST("illness", "data=national_illness", 60),
    FORECAST("waves", "data=", 96),
};

/* --------------------------------------------------------------------------------------------------------------- recall */

#define RECALL(pairs_, any_)                                                                                                               \
    {                                                                                                                                      \
        .cell = {{.text = #pairs_}, {.text = any_}, AAREN("accuracy", NULL), TRANSFORMER("accuracy", NULL)}, .where = { "pairs=" #pairs_ } \
    }
/* Of n pairs any shown value is right with the probability 1 / n + (1 - 1 / n) / 64: each of 64 values may come again. */
static const struct attn_paper_column recall_columns[] = {
    {"pairs", ATTN_PAPER_TEXT},
    {"% right by any shown value", ATTN_PAPER_TEXT},
    {"% right Aaren", ATTN_PAPER_SPREAD_PERCENT},
    {"% right Transformer", ATTN_PAPER_SPREAD_PERCENT},
};
static const struct attn_paper_row recall_rows[] = {RECALL(2, "50.8"), RECALL(4, "26.2"), RECALL(6, "18.0"), RECALL(8, "13.9"),
                                                    RECALL(12, "9.8"), RECALL(16, "7.7"), RECALL(32, "4.6")};

/* --------------------------------------------------------------------------------------------------------------- tables */

const struct attn_paper_table attn_aaren_tables[ATTN_AAREN_TABLES] = {
    TABLE("control",
          "Sequential decisions, normalised scores: 0 as at random, 100 as the best policy; mean and standard deviation over the seeds",
          "Scores of trials that see a window, as the paper's, and that go on from the state (stream); MSE: of the actions of episodes "
          "that are held out. There is no MuJoCo here, so the paper's sets have no scores here; its values are recalled, not read, and "
          "decide nothing. The sets from the point mass on are not the paper's.",
          attn_aaren_control, control_columns, control_rows),
    TABLE("events",
          "Events, on the tests: negative log-likelihood an event, error of the time, marks that were right; mean and standard deviation "
          "over the seeds",
          "NLL: times in units of training's geometric mean; RMSE: in the file's unit. Poisson: a constant rate and the frequencies of the "
          "marks; truth: the process that the events were drawn from. Hawkes, Taobao and earthquakes are not the paper's; its values are "
          "not known here.",
          attn_aaren_events, event_columns, event_rows),
    TABLE("classification", "Classes of series, right answers on the tests; mean and standard deviation over the seeds",
          "Nearest case: that of training by Euclidean distance. The sets behind UWaveGestureLibrary are not the paper's; its values are "
          "not known here.",
          attn_aaren_classify, classify_columns, classify_rows),
    TABLE("forecasting", "Forecasts, errors on the tests' standardised numbers; mean and standard deviation over the seeds",
          "Of the network without a decoder, and of the one with it (decoder). Stream: one pass over all rows. Last row: it is repeated. "
          "Other horizons are shown where they are measured. Illness and waves are not the paper's; its values are not known here.",
          attn_aaren_forecast, forecast_columns, forecast_rows),
    TABLE("recall",
          "Not in the paper, its limit: values that are named when their keys come again; mean and standard deviation over the seeds",
          "A query that does not depend on the token cannot look up what a key stood beside. By any shown value: one of the example's "
          "values at random, each of which was drawn from 64.",
          attn_aaren_recall, recall_columns, recall_rows),
};
