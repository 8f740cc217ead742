/* Switching between stacks. */
#ifndef VQZ_CUDA_HOST_FIBER_H
#define VQZ_CUDA_HOST_FIBER_H
#include <stddef.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace vqz_host {
struct fiber {
#if defined(__x86_64__)
    void *top;                               /* of its stack, where its registers stand while others run */
#else
    ucontext_t context;
#endif
    void *stack;                             /* NULL: the thread that launched */
    size_t size;
    void *fake;                              /* AddressSanitizer's */
};

/* Makes f begin in entry() when it is switched to; entry does not return. */
void fiber_init(fiber *f, void *stack, size_t size, void (*entry)(void));
/* To be called first in a fiber that has not run before. `gone`: `from` will not be switched to any more. */
void fiber_begin();
void fiber_switch(fiber *from, fiber *to, bool gone);
/* Fibers on these stacks were left in the middle of something. */
void fiber_forget(void *stacks, size_t size);
}
#endif
