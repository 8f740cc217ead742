#include "cuda/host/fiber.h"
#include <stdint.h>
#if defined(__SANITIZE_ADDRESS__)
#define VQZ_HOST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VQZ_HOST_ASAN
#endif
#endif
#ifdef VQZ_HOST_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace {
/* The bounds of the launching thread's stack, which only the sanitizer knows. */
const void *outer_stack;
size_t outer_size;
vqz_host::fiber *left;                       /* the fiber that was switched away from */
}

#if defined(__x86_64__)
/* Saves the registers that functions must keep, and takes those of the other stack. */
extern "C" void vqz_host_switch(void **from, void *to);
asm(".text\n"
    ".globl vqz_host_switch\n"
    ".hidden vqz_host_switch\n"
    ".type vqz_host_switch, @function\n"
    "vqz_host_switch:\n"
    "    pushq %rbp\n"
    "    pushq %rbx\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    pushq %r14\n"
    "    pushq %r15\n"
    "    movq %rsp, (%rdi)\n"
    "    movq %rsi, %rsp\n"
    "    popq %r15\n"
    "    popq %r14\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbx\n"
    "    popq %rbp\n"
    "    ret\n"
    ".size vqz_host_switch, . - vqz_host_switch\n");
#endif

namespace vqz_host {
void fiber_init(fiber *f, void *stack, size_t size, void (*entry)(void)) {
    f->stack = stack;
    f->size = size;
    f->fake = nullptr;
#if defined(__x86_64__)
    enum { SAVED = 6 };
    void **top = reinterpret_cast<void **>((reinterpret_cast<uintptr_t>(stack) + size) & ~static_cast<uintptr_t>(15));
    *--top = nullptr;                        /* where entry would return to: keeps the alignment of calls */
    *--top = reinterpret_cast<void *>(entry);
    for (unsigned i = 0; i < SAVED; i++) *--top = nullptr;
    f->top = top;
#else
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack;
    f->context.uc_stack.ss_size = size;
    f->context.uc_link = nullptr;
    makecontext(&f->context, entry, 0);
#endif
}

static void arrived(fiber *here) {
#ifdef VQZ_HOST_ASAN
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(here ? here->fake : nullptr, &stack, &size);
    if (left && !left->stack) {
        outer_stack = stack;
        outer_size = size;
    }
#else
    (void)here;
#endif
}

void fiber_begin() { arrived(nullptr); }

void fiber_switch(fiber *from, fiber *to, bool gone) {
#ifdef VQZ_HOST_ASAN
    __sanitizer_start_switch_fiber(gone ? nullptr : &from->fake, to->stack ? to->stack : outer_stack, to->stack ? to->size : outer_size);
#else
    (void)gone;
    (void)outer_stack;
    (void)outer_size;
#endif
    left = from;
#if defined(__x86_64__)
    vqz_host_switch(&from->top, to->top);
#else
    swapcontext(&from->context, &to->context);
#endif
    arrived(from);
}

void fiber_forget(void *stacks, size_t size) {
#ifdef VQZ_HOST_ASAN
    __asan_unpoison_memory_region(stacks, size);
#else
    (void)stacks;
    (void)size;
#endif
}
}
