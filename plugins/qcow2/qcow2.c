/* SPDX-License-Identifier: MIT */
/*
 * qcow2.c - QEMU's own image format: thin, with snapshots, overlays and encryption.
 * Images are made by qemu-img; an existing one is looked at before QEMU opens it
 * (header.h), and a base is always given to QEMU by us and never by what the image says
 * (backing.h).
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/common/blockdev.h"
#include "plugins/common/probe.h"
#include "plugins/common/quote.h"
#include "plugins/qcow2/backing.h"
#include "plugins/qcow2/encryption.h"
#include "plugins/qcow2/check.h"
#include "plugins/qcow2/header.h"
#include "plugins/qcow2/node.h"
#include "plugins/qcow2/operations.h"
#include "plugins/qcow2/overlay.h"

enum {
    CLUSTER_SIZE = 64 * 1024, /* QEMU's default */
    CLUSTER_SIZE_MIN = 512,
    CLUSTER_SIZE_MAX = 2048 * 1024,
    EXTENDED_L2_MIN = 16 * 1024, /* bytes of a cluster; QEMU's limit */
    LUKS_SIZE = 2048 * 1024,     /* of the LUKS header in an encrypted image */
};

/* ---- options ---- */

static const char *const backing_format_words[] = {"qcow2", "raw", NULL};
static const char *const compression_type_words[] = {"zlib", "zstd", NULL};
static const char *const preallocation_words[] = {"off", "metadata", "falloc", "full",
                                                  NULL};
static const char *const encryption_format_words[] = {"luks", NULL};

static const struct maqet_option encryption_options[] = {
    {.name = "format",
     .type = MAQET_OPTION_CHOICE,
     .flags = MAQET_REQUIRED,
     .choices = encryption_format_words,
     .help = "how the data is encrypted"},
    {.name = "key_file",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "file that holds the passphrase, to its last byte"},
    {.name = NULL},
};

static const struct maqet_option options[] = {
    BLOCKDEV_OPTIONS,
    {.name = "backing_file",
     .type = MAQET_OPTION_LIST,
     .items = MAQET_OPTION_PATH,
     .help = "base that shows through where nothing was written, and in a list its own "
             "bases; they are only ever read"},
    {.name = "backing_format",
     .type = MAQET_OPTION_LIST,
     .items = MAQET_OPTION_CHOICE,
     .choices = backing_format_words,
     .help = "format of each base; needed with them, since it is never guessed"},
    {.name = "cluster_size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = CLUSTER_SIZE_MIN,
     .maximum = CLUSTER_SIZE_MAX,
     .help = "unit of allocation of a new image, a power of two; 64K unless given"},
    {.name = "extended_l2",
     .type = MAQET_OPTION_BOOL,
     .help = "let a new image allocate a 32nd of a cluster; on for overlays"},
    {.name = "lazy_refcounts",
     .type = MAQET_OPTION_BOOL,
     .help = "let a new image put off its reference counts; slow to open after a crash"},
    {.name = "compression_type",
     .type = MAQET_OPTION_CHOICE,
     .choices = compression_type_words,
     .help = "how clusters of a new image can be compressed; zlib unless given"},
    {.name = "preallocation",
     .type = MAQET_OPTION_CHOICE,
     .choices = preallocation_words,
     .help = "what a new image takes at once: off, metadata, falloc (reserved) or full "
             "(written)"},
    {.name = "encryption",
     .type = MAQET_OPTION_MAP,
     .options = encryption_options,
     .help = "how the image is encrypted, and the key"},
    {.name = NULL},
};

/* ---- validate ---- */

/* Of a new image, in bytes. */
static uint64_t
cluster_size_of(const struct maqet_drive *drive)
{
    return maqet_drive_has(drive, "cluster_size")
               ? maqet_drive_size(drive, "cluster_size")
               : CLUSTER_SIZE;
}

/* Whether a new image can allocate a part of a cluster: an overlay does unless told otherwise,
 * since the first write to a cluster would else copy all of it from the base. */
static bool
divides_clusters(const struct maqet_drive *drive)
{
    return maqet_drive_has(drive, "extended_l2")
               ? maqet_drive_bool(drive, "extended_l2")
               : maqet_drive_has(drive, "backing_file") &&
                     cluster_size_of(drive) >= EXTENDED_L2_MIN;
}

static int
validate_clusters(const struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t size = cluster_size_of(drive);

    if (size & (size - 1))
        return maqet_drive_error(drive, "cluster_size", err, MAQET_ERROR_INVALID,
                                 "`cluster_size` must be a power of two");
    if (maqet_drive_bool(drive, "extended_l2") && size < EXTENDED_L2_MIN)
        return maqet_drive_error(drive, "cluster_size", err, MAQET_ERROR_INVALID,
                                 "`extended_l2` needs a `cluster_size` of 16K or more");
    return 0;
}

static int
validate_preallocation(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *preallocation = maqet_drive_string(drive, "preallocation");

    if (!preallocation || strcmp(preallocation, "off") == 0 ||
        !maqet_drive_has(drive, "backing_file") || divides_clusters(drive))
        return 0;
    maqet_drive_error(drive, "preallocation", err, MAQET_ERROR_INVALID,
                      "an image with a `backing_file` can be preallocated only with "
                      "`extended_l2: on`, else the base would not show through");
    maqet_error_hint(err, "Remove `preallocation`, or add `extended_l2: on`");
    return -1;
}

/* A new key opens no image that was encrypted with the one that is missing. */
static void
hint_at_key(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    const char *image = maqet_drive_path(drive);

    if (image && access(image, F_OK) == 0)
        maqet_error_hint(err, "Bring it back: without that very key nobody can read %s",
                         image);
    else
        maqet_error_hint(err,
                         "For a new image, make one: (umask 077; openssl rand -base64 "
                         "32 > '%s')",
                         path);
}

static int
validate_encryption(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, "encryption.key_file");
    struct stat status;

    if (!maqet_drive_has(drive, "encryption"))
        return 0;
    if (!path)
        return maqet_drive_error(drive, "encryption", err, MAQET_ERROR_INVALID,
                                 "`encryption` needs a `key_file`");
    if (stat(path, &status) < 0 || access(path, R_OK) < 0) {
        int number = errno;

        maqet_drive_error(drive, "encryption.key_file", err,
                          number == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
                          "cannot read the key file %s: %s", path, strerror(number));
        if (number == ENOENT)
            hint_at_key(drive, path, err);
        return -1;
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return maqet_drive_error(drive, "encryption.key_file", err, MAQET_ERROR_INVALID,
                                 "the key file %s is %s", path,
                                 S_ISREG(status.st_mode) ? "empty" : "no regular file");
    return 0;
}

static int
qcow2_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t virtual_size;

    if (blockdev_validate(drive, err) < 0 || validate_clusters(drive, err) < 0 ||
        validate_preallocation(drive, err) < 0 || validate_encryption(drive, err) < 0)
        return -1;
    return backing_check(drive, &virtual_size, err);
}

/* ---- create ---- */

/* `size`, or else as large as the base. */
static int
size_to_make(const struct maqet_drive *drive, uint64_t *size, struct maqet_error **err)
{
    if (backing_check(drive, size, err) < 0)
        return -1;
    uint64_t base = *size;
    if (maqet_drive_has(drive, "size"))
        *size = maqet_drive_size(drive, "size");
    *size = blockdev_round_up(*size);
    if (*size > 0 && *size < base)
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "`size` is less than the %" PRIu64 " bytes of the base, "
                                 "whose end the guest could not see",
                                 base);
    return *size > 0 ? 0 : blockdev_error_no_size(drive, err);
}

static int
qcow2_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
            struct maqet_error **err)
{
    const char *preallocation = maqet_drive_string(drive, "preallocation");
    uint64_t cluster_size = cluster_size_of(drive);

    if (size_to_make(drive, at_most, err) < 0)
        return -1;
    /* The header, and the first of each kind of table. */
    *at_once = 4 * cluster_size + (maqet_drive_has(drive, "encryption") ? LUKS_SIZE : 0);
    if (blockdev_preallocated(drive))
        *at_once = *at_most;
    else if (preallocation && strcmp(preallocation, "metadata") == 0)
        /* For each cluster an L2 entry of 8 bytes (or 16) and a reference count of 2. */
        *at_once += *at_most / cluster_size * (divides_clusters(drive) ? 18 : 10);
    return 0;
}

static void
add_option(struct maqet_command *command, const char *name, const char *value)
{
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "%s=%s", name, value);
}

static void
add_format_options(const struct maqet_drive *drive, struct maqet_command *command)
{
    static const char *const words[] = {"compression_type", "preallocation"};

    if (maqet_drive_has(drive, "cluster_size")) {
        maqet_command_arg(command, "-o");
        maqet_command_arg(command, "cluster_size=%" PRIu64,
                          maqet_drive_size(drive, "cluster_size"));
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (maqet_drive_has(drive, words[i]))
            add_option(command, words[i], maqet_drive_string(drive, words[i]));
    if (maqet_drive_has(drive, "lazy_refcounts"))
        add_option(command, "lazy_refcounts",
                   maqet_drive_bool(drive, "lazy_refcounts") ? "on" : "off");
    if (maqet_drive_has(drive, "extended_l2") || divides_clusters(drive))
        add_option(command, "extended_l2", divides_clusters(drive) ? "on" : "off");
    encryption_add_options(drive, command);
}

static struct maqet_command *
create_command(const struct maqet_drive *drive, const char *path, uint64_t size)
{
    const char *base = backing_name(drive);
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "qcow2");
    if (base) {
        /* -u: qemu-img has no need to open the base, we know how large it is. */
        maqet_command_arg(command, "-u");
        maqet_command_arg(command, "-b");
        maqet_command_arg(command, "%s", base);
        maqet_command_arg(command, "-F");
        maqet_command_arg(command, "%s", backing_format(drive, 0));
    }
    add_format_options(drive, command);
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    maqet_command_arg(command, "%" PRIu64, size);
    return command;
}

static int
qcow2_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    uint64_t size;

    return size_to_make(drive, &size, err) < 0
               ? -1
               : encryption_create(drive, create_command, path, size, err);
}

/* ---- inspect ---- */

static int
check_features(const struct maqet_drive *drive, const struct qcow2_header *header,
               struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    uint64_t unknown = header->incompatible_features & ~QCOW2_KNOWN_FEATURES;

    if (unknown)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_UNSUPPORTED,
                                 "the image %s uses features of qcow2 that are not known "
                                 "here (0x%" PRIx64 ")",
                                 path, unknown);
    return 0;
}

static int
check_encryption(const struct maqet_drive *drive, const struct qcow2_header *header,
                 struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    bool wanted = maqet_drive_has(drive, "encryption");

    if (header->crypt_method == QCOW2_CRYPT_AES) {
        maqet_drive_error(
            drive, "file", err, MAQET_ERROR_UNSUPPORTED,
            "the image %s is encrypted by qcow2's old AES method, which QEMU "
            "no longer runs machines with",
            path);
        maqet_error_hint(err,
                         "Convert it to LUKS or to plain qcow2 with qemu-img convert");
        return -1;
    }
    if (wanted && header->crypt_method == QCOW2_CRYPT_NONE) {
        maqet_drive_error(
            drive, "encryption", err, MAQET_ERROR_INVALID,
            "the image %s is not encrypted, though the configuration says so", path);
        maqet_error_hint(err,
                         "Remove `encryption`, or give a `file` that isn't there yet");
        return -1;
    }
    if (!wanted && header->crypt_method == QCOW2_CRYPT_LUKS) {
        maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                          "the image %s is encrypted, and there is no key for it", path);
        maqet_error_hint(err, "Add `encryption: {format: luks, key_file: ...}`");
        return -1;
    }
    return 0;
}

static int
check_backing(const struct maqet_drive *drive, const struct qcow2_header *header,
              struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    const char *format = backing_format(drive, 0);

    if (!maqet_drive_has(drive, "backing_file"))
        return 0;
    if (!header->backing_file[0]) {
        maqet_drive_error(
            drive, "backing_file", err, MAQET_ERROR_INVALID,
            "the image %s has no backing file, though the configuration says "
            "so",
            path);
        maqet_error_hint(err,
                         "Remove `backing_file`, or give a `file` that isn't there yet");
        return -1;
    }
    if (header->backing_format[0] && format &&
        strcmp(header->backing_format, format) != 0)
        return maqet_drive_error(drive, "backing_format", err, MAQET_ERROR_INVALID,
                                 "the image %s was made on a backing file of the format "
                                 "'%s', not '%s'",
                                 path, header->backing_format, format);
    return 0;
}

static void
report_backing(const struct maqet_drive *drive, const struct qcow2_header *header,
               struct maqet_image *image)
{
    const char *base = backing_file(drive, 0);
    const char *format = backing_format(drive, 0);

    maqet_image_names_file(image, "backing_file.0", "backing file", header->backing_file);
    backing_report(drive, image);
    if (!base || !format)
        return;
    char *from = shell_quoted(base), *to = shell_quoted(maqet_drive_path(drive));
    if (from && to)
        maqet_image_relink(image, "qemu-img rebase -u -f qcow2 -F %s -b %s %s", format,
                           from, to);
    free(from);
    free(to);
}

static int
error_empty(const struct maqet_drive *drive, struct maqet_error **err)
{
    maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                      "%s is an empty file, not a qcow2 image", maqet_drive_path(drive));
    maqet_error_hint(err,
                     "Restore the image there, or give a `file` that isn't there yet");
    return -1;
}

static int
qcow2_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    const char *format = probe_format(fd);
    struct qcow2_header header;
    const char *fault;
    uint64_t size;

    if (!format || probe_size(fd, &size) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_FAILED,
                                 "cannot read %s: %s", path, strerror(errno));
    if (size == 0)
        return error_empty(drive, err);
    maqet_image_format(image, format);
    if (strcmp(format, "qcow2") != 0)
        return 0;
    if (qcow2_header_read(fd, &header, &fault) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "%s is no valid qcow2 image: %s", path, fault);
    maqet_image_virtual_size(image, header.virtual_size);
    if (header.backing_file[0])
        report_backing(drive, &header, image);
    if (qcow2_has_data_file(&header))
        maqet_image_names_file(image, NULL, "external data file", header.data_file);
    if (check_features(drive, &header, err) < 0 ||
        check_encryption(drive, &header, err) < 0)
        return -1;
    return check_backing(drive, &header, err);
}

/* ---- emit ---- */

static int
qcow2_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    if (!maqet_drive_path(drive))
        return 0; /* an empty CD-ROM drive */
    return node_emit_format(drive, args, blockdev_emit(drive, args, "qcow2"), err);
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "qcow2",
    .summary = "QEMU's own format: thin images, snapshots, overlays, encryption",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG | MAQET_STORAGE_LIVE_READ,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = qcow2_validate,
    .space = qcow2_space,
    .create = qcow2_create,
    .inspect = qcow2_inspect,
    .resize = blockdev_resize,
    .live_resize = blockdev_live_resize,
    .emit_args = qcow2_emit_args,
    .check = qcow2_check,
    .snapshot = &qcow2_snapshot_table,
    .overlay = &qcow2_overlay_table,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
