/* Streams of saved models: one model, held by its streams, and of each stream the numbers of its state. */
#include "train/model_stream.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "tape/tape.h"

#include <string.h>

/* The most rows of a stream without a limit: a task may have to multiply it. */
static const int64_t for_ever = INT64_MAX / 4096;
/* Numbers of rows that tell whether a state grows. */
enum { SOME = 1 << 20, MORE = 1 << 21 };

struct model {
    struct attn_saved_model saved;
    struct attn_stream_face face;
    int64_t limit; /* 0: none */
    int64_t streams;
    uint64_t hash;
};

struct attn_model_stream {
    struct model *model;
    int64_t rows;
    bool broken; /* a failure has left the state as no rows would */
    attn_real state[];
};

static attn_ctx *context_of(const attn_model_stream *stream) {
    return stream->model->saved.job.ctx;
}

static int64_t most_rows(const struct model *m) {
    return m->limit ? m->limit : for_ever;
}

/* --------------------------------------------------------------------------------------------------------------- opening */

static attn_status hash_model(struct model *m) {
    const struct attn_job *job = &m->saved.job;
    char *text = attn_recipe_text(m->saved.recipe);
    if (!text) return attn_no_memory(job->ctx, "a recipe", 0);
    m->hash = attn_hash(ATTN_HASH_START, text, strlen(text));
    attn_free(job->ctx, text);
    if (m->saved.extra) m->hash = attn_hash(m->hash, m->saved.extra, strlen(m->saved.extra));
    for (int64_t i = 0; i < attn_model_count(job->model); i++) {
        attn_tensor *x = attn_model_tensor(job->model, i);
        m->hash = attn_hash(m->hash, attn_data(x), (size_t)attn_count(x) * sizeof(attn_real));
    }
    return ATTN_OK;
}

static attn_status face_of(struct model *m, int64_t tokens, struct attn_stream_face *out) {
    struct attn_job *job = &m->saved.job;
    *out = (struct attn_stream_face){.state = -1};
    return job->task->stream(job, tokens, out);
}

/* A limit for a state that grows; the sentence says by how much it does. */
static attn_status ask_for_limit(struct model *m, const struct attn_stream_face *some) {
    struct attn_stream_face more;
    const attn_status status = face_of(m, MORE, &more);
    if (status) return status;
    const double growth = (double)(more.state - some->state) * (double)sizeof(attn_real) / (MORE - SOME);
    char what[96] = "reads series of a greatest length";
    if (growth > 0) snprintf(what, sizeof what, "keeps what it has seen, about %.0f bytes for each row", growth);
    return attn_fail(m->saved.job.ctx, ATTN_EINVAL,
                     "stream: this model %s, and cannot go on for ever; expected a greatest number of rows (--tokens N)", what);
}

static attn_status open_face(struct model *m, int64_t tokens) {
    const struct attn_job *job = &m->saved.job;
    if (tokens < 0)
        return attn_fail(job->ctx, ATTN_EINVAL, "stream: found a limit of %lld rows, expected 1 or more, or 0: none", (long long)tokens);
    if (!job->task->stream || !job->task->push)
        return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "stream: models of %s are no streams; those of the system aaren are",
                         job->task->name);
    attn_status status = face_of(m, tokens ? tokens : SOME, &m->face);
    if (status) return status;
    if (m->face.state < 0) return attn_fail(job->ctx, ATTN_EUNSUPPORTED, "stream: a mixer of this model has no form that goes row by row");
    if (!tokens && !m->face.constant) return ask_for_limit(m, &m->face);
    m->limit = m->face.constant ? 0 : tokens;
    return m->face.constant ? face_of(m, for_ever, &m->face) : ATTN_OK;
}

static attn_status make_stream(struct model *m, attn_model_stream **out) {
    attn_ctx *ctx = m->saved.job.ctx;
    size_t bytes;
    if (!attn_mul_size((size_t)m->face.state, sizeof(attn_real), &bytes) || !attn_add_size(bytes, sizeof **out, &bytes)) bytes = SIZE_MAX;
    attn_model_stream *stream = bytes == SIZE_MAX ? NULL : attn_alloc(ctx, bytes);
    if (!stream) return attn_no_memory(ctx, "the state of a stream", bytes);
    stream->model = m;
    m->streams++;
    attn_model_stream_reset(stream);
    *out = stream;
    return ATTN_OK;
}

static void close_model(struct model *m) {
    attn_ctx *ctx = m->saved.job.ctx;
    attn_work_close_model(&m->saved);
    attn_free(ctx, m);
}

attn_status attn_model_stream_find(attn_ctx *ctx, attn_task_find_fn find, const char *path, const attn_mixer_kind *const *kinds,
                                   int kind_count, int64_t tokens, attn_model_stream **out) {
    *out = NULL;
    struct model *m = attn_alloc(ctx, sizeof *m);
    if (!m) return attn_no_memory(ctx, "a model", sizeof *m);
    *m = (struct model){.streams = 0};
    attn_status status = attn_work_open_model(ctx, find, path, kinds, kind_count, &m->saved);
    if (status) {
        attn_free(ctx, m);
        return status;
    }
    status = open_face(m, tokens);
    if (!status) status = hash_model(m);
    if (!status) status = make_stream(m, out);
    if (status)
        close_model(m);
    else
        attn_tape_freeze(attn_model_tape(m->saved.job.model));
    return status;
}

attn_status attn_model_stream_open_beside(attn_model_stream *stream, attn_model_stream **out) {
    if (out) *out = NULL;
    if (!stream || !out)
        return attn_fail(stream ? context_of(stream) : NULL, ATTN_EINVAL, "stream: found NULL, expected a stream and a place for one");
    return make_stream(stream->model, out);
}

void attn_model_stream_close(attn_model_stream *stream) {
    if (!stream) return;
    struct model *m = stream->model;
    attn_free(context_of(stream), stream);
    if (--m->streams == 0) close_model(m);
}

/* --------------------------------------------------------------------------------------------------------------- figures */

int attn_model_stream_inputs(const attn_model_stream *stream) {
    return stream ? stream->model->face.inputs : 0;
}

int attn_model_stream_outputs(const attn_model_stream *stream) {
    return stream ? stream->model->face.outputs : 0;
}

const char *attn_model_stream_input_name(const attn_model_stream *stream, int column) {
    return column >= 0 && column < attn_model_stream_inputs(stream) ? stream->model->face.input_name[column] : NULL;
}

const char *attn_model_stream_output_name(const attn_model_stream *stream, int column) {
    return column >= 0 && column < attn_model_stream_outputs(stream) ? stream->model->face.output_name[column] : NULL;
}

size_t attn_model_stream_state_bytes(const attn_model_stream *stream) {
    return stream ? (size_t)stream->model->face.state * sizeof(attn_real) : 0;
}

int64_t attn_model_stream_limit(const attn_model_stream *stream) {
    return stream ? stream->model->limit : 0;
}

int64_t attn_model_stream_rows(const attn_model_stream *stream) {
    return stream ? stream->rows : 0;
}

const struct attn_job *attn_model_stream_job(const attn_model_stream *stream) {
    return &stream->model->saved.job;
}

/* --------------------------------------------------------------------------------------------------------------- pushing */

attn_status attn_model_stream_push(attn_model_stream *stream, const double *in, double *out) {
    if (!stream) return ATTN_EINVAL;
    struct attn_job *job = &stream->model->saved.job;
    if (!in || !out) return attn_fail(job->ctx, ATTN_EINVAL, "stream: %s is NULL, expected a row", in ? "out" : "in");
    if (stream->broken)
        return attn_fail(job->ctx, ATTN_EINVAL, "stream: a failure has broken it; expected attn_model_stream_reset or a restored state");
    if (stream->rows >= most_rows(stream->model))
        return attn_fail(job->ctx, ATTN_ESHAPE, "stream: it has taken its %lld rows; the state of this model has room for no more",
                         (long long)stream->rows);
    const attn_status status = job->task->push(job, stream->state, most_rows(stream->model), stream->rows, in, out);
    if (!status) stream->rows++;
    stream->broken = status && status != ATTN_EINVAL;
    return status;
}

void attn_model_stream_reset(attn_model_stream *stream) {
    if (!stream) return;
    stream->rows = 0;
    stream->broken = false;
    memset(stream->state, 0, attn_model_stream_state_bytes(stream));
}

/* ---------------------------------------------------------------------------------------------------------------- saving */

enum { VERSION = 1, NUMBER_AT = 12, HASH_AT = 16, LIMIT_AT = 24, ROWS_AT = 32, COUNT_AT = 40, HEADER = 48, CHECKSUM = 4 };
static const char magic[8] = {'A', 'T', 'T', 'N', 'M', 'S', 'T', 'R'};

size_t attn_model_stream_save_bytes(const attn_model_stream *stream) {
    return stream ? HEADER + attn_model_stream_state_bytes(stream) + CHECKSUM : 0;
}

static void header_of(const attn_model_stream *stream, uint8_t *at) {
    memcpy(at, magic, sizeof magic);
    attn_bytes_put(at + sizeof magic, VERSION, 4);
    attn_bytes_put(at + NUMBER_AT, sizeof(attn_real), 4);
    attn_bytes_put(at + HASH_AT, stream->model->hash, 8);
    attn_bytes_put(at + LIMIT_AT, (uint64_t)stream->model->limit, 8);
    attn_bytes_put(at + ROWS_AT, (uint64_t)stream->rows, 8);
    attn_bytes_put(at + COUNT_AT, (uint64_t)stream->model->face.state, 8);
}

static uint64_t bits_of(attn_real number) {
    uint64_t bits = 0;
#if defined(ATTN_TRAIN_DOUBLE)
    memcpy(&bits, &number, sizeof number);
#else
    uint32_t half;
    memcpy(&half, &number, sizeof number);
    bits = half;
#endif
    return bits;
}

static attn_real number_of(uint64_t bits) {
    attn_real number;
#if defined(ATTN_TRAIN_DOUBLE)
    memcpy(&number, &bits, sizeof number);
#else
    const uint32_t half = (uint32_t)bits;
    memcpy(&number, &half, sizeof number);
#endif
    return number;
}

attn_status attn_model_stream_save(const attn_model_stream *stream, void *to, size_t bytes) {
    if (!stream) return ATTN_EINVAL;
    const size_t all = attn_model_stream_save_bytes(stream);
    uint8_t *at = to;
    if (!to || bytes != all)
        return attn_fail(context_of(stream), ATTN_EINVAL, "stream: %s is %zu, expected room for %zu bytes (attn_model_stream_save_bytes)",
                         to ? "bytes" : "to is NULL, bytes", bytes, all);
    if (stream->broken) return attn_fail(context_of(stream), ATTN_EINVAL, "stream: a failure has broken it; there is no state to save");
    header_of(stream, at);
    for (int64_t i = 0; i < stream->model->face.state; i++)
        attn_bytes_put(at + HEADER + (size_t)i * sizeof(attn_real), bits_of(stream->state[i]), sizeof(attn_real));
    attn_bytes_put(at + all - CHECKSUM, attn_crc32(0, at, all - CHECKSUM), 4);
    return ATTN_OK;
}

/* The fields before the numbers, each against this stream's own. */
static attn_status check_saved(const attn_model_stream *stream, const uint8_t *at, size_t bytes) {
    static const struct {
        const char *name;
        int at, bytes;
    } fields[] = {{"version", sizeof magic, 4},
                  {"bytes of a number", NUMBER_AT, 4},
                  {"limit of rows", LIMIT_AT, 8},
                  {"count of numbers", COUNT_AT, 8}};
    attn_ctx *ctx = context_of(stream);
    uint8_t own[HEADER];
    if (bytes < HEADER || memcmp(at, magic, sizeof magic) != 0)
        return attn_fail(ctx, ATTN_EINVAL, "stream: the %zu bytes do not begin as the saved state of a model does, with \"ATTNMSTR\"",
                         bytes);
    header_of(stream, own);
    if (memcmp(at + sizeof magic, own + sizeof magic, 4) == 0 && memcmp(at + HASH_AT, own + HASH_AT, 8) != 0)
        return attn_fail(ctx, ATTN_EINVAL, "stream: the state is another model's: its recipe or its weights differ");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const unsigned long long found = attn_bytes_get(at + fields[i].at, fields[i].bytes),
                                 expected = attn_bytes_get(own + fields[i].at, fields[i].bytes);
        if (found != expected)
            return attn_fail(ctx, ATTN_EINVAL, "stream: what was saved has the %s %llu, expected %llu", fields[i].name, found, expected);
    }
    if (bytes != attn_model_stream_save_bytes(stream))
        return attn_fail(ctx, ATTN_EINVAL, "stream: found %zu bytes, expected %zu of this model", bytes,
                         attn_model_stream_save_bytes(stream));
    if (attn_bytes_get(at + bytes - CHECKSUM, 4) != attn_crc32(0, at, bytes - CHECKSUM))
        return attn_fail(ctx, ATTN_EINVAL, "stream: the checksum does not agree with the %zu bytes; they are damaged", bytes);
    const unsigned long long rows = attn_bytes_get(at + ROWS_AT, 8), most = (unsigned long long)most_rows(stream->model);
    if (rows > most) return attn_fail(ctx, ATTN_EINVAL, "stream: what was saved has %llu rows, expected at most %llu", rows, most);
    return ATTN_OK;
}

attn_status attn_model_stream_restore(attn_model_stream *stream, const void *from, size_t bytes) {
    if (!stream) return ATTN_EINVAL;
    if (!from) return attn_fail(context_of(stream), ATTN_EINVAL, "stream: from is NULL, expected the bytes of attn_model_stream_save");
    const uint8_t *at = from;
    const attn_status status = check_saved(stream, at, bytes);
    if (status) return status;
    for (int64_t i = 0; i < stream->model->face.state; i++)
        stream->state[i] = number_of(attn_bytes_get(at + HEADER + (size_t)i * sizeof(attn_real), sizeof(attn_real)));
    stream->rows = (int64_t)attn_bytes_get(at + ROWS_AT, 8);
    stream->broken = false;
    return ATTN_OK;
}
