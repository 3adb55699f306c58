/* The stack of blocks as C. The query is a constant of its layer, so that a head's score of a token x is linear in x: q . (K x + b) = (K' q) . x + q . b. Queries
 * and keys are therefore written as one vector and one number a head, and neither matrix is there. */
#include "nn/mixer/aaren.h"
#include "system/aaren/stack_parts.h"
#include "tape/tape.h"
#include "train/c_source.h"

#include <math.h>
#include <stdio.h>

enum { NAME = 64 };

/* ------------------------------------------------------------------------------------------------------------- weights */

/* The vectors and numbers of the scores of all heads, with the factor 1 / sqrt(d). */
static void put_scores(struct attn_c_source *c, const struct attn_aaren *a, int64_t layer) {
    const int64_t width = a->width, d = width / a->heads;
    const size_t bytes = (size_t)(a->heads * (width + 1)) * sizeof(attn_real);
    const attn_real *key = attn_data(a->kv.weight), *bias = attn_data(a->kv.bias);
    char name[NAME];
    attn_tensor *query = attn_aaren_query(a);
    attn_real *score = attn_alloc(c->ctx, bytes), *constant;
    if (!query || !score) {
        attn_free(c->ctx, score);
        c->status = query ? attn_no_memory(c->ctx, "scores", bytes) : attn_tape_status(a->query->tape);
        return;
    }
    constant = score + a->heads * width;
    for (int64_t h = 0; h < a->heads; h++) {
        const attn_real *q = attn_data(query) + h * d;
        double sum = 0;
        for (int64_t i = 0; i < d; i++) sum += (double)q[i] * (double)bias[h * d + i];
        constant[h] = (attn_real)sum;
        for (int64_t k = 0; k < width; k++) {
            sum = 0;
            for (int64_t i = 0; i < d; i++) sum += (double)q[i] * (double)key[(h * d + i) * width + k];
            score[h * width + k] = (attn_real)sum;
        }
    }
    snprintf(name, sizeof name, "block_%lld_score", (long long)layer);
    attn_c_floats(c, name, a->heads * width, score, 1 / sqrt((double)d));
    snprintf(name, sizeof name, "block_%lld_score_bias", (long long)layer);
    attn_c_floats(c, name, a->heads, constant, 1 / sqrt((double)d));
    c->products += a->heads * width;
    attn_free(c->ctx, score);
}

static void put_linear(struct attn_c_source *c, int64_t layer, const char *part, const attn_projection *p, int64_t first, int64_t rows) {
    char name[NAME];
    snprintf(name, sizeof name, "block_%lld_%s", (long long)layer, part);
    attn_c_linear(c, name, p, first, rows, 1);
}

static void put_norm(struct attn_c_source *c, int64_t layer, const char *part, const attn_norm *norm) {
    char name[NAME];
    snprintf(name, sizeof name, "block_%lld_%s", (long long)layer, part);
    attn_c_norm(c, name, norm);
}

static attn_status put_block(struct attn_c_source *c, const struct attn_aaren_block *b, int64_t layer) {
    const attn_mixer_kind *kind = attn_mixer_kind_of(b->mixer);
    const struct attn_aaren *a = attn_mixer_self(b->mixer);
    if (kind != &attn_mixer_aaren)
        return attn_c_fail(
            c, ATTN_EUNSUPPORTED,
            "export: block %lld has the mixer '%s', expected aaren in every block, whose memory is small and constant: train a "
            "model with mixer=aaren:heads=4",
            (long long)layer, kind->name);
    put_norm(c, layer, "mixer_norm", &b->mixer_norm);
    put_scores(c, a, layer);
    put_linear(c, layer, "value", &a->kv, a->width, a->width);
    put_linear(c, layer, "join", &a->out, 0, a->width);
    put_norm(c, layer, "ffn_norm", &b->ffn_norm);
    put_linear(c, layer, "in", &b->in, 0, attn_size(b->in.weight, 0));
    put_linear(c, layer, "out", &b->out, 0, a->width);
    return c->status;
}

/* The list of blocks, behind their arrays. */
static void put_list(struct attn_c_source *c, const struct attn_aaren_stack *s) {
    attn_c_add_text(c, &c->weights,
                    "static const struct block {\n"
                    "    int heads;\n"
                    "    const float *score, *score_bias; /* [heads][WIDTH], [heads] */\n"
                    "    const float *mixer_gain, *mixer_bias, *ffn_gain, *ffn_bias;\n"
                    "    const struct linear *value, *join, *in, *out;\n"
                    "} block[LAYERS] = {\n");
    for (int64_t i = 0; i < s->config.layers; i++) {
        const struct attn_aaren *a = attn_mixer_self(s->blocks[i].mixer);
        const int n = (int)i;
        attn_c_add(
            c, &c->weights,
            "    {%lld, block_%d_score, block_%d_score_bias, block_%d_mixer_norm_gain, block_%d_mixer_norm_bias, block_%d_ffn_norm_gain,\n"
            "     block_%d_ffn_norm_bias, &block_%d_value, &block_%d_join, &block_%d_in, &block_%d_out},\n",
            (long long)a->heads, n, n, n, n, n, n, n, n, n, n);
    }
    attn_c_add_text(c, &c->weights, "};\n\n");
}

/* ----------------------------------------------------------------------------------------------------------- functions */

static const char attend[] = "enum { PAIR = 2 /* a number that is the sum of two */ };\n\n"
                             "/* Attention of each head's learned query to all tokens so far, x being the newest: with its score t, m' = "
                             "max(m, t), c' = e^(m - m') c + e^(t - m'),\n"
                             " * o' = o + e^(t - m') / c' (v - o) (Feng et al. 2024, \"Attention as an RNN\", sec. 3.1, with o = a / c). A "
                             "head's memory: m, c, o; c 0: no token yet. */\n"
                             "static void attend(const struct block *b, const float *x, float *memory, float *value, float *y) {\n"
                             "    const int d = WIDTH / b->heads;\n"
                             "    linear(b->value, x, value);\n"
                             "    for (int h = 0; h < b->heads; h++) {\n"
                             "        float *m = memory, *c = m + 1, *o = c + PAIR;\n"
                             "        const float score = dot(WIDTH, b->score + h * WIDTH, x) + b->score_bias[h];\n"
                             "        const int empty = c[0] == 0.0f;\n"
                             "        const float most = !empty && *m > score ? *m : score;\n"
                             "        const float past = empty ? 0.0f : exponential(*m - most), own = exponential(score - most);\n"
                             "        *m = most;\n"
                             "        c[0] *= past;\n"
                             "        c[1] *= past;\n"
                             "        add(c, own);\n"
                             "        const float share = own / c[0];\n"
                             "        for (int i = 0; i < d; i++, o += PAIR) {\n"
                             "            add(o, share * ((value[h * d + i] - o[0]) - o[1]));\n"
                             "            y[h * d + i] = o[0];\n"
                             "        }\n"
                             "        memory = o;\n"
                             "    }\n"
                             "}\n\n";

static const char gelu[] = "/* x Phi(x) */\n"
                           "static void activate(int n, float *x) {\n"
                           "    for (int i = 0; i < n; i++) x[i] *= 0.5f * (1.0f + error_function(0.707106781f * x[i]));\n"
                           "}\n\n";
static const char relu[] = "static void activate(int n, float *x) {\n"
                           "    for (int i = 0; i < n; i++)\n"
                           "        if (x[i] < 0.0f) x[i] = 0.0f;\n"
                           "}\n\n";

static const char plus[] = "static void add_all(float *x, const float *y) {\n"
                           "    for (int i = 0; i < WIDTH; i++) x[i] += y[i];\n"
                           "}\n\n";

static const char begin[] = "/* The token s->x through all blocks, in place; each (0: none) is added before every one. */\n"
                            "static void blocks(state *s, const float *each) {\n"
                            "    float *memory = s->memory, *x = s->x, *y = s->y, *z = s->z;\n"
                            "    for (int i = 0; i < LAYERS; i++) {\n"
                            "        const struct block *b = &block[i];\n"
                            "        if (each) add_all(x, each);\n";
static const char pre[] = "        layer_norm(b->mixer_gain, b->mixer_bias, EPSILON, x, y);\n"
                          "        attend(b, y, memory, s->hidden, z);\n"
                          "        linear(b->join, z, y);\n"
                          "        add_all(x, y);\n"
                          "        layer_norm(b->ffn_gain, b->ffn_bias, EPSILON, x, y);\n"
                          "        linear(b->in, y, s->hidden);\n"
                          "        activate(FFN, s->hidden);\n"
                          "        linear(b->out, s->hidden, y);\n"
                          "        add_all(x, y);\n";
static const char post[] = "        attend(b, x, memory, s->hidden, z);\n"
                           "        linear(b->join, z, y);\n"
                           "        add_all(x, y);\n"
                           "        layer_norm(b->mixer_gain, b->mixer_bias, EPSILON, x, x);\n"
                           "        linear(b->in, x, s->hidden);\n"
                           "        activate(FFN, s->hidden);\n"
                           "        linear(b->out, s->hidden, y);\n"
                           "        add_all(x, y);\n"
                           "        layer_norm(b->ffn_gain, b->ffn_bias, EPSILON, x, x);\n";
static const char end[] = "        memory += (1 + PAIR) * b->heads + PAIR * WIDTH;\n"
                          "    }\n";
static const char last_norm[] = "    layer_norm(norm_gain, norm_bias, EPSILON, x, x);\n";

static void put_functions(struct attn_c_source *c, const struct attn_aaren_stack_config *config) {
    attn_c_use(c, ATTN_C_DOT | ATTN_C_NORM | ATTN_C_EXP | ATTN_C_COMPENSATED | (config->relu ? 0 : ATTN_C_ERF));
    attn_c_add(c, &c->functions, "#define EPSILON %.9gf\n\n", config->epsilon);
    attn_c_add_text(c, &c->functions, attend);
    attn_c_add_text(c, &c->functions, config->relu ? relu : gelu);
    attn_c_add_text(c, &c->functions, plus);
    attn_c_add_text(c, &c->functions, begin);
    attn_c_add_text(c, &c->functions, config->pre_norm ? pre : post);
    attn_c_add_text(c, &c->functions, end);
    if (config->final_norm) attn_c_add_text(c, &c->functions, last_norm);
    attn_c_add_text(c, &c->functions, "}\n\n");
}

void attn_aaren_known_export(struct attn_c_source *c) {
    attn_c_use(c, ATTN_C_KNOWN);
    attn_c_add(c, &c->weights, "#define FARTHEST %a\n\n", ATTN_AAREN_FARTHEST);
}

/* The mixers' memory is what the mixer aaren keeps token by token: as many numbers. */
attn_status attn_aaren_stack_export(const struct attn_aaren_stack *s, struct attn_c_source *c) {
    const struct attn_aaren_stack_config *config = &s->config;
    attn_tape_record(s->tape, false);
    attn_c_size(c, "WIDTH", config->width);
    attn_c_size(c, "FFN", config->ffn);
    attn_c_size(c, "LAYERS", config->layers);
    for (int64_t i = 0; i < config->layers; i++)
        if (put_block(c, &s->blocks[i], i)) return c->status;
    if (config->final_norm) attn_c_norm(c, "norm", &s->norm);
    put_list(c, s);
    put_functions(c, config);
    attn_c_narrow(c, "float", "memory", attn_aaren_stack_state(s, 1));
    attn_c_narrow(c, "float", "x", config->width);
    attn_c_narrow(c, "float", "y", config->width);
    attn_c_narrow(c, "float", "z", config->width);
    attn_c_narrow(c, "float", "hidden", attn_max64(config->ffn, config->width));
    return c->status;
}
