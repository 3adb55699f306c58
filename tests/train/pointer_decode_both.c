/* Decoding: greedy by hand, beams against all answers that there are, scores against teacher forcing, and the validity of constrained answers. */
#include "support/pointer_nets.h"

#include "system/pointer/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 64 };

/* Losses of some 50 that are added up in attn_real. */
static const double bound = sizeof(attn_real) == sizeof(double) ? 1e-11 : 1e-4;

static const enum attn_pointer_kind kinds[] = {ATTN_POINTER_HULL, ATTN_POINTER_DELAUNAY, ATTN_POINTER_TSP, ATTN_POINTER_SORT};

/* Net and kind by a number; examples of n points are made. */
static void open_net(struct test_pointer *t, int which, const int64_t n[4], int64_t count) {
    test_pointer_open(t, 1, &test_nets[which / 4 % test_nets_count], kinds[which % 4]);
    t->problem.close = which % 3 != 0 || t->problem.closing_ends;
    attn_tape_record(t->m.tape, false);
    test_pointer_examples(t, which, count, n, 0);
}

static void decode(struct test_pointer *t, const struct attn_pointer_decoding *how, struct attn_pointer_answers *out, double *weights) {
    char text[1024];
    assert_int_equal(attn_pointer_answers_open(t->ctx, &t->problem, t->batch.count, t->batch.points, out), ATTN_OK);
    if (attn_pointer_decode(t->ctx, &t->m, &t->problem, how, &t->batch, out, weights))
        fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
}

/* ------------------------------------------------------------------------------------------------------- by hand */

struct answer {
    int32_t token[MOST];
    int64_t length;
    bool ended;
    double score;
};

/* All beginnings of an answer to the batch's one example, one after the other. */
struct search {
    struct test_pointer *t;
    const struct attn_pointer_decoding *how;
    struct attn_pointer_encoding encoding;
    int64_t most; /* tokens of an answer */
    int64_t answers;
    struct answer best;
};

/* Probabilities' logarithms of what may come next, -inf of what may not; states are those behind. */
static void log_probabilities(struct search *s, const struct answer *a, struct attn_pointer_states *states, double *log_p) {
    const struct attn_pointer_batch *b = &s->t->batch;
    const int64_t slots = b->points + 1;
    const int32_t last = a->length > 0 ? a->token[a->length - 1] : -1;
    unsigned char allowed[MOST];
    double sum = 0;
    attn_tensor *x = attn_constant(s->t->m.tape, 2, (const int64_t[]){1, 2}, 0);
    for (int k = 0; k < 2 && last > 0; k++) attn_data(x)[k] = b->x[2 * (last - 1) + k];
    attn_tensor *logits = attn_pointer_step(&s->t->m, &s->encoding, &last, attn_data(x), states);
    assert_non_null(logits);
    attn_pointer_allow(&s->t->problem, a->token, a->length, b->points, allowed);
    for (int64_t j = 0; j < slots; j++)
        if (allowed[j] || !s->how->constrained || !s->how->renormalised) sum += exp((double)attn_data(logits)[j]);
    for (int64_t j = 0; j < slots; j++)
        log_p[j] = allowed[j] || !s->how->constrained ? (double)attn_data(logits)[j] - log(sum) : -(double)INFINITY;
}

/* Where there is no end its token has log_p = -inf, and the first token said again ends. */
static struct answer with_token(const struct search *s, const struct answer *a, int32_t token, double log_p) {
    const bool closed = s->t->problem.closing_ends && a->length > 0 && token == a->token[0];
    struct answer next = *a;
    next.score += log_p;
    next.ended = closed || token == ATTN_POINTER_END;
    if (token != ATTN_POINTER_END) next.token[next.length++] = token;
    return next;
}

static void take_best(struct search *s, const struct answer *a) {
    s->answers++;
    if (s->answers == 1 || a->score > s->best.score) s->best = *a;
}

static void try_all(struct search *s, const struct answer *a, int64_t steps, struct attn_pointer_states states) {
    double log_p[MOST] = {0};
    if (steps == s->most || a->ended) {
        take_best(s, a);
        return;
    }
    log_probabilities(s, a, &states, log_p);
    for (int64_t j = 0; j <= s->t->batch.points; j++)
        if (log_p[j] > -(double)INFINITY) {
            const struct answer next = with_token(s, a, (int32_t)j, log_p[j]);
            try_all(s, &next, steps + 1, states);
        }
}

static void begin(struct search *s, struct test_pointer *t, const struct attn_pointer_decoding *how, struct attn_pointer_states *states) {
    *s = (struct search){.t = t, .how = how, .most = attn_pointer_most_tokens(&t->problem, t->batch.points)};
    assert_true(s->most <= MOST);
    attn_tape_reset(t->m.tape);
    attn_pointer_encode(&t->m, &t->batch, &s->encoding, states);
}

static int64_t steps_of(const struct test_pointer *t, const struct answer *a) {
    return a->length + (a->ended && !t->problem.closing_ends);
}

/* The likeliest token each time; weights [most, N + 1]. */
static struct answer greedy(struct test_pointer *t, const struct attn_pointer_decoding *how, double *weights) {
    struct attn_pointer_states states;
    struct search s;
    struct answer a = {.length = 0};
    begin(&s, t, how, &states);
    for (int64_t step = 0; step < s.most && !a.ended; step++) {
        double *log_p = weights + step * (t->batch.points + 1);
        int32_t best = 0;
        log_probabilities(&s, &a, &states, log_p);
        for (int32_t j = 1; j <= t->batch.points; j++)
            if (log_p[j] > log_p[best]) best = j;
        a = with_token(&s, &a, best, log_p[best]);
        for (int64_t j = 0; j <= t->batch.points; j++) log_p[j] = exp(log_p[j]);
    }
    return a;
}

static void expect_answer(const char *name, const struct attn_pointer_answers *got, const struct answer *want) {
    if (got->length[0] != want->length || got->ended[0] != want->ended ||
        memcmp(got->tokens, want->token, (size_t)want->length * sizeof *want->token) != 0)
        fail_msg("%s: an answer of %lld tokens and score %.9g, expected %lld and %.9g, or others", name, (long long)got->length[0],
                 got->score[0], (long long)want->length, want->score);
    if (!(fabs(got->score[0] - want->score) <= bound * fmax(1, fabs(want->score))))
        fail_msg("%s: score %.9g, expected %.9g", name, got->score[0], want->score);
}

/* ------------------------------------------------------------------------------------------------------------ tests */

static void one_beam_is_the_likeliest_token_each_time_and_weights_are_its_probabilities(void **state) {
    static const int64_t n[4] = {6, 3, 9, 4};
    (void)state;
    for (int i = 0; i < 16 * test_nets_count; i++) {
        const struct attn_pointer_decoding how = {1, i / 3 % 2 == 0, i / 7 % 2 == 0};
        const int64_t own[4] = {n[i / 5 % 4], n[i / 5 % 4], n[i / 5 % 4], n[i / 5 % 4]};
        double weights[MOST * MOST], want[MOST * MOST];
        struct test_pointer t;
        struct attn_pointer_answers got;
        open_net(&t, i, own, 1);
        const struct answer a = greedy(&t, &how, want);
        decode(&t, &how, &got, weights);
        expect_answer(test_nets[i / 4 % test_nets_count].name, &got, &a);
        for (int64_t w = 0; w < steps_of(&t, &a) * (own[0] + 1); w++) assert_true(fabs(weights[w] - want[w]) <= bound);
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
}

/* Hidden numbers in slices and beside them; keys that have powers, and, with great weights, keys that have none. */
static void wide_nets_decode_as_on_the_tape_however_great_their_keys_are(void **state) {
    static const double ranges[] = {0.08, 0.5, 4};
    static const int64_t n[4] = {9, 9, 9, 9};
    (void)state;
    for (int i = 0; i < 18; i++) {
        const struct test_net net = {"wide",
                                     {.net = ATTN_PTRNET, .hidden = i % 2 ? 64 : 70, .range = ranges[i / 2 % 3], .no_end = i % 5 == 1}};
        const struct attn_pointer_decoding how = {1, i / 6 % 2 == 0, i % 4 == 0};
        double weights[MOST * MOST], want[MOST * MOST];
        struct test_pointer t;
        struct attn_pointer_answers got;
        test_pointer_open(&t, 1, &net, kinds[i / 6]);
        attn_tape_record(t.m.tape, false);
        test_pointer_examples(&t, i, 1, n, 0);
        const struct answer a = greedy(&t, &how, want);
        decode(&t, &how, &got, weights);
        expect_answer(net.name, &got, &a);
        for (int64_t w = 0; w < steps_of(&t, &a) * (n[0] + 1); w++) assert_true(fabs(weights[w] - want[w]) <= bound);
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
}

/* As many beams as there are answers. Without the constraint of 3 points, with it of 3 to 5. */
static void a_full_beam_finds_the_likeliest_of_all_answers(void **state) {
    (void)state;
    for (int i = 0; i < 4 * test_nets_count; i++)
        for (int how = 0; how < 4; how++)
            for (int64_t points = 3; points <= (how % 2 && kinds[i % 4] != ATTN_POINTER_DELAUNAY ? 5 : how % 2 ? 4 : 3); points++) {
                struct attn_pointer_decoding decoding = {1, how % 2 == 1, how / 2 == 1};
                struct attn_pointer_states states;
                struct test_pointer t;
                struct search s;
                struct attn_pointer_answers got;
                open_net(&t, i, (const int64_t[4]){points, points, points, points}, 1);
                begin(&s, &t, &decoding, &states);
                try_all(&s, &(struct answer){.length = 0}, 0, states);
                decoding.beams = s.answers;
                decode(&t, &decoding, &got, NULL);
                expect_answer(test_nets[i / 4].name, &got, &s.best);
                attn_pointer_answers_close(t.ctx, &got);
                decoding.beams = 1;
                decode(&t, &decoding, &got, NULL);
                assert_true(got.score[0] <= s.best.score + bound);
                attn_pointer_answers_close(t.ctx, &got);
                test_pointer_close(&t);
            }
}

/* Minus the loss of example i alone with its answer as target. Dictionaries leave out, when they are asked, places that an example does not have. */
static double teacher_forced(struct test_pointer *t, const struct attn_pointer_answers *a, int64_t i) {
    const struct attn_pointer_batch all = t->batch;
    int32_t target[MOST];
    assert_true(a->length[i] < MOST);
    memcpy(target, a->tokens + i * a->room, (size_t)a->length[i] * sizeof *target);
    target[a->length[i]] = ATTN_POINTER_END;
    assert_int_equal(attn_pointer_batch_open(t->ctx, 1, all.points, a->room, &t->batch), ATTN_OK);
    attn_pointer_batch_begin(&t->batch, 1, all.points, a->room);
    attn_pointer_batch_put(&t->batch, 0, all.xy + 2 * i * all.points, all.length[i], target,
                           a->length[i] + (a->ended[i] && !t->problem.closing_ends));
    const double loss = test_pointer_loss(t);
    attn_pointer_batch_close(t->ctx, &t->batch);
    t->batch = all;
    return -loss;
}

static void the_score_is_the_answers_log_probability_under_teacher_forcing(void **state) {
    static const int64_t full[4] = {TEST_NET_DICTIONARY, TEST_NET_DICTIONARY, TEST_NET_DICTIONARY, TEST_NET_DICTIONARY},
                         mixed[4] = {TEST_NET_DICTIONARY, 3, 8, 5};
    (void)state;
    for (int i = 0; i < 8 * test_nets_count; i++) {
        const struct attn_pointer_decoding how = {i / 4 % 2 ? 4 : 1, i / 3 % 2 == 0, false};
        struct test_pointer t;
        struct attn_pointer_answers got;
        open_net(&t, i, test_nets[i / 4 % test_nets_count].config.net == ATTN_PTRNET ? mixed : full, 8);
        decode(&t, &how, &got, NULL);
        for (int64_t e = 0; e < t.batch.count; e++) {
            const double want = teacher_forced(&t, &got, e);
            if (!(fabs(got.score[e] - want) <= bound * fabs(want)))
                fail_msg("%s, example %lld: %.9g, expected %.9g", test_nets[i / 4 % test_nets_count].name, (long long)e, got.score[e],
                         want);
        }
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
}

static bool distinct(const int32_t *numbers, int64_t count, int64_t n) {
    bool seen[MOST] = {false};
    for (int64_t i = 0; i < count; i++) {
        if (numbers[i] < 0 || numbers[i] >= n || seen[numbers[i]]) return false;
        seen[numbers[i]] = true;
    }
    return true;
}

static bool ascending_triples(const int32_t *numbers, int64_t count, int64_t n) {
    for (int64_t i = 0; i < count; i++)
        if (numbers[i] < 0 || numbers[i] >= n || (i % 3 > 0 && numbers[i] <= numbers[i - 1])) return false;
    return count % 3 == 0;
}

static bool valid(const struct attn_pointer_problem *problem, const int32_t *numbers, int64_t count, int64_t n) {
    switch (problem->kind) {
    case ATTN_POINTER_HULL:
        return count >= 3 && distinct(numbers, count, n);
    case ATTN_POINTER_DELAUNAY:
        return ascending_triples(numbers, count, n);
    case ATTN_POINTER_TSP:
        return count == n && numbers[0] == 0 && distinct(numbers, count, n);
    case ATTN_POINTER_SORT:
        break;
    }
    return count == n && distinct(numbers, count, n);
}

/* Of models that have learned nothing, in batches of equal and of mixed numbers of points, of 3 too. */
static void constrained_answers_are_valid_and_come_to_an_end(void **state) {
    static const int64_t sets[][4] = {{3, 3, 3, 3}, {10, 3, 7, 5}, {10, 10, 10, 10}};
    (void)state;
    for (int i = 0; i < 12 * test_nets_count; i++) {
        const struct attn_pointer_decoding how = {i / 4 % 3 + 1, true, i / 5 % 2 == 0};
        const char *name = test_nets[i / 4 % test_nets_count].name;
        struct test_pointer t;
        struct attn_pointer_answers got;
        open_net(&t, i, sets[i / 3 % 3], 64);
        decode(&t, &how, &got, NULL);
        for (int64_t e = 0; e < t.batch.count; e++) {
            const int32_t *tokens = got.tokens + e * got.room;
            int32_t numbers[MOST];
            const int64_t count = attn_pointer_numbers(&t.problem, tokens, got.length[e], numbers), n = t.batch.length[e];
            const bool closes = t.problem.close && (t.problem.kind == ATTN_POINTER_HULL || t.problem.kind == ATTN_POINTER_TSP);
            if (!got.ended[e] || got.length[e] != count + closes || !valid(&t.problem, numbers, count, n))
                fail_msg("%s: %lld tokens among %lld points are no valid answer", name, (long long)got.length[e], (long long)n);
        }
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
}

/* Free answers too: none names its first point again before its last token, and those that are cut off never do. */
static void without_an_end_slot_answers_end_exactly_where_they_close(void **state) {
    static const struct test_net net = {"ptrnet end_slot=false", {.net = ATTN_PTRNET, .hidden = 5, .range = 1, .no_end = true}};
    int ended = 0;
    (void)state;
    for (int i = 0; i < 24; i++) {
        const struct attn_pointer_decoding how = {i % 3 + 1, i / 6 % 2 == 0, i % 5 < 3};
        struct test_pointer t;
        struct attn_pointer_answers got;
        test_pointer_open(&t, 1, &net, i % 2 ? ATTN_POINTER_HULL : ATTN_POINTER_TSP);
        attn_tape_record(t.m.tape, false);
        test_pointer_examples(&t, i, 16, (const int64_t[4]){10, 3, 7, 1}, 0);
        decode(&t, &how, &got, NULL);
        for (int64_t e = 0; e < t.batch.count; e++) {
            const int32_t *tokens = got.tokens + e * got.room;
            const int64_t length = got.length[e];
            for (int64_t j = 0; j < length; j++) {
                assert_true(tokens[j] >= 1 && tokens[j] <= t.batch.length[e]);
                assert_int_equal(j > 0 && tokens[j] == tokens[0], got.ended[e] && j == length - 1);
            }
            if (!got.ended[e]) assert_int_equal(length, t.batch.length[e] + 1);
            assert_true(got.ended[e] || !how.constrained);
            ended += got.ended[e] && !how.constrained;
        }
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
    assert_true(ended > 0);
}

/* With one beam, as later tokens change nothing of those before. */
static void an_answer_that_there_is_less_room_for_is_the_begin_of_the_whole_one(void **state) {
    const struct attn_pointer_decoding how = {1, true, true};
    (void)state;
    for (int64_t room = 1; room <= 9; room++) {
        struct test_pointer t;
        struct attn_pointer_answers whole, got;
        test_pointer_open(&t, 1, &test_nets[0], ATTN_POINTER_TSP);
        attn_tape_record(t.m.tape, false);
        test_pointer_examples(&t, 0, 4, (const int64_t[4]){6, 3, 5, 6}, 0);
        decode(&t, &how, &whole, NULL);
        assert_int_equal(attn_pointer_answers_open(t.ctx, &t.problem, t.batch.count, t.batch.points, &got), ATTN_OK);
        got.room = attn_min64(got.room, room);
        assert_int_equal(attn_pointer_decode(t.ctx, &t.m, &t.problem, &how, &t.batch, &got, NULL), ATTN_OK);
        for (int64_t e = 0; e < t.batch.count; e++) {
            assert_int_equal(got.length[e], attn_min64(whole.length[e], room));
            assert_int_equal(got.ended[e], whole.length[e] < room);
            assert_memory_equal(got.tokens + e * got.room, whole.tokens + e * whole.room, (size_t)got.length[e] * sizeof *got.tokens);
        }
        attn_pointer_answers_close(t.ctx, &whole);
        attn_pointer_answers_close(t.ctx, &got);
        test_pointer_close(&t);
    }
}

/* A model of zeros finds all tokens as likely. */
static void of_equal_scores_the_better_parents_and_the_lower_tokens_is_first(void **state) {
    static const struct {
        enum attn_pointer_kind kind;
        bool constrained;
        int32_t token[7];
        int64_t length;
    } known[] = {{ATTN_POINTER_TSP, true, {1, 2, 3, 4, 5, 1}, 6},
                 {ATTN_POINTER_SORT, true, {1, 2, 3, 4, 5}, 5},
                 {ATTN_POINTER_HULL, true, {1, 2, 3, 1}, 4},
                 {ATTN_POINTER_DELAUNAY, true, {0}, 0},
                 {ATTN_POINTER_TSP, false, {0}, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int64_t beams = 1; beams <= 7; beams += 2) {
            const struct attn_pointer_decoding how = {beams, known[i].constrained, true};
            struct test_pointer t;
            struct attn_pointer_answers got;
            test_pointer_open(&t, 1, &test_nets[0], known[i].kind);
            for (int64_t p = 0; p < attn_model_count(t.model); p++) attn_fill(attn_model_tensor(t.model, p), 0);
            attn_tape_record(t.m.tape, false);
            test_pointer_examples(&t, 0, 1, (const int64_t[4]){5, 5, 5, 5}, 0);
            decode(&t, &how, &got, NULL);
            assert_int_equal(got.length[0], known[i].length);
            assert_memory_equal(got.tokens, known[i].token, (size_t)known[i].length * sizeof *got.tokens);
            assert_true(got.ended[0]);
            attn_pointer_answers_close(t.ctx, &got);
            test_pointer_close(&t);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_beam_is_the_likeliest_token_each_time_and_weights_are_its_probabilities),
        cmocka_unit_test(wide_nets_decode_as_on_the_tape_however_great_their_keys_are),
        cmocka_unit_test(a_full_beam_finds_the_likeliest_of_all_answers),
        cmocka_unit_test(of_equal_scores_the_better_parents_and_the_lower_tokens_is_first),
        cmocka_unit_test(the_score_is_the_answers_log_probability_under_teacher_forcing),
        cmocka_unit_test(constrained_answers_are_valid_and_come_to_an_end),
        cmocka_unit_test(without_an_end_slot_answers_end_exactly_where_they_close),
        cmocka_unit_test(an_answer_that_there_is_less_room_for_is_the_begin_of_the_whole_one),
    };
    return cmocka_run_group_tests_name("pointer: decoding", tests, NULL, NULL);
}
