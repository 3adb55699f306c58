/* Instruction sets, name and number of the processors.
 *
 * An instruction set counts only if the processor has it (cpuid) AND the operating system saves its registers at a task switch
 * (xgetbv: bits 1-2 for ymm, 5-7 for the mask registers and zmm). The answer is computed once and kept in an atomic word: threads
 * that race compute the same value.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#endif

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static uint32_t detect(void) {
    uint32_t a, b, c, d, isa = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const uint32_t osxsave = 1u << 27, fma_f16c = 1u << 12 | 1u << 29, avx = 1u << 28;
    if (!(c & osxsave) || !(c & avx)) return 0;
    const uint64_t saved = saved_registers();
    const uint64_t ymm = 0x6, zmm = 0xe6;
    if ((saved & ymm) != ymm) return 0;
    const bool has_fma_f16c = (c & fma_f16c) == fma_f16c;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (has_fma_f16c && (b & 1u << 5)) isa |= ATTN_ISA_AVX2;
    const uint32_t f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    if ((saved & zmm) == zmm && (b & f_dq_bw_vl) == f_dq_bw_vl && (isa & ATTN_ISA_AVX2)) {
        isa |= ATTN_ISA_AVX512;
        const bool has_vnni = c & 1u << 11;
        if (has_vnni && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5)) isa |= ATTN_ISA_AVX512_BF16;
    }
    return isa;
}

/* As the makers count: the extended family is added to family 15, the extended model counts in families 6 and 15. */
static bool read_family(unsigned *family, unsigned *model) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    const unsigned low = a >> 8 & 15;
    *family = low == 15 ? 15 + (a >> 20 & 255) : low;
    *model = (a >> 4 & 15) | (low == 6 || low == 15 ? a >> 12 & 0xf0 : 0);
    return true;
}

/* No bit of cpuid tells how many 512-bit multiply-adds a core starts in a cycle; the families and models do. */
static enum attn_core find_core(void) {
    uint32_t a, vendor[4] = {0};
    unsigned family, model;
    if (!(detect() & ATTN_ISA_AVX512)) return ATTN_CORE_NARROW;
    if (!__get_cpuid(0, &a, &vendor[0], &vendor[2], &vendor[1]) || !read_family(&family, &model)) return ATTN_CORE_NARROW;
    if (memcmp(vendor, "AuthenticAMD", 12) == 0) { /* mobile forms of Zen 5 have half the width */
        const bool mobile = family == 0x1a && ((model >= 0x20 && model < 0x30) || (model >= 0x60 && model < 0x70));
        return family >= 0x1a && !mobile ? ATTN_CORE_WIDE : ATTN_CORE_NARROW;
    }
    static const uint8_t client[] = {0x7d, 0x7e, 0x8c, 0x8d, 0xa7}; /* Ice Lake, Tiger Lake, Rocket Lake */
    return family == 6 && model < 256 && memchr(client, (int)model, sizeof(client)) ? ATTN_CORE_NARROW : ATTN_CORE_WIDE;
}

static void read_name(char text[64]) {
    uint32_t word[12];
    for (uint32_t leaf = 0; leaf < 3; leaf++)
        if (!__get_cpuid(0x80000002u + leaf, &word[4 * leaf], &word[4 * leaf + 1], &word[4 * leaf + 2], &word[4 * leaf + 3])) return;
    memcpy(text, word, sizeof(word));
    text[sizeof(word)] = 0;
}
#else
static uint32_t detect(void) {
#if defined(__aarch64__)
    return ATTN_ISA_NEON;
#else
    return 0;
#endif
}

static bool read_family(unsigned *family, unsigned *model) {
    (void)family;
    (void)model;
    return false;
}

static enum attn_core find_core(void) {
    return ATTN_CORE_NARROW;
}

static void read_name(char text[64]) {
    text[0] = 0;
}
#endif

enum attn_core attn_cpu_core(void) {
    static _Atomic uint32_t known;
    const uint32_t found = 1u << 31;
    uint32_t core = atomic_load_explicit(&known, memory_order_relaxed);
    if (!core) {
        core = (uint32_t)find_core() | found;
        atomic_store_explicit(&known, core, memory_order_relaxed);
    }
    return (enum attn_core)(core & ~found);
}

uint32_t attn_cpu_isa(void) {
    static _Atomic uint32_t known;
    const uint32_t found = 1u << 31;
    uint32_t isa = atomic_load_explicit(&known, memory_order_relaxed);
    if (!isa) {
        isa = detect() | found;
        atomic_store_explicit(&known, isa, memory_order_relaxed);
    }
    return isa & ~found;
}

uint32_t attn_isa_built(void) {
    uint32_t built = 0;
#if defined(ATTN_HAVE_AVX2)
    built |= ATTN_ISA_AVX2;
#endif
#if defined(ATTN_HAVE_AVX512)
    built |= ATTN_ISA_AVX512;
#endif
#if defined(ATTN_HAVE_AVX512_BF16)
    built |= ATTN_ISA_AVX512_BF16;
#endif
#if defined(ATTN_HAVE_NEON)
    built |= ATTN_ISA_NEON;
#endif
    return built;
}

void attn_cpu_name(char *text, size_t size) {
    char name[64] = "";
    read_name(name);
    const char *begin = name;
    while (*begin == ' ') begin++;
    size_t length = strlen(begin);
    while (length > 0 && begin[length - 1] == ' ') length--;
    if (length)
        snprintf(text, size, "%.*s", (int)length, begin);
    else
        snprintf(text, size, "unknown");
}

void attn_cpu_model(char *text, size_t size) {
    char name[64];
    unsigned family, model;
    attn_cpu_name(name, sizeof(name));
    if (read_family(&family, &model))
        snprintf(text, size, "%s, family %u, model %u", name, family, model);
    else
        snprintf(text, size, "%s", name);
    for (char *c = text; *c; c++)
        if (*c == '|' || *c < ' ' || *c > '~') *c = '?';
}

int attn_cpu_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 && online < 1 << 20 ? (int)online : 1;
}

/* Rising order: each name allows what the sets before it on the same architecture offer. */
static const struct {
    const char *name;
    uint32_t own, allowed;
} sets[] = {
    {"portable", 0, 0},
    {"neon", ATTN_ISA_NEON, ATTN_ISA_NEON},
    {"avx2", ATTN_ISA_AVX2, ATTN_ISA_AVX2},
    {"avx512", ATTN_ISA_AVX512, ATTN_ISA_AVX2 | ATTN_ISA_AVX512},
    {"avx512_bf16", ATTN_ISA_AVX512_BF16, ATTN_ISA_AVX2 | ATTN_ISA_AVX512 | ATTN_ISA_AVX512_BF16},
};

int64_t attn_isa_parse(const char *name) {
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        if (strcmp(name, sets[i].name) == 0) return sets[i].allowed;
    return -1;
}

const char *attn_isa_name(uint32_t isa) {
    const char *name = sets[0].name;
    for (size_t i = 1; i < sizeof(sets) / sizeof(sets[0]); i++)
        if (isa & sets[i].own) name = sets[i].name;
    return name;
}

void attn_isa_list(uint32_t isa, const char *last, char *text, size_t size) {
    const char *names[sizeof(sets) / sizeof(sets[0])] = {NULL};
    size_t count = 0, used = 0;
    if (size) *text = 0;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        if (!sets[i].own || (isa & sets[i].own)) names[count++] = sets[i].name;
    for (size_t i = 0; i < count && used < size; i++) {
        const int n = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : last, names[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}
