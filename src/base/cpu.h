/* What the processor and the operating system offer: the one process-wide value of the library, found once, never changed. */
#ifndef ATTN_BASE_CPU_H
#define ATTN_BASE_CPU_H

#include <stddef.h>
#include <stdint.h>

enum {
    ATTN_ISA_AVX2 = 1,        /* AVX2, FMA and F16C */
    ATTN_ISA_AVX512 = 2,      /* F, BW, DQ, VL */
    ATTN_ISA_AVX512_BF16 = 4, /* the dot products of bfloat16 and (VNNI) of bytes, which no processor with the first lacks */
    ATTN_ISA_NEON = 8         /* 64-bit Arm */
};

/* How wide a core is: what decides the sizes of tiles that pay, and the constants of the cost model. */
enum attn_core {
    ATTN_CORE_NARROW = 0, /* one 512-bit multiply-add a cycle, or none (Zen 4) */
    ATTN_CORE_WIDE = 1,   /* two (Zen 5, most of Intel's server cores) */
    ATTN_CORE_CLASSES = 2
};
enum attn_core attn_cpu_core(void); /* the same in every call; thread-safe */

/* Instruction sets that the processor has and the operating system saves the registers of. Thread-safe. */
uint32_t attn_cpu_isa(void);

/* Instruction sets that this build has kernels for beyond the portable ones. */
uint32_t attn_isa_built(void);

/* "AMD EPYC 9R14" or "unknown"; writes at most size bytes. */
void attn_cpu_name(char *text, size_t size);

/* The name with what tells processors of one name apart: "AMD EPYC, family 26, model 2". Printable, without |. */
void attn_cpu_model(char *text, size_t size);

/* Processors this process may run on (its affinity), at least 1. */
int attn_cpu_count(void);

/* Names as in ATTN_ISA: "portable", "avx2", "avx512", "avx512_bf16", "neon". Parsing answers the bits that a name allows, -1 for no name. */
int64_t attn_isa_parse(const char *name);
const char *attn_isa_name(uint32_t isa); /* of the greatest set in isa */

/* "portable, avx2 and avx512" with " and " for `last`: the names of all sets in isa. */
void attn_isa_list(uint32_t isa, const char *last, char *text, size_t size);

#endif
