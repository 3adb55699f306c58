/* The PyTorch peer: a child process runs torch_peer.py (built into this program), arrays travel as .npy files in a folder of memory,
 * requests and answers as lines over two pipes. */
#include "bench/peers/torch.h"

#include "base/context.h"
#include "bench/peers/peer.h"
#include "io/npy.h"
#include "kernel/convert/convert.h"
#include "plan/plan.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(ATTN_TORCH_SCRIPT)
#include "torch_peer_script.h"
#else
static const char torch_peer_script[] = "print('unsupported this build was made without CMake, which embeds the script', flush=True)";
#endif

extern char **environ;

/* The child and its pipes. */
struct process {
    pid_t pid;
    FILE *to, *from;
};

struct torch {
    struct attn_case *c;
    struct process process;
    char folder[64], name[32];
    struct attn_npy o, dq, dk, dv; /* its results, once read */
};

static const char *const files[] = {"q", "k", "v", "do", "rows", "o", "dq", "dk", "dv"};

const char *attn_torch_python(void) {
    const char *named = getenv("ATTN_PYTHON");
    return named != NULL && named[0] != '\0' ? named : "python3";
}

static attn_status start(struct process *p, char *message, size_t size) {
    int to[2], from[2];
    char option[] = "-c";
    const char *python = attn_torch_python();
    char *const argv[] = {(char *)(uintptr_t)python, option, (char *)(uintptr_t)torch_peer_script, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (pipe(to) != 0) return ATTN_ESYSTEM;
    if (pipe(from) != 0) {
        close(to[0]);
        close(to[1]);
        return ATTN_ESYSTEM;
    }
    signal(SIGPIPE, SIG_IGN); /* a child that died is seen by its missing answer */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&actions, to[i]);
        posix_spawn_file_actions_addclose(&actions, from[i]);
    }
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP); /* Ctrl-C is for us; the child ends with its input */
    const int error = posix_spawnp(&p->pid, python, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(to[0]);
    close(from[1]);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    if (error == 0 && p->to != NULL && p->from != NULL) return ATTN_OK;
    snprintf(message, size, "%s: %s; name a Python with PyTorch by --python or ATTN_PYTHON (make venv makes one)", python, strerror(error));
    return ATTN_EUNSUPPORTED;
}

static void stop(struct process *p) {
    if (p->to != NULL) fclose(p->to);
    if (p->from != NULL) fclose(p->from);
    if (p->pid > 0) waitpid(p->pid, NULL, 0);
    memset(p, 0, sizeof *p);
}

/* Sends a line; the answer's words after "ok" go to `text`. */
static attn_status ask(struct process *p, const char *request, char *text, size_t size) {
    char line[768] = "";
    fprintf(p->to, "%s\n", request);
    fflush(p->to);
    if (fgets(line, sizeof line, p->from) == NULL) {
        snprintf(text, size, "%s ended without an answer", attn_torch_python());
        return ATTN_EUNSUPPORTED;
    }
    line[strcspn(line, "\n")] = '\0';
    const bool good = strncmp(line, "ok", 2) == 0;
    const char *words = strchr(line, ' ');
    snprintf(text, size, "%s%s%s", good ? "" : attn_torch_python(), good ? "" : ": ", words != NULL ? words + 1 : "");
    return good ? ATTN_OK : ATTN_EUNSUPPORTED;
}

attn_status attn_torch_version(char *text, size_t size) {
    struct process p = {0};
    attn_status status = start(&p, text, size);
    if (status == ATTN_OK) status = ask(&p, "version", text, size);
    stop(&p);
    return status;
}

static void path_of(const struct torch *t, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s.npy", t->folder, name);
}

static attn_status give(struct torch *t, const char *name, enum attn_npy_type type, int rank, const int64_t *shape, const void *data) {
    char path[128];
    struct attn_file_writer *writer = attn_alloc(t->c->ctx, sizeof *writer);
    if (writer == NULL) return attn_no_memory(t->c->ctx, "an array for PyTorch", sizeof *writer);
    path_of(t, name, path, sizeof path);
    attn_status status = attn_file_begin(t->c->ctx, NULL, path, writer);
    if (status == ATTN_OK) status = attn_npy_write(t->c->ctx, writer, type, rank, shape, data);
    if (status == ATTN_OK) status = attn_file_sync(t->c->ctx, writer);
    if (status == ATTN_OK) status = attn_file_commit(t->c->ctx, writer);
    attn_file_abort(writer);
    attn_free(t->c->ctx, writer);
    return status;
}

/* The mask as intervals of each row, padded with empty ones to the longest row. */
static attn_status give_rows(struct torch *t) {
    const struct attn_case_spec *s = &t->c->spec;
    int64_t most = 1;
    for (int64_t i = 0; i < s->q_len; i++) most = attn_max64(most, attn_mask_row(t->c->masks[0], i, NULL, 0));
    const size_t bytes = (size_t)(s->q_len * most) * 2 * sizeof(int64_t);
    int64_t *rows = attn_alloc(t->c->ctx, bytes);
    if (rows == NULL) return attn_no_memory(t->c->ctx, "rows for PyTorch", bytes);
    memset(rows, 0, bytes);
    for (int64_t i = 0; i < s->q_len; i++) attn_mask_row(t->c->masks[0], i, rows + i * most * 2, most);
    const attn_status status = give(t, "rows", ATTN_NPY_I64, 3, (int64_t[]){s->q_len, most, 2}, rows);
    attn_free(t->c->ctx, rows);
    return status;
}

/* "full", "causal" (of equal lengths, as PyTorch aligns it to the top left), "rows" or, of a learned query, "scan". */
static const char *mask_kind(const struct attn_case *c) {
    const double all = (double)c->spec.q_len * (double)c->spec.kv_len, area = (double)attn_mask_area(c->masks[0]);
    if (c->spec.learned) return "scan";
    if (area == all) return "full";
    const int64_t last = c->spec.q_len - 1;
    bool causal = c->spec.q_len == c->spec.kv_len && area == 0.5 * (double)c->spec.q_len * (double)(c->spec.q_len + 1);
    for (int64_t i = 0; i <= last && causal; i++) {
        int64_t interval[2];
        causal = attn_mask_row(c->masks[0], i, interval, 1) == 1 && interval[0] == 0 && interval[1] == i + 1;
    }
    return causal ? "causal" : "rows";
}

/* An input of the case; what has 16 bits travels as floats, which hold it exactly. */
static attn_status give_input(struct torch *t, const char *name, const int64_t shape[4], const void *data) {
    const attn_dtype dtype = t->c->spec.dtype;
    const size_t count = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
    if (dtype == ATTN_F32 || dtype == ATTN_F64) return give(t, name, dtype == ATTN_F64 ? ATTN_NPY_F64 : ATTN_NPY_F32, 4, shape, data);
    float *wide = attn_alloc(t->c->ctx, count * sizeof *wide);
    if (wide == NULL) return attn_no_memory(t->c->ctx, "an array for PyTorch", count * sizeof *wide);
    for (size_t i = 0; i < count; i++) wide[i] = attn_f32_of_half(dtype, ((const uint16_t *)data)[i]);
    const attn_status status = give(t, name, ATTN_NPY_F32, 4, shape, wide);
    attn_free(t->c->ctx, wide);
    return status;
}

static attn_status give_all(struct torch *t, const char *kind, bool backward) {
    const struct attn_case *c = t->c;
    const struct attn_case_spec *s = &c->spec;
    const int64_t rows = s->learned ? 1 : s->q_len;
    attn_status status = give_input(t, "q", (int64_t[]){s->learned ? 1 : s->batch, s->heads, rows, s->dim}, c->q);
    if (status == ATTN_OK) status = give_input(t, "k", (int64_t[]){s->batch, s->kv_heads, s->kv_len, s->dim}, c->k);
    if (status == ATTN_OK) status = give_input(t, "v", (int64_t[]){s->batch, s->kv_heads, s->kv_len, s->v_dim}, c->v);
    if (status == ATTN_OK && backward) status = give_input(t, "do", (int64_t[]){s->batch, s->heads, s->q_len, s->v_dim}, c->d_o);
    return status == ATTN_OK && strcmp(kind, "rows") == 0 ? give_rows(t) : status;
}

static void torch_close(void *self) {
    struct torch *t = self;
    attn_ctx *ctx = t->c->ctx;
    char path[128];
    stop(&t->process);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && t->folder[0] != '\0'; i++) {
        path_of(t, files[i], path, sizeof path);
        unlink(path);
    }
    if (t->folder[0] != '\0') rmdir(t->folder);
    attn_npy_free(ctx, &t->o);
    attn_npy_free(ctx, &t->dq);
    attn_npy_free(ctx, &t->dk);
    attn_npy_free(ctx, &t->dv);
    attn_free(ctx, t);
}

static attn_status torch_open(struct attn_case *c, enum attn_direction direction, void **self) {
    const bool backward = direction != ATTN_FWD;
    char request[256];
    if (c->mask_count > 1) {
        snprintf(c->message, sizeof c->message, "masks that differ by head are not passed on");
        return ATTN_EUNSUPPORTED;
    }
    struct torch *t = attn_alloc(c->ctx, sizeof *t);
    if (t == NULL) return attn_no_memory(c->ctx, "PyTorch", sizeof *t);
    memset(t, 0, sizeof *t);
    *self = t;
    t->c = c;
    snprintf(t->folder, sizeof t->folder, "/dev/shm/attn-XXXXXX");
    if (mkdtemp(t->folder) == NULL) {
        snprintf(t->folder, sizeof t->folder, "%s/attn-XXXXXX", P_tmpdir);
        if (mkdtemp(t->folder) == NULL) {
            snprintf(c->message, sizeof c->message, "no temporary folder: %s", strerror(errno));
            t->folder[0] = '\0';
            return ATTN_ESYSTEM;
        }
    }
    const char *kind = mask_kind(c);
    attn_status status = give_all(t, kind, backward);
    if (status != ATTN_OK) {
        attn_ctx_error(c->ctx, c->message, sizeof c->message);
        return status;
    }
    status = start(&t->process, c->message, sizeof c->message);
    snprintf(request, sizeof request, "open %s %d %s %d %s", t->folder, c->spec.threads, kind, backward ? 1 : 0,
             attn_dtype_name(c->spec.dtype));
    if (status == ATTN_OK) status = ask(&t->process, request, c->message, sizeof c->message);
    if (status == ATTN_OK) snprintf(t->name, sizeof t->name, "torch-%.20s", c->message);
    return status;
}

static attn_status torch_run(void *self, enum attn_direction direction, double *seconds) {
    struct torch *t = self;
    char request[32], answer[256];
    snprintf(request, sizeof request, "run %s", attn_direction_name(direction));
    if (t->c->spec.threads > 1) usleep(5000); /* our threads spin a little after their work, */
    const attn_status status = ask(&t->process, request, answer, sizeof answer);
    if (status != ATTN_OK) snprintf(t->c->message, sizeof t->c->message, "%s", answer);
    *seconds = strtod(answer, NULL);
    if (t->c->spec.threads > 1) usleep(5000); /* and so do its */
    return status;
}

static attn_status torch_outputs(void *self, struct attn_outputs *outputs) {
    struct torch *t = self;
    struct attn_npy *const arrays[] = {&t->o, &t->dq, &t->dk, &t->dv};
    static const char *const names[] = {"o", "dq", "dk", "dv"};
    char path[128], request[128], answer[256];
    const bool backward = t->c->spec.backward;
    snprintf(request, sizeof request, "save %s", t->folder);
    attn_status status = ask(&t->process, request, answer, sizeof answer);
    for (int i = 0; i < (backward ? 4 : 1) && status == ATTN_OK; i++) {
        path_of(t, names[i], path, sizeof path);
        status = attn_npy_read(t->c->ctx, NULL, path, arrays[i]);
        if (status != ATTN_OK) attn_ctx_error(t->c->ctx, answer, sizeof answer);
    }
    if (status != ATTN_OK) snprintf(t->c->message, sizeof t->c->message, "%s", answer);
    const attn_dtype dtype = t->c->spec.dtype == ATTN_F64 ? ATTN_F64 : ATTN_F32; /* as they travel */
    *outputs = (struct attn_outputs){t->o.data, NULL, t->dq.data, t->dk.data, t->dv.data, backward, dtype};
    return status;
}

static size_t torch_bytes(void *self) {
    (void)self;
    return 0;
}

static const char *torch_name(void *self) {
    return ((struct torch *)self)->name;
}

const struct attn_peer attn_peer_torch = {"torch", torch_open, torch_run, torch_outputs, torch_bytes, torch_name, torch_close};
