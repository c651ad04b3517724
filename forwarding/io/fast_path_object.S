/* The fast path's programs as clang made them for the kernel, inside of ours: they need not be found on a disk. */
        .section .rodata
        .balign 64
        .global tandem_fast_path_object, tandem_fast_path_object_end
        .hidden tandem_fast_path_object, tandem_fast_path_object_end
tandem_fast_path_object:
        .incbin TANDEM_FAST_PATH_OBJECT
tandem_fast_path_object_end:
        .byte 0
        .section .note.GNU-stack, "", %progbits
