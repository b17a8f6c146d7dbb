/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/qcow2/encryption.h"

#include <string.h>

/* Attempts to make an encrypted image, see encryption_create(). */
enum { LUKS_TRIES = 20 };

bool
encryption_wanted(const struct maqet_drive *drive)
{
    return maqet_drive_has(drive, "encryption");
}

void
encryption_add_options(const struct maqet_drive *drive, struct maqet_command *command)
{
    if (!encryption_wanted(drive))
        return;
    maqet_command_arg(command, "--object");
    maqet_command_option(command, "secret,id=key,file",
                         maqet_drive_string(drive, "encryption.key_file"));
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "encrypt.format=%s",
                      maqet_drive_string(drive, "encryption.format"));
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "encrypt.key-secret=key");
}

/*
 * qemu-img finds out by the CPU clock how costly it can make the key of an encrypted
 * image. That of QEMU 7.2 gives up when the clock didn't tick meanwhile, which is chance:
 * one in twenty, where clocks are coarse, and more often on a machine that is busy. So it
 * may try again; what fails for another reason would fail again.
 */
static bool
is_chance(const struct maqet_error *error)
{
    return strstr(maqet_error_text(error), "Unable to get accurate CPU usage");
}

int
encryption_create(const struct maqet_drive *drive,
                  struct maqet_command *(*command_for)(const struct maqet_drive *drive,
                                                       const char *path, uint64_t size),
                  const char *path, uint64_t size, struct maqet_error **err)
{
    struct maqet_error *unwanted = NULL;
    struct maqet_error **at = err ? err : &unwanted;

    for (int left = LUKS_TRIES; left > 0; left--) {
        maqet_error_clear(at);
        if (maqet_command_run(command_for(drive, path, size), at) == 0)
            return 0;
        if (!is_chance(*at))
            break;
    }
    maqet_error_clear(&unwanted);
    return -1;
}
