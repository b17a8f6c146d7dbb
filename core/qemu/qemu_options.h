/* SPDX-License-Identifier: MIT */
/*
 * qemu_options.h - what maqet knows of QEMU's options: what kind of value each takes, and
 * which of them, or which values, can't work with maqet, since it gives QEMU its drives
 * by -blockdev, confines and detaches it, and has a monitor and a PID file of its own.
 * docs/arguments.md has the same tables; a unit test compares them, and looks whether
 * each option of the QEMU that is installed is here.
 */
#ifndef MAQET_QEMU_QEMU_OPTIONS_H
#define MAQET_QEMU_QEMU_OPTIONS_H

#include "core/config/tree.h"

enum maqet_qemu_nature {
    MAQET_QEMU_OTHER,      /* nothing is known of its value */
    MAQET_QEMU_FLAG,       /* takes no value */
    MAQET_QEMU_TEXT,       /* any text, "help" too */
    MAQET_QEMU_PATH,       /* the value is a path */
    MAQET_QEMU_SEARCHED,   /* a path, or a bare name that QEMU finds among the files it
                            * came with */
    MAQET_QEMU_ROM,        /* the same, or properties in either form */
    MAQET_QEMU_IMAGE,      /* a path, or "protocol:..." */
    MAQET_QEMU_PROPERTIES, /* can't do without properties */
};

enum maqet_qemu_fate { MAQET_QEMU_FINE, MAQET_QEMU_WARNED, MAQET_QEMU_REFUSED };

/* When that is so. */
enum maqet_qemu_when {
    MAQET_QEMU_ALWAYS,
    MAQET_QEMU_SANDBOXED, /* QEMU may run no other program */
    MAQET_QEMU_DETACHED   /* QEMU has no terminal */
};

/* What becomes of an option that is given again. */
enum maqet_qemu_repeat {
    MAQET_QEMU_EACH,  /* each counts, or QEMU itself refuses it, or nothing is known */
    MAQET_QEMU_LAST,  /* QEMU takes the last, and says nothing */
    MAQET_QEMU_JOINED /* their properties are joined; of each property the last counts */
};

/* What becomes of an option or a value. */
struct maqet_qemu_verdict {
    enum maqet_qemu_fate fate;
    enum maqet_qemu_when when;
    const char *reason;   /* NULL where it is fine */
    const char *instead;  /* what to do; NULL: nothing, or */
    enum maqet_next next; /* this */
};

struct maqet_qemu_option {
    const char *name;
    enum maqet_qemu_nature nature;
    struct maqet_qemu_verdict verdict;
    const char *like; /* the option that takes the same values; NULL: none */
    enum maqet_qemu_repeat repeat;
    const char *implied; /* of one that is joined: the property of a first word that bears
                          * no name; NULL: none */
    const char *beside; /* the first word of values that count beside the last, or NULL */
};

/* How a value is recognised. */
enum maqet_qemu_match {
    MAQET_QEMU_HAS,      /* the property is there */
    MAQET_QEMU_CONTAINS, /* its value contains a text */
    MAQET_QEMU_IS_NOT,   /* it is absent, or something else */
    MAQET_QEMU_WHOLE     /* the option's value is this text */
};

struct maqet_qemu_value {
    const char *option; /* of several that take the same values the first */
    const char *type;   /* the first word, as "tap" of "tap,id=n"; NULL: any */
    const char *property;
    enum maqet_qemu_match match;
    const char *value;
    struct maqet_qemu_verdict verdict;
};

/* The tables; each ends with a row whose name, or option, is NULL. */
extern const struct maqet_qemu_option maqet_qemu_options[];
extern const struct maqet_qemu_value maqet_qemu_values[];

/* The row of an option, without its dash; one of nature "other" when it is not known. */
const struct maqet_qemu_option *maqet_qemu_option_find(const char *name);

#endif
