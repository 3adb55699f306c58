/* Recipes: fields, what is assigned to them, and their JSON. */
#include "train/recipe.h"

#include "attn_train.h"
#include "base/hash.h"
#include "base/nearest.h"
#include "io/record.h"
#include "io/utf8.h"
#include "train/recipe_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 200 }; /* bytes of what was found that a sentence shows */

static struct attn_recipe_value *find(const struct attn_recipe *recipe, const char *name) {
    for (int i = 0; i < recipe->count; i++)
        if (strcmp(recipe->value[i].field->name, name) == 0) return (struct attn_recipe_value *)&recipe->value[i];
    return NULL;
}

/* Words, texts and files: strings in JSON. */
static bool is_string(const struct attn_recipe_field *f) {
    return f->type == ATTN_WORD || f->type == ATTN_TEXT || f->type == ATTN_FILE;
}

/* ------------------------------------------------------------------------------------------------- assignments */

static attn_status refuse(const struct attn_recipe *recipe, const char *place, const struct attn_recipe_field *f, const char *found) {
    char expected[ATTN_RECIPE_TEXT] = "";
    if (f->type == ATTN_WORD)
        for (int i = 0; f->words[i]; i++) attn_append(expected, sizeof expected, "%s%s", i == 0 ? "one of " : ", ", f->words[i]);
    else if (f->type == ATTN_TRUTH)
        attn_append(expected, sizeof expected, "true or false");
    else if (f->type == ATTN_TEXT || f->type == ATTN_FILE)
        attn_append(expected, sizeof expected, "at most %d bytes of text in UTF-8", ATTN_RECIPE_TEXT - 1);
    else
        attn_append(expected, sizeof expected, "a %snumber from %.15g to %.15g", f->type == ATTN_WHOLE ? "whole " : "", f->low, f->high);
    return attn_fail(recipe->ctx, ATTN_EINVAL, "%s: %s=%.*s%s: expected %s", place, f->name, SHOWN, found,
                     strlen(found) > SHOWN ? "..." : "", expected);
}

/* Decimal digits alone: strtod reads "inf", "0x10" and blanks in front, which JSON has not. */
static bool plain_number(const char *text) {
    return text[strspn(text, "0123456789+-.eE")] == '\0';
}

static bool take_word(struct attn_recipe_value *v, const char *text) {
    for (int i = 0; v->field->words[i]; i++)
        if (strcmp(v->field->words[i], text) == 0) {
            v->whole = i;
            return true;
        }
    return false;
}

static bool take_number(struct attn_recipe_value *v, const char *text) {
    char *end;
    const double number = strtod(text, &end);
    const bool whole = v->field->type == ATTN_WHOLE;
    if (end == text || *end != '\0' || !plain_number(text) || !(number >= v->field->low && number <= v->field->high)) return false;
    if (whole && (number != floor(number) || fabs(number) > 9007199254740992.0)) return false;
    v->number = number + 0.0; /* -0 is 0: equal recipes have equal texts */
    v->whole = whole ? (int64_t)number : 0;
    return true;
}

static attn_status assign(const struct attn_recipe *recipe, const char *place, struct attn_recipe_value *v, const char *text) {
    const enum attn_field_type type = v->field->type;
    const size_t length = strlen(text);
    bool good = length < ATTN_RECIPE_TEXT && attn_utf8_valid((const uint8_t *)text, length) == length;
    if (good && type == ATTN_WORD) good = take_word(v, text);
    if (good && (type == ATTN_WHOLE || type == ATTN_NUMBER)) good = take_number(v, text);
    if (good && type == ATTN_TRUTH) {
        v->whole = strcmp(text, "true") == 0;
        good = v->whole || strcmp(text, "false") == 0;
    }
    if (!good) return refuse(recipe, place, v->field, text);
    if (is_string(v->field)) memcpy(v->text, text, length + 1);
    return ATTN_OK;
}

/* A mixer of the recipe that has an option of this name: its kind; NULL: none. */
static const attn_mixer_kind *mixer_with(const struct attn_recipe *recipe, const char *option) {
    const struct attn_recipe_value *v = find(recipe, "mixer");
    if (!v || v->field->type != ATTN_TEXT) return NULL;
    const size_t length = strcspn(v->text, ":+");
    for (int m = 0; m < attn_mixer_count(); m++) {
        const attn_mixer_kind *kind = attn_mixer_at(m);
        if (strlen(kind->name) != length || memcmp(kind->name, v->text, length) != 0) continue;
        for (int o = 0; o < kind->option_count; o++)
            if (strcmp(kind->options[o].name, option) == 0) return kind;
    }
    return NULL;
}

static attn_status unknown(const struct attn_recipe *recipe, const char *place, const char *name) {
    const char *names[ATTN_RECIPE_FIELDS];
    for (int i = 0; i < recipe->count; i++) names[i] = recipe->value[i].field->name;
    const attn_mixer_kind *mixer = mixer_with(recipe, name);
    if (mixer)
        return attn_fail(recipe->ctx, ATTN_EINVAL,
                         "%s: %s has no field '%s', but its mixer has such an option; did you mean 'mixer=%s:%s=...'?", place, recipe->task,
                         name, mixer->name, name);
    const char *nearest = attn_nearest(name, names, recipe->count);
    return attn_fail(recipe->ctx, ATTN_EINVAL, "%s: %s has no field '%.*s'; %s%s%s", place, recipe->task, SHOWN, name,
                     nearest ? "did you mean '" : "attn systems ", nearest ? nearest : recipe->task, nearest ? "'?" : " lists its fields");
}

attn_status attn_recipe_assign(struct attn_recipe *recipe, const char *place, int field, const char *text) {
    return assign(recipe, place, &recipe->value[field], text);
}

attn_status attn_recipe_field_of(const struct attn_recipe *recipe, const char *place, const char *name, int *field) {
    const struct attn_recipe_value *v = find(recipe, name);
    if (!v) return unknown(recipe, place, name);
    *field = (int)(v - recipe->value);
    return ATTN_OK;
}

attn_status attn_recipe_set(struct attn_recipe *recipe, const char *assignment) {
    char name[64];
    const size_t n = strcspn(assignment, "=");
    if (assignment[n] != '=' || n == 0 || n >= sizeof name)
        return attn_fail(recipe->ctx, ATTN_EINVAL, "recipe: found '%.*s', expected FIELD=VALUE", SHOWN, assignment);
    memcpy(name, assignment, n);
    name[n] = '\0';
    struct attn_recipe_value *v = find(recipe, name);
    return v ? assign(recipe, "recipe", v, assignment + n + 1) : unknown(recipe, "recipe", name);
}

static uint64_t hash_value(uint64_t hash, const struct attn_recipe_value *v) {
    char value[ATTN_RECIPE_TEXT];
    attn_recipe_value_text(v, value, sizeof value);
    return attn_hash(attn_hash(hash, v->field->name, strlen(v->field->name) + 1), value, strlen(value) + 1);
}

attn_status attn_recipe_create(attn_ctx *ctx, const char *task, const struct attn_recipe_field *const *fields, const int *counts, int lists,
                               const char *const *changes, struct attn_recipe **out) {
    attn_status status = ATTN_OK;
    struct attn_recipe *recipe = attn_alloc(ctx, sizeof *recipe);
    if (!recipe) return attn_no_memory(ctx, "recipe", sizeof *recipe);
    memset(recipe, 0, sizeof *recipe);
    recipe->ctx = ctx;
    attn_append(recipe->task, sizeof recipe->task, "%s", task);
    for (int l = 0; l < lists; l++)
        for (int i = 0; i < counts[l] && !status; i++) {
            if (find(recipe, fields[l][i].name) || recipe->count == ATTN_RECIPE_FIELDS) {
                status = attn_fail(ctx, ATTN_EINVAL, "%s: the field '%s' comes twice, or as one of more than %d", task, fields[l][i].name,
                                   ATTN_RECIPE_FIELDS);
                break;
            }
            struct attn_recipe_value *v = &recipe->value[recipe->count++];
            v->field = &fields[l][i];
            status = assign(recipe, task, v, v->field->value);
        }
    for (int i = 0; changes && changes[i] && !status; i++) status = attn_recipe_set(recipe, changes[i]);
    for (int i = 0; i < recipe->count; i++) recipe->value[i].standard = hash_value(ATTN_HASH_START, &recipe->value[i]);
    if (status) {
        attn_free(ctx, recipe);
        return status;
    }
    *out = recipe;
    return ATTN_OK;
}

/* -------------------------------------------------------------------------------------------------------- JSON */

attn_status attn_recipe_load(attn_ctx *ctx, const char *name, const char *text, size_t bytes, json_t **out) {
    json_error_t error;
    *out = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!*out) return attn_fail(ctx, ATTN_EINVAL, "%s: line %d, column %d: expected JSON; %s", name, error.line, error.column, error.text);
    if (json_is_object(*out)) return ATTN_OK;
    json_decref(*out);
    return attn_fail(ctx, ATTN_EINVAL, "%s: found no JSON object, expected {\"task\": ..., ...}", name);
}

/* What a command line would say. NULL: neither a string nor a number nor a truth. */
static const char *text_of(const json_t *value, char number[40]) {
    if (json_is_string(value)) return strlen(json_string_value(value)) == json_string_length(value) ? json_string_value(value) : NULL;
    if (json_is_boolean(value)) return json_is_true(value) ? "true" : "false";
    if (json_is_integer(value)) {
        snprintf(number, 40, "%lld", (long long)json_integer_value(value));
        return number;
    }
    return json_is_real(value) ? attn_real_text(json_real_value(value), number, 40) : NULL;
}

/* A string where a number belongs would pass for one. */
static bool right_kind(const struct attn_recipe_field *f, const json_t *value) {
    if (is_string(f)) return json_is_string(value);
    return f->type == ATTN_TRUTH ? json_is_boolean(value) : json_is_number(value);
}

attn_status attn_recipe_value_of(const struct attn_recipe *recipe, const char *name, int field, const json_t *value, char number[40],
                                 const char **text) {
    const struct attn_recipe_field *f = recipe->value[field].field;
    *text = text_of(value, number);
    if (*text && right_kind(f, value)) return ATTN_OK;
    return attn_fail(recipe->ctx, ATTN_EINVAL, "%s: field \"%s\": found a value of another kind, expected a %s", name, f->name,
                     f->type == ATTN_TRUTH ? "truth"
                     : is_string(f)        ? "string"
                                           : "number");
}

attn_status attn_recipe_check_task(const struct attn_recipe *recipe, const char *name, const json_t *value) {
    char number[40];
    const char *word = text_of(value, number);
    if (word && strcmp(word, recipe->task) == 0) return ATTN_OK;
    return attn_fail(recipe->ctx, ATTN_EINVAL, "%s: found the task '%.*s', expected '%s'", name, SHOWN, word ? word : "?", recipe->task);
}

static attn_status take_entry(struct attn_recipe *recipe, const char *name, const char *key, const json_t *value) {
    char number[40];
    const char *text;
    int field = 0;
    if (strcmp(key, "task") == 0) return attn_recipe_check_task(recipe, name, value);
    attn_status status = attn_recipe_field_of(recipe, name, key, &field);
    if (!status) status = attn_recipe_value_of(recipe, name, field, value, number, &text);
    return status ? status : attn_recipe_assign(recipe, name, field, text);
}

attn_status attn_recipe_parse(struct attn_recipe *recipe, const char *name, const char *text, size_t bytes) {
    json_t *root, *value;
    const char *key;
    attn_status status = attn_recipe_load(recipe->ctx, name, text, bytes, &root);
    if (status) return status;
    json_object_foreach(root, key, value) {
        status = take_entry(recipe, name, key, value);
        if (status) break;
    }
    json_decref(root);
    return status;
}

attn_status attn_recipe_task(attn_ctx *ctx, const char *name, const char *text, size_t bytes, char task[64]) {
    json_t *root;
    const attn_status status = attn_recipe_load(ctx, name, text, bytes, &root);
    if (status) return status;
    const char *word = json_string_value(json_object_get(root, "task"));
    const bool good = word && strlen(word) < 64;
    if (good) memcpy(task, word, strlen(word) + 1);
    json_decref(root);
    return good ? ATTN_OK : attn_fail(ctx, ATTN_EINVAL, "%s: found no \"task\", expected the name of one, as \"zoology/mqar\"", name);
}

const char *attn_recipe_value_text(const struct attn_recipe_value *v, char *text, size_t size) {
    if (is_string(v->field))
        snprintf(text, size, "%s", v->text);
    else if (v->field->type == ATTN_TRUTH)
        snprintf(text, size, "%s", v->whole ? "true" : "false");
    else
        attn_real_text(v->number, text, size);
    return text;
}

char *attn_recipe_text(const struct attn_recipe *recipe) {
    char *text = NULL, *copy = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file) {
        fputs("{\"task\": ", file);
        attn_json_string(file, recipe->task);
        for (int i = 0; i < recipe->count; i++) {
            char value[ATTN_RECIPE_TEXT];
            const struct attn_recipe_value *v = &recipe->value[i];
            fputs(",\n ", file);
            attn_json_string(file, v->field->name);
            fputs(": ", file);
            attn_recipe_value_text(v, value, sizeof value);
            if (is_string(v->field))
                attn_json_string(file, value);
            else
                fputs(value, file);
        }
        fputs("}\n", file);
        const bool written = !ferror(file);
        if (fclose(file) == 0 && written) copy = attn_alloc(recipe->ctx, bytes + 1);
        if (copy) memcpy(copy, text, bytes + 1);
        free(text);
    }
    if (!copy) attn_no_memory(recipe->ctx, "a recipe's text", bytes + 1);
    return copy;
}

/* Length of a text's first line without its end: a comma, or the object's brace. 0: there is none. */
static size_t line_length(const char *text) {
    const size_t length = strcspn(text, "\n");
    return length > 0 && text[length] == '\n' ? length - 1 : 0;
}

/* Lines are in the order of the fields: the task's, then one for each. */
bool attn_recipe_is(const struct attn_recipe *recipe, const char *own, const char *text) {
    for (int field = -1; field < recipe->count; field++) {
        const size_t length = line_length(own);
        const struct attn_recipe_value *v = field < 0 ? NULL : &recipe->value[field];
        if (length == line_length(text) && memcmp(own, text, length) == 0)
            text += length + 2;
        else if (!v || v->standard != hash_value(ATTN_HASH_START, v))
            return false;
        own += length + 2;
    }
    return *text == '\0' && text[-2] == '}'; /* the task's line at least lies before it */
}

/* -------------------------------------------------------------------------------------------------------- values */

uint64_t attn_recipe_hash(const struct attn_recipe *recipe) {
    uint64_t hash = attn_hash(ATTN_HASH_START, recipe->task, strlen(recipe->task) + 1);
    for (int i = 0; i < recipe->count; i++) hash = hash_value(hash, &recipe->value[i]);
    return hash;
}

/* Fields are named by the program itself. */
static const struct attn_recipe_value *need(const struct attn_recipe *recipe, const char *name) {
    const struct attn_recipe_value *v = find(recipe, name);
    if (!v) abort();
    return v;
}

int64_t attn_recipe_whole(const struct attn_recipe *recipe, const char *name) {
    return need(recipe, name)->whole;
}

double attn_recipe_number(const struct attn_recipe *recipe, const char *name) {
    return need(recipe, name)->number;
}

const char *attn_recipe_words(const struct attn_recipe *recipe, const char *name) {
    return need(recipe, name)->text;
}

bool attn_recipe_has(const struct attn_recipe *recipe, const char *name) {
    return find(recipe, name) != NULL;
}
