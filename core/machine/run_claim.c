/* SPDX-License-Identifier: MIT */
#include "core/machine/run_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/definition.h"
#include "core/machine/run.h"
#include "core/machine/store.h"

/* The file that tells whose a folder is. */
static const char OWNER[] = "owner";

struct owner {
    char *run;  /* the path of the machine's run file */
    char *uuid; /* for people */
    struct maqet_file_id id;
};

static const struct maqet_field owner_rows[] = {
    {"run", MAQET_FIELD(struct owner, run), .optional = true},
    {"uuid", MAQET_FIELD(struct owner, uuid), .optional = true, .sparse = true},
    {"device", MAQET_FIELD(struct owner, id.device), .optional = true},
    {"inode", MAQET_FIELD(struct owner, id.inode), .optional = true},
    {"birth", MAQET_FIELD(struct owner, id.birth), .optional = true},
    {0},
};
static const struct maqet_fields owner_fields = MAQET_FIELDS(struct owner, owner_rows);

static void
owner_clear(struct owner *owner)
{
    maqet_fields_clear(&owner_fields, owner);
}

#define _cleanup_owner_ _cleanup_(owner_clear)

struct maqet_run_machine
maqet_run_machine_new(const struct maqet_context *context, const char *name, int run_fd)
{
    struct maqet_run_machine machine = {.context = context, .name = name};

    machine.has_run_file = run_fd >= 0 && maqet_file_id_of_fd(run_fd, &machine.run_file);
    return machine;
}

/* Whether the machine that owns a folder is still in its data folder. What can't be
 * looked at counts as there. */
static bool
owner_exists(const struct owner *owner)
{
    struct maqet_file_id there;

    if (!owner->run)
        return false;
    if (!maqet_file_id_of_path(owner->run, &there))
        return errno != ENOENT && errno != ENOTDIR;
    return maqet_file_id_is_same_file(&there, &owner->id);
}

/* Whether it is ours. The number of a device may change when the host boots, and a data
 * folder may be moved; not both at once. */
static bool
is_of(const struct maqet_run_machine *machine, const struct owner *owner)
{
    _cleanup_free_ char *ours =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_RUN);

    return machine->has_run_file &&
           maqet_file_id_is_same_file(&owner->id, &machine->run_file) &&
           (owner->id.device == machine->run_file.device ||
            (owner->run && strcmp(owner->run, ours) == 0));
}

static bool
has_file(const char *folder, const char *file)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, file);

    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether a QEMU runs in a folder, or did and crashed: else nothing in it is missed. */
static bool
is_in_use(const char *folder)
{
    return has_file(folder, MAQET_RUN_PID) || has_file(folder, "pid") ||
           has_file(folder, MAQET_RUN_MONITOR);
}

enum maqet_claim
maqet_run_claim_of_earlier(const struct maqet_run_machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);
    _cleanup_definition_ struct maqet_definition *theirs =
        access(path, F_OK) == 0 ? maqet_definition_load(path, machine->name, NULL) : NULL;
    _cleanup_definition_ struct maqet_definition *ours =
        theirs ? maqet_store_load(machine->context, machine->name, NULL) : NULL;

    if (!theirs)
        return MAQET_CLAIM_NONE;
    if (ours && strcmp(ours->uuid, theirs->uuid) == 0)
        return MAQET_CLAIM_OURS;
    return is_in_use(folder) ? MAQET_CLAIM_OTHER : MAQET_CLAIM_NONE;
}

enum maqet_claim
maqet_run_claim(const struct maqet_run_machine *machine, const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, OWNER);
    bool missing = maqet_file_missing(path);
    _cleanup_json_ json_object *file = missing ? NULL : maqet_json_read(path, NULL);
    _cleanup_owner_ struct owner owner = {0};

    if (missing)
        return maqet_run_claim_of_earlier(machine, folder);
    bool known = file && maqet_fields_from_json(&owner_fields, file, &owner, NULL) == 0;
    if (known && is_of(machine, &owner))
        return MAQET_CLAIM_OURS;
    /* That it can't be read just now makes nobody else's folder ours. */
    return is_in_use(folder) || (known && owner_exists(&owner)) ? MAQET_CLAIM_OTHER
                                                                : MAQET_CLAIM_NONE;
}

int
maqet_run_claim_write(const struct maqet_run_machine *machine, const char *folder,
                      struct maqet_error **err)
{
    _cleanup_free_ char *file = maqet_format("%s/%s", folder, OWNER);
    _cleanup_free_ char *link = maqet_format("%s/run", folder);
    _cleanup_free_ char *run =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_RUN);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(machine->context, machine->name, NULL);
    const struct owner owner = {.run = run,
                                .uuid = definition ? definition->uuid : NULL,
                                .id = machine->run_file};
    _cleanup_json_ json_object *text = maqet_fields_to_json(&owner_fields, &owner);

    /* For people and scripts, which find the PID there. */
    unlink(link);
    if (symlink(run, link) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", link);
    return maqet_json_write(file, text, err);
}

bool
maqet_run_claim_is_written(const char *folder)
{
    return has_file(folder, OWNER);
}
