#define _GNU_SOURCE
#include "CFibers.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { stack_size = 512 << 10, guard_size = 64 << 10 };

struct fiber {
    ucontext_t context;
    void *stack;
    void (*body)(void *);
    void *argument;
};

fiber *fiber_of_thread(void) {
    return calloc(1, sizeof(fiber));
}

static void begin(unsigned low, unsigned high) {
    fiber *self = (fiber *)((uintptr_t)low | (uintptr_t)high << 32);
    self->body(self->argument);
    abort();
}

fiber *fiber_make(void (*body)(void *), void *argument) {
    fiber *made = calloc(1, sizeof(fiber));
    if (made == NULL) abort();
    made->body = body;
    made->argument = argument;
    made->stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made->stack == MAP_FAILED || mprotect(made->stack, guard_size, PROT_NONE) != 0) abort();
    getcontext(&made->context);
    made->context.uc_stack.ss_sp = made->stack;
    made->context.uc_stack.ss_size = stack_size;
    uintptr_t self = (uintptr_t)made;
    makecontext(&made->context, (void (*)(void))begin, 2, (unsigned)self, (unsigned)(self >> 32));
    return made;
}

void fiber_switch(fiber *from, fiber *to) {
    swapcontext(&from->context, &to->context);
}

void fiber_free(fiber *fiber) {
    if (fiber->stack != NULL) munmap(fiber->stack, stack_size);
    free(fiber);
}
