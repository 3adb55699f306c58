/* The context: configuration with its defaults, memory, log, and the sentence of the last error under a lock.
 *
 * Invariant: after attn_ctx_create every field of the config is filled in and never changes again; only the error text does.
 */
#include "base/context.h"
#include "base/cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 64, MAX_THREADS = 4096 };

/* Pages of 2 MiB for memory of several of them, where the system has such pages: strides over small ones miss the processor's table of pages. */
static const size_t huge_page = (size_t)2 << 20;

static void *allocate_default(void *user, size_t bytes, size_t alignment) {
    (void)user;
    void *memory = NULL;
    const bool huge = bytes >= 4 * huge_page;
    if (posix_memalign(&memory, huge ? huge_page : alignment, bytes) != 0) return NULL;
#if defined(MADV_HUGEPAGE)
    if (huge) (void)madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE); /* refused: small pages do too */
#endif
    return memory;
}

static void release_default(void *user, void *memory) {
    (void)user;
    free(memory);
}

void attn_ctx_config_init(attn_ctx_config *config) {
    *config = (attn_ctx_config){.size = sizeof(*config)};
}

/* What attn_ctx_create reports by: there is no context yet that could keep the sentence. */
struct message {
    char *text;
    size_t size;
};

static attn_status refuse(const struct message *m, attn_status status, const char *format, ...) ATTN_PRINTF(3, 4);
static attn_status refuse(const struct message *m, attn_status status, const char *format, ...) {
    if (m->text && m->size) {
        va_list args;
        va_start(args, format);
        vsnprintf(m->text, m->size, format, args);
        va_end(args);
    }
    return status;
}

static attn_status check_config(const attn_ctx_config *c, const struct message *m) {
    if (c->size != sizeof(*c))
        return refuse(m, ATTN_EINVAL, "context: config.size is %zu, expected %zu; call attn_ctx_config_init first", c->size, sizeof(*c));
    if (!c->allocate != !c->release)
        return refuse(m, ATTN_EINVAL, "context: config.%s is NULL; set both allocate and release, or neither",
                      c->allocate ? "release" : "allocate");
    if (c->threads < 0 || c->threads > MAX_THREADS)
        return refuse(m, ATTN_EINVAL, "context: config.threads is %d, expected 0 (automatic) to %d", c->threads, MAX_THREADS);
    return ATTN_OK;
}

static attn_status choose_threads(int *threads, const struct message *m) {
    const char *text = getenv("ATTN_THREADS");
    if (*threads) return ATTN_OK;
    if (!text || !*text) {
        const int processors = attn_cpu_count();
        *threads = processors < MAX_THREADS ? processors : MAX_THREADS;
        return ATTN_OK;
    }
    char *end;
    const long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > MAX_THREADS)
        return refuse(m, ATTN_EINVAL, "context: the environment variable ATTN_THREADS is \"%s\", expected a number from 1 to %d", text,
                      MAX_THREADS);
    *threads = (int)value;
    return ATTN_OK;
}

static attn_status choose_isa(uint32_t *isa, const char **isa_name, const struct message *m) {
    const uint32_t built = attn_isa_built(), usable = attn_cpu_isa();
    const char *text = getenv("ATTN_ISA");
    *isa = usable;
    *isa_name = attn_isa_name(usable & built);
    if (!text || !*text) return ATTN_OK;
    const int64_t allowed = attn_isa_parse(text);
    char names[64];
    if (allowed < 0) {
        attn_isa_list(~0u, " or ", names, sizeof(names));
        return refuse(m, ATTN_EUNSUPPORTED, "context: the environment variable ATTN_ISA is \"%s\", expected %s", text, names);
    }
    const char *name = attn_isa_name((uint32_t)allowed);
    if (allowed && strcmp(attn_isa_name(built & (uint32_t)allowed), name) != 0) {
        attn_isa_list(built, " and ", names, sizeof(names));
        return refuse(m, ATTN_EUNSUPPORTED, "context: ATTN_ISA asks for %s, but this build has kernels for %s only", name, names);
    }
    if ((usable & (uint32_t)allowed) != (uint32_t)allowed)
        return refuse(m, ATTN_EUNSUPPORTED,
                      "context: ATTN_ISA asks for %s, which this processor or operating system lacks; the best here is %s", name,
                      *isa_name);
    *isa = (uint32_t)allowed;
    *isa_name = name;
    return ATTN_OK;
}

attn_status attn_ctx_create(const attn_ctx_config *config, attn_ctx **out, char *error, size_t error_size) {
    const struct message m = {error, error_size};
    attn_ctx_config c;
    attn_ctx_config_init(&c);
    if (!out) return refuse(&m, ATTN_EINVAL, "context: out is NULL, expected a place for the context");
    *out = NULL;
    attn_status status = config ? check_config(config, &m) : ATTN_OK;
    if (status) return status;
    if (config) c = *config;
    if (!c.allocate) {
        c.allocate = allocate_default;
        c.release = release_default;
    }
    uint32_t isa;
    const char *isa_name;
    status = choose_threads(&c.threads, &m);
    if (!status) status = choose_isa(&isa, &isa_name, &m);
    if (status) return status;
    attn_ctx *ctx = c.allocate(c.allocator_user, attn_round64(sizeof(*ctx)), ALIGNMENT);
    if (!ctx) return refuse(&m, ATTN_ENOMEM, "context: no memory for %zu bytes", attn_round64(sizeof(*ctx)));
    memset(ctx, 0, sizeof(*ctx));
    ctx->config = c;
    ctx->isa = isa;
    ctx->isa_name = isa_name;
    ctx->process = getpid();
    attn_cpu_model(ctx->cpu_model, sizeof(ctx->cpu_model));
    atomic_flag_clear(&ctx->error_lock);
    atomic_flag_clear(&ctx->wisdom_lock);
    *out = ctx;
    return ATTN_OK;
}

void attn_ctx_destroy(attn_ctx *ctx) {
    if (!ctx) return;
    attn_free(ctx, ctx->wisdom);
    ctx->config.release(ctx->config.allocator_user, ctx);
}

int attn_ctx_threads(const attn_ctx *ctx) {
    return ctx->config.threads;
}

const char *attn_ctx_isa(const attn_ctx *ctx) {
    return ctx->isa_name;
}

/* Held for a copy of at most a kilobyte, or of a pointer: spinning is cheaper than any runtime's lock and needs none. */
static void lock(atomic_flag *flag) {
    while (atomic_flag_test_and_set_explicit(flag, memory_order_acquire)) {
    }
}

static void unlock(atomic_flag *flag) {
    atomic_flag_clear_explicit(flag, memory_order_release);
}

attn_status attn_fail(attn_ctx *ctx, attn_status status, const char *format, ...) {
    if (!ctx) return status;
    char text[sizeof(ctx->error)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    lock(&ctx->error_lock);
    memcpy(ctx->error, text, strlen(text) + 1);
    unlock(&ctx->error_lock);
    attn_log(ctx, ATTN_LOG_ERROR, "%s", text);
    return status;
}

const char *attn_ctx_error(attn_ctx *ctx, char *text, size_t text_size) {
    if (!text || !text_size) return text;
    char copy[sizeof(ctx->error)] = "";
    if (ctx) {
        lock(&ctx->error_lock);
        memcpy(copy, ctx->error, sizeof(copy));
        unlock(&ctx->error_lock);
    }
    snprintf(text, text_size, "%s", copy);
    return text;
}

void attn_log(attn_ctx *ctx, attn_log_level level, const char *format, ...) {
    if (!ctx || !ctx->config.log) return;
    char text[sizeof(ctx->error)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ctx->config.log(ctx->config.log_user, level, text);
}

void attn_append(char *text, size_t size, const char *format, ...) {
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

void *attn_alloc(attn_ctx *ctx, size_t bytes) {
    if (bytes > SIZE_MAX - ALIGNMENT) return NULL;
    return ctx->config.allocate(ctx->config.allocator_user, bytes ? attn_round64(bytes) : ALIGNMENT, ALIGNMENT);
}

void attn_free(attn_ctx *ctx, void *memory) {
    if (memory) ctx->config.release(ctx->config.allocator_user, memory);
}

attn_status attn_no_memory(attn_ctx *ctx, const char *what, size_t bytes) {
    return attn_fail(ctx, ATTN_ENOMEM, "%s: the allocator gave no memory for %zu bytes", what, bytes);
}

struct attn_shared_text *attn_ctx_wisdom(attn_ctx *ctx) {
    lock(&ctx->wisdom_lock);
    struct attn_shared_text *text = ctx->wisdom;
    if (text) atomic_fetch_add(&text->holders, 1);
    unlock(&ctx->wisdom_lock);
    return text;
}

void attn_ctx_wisdom_drop(attn_ctx *ctx, struct attn_shared_text *text) {
    if (text && atomic_fetch_sub(&text->holders, 1) == 1) attn_free(ctx, text);
}

bool attn_ctx_wisdom_replace(attn_ctx *ctx, struct attn_shared_text *seen, struct attn_shared_text *fresh) {
    lock(&ctx->wisdom_lock);
    const bool same = ctx->wisdom == seen;
    if (same) ctx->wisdom = fresh;
    unlock(&ctx->wisdom_lock);
    if (same) attn_ctx_wisdom_drop(ctx, seen); /* the context's own hold */
    return same;
}
