/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what a check works with: the plugin, a folder of its own, and drives with
 * options that were made up from the plugin's table.
 */
#ifndef MAQET_CONFORMANCE_BENCH_H
#define MAQET_CONFORMANCE_BENCH_H

#include "core/storage/entry.h"
#include "core/storage/image.h"

/* ms that one step of a check may take, such as a QEMU that starts. */
static const int64_t BENCH_STEP_TIMEOUT = 20000;

/* The kinds of plugins that a check is for, or a call. */
enum { OF_STORAGE = 1, OF_IFACE = 2, OF_BOTH = 3 };

/* What it needs, besides. */
enum {
    NEEDS_PLUGIN = 1 << 0, /* one that loads; else it is about the file alone */
    NEEDS_DRIVES = 1 << 1 | NEEDS_PLUGIN, /* drives with made-up options are accepted */
    NEEDS_DRIVE = 1 << 2 | NEEDS_DRIVES,  /* bench->drive: one of these */
    NEEDS_SIZE = 1 << 3,    /* the option: bench->drive has BENCH_SIZE bytes */
    NEEDS_PATH = 1 << 4,    /* images in files */
    NEEDS_INSPECT = 1 << 5, /* callbacks */
    NEEDS_CHECK = 1 << 6,
    NEEDS_SNAPSHOTS = 1 << 7,
    NEEDS_LIVE_CREATE = 1 << 8,
    NEEDS_SERVE = 1 << 9,
    NEEDS_RESIZE = 1 << 10,
    NEEDS_LIVE_RESIZE = 1 << 11,
    NEEDS_QEMU = 1 << 12, /* programs */
    NEEDS_QEMU_IMG = 1 << 13,
    NEEDS_QEMU_IO = 1 << 14,
    NEEDS_FAILING_TOOL = 1 << 15, /* of a scenario: a qemu-img that fails */
};

/* Memory that is shared with the parent, which reads where a child was when it crashed. */
struct bench_trail {
    char callback[40]; /* that is being called; "": none */
    char doing[200];   /* with what it is called, or what else is done; "": not special */
    bool ended;        /* the check has ended */
};

struct bench {
    struct maqet_context context; /* its folders lie in @folder; the rest is borrowed */
    struct maqet_machine machine;
    char *file;            /* the plugin's */
    char *qemu;            /* the program */
    json_object *settings; /* what the author says of every drive: a tree */
    bool is_iface;
    char *name;   /* the plugin's */
    char *folder; /* the check's own; it is there, and empty, when the check begins */

    /* In the child only. */
    const struct maqet_storage
        *storage;                    /* the plugin, or what the interface is tried with */
    const struct maqet_iface *iface; /* the plugin; NULL: it is a storage */
    const struct maqet_option *options; /* the plugin's own */
    int (*validate)(const struct maqet_drive *, struct maqet_error **); /* its own */
    const char *interface;     /* what drives say; NULL: nothing, as a share */
    struct maqet_drive *drive; /* with made-up options, where the check needs one */
    char *skipped;             /* why there was nothing to check */
    char *misuse;              /* the first that was reported */
    struct bench_trail *trail; /* shared with the parent */
};

static inline unsigned
bench_kind(const struct bench *bench)
{
    return bench->is_iface ? OF_IFACE : OF_STORAGE;
}

/* Loads the plugin; and besides, a storage to try an interface with. */
int bench_load(struct bench *bench, struct maqet_error **err);
int bench_open(struct bench *bench, struct maqet_error **err);

/* What the plugin, which is loaded, or the host lacks of that. The caller frees; NULL:
 * nothing. */
char *bench_lack(const struct bench *bench, unsigned needs);

/* Says why there is nothing to check. Returns 0, for a check to end with. */
int bench_skip(struct bench *bench, const char *format, ...) MAQET_PRINTF(2, 3);

/* Notes what is about to be done, for the error if it crashes. The callbacks that are
 * called note themselves. */
void bench_doing(struct bench *bench, const char *format, ...) MAQET_PRINTF(2, 3);

/* A failed check: what the plugin did, and what its author should do. Returns -1. */
int bench_fail(struct maqet_error **err, const char *hint, const char *format, ...)
    MAQET_PRINTF(3, 4);

/* The entry of a drive, with the image disk.NAME in the check's folder, and made-up values
 * for what it needs. Sizes are @size bytes (0: some). The caller puts it. */
json_object *bench_entry(const struct bench *bench, const char *name, uint64_t size);

/* Sets an option of an entry; "map.option" leads into a mapping. NULL removes it. */
void bench_set(json_object *entry, const char *option, const char *value);

/* A drive of the plugin, with made-up options. NULL on error. */
struct maqet_drive *bench_drive(struct bench *bench, const char *name, uint64_t size,
                                struct maqet_error **err);
struct maqet_drive *bench_drive_of(struct bench *bench, json_object *entry,
                                   struct maqet_error **err);

static inline void
bench_drive_cleanup(struct maqet_drive **drive)
{
    maqet_drive_free(*drive);
}

#define _cleanup_drive_ _cleanup_(bench_drive_cleanup)

/* Makes what the drive is made of, as a start does. */
int bench_prepare(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether the storage has the option `size`. */
bool bench_has_size(const struct bench *bench);

/* Whether an image has the size that the drive asks for, as far as its plugin tells. @what
 * is wrong where it hasn't ("of two drives one"), and @hint what to do. */
int bench_check_size(const struct bench *bench, const struct maqet_drive *drive,
                     const char *what, const char *hint, struct maqet_error **err);

/* The sizes that drives have unless a check says otherwise. */
#define BENCH_SIZE (UINT64_C(8) << 20)

/* A file in the check's folder; the caller frees. */
char *bench_path(const struct bench *bench, const char *name);
int bench_write(const char *path, const void *data, size_t length,
                struct maqet_error **err);

/* A text that changes when anything in a folder does: names, kinds, sizes, times of
 * contents. The caller frees. */
char *bench_picture(const char *folder);

/* Fails if the check's folder has changed since; @who may have changed it. */
int bench_check_unchanged(const struct bench *bench, const char *before, const char *who,
                          struct maqet_error **err);

#endif
