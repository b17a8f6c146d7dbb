/* SPDX-License-Identifier: MIT */
#include "core/machine/bases_elsewhere.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/others.h"
#include "core/machine/store.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/overlays.h"
#include "core/storage/record.h"

struct search {
    const struct maqet_drive *drive;
    char *place; /* what its definition names, */
    json_object
        *identity; /* and which storage QEMU opens by that; NULL: that is not known */
    struct maqet_strings *found;
    char *folder; /* of the first ones that were found */
};

static void
search_clear(struct search *search)
{
    free(search->place);
    json_object_put(search->identity);
    free(search->folder);
}

static json_object *
identify(const struct maqet_drive *drive)
{
    const struct maqet_overlays *overlays = drive->overlays;
    _cleanup_free_ char *name = NULL, *format = NULL;

    if (!overlays)
        return maqet_overlay_elsewhere_identify(drive);
    if (overlays->count > 1)
        return maqet_overlay_elsewhere_identity(overlays->nodes[0].stored_name);
    return maqet_overlay_elsewhere_name(drive, &name, &format, NULL) < 0
               ? NULL
               : maqet_overlay_elsewhere_identity(name);
}

/* Whether overlays stand on the storage that is looked for. */
static bool
stand_on_it(const struct search *search, const struct maqet_overlays *overlays)
{
    const struct maqet_overlay *lowest = &overlays->nodes[0];
    _cleanup_json_ json_object *identity =
        overlays->count > 1 ? maqet_overlay_elsewhere_identity(lowest->stored_name)
                            : NULL;

    return overlays->count > 1 &&
           (strcmp(lowest->place, search->place) == 0 ||
            (identity && json_object_equal(identity, search->identity)));
}

/* What cannot be read may stand on anything. */
static void
look_at_folder(struct search *search, const char *folder, const char *vm,
               const char *drive)
{
    _cleanup_overlays_ struct maqet_overlays *overlays =
        maqet_overlays_read_elsewhere(folder, search->place, NULL);

    if (overlays && !stand_on_it(search, overlays))
        return;
    maqet_strings_addf(search->found, "drive '%s' of VM '%s'%s", drive, vm,
                       overlays ? "" : " (perhaps: their record cannot be read)");
    if (!search->folder)
        search->folder = maqet_strdup(folder);
}

/* Adds the drives of a machine. */
static void
look_at(struct search *search, const char *vm)
{
    const struct maqet_drive *own = search->drive;
    _cleanup_free_ char *above = maqet_store_file(own->context, vm, MAQET_STORE_DRIVES);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list(above, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        _cleanup_free_ char *folder = maqet_format("%s/%s", above, name);

        if (!maqet_text_ends(name, MAQET_OVERLAYS_SUFFIX))
            continue;
        _cleanup_free_ char *drive =
            maqet_strndup(name, strlen(name) - strlen(MAQET_OVERLAYS_SUFFIX));
        if (strcmp(vm, own->machine->vm_name) != 0 || strcmp(drive, own->name) != 0)
            look_at_folder(search, folder, vm, drive);
    }
}

static void
look_through(void *data, const struct maqet_strings *names)
{
    struct search *search = data;

    maqet_strings_clear(search->found);
    for (size_t i = 0; i < names->count; i++)
        look_at(search, names->items[i]);
}

/* Fills search->found and search->folder. */
static void
look(struct search *search)
{
    const struct maqet_drive *drive = search->drive;
    _cleanup_error_ struct maqet_error *reason = NULL;

    search->place = maqet_drive_place(drive);
    search->identity = identify(drive);
    if (maqet_others_look_through(drive->context, look_through, search, &reason) < 0)
        maqet_strings_addf(search->found, "a drive of a VM in %s, perhaps: %s",
                           drive->context->data_dir, reason->message);
}

void
maqet_bases_find_elsewhere(const struct maqet_drive *drive, struct maqet_strings *found)
{
    _cleanup_(search_clear) struct search search = {.drive = drive, .found = found};

    look(&search);
}

int
maqet_bases_check_elsewhere(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;
    _cleanup_(search_clear) struct search search = {.drive = drive, .found = &found};

    if (drive->path || plugin->path_option || !plugin->interface ||
        plugin->creation == MAQET_CREATION_EACH_START || maqet_drive_readonly(drive) ||
        (drive->overlays && drive->overlays->top > 0))
        return 0;
    look(&search);
    if (found.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&found);
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "the snapshots of %s stand on its storage, and a change to that "
                      "would damage them",
                      list);
    maqet_error_hint(err,
                     "If it is the same drive under another name, give it the former "
                     "one, under which it has its snapshots");
    if (search.folder)
        maqet_error_hint(err,
                         "Or delete those snapshots; if no drive has them any more, and "
                         "nobody needs them, move the folder %s elsewhere",
                         search.folder);
    return -1;
}
