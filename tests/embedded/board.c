/* main.c on a Cortex-M4F without an operating system: the vector table, what has to be done before main, and semihosting (Arm IHI 0058), by which an emulator or a
 * debugger prints and ends. */
#include "say.h"

#include <stddef.h>
#include <stdint.h>

extern uint32_t board_stack_end, board_data_begin, board_data_end, board_data_load, board_bss_begin, board_bss_end;
int main(void);
void board_reset(void);
void board_fault(void);
void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);

enum { WRITE0 = 0x04, EXIT = 0x18, EXIT_DONE = 0x20026, EXIT_FAULT = 0x20023 };

static void semihost(uint32_t operation, uintptr_t argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void say(const char *text) {
    semihost(WRITE0, (uintptr_t)text);
}

/* What compilers call for long loops and assignments, where no C library is linked. */
#define PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))

PLAIN_LOOPS void *memset(void *to, int byte, size_t bytes) {
    unsigned char *at = to;
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)byte;
    return to;
}

PLAIN_LOOPS void *memmove(void *to, const void *from, size_t bytes) {
    unsigned char *at = to;
    const unsigned char *of = from;
    if (at < of)
        for (size_t i = 0; i < bytes; i++) at[i] = of[i];
    else
        for (size_t i = bytes; i > 0; i--) at[i - 1] = of[i - 1];
    return to;
}

PLAIN_LOOPS void *memcpy(void *to, const void *from, size_t bytes) {
    return memmove(to, from, bytes);
}

void board_reset(void) {
    volatile uint32_t *const coprocessors = (volatile uint32_t *)0xE000ED88u;
    *coprocessors |= 0xFu << 20; /* the floating-point unit */
    __asm__ volatile("dsb\n isb" ::: "memory");
    for (uint32_t *to = &board_data_begin, *from = &board_data_load; to < &board_data_end; to++, from++) *to = *from;
    for (uint32_t *to = &board_bss_begin; to < &board_bss_end; to++) *to = 0;
    main();
    semihost(EXIT, EXIT_DONE);
    for (;;) continue;
}

void board_fault(void) {
    say("fault\n");
    semihost(EXIT, EXIT_FAULT);
    for (;;) continue;
}

union vector {
    const void *stack;
    void (*handler)(void);
};
extern const union vector board_vectors[16];
__attribute__((section(".vectors"), used)) const union vector board_vectors[16] = {
    {.stack = &board_stack_end}, {.handler = board_reset}, {.handler = board_fault}, {.handler = board_fault},
    {.handler = board_fault},    {.handler = board_fault}, {.handler = board_fault}};
