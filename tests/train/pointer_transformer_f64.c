/* The attention model: probabilities of tours against the paper's formulas in loops, gradients against differences, tours city by city, and the gradient estimator. */
#include "system/pointer/reinforce.h"
#include "support/pointer_nets.h"

#include "base/random.h"
#include "metric/tour.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8, WIDTH = 12, BATCH = 3 };

static const struct attn_transformer_config configs[] = {
    {8, 1, 2, 10, false}, {12, 2, 3, 4, true}, {6, 3, 1, 10, false}, {4, 1, 4, 2, true}};
enum { CONFIGS = sizeof configs / sizeof configs[0] };

struct net {
    attn_ctx *ctx;
    attn_model *model;
    struct attn_transformer m;
    double xy[BATCH * MOST * 2];
};

/* Every parameter uniform in [-0.5, 0.5], norms' gains around 1; coordinates in the unit square. */
static void open_net(struct net *t, const struct attn_transformer_config *config) {
    struct attn_random random;
    attn_ctx_config c;
    char text[1024];
    attn_ctx_config_init(&c);
    c.threads = 1;
    assert_int_equal(attn_ctx_create(&c, &t->ctx, text, sizeof text), ATTN_OK);
    assert_int_equal(attn_model_create(t->ctx, 5, &t->model), ATTN_OK);
    attn_transformer_make(t->model, config, false, &t->m);
    if (attn_tape_status(t->m.tape)) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    attn_random_init(&random, 17);
    for (int64_t p = 0; p < attn_model_count(t->model); p++) {
        attn_tensor *x = attn_model_tensor(t->model, p);
        const double middle = strstr(attn_model_name(t->model, p), "norm") && strstr(attn_model_name(t->model, p), "weight") ? 1 : 0;
        for (int64_t i = 0; i < attn_count(x); i++) attn_data(x)[i] = middle + attn_random_uniform(&random) - 0.5;
    }
    for (int i = 0; i < BATCH * MOST * 2; i++) t->xy[i] = attn_random_uniform(&random);
}

static void close_net(struct net *t) {
    attn_model_destroy(t->model);
    attn_ctx_destroy(t->ctx);
}

/* Another order of n cities for each number below n!. */
static void order(int64_t n, int64_t number, int32_t *tour) {
    for (int64_t i = 0; i < n; i++) tour[i] = (int32_t)i;
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = i + number % (n - i);
        const int32_t kept = tour[k];
        number /= n - i;
        memmove(tour + i + 1, tour + i, (size_t)(k - i) * sizeof *tour);
        tour[i] = kept;
    }
}

static void encode(struct net *t, int64_t batch, int64_t n, struct attn_transformer_encoding *e) {
    char text[1024];
    attn_tape_reset(t->m.tape);
    if (!attn_transformer_encode(&t->m, batch, n, t->xy, e)) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
}

/* Log probabilities [batch, count] of tours. */
static attn_tensor *probabilities(struct net *t, int64_t batch, int64_t n, int64_t count, const int32_t *tours) {
    struct attn_transformer_encoding e;
    char text[1024];
    encode(t, batch, n, &e);
    attn_tensor *p = attn_transformer_tours(&e, count, tours);
    if (!p) fail_msg("%s", attn_ctx_error(t->ctx, text, sizeof text));
    return p;
}

/* ------------------------------------------------------------------------------------------------- the definition */

static void multiply(const attn_projection *p, const double *x, double *y) {
    const int64_t rows = attn_size(p->weight, 0), columns = attn_size(p->weight, 1);
    for (int64_t i = 0; i < rows; i++) {
        y[i] = p->bias ? attn_data(p->bias)[i] : 0;
        for (int64_t j = 0; j < columns; j++) y[i] += attn_data(p->weight)[i * columns + j] * x[j];
    }
}

static void normalize(const attn_norm *norm, int64_t width, double *x) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < width; i++) mean += x[i] / (double)width;
    for (int64_t i = 0; i < width; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)width;
    for (int64_t i = 0; i < width; i++)
        x[i] = (x[i] - mean) / sqrt(variance + norm->epsilon) * attn_data(norm->gain)[i] + attn_data(norm->bias)[i];
}

/* Attention of one head from q to those of n keys that are wanted (NULL: all), added up over their values into out. */
static void attend(int64_t dim, int64_t n, const double *q, const double *keys, const double *values, int64_t stride, const bool *wanted,
                   double *out) {
    double weight[MOST], sum = 0;
    for (int64_t j = 0; j < n; j++) {
        double u = 0;
        for (int64_t i = 0; i < dim; i++) u += q[i] * keys[j * stride + i];
        weight[j] = wanted && !wanted[j] ? 0 : exp(u / sqrt((double)dim));
        sum += weight[j];
    }
    for (int64_t i = 0; i < dim; i++) out[i] = 0;
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < dim; i++) out[i] += weight[j] / sum * values[j * stride + i];
}

static void define_layer(const struct attn_transformer *m, const struct attn_transformer_layer *l, int64_t n, double x[MOST][WIDTH]) {
    const int64_t width = m->config.width, dim = width / m->config.heads;
    double all[MOST][3 * WIDTH], mixed[WIDTH], out[WIDTH], up[4 * WIDTH];
    for (int64_t j = 0; j < n; j++) multiply(&l->inward, x[j], all[j]);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t h = 0; h < m->config.heads; h++)
            attend(dim, n, all[j] + h * dim, all[0] + width + h * dim, all[0] + 2 * width + h * dim, 3 * WIDTH, NULL, mixed + h * dim);
        multiply(&l->outward, mixed, out);
        for (int64_t i = 0; i < width; i++) x[j][i] += out[i];
        normalize(&l->attended, width, x[j]);
        multiply(&l->up, x[j], up);
        for (int64_t i = 0; i < 4 * width; i++) up[i] = fmax(up[i], 0);
        multiply(&l->down, up, out);
        for (int64_t i = 0; i < width; i++) x[j][i] += out[i];
        normalize(&l->fed, width, x[j]);
    }
}

/* Log probability of city tour[t], of the decoder's rows [n][5 D] and what the graph gives to queries. */
static double define_city(const struct attn_transformer *m, int64_t n, double rows[MOST][5 * WIDTH], const double *graph,
                          const int32_t *tour, int64_t t) {
    const int64_t width = m->config.width, dim = width / m->config.heads;
    bool left[MOST];
    double query[WIDTH], glimpse[WIDTH], u[MOST], sum = 0;
    for (int64_t j = 0; j < n; j++) left[j] = true;
    for (int64_t i = 0; i < t; i++) left[tour[i]] = false;
    for (int64_t i = 0; i < width; i++) {
        query[i] = graph[i];
        if (t == 0 && m->start) query[i] += attn_data(m->start)[i];
        if (t > 0) query[i] += rows[tour[0]][3 * width + i] + rows[tour[t - 1]][4 * width + i];
    }
    for (int64_t h = 0; h < m->config.heads; h++)
        attend(dim, n, query + h * dim, rows[0] + h * dim, rows[0] + width + h * dim, 5 * WIDTH, left, glimpse + h * dim);
    for (int64_t j = 0; j < n; j++) {
        u[j] = 0;
        for (int64_t i = 0; i < width; i++) u[j] += glimpse[i] * rows[j][2 * width + i];
        u[j] = t == 0 && m->config.any_start ? 0 : m->config.clip * tanh(u[j] / sqrt((double)width));
        sum += left[j] ? exp(u[j]) : 0;
    }
    return u[tour[t]] - log(sum);
}

static double define(const struct attn_transformer *m, const double *xy, int64_t n, const int32_t *tour) {
    const int64_t width = m->config.width;
    double x[MOST][WIDTH], rows[MOST][5 * WIDTH], mean[WIDTH] = {0}, graph[WIDTH], log_p = 0;
    for (int64_t j = 0; j < n; j++) multiply(&m->embedding, xy + 2 * j, x[j]);
    for (int64_t l = 0; l < m->config.layers; l++) define_layer(m, &m->layer[l], n, x);
    for (int64_t j = 0; j < n; j++) {
        multiply(&m->cities, x[j], rows[j]);
        for (int64_t i = 0; i < width; i++) mean[i] += x[j][i] / (double)n;
    }
    multiply(&m->graph, mean, graph);
    for (int64_t t = 0; t < n; t++) log_p += define_city(m, n, rows, graph, tour, t);
    return log_p;
}

static void probabilities_of_tours_are_those_of_the_papers_formulas(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t n = 1; n <= MOST; n++) {
            enum { COUNT = 2 };
            int32_t tours[BATCH * COUNT * MOST];
            struct net t;
            open_net(&t, &configs[c]);
            for (int64_t i = 0; i < BATCH * COUNT; i++) order(n, 977 * i + c, tours + i * n);
            attn_tensor *p = probabilities(&t, BATCH, n, COUNT, tours);
            assert_int_equal(attn_count(p), BATCH * COUNT);
            for (int64_t i = 0; i < BATCH * COUNT; i++) {
                const double got = attn_data(p)[i], want = define(&t.m, t.xy + i / COUNT * 2 * n, n, tours + i * n);
                if (!(fabs(got - want) <= 1e-11 * fmax(1, fabs(want))))
                    fail_msg("%d, %d cities: %.17g, expected %.17g", c, (int)n, got, want);
            }
            close_net(&t);
        }
}

static void probabilities_of_all_tours_add_up_to_1(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        int32_t tours[BATCH * 120 * 5];
        struct net t;
        open_net(&t, &configs[c]);
        for (int64_t i = 0; i < BATCH * 120; i++) order(5, i % 120, tours + i * 5);
        attn_tensor *p = probabilities(&t, BATCH, 5, 120, tours);
        for (int64_t b = 0; b < BATCH; b++) {
            double sum = 0;
            for (int64_t i = 0; i < 120; i++) sum += exp(attn_data(p)[b * 120 + i]);
            assert_true(fabs(sum - 1) <= 1e-12);
        }
        close_net(&t);
    }
}

/* Also what a tour is said in another order of the points. */
static void probabilities_do_not_depend_on_the_order_of_the_points(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        enum { N = 7 };
        int32_t place[N], tour[N], moved[N];
        double xy[2 * N];
        struct net t;
        open_net(&t, &configs[c]);
        order(N, 1234, place);
        order(N, 4321, tour);
        const double before = attn_data(probabilities(&t, 1, N, 1, tour))[0];
        for (int i = 0; i < N; i++) {
            memcpy(xy + 2 * place[i], t.xy + 2 * i, 2 * sizeof *xy);
            moved[i] = place[tour[i]];
        }
        memcpy(t.xy, xy, sizeof xy);
        assert_true(fabs(attn_data(probabilities(&t, 1, N, 1, moved))[0] - before) <= 1e-11 * fmax(1, fabs(before)));
        close_net(&t);
    }
}

/* ------------------------------------------------------------------------------------------------------- gradients */

static attn_tensor *weighted(struct net *t, int64_t batch, int64_t n, int64_t count, const int32_t *tours, const double *weight) {
    attn_tensor *p = probabilities(t, batch, n, count, tours);
    return attn_sum_all(attn_mul(p, attn_tensor_input(t->m.tape, 1, (const int64_t[]){batch * count}, weight)));
}

/* With four values: the formula's error falls with h^4. A step so small goes over few of the places where ReLU bends; there is none near the numbers here. */
static double difference(struct net *t, int64_t n, const int32_t *tours, const double *weight, double *number) {
    static const double factor[] = {1, -8, 8, -1}, place[] = {-2, -1, 1, 2}, h = 1e-5;
    const double middle = *number;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *number = middle + place[i] * h;
        sum += factor[i] * attn_data(weighted(t, 2, n, 2, tours, weight))[0];
    }
    *number = middle;
    return sum / (12 * h);
}

/* Of each parameter, relative to its gradient's length: values of about 30 are rounded by 1e-14, which makes 2e-9 of a derivative at this h. */
static void gradients_of_every_parameter_are_differences(void **state) {
    static const double weight[4] = {0.7, -1.3, 0.4, 2.1};
    enum { N = 5 };
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        int32_t tours[4 * N];
        struct net t;
        open_net(&t, &configs[c]);
        for (int64_t i = 0; i < 4; i++) order(N, 37 * i + 5, tours + i * N);
        for (int64_t p = 0; p < attn_model_count(t.model); p++) {
            attn_tensor *x = attn_model_tensor(t.model, p);
            double gradient[4 * WIDTH * WIDTH + 5 * WIDTH * WIDTH], error = 0, length = 0;
            assert_int_equal(attn_tape_backward(weighted(&t, 2, N, 2, tours, weight)), ATTN_OK);
            memcpy(gradient, attn_grad(x), (size_t)attn_count(x) * sizeof *gradient);
            for (int64_t i = 0; i < attn_count(x); i++) {
                error = hypot(error, difference(&t, N, tours, weight, &attn_data(x)[i]) - gradient[i]);
                length = hypot(length, gradient[i]);
            }
            if (!(length > 1e-5 && error <= 1e-6 * fmax(length, 1e-2)))
                fail_msg("%d, %s: a gradient of length %g, from which differences are %g off", c, attn_model_name(t.model, p), length,
                         error);
        }
        close_net(&t);
    }
}

/* ---------------------------------------------------------------------------------------------------- city by city */

static void logits_city_by_city_give_the_probabilities_of_whole_tours(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t n = 1; n <= MOST; n++) {
            int32_t tours[BATCH * MOST];
            double room[2 * WIDTH + MOST], logits[MOST];
            struct attn_transformer_encoding e;
            struct net t;
            open_net(&t, &configs[c]);
            for (int64_t i = 0; i < BATCH; i++) order(n, 311 * i + 2, tours + i * n);
            encode(&t, BATCH, n, &e);
            assert_true(attn_transformer_room(&e) <= (int64_t)(sizeof room / sizeof *room));
            attn_tensor *p = attn_transformer_tours(&e, 1, tours);
            for (int64_t b = 0; b < BATCH; b++) {
                double log_p = 0;
                for (int64_t at = 0; at < n; at++) {
                    double sum = 0;
                    attn_transformer_logits(&e, b, tours + b * n, at, logits, room);
                    for (int64_t i = 0; i < at; i++) assert_true(isinf(logits[tours[b * n + i]]) && logits[tours[b * n + i]] < 0);
                    for (int64_t j = 0; j < n; j++) sum += exp(logits[j]);
                    log_p += logits[tours[b * n + at]] - log(sum);
                }
                assert_true(fabs(log_p - attn_data(p)[b]) <= 1e-11 * fmax(1, fabs(log_p)));
            }
            close_net(&t);
        }
}

/* The batch's examples with the net's coordinates, each `copies` times. */
static void make_batch(struct net *t, int64_t copies, int64_t n, struct attn_pointer_batch *batch) {
    assert_int_equal(attn_pointer_batch_open(t->ctx, BATCH * copies, n, 1, batch), ATTN_OK);
    attn_pointer_batch_begin(batch, BATCH * copies, n, 0);
    for (int64_t i = 0; i < BATCH * copies; i++) attn_pointer_batch_put(batch, i, t->xy + i / copies * 2 * n, n, NULL, 0);
}

static void greedy_tours_take_the_likeliest_city_and_have_their_lengths(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t n = 1; n <= MOST; n++)
            for (int every = 0; every < 2; every++) {
                const struct attn_rollout how = {.tours = every ? n : 1, .every_start = every};
                int32_t tours[BATCH * MOST * MOST];
                double length[BATCH * MOST], room[2 * WIDTH + MOST], logits[MOST];
                struct attn_transformer_encoding e;
                struct attn_pointer_batch batch;
                struct net t;
                open_net(&t, &configs[c]);
                void *scratch = malloc(attn_rollout_scratch(&configs[c], n));
                assert_non_null(scratch);
                make_batch(&t, 1, n, &batch);
                encode(&t, BATCH, n, &e);
                attn_rollout_tours(t.ctx, &e, &batch, &how, scratch, tours, length);
                for (int64_t i = 0; i < BATCH * how.tours; i++) {
                    const int32_t *tour = tours + i * n;
                    assert_true(fabs(attn_tour_length(t.xy + i / how.tours * 2 * n, tour, n) - length[i]) <= 1e-14);
                    if (every) assert_int_equal(tour[0], i % how.tours);
                    for (int64_t at = every; at < n; at++) {
                        attn_transformer_logits(&e, i / how.tours, tour, at, logits, room);
                        for (int64_t j = 0; j < n; j++)
                            assert_true(j < tour[at] ? logits[j] < logits[tour[at]] : logits[j] <= logits[tour[at]]);
                    }
                }
                free(scratch);
                attn_pointer_batch_close(t.ctx, &batch);
                close_net(&t);
            }
}

/* Pearson's statistic over the 24 tours of 4 cities has 23 degrees of freedom: above 58.6 in 1 of 16,000 tables; seeds are fixed. */
static void drawn_tours_are_as_frequent_as_they_are_likely(void **state) {
    enum { N = 4, ALL = 24, COPIES = 4000 };
    (void)state;
    for (int c = 0; c < CONFIGS; c++) {
        const struct attn_rollout how = {.tours = 1, .drawn = true, .seed = 3, .step = 7};
        static int32_t tours[BATCH * COPIES * N], all[BATCH * ALL * N];
        static double length[BATCH * COPIES];
        static double copies_xy[BATCH * COPIES * N * 2];
        struct attn_transformer_encoding e;
        struct attn_pointer_batch batch;
        struct net t;
        open_net(&t, &configs[c]);
        void *scratch = malloc(attn_rollout_scratch(&configs[c], N));
        assert_non_null(scratch);
        for (int64_t i = 0; i < BATCH * ALL; i++) order(N, i % ALL, all + i * N);
        double p[BATCH * ALL];
        memcpy(p, attn_data(probabilities(&t, BATCH, N, ALL, all)), sizeof p);
        make_batch(&t, COPIES, N, &batch);
        memcpy(copies_xy, batch.xy, sizeof copies_xy);
        attn_tape_reset(t.m.tape);
        attn_tape_record(t.m.tape, false);
        assert_true(attn_transformer_encode(&t.m, BATCH * COPIES, N, copies_xy, &e));
        attn_rollout_tours(t.ctx, &e, &batch, &how, scratch, tours, length);
        for (int64_t b = 0; b < BATCH; b++) {
            double statistic = 0;
            for (int64_t i = 0; i < ALL; i++) {
                const double expected = COPIES * exp(p[b * ALL + i]);
                int64_t found = 0;
                for (int64_t k = 0; k < COPIES; k++) found += memcmp(tours + (b * COPIES + k) * N, all + i * N, N * sizeof *tours) == 0;
                if (expected < 5)
                    statistic += found > 25 ? 100 : 0; /* too few for the statistic */
                else
                    statistic += ((double)found - expected) * ((double)found - expected) / expected;
            }
            if (!(statistic < 58.6)) fail_msg("%d: Pearson's statistic is %g", c, statistic);
        }
        free(scratch);
        attn_pointer_batch_close(t.ctx, &batch);
        close_net(&t);
    }
}

/* ------------------------------------------------------------------------------------------------------- REINFORCE */

static double *all_gradients(attn_model *model, attn_tensor *loss) {
    double *sum = malloc((size_t)attn_model_elements(model) * sizeof *sum);
    assert_non_null(sum);
    assert_int_equal(attn_tape_backward(loss), ATTN_OK);
    for (int64_t p = 0, at = 0; p < attn_model_count(model); p++) {
        attn_tensor *x = attn_model_tensor(model, p);
        memcpy(sum + at, attn_grad(x), (size_t)attn_count(x) * sizeof *sum);
        at += attn_count(x);
    }
    return sum;
}

static void expect_near(const double *got, const double *want, int64_t count, double bound) {
    double error = 0, length = 0;
    for (int64_t i = 0; i < count; i++) {
        error = hypot(error, got[i] - want[i]);
        length = hypot(length, want[i]);
    }
    if (!(length > 1e-6 && error <= bound * length)) fail_msg("gradients of length %g are %g off", length, error);
}

/* The sum over all 24 tours of p (L - b) times the gradient of log p, for any b, is the gradient of the sum of p L. */
static void the_estimates_mean_is_the_gradient_of_the_expected_length(void **state) {
    static const double base[] = {0, 2.5, -7};
    enum { N = 4, ALL = 24 };
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (size_t k = 0; k < sizeof base / sizeof *base; k++) {
            int32_t tours[ALL * N];
            double length[ALL], weight[ALL];
            struct net t;
            open_net(&t, &configs[c]);
            for (int64_t i = 0; i < ALL; i++) {
                order(N, i, tours + i * N);
                length[i] = attn_tour_length(t.xy, tours + i * N, N);
            }
            attn_tensor *p = probabilities(&t, 1, N, ALL, tours);
            for (int i = 0; i < ALL; i++) weight[i] = exp(attn_data(p)[i]) * (length[i] - base[k]);
            attn_tensor *expected = attn_mul(attn_exp(p), attn_tensor_input(t.m.tape, 1, (const int64_t[]){ALL}, length));
            double *want = all_gradients(t.model, attn_sum_all(expected));
            double *got = all_gradients(t.model, weighted(&t, 1, N, ALL, tours, weight));
            expect_near(got, want, attn_model_elements(t.model), 1e-10);
            free(want);
            free(got);
            close_net(&t);
        }
}

struct training {
    struct net net;
    struct attn_pointer_problem problem;
    struct attn_reinforce r;
    struct attn_pointer_batch batch;
};

enum { STEP_BATCH = 8, EPOCH = 3, TRAINING_POINTS = 6 };

static void open_training(struct training *t, const struct attn_transformer_config *config) {
    const struct attn_reinforce_config how = {config->any_start ? ATTN_BASELINE_STARTS : ATTN_BASELINE_ROLLOUT, EPOCH, 20};
    *t = (struct training){.problem = {.kind = ATTN_POINTER_TSP, .close = true, .exact_most = 3}};
    open_net(&t->net, config);
    const struct attn_pointer_source source = {
        .problem = &t->problem, .seed = 2, .low = TRAINING_POINTS, .high = TRAINING_POINTS, .batch = STEP_BATCH};
    assert_int_equal(attn_reinforce_open(t->net.ctx, t->net.model, &t->net.m, &how, &source, &t->r), ATTN_OK);
    assert_int_equal(attn_pointer_batch_open(t->net.ctx, STEP_BATCH, TRAINING_POINTS, 1, &t->batch), ATTN_OK);
}

static void close_training(struct training *t) {
    attn_pointer_batch_close(t->net.ctx, &t->batch);
    attn_reinforce_close(&t->r);
    close_net(&t->net);
}

static attn_tensor *loss_of(struct training *t, int64_t step) {
    attn_tensor *loss = attn_reinforce_loss(&t->r, step, 0, 1, &t->batch);
    assert_non_null(loss);
    return loss;
}

/* Whatever the tours are, by the formula, of lengths and baselines computed anew. */
static void losses_are_mean_lengths_and_have_the_estimates_gradient(void **state) {
    (void)state;
    for (int c = 0; c < CONFIGS; c++)
        for (int64_t step = 0; step < 2 * EPOCH; step++) {
            const int64_t n = TRAINING_POINTS, tours = configs[c].any_start ? n : 1, all = STEP_BATCH * tours;
            const struct attn_rollout greedy = {.tours = 1};
            double length[STEP_BATCH * MOST], base[STEP_BATCH], mean = 0, xy[STEP_BATCH * MOST * 2];
            int32_t kept[STEP_BATCH * MOST * MOST], other[STEP_BATCH * MOST];
            struct attn_transformer_encoding e;
            struct training t;
            open_training(&t, &configs[c]);
            double *got = NULL;
            attn_tensor *loss = loss_of(&t, step);
            const double value = attn_data(loss)[0];
            memcpy(xy, t.batch.xy, (size_t)(STEP_BATCH * n * 2) * sizeof *xy);
            got = all_gradients(t.net.model, loss);
            struct attn_transformer_encoding model_encoding;
            attn_tape_reset(t.net.m.tape);
            if (!configs[c].any_start) {
                assert_true(attn_transformer_encode(&t.r.frozen, STEP_BATCH, n, xy, &e));
                attn_rollout_tours(t.net.ctx, &e, &t.batch, &greedy, t.r.scratch, other, base);
            }
            assert_true(attn_transformer_encode(&t.net.m, STEP_BATCH, n, xy, &model_encoding));
            const struct attn_rollout how = {
                .tours = tours, .every_start = configs[c].any_start, .drawn = true, .seed = 2, .step = step, .first = 0};
            attn_rollout_tours(t.net.ctx, &model_encoding, &t.batch, &how, t.r.scratch, kept, length);
            for (int64_t i = 0; i < all; i++) {
                assert_true(fabs(length[i] - attn_tour_length(xy + i / tours * 2 * n, kept + i * n, n)) <= 1e-14);
                mean += length[i] / (double)all;
            }
            assert_true(fabs(value - mean) <= 1e-12);
            for (int64_t b = 0; b < STEP_BATCH; b++) {
                if (!configs[c].any_start && step >= EPOCH) continue;
                base[b] = 0;
                for (int64_t k = 0; k < tours; k++) base[b] += length[b * tours + k] / (double)tours;
                if (!configs[c].any_start) base[b] = attn_data(t.r.mean)[0];
            }
            for (int64_t i = 0; i < all; i++) length[i] = (length[i] - base[i / tours]) / (double)all;
            attn_tensor *p = attn_transformer_tours(&model_encoding, tours, kept);
            double *want = all_gradients(t.net.model, attn_sum_all(attn_mul(p, attn_tensor_input(t.net.m.tape, 1, &all, length))));
            expect_near(got, want, attn_model_elements(t.net.model), 1e-11);
            free(got);
            free(want);
            close_training(&t);
        }
}

static void the_first_epochs_baseline_is_the_exponential_mean_of_lengths(void **state) {
    struct training t;
    double want = 0;
    (void)state;
    open_training(&t, &configs[0]);
    for (int64_t step = 0; step < EPOCH; step++) {
        const double mean = attn_data(loss_of(&t, step))[0];
        want = step == 0 ? mean : 0.8 * want + 0.2 * mean;
        for (int again = 0; again < 2; again++) {
            assert_true(fabs(attn_data(t.r.mean)[0] - want) <= 1e-12);
            loss_of(&t, step);
        }
    }
    close_training(&t);
}

/* Of `count` examples of a seed that training does not have. */
static double mean_greedy(struct training *t, const struct attn_transformer *m, int64_t count) {
    const struct attn_rollout greedy = {.tours = 1};
    double xy[TRAINING_POINTS * 2], length, sum = 0;
    int32_t tour[TRAINING_POINTS];
    for (int64_t i = 0; i < count; i++) {
        struct attn_transformer_encoding e;
        attn_pointer_draw(&t->problem, TRAINING_POINTS, 99, (uint64_t)i, xy);
        attn_pointer_batch_begin(&t->batch, 1, TRAINING_POINTS, 0);
        attn_pointer_batch_put(&t->batch, 0, xy, TRAINING_POINTS, NULL, 0);
        attn_tape_reset(m->tape);
        assert_true(attn_transformer_encode(m, 1, TRAINING_POINTS, t->batch.x, &e));
        attn_rollout_tours(t->net.ctx, &e, &t->batch, &greedy, t->r.scratch, tour, &length);
        sum += length;
    }
    return sum / (double)count;
}

static bool same(attn_tensor *a, attn_tensor *b) {
    return memcmp(attn_data(a), attn_data(b), (size_t)attn_count(a) * sizeof(double)) == 0;
}

/* A net whose decoder is 0 goes through the cities as they are numbered, and another that is random does not do better but by chance: a copy of the better of the two, by
 * greedy tours of other examples, must be kept, and one of the worse be replaced. Within an epoch nothing is. */
static void the_frozen_copy_is_replaced_at_an_epochs_end_where_it_is_worse(void **state) {
    enum { EXAMPLES = 512 };
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct training t;
        struct attn_transformer *model, *frozen;
        open_training(&t, &configs[2]);
        t.r.config.examples = EXAMPLES;
        model = &t.net.m;
        frozen = &t.r.frozen;
        attn_tensor *zeros = (swapped ? model : frozen)->cities.weight;
        for (int64_t i = 0; i < attn_count(zeros); i++) attn_data(zeros)[i] = 0;
        const double longer = mean_greedy(&t, model, EXAMPLES) - mean_greedy(&t, frozen, EXAMPLES);
        assert_true(fabs(longer) > 0.1); /* some ten standard errors */
        loss_of(&t, EPOCH + 1);
        assert_false(same(model->cities.weight, frozen->cities.weight));
        loss_of(&t, 2 * EPOCH);
        assert_int_equal(same(model->cities.weight, frozen->cities.weight), longer < 0);
        close_training(&t);
    }
}

static void the_test_says_shorter_above_95_percent_of_the_one_sided_distribution(void **state) {
    (void)state;
    /* 400 pairs of mean m and standard deviation 1: the mean's error is 1 / 20. */
    const double n = 400;
    for (int i = 0; i < 2; i++) {
        const double mean = -(i == 0 ? 1.644 : 1.646) / 20;
        assert_int_equal(attn_reinforce_shorter(n * mean, n - 1 + n * mean * mean, 400), i == 1);
        assert_false(attn_reinforce_shorter(-n * mean, n - 1 + n * mean * mean, 400));
    }
    assert_false(attn_reinforce_shorter(0, 0, 400));
    assert_true(attn_reinforce_shorter(-n, n, 400));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities_of_tours_are_those_of_the_papers_formulas),
        cmocka_unit_test(probabilities_of_all_tours_add_up_to_1),
        cmocka_unit_test(probabilities_do_not_depend_on_the_order_of_the_points),
        cmocka_unit_test(gradients_of_every_parameter_are_differences),
        cmocka_unit_test(logits_city_by_city_give_the_probabilities_of_whole_tours),
        cmocka_unit_test(greedy_tours_take_the_likeliest_city_and_have_their_lengths),
        cmocka_unit_test(drawn_tours_are_as_frequent_as_they_are_likely),
        cmocka_unit_test(the_estimates_mean_is_the_gradient_of_the_expected_length),
        cmocka_unit_test(losses_are_mean_lengths_and_have_the_estimates_gradient),
        cmocka_unit_test(the_first_epochs_baseline_is_the_exponential_mean_of_lengths),
        cmocka_unit_test(the_frozen_copy_is_replaced_at_an_epochs_end_where_it_is_worse),
        cmocka_unit_test(the_test_says_shorter_above_95_percent_of_the_one_sided_distribution),
    };
    return cmocka_run_group_tests_name("pointer: the attention model", tests, NULL, NULL);
}
