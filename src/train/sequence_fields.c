#include "train/sequence_fields.h"

#include "tape/tape.h"

#include <string.h>

const char *const attn_state_words[] = {"identity", "none", "mlp", "swiglu", NULL};
const char *const attn_position_words[] = {"auto", "yes", "no", NULL};
const char *const attn_norm_words[] = {"layer", "rms", NULL};
enum { AUTO, YES };

/* Attention does not know the order of the tokens that it sees, be its query the token's or a learned one. */
static bool knows_no_order(const char *name, size_t length) {
    static const char *const names[] = {"attention", "aaren"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == length && strncmp(name, names[i], length) == 0) return true;
    return false;
}

static bool none_knows_order(const char *mixer) {
    for (const char *part = mixer; part; part = strchr(part, '+')) {
        if (*part == '+') part++;
        if (!knows_no_order(part, strcspn(part, ":+"))) return false;
    }
    return true;
}

attn_status attn_sequence_from_recipe(struct attn_job *job, int64_t vocabulary, int64_t length, attn_sequence **out) {
    const struct attn_recipe *r = job->recipe;
    const int64_t positions = attn_recipe_whole(r, "positions");
    attn_sequence_config config;
    attn_sequence_config_init(&config);
    config.vocabulary = vocabulary;
    config.length = length;
    config.width = attn_recipe_whole(r, "width");
    config.layers = attn_recipe_whole(r, "layers");
    config.mixer = attn_recipe_words(r, "mixer");
    config.kinds = job->kinds;
    config.kind_count = job->kind_count;
    config.state = (attn_state_mixer)attn_recipe_whole(r, "state");
    config.positions = positions == YES || (positions == AUTO && none_knows_order(config.mixer));
    config.rms = attn_recipe_whole(r, "norm") == 1;
    config.dropout = attn_recipe_number(r, "dropout");
    config.untied = attn_recipe_whole(r, "untied") != 0;
    job->sequence = *out = attn_sequence_make(job->model, &config);
    job->length = length;
    return attn_tape_status(attn_model_tape(job->model));
}

attn_tensor *attn_sequence_loss(attn_tensor *logits, const int32_t *labels, int64_t labelled, attn_tensor *penalty, int64_t micros) {
    attn_tensor *loss = attn_cross_entropy_among(logits, labels, labelled);
    if (penalty) loss = attn_add(loss, penalty);
    return micros > 1 ? attn_affine(loss, 1 / (attn_real)micros, 0) : loss;
}
