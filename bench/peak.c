/* Peak loops. Twelve chains of multiply-adds hide the latency of any processor known (4 cycles, two units); constants that the
 * compiler cannot know keep it from folding them. Each x86 loop is compiled for its own instruction set by a function attribute, so
 * this file needs no flags. */
#include "bench/peak.h"

#include "base/clock.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/parallel.h"
#include "bench/statistics.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { CHAINS = 12, STEPS = 64, SLICES = 256 };

static volatile float factor = 0.9999999f, addend = 1e-7f;
static _Thread_local volatile float sink;

/* The loop: CHAINS vectors of `type`, STEPS multiply-adds each in a round. */
#define FMA_LOOP(name, attribute, type, set, multiply_add)                                                                                 \
    attribute static void name(int64_t rounds) {                                                                                           \
        const type a = set(factor), b = set(addend);                                                                                       \
        type x[CHAINS];                                                                                                                    \
        for (int c = 0; c < CHAINS; c++) x[c] = set(addend);                                                                               \
        for (int64_t r = 0; r < rounds; r++)                                                                                               \
            for (int s = 0; s < STEPS; s++)                                                                                                \
                for (int c = 0; c < CHAINS; c++) x[c] = multiply_add(x[c], a, b);                                                          \
        for (int c = 1; c < CHAINS; c++) x[0] = multiply_add(x[0], x[c], b);                                                               \
        sink = (float)x[0][0];                                                                                                             \
    }

#define PLAIN(x, a, b) ((x) * (a) + (b))

/* The compiler's own vectors: what plain C gets without asking for more than the target's base instruction set. */
typedef float float4 __attribute__((vector_size(16)));
typedef double double2 __attribute__((vector_size(16)));
static float4 set_float4(float f) {
    return (float4){f, f, f, f};
}
static double2 set_double2(float f) {
    return (double2){(double)f, (double)f};
}
FMA_LOOP(run_f32_portable, , float4, set_float4, PLAIN)
FMA_LOOP(run_f64_portable, , double2, set_double2, PLAIN)

#if defined(__x86_64__)
#include <immintrin.h>
#define SET_PD(f)   _mm512_set1_pd((double)(f))
#define SET_YPD(f)  _mm256_set1_pd((double)(f))
#define AVX2        __attribute__((target("avx2,fma")))
#define AVX512      __attribute__((target("avx512f")))
#define AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
FMA_LOOP(run_f32_avx2, AVX2, __m256, _mm256_set1_ps, _mm256_fmadd_ps)
FMA_LOOP(run_f64_avx2, AVX2, __m256d, SET_YPD, _mm256_fmadd_pd)
FMA_LOOP(run_f32_avx512, AVX512, __m512, _mm512_set1_ps, _mm512_fmadd_ps)
FMA_LOOP(run_f64_avx512, AVX512, __m512d, SET_PD, _mm512_fmadd_pd)

AVX512_BF16 static void run_bf16_avx512(int64_t rounds) {
    const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factor), _mm512_set1_ps(factor));
    const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(addend), _mm512_set1_ps(addend));
    __m512 x[CHAINS];
    for (int c = 0; c < CHAINS; c++) x[c] = _mm512_set1_ps(addend);
    for (int64_t r = 0; r < rounds; r++)
        for (int s = 0; s < STEPS; s++)
            for (int c = 0; c < CHAINS; c++) x[c] = _mm512_dpbf16_ps(x[c], a, b);
    for (int c = 1; c < CHAINS; c++) x[0] = _mm512_add_ps(x[0], x[c]);
    sink = x[0][0];
}
#endif

#if defined(__aarch64__)
#include <arm_neon.h>
#define NEON_PS(x, a, b) vfmaq_f32(b, x, a)
#define NEON_PD(x, a, b) vfmaq_f64(b, x, a)
#define SET_NPD(f)       vdupq_n_f64((double)(f))
FMA_LOOP(run_f32_neon, , float32x4_t, vdupq_n_f32, NEON_PS)
FMA_LOOP(run_f64_neon, , float64x2_t, SET_NPD, NEON_PD)
#endif

/* Worst first: the last that the processor can run is the best. A multiply-add counts two. */
#define FLOPS(lanes) (2.0 * CHAINS * STEPS * (lanes))
const struct attn_fma attn_fma_loops[] = {
    {"portable", ATTN_F32, 0, FLOPS(4), run_f32_portable},
    {"portable", ATTN_F64, 0, FLOPS(2), run_f64_portable},
#if defined(__x86_64__)
    {"avx2", ATTN_F32, ATTN_ISA_AVX2, FLOPS(8), run_f32_avx2},
    {"avx2", ATTN_F64, ATTN_ISA_AVX2, FLOPS(4), run_f64_avx2},
    {"avx512", ATTN_F32, ATTN_ISA_AVX512, FLOPS(16), run_f32_avx512},
    {"avx512", ATTN_F64, ATTN_ISA_AVX512, FLOPS(8), run_f64_avx512},
    {"avx512_bf16", ATTN_BF16, ATTN_ISA_AVX512 | ATTN_ISA_AVX512_BF16, FLOPS(32), run_bf16_avx512},
#endif
#if defined(__aarch64__)
    {"neon", ATTN_F32, ATTN_ISA_NEON, FLOPS(4), run_f32_neon},
    {"neon", ATTN_F64, ATTN_ISA_NEON, FLOPS(2), run_f64_neon},
#endif
};
const int attn_fma_count = sizeof attn_fma_loops / sizeof attn_fma_loops[0];

const struct attn_fma *attn_fma_best(const attn_ctx *ctx, attn_dtype dtype) {
    const struct attn_fma *best = NULL;
    for (int i = 0; i < attn_fma_count; i++)
        if (attn_fma_loops[i].dtype == dtype && (attn_fma_loops[i].isa_bits & ~ctx->isa) == 0) best = &attn_fma_loops[i];
    return best != NULL ? best : attn_fma_best(ctx, ATTN_F32);
}

struct fma_job {
    const struct attn_fma *fma;
    double deadline, slice; /* seconds of a slice */
    atomic_llong flops;     /* a second, of all threads */
};

/* Rounds a second of one slice. */
static double run_slice(const struct fma_job *job) {
    enum { CHUNK = 32 };
    const double start = attn_clock();
    double now;
    long long rounds = 0;
    do {
        job->fma->run(CHUNK);
        rounds += CHUNK;
        now = attn_clock();
    } while (now < start + job->slice);
    return (double)rounds / (now - start);
}

/* A thread's rate is the median of its slices: being held up by other work spoils a slice, not the peak, which is what the processor
 * can do and not what was left of it. */
static void fma_task(void *arg, int64_t index, int worker) {
    struct fma_job *job = arg;
    double rates[SLICES + 3];
    int count = 0;
    (void)index;
    (void)worker;
    while (count < 3 || (count < SLICES + 3 && attn_clock() < job->deadline)) rates[count++] = run_slice(job);
    atomic_fetch_add(&job->flops, (long long)(attn_median(rates, count) * job->fma->flops));
}

double attn_fma_rate(attn_ctx *ctx, const struct attn_fma *fma, int threads, double seconds) {
    struct fma_job job = {.fma = fma, .deadline = attn_clock() + seconds, .slice = fmax(2e-4, seconds / SLICES)};
    atomic_init(&job.flops, 0);
    attn_parallel(ctx, threads, threads, fma_task, &job);
    return (double)atomic_load(&job.flops) * 1e-9;
}

/* ------------------------------------------------------------------------------------------------- reading */

/* Loops that read memory in whole lines, eight vectors at a time. The caches' own prefetchers stop at borders of pages; asking for a line
 * `ahead` bytes before it is read goes on. No single loop is the fastest on all processors and at all sizes: the best of them is the limit. */
#define READ_LOOP(name, attribute, type, ahead)                                                                                            \
    attribute static void name(const char *at, size_t bytes) {                                                                             \
        type sum[8];                                                                                                                       \
        memset(sum, 0, sizeof sum);                                                                                                        \
        for (size_t i = 0; i + sizeof sum <= bytes; i += sizeof sum) {                                                                     \
            for (size_t line = 0; (ahead) > 0 && line < sizeof sum; line += 64) __builtin_prefetch(at + i + (ahead) + line, 0, 3);         \
            for (size_t n = 0; n < 8; n++) sum[n] ^= *(const type *)(const void *)(at + i + n * sizeof(type));                             \
        }                                                                                                                                  \
        for (int n = 1; n < 8; n++) sum[0] ^= sum[n];                                                                                      \
        sink = (float)sum[0][0];                                                                                                           \
    }

typedef int64_t words2 __attribute__((vector_size(16)));
READ_LOOP(read_16, , words2, 0)
READ_LOOP(read_16_ahead, , words2, 2048)
#if defined(__x86_64__)
typedef int64_t words8 __attribute__((vector_size(64)));
READ_LOOP(read_64, AVX512, words8, 0)
READ_LOOP(read_64_ahead, AVX512, words8, 2048)
READ_LOOP(read_64_far, AVX512, words8, 8192)
#endif

static const struct {
    uint32_t isa_bits;
    void (*run)(const char *at, size_t bytes);
} read_loops[] = {
    {0, read_16},
    {0, read_16_ahead},
#if defined(__x86_64__)
    {ATTN_ISA_AVX512, read_64},
    {ATTN_ISA_AVX512, read_64_ahead},
    {ATTN_ISA_AVX512, read_64_far},
#endif
};
enum { READ_LOOPS = sizeof read_loops / sizeof read_loops[0], READ_PIECE = 1 << 18, READ_LINE = 1024 /* of two loops' steps */ };

struct read_job {
    const char *at;
    size_t bytes;
    int loop;
};

static void read_task(void *arg, int64_t index, int worker) {
    const struct read_job *job = arg;
    const size_t begin = (size_t)index * READ_PIECE, left = job->bytes - begin;
    (void)worker;
    read_loops[job->loop].run(job->at + begin, left < READ_PIECE ? left : READ_PIECE);
}

/* Seconds of one pass of one loop; INFINITY where the processor cannot run it. */
static double read_pass(attn_ctx *ctx, int threads, const char *at, size_t bytes, int loop) {
    struct read_job job = {at, bytes, loop};
    if (read_loops[loop].isa_bits & ~attn_cpu_isa()) return (double)INFINITY;
    const double start = attn_clock();
    attn_parallel(ctx, (int64_t)((bytes + READ_PIECE - 1) / READ_PIECE), threads, read_task, &job);
    return attn_clock() - start;
}

double attn_read_seconds(attn_ctx *ctx, int threads, const void *memory, size_t bytes) {
    double best = (double)INFINITY;
    for (int loop = 0; loop < READ_LOOPS; loop++) best = fmin(best, read_pass(ctx, threads, memory, bytes / READ_LINE * READ_LINE, loop));
    return best;
}

double attn_read_bandwidth(attn_ctx *ctx, int threads, size_t bytes, double seconds) {
    void *memory = attn_alloc(ctx, bytes);
    if (memory == NULL) return 0.0;
    memset(memory, 1, bytes);
    double least = (double)INFINITY;
    for (const double end = attn_clock() + seconds; attn_clock() < end;)
        least = fmin(least, attn_read_seconds(ctx, threads, memory, bytes));
    attn_free(ctx, memory);
    return (double)bytes / least;
}

struct triad_job {
    const struct attn_triad *triad;
    int64_t count; /* floats of a piece, a multiple of 16 */
};

static void triad_task(void *arg, int64_t index, int worker) {
    const struct triad_job *job = arg;
    const float *a = job->triad->a + index * job->count, *b = job->triad->b + index * job->count;
    float *sum = job->triad->sum + index * job->count;
    (void)worker;
    for (int64_t i = 0; i < job->count; i += 16)
        for (int64_t j = i; j < i + 16; j += 4) {
#if defined(__x86_64__)
            _mm_stream_ps(sum + j, _mm_add_ps(_mm_load_ps(a + j), _mm_load_ps(b + j)));
#else
            for (int64_t n = j; n < j + 4; n++) sum[n] = a[n] + b[n];
#endif
        }
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

bool attn_triad_open(attn_ctx *ctx, size_t bytes, struct attn_triad *triad) {
    *triad = (struct attn_triad){attn_alloc(ctx, bytes), attn_alloc(ctx, bytes), attn_alloc(ctx, bytes), (int64_t)(bytes / sizeof(float))};
    if (triad->a == NULL || triad->b == NULL || triad->sum == NULL) {
        attn_triad_close(ctx, triad);
        return false;
    }
    memset(triad->a, 0, bytes);
    memset(triad->b, 0, bytes);
    memset(triad->sum, 0, bytes);
    return true;
}

double attn_triad_bandwidth(attn_ctx *ctx, int threads, const struct attn_triad *triad) {
    const int64_t pieces = 16 * (int64_t)threads;
    struct triad_job job = {triad, triad->count / pieces / 16 * 16};
    const double start = attn_clock();
    attn_parallel(ctx, pieces, threads, triad_task, &job);
    return 3.0 * sizeof(float) * (double)(pieces * job.count) / (attn_clock() - start);
}

void attn_triad_close(attn_ctx *ctx, struct attn_triad *triad) {
    attn_free(ctx, triad->a);
    attn_free(ctx, triad->b);
    attn_free(ctx, triad->sum);
    *triad = (struct attn_triad){0};
}
