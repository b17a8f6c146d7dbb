/* SPDX-License-Identifier: MIT */
/*
 * seeded.c - a storage plugin that is right, or wrong in the one way that -DFAULT=NAME
 * says (seeded-faults.h): what `maqet plugin check` is measured by. It makes images by
 * qemu-img, with all that a storage can have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* vasprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seeded-faults.h"

#ifdef FAULT_IS_EXPORTS
int seeded_help_function(void);
int
seeded_help_function(void)
{
    return 0;
}
#endif

#ifdef FAULT_IS_CONSTRUCTOR
static void __attribute__((__constructor__)) begin(void)
{
    setenv("SEEDED", "1", 0);
}
#endif

static const char *const cache_words[] = {"writeback",
                                          FAULT == CHOICE_TWICE   ? "writeback"
                                          : FAULT == EMPTY_CHOICE ? ""
                                                                  : "none-at-all",
                                          NULL};

static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "the image"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 65536,
     .maximum = INT64_MAX,
     .help = "size that the guest sees, such as 20G"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "base",
     .type = MAQET_OPTION_PATH,
     .help = "an image that is only read, below what the guest writes"},
    {.name = FAULT == OPTION_TWICE ? "cache" : "weight",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS | (FAULT == NEVER_USED ? MAQET_REQUIRED : 0),
     .fallback = FAULT == BAD_FALLBACK ? "heavy" : "5",
     .minimum = 1,
     .maximum = 9,
     .help = "of no use"},
    {.name = "cache",
     .type = MAQET_OPTION_CHOICE,
     .choices = cache_words,
     .help = FAULT == FULL_STOP ? "of no use either." : "of no use either"},
    {.name = "label",
     .type = MAQET_OPTION_STRING,
     .help = FAULT == NO_HELP ? NULL : "a text that is looked at and not used"},
    {.name = NULL},
};

#include "seeded-create.h"

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
    if (FAULT == VALIDATE_SILENT)
        return -1;
    return maqet_drive_error(drive, "label", err, MAQET_ERROR_INVALID,
                             "the label is longer than %zu bytes", sizeof(copy) - 1);
}

static int
seeded_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    static int calls;

    if (FAULT == VALIDATE_COUNTS && ++calls % 2 == 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID, "not again");
    if (FAULT == VALIDATE_WRITES) {
        char *path = text_of("%s.seen", maqet_drive_path(drive));

        touch(path);
        free(path);
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
    *at_most = FAULT == SPACE_OF_EMPTY ? *at_once : size + *at_once;
    if (FAULT == SPACE_SWAPPED)
        *at_once = *at_most + 1;
    return 0;
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
    maqet_drive_error(drive, "file", err,
                      FAULT == ODD_CODE ? (enum maqet_error_code)99 : MAQET_ERROR_INVALID,
                      "%s is no such image%s", maqet_drive_path(drive),
                      FAULT == LINE_FEED ? "\n" : "");
    if (FAULT == READS_ERR)
        return *(void **)err ? -1 : 0;
    return FAULT == CONTRADICTS ? 0 : FAULT == ODD_RESULT ? 1 : -1;
}

static int
read_header(int fd, unsigned char *header)
{
    return pread(fd, header, HEADER_BYTES, 0) == HEADER_BYTES &&
                   memcmp(header, "QFI\xfb", 4) == 0
               ? 0
               : -1;
}

/* Whether the data of the image is in another file: bit 2 of the incompatible features, which
 * version 3 has (QEMU's docs/interop/qcow2). */
static int
has_data_file(int fd, const unsigned char *header)
{
    unsigned char features[8];

    return FAULT != HIDES_DATA && big_endian(header + 4, 4) >= 3 &&
           pread(fd, features, sizeof(features), HEADER_BYTES) == sizeof(features) &&
           (big_endian(features, 8) & 4);
}

/* The file that the image names as its base; the caller frees. NULL: none. */
static char *
read_base(int fd, const unsigned char *header)
{
    uint64_t at = big_endian(header + 8, 8), length = big_endian(header + 16, 4);
    char name[1024] = "";

    if (at == 0)
        return NULL;
    if (at > 65536 || length >= sizeof(name) || pread(fd, name, length, (off_t)at) < 0)
        return strdup("(unknown)");
    return strdup(name);
}

static void
misbehave_in_inspect(const struct maqet_drive *drive, int fd)
{
    void *lost = NULL;

    if (FAULT == LEAKS)
        fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (FAULT == CLOSES_FOREIGN)
        close(0);
    if (FAULT == INSPECT_WRITES) {
        char *path = text_of("%s.log", maqet_drive_path(drive));
        int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

        if (write(log, "looked at\n", 10) < 0)
            abort();
        close(log);
        free(path);
    }
    if (FAULT == KEEPS_MEMORY || FAULT == KEEPS_GIGABYTE)
        lost = malloc(FAULT == KEEPS_MEMORY ? 4096 : (size_t)1 << 30);
    if (lost)
        *(volatile char *)lost = 1;
}

static int
seeded_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
               struct maqet_error **err)
{
    static const unsigned char table[65536];
    unsigned char header[HEADER_BYTES];

    misbehave_in_inspect(drive, fd);
    if (FAULT == NEVER_LOOKS ||
        (FAULT == TAKES_ANYTHING && read_header(fd, header) < 0)) {
        maqet_image_format(image, "qcow2");
        maqet_image_virtual_size(image, maqet_drive_size(drive, "size"));
        return 0;
    }
    if (read_header(fd, header) < 0)
        return error_no_image(drive, err);
    if (FAULT == TRUSTS &&
        *(const volatile unsigned char *)&table[big_endian(header + 20, 4) * 4096] != 0)
        return error_no_image(drive, err);
    maqet_image_format(image, FAULT == ANOTHER_FORMAT ? "raw" : "qcow2");
    if (has_data_file(fd, header))
        maqet_image_names_file(image, NULL, "file with its data", "(unknown)");
    char *base = read_base(fd, header);
    if (base && FAULT == OPENS_BASE)
        close(open(base, O_RDONLY | O_CLOEXEC));
    if (base && FAULT != HIDES_BASE)
        maqet_image_names_file(image, "base", "backing file", base);
    free(base);
    maqet_image_virtual_size(image, FAULT == SIZE_OF_OPTION
                                        ? maqet_drive_size(drive, "size")
                                        : big_endian(header + 24, 8) /
                                              (FAULT == WRONG_SIZE ? 2 : 1));
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
    if (FAULT == CHECK_WRITES)
        utimensat(AT_FDCWD, maqet_drive_path(drive), NULL, 0);
    return 0;
}

static int
seeded_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    char size[32];

    snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    if (FAULT == RESIZE_EMPTIES)
        return maqet_command_run(creation_of(drive, maqet_drive_path(drive), size), err);
    return FAULT == SAME_SIZE ? 0
                              : maqet_run(FAULT == RESIZE_SILENT ? NULL : err, "qemu-img",
                                          "resize", "-q", "-f", "qcow2", "--",
                                          maqet_drive_path(drive), size, (char *)NULL);
}

static int
seeded_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                   struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(data, "node-name",
                       FAULT == LIVE_DRIVE_NODE ? maqet_drive_name(drive)
                                                : maqet_drive_node(drive));
    maqet_props_int(data, "size", (int64_t)bytes / (FAULT == LIVE_HALF ? 2 : 1));
    return 0;
}

#include "seeded-emit.h"

#include "seeded-snapshots.h"

#include "seeded-overlays.h"

static const struct maqet_storage_plugin plugin = {
    .header = {sizeof(struct maqet_storage_plugin),
               FAULT == WRONG_ABI ? 77 : MAQET_PLUGIN_ABI, MAQET_PLUGIN_KIND_STORAGE,
               sizeof(struct maqet_option)},
    .name = "seeded",
    .summary = FAULT == NO_SUMMARY ? " " : "images for the test of the conformance kit",
    .format = "qcow2",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG | (FAULT == PLAIN_UNSAID ? MAQET_STORAGE_PLAIN : 0) |
             (FAULT == PCI_FOR_NOTHING ? MAQET_STORAGE_PCI : 0),
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
    .overlay = &overlays,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
