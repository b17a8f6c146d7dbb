/* SPDX-License-Identifier: MIT */
/*
 * qemu_options.h - what maqet knows about QEMU's options: what kind of value each takes,
 * and which options or values cannot work with maqet, since it gives QEMU its drives with
 * -blockdev, confines and detaches it, and has its own monitor and PID file. A unit test
 * compares these tables with docs/arguments.md and with the options of the installed QEMU.
 */
#ifndef MAQET_QEMU_QEMU_OPTIONS_H
#define MAQET_QEMU_QEMU_OPTIONS_H

#include "core/config/tree.h"

enum maqet_qemu_nature {
    MAQET_QEMU_OTHER,      /* nothing is known about its value */
    MAQET_QEMU_FLAG,       /* no value */
    MAQET_QEMU_TEXT,       /* any text, even "help" */
    MAQET_QEMU_PATH,       /* a path */
    MAQET_QEMU_SEARCHED,   /* a path, or the bare name of a file that comes with QEMU */
    MAQET_QEMU_ROM,        /* the same, or properties in either form */
    MAQET_QEMU_IMAGE,      /* a path, or "protocol:..." */
    MAQET_QEMU_PROPERTIES, /* properties, without which the option makes no sense */
};

enum maqet_qemu_fate { MAQET_QEMU_FINE, MAQET_QEMU_WARNED, MAQET_QEMU_REFUSED };

/* When a verdict applies. */
enum maqet_qemu_when {
    MAQET_QEMU_ALWAYS,
    MAQET_QEMU_SANDBOXED, /* QEMU may run no other program */
    MAQET_QEMU_DETACHED   /* QEMU has no terminal */
};

/* What QEMU does with an option that is given twice. */
enum maqet_qemu_repeat {
    MAQET_QEMU_EACH,  /* it uses or refuses both, or nothing is known */
    MAQET_QEMU_LAST,  /* it silently uses the last */
    MAQET_QEMU_JOINED /* it joins their properties, and uses the last of each */
};

/* Whether an option or a value is allowed. */
struct maqet_qemu_verdict {
    enum maqet_qemu_fate fate;
    enum maqet_qemu_when when;
    const char *reason;   /* NULL if it is fine */
    const char *instead;  /* the advice; NULL: none, or */
    enum maqet_next next; /* this step */
};

struct maqet_qemu_option {
    const char *name;
    enum maqet_qemu_nature nature;
    struct maqet_qemu_verdict verdict;
    const char *like; /* the option that takes the same values; NULL: none */
    enum maqet_qemu_repeat repeat;
    const char *implied; /* if joined: the property that a first word without '=' sets */
    const char *beside; /* the first word of values that do not replace others, or NULL */
};

/* How a value is recognised. */
enum maqet_qemu_match {
    MAQET_QEMU_HAS,      /* it has the property */
    MAQET_QEMU_CONTAINS, /* the property contains a text */
    MAQET_QEMU_IS_NOT,   /* the property is absent, or another text */
    MAQET_QEMU_WHOLE     /* it is this text */
};

struct maqet_qemu_value {
    const char *option; /* and those that are like it */
    const char *type;   /* the first word, such as "tap" in "tap,id=n"; NULL: any */
    const char *property;
    enum maqet_qemu_match match;
    const char *value;
    struct maqet_qemu_verdict verdict;
};

/* The last row of each table has no name, or no option. */
extern const struct maqet_qemu_option maqet_qemu_options[];
extern const struct maqet_qemu_value maqet_qemu_values[];

/* The row of an option, without its dash; an unknown one gets a row with the name "". */
const struct maqet_qemu_option *maqet_qemu_option_find(const char *name);

/* Whether an option is @name, or takes the same values. */
bool maqet_qemu_option_is_like(const struct maqet_qemu_option *option, const char *name);

#endif
