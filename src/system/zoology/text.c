/* The task zoology/lm: a language model on any text, with the slice of its losses that associative recall decides (Arora et al. 2023, sec. 3). */
#include "base/random.h"
#include "io/text.h"
#include "system/zoology/text.h"
#include "system/zoology/zoology.h"
#include "tape/token_split.h"
#include "train/answers.h"
#include "train/sequence_fields.h"

#include <math.h>
#include <string.h>

static const struct attn_recipe_field fields[] = {
    ATTN_CORPUS_FIELDS,
    ATTN_SEQUENCE_FIELDS("128", "4", "attention", "mlp"),
    {"threshold", "most times that training has seen the pair of a recalled token; -1: so that 6.4% of the tokens are", ATTN_WHOLE, "-1",
     -1, 1e9, NULL},
    {"eval_tokens", "tokens of an evaluation; 0: all", ATTN_WHOLE, "0", 0, 1e12, NULL},
};
static const char *const changes[] = {"epochs=5", "batch=4", "lr=0.002", "warmup=100", "schedule=cosine", "clip=1", NULL};

static int64_t rows_of(const struct attn_lm *s) {
    return attn_max64(s->corpus.batch, ATTN_LM_ROWS);
}

static attn_status make_room(attn_ctx *ctx, struct attn_lm *s) {
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
    struct attn_lm *s = job->self;
    attn_status status = attn_corpus_open(job, &s->corpus);
    if (!status) status = make_room(job->ctx, s);
    if (!status && s->corpus.token) job->epoch_steps = attn_corpus_steps(&s->corpus);
    return status ? status : attn_sequence_from_recipe(job, s->corpus.vocabulary, s->corpus.length, &s->sequence);
}

static void close_task(struct attn_job *job) {
    struct attn_lm *s = job->self;
    attn_corpus_close(job->ctx, &s->corpus);
    attn_bigrams_close(job->ctx, &s->bigrams);
    attn_free(job->ctx, s->input);
    attn_free(job->ctx, s->target);
    attn_free(job->ctx, s->seen);
    attn_free(job->ctx, s->losses);
    attn_free(job->ctx, s->scratch);
}

static attn_status extra(struct attn_job *job, char **text) {
    return attn_corpus_extra(job->ctx, &((struct attn_lm *)job->self)->corpus, text);
}

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_lm *s = job->self;
    const int64_t count = s->corpus.batch / micros;
    attn_tensor *penalty;
    int64_t labelled;
    attn_corpus_batch(&s->corpus, step, micro * count, count, s->input, s->target);
    const int32_t *target = attn_token_split_labels(attn_model_tape(job->model), count, s->corpus.length, s->target, &labelled);
    attn_tensor *hidden = attn_sequence_hidden(s->sequence, count, s->corpus.length, s->input, true, &penalty);
    return attn_sequence_loss(attn_sequence_logits(s->sequence, hidden), target, labelled, penalty, micros);
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
static attn_tensor *logits_behind(struct attn_lm *s, const int32_t *token, int64_t position, attn_real *state) {
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
    struct attn_lm *s = job->self;
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

struct question {
    struct attn_job *job;
    const struct attn_predict_options *options;
};

static attn_status answer(void *user, char *line, size_t bytes, FILE *out) {
    struct attn_job *job = ((struct question *)user)->job;
    const struct attn_predict_options *o = ((struct question *)user)->options;
    struct attn_lm *s = job->self;
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

static attn_tensor *logits_at(struct attn_job *job, int64_t tokens, const int32_t *token) {
    struct attn_lm *s = job->self;
    return attn_sequence_logits(s->sequence, attn_sequence_hidden(s->sequence, 1, tokens, token, false, NULL));
}

static attn_status predict(struct attn_job *job, const struct attn_predict_options *options, FILE *in, FILE *out) {
    const struct attn_lm *s = job->self;
    struct question question = {job, options};
    const attn_status status = attn_predict_plain(job, options);
    if (status) return status;
    if (!s->corpus.tokenizer) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "a model of numbers has no text to continue");
    return attn_answer_lines(job->ctx, options->input, in, out, answer, &question);
}

const struct attn_task attn_zoology_lm = {.name = "zoology/lm",
                                          .summary = "a language model on any text, with the losses of recalled tokens apart",
                                          .fields = fields,
                                          .field_count = sizeof fields / sizeof fields[0],
                                          .changes = changes,
                                          .figure = "perplexity",
                                          .lower = true,
                                          .bytes = sizeof(struct attn_lm),
                                          .open = open_task,
                                          .loss = loss,
                                          .evaluate = attn_lm_evaluate,
                                          .compare = attn_lm_compare,
                                          .bins = attn_lm_bins,
                                          .logits = logits_at,
                                          .predict = predict,
                                          .extra = extra,
                                          .close = close_task};
