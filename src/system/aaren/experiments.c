/* Aaren and the Transformer of the same size, with the same rates and passes. Sizes and steps are those at which short trials of both came to rest on one
 * core in seconds to minutes; rates are the tasks' own, for both alike, but of recall, where each has two to choose from. Sets from files are the paper's, and what
 * else there is of their kind. */
#include "system/aaren/experiments.h"

#include "system/aaren/aaren.h"

static const struct attn_arm heads_1[] = {{"Aaren", {"mixer=aaren:heads=1"}}, {"Transformer", {"mixer=attention:heads=1"}}};
static const struct attn_arm heads_4[] = {{"Aaren", {"mixer=aaren:heads=4"}}, {"Transformer", {"mixer=attention:heads=4"}}};
static const struct attn_arm heads_8[] = {{"Aaren", {"mixer=aaren:heads=8"}}, {"Transformer", {"mixer=attention:heads=8"}}};
static const struct attn_arm with_gru[] = {
    {"Aaren", {"mixer=aaren:heads=1"}}, {"Transformer", {"mixer=attention:heads=1"}}, {"GRU", {"encoder=gru"}}};
static const char *const rate[] = {"lr=0.001", NULL}, *const recall_rates[] = {"lr=0.001,0.003", NULL};

#define EXPERIMENT(name_, title_, task_, common_, files_, rate_, arms_, seeds_)                                                            \
    {                                                                                                                                      \
        .name = name_, .title = title_, .task = &attn_aaren_##task_, .common = common_, .files = files_, .tuning = rate_, .arms = arms_,   \
        .arm_count = sizeof(arms_) / sizeof(arms_)[0], .seeds = seeds_                                                                     \
    }
/* Of three seeds at the full scale, of five in a night. */
#define FULL_AND_NIGHT(what, ...)                                                                                                          \
    const struct attn_experiment attn_aaren_##what##_full = EXPERIMENT(__VA_ARGS__, 3),                                                    \
                                 attn_aaren_##what##_night = EXPERIMENT(__VA_ARGS__, 5)
#define QUICK_TOO(what, ...)                                                                                                               \
    const struct attn_experiment attn_aaren_##what##_quick = EXPERIMENT(__VA_ARGS__, 1);                                                   \
    FULL_AND_NIGHT(what, __VA_ARGS__)
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
QUICK_TOO(hawkes, "hawkes", HAWKES, events, hawkes, NULL, rate, with_gru);
FULL_AND_NIGHT(sine, "sine", "Events whose rate is a sine, 1000 sequences, 30 passes", events, sine, NULL, rate, with_gru);
FULL_AND_NIGHT(stackoverflow, "stackoverflow", "Badges of Stack Overflow, 22 marks, 20 passes", events, stackoverflow,
               FILES("data=tpp/stackoverflow.csv.gz"), rate, with_gru);
FULL_AND_NIGHT(taobao, "taobao", "Clicks of Taobao, 17 marks, 40 passes", events, taobao,
               FILES("data=tpp/taobao_train.csv.gz", "validation=tpp/taobao_dev.csv.gz", "test=tpp/taobao_test.csv.gz"), rate, with_gru);
FULL_AND_NIGHT(earthquakes, "earthquakes", "Earthquakes of three magnitudes, pieces of 128, 40 passes", events, earthquakes,
               FILES("data=tpp/earthquakes_1965_2016.csv.gz"), rate, with_gru);

/* ------------------------------------------------------------------------------------------------------------- control */

#define CONTROL "width=64", "ffn=256", "layers=2", "steps=2000", "rollouts=50"
static const char *const medium[] = {"behaviour=medium", CONTROL, NULL}, *const replay[] = {"behaviour=replay", CONTROL, NULL},
                         *const expert[] = {"behaviour=expert", CONTROL, NULL};
static const char *const pendulum[] = {"world=pendulum", CONTROL, NULL}, *const cartpole[] = {"world=cartpole", CONTROL, NULL},
                         *const door[] = {CONTROL, NULL};
FULL_AND_NIGHT(medium, "medium", "The point mass, pushed by a weak regulator", control, medium, NULL, rate, heads_1);
FULL_AND_NIGHT(replay, "medium-replay", "by many weaker ones", control, replay, NULL, rate, heads_1);
FULL_AND_NIGHT(expert, "medium-expert", "by the weak one and the best in turn", control, expert, NULL, rate, heads_1);
FULL_AND_NIGHT(pendulum, "pendulum", "Pendulum, recorded episodes of an expert", control, pendulum,
               FILES("data=offline-rl/pendulum_expert.csv.gz"), rate, heads_1);
FULL_AND_NIGHT(cartpole, "cartpole", "Cart and pole, recorded episodes of an expert", control, cartpole,
               FILES("data=offline-rl/cartpole_expert.csv.gz"), rate, heads_1);
FULL_AND_NIGHT(door, "door", "A hand opens a door, episodes of people", control, door, FILES("data=offline-rl/door_human.csv.gz"), rate,
               heads_1);

/* ------------------------------------------------------------------------------------------------------ classification */

static const char *const waves[] = {"width=64", "ffn=128", "layers=2", "epochs=40", NULL};
static const char *const uea[] = {"epochs=100", NULL};
#define WAVES "Chirps, steps and bursts, 300 series of 200 steps and six channels"
QUICK_TOO(waves, "waves", WAVES, classify, waves, NULL, rate, heads_8);
#define UEA(set) FILES("data=ucr-uea/" set "_TRAIN.ts.gz", "test=ucr-uea/" set "_TEST.ts.gz")
FULL_AND_NIGHT(handwriting, "handwriting", "Handwriting, 26 classes", classify, uea, UEA("Handwriting"), rate, heads_8);
FULL_AND_NIGHT(vowels, "japanese-vowels", "JapaneseVowels, 9 classes", classify, uea, UEA("JapaneseVowels"), rate, heads_8);
FULL_AND_NIGHT(gestures, "uwave-gestures", "UWaveGestureLibrary, 8 classes", classify, uea, UEA("UWaveGestureLibrary"), rate, heads_8);

/* --------------------------------------------------------------------------------------------------------- forecasting */

static const char *const hours_96[] = {"split=ett-h", "horizon=96", "epochs=3", NULL};
static const char *const hours[] = {"split=ett-h", "horizon=192", "epochs=3", NULL};
static const char *const quarters[] = {"split=ett-m", "horizon=192", "steps=600", "stride=4", NULL};
static const char *const weather[] = {"horizon=192", "steps=600", "stride=4", NULL};
static const char *const exchange[] = {"horizon=192", "epochs=3", NULL};
#define ETTH1_96 "ETTh1, 96 rows from 96, 3 passes"
#define ETT(set) FILES("data=ett/" set ".csv.gz")
QUICK_TOO(etth1_96, "etth1-96", ETTH1_96, forecast, hours_96, ETT("ETTh1"), rate, heads_4);
FULL_AND_NIGHT(etth1, "etth1", "ETTh1, 192 rows from 96, 3 passes", forecast, hours, ETT("ETTh1"), rate, heads_4);
FULL_AND_NIGHT(etth2, "etth2", "ETTh2, 192 rows from 96, 3 passes", forecast, hours, ETT("ETTh2"), rate, heads_4);
FULL_AND_NIGHT(ettm1, "ettm1", "ETTm1, 192 rows from 96, 600 steps, every fourth window", forecast, quarters, ETT("ETTm1"), rate, heads_4);
FULL_AND_NIGHT(ettm2, "ettm2", "ETTm2, 192 rows from 96, 600 steps, every fourth window", forecast, quarters, ETT("ETTm2"), rate, heads_4);
FULL_AND_NIGHT(weather, "weather", "Weather, 192 rows from 96, 600 steps, every fourth window", forecast, weather,
               FILES("data=forecast-misc/weather.csv.gz"), rate, heads_4);
FULL_AND_NIGHT(exchange, "exchange", "Exchange, 192 rows from 96, 3 passes", forecast, exchange,
               FILES("data=forecast-misc/exchange_rate.txt.gz"), rate, heads_4);

/* The paper's other horizons beside one another. */
static const struct attn_arm horizons[] = {
    {"Aaren 96", {"mixer=aaren:heads=4", "horizon=96"}},   {"Transformer 96", {"mixer=attention:heads=4", "horizon=96"}},
    {"Aaren 336", {"mixer=aaren:heads=4", "horizon=336"}}, {"Transformer 336", {"mixer=attention:heads=4", "horizon=336"}},
    {"Aaren 720", {"mixer=aaren:heads=4", "horizon=720"}}, {"Transformer 720", {"mixer=attention:heads=4", "horizon=720"}}};
static const char *const all_hours[] = {"split=ett-h", "epochs=3", NULL}, *const all_quarters[] = {"split=ett-m", "epochs=1", NULL},
                         *const one_pass[] = {"epochs=1", NULL}, *const three_passes[] = {"epochs=3", NULL};
#define NIGHT(what, ...) const struct attn_experiment attn_aaren_##what##_night = EXPERIMENT(__VA_ARGS__, rate, horizons, 5)
NIGHT(etth1_horizons, "etth1-horizons", "ETTh1, 96, 336 and 720 rows from 96", forecast, all_hours, ETT("ETTh1"));
NIGHT(etth2_horizons, "etth2-horizons", "ETTh2, 96, 336 and 720 rows from 96", forecast, all_hours, ETT("ETTh2"));
NIGHT(ettm1_horizons, "ettm1-horizons", "ETTm1, 96, 336 and 720 rows from 96", forecast, all_quarters, ETT("ETTm1"));
NIGHT(ettm2_horizons, "ettm2-horizons", "ETTm2, 96, 336 and 720 rows from 96", forecast, all_quarters, ETT("ETTm2"));
NIGHT(weather_horizons, "weather-horizons", "Weather, 96, 336 and 720 rows from 96", forecast, one_pass,
      FILES("data=forecast-misc/weather.csv.gz"));
NIGHT(exchange_horizons, "exchange-horizons", "Exchange, 96, 336 and 720 rows from 96", forecast, three_passes,
      FILES("data=forecast-misc/exchange_rate.txt.gz"));

/* The form of the code base that the paper follows: a decoder that looks at all states, which no stream can have. */
static const char *const decoder[] = {"split=ett-h",      "horizon=192",    "epochs=3",      "form=encoder-decoder",
                                      "normalize=window", "supervise=last", "cross_heads=4", NULL};
FULL_AND_NIGHT(etth1_decoder, "etth1-decoder", "ETTh1, 192 rows from 96 by encoder and decoder, 3 passes", forecast, decoder, ETT("ETTh1"),
               rate, heads_4);

/* -------------------------------------------------------------------------------------------------------------- recall */

/* 16 pairs of 64 keys and 64 values were not learned by the Transformer in 4000 to 30,000 steps of any rate, number of heads or batch that was tried. */
#define RECALL "ffn=64", "steps=4000", "warmup=200", "decay=0"
static const char *const recall_8[] = {"pairs=8", RECALL, NULL};
static const char *const recall_16[] = {"pairs=16", "keys=16", RECALL, "schedule=constant", NULL};
static const char *const recall_16_rates[] = {"lr=0.0005,0.002", NULL};
QUICK_TOO(recall, "recall", "Values of 8 of 64 keys, two layers, 4000 steps of 64", recall, recall_8, NULL, recall_rates, heads_1);
FULL_AND_NIGHT(recall_16, "recall-16", "Values of 16 keys, two layers, 4000 steps of 64", recall, recall_16, NULL, recall_16_rates,
               heads_1);
