/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what a check works with: the plugin, a separate folder, and drives with
 * options that are made up from the plugin's table.
 */
#ifndef MAQET_CONFORMANCE_BENCH_H
#define MAQET_CONFORMANCE_BENCH_H

#include "core/storage/entry.h"
#include "core/storage/image.h"

/* ms that one step of a check may take, such as a QEMU that starts. */
static const int64_t BENCH_STEP_TIMEOUT = 20000;

/* The kinds of plugins that a check, or a call, is for. */
enum { OF_STORAGE = 1, OF_IFACE = 2, OF_BOTH = 3 };

/* What it needs. */
enum {
    NEEDS_PLUGIN = 1 << 0,                /* a plugin that loads, not only its file */
    NEEDS_DRIVES = 1 << 1 | NEEDS_PLUGIN, /* drives with made-up options are accepted */
    NEEDS_DRIVE = 1 << 2 | NEEDS_DRIVES,  /* one of these: bench->drive */
    NEEDS_SIZE = 1 << 3,    /* a size_option; bench->drive has BENCH_SIZE bytes */
    NEEDS_PATH = 1 << 4,    /* images that are files */
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
    NEEDS_FAILING_TOOL = 1 << 15,        /* a scenario only: a qemu-img that fails */
    NEEDS_CREATE = 1 << 16 | NEEDS_PATH, /* image files that the plugin creates */
    NEEDS_OVERLAYS = 1 << 22 | NEEDS_CREATE | NEEDS_SIZE,
    NEEDS_READONLY = 1 << 18, /* a readonly_option */
    MAKES_DRIVE =
        1 << 21, /* a scenario only: it makes a drive, whose memory is the core's */
    NEEDS_REMOVE = 1 << 19, /* callbacks */
    NEEDS_ENDED = 1 << 20,
    NEEDS_THERE = 1 << 17, /* what a drive is made of can be created, or is there */
};

/* Shared with the parent, which reads what a child was doing when it crashed. */
struct bench_trail {
    char callback[40]; /* the one that is being called; "": none */
    char doing[200];   /* what it is called with, or what else is done; "": nothing */
    bool ended;        /* the check has ended */
};

/* Paths that are made up for a drive, at most; further ones are those of folders. */
enum { BENCH_PATHS = 8 };

/* Bytes of a file that is no image. */
enum { BENCH_NOISE = 65536 };

/* What is in the files of made-up secrets. */
#define BENCH_SECRET "maqet-check-secret-62ab1f"

struct bench {
    struct maqet_context context;
    struct maqet_machine machine;
    struct maqet_qemu_version version; /* that @machine has */
    char *file;                        /* the plugin's */
    char *name;
    bool is_iface;
    char *qemu;            /* the program */
    json_object *settings; /* options that the author sets for every drive: a tree */
    char *folder;          /* of the check alone; empty when the check begins */
    struct bench_trail *trail;

    /* In the child only. */
    const struct maqet_storage *storage; /* the plugin, or one to test an interface */
    const struct maqet_iface *iface;     /* the plugin; NULL: it is a storage */
    const struct maqet_option *options;  /* the plugin's */
    int (*validate)(const struct maqet_drive *, struct maqet_error **); /* the plugin's */
    const char *interface; /* of the drives; NULL: they have none, as shares */
    unsigned char path_kinds[BENCH_PATHS]; /* what made-up paths lead to (made_up.h) */
    unsigned path_count;                   /* how many paths the last entry has */
    struct maqet_strings names;            /* of drives so far */
    struct maqet_drive *drive; /* with made-up options, if the check needs one */
    char *skipped;             /* why there is nothing to check; NULL: there is */
    char *misuse;              /* the first mistake that the core reported; NULL: none */
};

static inline unsigned
bench_kind(const struct bench *bench)
{
    return bench->is_iface ? OF_IFACE : OF_STORAGE;
}

/* Loads the plugin. bench_open() also loads a storage to test an interface with. */
int bench_load(struct bench *bench, struct maqet_error **err);
int bench_open(struct bench *bench, struct maqet_error **err);

/* What the loaded plugin, or the host, lacks of @needs. The caller frees; NULL:
 * nothing. */
char *bench_lack(struct bench *bench, unsigned needs);

/* Notes why there is nothing to check. Returns 0. */
int bench_skip(struct bench *bench, const char *format, ...) MAQET_PRINTF(2, 3);

/* Notes what comes next, for the error message after a crash. The core notes the callback
 * itself. */
void bench_doing(struct bench *bench, const char *format, ...) MAQET_PRINTF(2, 3);

/* An error that says what the plugin did wrong, with a hint for its author (may be NULL).
 * Returns -1. */
int bench_fail(struct maqet_error **err, const char *hint, const char *format, ...)
    MAQET_PRINTF(3, 4);

/* A drive with made-up options, or with this entry. NULL on error. */
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

/* Creates what the drive consists of if it is missing, as a start does. */
int bench_prepare(const struct maqet_drive *drive, struct maqet_error **err);

/* Whether the storage has an option for the size of new images. */
bool bench_has_size(const struct bench *bench);

/* Fails, with @what ("of two drives the first") and @hint, if the plugin reports another
 * size of the image than the drive asks for. */
int bench_check_size(const struct bench *bench, const struct maqet_drive *drive,
                     const char *what, const char *hint, struct maqet_error **err);

/* Bytes of a drive, unless a check needs another size. */
#define BENCH_SIZE (UINT64_C(8) << 20)

/* The path of a file in the check's folder. The caller frees. */
char *bench_path(const struct bench *bench, const char *name);

/* Replaces a file. */
int bench_write(const char *path, const void *data, size_t length,
                struct maqet_error **err);

/* A text that changes with any file in a folder: names, types, sizes, times. The caller
 * frees. */
char *bench_picture(const char *folder);

/* Fails if the check's folder has changed since then, by @who ("inspect"). */
int bench_check_unchanged(const struct bench *bench, const char *before, const char *who,
                          struct maqet_error **err);

#endif
