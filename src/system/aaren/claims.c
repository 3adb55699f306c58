/* What is claimed of the system. */
#include "system/aaren/claims.h"

#include "system/aaren/aaren.h"
#include "system/aaren/cost.h"
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
};
