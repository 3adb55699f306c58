/* The task aaren/events: its fields, and training. */
#include "system/aaren/aaren.h"
#include "system/aaren/events_task.h"

#include "base/hash.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const encoders[] = {"stack", "gru", NULL};
static const char *const codings[] = {"time", "span", "both", NULL};
static const char *const splits[] = {"order", "mod10", "files", NULL};
static const char *const lasts[] = {"survival", "event", NULL};
static const char *const origins[] = {"first", "file", NULL};
static const char *const processes[] = {"hawkes", "sine", NULL};

static const struct attn_recipe_field fields[] = {
    {"encoder", "of the past: a stack of blocks with the mixer, or a GRU of marks and logs of times between events", ATTN_WORD, "stack", 0,
     0, encoders},
    ATTN_AAREN_STACK_FIELDS,
    {"encode",
     "stack: what is added before every block: encodings of the time, of the time since the event before, or of both, half of the numbers "
     "each",
     ATTN_WORD, "time", 0, 0, codings},
    {"hidden", "gru: numbers of its state", ATTN_WHOLE, "96", 1, 4096, NULL},
    {"mark_width", "gru: numbers of a mark", ATTN_WHOLE, "32", 1, 4096, NULL},
    {"components", "log-normal distributions in the mixture of the next event's time", ATTN_WHOLE, "8", 1, ATTN_LOG_NORMALS, NULL},
    {"data", "a table with one event a row; empty: events of a process are generated", ATTN_FILE, "", 0, 0, NULL},
    {"validation", "split=files: a table to choose the best weights by", ATTN_FILE, "", 0, 0, NULL},
    {"test", "split=files: a table to measure the model on", ATTN_FILE, "", 0, 0, NULL},
    {"split",
     "training, validation and test: the first 60% of sequences (of one sequence: of its pieces), the next 20%, the rest; by the "
     "last digits 0 to 7, 8 and 9 of their names; or files of their own",
     ATTN_WORD, "order", 0, 0, splits},
    {"sequence_column", "name of the sequence's column; empty: all rows are one sequence", ATTN_TEXT, "sequence_id", 0, 0, NULL},
    {"time_column", "of the time's", ATTN_TEXT, "time", 0, 0, NULL},
    {"mark_column", "of the mark's; empty: all events are alike", ATTN_TEXT, "mark", 0, 0, NULL},
    {"mark_bounds", "marks are classes of numbers, between these: \"6+6.5+7\"; empty: marks are names", ATTN_TEXT, "", 0, 0, NULL},
    {"sort", "rows of a sequence come in any order of times; else times that fall are refused", ATTN_TRUTH, "false", 0, 0, NULL},
    {"jitter", "times are known to so much, as dates to 1 day: each is moved by a random part of it before it is learned or measured",
     ATTN_NUMBER, "0", 0, 1e30, NULL},
    {"length", "events of a sequence that the model sees at once; longer ones are cut in pieces", ATTN_WHOLE, "1024", 2, 65536, NULL},
    {"origin", "times that the model sees count from the first event, or from the file's own 0 (generated ones always do)", ATTN_WORD,
     "first", 0, 0, origins},
    {"unit", "time of the file by which times are divided; 0: the geometric mean of training's times between events", ATTN_NUMBER, "0", 0,
     1e30, NULL},
    {"last", "the last event of a sequence that no row without a mark ends counts as the end of the time that was watched, or as any other",
     ATTN_WORD, "survival", 0, 0, lasts},
    {"compat",
     "figures and losses in the way of the public code: marks of last events count, losses are divided by all events, errors of "
     "both signs cancel, survival is kept within 1e-5 of 0 and 1",
     ATTN_TRUTH, "false", 0, 0, NULL},
    {"process", "events without data: marks that excite each other, or one mark whose rate is 1 + 0.9 sin t", ATTN_WORD, "hawkes", 0, 0,
     processes},
    {"marks", "hawkes: kinds of events", ATTN_WHOLE, "5", 1, ATTN_PROCESS_MARKS, NULL},
    {"horizon", "time that a generated sequence is watched for", ATTN_NUMBER, "100", 0.001, 10000, NULL},
    {"train_sequences", "generated sequences to learn from", ATTN_WHOLE, "1000", 1, 1e7, NULL},
    {"test_sequences", "generated sequences for validation, and as many for the test", ATTN_WHOLE, "200", 1, 1e7, NULL},
};
/* The paper has lr=1e-4 for up to 6000 passes with patience for 500, far beyond a laptop's evening. */
static const char *const changes[] = {"mixer=aaren:heads=1", "width=64",          "ffn=64",         "layers=2",       "dropout=0.1",
                                      "epochs=40",           "batch=16",          "lr=0.001",       "optimizer=adam", "epsilon=1e-5",
                                      "decay=0.0001",        "schedule=constant", "eval_every=250", "patience=10",    NULL};

static const struct attn_field_condition conditions[] = {
    {"mixer+width+ffn+layers+dropout+encode", "encoder", "stack"},
    {"hidden+mark_width", "encoder", "gru"},
    {"process+marks+horizon+train_sequences+test_sequences", "data", ""},
    {"marks", "process", "hawkes"},
    {NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------ setting up */

static attn_status read_columns(struct attn_job *job, struct attn_event_task *s) {
    const struct {
        const char *name;
        char *to;
    } columns[] = {{"sequence_column", s->options.sequence}, {"time_column", s->options.time}, {"mark_column", s->options.mark}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const char *text = attn_recipe_words(job->recipe, columns[i].name);
        if (strlen(text) >= ATTN_EVENTS_COLUMN)
            return attn_fail(job->ctx, ATTN_EINVAL, "recipe: %s: found %zu bytes, expected at most %d", columns[i].name, strlen(text),
                             ATTN_EVENTS_COLUMN - 1);
        memcpy(columns[i].to, text, strlen(text) + 1);
    }
    const char *bounds = attn_recipe_words(job->recipe, "mark_bounds");
    s->options.sort = attn_recipe_whole(job->recipe, "sort") != 0;
    if (attn_events_bounds(bounds, &s->options)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_EINVAL, "recipe: mark_bounds=%s: expected at most %d rising numbers with + between", bounds,
                     ATTN_EVENTS_BOUNDS);
}

static attn_status read_recipe(struct attn_job *job, struct attn_event_task *s) {
    const struct attn_recipe *r = job->recipe;
    const bool compat = attn_recipe_whole(r, "compat") != 0,
               files = attn_recipe_words(r, "validation")[0] || attn_recipe_words(r, "test")[0];
    s->split = (enum attn_event_split)attn_recipe_whole(r, "split");
    s->last = attn_recipe_whole(r, "last") == 1 ? ATTN_LAST_EVENT : compat ? ATTN_LAST_CENSORED : ATTN_LAST_SURVIVAL;
    s->compat = compat;
    s->generated = !attn_recipe_words(r, "data")[0];
    s->length = attn_recipe_whole(r, "length");
    job->length = s->length;
    s->jitter = attn_recipe_number(r, "jitter");
    s->batch_size = attn_recipe_whole(r, "batch");
    s->seed = (uint64_t)attn_recipe_whole(r, "seed");
    attn_process_make((enum attn_process_kind)attn_recipe_whole(r, "process"), (int)attn_recipe_whole(r, "marks"),
                      attn_recipe_number(r, "horizon"), &s->process);
    if (compat && s->last == ATTN_LAST_EVENT)
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: compat=true with last=event: expected last=survival, as the public code has it");
    if ((s->split == ATTN_SPLIT_FILES) != files)
        return attn_fail(job->ctx, ATTN_EINVAL,
                         "recipe: split=%s with%s files validation= and test=: expected split=files with both of them",
                         attn_recipe_words(r, "split"), files ? "" : "out");
    if (s->generated && (s->split != ATTN_SPLIT_ORDER || s->jitter > 0))
        return attn_fail(job->ctx, ATTN_EINVAL, "recipe: split=%s jitter=%g without data=: expected a file", attn_recipe_words(r, "split"),
                         s->jitter);
    return read_columns(job, s);
}

static void make_model(struct attn_job *job, struct attn_event_task *s) {
    const struct attn_recipe *r = job->recipe;
    const double unit = attn_recipe_number(r, "unit");
    if (unit > 0) s->facts.unit = unit;
    const struct attn_event_model_config config = {
        .gru = attn_recipe_whole(r, "encoder") == 1,
        .hidden = attn_recipe_whole(r, "hidden"),
        .mark_width = attn_recipe_whole(r, "mark_width"),
        .length = s->length,
        .components = (int)attn_recipe_whole(r, "components"),
        .marks = s->marks.count,
        .coding = (enum attn_event_coding)attn_recipe_whole(r, "encode"),
        .clock = {s->facts.unit, s->facts.least, s->generated || attn_recipe_whole(r, "origin") == 1}};
    attn_event_model_make(job, &config, &s->model);
}

static attn_status learn_facts(struct attn_job *job, struct attn_event_task *s) {
    const char *path = s->generated ? "generated events" : attn_recipe_words(job->recipe, "data");
    attn_status status = attn_event_task_load(job);
    if (!status) status = attn_event_facts_of(job->ctx, path, &s->part[0], s->last, &s->facts);
    for (int32_t m = 0; !status && m < s->events[0].marks.count; m++) {
        size_t length;
        int32_t number;
        const char *name = attn_vocabulary_get(&s->events[0].marks, m, &length);
        status = attn_vocabulary_add(job->ctx, &s->marks, name, length, &number);
    }
    return status;
}

static attn_status make_room(struct attn_job *job, struct attn_event_task *s) {
    const int64_t steps = attn_div_up(s->part[0].pieces, s->batch_size);
    const size_t bytes = (size_t)(steps * s->batch_size) * sizeof *s->order;
    s->order = attn_alloc(job->ctx, bytes);
    if (!s->order) return attn_no_memory(job->ctx, "the order of the batches", bytes);
    job->epoch_steps = steps;
    return attn_event_batch_begin(job->ctx, &s->batch, &s->model.code, s->batch_size, s->part[0].longest - 1);
}

static attn_status open_task(struct attn_job *job) {
    struct attn_event_task *s = job->self;
    attn_status status = read_recipe(job, s);
    if (!status) status = job->saved ? attn_event_extra_read(job->ctx, job->saved, s) : learn_facts(job, s);
    if (status) return status;
    make_model(job, s);
    return job->saved ? ATTN_OK : make_room(job, s);
}

static void close_task(struct attn_job *job) {
    struct attn_event_task *s = job->self;
    for (int i = 0; i < ATTN_EVENT_PARTS; i++) {
        attn_event_part_free(job->ctx, &s->part[i]);
        attn_events_free(job->ctx, &s->events[i]);
    }
    attn_vocabulary_free(job->ctx, &s->marks);
    attn_event_facts_free(job->ctx, &s->facts);
    attn_event_batch_close(job->ctx, &s->batch);
    attn_event_face_close(job->ctx, &s->face);
    attn_free(job->ctx, s->order);
}

/* --------------------------------------------------------------------------------------------------------- the order */

struct placed {
    int64_t piece, count;
};

static int by_count(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return (x->piece > y->piece) - (x->piece < y->piece);
}

static void shuffle(struct attn_random *random, int64_t *items, int64_t count, int64_t width) {
    for (int64_t i = count - 1; i > 0; i--) {
        const int64_t j = (int64_t)attn_random_below(random, (uint64_t)i + 1);
        for (int64_t k = 0; k < width; k++) {
            const int64_t kept = items[i * width + k];
            items[i * width + k] = items[j * width + k];
            items[j * width + k] = kept;
        }
    }
}

/* All pieces in an order of the epoch's own; of every eight batches' pieces those of like lengths go together, as padding is work for nothing. The last
 * batch is filled up from the epoch's beginning. */
static void order_epoch(struct attn_event_task *s, int64_t steps, int64_t epoch) {
    enum { GROUP = 8, MOST = 4096 };
    const int64_t pieces = s->part[0].pieces, all = steps * s->batch_size, group = attn_min64(GROUP * s->batch_size, MOST);
    struct placed placed[MOST];
    struct attn_random random;
    attn_random_init(&random, attn_hash(attn_hash(ATTN_HASH_START, &s->seed, sizeof s->seed), &epoch, sizeof epoch));
    for (int64_t i = 0; i < pieces; i++) s->order[i] = i;
    shuffle(&random, s->order, pieces, 1);
    for (int64_t i = pieces; i < all; i++) s->order[i] = s->order[i - pieces];
    for (int64_t begin = 0; begin < all; begin += group) {
        const int64_t count = attn_min64(group, all - begin);
        for (int64_t i = 0; i < count; i++) placed[i] = (struct placed){s->order[begin + i], s->part[0].piece[s->order[begin + i]].count};
        qsort(placed, (size_t)count, sizeof *placed, by_count);
        for (int64_t i = 0; i < count; i++) s->order[begin + i] = placed[i].piece;
    }
    shuffle(&random, s->order, steps, s->batch_size);
    s->epoch = epoch + 1;
}

/* --------------------------------------------------------------------------------------------------------- running */

static attn_tensor *loss(struct attn_job *job, int64_t step, int64_t micro, int64_t micros) {
    struct attn_event_task *s = job->self;
    const int64_t count = s->batch_size / micros, epoch = step / job->epoch_steps;
    int64_t tokens = 0;
    if (s->epoch != epoch + 1) order_epoch(s, job->epoch_steps, epoch);
    const int64_t *piece = s->order + step % job->epoch_steps * s->batch_size + micro * count;
    for (int64_t i = 0; i < count; i++) tokens = attn_max64(tokens, s->part[0].piece[piece[i]].count - 1);
    if (attn_event_batch_begin(job->ctx, &s->batch, &s->model.code, count, tokens)) return NULL;
    for (int64_t i = 0; i < count; i++)
        attn_event_batch_put(&s->batch, i, &s->model.code, &s->part[0], &s->part[0].piece[piece[i]], s->last);
    return attn_event_model_loss(&s->model, &s->batch, s->compat);
}

/* In the format of io/events.h: what training would see. */
static attn_status generate(struct attn_job *job, int64_t count, FILE *out) {
    struct attn_event_task *s = job->self;
    struct attn_events events;
    if (!s->generated)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "data: %s are of a file, not generated", attn_recipe_words(job->recipe, "data"));
    attn_status status = attn_event_task_draw(job, 0, count, &events);
    if (status) return status;
    fputs("sequence_id,time,mark\n", out);
    for (int64_t i = 0; i < events.sequences; i++)
        for (int64_t row = events.first[i]; row < events.first[i + 1]; row++) {
            fprintf(out, "%lld,%.17g,", (long long)i, events.time[row]);
            if (events.mark[row] >= 0) fprintf(out, "%d", events.mark[row] + 1);
            fputc('\n', out);
        }
    attn_events_free(job->ctx, &events);
    errno = 0;
    if (fflush(out) == 0 && !ferror(out)) return ATTN_OK;
    return attn_fail(job->ctx, ATTN_ESYSTEM, "the events cannot be written: %s", errno ? strerror(errno) : "a part of them was refused");
}

static attn_status extra(struct attn_job *job, char **text) {
    return attn_event_extra_write(job->ctx, job->self, text);
}

const struct attn_task attn_aaren_events = {
    .name = "aaren/events",
    .summary = "when the next event of a sequence comes, and which: a mixture of log-normals for the time, logits for the mark",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .changes = changes,
    .conditions = conditions,
    .figure = "validation_nll",
    .lower = true,
    .beside = true,
    .bytes = sizeof(struct attn_event_task),
    .open = open_task,
    .loss = loss,
    .evaluate = attn_event_evaluate,
    .predict = attn_event_predict,
    .picture = attn_event_picture,
    .stream = attn_event_stream,
    .push = attn_event_push,
    .export_c = attn_event_export,
    .generate = generate,
    .extra = extra,
    .close = close_task};
