/* SPDX-License-Identifier: MIT */
/*
 * drive.c - what plugins ask of a drive (maqet-plugin.h). What is in public/ is for
 * plugins: the core itself has no need of it, or stands above. The rest of what they call
 * is what the core calls as well, and stands with it: errors in base/error.c, objects and
 * actions in qemu/objects.c, maqet_drive_error(), _readonly() and
 * maqet_warn() in storage/drive.c, maqet_command_free() in plugin/call.c.
 */
#include "core/storage/drive.h"

#include "core/base/clock.h"
#include "core/plugin/call.h"

/* A function that plugins ask for one member. */
#define ASKED(type, function, member)                                                    \
    type function(const struct maqet_drive *drive)                                       \
    {                                                                                    \
        return drive->member;                                                            \
    }

ASKED(const char *, maqet_drive_name, name)
ASKED(const char *, maqet_drive_vm_name, machine->vm_name)
ASKED(const char *, maqet_drive_machine, machine->type)
ASKED(const char *, maqet_drive_arch, machine->arch)
ASKED(enum maqet_media, maqet_drive_media, media)
ASKED(const char *, maqet_drive_path, path)
ASKED(const char *, maqet_drive_socket, socket)
ASKED(bool, maqet_drive_running, running)

bool
maqet_drive_empty(const struct maqet_drive *drive)
{
    return drive->media == MAQET_MEDIA_CDROM && drive->storage &&
           drive->storage->plugin.path_option && !drive->path;
}

/* The slot of an option that a plugin asks for; NULL: there is none, and the author is
 * told. But an interface may ask for what only some storages have. */
static const struct maqet_value *
value_of(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_values_find(&drive->values, option);

    if (!value && drive->values.count > 0 && !maqet_call_current()->of_interface)
        maqet_context_misuse(drive->context,
                             "A plugin asks for the option '%s', which is not in its "
                             "table",
                             option);
    return value;
}

const char *
maqet_drive_string(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = value_of(drive, option);

    return value ? value->text : NULL;
}

bool
maqet_drive_has(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = value_of(drive, option);

    return value && (value->written || value->text);
}

uint64_t
maqet_drive_size(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_size(value_of(drive, option));
}

int64_t
maqet_drive_int(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_int(value_of(drive, option));
}

bool
maqet_drive_bool(const struct maqet_drive *drive, const char *option)
{
    return maqet_value_bool(value_of(drive, option));
}

int64_t
maqet_time_left(const struct maqet_drive *drive)
{
    (void)drive;
    return maqet_call_left();
}

/* ms between two things that are shown of a call: a plugin may tell how far it is for
 * every block that it moves. */
static const int64_t SHOW_INTERVAL = 100;

void
maqet_progress(const struct maqet_drive *drive, double percent)
{
    static int64_t shown;
    const struct maqet_context *context = drive->context;
    int64_t now = maqet_now();

    if (!context->progress || (shown != 0 && now - shown < SHOW_INTERVAL))
        return;
    shown = now;
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s'", drive->machine->vm_name, drive->name);
    /* What is no number is no percentage either. */
    percent = percent >= 0 ? (percent < 100 ? percent : 100) : -1;
    context->progress(context->data, what, percent, maqet_call_elapsed());
}
