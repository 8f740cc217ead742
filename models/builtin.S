/* The built-in models, taken into the library as they are. */
    .section .rodata
    .balign 64
    .globl vqz_builtin_base
    .hidden vqz_builtin_base
    .type vqz_builtin_base, %object
vqz_builtin_base:
    .incbin "base.vqzm"
    .size vqz_builtin_base, . - vqz_builtin_base
    .globl vqz_builtin_base_end
    .hidden vqz_builtin_base_end
vqz_builtin_base_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
