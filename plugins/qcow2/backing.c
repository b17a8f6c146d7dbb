/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/common/probe.h"
#include "plugins/common/quote.h"
#include "plugins/qcow2/header.h"

/* More than any chain has. */
enum { BACKING_MAX = 64 };

/* The name of an option of a level, "backing_file.2". */
struct level_option {
    char name[64];
};

static struct level_option
option_of(const char *option, size_t level)
{
    struct level_option result;

    snprintf(result.name, sizeof(result.name), "%s.%zu", option, level);
    return result;
}

size_t
backing_count(const struct maqet_drive *drive)
{
    return maqet_drive_count(drive, "backing_file");
}

const char *
backing_file(const struct maqet_drive *drive, size_t level)
{
    return level < backing_count(drive)
               ? maqet_drive_string(drive, option_of("backing_file", level).name)
               : NULL;
}

/* One format for all, or one for each. */
const char *
backing_format(const struct maqet_drive *drive, size_t level)
{
    size_t count = maqet_drive_count(drive, "backing_format");

    if (count == 1)
        level = 0;
    return level < count
               ? maqet_drive_string(drive, option_of("backing_format", level).name)
               : NULL;
}

static int
error_system(const struct maqet_drive *drive, size_t level, int number,
             struct maqet_error **err)
{
    enum maqet_error_code code = number == ENOENT || number == ENOTDIR
                                     ? MAQET_ERROR_MISSING
                                 : number == EACCES ? MAQET_ERROR_PERMISSION
                                                    : MAQET_ERROR_FAILED;

    return maqet_drive_error(drive, option_of("backing_file", level).name, err, code,
                             "cannot read the backing file %s: %s",
                             backing_file(drive, level), strerror(number));
}

/* Whether a path leads to a file. */
static bool
leads_to(const char *path, const struct stat *file)
{
    struct stat status;

    return path && stat(path, &status) == 0 && status.st_dev == file->st_dev &&
           status.st_ino == file->st_ino;
}

/* Not a pipe, not a folder, and neither the overlay itself nor a base above. */
static int
check_file(const struct maqet_drive *drive, size_t level, int fd,
           struct maqet_error **err)
{
    const char *path = backing_file(drive, level);
    const struct level_option option = option_of("backing_file", level);
    const char *overlay = maqet_drive_path(drive);
    struct stat base;

    if (fstat(fd, &base) < 0)
        return error_system(drive, level, errno, err);
    if (!S_ISREG(base.st_mode) && !S_ISBLK(base.st_mode))
        return maqet_drive_error(
            drive, option.name, err, MAQET_ERROR_INVALID,
            "the backing file %s is neither a file nor a block device", path);
    if (leads_to(overlay, &base))
        return maqet_drive_error(drive, option.name, err, MAQET_ERROR_INVALID,
                                 "the image %s cannot be its own backing file", overlay);
    for (size_t i = 0; i < level; i++)
        if (leads_to(backing_file(drive, i), &base))
            return maqet_drive_error(drive, option_of("backing_file", level).name, err,
                                     MAQET_ERROR_INVALID,
                                     "the backing file %s is named twice", path);
    return 0;
}

/* Whether an image is there, and was made on a base of that format. */
static bool
was_made_on(const char *path, const char *format)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    struct qcow2_header header;
    const char *fault;

    if (fd < 0)
        return false;
    bool same = qcow2_header_read(fd, &header, &fault) == 0 &&
                strcmp(header.backing_format, format) == 0;
    close(fd);
    return same;
}

/*
 * The user's word on the format must be there, and be true. A base that is said to be
 * raw, and that the overlay was made on as such, is: a guest may have written to it what
 * looks like the beginning of an image, and QEMU is told not to look at that.
 */
static int
check_format(const struct maqet_drive *drive, size_t level, const char *real,
             struct maqet_error **err)
{
    const char *path = backing_file(drive, level);
    const char *written = backing_format(drive, level);
    const char *above =
        level > 0 ? backing_file(drive, level - 1) : maqet_drive_path(drive);
    bool usable = strcmp(real, "qcow2") == 0 || strcmp(real, "raw") == 0;

    if (written && (strcmp(written, real) == 0 ||
                    (strcmp(written, "raw") == 0 && was_made_on(above, written))))
        return 0;
    if (written)
        maqet_drive_error(drive, "backing_format", err, MAQET_ERROR_INVALID,
                          "the backing file %s is an image of the format '%s', not '%s'",
                          path, real, written);
    else
        maqet_drive_error(
            drive, option_of("backing_file", level).name, err, MAQET_ERROR_INVALID,
            "`backing_file` needs `backing_format` beside it: the format is "
            "never guessed, since a guest can fake it");
    if (usable)
        maqet_error_hint(err,
                         "%s looks like '%s'; if you know that it was made as such an "
                         "image, say `backing_format: %s`",
                         path, real, real);
    /* Not where there is one: the command would make it anew, empty. */
    if (written && level == 0 && strcmp(written, "raw") == 0 && above &&
        access(above, F_OK) < 0) {
        char *base = shell_quoted(path), *overlay = shell_quoted(above);

        if (base && overlay)
            maqet_error_hint(
                err,
                "If its guest has written what looks like that, make the overlay "
                "by hand: qemu-img create -f qcow2 -F raw -b %s %s",
                base, overlay);
        free(base);
        free(overlay);
    } else
        maqet_error_hint(err, "Convert it first: qemu-img convert -f %s -O qcow2 ...",
                         real);
    return -1;
}

/* The path by which a base names its own base. The caller frees; NULL: out of memory. */
static char *
named_by(const char *path, const char *name)
{
    char *whole;

    if (*name == '/')
        return strdup(name);
    return asprintf(&whole, "%.*s/%s", (int)(strrchr(path, '/') - path), path, name) < 0
               ? NULL
               : whole;
}

/* The lines that declare one base more. */
static void
hint_at_more(const struct maqet_drive *drive, const char *named, const char *format,
             struct maqet_error **err)
{
    size_t count = backing_count(drive);
    char *files = NULL, *formats = NULL;
    size_t length;
    FILE *to_files = open_memstream(&files, &length);
    FILE *to_formats = open_memstream(&formats, &length);

    for (size_t i = 0; to_files && to_formats && i <= count; i++) {
        const char *its = i < count ? backing_format(drive, i) : format;

        fprintf(to_files, "%s%s", i > 0 ? ", " : "",
                i < count ? backing_file(drive, i) : named);
        fprintf(to_formats, "%s%s", i > 0 ? ", " : "", *its ? its : "FORMAT");
    }
    if (to_files)
        fclose(to_files);
    if (to_formats)
        fclose(to_formats);
    if (files && formats)
        maqet_error_hint(err,
                         "If you trust it, name that file, too: `backing_file: [%s]` and "
                         "`backing_format: [%s]`",
                         files, formats);
    free(files);
    free(formats);
}

/* A base that leads on to files which are not declared would have QEMU open what no
 * configuration names. */
static int
check_next(const struct maqet_drive *drive, size_t level,
           const struct qcow2_header *header, struct maqet_error **err)
{
    const char *path = backing_file(drive, level);
    const char *declared = backing_file(drive, level + 1);
    const struct level_option option =
        option_of("backing_file", level + (declared ? 1 : 0));
    char *named = header->backing_file[0] ? named_by(path, header->backing_file) : NULL;
    struct stat status;

    if (!named && !declared)
        return 0;
    if (!named)
        return maqet_drive_error(drive, option.name, err, MAQET_ERROR_INVALID,
                                 "the backing file %s has no backing file, though the "
                                 "configuration says so",
                                 path);
    /* Files that were moved together may name each other by places that are gone. */
    bool same = declared && (stat(named, &status) < 0 || leads_to(declared, &status));
    if (!same && declared)
        maqet_drive_error(drive, option.name, err, MAQET_ERROR_INVALID,
                          "the backing file %s names the backing file '%s', but the "
                          "configuration names %s, which is a different file; with the "
                          "wrong one, the guest would see damaged data",
                          path, header->backing_file, declared);
    else if (!same)
        maqet_drive_error(
            drive, option.name, err, MAQET_ERROR_INVALID,
            "the backing file %s names the backing file '%s' in its turn; it "
            "is not opened, since such a name can make any file of this "
            "host readable in the guest",
            path, header->backing_file);
    if (!same && !declared) {
        hint_at_more(drive, named, header->backing_format, err);
        maqet_error_hint(
            err, "Or make a base that stands alone: qemu-img convert -O qcow2 ...");
    }
    free(named);
    return same ? 0 : -1;
}

static int
check_header(const struct maqet_drive *drive, size_t level, int fd,
             uint64_t *virtual_size, struct maqet_error **err)
{
    const char *path = backing_file(drive, level);
    const struct level_option option = option_of("backing_file", level);
    struct qcow2_header header;
    const char *fault;

    if (qcow2_header_read(fd, &header, &fault) < 0)
        return maqet_drive_error(drive, option.name, err, MAQET_ERROR_INVALID,
                                 "the backing file %s is no valid qcow2 image: %s", path,
                                 fault);
    *virtual_size = header.virtual_size;
    if (qcow2_has_data_file(&header)) {
        maqet_drive_error(
            drive, option.name, err, MAQET_ERROR_INVALID,
            "the backing file %s names the external data file '%s' in its "
            "turn; it is not opened, since such a name can make any file of "
            "this host readable in the guest",
            path, header.data_file);
        maqet_error_hint(err,
                         "Make a base that stands alone: qemu-img convert -O qcow2 ...");
        return -1;
    }
    if (header.crypt_method != QCOW2_CRYPT_NONE)
        return maqet_drive_error(drive, option.name, err, MAQET_ERROR_UNSUPPORTED,
                                 "the backing file %s is encrypted, and there is no key "
                                 "for a base",
                                 path);
    if (header.incompatible_features & ~QCOW2_KNOWN_FEATURES)
        return maqet_drive_error(
            drive, option.name, err, MAQET_ERROR_UNSUPPORTED,
            "the backing file %s uses features of qcow2 that are not "
            "known here",
            path);
    return check_next(drive, level, &header, err);
}

static int
check_open(const struct maqet_drive *drive, size_t level, int fd, uint64_t *virtual_size,
           struct maqet_error **err)
{
    if (check_file(drive, level, fd, err) < 0)
        return -1;
    const char *format = probe_format(fd);
    if (!format)
        return error_system(drive, level, errno, err);
    if (check_format(drive, level, format, err) < 0)
        return -1;
    if (strcmp(backing_format(drive, level), "qcow2") == 0)
        return check_header(drive, level, fd, virtual_size, err);
    if (backing_file(drive, level + 1))
        return maqet_drive_error(drive, option_of("backing_file", level + 1).name, err,
                                 MAQET_ERROR_INVALID,
                                 "the backing file %s is raw, so it has no backing file",
                                 backing_file(drive, level));
    return probe_size(fd, virtual_size) < 0 ? error_system(drive, level, errno, err) : 0;
}

static int
check_level(const struct maqet_drive *drive, size_t level, uint64_t *virtual_size,
            struct maqet_error **err)
{
    /* O_NONBLOCK: a FIFO must not make us wait for a writer. */
    int fd =
        open(backing_file(drive, level), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return error_system(drive, level, errno, err);
    int result = check_open(drive, level, fd, virtual_size, err);
    close(fd);
    return result;
}

int
backing_check(const struct maqet_drive *drive, uint64_t *virtual_size,
              struct maqet_error **err)
{
    size_t count = backing_count(drive),
           formats = maqet_drive_count(drive, "backing_format");

    *virtual_size = 0;
    if (count == 0 && formats > 0)
        return maqet_drive_error(drive, "backing_format", err, MAQET_ERROR_INVALID,
                                 "`backing_format` without `backing_file` means nothing");
    if (count > BACKING_MAX)
        return maqet_drive_error(
            drive, "backing_file", err, MAQET_ERROR_UNSUPPORTED,
            "%zu backing files are more than the %d that are possible", count,
            BACKING_MAX);
    if (formats > 1 && formats != count)
        return maqet_drive_error(
            drive, "backing_format", err, MAQET_ERROR_INVALID,
            "`backing_format` has %zu formats for %zu backing files: "
            "give one for all, or one for each",
            formats, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t size;

        if (check_level(drive, i, i > 0 ? &size : virtual_size, err) < 0)
            return -1;
    }
    return 0;
}

void
backing_report(const struct maqet_drive *drive, struct maqet_image *image)
{
    for (size_t i = 1; i < backing_count(drive); i++)
        maqet_image_names_file(image, option_of("backing_file", i).name, "backing file",
                               backing_file(drive, i));
}

/* Whether the folders of two absolute paths are the same. */
static bool
share_folder(const char *one, const char *other)
{
    struct stat first, second;
    /* With the slash, for "/". */
    char *a = strndup(one, (size_t)(strrchr(one, '/') - one) + 1);
    char *b = strndup(other, (size_t)(strrchr(other, '/') - other) + 1);
    bool same = a && b && stat(a, &first) == 0 && stat(b, &second) == 0 &&
                first.st_dev == second.st_dev && first.st_ino == second.st_ino;

    free(a);
    free(b);
    return same;
}

const char *
backing_name(const struct maqet_drive *drive)
{
    const char *base = backing_file(drive, 0);
    const char *overlay = maqet_drive_path(drive);

    /* QEMU would take what stands before a colon for a protocol. */
    if (!base || !overlay || !share_folder(base, overlay) ||
        strchr(strrchr(base, '/'), ':'))
        return base;
    return strrchr(base, '/') + 1;
}

/* The places of a node's layers, below "backing." for each level. */
struct place {
    char node[BACKING_MAX * sizeof("backing.")];
    char keys[8][BACKING_MAX * sizeof("backing.") + 32];
};

static struct blockdev_layer
layer_at(struct place *place, const char *file, char keys[][sizeof(place->keys[0])])
{
    const char *const ends[] = {"driver", "filename", "aio", "cache.direct",
                                "cache.no-flush"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        snprintf(keys[i], sizeof(keys[i]), "%s%s%s", place->node, file, ends[i]);
    return (struct blockdev_layer){.driver = keys[0],
                                   .filename = keys[1],
                                   .aio = keys[2],
                                   .cache_direct = keys[3],
                                   .cache_no_flush = keys[4]};
}

static const char *
key_at(struct place *place, const char *end)
{
    snprintf(place->keys[5], sizeof(place->keys[5]), "%s%s", place->node, end);
    return place->keys[5];
}

void
backing_emit(const struct maqet_drive *drive, struct maqet_props *node)
{
    struct place place = {.node = ""};
    size_t count = backing_count(drive);

    if (maqet_drive_backing_node(drive)) {
        maqet_props_string(node, "backing", maqet_drive_backing_node(drive));
        return;
    }
    for (size_t i = 0; i < count && i < BACKING_MAX; i++) {
        const char *format = backing_format(drive, i);
        struct blockdev_layer layer;

        if (!format)
            break;
        strcat(place.node, "backing.");
        maqet_props_string(node, key_at(&place, "driver"), format);
        maqet_props_bool(node, key_at(&place, "read-only"), true);
        layer = layer_at(&place, "", place.keys);
        blockdev_emit_cache(drive, node, &layer);
        layer = layer_at(&place, "file.", place.keys);
        blockdev_emit_file(drive, node, &layer, backing_file(drive, i));
        if (i + 1 == count && strcmp(format, "raw") == 0)
            return;
    }
    maqet_props_string(node, key_at(&place, "backing"), NULL);
}
