/* Optimisers against their papers' formulas, written out plainly, over some steps with random gradients; state, clipping. */
#include "attn_train.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 7, COLUMNS = 5, N = ROWS * COLUMNS, STEPS = 12 };

struct fixture {
    attn_ctx *ctx;
    attn_tape *tape;
    attn_tensor *w, *b; /* [ROWS, COLUMNS], [COLUMNS] */
    struct attn_random random;
    char text[512];
};

static int open_fixture(void **state) {
    static struct fixture f;
    *state = &f;
    attn_random_init(&f.random, 3);
    if (attn_ctx_create(NULL, &f.ctx, NULL, 0) || attn_tape_create(f.ctx, &f.tape)) return 1;
    f.w = attn_parameter(f.tape, 2, (const int64_t[]){ROWS, COLUMNS});
    f.b = attn_parameter(f.tape, 1, (const int64_t[]){COLUMNS});
    if (!f.w || !f.b) return 1;
    attn_fill_normal(f.w, 0, 1, 1);
    attn_fill_normal(f.b, 0, 1, 2);
    return 0;
}

static int close_fixture(void **state) {
    struct fixture *f = *state;
    attn_tape_destroy(f->tape);
    attn_ctx_destroy(f->ctx);
    return 0;
}

static attn_optimizer *make(struct fixture *f, const attn_optimizer_config *config, double decay) {
    attn_optimizer *o = NULL;
    const attn_parameter_group groups[] = {{&f->w, 1, 1, decay}, {&f->b, 1, 0.5, 0}};
    if (attn_optimizer_create(f->ctx, config, groups, 2, &o)) fail_msg("%s", attn_ctx_error(f->ctx, f->text, sizeof f->text));
    return o;
}

static void draw_gradients(struct fixture *f, double *g) {
    for (int i = 0; i < N; i++) g[i] = attn_grad(f->w)[i] = attn_random_normal(&f->random);
    for (int i = 0; i < COLUMNS; i++) attn_grad(f->b)[i] = attn_random_normal(&f->random);
}

static void expect_near(const char *what, attn_tensor *x, const double *want) {
    for (int64_t i = 0; i < attn_count(x); i++)
        if (!(fabs((double)attn_data(x)[i] - want[i]) <= 1e-12))
            fail_msg("%s: element %lld is %.15g, must be %.15g", what, (long long)i, (double)attn_data(x)[i], want[i]);
}

static void descent_follows_its_formula(void **state) {
    struct fixture *f = *state;
    double w[N], m[N] = {0}, g[N];
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    config.kind = ATTN_SGD;
    config.momentum = 0.9;
    attn_optimizer *o = make(f, &config, 0.01);
    for (int i = 0; i < N; i++) w[i] = (double)attn_data(f->w)[i];
    for (int t = 1; t <= STEPS; t++) {
        draw_gradients(f, g);
        attn_optimizer_step(o, 0.1);
        for (int i = 0; i < N; i++) {
            m[i] = 0.9 * m[i] + g[i] + 0.01 * w[i];
            w[i] -= 0.1 * m[i];
        }
        expect_near("SGD", f->w, w);
    }
    attn_optimizer_destroy(o);
}

/* Adam, AdamW and RAdam differ in where the decay goes and in the size of the step. */
static void check_adam(struct fixture *f, attn_optimizer_kind kind, const char *name) {
    const double b1 = 0.9, b2 = 0.98, rate = 0.02, decay = 0.05;
    double w[N], m[N] = {0}, v[N] = {0}, g[N];
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    config.kind = kind;
    config.beta2 = b2;
    attn_optimizer *o = make(f, &config, decay);
    for (int i = 0; i < N; i++) w[i] = (double)attn_data(f->w)[i];
    for (int t = 1; t <= STEPS; t++) {
        const double most = 2 / (1 - b2) - 1, rho = most - 2 * t * pow(b2, t) / (1 - pow(b2, t));
        draw_gradients(f, g);
        attn_optimizer_step(o, rate);
        for (int i = 0; i < N; i++) {
            if (kind == ATTN_ADAMW)
                w[i] -= rate * decay * w[i];
            else
                g[i] += decay * w[i];
            m[i] = b1 * m[i] + (1 - b1) * g[i];
            v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
            const double mean = m[i] / (1 - pow(b1, t)), root = sqrt(v[i] / (1 - pow(b2, t))) + 1e-8;
            const double r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
            if (kind != ATTN_RADAM)
                w[i] -= rate * mean / root;
            else
                w[i] -= rho > 5 ? rate * r * mean / root : rate * mean;
        }
        expect_near(name, f->w, w);
    }
    assert_int_equal(attn_optimizer_steps(o), STEPS);
    attn_optimizer_destroy(o);
}

static void adam_and_its_kin_follow_their_formulas(void **state) {
    check_adam(*state, ATTN_ADAM, "Adam");
    check_adam(*state, ATTN_ADAMW, "AdamW");
    check_adam(*state, ATTN_RADAM, "RAdam"); /* the first four steps without, the later ones with rectification */
}

static double root_mean_square(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrt(sum / n);
}

static void adafactor_follows_its_formula(void **state) {
    struct fixture *f = *state;
    double w[N], m[N] = {0}, rows[ROWS] = {0}, columns[COLUMNS] = {0}, g[N], u[N];
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    config.kind = ATTN_ADAFACTOR;
    attn_optimizer *o = make(f, &config, 0.1);
    assert_int_equal(attn_optimizer_bytes(o), sizeof(int64_t) + (N + ROWS + COLUMNS + 2 * COLUMNS) * sizeof(double));
    for (int i = 0; i < N; i++) w[i] = (double)attn_data(f->w)[i];
    for (int t = 1; t <= STEPS; t++) {
        const double b2 = 1 - pow(t, -0.8);
        double total = 0;
        draw_gradients(f, g);
        attn_optimizer_step(o, 0.03);
        for (int r = 0; r < ROWS; r++) {
            double sum = 0;
            for (int c = 0; c < COLUMNS; c++) sum += g[r * COLUMNS + c] * g[r * COLUMNS + c] + 1e-30;
            rows[r] = b2 * rows[r] + (1 - b2) * sum;
            total += rows[r];
        }
        for (int c = 0; c < COLUMNS; c++) {
            double sum = 0;
            for (int r = 0; r < ROWS; r++) sum += g[r * COLUMNS + c] * g[r * COLUMNS + c] + 1e-30;
            columns[c] = b2 * columns[c] + (1 - b2) * sum;
        }
        for (int i = 0; i < N; i++) u[i] = g[i] / sqrt(rows[i / COLUMNS] * columns[i % COLUMNS] / total);
        const double limit = fmax(1, root_mean_square(u, N)), rate = 0.03 * fmax(1e-3, root_mean_square(w, N));
        for (int i = 0; i < N; i++) {
            m[i] = 0.9 * m[i] + 0.1 * rate * u[i] / limit;
            w[i] = (1 - 0.03 * 0.1) * w[i] - m[i];
        }
        expect_near("Adafactor", f->w, w);
    }
    attn_optimizer_destroy(o);
}

static void groups_have_rates_of_their_own(void **state) {
    struct fixture *f = *state;
    double g[N], before[COLUMNS], want[COLUMNS];
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    config.kind = ATTN_SGD;
    attn_optimizer *o = make(f, &config, 0.5);
    draw_gradients(f, g);
    for (int i = 0; i < COLUMNS; i++) {
        before[i] = (double)attn_data(f->b)[i];
        want[i] = before[i] - 0.5 * 0.1 * (double)attn_grad(f->b)[i]; /* half the rate, no decay */
    }
    attn_optimizer_step(o, 0.1);
    expect_near("the second group", f->b, want);
    attn_optimizer_destroy(o);
}

static void a_restored_state_goes_on_bit_for_bit(void **state) {
    struct fixture *f = *state;
    static const attn_optimizer_kind kinds[] = {ATTN_SGD, ATTN_ADAM, ATTN_ADAMW, ATTN_RADAM, ATTN_ADAFACTOR};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        attn_real parameters[N], after[N];
        unsigned char saved[4096];
        double g[N];
        attn_optimizer_config config;
        attn_optimizer_config_init(&config);
        config.kind = kinds[k];
        config.momentum = 0.5;
        attn_optimizer *o = make(f, &config, 0.1);
        for (int t = 0; t < 5; t++) {
            draw_gradients(f, g);
            attn_optimizer_step(o, 0.01);
        }
        const size_t bytes = attn_optimizer_bytes(o);
        assert_true(bytes <= sizeof saved);
        assert_int_equal(attn_optimizer_save(o, saved, bytes), ATTN_OK);
        assert_int_equal(attn_optimizer_save(o, saved, bytes - 1), ATTN_EINVAL);
        memcpy(parameters, attn_data(f->w), sizeof parameters);
        draw_gradients(f, g);
        attn_optimizer_step(o, 0.01);
        memcpy(after, attn_data(f->w), sizeof after);
        attn_optimizer_destroy(o);
        o = make(f, &config, 0.1);
        assert_int_equal(attn_optimizer_restore(o, saved, bytes), ATTN_OK);
        memcpy(attn_data(f->w), parameters, sizeof parameters);
        attn_optimizer_step(o, 0.01); /* the gradients are those of the last step still */
        assert_memory_equal(attn_data(f->w), after, sizeof after);
        attn_optimizer_destroy(o);
    }
}

static void clipping_scales_all_gradients_alike(void **state) {
    struct fixture *f = *state;
    double g[N], norm = 0;
    attn_optimizer_config config;
    attn_optimizer_config_init(&config);
    attn_optimizer *o = make(f, &config, 0);
    draw_gradients(f, g);
    for (int i = 0; i < N; i++) norm += g[i] * g[i];
    for (int i = 0; i < COLUMNS; i++) norm += (double)attn_grad(f->b)[i] * (double)attn_grad(f->b)[i];
    norm = sqrt(norm);
    assert_true(fabs(attn_clip_norm(o, 2 * norm) - norm) < 1e-12);
    assert_true((double)attn_grad(f->w)[3] == g[3]);
    assert_true(fabs(attn_clip_norm(o, 0.5) - norm) < 1e-12);
    assert_true(fabs((double)attn_grad(f->w)[3] - g[3] * 0.5 / norm) < 1e-14);
    assert_true(fabs(attn_clip_norm(o, 1e9) - 0.5) < 1e-12);
    attn_grad(f->b)[0] = (attn_real)INFINITY;
    const attn_real kept = attn_grad(f->w)[3];
    assert_true(isinf(attn_clip_norm(o, 0.5)));
    assert_true(attn_grad(f->w)[3] == kept);
    attn_optimizer_destroy(o);
}

static void mistakes_are_refused(void **state) {
    struct fixture *f = *state;
    attn_optimizer *o = NULL;
    attn_optimizer_config config;
    attn_tensor *constant = attn_constant(f->tape, 1, (const int64_t[]){1}, 0), *twice[] = {f->w, f->b, f->w},
                *view = attn_narrow(f->w, 0, 1, 2), *whole = attn_reshape(f->w, 1, (const int64_t[]){N});
    attn_parameter_group group = {&f->w, 1, 1, 0};
    attn_optimizer_config_init(&config);
    config.beta1 = 1;
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    attn_optimizer_config_init(&config);
    config.epsilon = 0;
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    attn_optimizer_config_init(&config);
    config.kind = (attn_optimizer_kind)9;
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    attn_optimizer_config_init(&config);
    group.decay = -1;
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    group = (attn_parameter_group){twice, 3, 1, 0};
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    group = (attn_parameter_group){&constant, 1, 1, 0};
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    group = (attn_parameter_group){&view, 1, 1, 0};
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    group = (attn_parameter_group){&whole, 1, 1, 0};
    assert_int_equal(attn_optimizer_create(f->ctx, &config, &group, 1, &o), ATTN_EINVAL);
    assert_null(o);
}

/* --------------------------------------------------------------------------------------- schedules and fillings */

static void expect_rate(const attn_schedule *s, int64_t step, double want) {
    const double got = attn_schedule_rate(s, step);
    if (!(fabs(got - want) <= 1e-15 + 1e-12 * want))
        fail_msg("kind %d, step %lld: %.15g, must be %.15g", (int)s->kind, (long long)step, got, want);
}

static void schedules_have_their_values(void **state) {
    (void)state;
    attn_schedule s = {.kind = ATTN_CONSTANT, .peak = 2, .warmup = 4};
    expect_rate(&s, 0, 0.5);
    expect_rate(&s, 3, 2);
    expect_rate(&s, 1000, 2);
    s = (attn_schedule){.kind = ATTN_COSINE, .peak = 2, .warmup = 10, .total = 110, .floor = 0.1};
    expect_rate(&s, 10, 2);
    expect_rate(&s, 60, 2 * (0.1 + 0.9 / 2));
    expect_rate(&s, 110, 0.2);
    expect_rate(&s, 1000000, 0.2);
    s = (attn_schedule){.kind = ATTN_COSINE_EPOCH, .peak = 1, .total = 64 * 10, .period = 10};
    for (int epoch = 0; epoch < 64; epoch++) {
        expect_rate(&s, 10 * epoch, (1 + cos(M_PI * epoch / 64)) / 2);
        expect_rate(&s, 10 * epoch + 9, (1 + cos(M_PI * epoch / 64)) / 2);
    }
    s = (attn_schedule){.kind = ATTN_INVERSE_ROOT, .peak = 1, .warmup = 100};
    expect_rate(&s, 99, 1);
    expect_rate(&s, 400, 0.5);
    s = (attn_schedule){.kind = ATTN_STEPS, .peak = 1, .period = 30, .gamma = 0.1};
    expect_rate(&s, 29, 1);
    expect_rate(&s, 30, 0.1);
    expect_rate(&s, 90, 1e-3);
    s = (attn_schedule){.kind = ATTN_LINEAR, .peak = 2, .warmup = 10, .total = 110, .floor = 0.1};
    expect_rate(&s, 9, 2);
    expect_rate(&s, 10, 2);
    expect_rate(&s, 60, 2 * (1 - 0.9 / 2));
    expect_rate(&s, 110, 0.2);
    expect_rate(&s, 1000000, 0.2);
    s.hold = 0.6;
    expect_rate(&s, 70, 2);
    expect_rate(&s, 80, 2 * (1 - 0.9 / 4));
    expect_rate(&s, 109, 2 * (1 - 0.9 * 39 / 40));
    expect_rate(&s, 110, 0.2);
    s.hold = 1;
    expect_rate(&s, 109, 2);
    expect_rate(&s, 110, 0.2);
}

static void fillings_have_their_bounds_and_deviations(void **state) {
    struct fixture *f = *state;
    attn_tensor *w = attn_constant(f->tape, 2, (const int64_t[]){300, 100}, 0);
    const double bounds[] = {sqrt(6.0 / 400), sqrt(3.0 / 100)};
    for (int n = 0; n < 2; n++) {
        double most = 0, square = 0;
        if (n == 0)
            attn_fill_glorot(w, 1, 7);
        else
            attn_fill_he(w, 1, 7);
        for (int i = 0; i < 30000; i++) {
            most = fmax(most, fabs((double)attn_data(w)[i]));
            square += (double)attn_data(w)[i] * (double)attn_data(w)[i];
        }
        assert_true(most <= bounds[n] && most > 0.999 * bounds[n]);
        assert_true(fabs(square / 30000 / (bounds[n] * bounds[n] / 3) - 1) < 0.02); /* four deviations of the mean of squares */
    }
    attn_fill_normal(w, 2, 0.5, 8);
    double mean = 0;
    for (int i = 0; i < 30000; i++) mean += (double)attn_data(w)[i] / 30000;
    assert_true(fabs(mean - 2) < 4 * 0.5 / sqrt(30000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descent_follows_its_formula),
        cmocka_unit_test(adam_and_its_kin_follow_their_formulas),
        cmocka_unit_test(adafactor_follows_its_formula),
        cmocka_unit_test(groups_have_rates_of_their_own),
        cmocka_unit_test(a_restored_state_goes_on_bit_for_bit),
        cmocka_unit_test(clipping_scales_all_gradients_alike),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(schedules_have_their_values),
        cmocka_unit_test(fillings_have_their_bounds_and_deviations),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
