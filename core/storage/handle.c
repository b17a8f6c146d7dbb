/* SPDX-License-Identifier: MIT */
#include "core/storage/handle.h"

#include <string.h>
#include <unistd.h>

/* What a drive refers to, and what is freed with its machine. */
struct maqet_surroundings {
    struct maqet_machine machine;
    struct maqet_context context;
};

struct entry {
    struct maqet_handle handle;
    pid_t pid; /* a child must not use what its parent has opened */
    struct entry *next;
};

static struct entry *entries;

/* ---- finding one ---- */

/* With overlays, what is opened is that of its image. */
static const struct maqet_storage *
storage_of(const struct maqet_drive *drive)
{
    return drive->image_storage ? drive->image_storage : drive->storage;
}

/* Whether two entries of the same machine say the same. */
static bool
is_same(const struct maqet_drive *one, const struct maqet_drive *other)
{
    const char *folder = maqet_tree_place(one->tree).folder;
    const char *other_folder = maqet_tree_place(other->tree).folder;

    if (one == other)
        return true;
    return storage_of(one) == storage_of(other) && strcmp(one->name, other->name) == 0 &&
           strcmp(one->folder, other->folder) == 0 &&
           strcmp(folder ? folder : "", other_folder ? other_folder : "") == 0 &&
           json_object_equal(one->tree, other->tree);
}

void
maqet_handle_add(const struct maqet_drive *drive, void *value)
{
    struct entry *entry = maqet_alloc(sizeof(*entry));

    if (drive->copy_of)
        drive = drive->copy_of; /* the copy does not live as long */
    /* @close gets the drive, as a const one. */
    entry->handle.drive = (struct maqet_drive *)drive;
    entry->handle.value = value;
    entry->pid = getpid();
    entry->next = entries;
    entries = entry;
}

bool
maqet_handle_find(const struct maqet_drive *drive, void **value)
{
    for (struct entry *entry = entries; entry; entry = entry->next)
        if (entry->pid == getpid() && is_same(entry->handle.drive, drive)) {
            *value = entry->handle.value;
            return true;
        }
    return false;
}

/* ---- drives that outlive their machine ---- */

static char *
copy_text(const char *text)
{
    return text ? maqet_strdup(text) : NULL;
}

/* The texts of a context belong to the program, and outlive it. */
static struct maqet_surroundings *
copy_surroundings(const struct maqet_drive *drive)
{
    struct maqet_surroundings *copy = maqet_alloc(sizeof(*copy));
    const struct maqet_machine *machine = drive->machine;

    copy->context = *drive->context;
    copy->machine = *machine;
    copy->machine.vm_name = copy_text(machine->vm_name);
    copy->machine.image_name = copy_text(machine->image_name);
    copy->machine.arch = copy_text(machine->arch);
    copy->machine.type = copy_text(machine->type);
    copy->machine.program = copy_text(machine->program);
    copy->machine.version = NULL;
    copy->machine.storage_dir = copy_text(machine->storage_dir);
    copy->machine.run_dir = copy_text(machine->run_dir);
    copy->machine.drives_dir = copy_text(machine->drives_dir);
    return copy;
}

bool
maqet_handle_keep(struct maqet_drive *drive)
{
    struct entry *entry = entries;

    while (entry && entry->handle.drive != drive)
        entry = entry->next;
    if (!entry || entry->handle.kept)
        return false;
    entry->handle.kept = copy_surroundings(drive);
    drive->context = &entry->handle.kept->context;
    drive->machine = &entry->handle.kept->machine;
    drive->record = drive->earlier = NULL;
    return true;
}

bool
maqet_handle_take(struct maqet_handle *handle)
{
    for (struct entry **at = &entries; *at; at = &(*at)->next)
        if ((*at)->pid == getpid()) {
            struct entry *entry = *at;

            *handle = entry->handle;
            *at = entry->next;
            free(entry);
            return true;
        }
    return false;
}

void
maqet_handle_clear(struct maqet_handle *handle)
{
    if (!handle->kept)
        return;
    free(handle->kept->machine.vm_name);
    free(handle->kept->machine.image_name);
    free(handle->kept->machine.arch);
    free(handle->kept->machine.type);
    free(handle->kept->machine.program);
    free(handle->kept->machine.storage_dir);
    free(handle->kept->machine.run_dir);
    free(handle->kept->machine.drives_dir);
    free(handle->kept);
    handle->kept = NULL;
}
