/* The blocks that all hosts share: a mixer and a feed-forward network, each with a residual and a layer norm. The paper's Aaren has mixer=aaren, its
 * Transformer is the same stack with mixer=attention.
 *
 *   pre_norm     r += mixer(norm(r)),  r += ffn(norm(r))             GPT-2's; dropout of both branches
 *   else         r = norm(r + mixer(r)),  r = norm(r + ffn(r))       Vaswani et al.'s; dropout of both branches and inside ffn
 *
 * ffn(x) = out(f(in(x))), f ReLU or GELU, biases everywhere. The residual of a position is its own token, not the query's: the paper does not say. */
#ifndef ATTN_SYSTEM_AAREN_STACK_H
#define ATTN_SYSTEM_AAREN_STACK_H

#include "train/job.h"

struct attn_aaren_stack_config {
    int64_t width, ffn, layers, length; /* D, hidden numbers of ffn, blocks, the greatest T */
    const char *mixer;                  /* as in attn_mixer_make */
    const attn_mixer_kind *const *kinds;
    int kind_count;
    bool pre_norm, relu, final_norm; /* relu: else GELU; final_norm: a norm behind the last block */
    double epsilon, dropout;         /* of the norms; see above */
};

struct attn_aaren_stack;
struct attn_c_source;

/* Makes it among the model's parameters, "blocks.I...", "norm"; lives as long as the model. NULL: the tape is spoiled. */
struct attn_aaren_stack *attn_aaren_stack_make(attn_model *model, const struct attn_aaren_stack_config *config);

/* x [B, T, D], T at most the length; each [B, T, D] (NULL: none) is added before every layer. Dropout where training. */
attn_tensor *attn_aaren_stack_forward(struct attn_aaren_stack *s, attn_tensor *x, attn_tensor *each, bool training);

/* Numbers of state of one sequence of at most `tokens` tokens; -1: a mixer has no form that goes token by token. */
int64_t attn_aaren_stack_state(const struct attn_aaren_stack *s, int64_t tokens);
/* The state does not depend on tokens, once there are many: streams may go on for ever. */
bool attn_aaren_stack_constant(const struct attn_aaren_stack *s);

/* The token at `position`, below tokens, of each of B sequences: x [B, 1, D], each likewise. state: B times attn_aaren_stack_state numbers, of each layer
 * those of all sequences together, zeros before position 0. Nothing is recorded. The length is no limit where the state is constant. */
attn_tensor *attn_aaren_stack_step(struct attn_aaren_stack *s, attn_tensor *x, attn_tensor *each, attn_real *state, int64_t tokens,
                                   int64_t position);

/* A stream refuses a row with a number that lies as far from training's mean as so many deviations: squares of what layers make of more would leave a float, and NaN would stay
 * in the state for ever. */
#define ATTN_AAREN_FARTHEST 1e12

/* Adds is_known(x) of a standardised number to the C of a model: it is no NaN and nearer than that. */
void attn_aaren_known_export(struct attn_c_source *c);

/* Adds the stack to the C of a model (train/c_source.h), as blocks(s, each), and activate(n, x), what stands within the feed-forward networks: the token s->x [WIDTH] goes through it in place; each (0: none) is added before every block.
 * Its members of the state: x, y, z, hidden, memory. ATTN_EUNSUPPORTED, with what to do: a mixer is not aaren, whose state alone has a constant size that
 * is known here. */
attn_status attn_aaren_stack_export(const struct attn_aaren_stack *s, struct attn_c_source *c);

/* For a task's list of fields; defaults of its own are changes of the task. */
#define ATTN_AAREN_STACK_FIELDS                                                                                                            \
    {"mixer", "aaren, attention, or any mixers: \"aaren:heads=4\", layer by layer with '+'", ATTN_TEXT, "aaren:heads=4", 0, 0, NULL},      \
        {"width", "numbers of a token in the model (d)", ATTN_WHOLE, "128", 1, 65536, NULL},                                               \
        {"ffn", "hidden numbers of the feed-forward networks", ATTN_WHOLE, "512", 1, 1048576, NULL},                                       \
        {"layers", "blocks", ATTN_WHOLE, "4", 1, 1024, NULL}, {                                                                            \
        "dropout", "of the branches of the blocks, and what else the task drops", ATTN_NUMBER, "0.1", 0, 0.99, NULL                        \
    }

/* The stack that the job's recipe asks for by these fields. NULL: the tape is spoiled. */
struct attn_aaren_stack *attn_aaren_stack_from_recipe(struct attn_job *job, int64_t length, bool pre_norm, bool relu, bool final_norm,
                                                      double epsilon);

#endif
