/* SPDX-License-Identifier: MIT */
/*
 * text.c - for plugins in languages without variable arguments: the functions of
 * maqet-plugin.h that take plain text instead of a format. And maqet_free().
 */
#include <stdlib.h>

#include "core/base/error.h"

void
maqet_free(void *memory)
{
    free(memory);
}

int
maqet_error_set_text(struct maqet_error **err, enum maqet_error_code code,
                     const char *message)
{
    return maqet_error_set(err, code, "%s", message);
}

void
maqet_error_hint_text(struct maqet_error **err, const char *hint)
{
    maqet_error_hint(err, "%s", hint);
}

int
maqet_error_wrap_text(struct maqet_error **err, const char *context)
{
    return maqet_error_wrap(err, "%s", context);
}

int
maqet_drive_error_text(const struct maqet_drive *drive, const char *option,
                       struct maqet_error **err, enum maqet_error_code code,
                       const char *message)
{
    return maqet_drive_error(drive, option, err, code, "%s", message);
}

void
maqet_warn_text(const struct maqet_drive *drive, const char *message)
{
    maqet_warn(drive, "%s", message);
}

void
maqet_debug_text(const struct maqet_drive *drive, const char *message)
{
    maqet_debug(drive, "%s", message);
}

void
maqet_image_relink_text(struct maqet_image *image, const char *command)
{
    maqet_image_relink(image, "%s", command);
}

void
maqet_check_damage_text(struct maqet_check_report *report, const char *path,
                        const char *damage)
{
    maqet_check_damage(report, path, "%s", damage);
}
