#include "bench/train_pointer.h"

enum { PLANE = 2 };

static attn_tensor *uniform(attn_model *model, const char *name, int dims, const int64_t *size) {
    attn_tensor *x = attn_model_parameter(model, name, dims, size);
    attn_fill_uniform(x, -0.08, 0.08, attn_model_seed(model));
    return x;
}

static attn_recurrent_weights make_lstm(attn_model *model, const char *name, int64_t hidden) {
    const int64_t gates = 4 * hidden;
    attn_recurrent_weights w;
    attn_model_enter(model, name);
    w.input = uniform(model, "input", 2, (const int64_t[]){gates, PLANE});
    w.recurrent = uniform(model, "recurrent", 2, (const int64_t[]){gates, hidden});
    w.input_bias = uniform(model, "input_bias", 1, &gates);
    w.recurrent_bias = uniform(model, "recurrent_bias", 1, &gates);
    attn_model_leave(model);
    return w;
}

void attn_train_pointer_make(struct attn_train_case *c) {
    const int64_t hidden = c->shape.width, plane = PLANE, square[] = {hidden, hidden};
    struct attn_train_pointer *p = &c->pointer;
    p->encoder = make_lstm(c->model, "encoder", hidden);
    p->decoder = make_lstm(c->model, "decoder", hidden);
    p->start = uniform(c->model, "start", 1, &plane);
    p->end = uniform(c->model, "end", 1, &hidden);
    p->w1 = uniform(c->model, "w1", 2, square);
    p->w2 = uniform(c->model, "w2", 2, square);
    p->v = uniform(c->model, "v", 1, &hidden);
}

void attn_train_pointer_draw(struct attn_train_case *c, struct attn_random *random) {
    const int64_t points = c->shape.length, steps = c->shape.steps, corners = steps - 2;
    for (int64_t i = 0; i < c->shape.batch * points * PLANE; i++) c->x[i] = (float)attn_random_uniform(random);
    for (int64_t b = 0; b < c->shape.batch; b++) {
        int32_t *label = c->label + b * steps;
        const int64_t first = (int64_t)attn_random_below(random, (uint64_t)points), stride = points / corners;
        for (int64_t m = 0; m < corners; m++) label[m] = (int32_t)((first + m * stride) % points) + 1;
        label[corners] = label[0];
        label[corners + 1] = 0;
        for (int64_t m = 0; m < steps; m++)
            for (int64_t i = 0; i < PLANE; i++)
                c->fed[(b * steps + m) * PLANE + i] = m == 0 ? 0 : c->x[(b * points + label[m - 1] - 1) * PLANE + i];
    }
    c->labels = c->shape.batch * steps;
}

attn_tensor *attn_train_pointer_loss(struct attn_train_case *c) {
    const struct attn_train_pointer *p = &c->pointer;
    const int64_t batch = c->shape.batch, steps = c->shape.steps;
    attn_tape *tape = attn_model_tape(c->model);
    attn_tensor *h, *cells, *first = attn_constant(tape, 2, (const int64_t[]){steps, 1}, 0);
    if (!first) return NULL;
    attn_data(first)[0] = 1;
    attn_tensor *x = attn_tensor_input(tape, 3, (const int64_t[]){batch, c->shape.length, PLANE}, c->x);
    attn_tensor *fed = attn_tensor_input(tape, 3, (const int64_t[]){batch, steps, PLANE}, c->fed);
    attn_tensor *e = attn_lstm(x, NULL, NULL, &p->encoder, &h, &cells);
    attn_tensor *d = attn_lstm(attn_add(fed, attn_mul(first, p->start)), h, cells, &p->decoder, NULL, NULL);
    attn_tensor *end = attn_mul(attn_constant(tape, 3, (const int64_t[]){batch, 1, 1}, 1), p->end);
    attn_tensor *keys = attn_linear(attn_concat(2, (attn_tensor *const[]){end, e}, 1), p->w1, NULL);
    return attn_mean_all(attn_pointer_losses(attn_linear(d, p->w2, NULL), keys, p->v, NULL, c->label));
}
