/* SPDX-License-Identifier: MIT */
/*
 * seeded.c - a storage plugin that is right, or wrong in the one way that -DFAULT=NUMBER
 * says (seeded-faults.h): what `maqet plugin check` is measured by. It makes images by
 * qemu-img, with all that a storage can have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seeded-faults.h"

#if FAULT == EXPORTS
int seeded_help_function(void);
int
seeded_help_function(void)
{
    return 0;
}
#endif

#if FAULT == CONSTRUCTOR
static void __attribute__((__constructor__)) begin(void)
{
    setenv("SEEDED", "1", 0);
}
#endif

static const char *const cache_words[] = {"writeback", "none-at-all", NULL};

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 65536,
     .maximum = INT64_MAX,
     .help = "size that the guest sees, such as 20G"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "weight",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .fallback = FAULT == BAD_FALLBACK ? "heavy" : "5",
     .minimum = 1,
     .maximum = 9,
     .help = "of no use"},
    {.name = "cache",
     .type = MAQET_OPTION_CHOICE,
     .choices = cache_words,
     .help = "of no use either"},
    {.name = "label",
     .type = MAQET_OPTION_STRING,
     .help = FAULT == NO_HELP ? NULL : "a text that is looked at and not used"},
    {.name = NULL},
};

/* ---- storage ---- */

static int
check_label(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *label = maqet_drive_string(drive, FAULT == MISSPELT ? "lable" : "label");
    char copy[64];

    if (!label)
        return FAULT == REFUSES ? maqet_drive_error(drive, "label", err,
                                                    MAQET_ERROR_INVALID, "no label")
                                : 0;
    if (FAULT == SHORT_BUFFER) {
        strcpy(copy, label);
        return copy[0] == '\n' ? maqet_drive_error(drive, "label", err,
                                                   MAQET_ERROR_INVALID, "a line feed")
                               : 0;
    }
    if (strlen(label) < sizeof(copy))
        return 0;
    return maqet_drive_error(drive, "label", err, MAQET_ERROR_INVALID,
                             "the label is longer than %zu bytes", sizeof(copy) - 1);
}

static int
seeded_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    static int calls;

    if (maqet_drive_media(drive) == MAQET_MEDIA_CDROM)
        return maqet_drive_error(drive, "media", err, MAQET_ERROR_UNSUPPORTED,
                                 "it is a disk, never a CD-ROM");
    if (FAULT == VALIDATE_COUNTS && ++calls % 2 == 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID, "not again");
    if (FAULT == VALIDATE_WRITES) {
        char *path;

        if (asprintf(&path, "%s.seen", maqet_drive_path(drive)) >= 0)
            close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    return check_label(drive, err);
}

static int
seeded_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
             struct maqet_error **err)
{
    uint64_t size = maqet_drive_size(drive, "size");

    if (size == 0)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "making it needs a size");
    *at_once = 262144;
    *at_most = size + *at_once;
    return 0;
}

/* Runs qemu-img as no plugin may: by itself. */
static int
run_by_fork(const char *path, const char *size, struct maqet_error **err)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        execlp("qemu-img", "qemu-img", "create", "-q", "-f", "qcow2", "--", path, size,
               (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status == 0 ? 0 : maqet_error_set(err, MAQET_ERROR_FAILED, "qemu-img failed");
}

static void
misbehave_in_create(const char *path)
{
    char *text = NULL;

    if (FAULT == PRINTS) {
        printf("creating %s\n", path);
        fflush(stdout);
    }
    if (FAULT == CHANGES_UMASK)
        umask(0);
    if (FAULT == LEAVES_CHILD && fork() == 0) {
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
        sleep(600);
        _exit(0);
    }
    if (FAULT == LEAVES_FILE && asprintf(&text, "%s.log", path) >= 0)
        close(open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (FAULT == WRITES_ELSEWHERE) {
        char name[] = "/tmp/seeded-XXXXXX";

        close(mkstemp(name));
        unlink(name);
    }
    free(text);
}

/* Where the image is made first, by the fault that all make it in one place. */
static char *
fixed_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name;

    if (asprintf(&name, "%.*s/seeded.tmp", (int)(slash - path), path) < 0)
        abort();
    return name;
}

static int
create_fixed(const char *path, const char *size, struct maqet_error **err)
{
    char *name = fixed_name(path);
    int result = maqet_run(err, "qemu-img", "create", "-q", "-f", "qcow2", "--", name,
                           size, (char *)NULL);

    if (result == 0 && rename(name, path) < 0)
        result = maqet_error_set(err, MAQET_ERROR_FAILED, "cannot rename %s: %s", name,
                                 strerror(errno));
    free(name);
    return result;
}

static int
create_by_shell(const char *path, const char *size, const char *end,
                struct maqet_error **err)
{
    char *words;

    if (asprintf(&words, "qemu-img create -q -f qcow2 %s %s %s", path, size, end) < 0)
        abort();
    int result = maqet_run(err, "sh", "-c", words, (char *)NULL);
    free(words);
    return result;
}

static int
seeded_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    char size[32];

    snprintf(size, sizeof(size), "%llu",
             (unsigned long long)maqet_drive_size(drive, "size"));
    misbehave_in_create(path);
    if (FAULT == SHELL)
        return create_by_shell(path, size, "", err);
    if (FAULT == BACKGROUND)
        return create_by_shell(path, size, ">/dev/null 2>&1 &", err);
    if (FAULT == FORKS)
        return run_by_fork(path, size, err);
    if (FAULT == FIXED_NAME)
        return create_fixed(path, size, err);
    if (FAULT == OWN_PATH)
        path = maqet_drive_path(drive);
    int result = maqet_run(
        FAULT == IGNORES ? NULL : err, "qemu-img", "create", "-q", "-f", "qcow2", "-o",
        FAULT == SPACE_UNTOLD ? "preallocation=full" : "lazy_refcounts=off", "--", path,
        size, (char *)NULL);
    return FAULT == IGNORES ? 0 : result;
}

static uint64_t
big_endian(const unsigned char *bytes, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

enum { HEADER_BYTES = 72 };

static int
error_no_image(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (FAULT == SILENT)
        return -1;
    maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID, "%s is no such image",
                      maqet_drive_path(drive));
    if (FAULT == READS_ERR)
        return *(void **)err ? -1 : 0;
    return -1;
}

static int
read_header(int fd, unsigned char *header)
{
    return pread(fd, header, HEADER_BYTES, 0) == HEADER_BYTES &&
                   memcmp(header, "QFI\xfb", 4) == 0
               ? 0
               : -1;
}

static int
seeded_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    static const unsigned char table[65536];
    unsigned char header[HEADER_BYTES];

    if (read_header(fd, header) < 0)
        return error_no_image(drive, err);
    if (FAULT == LEAKS)
        fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (FAULT == TRUSTS &&
        *(const volatile unsigned char *)&table[big_endian(header + 20, 4) * 4096] != 0)
        return error_no_image(drive, err);
    maqet_image_format(image, "seeded");
    if (big_endian(header + 8, 8) != 0)
        maqet_image_names_file(image, NULL, "backing file", "(unknown)");
    maqet_image_virtual_size(image,
                             big_endian(header + 24, 8) / (FAULT == WRONG_SIZE ? 2 : 1));
    return 0;
}

static int
seeded_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
             struct maqet_check_report *report, struct maqet_error **err)
{
    (void)depth;
    (void)err;
    if (FAULT == SUSPECTS)
        maqet_check_damage(report, maqet_drive_path(drive), "it looks odd");
    return 0;
}

static int
seeded_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    char size[32];

    snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    return FAULT == SAME_SIZE
               ? 0
               : maqet_run(err, "qemu-img", "resize", "-q", "-f", "qcow2", "--",
                           maqet_drive_path(drive), size, (char *)NULL);
}

static int
seeded_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                   struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(data, "node-name", maqet_drive_name(drive));
    maqet_props_int(data, "size", (int64_t)bytes / (FAULT == LIVE_HALF ? 2 : 1));
    return 0;
}

/* ---- what is emitted ---- */

static const char *
path_of(const struct maqet_drive *drive)
{
    static char *first;

    if (FAULT != STATIC_PATH)
        return maqet_drive_path(drive);
    if (!first)
        first = strdup(maqet_drive_path(drive));
    return first;
}

/* One object for each part of a text. */
static void
emit_parts(const struct maqet_drive *drive, struct maqet_args *args)
{
    const char *label = maqet_drive_string(drive, "label");
    int number = 0;

    for (const char *c = label ? label : ""; *c; c++) {
        char id[64];

        if (*c != ',')
            continue;
        snprintf(id, sizeof(id), "%.31s-%d", maqet_drive_name(drive), number++);
        maqet_args_object(args, "throttle-group", id);
    }
}

/* A node whose group of limits is told of after it. */
static void
emit_late(const struct maqet_drive *drive, struct maqet_args *args)
{
    char id[64];

    snprintf(id, sizeof(id), "%.31s-limits", maqet_drive_name(drive));
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_name(drive));
    maqet_props_string(node, "driver", "throttle");
    maqet_props_string(node, "throttle-group", id);
    maqet_props_string(node, "file.driver", "qcow2");
    maqet_props_string(node, "file.file.driver", "file");
    maqet_props_string(node, "file.file.filename", maqet_drive_path(drive));
    maqet_args_object(args, "throttle-group", id);
}

static int
seeded_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    static int calls;

    (void)err;
    if (FAULT == LATE_OBJECT) {
        emit_late(drive, args);
        return 0;
    }
    struct maqet_props *node =
        maqet_args_blockdev(args, FAULT == NODE_NAME ? "node0" : maqet_drive_name(drive));
    maqet_props_string(node, "driver", "qcow2");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    if (FAULT == BAD_PROPERTY)
        maqet_props_string(node, "colour", "red");
    if (FAULT == EMITS_ONCE && calls++ % 2 == 1)
        maqet_props_string(node, "discard", "unmap");
    if (FAULT == SPLITS)
        emit_parts(drive, args);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", path_of(drive));
    return 0;
}

#include "seeded-snapshots.h"

static const struct maqet_storage_plugin plugin = {
    .header = {sizeof(struct maqet_storage_plugin),
               FAULT == WRONG_ABI ? 77 : MAQET_PLUGIN_ABI, MAQET_PLUGIN_KIND_STORAGE,
               sizeof(struct maqet_option)},
    .name = "seeded",
    .summary = "images for the test of the conformance kit",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG | (FAULT == PLAIN_UNSAID ? MAQET_STORAGE_PLAIN : 0),
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = seeded_validate,
    .space = seeded_space,
    .create = seeded_create,
    .inspect = seeded_inspect,
    .resize = seeded_resize,
    .live_resize = seeded_live_resize,
    .emit_args = seeded_emit_args,
    .check = seeded_check,
    .snapshot = &snapshots,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
