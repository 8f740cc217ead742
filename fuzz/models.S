/* The models of conformance/, one after the other. */
    .section .rodata
    .globl fuzz_models, fuzz_models_1, fuzz_models_2, fuzz_models_3, fuzz_models_end
    .balign 64
fuzz_models:
    .incbin "plain.vqzm"
fuzz_models_1:
    .incbin "odd.vqzm"
fuzz_models_2:
    .incbin "many.vqzm"
fuzz_models_3:
    .incbin "wide.vqzm"
fuzz_models_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
