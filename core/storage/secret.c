/* SPDX-License-Identifier: MIT */
#include "core/storage/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/mask.h"
#include "core/base/printable.h"
#include "core/storage/system_folders.h"

enum { SIZE_MAX_BYTES = 64 * 1024 };

struct maqet_secret {
    const struct maqet_value *value;
    size_t size;
    struct maqet_secret *next;
    char content[SIZE_MAX_BYTES + 1]; /* more than there may be */
};

static void
secret_free(struct maqet_secret *secret)
{
    maqet_mask_forget(secret);
    explicit_bzero(secret, sizeof(*secret));
    free(secret);
}

void
maqet_secrets_free(struct maqet_secret *secrets)
{
    while (secrets) {
        struct maqet_secret *next = secrets->next;

        secret_free(secrets);
        secrets = next;
    }
}

/* ---- its file ---- */

/* A file that does not exist is not named: somebody may have written the secret itself. */
static int
error_open(const struct maqet_drive *drive, const char *option, const char *path,
           int number, struct maqet_error **err)
{
    if (number == ENOENT || number == ENOTDIR || number == ENAMETOOLONG)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_MISSING,
                                 "`%s` must be the path of a file that holds the secret, "
                                 "and there is no such file",
                                 option);
    return maqet_drive_error(drive, option, err,
                             number == EACCES ? MAQET_ERROR_PERMISSION
                                              : MAQET_ERROR_FAILED,
                             "cannot read %s: %s", path, strerror(number));
}

static int
check_file(const struct maqet_drive *drive, const char *option, const char *path, int fd,
           struct maqet_error **err)
{
    _cleanup_free_ char *word = maqet_shell_quoted(path);
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_open(drive, option, path, errno, err);
    if (!S_ISREG(status.st_mode))
        return maqet_drive_error(drive, option, err, MAQET_ERROR_INVALID,
                                 "%s is not a regular file", path);
    if (!(status.st_mode & (S_IRWXG | S_IRWXO)))
        return 0;
    maqet_drive_error(drive, option, err, MAQET_ERROR_PERMISSION,
                      "%s, which holds a secret, is accessible to other users "
                      "(mode %04o)",
                      path, (unsigned)status.st_mode & 07777);
    maqet_error_hint(err, "Make it accessible for its owner only: chmod 600 %s", word);
    return -1;
}

/* Reads the whole file, without a line feed at its end. */
static int
read_file(const struct maqet_drive *drive, const char *option, const char *path, int fd,
          struct maqet_secret *secret, struct maqet_error **err)
{
    ssize_t count = 1;

    while (count > 0 && secret->size < sizeof(secret->content)) {
        count = read(fd, secret->content + secret->size,
                     sizeof(secret->content) - secret->size);
        if (count < 0 && errno != EINTR)
            return error_open(drive, option, path, errno, err);
        if (count < 0)
            count = 1;
        else
            secret->size += (size_t)count;
    }
    if (secret->size > SIZE_MAX_BYTES)
        return maqet_drive_error(drive, option, err, MAQET_ERROR_INVALID,
                                 "%s is larger than 64 KiB", path);
    if (secret->size > 0 && secret->content[secret->size - 1] == '\n')
        secret->content[--secret->size] = '\0';
    if (secret->size < MAQET_MASK_MIN_BYTES)
        return maqet_drive_error(
            drive, option, err, MAQET_ERROR_INVALID,
            "%s has less than %d bytes, which would be part of other "
            "texts by chance",
            path, MAQET_MASK_MIN_BYTES);
    return 0;
}

static struct maqet_secret *
read_secret(const struct maqet_drive *drive, const char *option, const char *path,
            struct maqet_error **err)
{
    /* O_NONBLOCK: do not wait for a writer of a FIFO. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct maqet_secret *secret;

    if (fd < 0) {
        error_open(drive, option, path, errno, err);
        return NULL;
    }
    secret = maqet_alloc(sizeof(*secret));
    if (check_file(drive, option, path, fd, err) == 0 &&
        read_file(drive, option, path, fd, secret, err) == 0)
        return secret;
    secret_free(secret);
    return NULL;
}

/* ---- of a drive ---- */

const char *
maqet_drive_read_secret(const struct maqet_drive *drive, const struct maqet_value *value,
                        const char *option, size_t *size, struct maqet_error **err)
{
    struct maqet_secret *secret = *drive->secrets;

    if (!value || value->row->type != MAQET_OPTION_SECRET || !value->text) {
        maqet_drive_error(drive, option, err, MAQET_ERROR_INVALID,
                          value && value->row->type == MAQET_OPTION_SECRET
                              ? "`%s` is missing"
                              : "a plugin asks for '%s', which is no secret",
                          option);
        return NULL;
    }
    while (secret && secret->value != value)
        secret = secret->next;
    if (!secret) {
        secret = read_secret(drive, option, value->text, err);
        if (!secret)
            return NULL;
        secret->value = value;
        secret->next = *drive->secrets;
        *drive->secrets = secret;
        maqet_mask_add(secret, secret->content, secret->size);
    }
    if (size)
        *size = secret->size;
    return secret->content;
}

/* Somebody may have written the secret itself. It is not in the message, and since this is
 * checked before anything is stored, nowhere else. */
int
maqet_secrets_are_paths(const struct maqet_drive *drive, enum maqet_whose whose,
                        struct maqet_error **err)
{
    const struct maqet_values *values = &drive->options[whose].values;

    for (size_t i = 0; i < values->count; i++) {
        const struct maqet_value *value = &values->items[i];
        bool is_secret = value->row->type == MAQET_OPTION_SECRET && value->text;
        struct maqet_place place = maqet_drive_place_of(drive, whose, value->name);
        _cleanup_free_ char *file = NULL;

        /* A secret that was written itself may contain slashes. */
        if (is_secret && place.folder &&
            maqet_path_is_within(value->text, place.folder) &&
            access(value->text, F_OK) < 0)
            return maqet_place_invalid(
                maqet_place_of_secret(place, &file), err,
                "drive '%s' of VM '%s': `%s` must be the path of a file that holds the "
                "secret, and there is no such file",
                drive->name, drive->machine->vm_name, value->name);
    }
    return 0;
}
