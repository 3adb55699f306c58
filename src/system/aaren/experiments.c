/* Aaren and the Transformer of the same size, with the same rates and passes. Sizes and steps are those at which short trials of both came to rest on one
 * core in seconds to minutes; rates are the tasks' own, for both alike. Forecasts of 96 rows, Hawkes processes, generated classes and point masses are those
 * of section 10 of the rebuild's plan; sets from files are the paper's, and what else there is of their kind. */
#include "system/aaren/experiments.h"

#include "system/aaren/aaren.h"

static const struct attn_arm heads_1[] = {{"Aaren", {"mixer=aaren:heads=1"}}, {"Transformer", {"mixer=attention:heads=1"}}};
static const struct attn_arm heads_4[] = {{"Aaren", {"mixer=aaren:heads=4"}}, {"Transformer", {"mixer=attention:heads=4"}}};
static const struct attn_arm heads_8[] = {{"Aaren", {"mixer=aaren:heads=8"}}, {"Transformer", {"mixer=attention:heads=8"}}};
static const struct attn_arm with_gru[] = {
    {"Aaren", {"mixer=aaren:heads=1"}}, {"Transformer", {"mixer=attention:heads=1"}}, {"GRU", {"encoder=gru"}}};
static const char *const rate[] = {"lr=0.001", NULL}, *const recall_rate[] = {"lr=0.003", NULL};

#define EXPERIMENT(name_, title_, task_, common_, files_, rate_, arms_, seeds_)                                                            \
    {                                                                                                                                      \
        .name = name_, .title = title_, .task = &attn_aaren_##task_, .common = common_, .files = files_, .tuning = rate_, .arms = arms_,   \
        .arm_count = sizeof(arms_) / sizeof(arms_)[0], .seeds = seeds_                                                                     \
    }
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* -------------------------------------------------------------------------------------------------------------- events */

static const char *const hawkes[] = {"width=32", "ffn=32", "epochs=30", NULL};
static const char *const sine[] = {"process=sine", "width=32", "ffn=32", "epochs=30", NULL};
static const char *const stackoverflow[] = {"split=mod10", "epochs=20", NULL};
static const char *const taobao[] = {"split=files", "epochs=40", NULL};
static const char *const earthquakes[] = {"sequence_column=", "time_column=Date", "mark_column=Magnitude",
                                          "mark_bounds=6+7",  "sort=true",        "jitter=1",
                                          "length=128",       "epochs=40",        NULL};
#define HAWKES "Hawkes processes of five marks, 1000 sequences, 30 passes"
const struct attn_experiment attn_aaren_hawkes_quick = EXPERIMENT("hawkes", HAWKES, events, hawkes, NULL, rate, with_gru, 1);
const struct attn_experiment attn_aaren_hawkes_full = EXPERIMENT("hawkes", HAWKES, events, hawkes, NULL, rate, with_gru, 3);
const struct attn_experiment attn_aaren_sine_full =
    EXPERIMENT("sine", "Events whose rate is a sine, 1000 sequences, 30 passes", events, sine, NULL, rate, with_gru, 3);
const struct attn_experiment attn_aaren_stackoverflow_full =
    EXPERIMENT("stackoverflow", "Badges of Stack Overflow, 22 marks, 20 passes", events, stackoverflow,
               FILES("data=tpp/stackoverflow.csv.gz"), rate, with_gru, 3);
const struct attn_experiment attn_aaren_taobao_full =
    EXPERIMENT("taobao", "Clicks of Taobao, 17 marks, 40 passes", events, taobao,
               FILES("data=tpp/taobao_train.csv.gz", "validation=tpp/taobao_dev.csv.gz", "test=tpp/taobao_test.csv.gz"), rate, with_gru, 3);
const struct attn_experiment attn_aaren_earthquakes_full =
    EXPERIMENT("earthquakes", "Earthquakes of three magnitudes, pieces of 128, 40 passes", events, earthquakes,
               FILES("data=tpp/earthquakes_1965_2016.csv.gz"), rate, with_gru, 3);

/* ------------------------------------------------------------------------------------------------------------- control */

#define CONTROL "width=64", "ffn=256", "layers=2", "steps=2000", "rollouts=50"
static const char *const medium[] = {"behaviour=medium", CONTROL, NULL}, *const replay[] = {"behaviour=replay", CONTROL, NULL},
                         *const expert[] = {"behaviour=expert", CONTROL, NULL};
static const char *const pendulum[] = {"world=pendulum", CONTROL, NULL}, *const cartpole[] = {"world=cartpole", CONTROL, NULL},
                         *const door[] = {CONTROL, NULL};
const struct attn_experiment attn_aaren_medium_full =
    EXPERIMENT("medium", "The point mass, pushed by a weak regulator", control, medium, NULL, rate, heads_1, 3);
const struct attn_experiment attn_aaren_replay_full =
    EXPERIMENT("medium-replay", "by many weaker ones", control, replay, NULL, rate, heads_1, 3);
const struct attn_experiment attn_aaren_expert_full =
    EXPERIMENT("medium-expert", "by the weak one and the best in turn", control, expert, NULL, rate, heads_1, 3);
const struct attn_experiment attn_aaren_pendulum_full =
    EXPERIMENT("pendulum", "Pendulum, recorded episodes of an expert", control, pendulum, FILES("data=offline-rl/pendulum_expert.csv.gz"),
               rate, heads_1, 3);
const struct attn_experiment attn_aaren_cartpole_full =
    EXPERIMENT("cartpole", "Cart and pole, recorded episodes of an expert", control, cartpole,
               FILES("data=offline-rl/cartpole_expert.csv.gz"), rate, heads_1, 3);
const struct attn_experiment attn_aaren_door_full = EXPERIMENT("door", "A hand opens a door, episodes of people", control, door,
                                                               FILES("data=offline-rl/door_human.csv.gz"), rate, heads_1, 3);

/* ------------------------------------------------------------------------------------------------------ classification */

static const char *const waves[] = {"width=64", "ffn=128", "layers=2", "epochs=40", NULL};
static const char *const uea[] = {"epochs=100", NULL};
#define WAVES "Chirps, steps and bursts, 300 series of 200 steps and six channels"
const struct attn_experiment attn_aaren_waves_quick = EXPERIMENT("waves", WAVES, classify, waves, NULL, rate, heads_8, 1);
const struct attn_experiment attn_aaren_waves_full = EXPERIMENT("waves", WAVES, classify, waves, NULL, rate, heads_8, 3);
#define UEA(set) FILES("data=ucr-uea/" set "_TRAIN.ts.gz", "test=ucr-uea/" set "_TEST.ts.gz")
const struct attn_experiment attn_aaren_handwriting_full =
    EXPERIMENT("handwriting", "Handwriting, 26 classes", classify, uea, UEA("Handwriting"), rate, heads_8, 3);
const struct attn_experiment attn_aaren_vowels_full =
    EXPERIMENT("japanese-vowels", "JapaneseVowels, 9 classes", classify, uea, UEA("JapaneseVowels"), rate, heads_8, 3);
const struct attn_experiment attn_aaren_gestures_full =
    EXPERIMENT("uwave-gestures", "UWaveGestureLibrary, 8 classes", classify, uea, UEA("UWaveGestureLibrary"), rate, heads_8, 3);

/* --------------------------------------------------------------------------------------------------------- forecasting */

static const char *const hours_96[] = {"split=ett-h", "horizon=96", "epochs=3", NULL};
static const char *const hours[] = {"split=ett-h", "horizon=192", "epochs=3", NULL};
static const char *const quarters[] = {"split=ett-m", "horizon=192", "epochs=1", NULL};
static const char *const weather[] = {"horizon=192", "epochs=1", NULL};
static const char *const exchange[] = {"horizon=192", "epochs=3", NULL};
#define ETTH1_96 "ETTh1, 96 rows from 96, 3 passes"
#define ETT(set) FILES("data=ett/" set ".csv.gz")
const struct attn_experiment attn_aaren_etth1_96_quick =
    EXPERIMENT("etth1-96", ETTH1_96, forecast, hours_96, ETT("ETTh1"), rate, heads_4, 1);
const struct attn_experiment attn_aaren_etth1_96_full =
    EXPERIMENT("etth1-96", ETTH1_96, forecast, hours_96, ETT("ETTh1"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_etth1_full =
    EXPERIMENT("etth1", "ETTh1, 192 rows from 96, 3 passes", forecast, hours, ETT("ETTh1"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_etth2_full =
    EXPERIMENT("etth2", "ETTh2, 192 rows from 96, 3 passes", forecast, hours, ETT("ETTh2"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_ettm1_full =
    EXPERIMENT("ettm1", "ETTm1, 192 rows from 96, one pass", forecast, quarters, ETT("ETTm1"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_ettm2_full =
    EXPERIMENT("ettm2", "ETTm2, 192 rows from 96, one pass", forecast, quarters, ETT("ETTm2"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_weather_full = EXPERIMENT("weather", "Weather, 192 rows from 96, one pass", forecast, weather,
                                                                  FILES("data=forecast-misc/weather.csv.gz"), rate, heads_4, 3);
const struct attn_experiment attn_aaren_exchange_full = EXPERIMENT("exchange", "Exchange, 192 rows from 96, 3 passes", forecast, exchange,
                                                                   FILES("data=forecast-misc/exchange_rate.txt.gz"), rate, heads_4, 3);

/* -------------------------------------------------------------------------------------------------------------- recall */

#define RECALL "ffn=64", "steps=4000", "warmup=200", "decay=0"
static const char *const recall_8[] = {"pairs=8", RECALL, NULL};
const struct attn_experiment attn_aaren_recall_quick =
    EXPERIMENT("recall", "Values of 8 keys, two layers, 4000 steps of 64", recall, recall_8, NULL, recall_rate, heads_1, 1);
const struct attn_experiment attn_aaren_recall_full =
    EXPERIMENT("recall", "Values of 8 keys, two layers, 4000 steps of 64", recall, recall_8, NULL, recall_rate, heads_1, 3);
