#include "train/export.h"

#include "base/command.h"
#include "base/folder.h"
#include "train/c_source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 48 };
const char attn_export_compiler[] = "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -O2";

/* ------------------------------------------------------------------------------------------------------------ the texts */

/* What is being written, and its name in both spellings. */
struct writing {
    attn_ctx *ctx;
    const struct attn_job *job;
    struct attn_c_source *c;
    const char *name;
    char upper[NAME + 1];
    int64_t state_bytes;
    struct attn_c_text source, header;
};

static void add_recipe(struct writing *w, struct attn_c_text *to) {
    static const char *const fields[] = {"mixer", "width", "ffn", "layers"};
    char value[ATTN_RECIPE_TEXT];
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        for (int k = 0; k < w->job->recipe->count; k++) {
            const struct attn_recipe_value *v = &w->job->recipe->value[k];
            if (strcmp(v->field->name, fields[i]) == 0)
                attn_c_add(w->c, to, "%s%s=%.200s", i > 0 ? " " : "", fields[i], attn_recipe_value_text(v, value, sizeof value));
        }
}

static void add_comment(struct writing *w) {
    struct attn_c_source *c = w->c;
    struct attn_c_text *to = &w->header;
    attn_c_add(c, to, "/* %s.h - a trained model of %s, written by attn %d.%d.%d.\n *\n * Model: ", w->name, w->job->task->name,
               ATTN_VERSION_MAJOR, ATTN_VERSION_MINOR, ATTN_VERSION_PATCH);
    add_recipe(w, to);
    attn_c_add(c, to, "; %lld parameters.\n *\n", (long long)attn_model_elements(w->job->model));
    attn_c_add(c, to, " *   %s_state s;\n *   float in[%s_INPUTS], out[%s_OUTPUTS];\n", w->name, w->upper, w->upper);
    attn_c_add(c, to, " *   %s_init(&s);\n *   for (;;) {\n *       ... fill in ...\n *       %s_push(&s, in, out);\n *   }\n *\n", w->name,
               w->name);
    attn_c_add_text(c, to, " * Inputs, in the units of the data that the model was trained on:\n");
    attn_c_add_text(c, to, c->inputs.at ? c->inputs.at : "");
    attn_c_add_text(c, to, " *\n * Outputs, of all rows since init:\n");
    attn_c_add_text(c, to, c->outputs.at ? c->outputs.at : "");
    attn_c_add(c, to, " *\n * Flash: %lld bytes of weights (%s), and the code.\n", (long long)c->weight_bytes,
               c->int8 ? "matrices of 8 bits with a factor for each row, the rest float" : "float");
    attn_c_add(c, to, " * RAM: %lld bytes for each state, after any number of rows, and a stack of less than 512.\n",
               (long long)w->state_bytes);
    attn_c_add(c, to, " * A push multiplies %lld times by a weight. Library: %s.\n *\n", (long long)c->products,
               c->no_libm ? "none" : "libm");
    attn_c_add_text(c, to,
                    " * C99, also from C++. A push reads constants and its own state alone: states are independent of each other.\n"
                    " * Numbers must be IEEE and roundings those of C: no -ffast-math. */\n");
}

static void add_header(struct writing *w) {
    struct attn_c_source *c = w->c;
    struct attn_c_text *to = &w->header;
    add_comment(w);
    attn_c_add(c, to, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", w->upper,
               w->upper);
    attn_c_add(c, to, "#define %s_INPUTS %lld\n#define %s_OUTPUTS %lld\n#define %s_STATE_BYTES %lld\n\n", w->upper,
               (long long)c->input_count, w->upper, (long long)c->output_count, w->upper, (long long)w->state_bytes);
    attn_c_add(c, to, "/* What is known of the rows so far, and the numbers that a push works with. */\ntypedef struct %s_state {\n",
               w->name);
    attn_c_add_text(c, to, c->wide.at ? c->wide.at : "");
    attn_c_add_text(c, to, c->narrow.at ? c->narrow.at : "");
    attn_c_add(c, to, "} %s_state;\n\n/* No row has been seen. */\nvoid %s_init(%s_state *s);\n\n", w->name, w->name, w->name);
    attn_c_add(c, to, "/* Takes the next row, in [%s_INPUTS], and writes what the model answers, out [%s_OUTPUTS]. */\n", w->upper,
               w->upper);
    attn_c_add(c, to, "void %s_push(%s_state *s, const float *in, float *out);\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n", w->name,
               w->name);
}

static void add_source(struct writing *w) {
    struct attn_c_source *c = w->c;
    struct attn_c_text *to = &w->source;
    attn_c_add(c, to, "/* %s.c - see %s.h. */\n#include \"%s.h\"\n\n", w->name, w->name, w->name);
    if (!c->no_libm) attn_c_add_text(c, to, "#include <math.h>\n\n");
    attn_c_add(c, to, "typedef %s_state state;\n", w->name);
    attn_c_add(c, to, "typedef char state_is_as_large_as_stated[sizeof(state) == %s_STATE_BYTES ? 1 : -1];\n\n", w->upper);
    attn_c_add(c, to, "enum {\n    INPUTS = %s_INPUTS,\n    OUTPUTS = %s_OUTPUTS,\n", w->upper, w->upper);
    attn_c_add_text(c, to, c->sizes.at ? c->sizes.at : "");
    attn_c_add_text(c, to, "};\n\n");
    attn_c_add_text(c, to, attn_c_struct_linear(c));
    attn_c_add_text(c, to, "/* ------------------------------------------------------------------ weights */\n\n");
    attn_c_add_text(c, to, c->weights.at ? c->weights.at : "");
    attn_c_add_text(c, to, "/* --------------------------------------------------------------- arithmetic */\n\n");
    attn_c_runtime(c, to);
    attn_c_add_text(c, to, "/* ---------------------------------------------------------------- the model */\n\n");
    attn_c_add_text(c, to, c->functions.at ? c->functions.at : "");
    attn_c_add(c, to, "void %s_init(state *s) {\n    unsigned char *byte = (unsigned char *)s;\n", w->name);
    attn_c_add_text(c, to, "    for (unsigned i = 0; i < sizeof *s; i++) byte[i] = 0;\n");
    attn_c_add_text(c, to, c->init.at ? c->init.at : "");
    attn_c_add(c, to, "}\n\nvoid %s_push(state *s, const float *in, float *out) {\n", w->name);
    attn_c_add_text(c, to, c->push.at ? c->push.at : "");
    attn_c_add_text(c, to, "}\n");
}

/* Members of 8 bytes come first; a struct that has them is a multiple of 8 bytes long. */
static void measure_state(struct writing *w) {
    if (w->c->wide_count > 0 && w->c->narrow_count % 2 == 1) attn_c_narrow(w->c, "float", "unused", 0);
    w->state_bytes = 8 * w->c->wide_count + 4 * w->c->narrow_count;
}

/* ------------------------------------------------------------------------------------------------------------ the files */

/* Whether NAME.h would stand in the way of a header of the C library. */
static bool is_library_header(const char *name) {
    static const char *const headers[] = {"assert", "complex", "ctype",  "errno",  "fenv",   "float",  "inttypes", "iso646",
                                          "limits", "locale",  "math",   "setjmp", "signal", "stdarg", "stdbool",  "stddef",
                                          "stdint", "stdio",   "stdlib", "string", "tgmath", "time",   "wchar",    "wctype"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (strcmp(name, headers[i]) == 0) return true;
    return false;
}

static attn_status check_name(attn_ctx *ctx, const char *name) {
    const size_t length = strlen(name);
    bool good = isalpha((unsigned char)name[0]) != 0;
    for (const char *at = name; *at && good; at++) good = isalnum((unsigned char)*at) || *at == '_';
    if (!good || length > NAME)
        return attn_fail(ctx, ATTN_EINVAL,
                         "export: the name '%.60s': expected a C identifier that begins with a letter, of at most %d bytes", name, NAME);
    if (is_library_header(name))
        return attn_fail(ctx, ATTN_EINVAL, "export: the name '%s': %s.h is a header of the C library, expected another name", name, name);
    return ATTN_OK;
}

static attn_status check_files(attn_ctx *ctx, const struct attn_export_options *o, struct attn_export_report *r) {
    const int source = snprintf(r->source, sizeof r->source, "%s/%s.c", o->folder, o->name),
              header = snprintf(r->header, sizeof r->header, "%s/%s.h", o->folder, o->name);
    if (source >= ATTN_FILE_PATH || header >= ATTN_FILE_PATH)
        return attn_fail(ctx, ATTN_EINVAL, "export: a folder's path of %zu bytes: expected at most %d", strlen(o->folder),
                         ATTN_FILE_PATH - NAME - 4);
    if (!o->force && (attn_path_exists(r->source) || attn_path_exists(r->header)))
        return attn_fail(ctx, ATTN_EINVAL, "%s: it is there already; --force writes over it, --name chooses another name",
                         attn_path_exists(r->source) ? r->source : r->header);
    return ATTN_OK;
}

static attn_status write_files(struct writing *w, const struct attn_export_options *o, const struct attn_export_report *r) {
    const char *const path[] = {r->source, r->header};
    const struct attn_c_text *const text[] = {&w->source, &w->header};
    struct attn_file_writer file[2] = {{.number = -1}, {.number = -1}};
    bool fresh;
    attn_status status = attn_folder_make(w->ctx, o->system, o->folder, &fresh);
    for (int i = 0; i < 2 && !status; i++) {
        status = attn_file_begin(w->ctx, o->system, path[i], &file[i]);
        if (!status) status = attn_file_write(w->ctx, &file[i], text[i]->at, text[i]->bytes);
        if (!status) status = attn_file_sync(w->ctx, &file[i]);
    }
    if (!status) status = attn_file_commit_all(w->ctx, file, 2);
    for (int i = 0; i < 2; i++) attn_file_abort(&file[i]);
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- the figures */

/* Bytes of code and constants; -1 where there is no such compiler. */
static int64_t compiled_bytes(attn_ctx *ctx, const struct attn_export_report *r) {
    enum { WORDS = 16, OUTPUT = 4096 };
    static const double seconds = 120;
    char command[sizeof attn_export_compiler], object[ATTN_FILE_PATH + 8], *text = NULL;
    const char *argv[WORDS];
    int argc = 0;
    size_t bytes;
    long long code = -1, data = 0;
    memcpy(command, attn_export_compiler, sizeof command);
    for (char *rest, *word = strtok_r(command, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) argv[argc++] = word;
    snprintf(object, sizeof object, "%s.XXXXXX", r->source);
    const int file = mkstemp(object);
    if (file < 0) return -1;
    close(file);
    const char *const more[] = {"-std=c99", "-c", r->source, "-o", object, NULL};
    memcpy(argv + argc, more, sizeof more);
    attn_status status = attn_command_run(ctx, &(struct attn_command){.argv = argv, .limit = OUTPUT, .seconds = seconds}, &text, &bytes);
    attn_free(ctx, text);
    const char *const size[] = {"arm-none-eabi-size", object, NULL};
    text = NULL;
    if (!status) status = attn_command_run(ctx, &(struct attn_command){.argv = size, .limit = OUTPUT, .seconds = seconds}, &text, &bytes);
    const char *line = !status && text ? strchr(text, '\n') : NULL; /* behind the titles: text, data, bss */
    if (line) {
        char *end;
        code = strtoll(line, &end, 10);
        data = strtoll(end, NULL, 10);
    }
    attn_free(ctx, text);
    remove(object);
    return code < 0 ? -1 : code + data;
}

static attn_status measure(struct attn_job *job, const struct attn_export_options *o, const struct attn_c_source *c,
                           struct attn_export_report *r) {
    attn_status status = job->task->evaluate(job, o->data, &r->before);
    attn_c_round_weights(c);
    if (!status) status = job->task->evaluate(job, o->data, &r->after);
    if (!status || o->data) return status;
    attn_ctx_error(job->ctx, r->unmeasured, sizeof r->unmeasured); /* the recipe's data may be gone; the files are good without */
    return ATTN_OK;
}

static attn_status write_all(struct writing *w, const struct attn_export_options *o, struct attn_export_report *r) {
    for (size_t i = 0; i <= strlen(o->name); i++) w->upper[i] = (char)toupper((unsigned char)o->name[i]);
    measure_state(w);
    add_header(w);
    add_source(w);
    if (w->c->status) return w->c->status;
    r->inputs = w->c->input_count;
    r->outputs = w->c->output_count;
    r->weight_bytes = w->c->weight_bytes;
    r->state_bytes = w->state_bytes;
    r->products = w->c->products;
    return write_files(w, o, r);
}

attn_status attn_export(struct attn_job *job, const struct attn_export_options *o, struct attn_export_report *out) {
    struct attn_c_source c;
    struct writing w = {.ctx = job->ctx, .job = job, .c = &c, .name = o->name};
    *out = (struct attn_export_report){.flash_bytes = -1};
    if (!job->task->export_c)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED,
                         "export: models of %s cannot be written as C; those of aaren/forecast, classify, control and events can",
                         job->task->name);
    attn_status status = check_name(job->ctx, o->name);
    if (!status) status = check_files(job->ctx, o, out);
    if (status) return status;
    attn_c_open(job->ctx, o->int8, o->no_libm, &c);
    status = job->task->export_c(job, &c);
    if (!status) status = c.status;
    if (!status && o->int8) status = measure(job, o, &c, out); /* before anything is written: what it fails at leaves no files */
    if (!status) status = write_all(&w, o, out);
    if (!status) out->flash_bytes = compiled_bytes(job->ctx, out);
    attn_free(job->ctx, w.source.at);
    attn_free(job->ctx, w.header.at);
    attn_c_close(&c);
    return status;
}
