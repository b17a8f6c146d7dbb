/* SPDX-License-Identifier: MIT */
/*
 * next.h - the steps that an error can advise, of which the program has the words. What
 * each is about, its operands in their order, stands beside it.
 */
#ifndef MAQET_BASE_NEXT_H
#define MAQET_BASE_NEXT_H

enum maqet_next {
    MAQET_NEXT_WORDS, /* the words themselves */

    /* Of QEMU, and of its arguments (core/qemu). */
    MAQET_NEXT_END_SILENT,       /* VM */
    MAQET_NEXT_REMOVE_REPEATED,  /* none */
    MAQET_NEXT_USE_CONSOLE,      /* none */
    MAQET_NEXT_START_FOREGROUND, /* none */
    MAQET_NEXT_LOAD_CHECKPOINT,  /* none */
    MAQET_NEXT_LOAD_ONCE,        /* none */
    MAQET_NEXT_ASK_PID,          /* none */
    MAQET_NEXT_RUN_DISCARDED,    /* none */
    MAQET_NEXT_SHOW_ARGUMENTS,   /* none */
    MAQET_NEXT_KEEP_GUEST_STATE, /* none */

    /* Of images (core/storage). */
    MAQET_NEXT_START_TO_MAKE_IMAGE, /* VM */
    MAQET_NEXT_MOVE_BACK,           /* VM */
    MAQET_NEXT_BRING_BACK,          /* VM */
    MAQET_NEXT_START_EMPTY,         /* VM */
    MAQET_NEXT_EXPORT_DECRYPTED,    /* none */
    MAQET_NEXT_EXPORT_ENCRYPTED,    /* none */

    /* Of machines (core/machine). */
    MAQET_NEXT_ONLY_STOP,         /* VM */
    MAQET_NEXT_REPAIR_AND_RESUME, /* VM */
    MAQET_NEXT_FREE_LEAKS,        /* VM */
    MAQET_NEXT_FREE_SPACE,        /* VM */
    MAQET_NEXT_FREE_SPACE_IN,     /* VM, folder */

    MAQET_NEXT_COUNT,
};

#endif
