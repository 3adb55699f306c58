/* One line of wisdom: taken apart, and the key that a problem's entry has. */
#include "plan/wisdom.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STRING_OF(x) #x
#define STRING(x)    STRING_OF(x)
static const char version[] = STRING(ATTN_VERSION_MAJOR) "." STRING(ATTN_VERSION_MINOR) "." STRING(ATTN_VERSION_PATCH);

bool attn_piece_is(struct attn_piece piece, const char *text) {
    return strlen(text) == piece.length && memcmp(piece.at, text, piece.length) == 0;
}

static struct attn_piece trimmed(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) end--;
    return (struct attn_piece){at, (size_t)(end - at)};
}

static bool has_control(struct attn_piece p) {
    for (size_t i = 0; i < p.length; i++)
        if (((unsigned char)p.at[i] < 0x20 && p.at[i] != '\t') || p.at[i] == 0x7f) return true;
    return false;
}

bool attn_wisdom_next_kernel(struct attn_piece *times, struct attn_piece *kernel) {
    if (times->length == 0) return false;
    const char *end = times->at + times->length, *comma = memchr(times->at, ',', times->length);
    const struct attn_piece part = trimmed(times->at, comma ? comma : end);
    const char *blank = part.length ? memchr(part.at, ' ', part.length) : NULL;
    *kernel = (struct attn_piece){part.at, blank ? (size_t)(blank - part.at) : part.length};
    times->at = comma ? comma + 1 : end;
    times->length = (size_t)(end - times->at);
    return true;
}

/* Cuts at every '|'; the number of fields found, those beyond the seventh counted only. */
static int cut(struct attn_wisdom_line *line) {
    const char *at = line->text.at, *end = at + line->text.length;
    for (int count = 0;; count++) {
        const char *bar = at < end ? memchr(at, '|', (size_t)(end - at)) : NULL;
        if (count < ATTN_WISDOM_FIELDS) line->field[count] = trimmed(at, bar ? bar : end);
        if (!bar) return count + 1;
        at = bar + 1;
    }
}

static void complain(struct attn_wisdom_line *line, const char *what) {
    line->kind = ATTN_WISDOM_MALFORMED;
    snprintf(line->complaint, sizeof(line->complaint), "%s", what);
}

static void complain_length(struct attn_wisdom_line *line, size_t length) {
    line->kind = ATTN_WISDOM_MALFORMED;
    snprintf(line->complaint, sizeof(line->complaint), "found %zu bytes, expected at most %d", length, ATTN_WISDOM_LINE);
}

/* Of an entry of this version: seven fields, none empty, the kernel one of those that have a time. */
static void check_entry(struct attn_wisdom_line *line, int fields) {
    if (fields != ATTN_WISDOM_FIELDS) {
        line->kind = ATTN_WISDOM_MALFORMED;
        snprintf(line->complaint, sizeof(line->complaint), "found %d field%s, expected %d with | between them", fields,
                 fields == 1 ? "" : "s", ATTN_WISDOM_FIELDS);
        return;
    }
    struct attn_piece times = line->field[ATTN_WISDOM_TIMES], kernel, chosen = line->field[ATTN_WISDOM_KERNEL];
    size_t length = 3 * (ATTN_WISDOM_FIELDS - 1); /* with one form of blanks */
    bool timed = false, filled = true;
    for (int i = 0; i < ATTN_WISDOM_FIELDS; i++) {
        length += line->field[i].length;
        filled = filled && line->field[i].length > 0;
    }
    while (attn_wisdom_next_kernel(&times, &kernel))
        timed = timed || (kernel.length == chosen.length && memcmp(kernel.at, chosen.at, kernel.length) == 0);
    if (!filled)
        complain(line, "found an empty field, expected version, processor, instruction set, problem, kernel, measured on, times");
    else if (!timed)
        complain(line, "found a kernel without a time, expected it among the times of the last field");
    else if (length > ATTN_WISDOM_LINE)
        complain_length(line, length);
}

void attn_wisdom_parse(const char *text, size_t length, struct attn_wisdom_line *line) {
    memset(line, 0, sizeof(*line));
    line->text = trimmed(text, text + length);
    if (line->text.length == 0) {
        line->kind = ATTN_WISDOM_BLANK;
    } else if (length > ATTN_WISDOM_LINE) {
        complain_length(line, length);
    } else if (has_control(line->text)) {
        complain(line, "found a control character, expected text");
    } else if (line->text.at[0] == '#') {
        line->kind = ATTN_WISDOM_COMMENT;
    } else {
        const int fields = cut(line);
        const bool numbered = line->field[0].length && line->field[0].at[0] >= '0' && line->field[0].at[0] <= '9';
        line->kind = numbered && fields > 1 && !attn_piece_is(line->field[0], version) ? ATTN_WISDOM_FOREIGN : ATTN_WISDOM_ENTRY;
        if (line->kind == ATTN_WISDOM_ENTRY) check_entry(line, fields);
        if (line->kind == ATTN_WISDOM_ENTRY && !numbered) complain(line, "found no version in front, expected one such as 0.1.0");
    }
}

/* Three significant binary digits, rounded up: 1 to 8, 10, 12, 14, 16, 20, ... Within a class, times differ by at most a quarter for each
 * length. */
static long long class_of(int64_t n) {
    int64_t step = 1;
    while (n > 8 * step) step *= 2;
    const int64_t class = attn_div_up(n, step) * step;
    return class;
}

static void append_features(const attn_problem *p, char *text, size_t size) {
    static const struct {
        uint32_t bit;
        const char *name;
    } features[] = {{ATTN_BACKWARD, " backward"}, {ATTN_ALIBI, " alibi"},     {ATTN_BIAS_GRAD, " dbias"},
                    {ATTN_SINK, " sink"},         {ATTN_DROPOUT, " dropout"}, {ATTN_DIM_STRIDE, " strided"}};
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (p->features & features[i].bit) attn_append(text, size, "%s", features[i].name);
    if (attn_dtype_is_half(p->dtype) && p->o_dtype == ATTN_F32) attn_append(text, size, " o:f32");
    if (attn_dtype_is_half(p->dtype) && p->grad_dtype == ATTN_F32) attn_append(text, size, " grad:f32");
    if (p->score == ATTN_SCORE_LEARNED_QUERY) attn_append(text, size, "%s", " learned-query");
    if (p->score == ATTN_SCORE_ADDITIVE) attn_append(text, size, "%s", " additive");
    if (p->softcap < (double)INFINITY) attn_append(text, size, " softcap");
    if (p->features & ATTN_BIAS) {
        char axes[] = " bias:bhqk";
        for (int axis = 0; axis < 4; axis++)
            if (p->bias_broadcast & (1u << axis)) axes[6 + axis] = '-';
        attn_append(text, size, "%s", axes);
    }
}

void attn_wisdom_key(const attn_ctx *ctx, const attn_problem *p, char key[ATTN_WISDOM_LINE]) {
    snprintf(key, ATTN_WISDOM_LINE, "%s | %s | %s | %s %s heads %d:%d dim %d:%d batch %lld len %lld:%lld", version, ctx->cpu_model,
             ctx->isa_name, attn_dtype_name(p->dtype), attn_layout_name(p->layout), p->heads, p->kv_heads, p->dim, p->v_dim,
             class_of(p->batch), class_of(p->q_len), class_of(p->kv_len));
    if (p->layout == ATTN_THD) attn_append(key, ATTN_WISDOM_LINE, " tokens %lld:%lld", class_of(p->q_tokens), class_of(p->kv_tokens));
    append_features(p, key, ATTN_WISDOM_LINE);
}
