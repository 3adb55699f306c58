/* aaren/control as C: the policy's stream (control_stream.c), whose row is up to three tokens. */
#include "system/aaren/control.h"
#include "train/c_source.h"

static const char token[] = "/* The token s->x, a step's part with the vector of its number, through the blocks. */\n"
                            "static void token(state *s, int number) {\n"
                            "    add_row(&step_vector, number, s->x);\n"
                            "    layer_norm(token_norm_gain, token_norm_bias, EPSILON, s->x, s->x);\n"
                            "    blocks(s, 0);\n"
                            "}\n\n";

static const char push_begin[] = "    const int number = s->position < HORIZON ? s->position : HORIZON - 1;\n"
                                 "    if (s->position > 0) {\n"
                                 "        if (is_known((double)in[0] / RETURNS)) s->to_go = (float)((double)s->to_go - (double)in[0]);\n"
                                 "        linear(&action, s->before, s->x);\n"
                                 "        token(s, s->position - 1);\n"
                                 "    }\n"
                                 "    if (s->position < HORIZON) s->position++;\n"
                                 "    s->seen[0] = (float)((double)s->to_go / RETURNS);\n"
                                 "    linear(&to_go, s->seen, s->x);\n"
                                 "    token(s, number);\n"
                                 "    for (int i = 0; i < INPUTS - 1; i++) {\n"
                                 "        const double part = ((double)in[i + 1] - observation_mean[i]) / observation_deviation[i];\n"
                                 "        s->seen[i] = is_known(part) ? (float)part : 0.0f;\n"
                                 "    }\n"
                                 "    linear(&observation, s->seen, s->x);\n"
                                 "    token(s, number);\n"
                                 "    linear(&head, s->x, out);\n"
                                 "    for (int i = 0; i < OUTPUTS; i++) {\n";
static const char push_bounded[] = "        out[i] = hyperbolic_tangent(out[i]);\n";
static const char push_value[] = "        double value = action_middle[i] + action_half[i] * (double)out[i];\n";
static const char push_end[] = "        s->before[i] = (float)((value - action_middle[i]) / action_half[i]);\n"
                               "        out[i] = (float)value;\n"
                               "    }\n";

static void name_columns(struct attn_c_source *c, const struct attn_aaren_control *s) {
    const int64_t inputs = 1 + s->scale.observations;
    attn_c_input(c, s->name[0],
                 "of the action before; the first row's is not read, and of NaN or one that is too great the return to go stays");
    for (int64_t i = 1; i < inputs; i++)
        attn_c_input(c, s->name[i], i == 1 ? "what is seen; NaN, and what is too far off, is training's mean" : "");
    for (int64_t i = 0; i < s->scale.actions; i++) attn_c_output(c, s->name[inputs + i], i == 0 ? "the next action" : "");
}

static void put_scale(struct attn_c_source *c, const struct attn_aaren_control_scale *scale) {
    attn_c_doubles(c, "observation_mean", scale->observations, scale->mean);
    attn_c_doubles(c, "observation_deviation", scale->observations, scale->deviation);
    attn_c_doubles(c, "action_middle", scale->actions, scale->middle);
    attn_c_doubles(c, "action_half", scale->actions, scale->half);
    attn_c_add(c, &c->weights, "#define RETURNS %a\n#define TARGET %a\n\n", scale->returns, scale->target);
}

attn_status attn_aaren_control_export(struct attn_job *job, struct attn_c_source *c) {
    const struct attn_aaren_control *s = job->self;
    const struct attn_aaren_decision *m = &s->model;
    const attn_projection numbers = {m->time, NULL};
    name_columns(c, s);
    put_scale(c, &s->scale);
    attn_c_size(c, "HORIZON", m->horizon);
    attn_c_linear(c, "to_go", &m->to_go, 0, m->width, 1);
    attn_c_linear(c, "observation", &m->observation, 0, m->width, 1);
    attn_c_linear(c, "action", &m->action, 0, m->width, 1);
    attn_c_linear(c, "step_vector", &numbers, 0, m->horizon, 0);
    attn_c_norm(c, "token_norm", &m->norm);
    const int64_t others = c->products;
    if (attn_aaren_stack_export(m->stack, c)) return c->status;
    c->products += (ATTN_CONTROL_TOKENS - 1) * (c->products - others); /* each token goes through the blocks */
    attn_c_linear(c, "head", &m->head, 0, m->actions, 1);
    attn_c_narrow(c, "int32_t", "position", 0);
    attn_c_narrow(c, "float", "to_go", 0);
    attn_c_narrow(c, "float", "seen", attn_max64(1, m->observations));
    attn_c_narrow(c, "float", "before", m->actions);
    attn_aaren_known_export(c);
    attn_c_use(c, ATTN_C_ROW | (m->bounded ? ATTN_C_TANH : 0));
    attn_c_add_text(c, &c->functions, token);
    attn_c_add_text(c, &c->init, "    s->to_go = (float)TARGET;\n");
    attn_c_add_text(c, &c->push, push_begin);
    if (m->bounded) attn_c_add_text(c, &c->push, push_bounded);
    attn_c_add_text(c, &c->push, push_value);
    if (s->world && s->world->allow_c) attn_c_add_text(c, &c->push, s->world->allow_c);
    attn_c_add_text(c, &c->push, push_end);
    return c->status;
}
