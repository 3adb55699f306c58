#include "system/zoology/hand_built.h"

#include "base/context.h"

#include <math.h>

enum { WIDTH = 64 };

struct model {
    attn_tape *tape;
    attn_mask *causal;
    attn_tensor *embedding, *positions;
    int32_t *tokens, *labels, *rows, *asked;
    void *scratch;
};

/* Rows of unit length. Two of them meet at a cosine of some 1 / 8, seldom above 0.6. */
static attn_tensor *directions(attn_tape *tape, int64_t rows, uint64_t seed) {
    attn_tensor *x = attn_parameter(tape, 2, (const int64_t[]){rows, WIDTH});
    attn_fill_normal(x, 0, 1, seed);
    for (int64_t i = 0; x && i < rows; i++) {
        attn_real *row = attn_data(x) + i * WIDTH, square = 0;
        for (int c = 0; c < WIDTH; c++) square += row[c] * row[c];
        const attn_real factor = 1 / (attn_real)sqrt((double)square);
        for (int c = 0; c < WIDTH; c++) row[c] *= factor;
    }
    return x;
}

/* [N, WIDTH] as one sequence of one head. */
static attn_tensor *head(attn_tensor *x) {
    return attn_reshape(x, 4, (const int64_t[]){1, -1, 1, WIDTH});
}

/* What the rows of q find under keys k: cosines a tenth apart differ by a factor of 20,000 in weight. */
static attn_tensor *look_up(attn_tensor *q, attn_tensor *k, attn_tensor *v, const attn_mask *causal) {
    attn_attention_config config;
    attn_attention_config_init(&config);
    config.scale = 100;
    config.mask = causal;
    return attn_reshape(attn_attention(head(q), head(k), head(v), &config), 2, (const int64_t[]){-1, WIDTH});
}

/* The token before each, in its own place nothing. */
static attn_tensor *tokens_before(struct model *m, attn_tensor *x, int64_t length) {
    for (int32_t i = 0; i < length; i++) m->rows[i] = i;
    attn_tensor *here = attn_rows(m->positions, 1, &length, m->rows);
    for (int32_t i = 0; i < length; i++) m->rows[i] = i + 1; /* key of row i: the position after it, so that row i + 1 finds it */
    attn_tensor *found = look_up(here, attn_rows(m->positions, 1, &length, m->rows), x, m->causal);
    attn_tensor *nothing = attn_constant(m->tape, 2, (const int64_t[]){1, WIDTH}, 0); /* the first row sees itself alone */
    return attn_concat(2, (attn_tensor *const[]){nothing, attn_narrow(found, 0, 1, length - 1)}, 0);
}

static void answer(struct model *m, const struct attn_mqar *task, int64_t *right, int64_t *questions) {
    int64_t asked = 0;
    attn_tape_reset(m->tape);
    for (int32_t i = 0; i < task->length; i++)
        if (m->labels[i] != ATTN_MQAR_NO_LABEL) m->asked[asked++] = i;
    attn_tensor *x = attn_rows(m->embedding, 1, &task->length, m->tokens);
    attn_tensor *found = look_up(x, tokens_before(m, x, task->length), x, m->causal);
    attn_tensor *logits = attn_matmul(attn_rows(found, 1, &asked, m->asked), false, m->embedding, true);
    for (int64_t i = 0; logits && i < asked; i++) {
        const attn_real *row = attn_data(logits) + i * task->vocabulary;
        int32_t best = 0;
        for (int32_t t = 1; t < task->vocabulary; t++)
            if (row[t] > row[best]) best = t;
        *right += best == m->labels[m->asked[i]];
    }
    *questions += asked;
}

static attn_status open_model(attn_ctx *ctx, const struct attn_mqar *task, struct model *m) {
    const size_t bytes = (size_t)task->length * sizeof *m->tokens;
    attn_status status = attn_tape_create(ctx, &m->tape);
    if (!status) status = attn_mask_band(ctx, -ATTN_UNLIMITED, 0, ATTN_BOTTOM_RIGHT, &m->causal);
    if (status) return status;
    attn_tape_record(m->tape, false);
    m->embedding = directions(m->tape, task->vocabulary, 1);
    m->positions = directions(m->tape, task->length + 1, 2);
    m->tokens = attn_alloc(ctx, bytes);
    m->labels = attn_alloc(ctx, bytes);
    m->rows = attn_alloc(ctx, bytes);
    m->asked = attn_alloc(ctx, bytes);
    m->scratch = attn_alloc(ctx, attn_mqar_scratch(task));
    if (!m->tokens || !m->labels || !m->rows || !m->asked || !m->scratch) return attn_no_memory(ctx, "an example", 4 * bytes);
    return attn_tape_status(m->tape);
}

static void close_model(attn_ctx *ctx, struct model *m) {
    attn_free(ctx, m->tokens);
    attn_free(ctx, m->labels);
    attn_free(ctx, m->rows);
    attn_free(ctx, m->asked);
    attn_free(ctx, m->scratch);
    attn_mask_destroy(m->causal);
    attn_tape_destroy(m->tape);
}

attn_status attn_hand_built_recall(attn_ctx *ctx, const struct attn_mqar *task, uint64_t seed, int64_t first, int64_t count, int64_t *right,
                                   int64_t *questions) {
    struct model m = {.tape = NULL};
    attn_status status = attn_mqar_check(ctx, task);
    *right = *questions = 0;
    if (!status) status = open_model(ctx, task, &m);
    for (int64_t i = 0; i < count && !status; i++) {
        attn_mqar_example(task, seed, (uint64_t)(first + i), m.tokens, m.labels, m.scratch);
        answer(&m, task, right, questions);
        status = attn_tape_status(m.tape);
    }
    close_model(ctx, &m);
    return status;
}
