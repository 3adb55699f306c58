/* The numbers of 2^x by table and polynomial: see exp2__avx512.h. table[k] = 2^(k / 32); 1 + C1 r + C2 r^2 is the minimax fit of 2^r over
 * |r| <= 1/64 with the value 1 at 0 (relative error 5.4e-8).
 */
#ifndef ATTN_KERNEL_FLASH_EXP2_TABLE_H
#define ATTN_KERNEL_FLASH_EXP2_TABLE_H

#define ATTN_EXP2_SPLIT 393216.0f /* 1.5 * 2^18: floats near it are multiples of 1/32 */
#define ATTN_EXP2_C1    0x1.62e584p-1f
#define ATTN_EXP2_C2    0x1.ebfbdep-3f

static const float attn_exp2_table[32] __attribute__((aligned(64))) = {
    0x1.000000p+0f, 0x1.059b0ep+0f, 0x1.0b5586p+0f, 0x1.11301ep+0f, 0x1.172b84p+0f, 0x1.1d4874p+0f, 0x1.2387a6p+0f, 0x1.29e9e0p+0f,
    0x1.306fe0p+0f, 0x1.371a74p+0f, 0x1.3dea64p+0f, 0x1.44e086p+0f, 0x1.4bfdaep+0f, 0x1.5342b6p+0f, 0x1.5ab07ep+0f, 0x1.6247ecp+0f,
    0x1.6a09e6p+0f, 0x1.71f75ep+0f, 0x1.7a1148p+0f, 0x1.82589ap+0f, 0x1.8ace54p+0f, 0x1.93737cp+0f, 0x1.9c4918p+0f, 0x1.a5503cp+0f,
    0x1.ae89fap+0f, 0x1.b7f770p+0f, 0x1.c199bep+0f, 0x1.cb720ep+0f, 0x1.d5818ep+0f, 0x1.dfc974p+0f, 0x1.ea4afap+0f, 0x1.f50766p+0f,
};

#endif
