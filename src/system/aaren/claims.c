/* What is claimed of the system: what streams cost; that Aaren is as good as attention, on sets that are generated and sets of the paper; and what its state
 * cannot hold. The paper's "comparable" is made a number here: a mean square of an error within 5% of attention's, .05 nats for an event, 5 points of a score,
 * 3 points of accuracy. On generated sets and ETTh1's 96 rows both directions count; on the others being better by more is no failure. */
#include "system/aaren/claims.h"

#include "system/aaren/aaren.h"
#include "system/aaren/cost.h"
#include "system/aaren/experiments.h"
#include "train/try.h"

enum { HOSTS = 5, ASSIGNMENTS = 10 };

/* Every host with the paper's mixer and its baseline: two steps, and figures. */
static attn_status check_hosts(attn_ctx *ctx, double *value) {
    static const struct host {
        const struct attn_task *task;
        const char *small[ASSIGNMENTS];
    } hosts[HOSTS] = {
        {&attn_aaren_forecast, {"rows=200", "length=8", "horizon=4"}},
        {&attn_aaren_classify, {"length=12", "train_examples=12", "test_examples=6"}},
        {&attn_aaren_events, {"horizon=10", "train_sequences=8", "test_sequences=4"}},
        {&attn_aaren_control, {"episodes=10", "context=5", "rollouts=2"}},
        {&attn_aaren_recall, {"pairs=4", "keys=8", "values=8", "test_examples=8"}},
    };
    static const char *const mixers[] = {"mixer=aaren:heads=2", "mixer=attention:heads=2"}, *const all[] = {"width=8", "ffn=8", "layers=1",
                                                                                                            "batch=4"};
    enum { MIXERS = sizeof mixers / sizeof mixers[0], ALL = sizeof all / sizeof all[0] };
    int good = 0;
    for (int h = 0; h < HOSTS; h++)
        for (int m = 0; m < MIXERS; m++) {
            const char *words[ASSIGNMENTS + ALL + 2] = {mixers[m]};
            struct attn_figures figures;
            int count = 1;
            for (int i = 0; i < ALL; i++) words[count++] = all[i];
            for (int i = 0; hosts[h].small[i]; i++) words[count++] = hosts[h].small[i];
            const attn_status status = attn_job_try(ctx, hosts[h].task, words, 2, &figures);
            if (status == ATTN_ENOMEM || status == ATTN_ESYSTEM) return status;
            good += status == ATTN_OK;
        }
    *value = (double)good / (HOSTS * MIXERS);
    return ATTN_OK;
}

/* ------------------------------------------------------------------------------------------------------------------ sums */

#define SUM(...)  ((const struct attn_claim_term[]){__VA_ARGS__, {0, NULL, NULL}})
#define SUMS(...) ((const struct attn_claim_term *const[]){__VA_ARGS__, NULL})
/* weight times the second figure less the first. */
#define LESS(arm, figure, weight, other, than) SUM({weight, other, than}, {-1, arm, figure})
#define NO_WORSE(figure, weight)               SUMS(LESS("Aaren", figure, weight, "Transformer", figure))
#define ALIKE(figure)                          SUMS(LESS("Aaren", figure, 1, "Transformer", figure), LESS("Transformer", figure, 1, "Aaren", figure))
#define BOTH_BELOW(figure, other)              SUMS(LESS("Aaren", figure, 1, "Aaren", other), LESS("Transformer", figure, 1, "Transformer", other))

/* ---------------------------------------------------------------------------------------------------------------- claims */

#define FULL(what, ...)                                                                                                                    \
    {                                                                                                                                      \
        [ATTN_FULL] = {.experiment = &attn_aaren_##what##_full, __VA_ARGS__}, [ATTN_NIGHT] = {.experiment = &attn_aaren_##what##_night }   \
    }
/* between: no less than the deviation of the claim's number from seed to seed by the full scale, most of them rounded up. `quick` and what follows are what these scales expect. */
#define QUICK_AND_FULL(what, between, quick, ...)                                                                                          \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.experiment = &attn_aaren_##what##_quick, .spread = between, quick},                                               \
        [ATTN_FULL] = {.experiment = &attn_aaren_##what##_full, __VA_ARGS__}, [ATTN_NIGHT] = {                                             \
            .experiment = &attn_aaren_##what##_night                                                                                       \
        }                                                                                                                                  \
    }
/* Seen at the full scale before this was written down. */
#define HOLDS    .expected = ATTN_HOLDS
#define TOO_FEW  .expected = ATTN_INCONCLUSIVE, .reason = "seeds differ by more than three can tell"
#define ONE_SEED .expected = ATTN_INCONCLUSIVE, .reason = "one seed, of figures that differ from seed to seed"

#define FORECAST(name_, what, set, ...)                                                                                                    \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": 192 rows are forecast with a mean square error at most 5% above the Transformer's",              \
        .place = "sec. 4", .kind = ATTN_CLAIM_SUMS, .sums = NO_WORSE("test_mse", 1.05), .threshold = 0, .at = FULL(what, __VA_ARGS__)      \
    }
#define HORIZONS(name_, what, set)                                                                                                         \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": the same of 96, 336 and 720 rows", .place = "sec. 4", .kind = ATTN_CLAIM_SUMS,                   \
        .sums = SUMS(LESS("Aaren 96", "test_mse", 1.05, "Transformer 96", "test_mse"),                                                     \
                     LESS("Aaren 336", "test_mse", 1.05, "Transformer 336", "test_mse"),                                                   \
                     LESS("Aaren 720", "test_mse", 1.05, "Transformer 720", "test_mse")),                                                  \
        .threshold = 0, .at = {                                                                                                            \
            [ATTN_NIGHT] = {.experiment = &attn_aaren_##what##_horizons_night}                                                             \
        }                                                                                                                                  \
    }
#define CLASSIFY(name_, what, set, ...)                                                                                                    \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": accuracy is no more than 3 points behind the Transformer's", .place = "sec. 4",                  \
        .kind = ATTN_CLAIM_SUMS, .sums = SUMS(SUM({1, "Aaren", "accuracy"}, {-1, "Transformer", "accuracy"})), .threshold = -0.03,         \
        .at = FULL(what, __VA_ARGS__)                                                                                                      \
    }
#define EVENTS(name_, what, set, ...)                                                                                                      \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": at most .05 nats for an event behind the Transformer", .place = "sec. 4",                        \
        .kind = ATTN_CLAIM_SUMS, .sums = NO_WORSE("test_nll", 1), .threshold = -0.05, .at = FULL(what, __VA_ARGS__)                        \
    }
#define SCORE(name_, what, set, ...)                                                                                                       \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": scores of trials are within 5 points of the Transformer's", .place = "sec. 4",                   \
        .kind = ATTN_CLAIM_SUMS, .sums = ALIKE("score_window"), .threshold = -5, .at = FULL(what, __VA_ARGS__)                             \
    }
/* Scores of these sets all lie near 100; returns tell more, and are below 0. */
#define RETURN(name_, what, set, ...)                                                                                                      \
    {                                                                                                                                      \
        .name = name_, .sentence = set ": returns are within 5% of the Transformer's (a stricter bound than 5 points)", .place = "-",      \
        .kind = ATTN_CLAIM_SUMS,                                                                                                           \
        .sums = SUMS(SUM({1, "Aaren", "return_window"}, {-1.05, "Transformer", "return_window"}),                                          \
                     SUM({1, "Transformer", "return_window"}, {-1.05, "Aaren", "return_window"})),                                         \
        .threshold = 0, .at = FULL(what, __VA_ARGS__)                                                                                      \
    }

#define MEASURED                                                                                                                           \
    {                                                                                                                                      \
        [ATTN_QUICK] = {.tested = true}, [ATTN_FULL] = {.tested = true }                                                                   \
    }

const struct attn_claim attn_aaren_claims[ATTN_AAREN_CLAIMS] = {
    {.name = "every-host-runs",
     .sentence = "(no claim of the paper: every host has gradients of two steps and figures, with Aaren and with attention)",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = check_hosts,
     .at = {[ATTN_SMOKE] = {.tested = true}}},
    {.name = "state-is-constant",
     .sentence = "Aaren streams in constant memory: as many bytes of state after 8192 tokens as after 256",
     .place = "abstract",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = attn_aaren_check_state,
     .at = MEASURED},
    {.name = "caches-grow-linearly",
     .sentence = "A Transformer keeps all keys and values: 2 L d 4 N bytes, exactly",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = attn_aaren_check_cache,
     .at = MEASURED},
    {.name = "time-is-linear",
     .sentence = "Aaren's seconds grow as the number of tokens: the power is within .1 of 1",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = -0.1,
     .check = attn_aaren_check_slope,
     .at = MEASURED},
    {.name = "caches-cost-squares",
     .sentence = "those of attention with a cache as its square: the power is at least 1.6",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1.6,
     .check = attn_aaren_check_cache_slope,
     .at = MEASURED},
    {.name = "streams-are-faster",
     .sentence = "After 8192 tokens, all in all, Aaren has taken less time than the Transformer",
     .place = "-",
     .kind = ATTN_CLAIM_CHECK,
     .threshold = 1,
     .check = attn_aaren_check_faster,
     .at = MEASURED},
    {.name = "events-beat-the-rate",
     .sentence = "On Hawkes processes both beat a Poisson process with training's shares of marks by more than 3 standard errors",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Aaren", "Transformer"},
     .figure = "test_poisson_errors",
     .threshold = 3,
     .at = QUICK_AND_FULL(hawkes, 2, HOLDS, HOLDS)},
    {.name = "events-are-alike",
     .sentence = "They differ by at most .05 nats for an event",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_SUMS,
     .sums = ALIKE("test_nll"),
     .threshold = -0.05,
     .at = QUICK_AND_FULL(hawkes, 0.004, HOLDS, HOLDS)},
    {.name = "events-stay-above-the-truth",
     .sentence = "and neither is below what the process itself says of its events",
     .place = "-",
     .kind = ATTN_CLAIM_SUMS,
     .sums =
         SUMS(LESS("Aaren", "test_true_nll", 1, "Aaren", "test_nll"), LESS("Transformer", "test_true_nll", 1, "Transformer", "test_nll")),
     .threshold = 0,
     .at = QUICK_AND_FULL(hawkes, 0.004, HOLDS, HOLDS)},
    EVENTS("sine", sine, "Events with the rate of a sine", HOLDS),
    EVENTS("stackoverflow", stackoverflow, "Stack Overflow", HOLDS),
    EVENTS("taobao", taobao, "Taobao (not the paper's)", TOO_FEW),
    EVENTS("earthquakes", earthquakes, "Earthquakes (not the paper's)", HOLDS),
    SCORE("point-mass-medium", medium, "The point mass, medium", HOLDS),
    SCORE("point-mass-medium-replay", replay, "medium-replay", HOLDS),
    SCORE("point-mass-medium-expert", expert, "medium-expert", HOLDS),
    {.name = "control-beats-its-data",
     .sentence = "Both have higher returns than the episodes of medium-expert in the mean",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_SUMS,
     .sums = SUMS(LESS("Aaren", "return_data", 1, "Aaren", "return_window"),
                  LESS("Transformer", "return_data", 1, "Transformer", "return_window")),
     .threshold = 0,
     .at = FULL(expert, HOLDS)},
    RETURN("returns-medium", medium, "The point mass, medium", HOLDS),
    RETURN("returns-medium-replay", replay, "medium-replay", HOLDS),
    RETURN("returns-medium-expert", expert, "medium-expert", HOLDS),
    SCORE("pendulum", pendulum, "Pendulum (not the paper's)", TOO_FEW),
    SCORE("cartpole", cartpole, "Cart and pole (not the paper's)", HOLDS),
    {.name = "door",
     .sentence = "A hand at a door (not the paper's): actions have a mean square error at most 5% above the Transformer's",
     .place = "-",
     .kind = ATTN_CLAIM_SUMS,
     .sums = NO_WORSE("validation_mse", 1.05),
     .threshold = 0,
     .at = FULL(door, TOO_FEW)},
    {.name = "series-are-classified",
     .sentence = "Chirps, steps and bursts are told apart by both in at least .9 of the cases",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_AT_LEAST,
     .arms = {"Aaren", "Transformer"},
     .figure = "accuracy",
     .threshold = 0.9,
     .at = QUICK_AND_FULL(waves, 0.011, HOLDS, HOLDS)},
    {.name = "classes-are-alike",
     .sentence = "with a difference of at most 3 points",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_SUMS,
     .sums = ALIKE("accuracy"),
     .threshold = -0.03,
     .at = QUICK_AND_FULL(waves, 0.026, ONE_SEED, TOO_FEW)},
    CLASSIFY("handwriting", handwriting, "Handwriting", HOLDS),
    CLASSIFY("japanese-vowels", vowels, "JapaneseVowels", HOLDS),
    CLASSIFY("uwave-gestures", gestures, "UWaveGestureLibrary", HOLDS),
    {.name = "forecasts-are-as-good",
     .sentence = "ETTh1: 96 rows are forecast with a mean square error within 5% of the Transformer's",
     .place = "sec. 4",
     .kind = ATTN_CLAIM_SUMS,
     .sums = SUMS(LESS("Aaren", "test_mse", 1.05, "Transformer", "test_mse"), LESS("Transformer", "test_mse", 1.05, "Aaren", "test_mse")),
     .threshold = 0,
     .at = QUICK_AND_FULL(etth1_96, 0.021, ONE_SEED, TOO_FEW)},
    {.name = "forecasts-beat-the-last-row",
     .sentence = "and both are better than the last row repeated",
     .place = "-",
     .kind = ATTN_CLAIM_SUMS,
     .sums = BOTH_BELOW("test_mse", "test_mse_of_last_row"),
     .threshold = 0,
     .at = QUICK_AND_FULL(etth1_96, 0.03, HOLDS, HOLDS)},
    FORECAST("etth1", etth1, "ETTh1", TOO_FEW),
    HORIZONS("etth1-horizons", etth1, "ETTh1"),
    FORECAST("etth2", etth2, "ETTh2", TOO_FEW),
    HORIZONS("etth2-horizons", etth2, "ETTh2"),
    FORECAST("ettm1", ettm1, "ETTm1", HOLDS),
    HORIZONS("ettm1-horizons", ettm1, "ETTm1"),
    FORECAST("ettm2", ettm2, "ETTm2", HOLDS),
    HORIZONS("ettm2-horizons", ettm2, "ETTm2"),
    FORECAST("weather", weather, "Weather", TOO_FEW),
    HORIZONS("weather-horizons", weather, "Weather"),
    FORECAST("exchange", exchange, "Exchange", TOO_FEW),
    HORIZONS("exchange-horizons", exchange, "Exchange"),
    FORECAST("etth1-decoder", etth1_decoder, "ETTh1, encoder and decoder", HOLDS),
    {.name = "attention-recalls-more",
     .sentence = "The limit: of the values of 8 keys that are asked for in another order a Transformer names at least 20 points more",
     .place = "-",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"Transformer", "Aaren"},
     .figure = "accuracy",
     .threshold = 0.2,
     .at = QUICK_AND_FULL(recall, 0.05, HOLDS, HOLDS)},
    {.name = "attention-recalls-16",
     .sentence = "and of those of 16 keys, all that there are",
     .place = "-",
     .kind = ATTN_CLAIM_ABOVE,
     .arms = {"Transformer", "Aaren"},
     .figure = "accuracy",
     .threshold = 0.2,
     .at = FULL(recall_16, HOLDS)},
};
