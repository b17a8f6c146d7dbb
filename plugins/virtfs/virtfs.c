/* SPDX-License-Identifier: MIT */
/*
 * virtfs.c - a folder of the host that the guest mounts by 9p. It is no block device: it
 * has a device of its own, so no interface attaches it, and there is no image to make.
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
#include <sys/xattr.h>
#include <unistd.h>

#include "plugins/common/quote.h"

enum { MOUNT_TAG_MAX = 31 }; /* QEMU: MAX_TAG_LEN in hw/9pfs/9p.h, less its NUL */

static const char *const security_model_words[] = {"mapped-xattr", "mapped-file",
                                                   "passthrough", "none", NULL};
static const char *const multidevs_words[] = {"remap", "forbid", "warn", NULL};

static const struct maqet_option options[] = {
    {.name = "path",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "folder of the host"},
    {.name = "mount_tag",
     .type = MAQET_OPTION_STRING,
     .help = "name by which the guest mounts it; the drive's name unless it is given"},
    {.name = "security_model",
     .type = MAQET_OPTION_CHOICE,
     .fallback = "mapped-xattr",
     .choices = security_model_words,
     .help = "where the guest's owners and modes are kept: extended attributes, "
             ".virtfs_metadata folders, or the files themselves; with the mapped models "
             "the guest cannot follow the host's symbolic links"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "multidevs",
     .type = MAQET_OPTION_CHOICE,
     .choices = multidevs_words,
     .help = "what to do when the folder spans several file systems"},
    {.name = "fmode",
     .type = MAQET_OPTION_MODE,
     .help = "mode of new files on the host, with the mapped models; 0600 unless given"},
    {.name = "dmode",
     .type = MAQET_OPTION_MODE,
     .help =
         "mode of new folders on the host, with the mapped models; 0700 unless given"},
    {.name = NULL},
};

static const char *
mount_tag_of(const struct maqet_drive *drive)
{
    const char *tag = maqet_drive_string(drive, "mount_tag");

    return tag ? tag : maqet_drive_name(drive);
}

static int
validate_mount_tag(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *tag = mount_tag_of(drive);

    if (!*tag)
        return maqet_drive_error(drive, "mount_tag", err, MAQET_ERROR_INVALID,
                                 "`mount_tag` is empty, and the guest could not name it");
    if (strlen(tag) > MOUNT_TAG_MAX)
        return maqet_drive_error(drive, "mount_tag", err, MAQET_ERROR_INVALID,
                                 "the mount tag '%s' is longer than %d bytes", tag,
                                 MOUNT_TAG_MAX);
    return 0;
}

static int
validate_modes(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const modes[] = {"fmode", "dmode"};
    const char *model = maqet_drive_string(drive, "security_model");

    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        if (!maqet_drive_has(drive, modes[i]))
            continue;
        if (strncmp(model, "mapped-", strlen("mapped-")) != 0)
            return maqet_drive_error(
                drive, modes[i], err, MAQET_ERROR_INVALID,
                "`%s` works with the mapped security models only, not "
                "with '%s'",
                modes[i], model);
        if (maqet_drive_int(drive, modes[i]) & ~INT64_C(0777))
            return maqet_drive_error(drive, modes[i], err, MAQET_ERROR_INVALID,
                                     "`%s` may be 0777 at most", modes[i]);
    }
    return 0;
}

static int
validate_folder(const struct maqet_drive *drive, const char *path,
                struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        int number = errno;

        maqet_drive_error(drive, "path", err,
                          number == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
                          "cannot share %s: %s", path, strerror(number));
        char *word = number == ENOENT ? shell_quoted(path) : NULL;
        if (word)
            maqet_error_hint(err, "Create it: mkdir -p %s", word);
        free(word);
        return -1;
    }
    if (!S_ISDIR(status.st_mode))
        return maqet_drive_error(drive, "path", err, MAQET_ERROR_INVALID,
                                 "cannot share %s: it is a file, and only a folder "
                                 "can be shared",
                                 path);
    if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) < 0)
        return maqet_drive_error(drive, "path", err, MAQET_ERROR_PERMISSION,
                                 "cannot share %s: you may not read it (%s)", path,
                                 strerror(errno));
    return 0;
}

/* What the security model needs from the host, if the guest may write. */
static int
validate_security_model(const struct maqet_drive *drive, const char *path,
                        struct maqet_error **err)
{
    const char *model = maqet_drive_string(drive, "security_model");

    if (maqet_drive_readonly(drive))
        return 0;
    if (strcmp(model, "passthrough") == 0 && geteuid() != 0) {
        maqet_drive_error(
            drive, "security_model", err, MAQET_ERROR_PERMISSION,
            "`security_model: passthrough` gives files to the guest's owners, "
            "and only root may do that");
        maqet_error_hint(err,
                         "Use mapped-xattr, which keeps owners and modes for the guest "
                         "alone");
        maqet_error_hint(err, "Or use none, where every new file is yours");
        return -1;
    }
    /* No such attribute is the good answer: that there could be one is what counts. */
    if (strcmp(model, "mapped-xattr") == 0 &&
        getxattr(path, "user.virtfs.uid", NULL, 0) < 0 && errno == EOPNOTSUPP) {
        maqet_drive_error(drive, "security_model", err, MAQET_ERROR_INVALID,
                          "the file system of %s has no extended attributes, which "
                          "`security_model: mapped-xattr` needs",
                          path);
        maqet_error_hint(err, "Use `security_model: mapped-file`, or `readonly: on`");
        return -1;
    }
    return 0;
}

static int
virtfs_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, "path");

    if (validate_mount_tag(drive, err) < 0 || validate_modes(drive, err) < 0 ||
        validate_folder(drive, path, err) < 0)
        return -1;
    return validate_security_model(drive, path, err);
}

/* QEMU reads modes as numbers, so the zero that makes them octal must be there. */
static int
emit_mode(const struct maqet_drive *drive, struct maqet_props *share, const char *name,
          struct maqet_error **err)
{
    char *text;

    if (!maqet_drive_has(drive, name))
        return 0;
    if (asprintf(&text, "%#llo", (unsigned long long)maqet_drive_int(drive, name)) < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
    maqet_props_string(share, name, text);
    free(text);
    return 0;
}

static int
virtfs_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    const char *multidevs = maqet_drive_string(drive, "multidevs");
    struct maqet_props *share = maqet_args_fsdev(args, "local", name);

    maqet_props_string(share, "path", maqet_drive_string(drive, "path"));
    maqet_props_string(share, "security_model",
                       maqet_drive_string(drive, "security_model"));
    if (maqet_drive_readonly(drive))
        maqet_props_bool(share, "readonly", true);
    if (multidevs)
        maqet_props_string(share, "multidevs", multidevs);
    if (emit_mode(drive, share, "fmode", err) < 0 ||
        emit_mode(drive, share, "dmode", err) < 0)
        return -1;

    struct maqet_props *device = maqet_args_device(args, "virtio-9p-pci", name);
    maqet_props_string(device, "fsdev", name);
    maqet_props_string(device, "mount_tag", mount_tag_of(drive));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "virtfs",
    .summary = "a folder of the host, shared by 9p",
    .options = options,
    .flags = MAQET_STORAGE_PCI,
    .readonly_option = "readonly",
    .validate = virtfs_validate,
    .emit_args = virtfs_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
