/* Sequences split over ranks, which are threads here: losses, gradients and trained weights are those of whole sequences, and what cannot be split is refused. */
#include "support/counts.h"
#include "support/ranks.h"

#include "base/random.h"
#include "system/zoology/zoology.h"
#include "tape/token_split.h"
#include "train/cost.h"
#include "train/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[64];

/* A text for zoology/lm. */
static int set_up(void **state) {
    static const char *const words[] = {"abacab ", "dead ", "beef ", "face ", "cafe "};
    char path[128];
    struct attn_random random;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/text", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    attn_random_init(&random, 5);
    for (int i = 0; i < 600; i++) fputs(words[attn_random_below(&random, 5)], file);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static struct attn_recipe *recipe_of(attn_ctx *ctx, const struct attn_task *task, const char *words) {
    char text[1024];
    if (task != &attn_zoology_lm) return test_task_recipe(ctx, task, words);
    snprintf(text, sizeof text, "data=%s/text tokenizer=character %s", folder, words);
    return test_task_recipe(ctx, task, text);
}

/* ---------------------------------------------------------------------------------------------------------- gradients */

struct gradients {
    const struct attn_task *task;
    const char *words;
    double loss[TEST_RANKS];
    attn_real *gradient[TEST_RANKS];
    int64_t elements;
    attn_status status[TEST_RANKS];
    char sentence[TEST_RANKS][1024];
};

static attn_status run_once(struct attn_job *job, const struct attn_ranks *ranks, struct attn_context_parallel *context, double *loss) {
    attn_tape *tape = attn_model_tape(job->model);
    const attn_status status = attn_context_open(job, ranks, context);
    if (status) return status;
    attn_tape_seed(tape, 77);
    attn_context_split(context, job, true);
    attn_tensor *x = job->task->loss(job, 0, 0, 1);
    if (!x) return attn_tape_status(tape);
    *loss = (double)attn_data(x)[0];
    return attn_tape_backward(x);
}

static attn_real *copy_of(const struct attn_model *model, attn_real *(*array)(attn_tensor *x)) {
    attn_real *copy = malloc((size_t)attn_model_elements(model) * sizeof *copy), *to = copy;
    for (int64_t i = 0; copy && i < attn_model_count(model); i++) {
        attn_tensor *x = attn_model_tensor(model, i);
        memcpy(to, array(x), (size_t)attn_count(x) * sizeof *to);
        to += attn_count(x);
    }
    return copy;
}

/* Loss and gradients of one micro-batch, as one rank computes them. */
static void take_gradients(const struct attn_ranks *ranks, attn_ctx *ctx, void *user) {
    struct gradients *g = user;
    const int r = ranks->rank;
    struct attn_recipe *recipe = recipe_of(ctx, g->task, g->words);
    struct attn_context_parallel context = {.group = 1};
    struct attn_job job;
    g->status[r] = attn_job_open(ctx, g->task, recipe, NULL, 0, NULL, &job);
    if (!g->status[r]) g->status[r] = run_once(&job, ranks, &context, &g->loss[r]);
    attn_ctx_error(ctx, g->sentence[r], sizeof g->sentence[r]);
    if (!g->status[r]) {
        g->gradient[r] = copy_of(job.model, attn_grad);
        g->elements = attn_model_elements(job.model);
        attn_context_split(&context, &job, false);
    }
    attn_context_close(&context);
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

/* Sums over the ranks; the arrays are freed but for the first. */
static void sum_up(struct gradients *g, int ranks) {
    for (int r = 0; r < ranks; r++)
        if (g->status[r]) fail_msg("%d ranks, rank %d, %s: %s", ranks, r, g->words, g->sentence[r]);
    for (int r = 1; r < ranks; r++) {
        g->loss[0] += g->loss[r];
        for (int64_t i = 0; i < g->elements; i++) g->gradient[0][i] += g->gradient[r][i];
        free(g->gradient[r]);
    }
}

static const double tolerance = 2e-6; /* of the greatest gradient or weight */

static void expect_gradients(const struct attn_task *task, const char *words, const char *mechanism, int ranks) {
    char split[512];
    struct gradients whole = {.task = task, .words = words}, parts = {.task = task, .words = split};
    double most = 0, apart = 0;
    snprintf(split, sizeof split, "%s context_parallel=%s", words, mechanism);
    test_ranks_run(1, take_gradients, &whole);
    test_ranks_run(ranks, take_gradients, &parts);
    sum_up(&whole, 1);
    sum_up(&parts, ranks);
    assert_int_equal(whole.elements, parts.elements);
    for (int64_t i = 0; i < whole.elements; i++) {
        most = fmax(most, fabs((double)whole.gradient[0][i]));
        apart = fmax(apart, fabs((double)whole.gradient[0][i] - (double)parts.gradient[0][i]));
    }
    if (!(fabs(whole.loss[0] - parts.loss[0]) <= tolerance * fabs(whole.loss[0])) || !(apart <= tolerance * most))
        fail_msg("%d ranks, %s: loss %.9g, not %.9g; gradients up to %g are apart by %g", ranks, split, parts.loss[0], whole.loss[0], most,
                 apart);
    free(whole.gradient[0]);
    free(parts.gradient[0]);
}

static const char *const mechanisms[] = {"ring", "allgather", "ulysses", "usp", "loongtrain"};
enum { MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

static void every_mechanism_gives_the_gradients_of_whole_sequences(void **state) {
    (void)state;
    for (int m = 0; m < MECHANISMS; m++)
        for (int ranks = 2; ranks <= 4; ranks++)
            expect_gradients(&attn_zoology_lm, "length=29 batch=3 width=24 layers=2 state=mlp mixer=attention:heads=12", mechanisms[m],
                             ranks);
}

static void heads_that_are_fewer_than_ranks_leave_a_ring(void **state) {
    (void)state;
    expect_gradients(&attn_zoology_lm, "length=40 batch=2 width=24 layers=2 state=swiglu norm=rms mixer=attention:heads=2", "usp", 4);
    expect_gradients(&attn_zoology_lm, "length=40 batch=2 width=24 layers=2 untied=true mixer=attention:heads=2+attention:heads=4",
                     "loongtrain", 4);
}

static void windows_are_split_too(void **state) {
    (void)state;
    expect_gradients(&attn_zoology_lm, "length=37 batch=2 width=16 layers=2 positions=no mixer=sliding:window=5:heads=2+attention", "ring",
                     4);
    expect_gradients(&attn_zoology_lm, "length=37 batch=2 width=16 layers=2 positions=yes mixer=sliding:window=5:heads=2", "allgather", 3);
}

static void sequences_of_few_tokens_leave_ranks_without_any(void **state) {
    (void)state;
    for (int length = 2; length <= 7; length++) {
        char words[128];
        snprintf(words, sizeof words, "length=%d batch=2 width=8 layers=1 mixer=attention", length);
        expect_gradients(&attn_zoology_lm, words, "ring", 4);
    }
}

static void dropout_drops_the_same_elements(void **state) {
    (void)state;
    expect_gradients(&attn_zoology_lm, "length=33 batch=2 width=16 layers=2 state=mlp dropout=0.3 mixer=attention", "ring", 3);
    expect_gradients(&attn_zoology_lm, "length=33 batch=2 width=15 layers=2 state=mlp dropout=0.3 mixer=attention", "ring", 4);
}

/* Few of the tokens have labels, and some ranks no token with one. */
static void ranks_without_labels_take_part(void **state) {
    (void)state;
    expect_gradients(&attn_zoology_mqar, "vocabulary=32 length=16 pairs=1 width=16 layers=2 batch=1 train_examples=8", "ring", 4);
    expect_gradients(&attn_zoology_mqar, "vocabulary=32 length=16 pairs=2 width=16 layers=2 batch=8 train_examples=64", "ring", 3);
    expect_gradients(&attn_zoology_ar_single, "length=11 pairs=3 width=16 layers=2 batch=4", "allgather", 4);
    expect_gradients(&attn_zoology_stacked, "vocabulary=32 pairs=3 width=16 layers=2 batch=4 mixer=attention", "ring", 4);
}

/* ---------------------------------------------------------------------------------------------------------- trainings */

struct training {
    const struct attn_task *task;
    const char *words;
    bool spoiled;            /* the position of the last token is no number */
    double loss[TEST_RANKS]; /* of the last step */
    attn_real *weight[TEST_RANKS];
    int64_t elements;
    struct attn_figures figures[TEST_RANKS];
    attn_status status[TEST_RANKS];
    char sentence[TEST_RANKS][1024];
};

struct watcher {
    struct training *training;
    int rank;
};

static void progress(void *user, const struct attn_train_progress *p) {
    const struct watcher *w = user;
    w->training->loss[w->rank] = p->loss;
}

static void spoil(const struct attn_model *model) {
    for (int64_t i = 0; i < attn_model_count(model); i++) {
        attn_tensor *x = attn_model_tensor(model, i);
        if (strcmp(attn_model_name(model, i), "positions.weight") == 0) attn_data(x)[attn_count(x) - 1] = NAN;
    }
}

static void train(const struct attn_ranks *ranks, attn_ctx *ctx, void *user) {
    struct training *t = user;
    struct watcher watcher = {t, ranks->rank};
    const struct attn_train_options options = {.ranks = ranks, .progress = progress, .user = &watcher};
    struct attn_recipe *recipe = recipe_of(ctx, t->task, t->words);
    struct attn_job job;
    enum attn_train_end end;
    attn_status status = attn_job_open(ctx, t->task, recipe, NULL, 0, NULL, &job);
    if (!status && t->spoiled) spoil(job.model);
    if (!status) status = attn_train(&job, NULL, false, &options, &end, &t->figures[ranks->rank]);
    t->status[ranks->rank] = status;
    attn_ctx_error(ctx, t->sentence[ranks->rank], sizeof t->sentence[ranks->rank]);
    if (job.model) {
        t->weight[ranks->rank] = copy_of(job.model, attn_data);
        t->elements = attn_model_elements(job.model);
    }
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

static struct training trained(const struct attn_task *task, int ranks, const char *words) {
    struct training t = {.task = task, .words = words};
    test_ranks_run(ranks, train, &t);
    for (int r = 0; r < ranks; r++)
        if (t.status[r]) fail_msg("%d ranks, rank %d: %s", ranks, r, t.sentence[r]);
    for (int r = 1; r < ranks; r++) assert_memory_equal(t.weight[r], t.weight[0], (size_t)t.elements * sizeof(attn_real));
    return t;
}

static void forget(struct training *t) {
    for (int r = 0; r < TEST_RANKS; r++) free(t->weight[r]);
}

static void expect_near(const struct training *a, const struct training *b) {
    double most = 0, apart = 0;
    assert_int_equal(a->elements, b->elements);
    for (int64_t i = 0; i < a->elements; i++) {
        most = fmax(most, fabs((double)a->weight[0][i]));
        apart = fmax(apart, fabs((double)a->weight[0][i] - (double)b->weight[0][i]));
    }
    if (!(fabs(a->loss[0] - b->loss[0]) <= tolerance * fabs(a->loss[0])) || !(apart <= tolerance * most))
        fail_msg("%s: loss %.9g, not %.9g; weights up to %g are apart by %g", b->words, b->loss[0], a->loss[0], most, apart);
    assert_int_equal(a->figures[0].count, b->figures[0].count);
    for (int i = 0; i < a->figures[0].count; i++) {
        const double x = a->figures[0].at[i].value, y = b->figures[0].at[i].value;
        if (!(fabs(x - y) <= tolerance * fmax(1, fabs(x)))) fail_msg("%s: %s %.9g, not %.9g", b->words, a->figures[0].at[i].name, y, x);
    }
}

/* Sgd, as Adam's first steps are of one size whatever the gradient's: signs of what is all but 0 would be told apart. */
static const char lm[] =
    "length=32 batch=4 width=16 layers=2 state=mlp dropout=0.1 mixer=attention:heads=4 epochs=0 steps=20 micro_batches=2 clip=1 "
    "optimizer=sgd momentum=0.9 lr=0.5 warmup=0 eval_every=10";

static void training_ends_with_the_weights_of_one_process(void **state) {
    (void)state;
    struct training one = trained(&attn_zoology_lm, 1, lm);
    for (int m = 0; m < (test_thinned() ? 1 : MECHANISMS); m++) {
        char words[512];
        snprintf(words, sizeof words, "%s context_parallel=%s", lm, mechanisms[m]);
        struct training all = trained(&attn_zoology_lm, 4, words);
        expect_near(&one, &all);
        forget(&all);
    }
    forget(&one);
}

/* Learned to the end: figures of evaluations are of right answers. */
static void tasks_of_recall_are_trained_and_evaluated_over_ranks(void **state) {
    static const char mqar[] =
        "vocabulary=32 length=24 pairs=2 width=16 layers=2 batch=8 train_examples=0 epochs=0 steps=20 test_examples=70 "
        "optimizer=sgd lr=0.05 momentum=0.9";
    static const char stacked[] =
        "vocabulary=32 pairs=3 width=16 layers=2 batch=8 steps=20 test_examples=70 optimizer=sgd lr=0.05 momentum=0.9";
    char words[512];
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct attn_task *task = i == 0 ? &attn_zoology_mqar : &attn_zoology_stacked;
        snprintf(words, sizeof words, "%s context_parallel=ring", i == 0 ? mqar : stacked);
        struct training one = trained(task, 1, i == 0 ? mqar : stacked), four = trained(task, 4, words);
        expect_near(&one, &four);
        forget(&one);
        forget(&four);
    }
}

static void groups_share_a_step_and_their_number_changes_no_bit(void **state) {
    char words[512];
    (void)state;
    snprintf(words, sizeof words, "%s context_parallel=ring context_ranks=2", lm);
    struct training one = trained(&attn_zoology_lm, 1, lm), two = trained(&attn_zoology_lm, 2, words),
                    four = trained(&attn_zoology_lm, 4, words);
    expect_near(&one, &two);
    assert_memory_equal(two.weight[0], four.weight[0], (size_t)two.elements * sizeof(attn_real));
    assert_true(two.loss[0] == four.loss[0]);
    forget(&one);
    forget(&two);
    forget(&four);
}

/* -------------------------------------------------------------------------------------------------------------- costs */

struct costs {
    const char *words;
    struct attn_cost cost[TEST_RANKS];
    attn_status status[TEST_RANKS];
};

static void take_cost(const struct attn_ranks *ranks, attn_ctx *ctx, void *user) {
    struct costs *c = user;
    struct attn_recipe *recipe = recipe_of(ctx, &attn_zoology_lm, c->words);
    struct attn_context_parallel context = {.group = 1};
    struct attn_job job;
    attn_status status = attn_job_open(ctx, &attn_zoology_lm, recipe, NULL, 0, NULL, &job);
    if (!status) status = attn_context_open(&job, ranks, &context);
    if (!status) status = attn_context_cost(&context, &job);
    c->cost[ranks->rank] = job.cost;
    c->status[ranks->rank] = status;
    attn_context_close(&context);
    attn_job_close(&job);
    attn_free(ctx, recipe);
}

/* No token is padding, so that nothing is computed twice or in vain. */
static void a_step_costs_what_it_costs_one_process(void **state) {
    char words[256];
    (void)state;
    struct costs one = {.words = "length=32 batch=2 width=16 layers=2 state=mlp mixer=attention:heads=4"}, four = {.words = words};
    test_ranks_run(1, take_cost, &one);
    for (int m = 0; m < MECHANISMS; m++) {
        snprintf(words, sizeof words, "%s context_parallel=%s", one.words, mechanisms[m]);
        test_ranks_run(4, take_cost, &four);
        for (int r = 0; r < 4; r++) {
            assert_int_equal(four.status[r], ATTN_OK);
            assert_true(four.cost[r].forward_flops == one.cost[0].forward_flops && one.cost[0].forward_flops > 0);
            assert_true(four.cost[r].step_flops == one.cost[0].step_flops);
            assert_int_equal(four.cost[r].state_bytes, one.cost[0].state_bytes);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- no memory */

/* Of the second rank alone; the first says then what it has waited for. */
static atomic_bool refused;

static void *allocate(void *user, size_t bytes, size_t alignment) {
    void *memory = NULL;
    (void)user;
    return atomic_load(&refused) || posix_memalign(&memory, alignment, bytes) ? NULL : memory;
}

static void release(void *user, void *memory) {
    (void)user;
    free(memory);
}

struct poor {
    attn_status status[TEST_RANKS];
    char sentence[TEST_RANKS][1024];
};

static void cost_without_memory(const struct attn_ranks *ranks, attn_ctx *ctx, void *user) {
    struct poor *p = user;
    const int r = ranks->rank;
    struct attn_recipe *recipe = recipe_of(ctx, &attn_zoology_lm, "length=32 batch=2 width=16 layers=1 context_parallel=ring");
    struct attn_context_parallel context = {.group = 1};
    attn_ctx *own = ctx;
    attn_ctx_config config;
    struct attn_job job;
    attn_ctx_config_init(&config);
    config.threads = 1;
    config.allocate = allocate;
    config.release = release;
    p->status[r] = r == 1 ? attn_ctx_create(&config, &own, NULL, 0) : ATTN_OK;
    if (!p->status[r]) p->status[r] = attn_job_open(own, &attn_zoology_lm, recipe, NULL, 0, NULL, &job);
    if (!p->status[r]) p->status[r] = attn_context_open(&job, ranks, &context);
    if (r == 1) atomic_store(&refused, true);
    if (!p->status[r]) p->status[r] = attn_context_cost(&context, &job);
    if (r == 1) atomic_store(&refused, false);
    attn_ctx_error(own, p->sentence[r], sizeof p->sentence[r]);
    attn_context_close(&context);
    attn_job_close(&job);
    if (own != ctx) attn_ctx_destroy(own);
    attn_free(ctx, recipe);
}

static void a_rank_without_memory_says_so_before_the_others_have_waited(void **state) {
    struct poor p = {.status = {ATTN_OK}};
    (void)state;
    test_ranks_deadline = 1;
    test_ranks_run(2, cost_without_memory, &p);
    test_ranks_deadline = TEST_RANKS_DEADLINE;
    assert_int_equal(p.status[0], ATTN_ESYSTEM);
    assert_int_equal(p.status[1], ATTN_ENOMEM);
    assert_null(strstr(p.sentence[1], "deadline"));
    if (!strstr(p.sentence[0], "rank 1: no answer within the deadline")) fail_msg("%s", p.sentence[0]);
}

/* ----------------------------------------------------------------------------------------------------------- refusals */

static void expect_refusal(const struct attn_task *task, int ranks, const char *words, const char *sentence) {
    struct training t = {.task = task, .words = words};
    test_ranks_run(ranks, train, &t);
    for (int r = 0; r < ranks; r++)
        if (!t.status[r] || !strstr(t.sentence[r], sentence))
            fail_msg("rank %d: status %d: %s\nexpected %s", r, (int)t.status[r], t.sentence[r], sentence);
    forget(&t);
}

static void what_cannot_be_split_is_refused(void **state) {
    (void)state;
    expect_refusal(&attn_zoology_lm, 2, "length=16 batch=2 epochs=0 steps=1 width=16 mixer=attention+baseconv context_parallel=ring",
                   "mixer baseconv: its tokens cannot be split over ranks; expected attention or sliding in every layer");
    expect_refusal(&attn_zoology_lm, 2, "length=16 batch=2 epochs=0 steps=1 width=16 mixer=attention:dropout=0.1 context_parallel=ring",
                   "mixer attention: dropout=0.1 of its weights over ranks is not supported");
    expect_refusal(&attn_zoology_lm, 4, "length=16 batch=2 epochs=0 steps=1 width=16 mixer=attention:heads=2 context_parallel=ulysses",
                   "do not divide 2 query heads");
    expect_refusal(&attn_zoology_lm, 2, "length=16 batch=2 epochs=0 steps=1 width=16 context_parallel=ring context_ranks=4",
                   "recipe: context_ranks=4 and 2 processes: expected a multiple of it");
    expect_refusal(&attn_zoology_lm, 1, "length=16 batch=2 epochs=0 steps=1 width=16 context_parallel=ring context_ranks=2",
                   "recipe: context_ranks=2 and 1 process: expected a multiple of it");
    expect_refusal(&attn_zoology_lm, 4, "length=16 batch=2 epochs=0 steps=1 width=16 context_parallel=ring context_ranks=2",
                   "2 groups of processes share micro_batches=1: expected a power of two, at most as many");
}

/* The last token is the first rank's. */
static void a_loss_that_is_no_number_on_one_rank_ends_the_step_on_all(void **state) {
    struct training t = {
        .task = &attn_zoology_lm, .words = "length=16 batch=2 epochs=0 steps=3 width=16 layers=1 context_parallel=ring", .spoiled = true};
    (void)state;
    test_ranks_run(2, train, &t);
    for (int r = 0; r < 2; r++) {
        assert_int_equal(t.status[r], ATTN_EINVAL);
        if (!strstr(t.sentence[r], "rank 0: step 1: the loss is nan")) fail_msg("rank %d: %s", r, t.sentence[r]);
    }
    forget(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mechanism_gives_the_gradients_of_whole_sequences),
        cmocka_unit_test(heads_that_are_fewer_than_ranks_leave_a_ring),
        cmocka_unit_test(windows_are_split_too),
        cmocka_unit_test(sequences_of_few_tokens_leave_ranks_without_any),
        cmocka_unit_test(dropout_drops_the_same_elements),
        cmocka_unit_test(ranks_without_labels_take_part),
        cmocka_unit_test(training_ends_with_the_weights_of_one_process),
        cmocka_unit_test(tasks_of_recall_are_trained_and_evaluated_over_ranks),
        cmocka_unit_test(groups_share_a_step_and_their_number_changes_no_bit),
        cmocka_unit_test(a_step_costs_what_it_costs_one_process),
        cmocka_unit_test(a_rank_without_memory_says_so_before_the_others_have_waited),
        cmocka_unit_test(what_cannot_be_split_is_refused),
        cmocka_unit_test(a_loss_that_is_no_number_on_one_rank_ends_the_step_on_all),
    };
    return cmocka_run_group_tests_name("train: context parallelism", tests, set_up, tear_down);
}
