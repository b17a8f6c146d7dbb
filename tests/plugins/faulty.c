/* SPDX-License-Identifier: MIT */
/*
 * faulty.c - a storage plugin that is right, or wrong in the one way that a -DFAULT_...
 * says. tests/plugins/local.mk builds it once for each way.
 */
#include <maqet-plugin.h>

/* What a fault leaves without a user. */
#define MAYBE_UNUSED __attribute__((__unused__))

#ifdef FAULT_CRASHING
#include <stdlib.h>

/* Runs when it is loaded. */
static void __attribute__((__constructor__)) crash(void)
{
    abort();
}
#endif

#ifdef FAULT_MISSING_SYMBOL
int maqet_not_in_this_version(void);
#endif

#ifdef FAULT_BAD_OPTION
static const struct maqet_option options[] = {
    {.name = "Bad-Name", .type = MAQET_OPTION_STRING, .help = "not [a-z][a-z0-9_]*"},
    {.name = NULL},
};
#elif defined(FAULT_RESERVED_OPTION)
static const struct maqet_option options[] = {
    {.name = "media", .type = MAQET_OPTION_STRING, .help = "belongs to the core"},
    {.name = NULL},
};
#elif defined(FAULT_NO_CHOICES)
static const struct maqet_option options[] = {
    {.name = "word", .type = MAQET_OPTION_CHOICE, .help = "has no choices"},
    {.name = NULL},
};
#elif defined(FAULT_NEWER)
/* Rows of later days are longer. */
struct option_of_tomorrow {
    struct maqet_option today;
    const char *unit;
};
static const struct option_of_tomorrow rows[] = {
    {{.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"}, "path"},
    {{.name = "size", .type = MAQET_OPTION_SIZE, .help = "virtual size"}, "bytes"},
    {{.name = "colour", .type = MAQET_OPTION_STRING, .fallback = "red"}, "nm"},
    {{.name = NULL}, NULL},
};
#define OPTIONS (&rows[0].today)
#define OPTION_SIZE sizeof(struct option_of_tomorrow)
#elif defined(FAULT_FOREIGN)
/* What nobody wants to have on a terminal, or on a manual page. */
#define SUMMARY                                                                          \
    "foreign \033[2J\nERROR: forged\n.so /etc/passwd\n'so /etc/passwd \342\200\256bidi " \
    "\377bytes \302\23331m"
static const char *const choices[] = {"one\n.so x", "two\033[2J", NULL};
static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = SUMMARY},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "virtual size"},
    {.name = "word",
     .type = MAQET_OPTION_CHOICE,
     .fallback = "one\n.so x",
     .choices = choices,
     .help = SUMMARY},
    {.name = NULL},
};
#else
static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"},

    {.name = "size", .type = MAQET_OPTION_SIZE, .help = "virtual size"},
    {.name = "colour",
     .type = MAQET_OPTION_STRING,
     .fallback = "red",
     .help = "of no use"},
    {.name = NULL},
};
#endif
#ifndef SUMMARY
#define SUMMARY "a plugin for tests"
#endif
#ifndef OPTIONS
#define OPTIONS options
#define OPTION_SIZE sizeof(struct maqet_option)
#endif

static MAYBE_UNUSED int
faulty_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
             struct maqet_error **err)
{
    (void)err;
    *at_once = *at_most = maqet_drive_size(drive, "size");
    return 0;
}

static MAYBE_UNUSED int
faulty_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    (void)drive;
#ifdef FAULT_SILENT
    (void)path;
    (void)err;
    return -1;
#else
    return maqet_run(err, "qemu-img", "create", "-q", "-f", "raw", path, "1M",
                     (const char *)NULL);
#endif
}

static MAYBE_UNUSED int
faulty_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));

    (void)err;
    maqet_props_string(node, "driver", "raw");
#ifdef FAULT_KEY_TWICE
    maqet_props_string(node, "driver", "raw");
#endif
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", maqet_drive_path(drive));
#ifdef FAULT_MISSING_SYMBOL
    return maqet_not_in_this_version();
#else
    return 0;
#endif
}

#ifdef FAULT_NO_INSPECT
static int
faulty_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    (void)drive;
    (void)bytes;
    (void)err;
    return 0;
}
#endif

#ifdef FAULT_SNAPSHOTS
/* Incomplete, and smaller than any that ever was. */
static const struct maqet_snapshot_table snapshots = {
#ifdef FAULT_SMALL_TABLE
    .size = offsetof(struct maqet_snapshot_table, can_create),
#else
    .size = sizeof(struct maqet_snapshot_table),
#endif
};
#endif

/* A maqet of later days: the same ABI, and callbacks that this one has never heard of. */
struct storage_of_tomorrow {
    struct maqet_storage_plugin today;
    int (*another)(const struct maqet_drive *drive, struct maqet_error **err);
    const char *surprise;
};

#ifdef FAULT_NEWER
#define PLUGIN plugin.today
MAYBE_UNUSED static const struct storage_of_tomorrow plugin = {
    .today =
#else
#define PLUGIN plugin
MAYBE_UNUSED static const struct maqet_storage_plugin plugin =
#endif
        {
            .header =
                {
#ifdef FAULT_SMALL
                    offsetof(struct maqet_storage_plugin, overlay),
#elif defined(FAULT_NEWER)
                sizeof(struct storage_of_tomorrow),
#else
            sizeof(struct maqet_storage_plugin),
#endif
#ifdef FAULT_WRONG_ABI
                    77,
#else
                MAQET_PLUGIN_ABI,
#endif
#ifdef FAULT_WRONG_KIND
                    MAQET_PLUGIN_KIND_IFACE,
#else
                MAQET_PLUGIN_KIND_STORAGE,
#endif
                    OPTION_SIZE,
                },
            .name = FAULTY_NAME,
            .summary = SUMMARY,
            .options = OPTIONS,
            .interface = "virtio",
#ifdef FAULT_PATH_OPTION
            .path_option = "nowhere",
#else
        .path_option = "file",
#endif
            .size_option = "size",
            .creation = MAQET_CREATION_ONCE,
#ifndef FAULT_NO_SPACE
            .space = faulty_space,
#endif
#ifndef FAULT_NO_CREATE
            .create = faulty_create,
#endif
#ifndef FAULT_NO_EMIT
            .emit_args = faulty_emit_args,
#endif
#ifdef FAULT_NO_INSPECT
            .resize = faulty_resize,
#endif
#ifdef FAULT_SNAPSHOTS
            .snapshot = &snapshots,
#endif
#ifdef FAULT_NEWER
        },
    .surprise = "you don't know me",
#endif
};

#ifdef FAULT_NULL_ENTRY
MAQET_EXPORT const struct maqet_storage_plugin *maqet_storage_plugin(void);
const struct maqet_storage_plugin *
maqet_storage_plugin(void)
{
    return NULL;
}
#elif !defined(FAULT_NO_ENTRY)
MAQET_REGISTER_STORAGE_PLUGIN(PLUGIN)
#endif
