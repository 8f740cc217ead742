/* The template of vqz rd's report, taken into the program as it is. */
    .section .rodata
    .globl rd_page
    .hidden rd_page
    .type rd_page, %object
rd_page:
    .incbin "rd_page.html"
    .size rd_page, . - rd_page
    .globl rd_page_end
    .hidden rd_page_end
rd_page_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
