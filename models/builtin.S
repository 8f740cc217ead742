/* The built-in models, taken into the library as they are. */
    .macro model name, file
    .balign 64
    .globl vqz_builtin_\name
    .hidden vqz_builtin_\name
    .type vqz_builtin_\name, %object
vqz_builtin_\name:
    .incbin "\file"
    .size vqz_builtin_\name, . - vqz_builtin_\name
    .globl vqz_builtin_\name\()_end
    .hidden vqz_builtin_\name\()_end
vqz_builtin_\name\()_end:
    .byte 0
    .endm
    .section .rodata
    model base, "base.vqzm"
    model psnr, "psnr.vqzm"
    .section .note.GNU-stack, "", %progbits
