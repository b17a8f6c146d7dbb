/* SPDX-License-Identifier: MIT */
#include "core/machine/bases_elsewhere.h"

#include <string.h>

#include "core/base/files.h"
#include "core/machine/others.h"
#include "core/machine/store.h"
#include "core/storage/overlays.h"
#include "core/storage/record.h"

struct search {
    const struct maqet_drive *drive;
    const char *place;
    struct maqet_strings *found;
};

/* Whether the overlays in a folder stand on the storage that is looked for. */
static bool
stand_on_it(const struct search *search, const char *folder)
{
    _cleanup_overlays_ struct maqet_overlays *overlays =
        maqet_overlays_read_elsewhere(folder, search->place, NULL);

    return overlays && overlays->count > 1 &&
           strcmp(overlays->nodes[0].place, search->place) == 0;
}

/* Adds the drives of a machine. */
static void
look_at(const struct search *search, const char *vm)
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
        if ((strcmp(vm, own->machine->vm_name) == 0 && strcmp(drive, own->name) == 0) ||
            !stand_on_it(search, folder))
            continue;
        maqet_strings_addf(search->found, "drive '%s' of VM '%s'", drive, vm);
    }
}

static void
look_through(void *data, const struct maqet_strings *names)
{
    const struct search *search = data;

    maqet_strings_clear(search->found);
    for (size_t i = 0; i < names->count; i++)
        look_at(search, names->items[i]);
}

void
maqet_bases_find_elsewhere(const struct maqet_drive *drive, struct maqet_strings *found)
{
    _cleanup_free_ char *place = maqet_drive_place(drive);
    struct search search = {.drive = drive, .place = place, .found = found};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_others_look_through(drive->context, look_through, &search, &reason) < 0)
        maqet_strings_addf(found, "a drive of a VM in %s, perhaps: %s",
                           drive->context->data_dir, reason->message);
}

int
maqet_bases_check_elsewhere(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;

    if (drive->path || plugin->path_option || !plugin->interface ||
        plugin->creation == MAQET_CREATION_EACH_START || maqet_drive_readonly(drive) ||
        (drive->overlays && drive->overlays->top > 0))
        return 0;
    maqet_bases_find_elsewhere(drive, &found);
    if (found.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&found);
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "the snapshots of %s stand on its storage, and a change to that "
                      "would damage them",
                      list);
    maqet_error_remark(err, "If it is the same drive under another name: it has its "
                            "snapshots under the former one");
    maqet_error_hint(err, "Name it as before, or delete those snapshots first");
    return -1;
}
