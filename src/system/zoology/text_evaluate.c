/* Evaluations of zoology/lm: perplexity by slice, beside another model's, and by how often training has seen a pair. */
#include "system/zoology/counted.h"
#include "system/zoology/losses.h"
#include "system/zoology/text.h"
#include "tape/token_split.h"

#include <math.h>
#include <string.h>

static const double wanted_share = 0.064; /* of hits, the paper's */
static const char *const slice_names[ATTN_SLICES] = {"other", "hits"};

/* A text and what the model makes of it. */
struct measured {
    const int32_t *token;
    size_t tokens;
    int32_t *own;              /* token, where it is no text of the recipe's */
    struct attn_losses losses; /* of all tokens but the first */
    int64_t threshold;
};

/* ---------------------------------------------------------------------------------------------------------- measuring */

/* Rows of windows [first, first + rows) of `tokens` tokens each. */
static attn_status measure_windows(struct attn_job *job, int64_t first, int64_t rows, int64_t tokens, struct measured *m) {
    struct attn_lm *s = job->self;
    attn_tape *tape = attn_model_tape(job->model);
    const int64_t length = s->corpus.length;
    int64_t labelled;
    attn_tape_reset(tape);
    for (int64_t i = 0; i < rows; i++) {
        const int32_t *window = m->token + (first + i) * length;
        memcpy(s->input + i * tokens, window, (size_t)tokens * sizeof *s->input);
        memcpy(s->target + i * tokens, window + 1, (size_t)tokens * sizeof *s->target);
        attn_slices_mark(&s->bigrams, window, tokens + 1, s->seen, s->scratch);
        memcpy(m->losses.seen + (first + i) * length, s->seen + 1, (size_t)tokens * sizeof *m->losses.seen);
    }
    const int32_t *target = attn_token_split_labels(tape, rows, tokens, s->target, &labelled);
    attn_tensor *hidden = attn_sequence_hidden(s->sequence, rows, tokens, s->input, false, NULL);
    const attn_status status = attn_row_losses(attn_sequence_logits(s->sequence, hidden), target, s->losses, NULL);
    if (status) return attn_tape_status(tape) ? attn_tape_status(tape) : status;
    const int64_t places = attn_token_split_places(tape, tokens);
    for (int64_t i = 0; i < rows * places; i++) {
        const int64_t token = attn_token_split_token(tape, i % places);
        if (token >= 0) m->losses.loss[(first + i / places) * length + token] = (double)s->losses[i];
    }
    return ATTN_OK;
}

static attn_status measure_text(struct attn_job *job, struct measured *m) {
    struct attn_lm *s = job->self;
    struct attn_losses *l = &m->losses;
    l->count = m->tokens - 1;
    const int64_t length = s->corpus.length, windows = (int64_t)l->count / length, rest = (int64_t)l->count % length;
    attn_status status = ATTN_OK;
    l->loss = attn_alloc(job->ctx, l->count * sizeof *l->loss);
    l->seen = attn_alloc(job->ctx, l->count * sizeof *l->seen);
    if (!l->loss || !l->seen) return attn_no_memory(job->ctx, "the losses of a text", l->count * (sizeof *l->loss + sizeof *l->seen));
    memset(l->loss, 0, l->count * sizeof *l->loss); /* of tokens that other ranks have */
    for (int64_t first = 0; first < windows && !status; first += ATTN_LM_ROWS)
        status = measure_windows(job, first, attn_min64(ATTN_LM_ROWS, windows - first), length, m);
    if (!status && rest > 0) status = measure_windows(job, windows, 1, rest, m);
    return status ? status : attn_token_split_sum(attn_model_tape(job->model), l->loss, (int64_t)l->count);
}

/* The text of evaluations, or the user's own; as much as the recipe wants. Closed by forget, also after a failure. */
static attn_status find_text(struct attn_job *job, const char *data, struct measured *m) {
    struct attn_lm *s = job->self;
    *m = (struct measured){.threshold = attn_recipe_whole(job->recipe, "threshold")};
    const int64_t most = attn_recipe_whole(job->recipe, "eval_tokens");
    attn_status status = attn_corpus_load(job, &s->corpus);
    if (!status && data) {
        status = attn_corpus_encode(job->ctx, &s->corpus, data, &m->own, &m->tokens);
        m->token = m->own;
        if (!status && m->tokens < 2)
            status = attn_fail(job->ctx, ATTN_EINVAL, "%s: found %zu tokens, expected at least 2", data, m->tokens);
    } else if (!status) {
        m->token = s->corpus.token + s->corpus.training;
        m->tokens = s->corpus.evaluation;
    }
    if (most > 0 && m->tokens > (size_t)most + 1) m->tokens = (size_t)most + 1;
    return status;
}

static attn_status measure(struct attn_job *job, struct measured *m) {
    struct attn_lm *s = job->self;
    attn_status status = ATTN_OK;
    if (!s->bigrams.key) status = attn_bigrams_open(job->ctx, s->corpus.token, s->corpus.training, s->corpus.vocabulary, &s->bigrams);
    if (!status) status = measure_text(job, m);
    if (!status && m->threshold < 0) status = attn_losses_threshold(job->ctx, &m->losses, wanted_share, &m->threshold);
    return status;
}

static void forget(attn_ctx *ctx, struct measured *m) {
    attn_free(ctx, m->own);
    attn_free(ctx, m->losses.loss);
    attn_free(ctx, m->losses.seen);
}

/* ---------------------------------------------------------------------------------------------------------- one model */

static void add_slices(const struct attn_slice_sums *sums, struct attn_figures *out) {
    const double all = (double)(sums->tokens[ATTN_OTHER] + sums->tokens[ATTN_HITS]);
    const double loss = (sums->loss[ATTN_OTHER] + sums->loss[ATTN_HITS]) / all;
    attn_figures_add(out, "perplexity", exp(loss));
    attn_figures_add(out, "loss", loss);
    for (int i = ATTN_SLICES - 1; i >= 0; i--) {
        char name[32];
        if (sums->tokens[i] == 0) continue; /* of nothing there is no mean */
        const double mean = sums->loss[i] / (double)sums->tokens[i];
        snprintf(name, sizeof name, "perplexity_%s", slice_names[i]);
        attn_figures_add(out, name, exp(mean));
        snprintf(name, sizeof name, "loss_%s", slice_names[i]);
        attn_figures_add(out, name, mean);
    }
}

/* On what it was measured. */
static void add_text(const struct measured *m, const struct attn_slice_sums *sums, struct attn_figures *out) {
    attn_figures_add(out, "hit_share", (double)sums->tokens[ATTN_HITS] / (double)m->losses.count);
    attn_figures_add(out, "threshold", (double)m->threshold);
    attn_figures_add(out, "tokens", (double)m->losses.count);
}

attn_status attn_lm_evaluate(struct attn_job *job, const char *data, struct attn_figures *out) {
    const struct attn_lm *s = job->self;
    struct measured m;
    struct attn_counted counted = {0, 0};
    attn_status status = find_text(job, data, &m);
    if (!status) status = measure(job, &m);
    if (!status) status = attn_counted_measure(job->ctx, s->corpus.token, s->corpus.training, &s->bigrams, m.token, m.tokens, &counted);
    if (!status) {
        const struct attn_slice_sums sums = attn_losses_slices(&m.losses, m.threshold);
        add_slices(&sums, out);
        add_text(&m, &sums, out);
        attn_figures_add(out, "perplexity_unigram", exp(counted.unigram));
        attn_figures_add(out, "perplexity_bigram", exp(counted.bigram));
    }
    forget(job->ctx, &m);
    return status;
}

attn_status attn_lm_bins(struct attn_job *job, const char *data, struct attn_loss_bins *out) {
    const struct attn_lm *s = job->self;
    struct measured m;
    attn_status status = find_text(job, data, &m);
    if (!status) status = measure(job, &m);
    int32_t *times = status ? NULL : attn_alloc(job->ctx, m.losses.count * sizeof *times);
    if (!status && !times) status = attn_no_memory(job->ctx, "counts of a text's pairs", m.losses.count * sizeof *times);
    if (!status) {
        for (size_t i = 0; i < m.losses.count; i++) times[i] = attn_bigrams_count(&s->bigrams, m.token[i], m.token[i + 1]);
        attn_losses_bins(&m.losses, times, out);
    }
    attn_free(job->ctx, times);
    forget(job->ctx, &m);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- two models */

static const char *tokenizer_of(const struct attn_job *job) {
    return attn_tokenizer_words[attn_recipe_whole(job->recipe, "tokenizer")];
}

static attn_status check_vocabulary(struct attn_job *job, struct attn_job *against) {
    attn_ctx *ctx = job->ctx;
    const struct attn_corpus *a = &((struct attn_lm *)job->self)->corpus, *b = &((struct attn_lm *)against->self)->corpus;
    char *mine = NULL, *other = NULL;
    attn_status status = attn_corpus_extra(ctx, a, &mine);
    if (!status) status = attn_corpus_extra(ctx, b, &other);
    const bool same = a->vocabulary == b->vocabulary && !mine == !other && (!mine || strcmp(mine, other) == 0);
    if (!status && !same)
        status = attn_fail(
            ctx, ATTN_EINVAL,
            "the models to be compared have different vocabularies (tokenizer=%s of %lld tokens and tokenizer=%s of %lld): expected "
            "the same tokenizer, learned from the same text",
            tokenizer_of(job), (long long)a->vocabulary, tokenizer_of(against), (long long)b->vocabulary);
    attn_free(ctx, mine);
    attn_free(ctx, other);
    return status;
}

static bool same_tokens(const int32_t *a, size_t a_count, const int32_t *b, size_t b_count) {
    return a_count == b_count && memcmp(a, b, a_count * sizeof *a) == 0;
}

/* Means over other tokens, with other contexts or in other slices would have nothing to say to each other. */
static attn_status check_pair(struct attn_job *job, struct attn_job *against, const struct measured *m, const struct measured *n) {
    const struct attn_corpus *a = &((struct attn_lm *)job->self)->corpus, *b = &((struct attn_lm *)against->self)->corpus;
    attn_status status = check_vocabulary(job, against);
    if (!status && a->length != b->length)
        status = attn_fail(job->ctx, ATTN_EINVAL, "the models to be compared have contexts of %lld and %lld tokens: expected the same",
                           (long long)a->length, (long long)b->length);
    if (!status && !same_tokens(m->token, m->tokens, n->token, n->tokens))
        status = attn_fail(job->ctx, ATTN_EINVAL,
                           "the models to be compared are evaluated on different texts (%zu and %zu tokens): expected the same valid and "
                           "eval_tokens, or --data FILE",
                           m->tokens, n->tokens);
    if (!status && (m->threshold != n->threshold || !same_tokens(a->token, a->training, b->token, b->training)))
        status = attn_fail(job->ctx, ATTN_EINVAL,
                           "the models to be compared cut different slices (threshold=%lld and %lld, %zu and %zu tokens of training): "
                           "expected the same threshold and training text",
                           (long long)m->threshold, (long long)n->threshold, a->training, b->training);
    return status;
}

static void add_pair(const char *slice, double loss, double difference, struct attn_figures *out) {
    static const char *const what[] = {"perplexity", "against", "difference"};
    const double value[] = {exp(loss), exp(loss - difference), difference};
    for (int i = 0; i < 3; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s%s%s", what[i], slice[0] ? "_" : "", slice);
        attn_figures_add(out, name, value[i]);
    }
}

static void add_gap(attn_ctx *ctx, const struct measured *m, const struct measured *n, struct attn_figures *out) {
    const struct attn_slice_sums sums = attn_losses_slices(&m->losses, m->threshold), other = attn_losses_slices(&n->losses, n->threshold);
    const struct attn_gap gap = attn_gap_of(&sums, &other);
    add_pair("", (sums.loss[ATTN_OTHER] + sums.loss[ATTN_HITS]) / (double)m->losses.count, gap.overall, out);
    for (int i = ATTN_SLICES - 1; i >= 0; i--)
        if (sums.tokens[i] > 0) add_pair(slice_names[i], sums.loss[i] / (double)sums.tokens[i], gap.slice[i], out);
    if (isnan(gap.share)) { /* of no gap there is no share */
        attn_log(ctx, ATTN_LOG_WARN, "%s, so that there is no gap whose share hits could make (hits_of_gap)%s",
                 gap.overall < 0 ? "the model is better than the one it is compared with" : "both models are equally good",
                 gap.overall < 0 ? "; with the two models exchanged there is one" : "");
    } else {
        attn_figures_add(out, "hits_of_gap", fmin(gap.share, 1));
        attn_figures_add(out, "hits_of_gap_unclipped", gap.share);
    }
    add_text(m, &sums, out);
}

attn_status attn_lm_compare(struct attn_job *job, struct attn_job *against, const char *data, struct attn_figures *out) {
    struct measured m, n = {.own = NULL};
    attn_status status = find_text(job, data, &m);
    if (!status) status = find_text(against, data, &n);
    if (!status) status = check_pair(job, against, &m, &n);
    if (!status) status = measure(job, &m);
    if (!status) status = measure(against, &n);
    if (!status) add_gap(job->ctx, &m, &n, out);
    forget(job->ctx, &m);
    forget(job->ctx, &n);
    return status;
}
