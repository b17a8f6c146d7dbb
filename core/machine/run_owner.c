/* SPDX-License-Identifier: MIT */
#include "core/machine/run_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/run.h"

static const struct maqet_fields owner_fields = MAQET_FIELDS_OF(
    struct maqet_run_owner,
    {"run", MAQET_FIELD(struct maqet_run_owner, run), .optional = true},
    {"uuid", MAQET_FIELD(struct maqet_run_owner, uuid), .optional = true, .sparse = true},
    {"device", MAQET_FIELD(struct maqet_run_owner, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct maqet_run_owner, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_run_owner, id.birth), .optional = true});

void
maqet_run_owner_clear(struct maqet_run_owner *owner)
{
    maqet_fields_clear(&owner_fields, owner);
}

int
maqet_run_owner_read(const char *folder, struct maqet_run_owner *owner)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_RUN_OWNER, folder);
    _cleanup_json_ json_object *file = maqet_json_read(path, NULL);

    *owner = (struct maqet_run_owner){0};
    return file && maqet_fields_from_json(&owner_fields, file, owner, NULL) == 0 ? 0 : -1;
}

int
maqet_run_owner_write(const char *folder, const struct maqet_run_owner *owner,
                      struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_RUN_OWNER, folder);
    _cleanup_json_ json_object *text = maqet_fields_to_json(&owner_fields, owner);

    /* A folder whose owner is not known is left to others for ever. */
    return maqet_json_write_at_once(path, text, err);
}

bool
maqet_run_owner_exists(const struct maqet_run_owner *owner)
{
    struct maqet_file_id there;

    if (!owner->run)
        return false;
    if (!maqet_file_id_of_path(owner->run, &there))
        return errno != ENOENT && errno != ENOTDIR;
    return maqet_file_id_is_same_file(&there, &owner->id);
}

bool
maqet_run_is_abandoned(const char *folder)
{
    _cleanup_run_owner_ struct maqet_run_owner owner = {0};

    if (maqet_run_owner_read(folder, &owner) < 0 || maqet_run_owner_exists(&owner))
        return false;
    _cleanup_close_ int fd = maqet_run_open_deleted(&owner.id);
    return fd < 0;
}
