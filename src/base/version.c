/* The library's version, in number and words: put together by the preprocessor, so that it is one static string. */
#include "attn.h"
#include "base/parallel.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

#if defined(__clang__)
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#elif defined(__GNUC__)
#define COMPILER "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) "." TEXT(__GNUC_PATCHLEVEL__)
#else
#define COMPILER "unknown compiler"
#endif

#if defined(ATTN_HAVE_AVX2)
#define AVX2 " avx2"
#else
#define AVX2
#endif
#if defined(ATTN_HAVE_AVX512)
#define AVX512 " avx512"
#else
#define AVX512
#endif
#if defined(ATTN_HAVE_AVX512_BF16)
#define AVX512_BF16 " avx512_bf16"
#else
#define AVX512_BF16
#endif
#if defined(ATTN_HAVE_NEON)
#define NEON " neon"
#else
#define NEON
#endif

int attn_version(void) {
    return ATTN_VERSION;
}

const char *attn_version_string(void) {
    return "attn " TEXT(ATTN_VERSION_MAJOR) "." TEXT(ATTN_VERSION_MINOR) "." TEXT(
        ATTN_VERSION_PATCH) ", " COMPILER ", " ATTN_EXECUTOR_NAME ", kernels: portable" NEON AVX2 AVX512 AVX512_BF16;
}
