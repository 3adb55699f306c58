/* A tape: its memory, its nodes, the walk backwards. */
#include "tape/tape.h"

#include "base/parallel.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

attn_status attn_tape_create(attn_ctx *ctx, attn_tape **out) {
    if (!ctx || !out) return attn_fail(ctx, ATTN_EINVAL, "tape: context and out must not be NULL");
    attn_tape *tape = attn_alloc(ctx, sizeof *tape);
    if (!tape) return attn_no_memory(ctx, "tape", sizeof *tape);
    *tape = (attn_tape){.ctx = ctx, .kept = {.ctx = ctx}, .step = {.ctx = ctx}, .record = true};
    *out = tape;
    return ATTN_OK;
}

void attn_tape_destroy(attn_tape *tape) {
    if (!tape) return;
    attn_tape_free_plans(tape);
    attn_tape_free_ffts(tape);
    attn_arena_close(&tape->step);
    attn_arena_close(&tape->kept);
    attn_free(tape->ctx, tape);
}

void attn_tape_reset(attn_tape *tape) {
    attn_arena_empty(&tape->step);
    tape->newest = NULL;
    tape->status = ATTN_OK;
    tape->done = tape->quiet = false;
    tape->draws = 0;
    tape->flops = 0;
    for (struct attn_kept *p = tape->frozen ? NULL : tape->parameters; p; p = p->before)
        if (p->gradient.filled) memset(p->gradient.at, 0, (size_t)p->gradient.count * sizeof(attn_real));
}

void attn_tape_record(attn_tape *tape, bool record) {
    tape->record = record && !tape->frozen;
}

void attn_tape_freeze(attn_tape *tape) {
    attn_tape_reset(tape);
    tape->frozen = true;
    tape->record = false;
}

void attn_tape_seed(attn_tape *tape, uint64_t seed) {
    tape->seed = seed;
    tape->draws = 0;
}

attn_status attn_tape_status(const attn_tape *tape) {
    return tape->status;
}

void attn_tape_count_flops(attn_tape *tape, bool count) {
    tape->counting = count;
}

double attn_tape_flops(const attn_tape *tape) {
    return tape->flops;
}

size_t attn_tape_bytes(const attn_tape *tape) {
    return tape->kept.bytes + tape->step.bytes + tape->plan_bytes;
}

int64_t attn_tape_allocations(const attn_tape *tape) {
    return tape->kept.allocations + tape->step.allocations + tape->plan_allocations;
}

attn_tensor *attn_tape_fail(attn_tape *tape, attn_status status, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!tape->status) tape->status = attn_fail(tape->ctx, status, "%s", text);
    return NULL;
}

bool attn_usable(int count, attn_tensor *const *x) {
    for (int i = 0; i < count; i++)
        if (!x[i]) {
            /* NULL comes from an operator that failed, and has spoiled its tape; if not, the caller passed it. */
            for (int n = 0; n < count; n++)
                if (x[n]) attn_tape_fail(x[n]->tape, ATTN_EINVAL, "an operator was given NULL for a tensor");
            return false;
        }
    for (int i = 0; i < count; i++) {
        if (x[i]->tape != x[0]->tape) {
            attn_tape_fail(x[0]->tape, ATTN_EINVAL, "an operator was given tensors of two tapes");
            return false;
        }
    }
    return !x[0]->tape->status;
}

void *attn_tape_take(attn_tape *tape, size_t bytes) {
    if (tape->status) return NULL;
    void *memory = attn_arena_take(&tape->step, bytes);
    if (!memory) attn_tape_fail(tape, ATTN_ENOMEM, "tape: no memory for %zu bytes beside the %zu held", bytes, attn_tape_bytes(tape));
    return memory;
}

/* A gradient of an owner's array, not yet filled. */
static struct attn_gradient *new_gradient(attn_tape *tape, int64_t count) {
    struct attn_gradient *g = attn_tape_take(tape, sizeof *g);
    if (g) *g = (struct attn_gradient){.count = count};
    return g;
}

bool attn_recording(attn_tensor *out, int count, attn_tensor *const *inputs) {
    if (!out || !out->tape->record || out->tape->quiet) return false;
    for (int i = 0; i < count; i++)
        if (attn_wants(inputs[i])) {
            out->gradient = new_gradient(out->tape, out->count);
            return out->gradient != NULL;
        }
    return false;
}

void *attn_node_new(attn_tensor *out, size_t bytes, void (*backward)(struct attn_node *node)) {
    struct attn_node *node = attn_tape_take(out->tape, bytes);
    if (!node) return NULL;
    memset(node, 0, bytes);
    *node = (struct attn_node){.backward = backward, .out = out, .before = out->tape->newest};
    out->tape->newest = node;
    return node;
}

/* The array of a gradient is there. */
static bool has_array(attn_tape *tape, struct attn_gradient *g) {
    if (!g->at) g->at = attn_tape_take(tape, (size_t)g->count * sizeof(attn_real));
    return g->at != NULL;
}

attn_real *attn_grad_add(attn_tensor *x) {
    struct attn_gradient *g = x->gradient;
    if (!has_array(x->tape, g)) return NULL;
    if (!g->filled) memset(g->at, 0, (size_t)g->count * sizeof(attn_real));
    g->filled = true;
    return g->at + x->offset;
}

bool attn_share_gradient(int count, attn_tensor *const *x) {
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (attn_wants(x[i]) && x[i]->gradient == x[j]->gradient) return true;
    return false;
}

attn_real *attn_grad_write(attn_tensor *x, bool *add) {
    struct attn_gradient *g = x->gradient;
    *add = g->filled || g->pieces;
    if (*add) return attn_grad_add(x);
    if (!has_array(x->tape, g)) return NULL;
    g->filled = true;
    return g->at + x->offset;
}

void attn_walk_back(attn_tape *tape) {
    for (struct attn_node *node = tape->newest; node && !tape->status; node = node->before)
        if (node->out->gradient->filled) node->backward(node);
}

static bool all_finite(const attn_tensor *x) {
    for (int64_t i = 0; i < x->count; i++)
        if (!isfinite(x->data[i])) return false;
    return true;
}

void attn_tape_first_bad(const attn_tape *tape, char text[ATTN_SHAPE_TEXT]) {
    const struct attn_node *bad = NULL;
    int before = 0, all = 0;
    for (const struct attn_node *node = tape->newest; node; node = node->before, all++)
        if (!all_finite(node->out)) {
            bad = node;
            before = all;
        }
    text[0] = '\0';
    if (!bad) return;
    char shape[ATTN_SHAPE_TEXT];
    snprintf(text, ATTN_SHAPE_TEXT, "result %d of %d, %.80s", all - before, all, attn_shape_text(bad->out, shape));
}

static attn_status fail(attn_tape *tape, const char *text) {
    attn_tape_fail(tape, ATTN_EINVAL, "%s", text);
    return ATTN_EINVAL;
}

attn_status attn_tape_backward(attn_tensor *loss) {
    if (!loss) return ATTN_EINVAL; /* whose tape has the sentence */
    attn_tape *tape = loss->tape;
    if (tape->status) return tape->status;
    if (loss->count != 1) return fail(tape, "backward: the loss has more than one element, or none");
    if (tape->done) return fail(tape, "backward: it has run; attn_tape_reset comes first");
    if (!attn_wants(loss)) return fail(tape, "backward: the loss depends on no parameter, or the tape does not record");
    attn_real *start = attn_grad_add(loss);
    if (start) *start += (attn_real)1;
    tape->done = true;
    attn_walk_back(tape);
    return tape->status;
}

/* ------------------------------------------------------------------------------------------------------- range */

struct range {
    attn_range_fn body;
    void *arg;
    int64_t count, piece;
};

static void run_piece(void *arg, int64_t index, int worker) {
    const struct range *r = arg;
    (void)worker;
    r->body(r->arg, index * r->piece, attn_min64((index + 1) * r->piece, r->count));
}

void attn_range(attn_tape *tape, int64_t count, int64_t piece, attn_range_fn body, void *arg) {
    struct range r = {.body = body, .arg = arg, .count = count, .piece = piece};
    if (count <= 0) return;
    if (count <= piece)
        body(arg, 0, count);
    else
        attn_parallel(tape->ctx, attn_div_up(count, piece), tape->ctx->config.threads, run_piece, &r);
}
