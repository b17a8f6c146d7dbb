/* SPDX-License-Identifier: MIT */
#include "core/machine/base_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/machine/vm.h"
#include "core/storage/entry.h"
#include "core/storage/image.h"

void
maqet_base_image_clear(struct maqet_base_image *image)
{
    free(image->path);
    *image = (struct maqet_base_image){0};
}

/* ---- what the file begins with ---- */

/* The first bytes of a file; further ones are 0. */
enum { BEGINNING = 36 * 1024 };

static int
read_beginning(const char *path, unsigned char *bytes, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0) {
        maqet_error_errno(err, errno, "Cannot open the image %s", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "%s is not a disk image: it is %s", path,
                               S_ISDIR(status.st_mode) ? "a folder" : "not a file");
    return pread(fd, bytes, BEGINNING, 0) < 0
               ? maqet_error_errno(err, errno, "Cannot read the image %s", path)
               : 0;
}

/* How a distribution's image is unpacked; NULL ends the list. */
static const struct compression {
    const char *name;
    const char *magic;
    size_t length;
    const char *unpack; /* a program that keeps the packed file */
} compressions[] = {
    {"xz",
     "\xfd"
     "7zXZ",
     5, "unxz -k"},
    {"gzip", "\x1f\x8b", 2, "gunzip -k"},
    {"zstd", "\x28\xb5\x2f\xfd", 4, "unzstd"},
    {"bzip2", "BZh", 3, "bunzip2 -k"},
    {"zip", "PK\x03\x04", 4, "unzip"},
    {0},
};

static int
check_not_compressed(const char *path, const unsigned char *bytes,
                     struct maqet_error **err)
{
    for (const struct compression *one = compressions; one->name; one++) {
        if (memcmp(bytes, one->magic, one->length) != 0)
            continue;
        _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT;
        maqet_shell_append(&word, path);
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "%s is compressed with %s, so it is no disk image yet", path,
                        one->name);
        maqet_error_hint(err, "Unpack it, and use the result: %s %s", one->unpack,
                         word.data);
        return -1;
    }
    return 0;
}

/* A plain disk without a boot record cannot be booted; most likely the file is something
 * else. ISO 9660 has its magic number in its 17th block. */
static int
check_plain_disk(const char *path, const unsigned char *bytes, struct maqet_error **err)
{
    if (memcmp(bytes + 32769, "CD001", 5) == 0) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "%s is the image of a CD-ROM: it can install a system, but has "
                        "none that is installed",
                        path);
        maqet_error_hint(err, "Use a disk image, which distributions offer for clouds");
        return -1;
    }
    if (bytes[510] == 0x55 && bytes[511] == 0xaa)
        return 0;
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "%s is not a disk image of a known format: it does not begin with a "
                    "boot record",
                    path);
    _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT;
    maqet_shell_append(&word, path);
    maqet_error_hint(err, "See what it is: file %s", word.data);
    return -1;
}

int
maqet_base_image_check_file(const char *path, struct maqet_error **err)
{
    _cleanup_free_ unsigned char *bytes = maqet_alloc(BEGINNING);

    return read_beginning(path, bytes, err) < 0 ? -1
                                                : check_not_compressed(path, bytes, err);
}

int
maqet_base_image_check_plain(const char *path, struct maqet_error **err)
{
    _cleanup_free_ unsigned char *bytes = maqet_alloc(BEGINNING);

    return read_beginning(path, bytes, err) < 0 ? -1 : check_plain_disk(path, bytes, err);
}

/* ---- what its plugin says ---- */

/* The image as a drive of a machine that only reads it. The caller frees. */
static struct maqet_drive *
drive_of(const struct maqet_context *context, const struct maqet_machine *machine,
         const struct maqet_storage *storage, const char *path, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = maqet_tree_mapping((struct maqet_place){0});
    const struct maqet_storage_plugin *plugin = &storage->plugin;
    const char *const keys[][2] = {
        {"name", "system"},
        {"type", plugin->name},
        {plugin->path_option, path},
        {plugin->readonly_option, "on"},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (keys[i][0])
            maqet_tree_set(entry, keys[i][0], json_object_new_string(keys[i][1]),
                           (struct maqet_place){0}, (struct maqet_place){0});
    return maqet_drive_new(context, machine, entry, err);
}

/* Whether it is an image of this type. */
static int
inspect_as(const struct maqet_context *context, const struct maqet_machine *machine,
           const char *type, struct maqet_base_image *image, bool *plain,
           struct maqet_error **err)
{
    const struct maqet_storage *storage = maqet_storage_load(context, type, err);
    struct maqet_image_state state = {0};
    struct maqet_drive *drive =
        storage ? drive_of(context, machine, storage, image->path, err) : NULL;

    if (!drive)
        return -1;
    int result = maqet_image_inspect(drive, &state, err);
    maqet_drive_free(drive);
    image->type = type;
    image->virtual_size = state.virtual_size;
    *plain = storage->plugin.flags & MAQET_STORAGE_PLAIN;
    return result;
}

int
maqet_base_image_inspect(const struct maqet_context *context, const char *vm,
                         const char *path, const char *const *types,
                         struct maqet_base_image *image, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_strdup(vm), *arch = maqet_vm_arch_of(NULL);
    _cleanup_free_ unsigned char *bytes = maqet_alloc(BEGINNING);
    _cleanup_error_ struct maqet_error *first = NULL;
    const struct maqet_machine machine = {.vm_name = name, .arch = arch, .type = ""};
    bool plain = false;

    if (read_beginning(path, bytes, err) < 0 ||
        check_not_compressed(path, bytes, err) < 0)
        return -1;
    image->path = maqet_strdup(path);
    for (; *types; types++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (inspect_as(context, &machine, *types, image, &plain, &reason) == 0)
            return plain ? check_plain_disk(path, bytes, err) : 0;
        if (!first)
            first = TAKE_PTR(reason);
    }
    return maqet_error_move(err, TAKE_PTR(first));
}
