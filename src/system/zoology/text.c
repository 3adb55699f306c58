/* The task zoology/lm: a language model on any text, with the slice of its losses that associative recall decides (Arora et al. 2023, sec. 3). */
#include "base/random.h"
#include "io/text.h"
#include "system/zoology/counted.h"
#include "system/zoology/zoology.h"
#include "train/corpus.h"
#include "train/sequence_fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16 /* windows of an evaluation's batch */, LINE = 1 << 20 };
static const double wanted_share = 0.064; /* of hits, the paper's */

struct lm {
    struct attn_corpus corpus;
    attn_sequence *sequence;
    struct attn_bigrams bigrams; /* of the training text, once an evaluation has wanted them */
    int32_t *input, *target, *seen;
    attn_real *losses;
    void *scratch;
};

static const struct attn_recipe_field fields[] = {
    ATTN_CORPUS_FIELDS,
    ATTN_SEQUENCE_FIELDS("128", "4", "attention", "mlp"),
    {"threshold", "most times that training has seen the pair of a recalled token; -1: so that 6.4% of the tokens are", ATTN_WHOLE, "-1",
     -1, 1e9, NULL},
    {"eval_tokens", "tokens of an evaluation; 0: all", ATTN_WHOLE, "0", 0, 1e12, NULL},
};
static const char *const changes[] = {"epochs=1", "batch=16", "lr=0.001", "schedule=cosine", "clip=1", NULL};

static int64_t rows_of(const struct lm *s) {
    return attn_max64(s->corpus.batch, ROWS);
}

static attn_status make_room(attn_ctx *ctx, struct lm *s) {
    const size_t tokens = (size_t)(rows_of(s) * s->corpus.length);
    s->input = attn_alloc(ctx, tokens * sizeof *s->input);
    s->target = attn_alloc(ctx, tokens * sizeof *s->target);
    s->seen = attn_alloc(ctx, ((size_t)s->corpus.length + 1) * sizeof *s->seen);
    s->losses = attn_alloc(ctx, tokens * sizeof *s->losses);
    s->scratch = attn_alloc(ctx, attn_slices_scratch(s->corpus.length + 1));
    if (s->input && s->target && s->seen && s->losses && s->scratch) return ATTN_OK;
    return attn_no_memory(ctx, "a batch of text", tokens * (2 * sizeof *s->input + sizeof *s->losses));
}

static attn_status open_task(struct attn_job *job) {
    struct lm *s = job->self;
    attn_status status = attn_corpus_open(job, &s->corpus);
    if (!status) status = make_room(job->ctx, s);
    if (!status && s->corpus.token) job->epoch_steps = attn_corpus_steps(&s->corpus);
    return status ? status : attn_sequence_from_recipe(job, s->corpus.vocabulary, s->corpus.length, &s->sequence);
}

static void close_task(struct attn_job *job) {
    struct lm *s = job->self;
    attn_corpus_close(job->ctx, &s->corpus);
    attn_bigrams_close(job->ctx, &s->bigrams);
    attn_free(job->ctx, s->input);
    attn_free(job->ctx, s->target);
    attn_free(job->ctx, s->seen);
    attn_free(job->ctx, s->losses);
    attn_free(job->ctx, s->scratch);
}

static attn_status extra(struct attn_job *job, char **text) {
    return attn_corpus_extra(job->ctx, &((struct lm *)job->self)->corpus, text);
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct lm *s = job->self;
    const int64_t count = s->corpus.batch / micros;
    attn_tensor *penalty;
    attn_corpus_batch(&s->corpus, step, micro * count, count, s->input, s->target);
    attn_tensor *hidden = attn_sequence_hidden(s->sequence, count, s->corpus.length, s->input, true, &penalty);
    attn_tensor *sum = attn_cross_entropy(attn_sequence_logits(s->sequence, hidden), s->target);
    if (penalty) sum = attn_add(sum, penalty);
    return micros > 1 ? attn_affine(sum, 1 / (attn_real)micros, 0) : sum;
}

/* --------------------------------------------------------------------------------------------------------- evaluation */

/* Losses of a text's tokens but the first, and how often training has seen the pair where it repeats one of its window. */
struct measured {
    double *loss;
    int32_t *seen;
    size_t count;
};

/* Rows of windows [first, first + rows) of `tokens` tokens each. */
static attn_status measure_windows(struct attn_job *job, const int32_t *token, int64_t first, int64_t rows, int64_t tokens,
                                   struct measured *m) {
    struct lm *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t length = s->corpus.length;
    attn_tape_reset(tape);
    for (int64_t i = 0; i < rows; i++) {
        const int32_t *window = token + (first + i) * length;
        memcpy(s->input + i * tokens, window, (size_t)tokens * sizeof *s->input);
        memcpy(s->target + i * tokens, window + 1, (size_t)tokens * sizeof *s->target);
        attn_slices_mark(&s->bigrams, window, tokens + 1, s->seen, s->scratch);
        memcpy(m->seen + (first + i) * length, s->seen + 1, (size_t)tokens * sizeof *m->seen);
    }
    attn_tensor *hidden = attn_sequence_hidden(s->sequence, rows, tokens, s->input, false, NULL);
    const attn_status status = attn_row_losses(attn_sequence_logits(s->sequence, hidden), s->target, s->losses, NULL);
    if (status) return attn_tape_status(tape) ? attn_tape_status(tape) : status;
    for (int64_t i = 0; i < rows * tokens; i++) m->loss[first * length + i] = (double)s->losses[i];
    return ATTN_OK;
}

static attn_status measure_text(struct attn_job *job, const int32_t *token, size_t count, struct measured *m) {
    struct lm *s = job->self;
    const int64_t length = s->corpus.length, windows = ((int64_t)count - 1) / length, rest = ((int64_t)count - 1) % length;
    attn_status status = ATTN_OK;
    m->count = count - 1;
    m->loss = attn_alloc(job->ctx, m->count * sizeof *m->loss);
    m->seen = attn_alloc(job->ctx, m->count * sizeof *m->seen);
    if (!m->loss || !m->seen) return attn_no_memory(job->ctx, "the losses of a text", m->count * (sizeof *m->loss + sizeof *m->seen));
    for (int64_t first = 0; first < windows && !status; first += ROWS)
        status = measure_windows(job, token, first, attn_min64(ROWS, windows - first), length, m);
    if (!status && rest > 0) status = measure_windows(job, token, windows, 1, rest, m);
    return status;
}

static int rising(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The least threshold at which the wanted share of the tokens are hits; at least 1. */
static attn_status choose_threshold(attn_ctx *ctx, const struct measured *m, int64_t *threshold) {
    int32_t *repeats = attn_alloc(ctx, m->count * sizeof *repeats);
    size_t count = 0, wanted = (size_t)ceil(wanted_share * (double)m->count);
    if (!repeats) return attn_no_memory(ctx, "the repeated pairs of a text", m->count * sizeof *repeats);
    for (size_t i = 0; i < m->count; i++)
        if (m->seen[i] != ATTN_SLICE_NEW) repeats[count++] = m->seen[i];
    qsort(repeats, count, sizeof *repeats, rising);
    *threshold = count == 0 ? 1 : attn_max64(1, repeats[(wanted < count ? wanted : count) - 1]);
    attn_free(ctx, repeats);
    return ATTN_OK;
}

static void add_slices(const struct measured *m, int64_t threshold, struct attn_figures *out) {
    double sum[2] = {0, 0};
    int64_t tokens[2] = {0, 0};
    for (size_t i = 0; i < m->count; i++) {
        const int hit = m->seen[i] != ATTN_SLICE_NEW && m->seen[i] <= threshold;
        sum[hit] += m->loss[i];
        tokens[hit]++;
    }
    const double all = (double)(tokens[0] + tokens[1]);
    attn_figures_add(out, "perplexity", exp((sum[0] + sum[1]) / all));
    attn_figures_add(out, "loss", (sum[0] + sum[1]) / all);
    for (int hit = 1; hit >= 0; hit--) {
        if (tokens[hit] == 0) continue; /* of nothing there is no mean */
        attn_figures_add(out, hit ? "perplexity_hits" : "perplexity_other", exp(sum[hit] / (double)tokens[hit]));
        attn_figures_add(out, hit ? "loss_hits" : "loss_other", sum[hit] / (double)tokens[hit]);
    }
    attn_figures_add(out, "hit_share", (double)tokens[1] / all);
    attn_figures_add(out, "threshold", (double)threshold);
    attn_figures_add(out, "tokens", all);
}

static attn_status evaluate_tokens(struct attn_job *job, const int32_t *token, size_t count, struct attn_figures *out) {
    struct lm *s = job->self;
    struct measured m = {NULL, NULL, 0};
    struct attn_counted counted = {0, 0};
    int64_t threshold = attn_recipe_whole(job->recipe, "threshold");
    const int64_t most = attn_recipe_whole(job->recipe, "eval_tokens");
    if (most > 0 && count > (size_t)most + 1) count = (size_t)most + 1;
    attn_status status = ATTN_OK;
    if (!s->bigrams.key) status = attn_bigrams_open(job->ctx, s->corpus.token, s->corpus.training, s->corpus.vocabulary, &s->bigrams);
    if (!status) status = measure_text(job, token, count, &m);
    if (!status && threshold < 0) status = choose_threshold(job->ctx, &m, &threshold);
    if (!status) status = attn_counted_measure(job->ctx, s->corpus.token, s->corpus.training, &s->bigrams, token, count, &counted);
    if (!status) {
        add_slices(&m, threshold, out);
        attn_figures_add(out, "perplexity_unigram", exp(counted.unigram));
        attn_figures_add(out, "perplexity_bigram", exp(counted.bigram));
    }
    attn_free(job->ctx, m.loss);
    attn_free(job->ctx, m.seen);
    return status;
}

static attn_status evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    struct lm *s = job->self;
    int32_t *own = NULL;
    size_t count;
    attn_status status = attn_corpus_load(job, &s->corpus);
    if (status) return status;
    if (!data) return evaluate_tokens(job, s->corpus.token + s->corpus.training, s->corpus.evaluation, out);
    status = attn_corpus_encode(job->ctx, &s->corpus, data, &own, &count);
    if (!status && count < 2) status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found %zu tokens, expected at least 2", data, count);
    if (!status) status = evaluate_tokens(job, own, count, out);
    attn_free(job->ctx, own);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- prediction */

/* A token from one row of logits. */
static int32_t draw(const attn_real *logit, int64_t n, double temperature, struct attn_random *random) {
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        if (logit[i] > logit[best]) best = i;
    if (!(temperature > 0)) return (int32_t)best;
    for (int64_t i = 0; i < n; i++) sum += exp((double)(logit[i] - logit[best]) / temperature);
    double left = attn_random_uniform(random) * sum;
    for (int64_t i = 0; i < n; i++) {
        left -= exp((double)(logit[i] - logit[best]) / temperature);
        if (left < 0) return (int32_t)i;
    }
    return (int32_t)best;
}

/* Logits behind the token at `position`: by a step where the mixers have one, else from the whole beginning again. */
static attn_tensor *logits_behind(struct lm *s, const int32_t *token, int64_t position, attn_real *state) {
    attn_tensor *hidden;
    if (state) {
        hidden = attn_sequence_step(s->sequence, 1, token + position, state, s->corpus.length, position);
    } else {
        hidden = attn_sequence_hidden(s->sequence, 1, position + 1, token, false, NULL);
        hidden = attn_narrow(hidden, 1, position, 1);
    }
    return attn_sequence_logits(s->sequence, attn_contiguous(hidden));
}

/* Continues token[0 .. count) in place, up to `room` tokens in all. */
static attn_status continue_text(struct attn_job *job, const struct attn_predict_options *o, int32_t *token, int64_t *count, int64_t room) {
    struct lm *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t size = attn_sequence_state(s->sequence, s->corpus.length), begun = *count;
    attn_real *state = NULL;
    struct attn_random random;
    attn_random_init(&random, o->seed);
    if (size >= 0) {
        state = attn_alloc(job->ctx, (size_t)size * sizeof *state);
        if (!state) return attn_no_memory(job->ctx, "the state of a text", (size_t)size * sizeof *state);
        memset(state, 0, (size_t)size * sizeof *state);
    }
    for (int64_t i = state ? 0 : begun - 1; i + 1 < room && !attn_tape_status(tape); i++) {
        attn_tape_reset(tape);
        attn_tensor *logits = logits_behind(s, token, i, state);
        if (!logits || i + 1 < begun) continue;
        token[i + 1] = draw(attn_data(logits), s->corpus.vocabulary, o->temperature, &random);
        *count = i + 2;
    }
    attn_free(job->ctx, state);
    return attn_tape_status(tape);
}

static attn_status answer_line(struct attn_job *job, const struct attn_predict_options *o, const char *line, size_t bytes, FILE *out) {
    struct lm *s = job->self;
    int32_t *begin, *token = s->input;
    size_t count, size;
    char *text;
    attn_status status = attn_text_check(job->ctx, "the text to continue", line, bytes);
    if (!status) status = attn_tokenizer_encode(job->ctx, s->corpus.tokenizer, "the text to continue", line, bytes, &begin, &count);
    if (status) return status;
    const int64_t length = s->corpus.length, kept = attn_min64((int64_t)count, attn_max64(1, length - o->tokens));
    if (kept > 0) memcpy(token, begin + count - (size_t)kept, (size_t)kept * sizeof *token); /* what does not fit is left off in front */
    attn_free(job->ctx, begin);
    int64_t all = kept;
    if (kept == 0) return attn_fail(job->ctx, ATTN_EINVAL, "the text to continue is empty");
    status = continue_text(job, o, token, &all, attn_min64(length, kept + o->tokens));
    if (!status) status = attn_tokenizer_decode(job->ctx, s->corpus.tokenizer, token + kept, (size_t)(all - kept), &text, &size);
    if (status) return status;
    fprintf(out, "%.*s", (int)bytes, line);
    if (attn_tokenizer_kind(s->corpus.tokenizer) == ATTN_TOKENIZER_WORD) fputc(' ', out);
    fwrite(text, 1, size, out);
    fputc('\n', out);
    attn_free(job->ctx, text);
    return ATTN_OK;
}

static attn_status predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct lm *s = job->self;
    char *line = NULL;
    size_t room = 0;
    ssize_t bytes;
    attn_status status = ATTN_OK;
    if (!s->corpus.tokenizer) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "a model of numbers has no text to continue");
    while (!status && (bytes = getline(&line, &room, in)) >= 0) {
        if (bytes > 0 && line[bytes - 1] == '\n') bytes--;
        status = bytes > LINE ? attn_fail(job->ctx, ATTN_EINVAL, "found a line of %zd bytes, expected at most %d", bytes, LINE)
                              : answer_line(job, options, line, (size_t)bytes, out);
        fflush(out);
    }
    free(line);
    return status;
}

const struct attn_task attn_zoology_lm = {.name = "zoology/lm",
                                          .summary = "a language model on any text, with the losses of recalled tokens apart",
                                          .fields = fields,
                                          .field_count = sizeof fields / sizeof fields[0],
                                          .changes = changes,
                                          .figure = "perplexity",
                                          .lower = true,
                                          .bytes = sizeof(struct lm),
                                          .open = open_task,
                                          .loss = loss,
                                          .evaluate = evaluate,
                                          .predict = predict,
                                          .extra = extra,
                                          .close = close_task};
