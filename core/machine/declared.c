/* SPDX-License-Identifier: MIT */
#include "core/machine/declared.h"

#include <string.h>

#include "core/base/files.h"
#include "core/machine/entries.h"
#include "core/machine/others.h"
#include "core/machine/store.h"
#include "core/storage/entry.h"
#include "core/storage/keys.h"

static const char FILES[] = MAQET_KEY_BACKING_FILE, FORMATS[] = MAQET_KEY_BACKING_FORMAT;

/* Parts that a chain may have: more than any has. */
enum { PARTS_MAX = 64 };

/* ---- what a drive declares ---- */

/* How many items an option has that is a list. */
static size_t
count_of(const struct maqet_drive *drive, const char *option)
{
    const struct maqet_value *value = maqet_drive_value(drive, MAQET_OF_STORAGE, option);

    return value ? value->count : 0;
}

/* The text of one of them; NULL: it has no such item. */
static const char *
item_of(const struct maqet_drive *drive, const char *option, size_t index)
{
    _cleanup_free_ char *name = maqet_format("%s.%zu", option, index);

    return index < count_of(drive, option) ? maqet_drive_text(drive, name) : NULL;
}

static const char *
last_file(const struct maqet_drive *drive)
{
    size_t count = count_of(drive, FILES);

    return count > 0 ? item_of(drive, FILES, count - 1) : NULL;
}

/* Whether there is a format for each file, and for no others. */
static bool
is_complete(const struct maqet_drive *drive)
{
    size_t files = count_of(drive, FILES), formats = count_of(drive, FORMATS);

    if (maqet_drive_is_unknown(drive) || files == 0 || (formats != 1 && formats != files))
        return false;
    for (size_t i = 0; i < files; i++)
        if (!item_of(drive, FILES, i) || !item_of(drive, FORMATS, formats == 1 ? 0 : i))
            return false;
    return true;
}

/* Adds what a drive declares. */
static void
add_part(const struct maqet_drive *drive, json_object *files, json_object *formats)
{
    size_t count = count_of(drive, FILES);
    bool for_all = count_of(drive, FORMATS) == 1;

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *name = maqet_format("%s.%zu", FILES, i);
        struct maqet_place place = maqet_drive_place_of(drive, MAQET_OF_STORAGE, name);
        const char *format = item_of(drive, FORMATS, for_all ? 0 : i);

        maqet_tree_append(files, json_object_new_string(item_of(drive, FILES, i)), place);
        maqet_tree_append(formats, json_object_new_string(format), place);
    }
}

/* ---- who declares it ---- */

bool
maqet_declared_add(const struct maqet_vm *vm, const char *file, json_object *files,
                   json_object *formats)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (!drive->path || !is_complete(drive) || !maqet_file_is_same(drive->path, file))
            continue;
        add_part(drive, files, formats);
        return true;
    }
    return false;
}

struct search {
    const struct maqet_vm *vm;
    maqet_declared_by_other *by_other;
    const char *file;
    json_object *files, *formats;
    bool found;
};

/* Bytes. */
enum { DEFINITION_LIMIT = 16 * 1024 * 1024 };

/* Whether the definition of a stored machine declares any; it need not be loaded to see that. */
static bool
declares_any(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "vm.json");
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, DEFINITION_LIMIT, &text, NULL, NULL) == 0 &&
           strstr(text, FILES);
}

static void
look_through(void *data, const struct maqet_strings *names)
{
    struct search *search = data;

    for (size_t i = 0; i < names->count && !search->found; i++)
        search->found = strcmp(names->items[i], search->vm->definition->name) != 0 &&
                        declares_any(search->vm->context, names->items[i]) &&
                        search->by_other(search->vm->context, names->items[i],
                                         search->file, search->files, search->formats);
}

/* Adds what some drive declares about a file. False: none does. */
static bool
add_next(const struct maqet_vm *vm, maqet_declared_by_other *by_other, const char *file,
         json_object *files, json_object *formats)
{
    struct search search = {
        .vm = vm, .by_other = by_other, .file = file, .files = files, .formats = formats};

    if (maqet_declared_add(vm, file, files, formats))
        return true;
    maqet_others_look_through(vm->context, look_through, &search, NULL);
    return search.found;
}

/* ---- completing ---- */

/* Whether the last file of a chain stands on itself. */
static bool
is_circle(const struct maqet_drive *drive, const char *last)
{
    size_t count = count_of(drive, FILES);

    for (size_t i = 0; i + 1 < count; i++)
        if (maqet_file_is_same(item_of(drive, FILES, i), last))
            return true;
    return drive->path && maqet_file_is_same(drive->path, last);
}

static void
put_lists(json_object *entry, json_object *files, json_object *formats)
{
    struct maqet_place place = maqet_tree_place(files);

    maqet_keys_remove(entry, FILES);
    maqet_keys_remove(entry, FORMATS);
    maqet_tree_set(entry, FILES, json_object_get(files), place, place);
    maqet_tree_set(entry, FORMATS, json_object_get(formats), place, place);
}

/* The drive with one part of its chain more. NULL: that is declared nowhere. */
static struct maqet_drive *
extend(const struct maqet_vm *vm, maqet_declared_by_other *by_other,
       const struct maqet_drive *drive, json_object *entry)
{
    struct maqet_place place = maqet_drive_place_of(drive, MAQET_OF_STORAGE, FILES);
    _cleanup_json_ json_object *files = maqet_tree_sequence(place);
    _cleanup_json_ json_object *formats = maqet_tree_sequence(place);
    const char *last = last_file(drive);

    if (drive->fault_of != MAQET_FAULT_STORAGE || !is_complete(drive) ||
        is_circle(drive, last))
        return NULL;
    add_part(drive, files, formats);
    if (!add_next(vm, by_other, last, files, formats))
        return NULL;
    _cleanup_json_ json_object *longer = maqet_tree_copy(entry);
    put_lists(longer, files, formats);
    return maqet_drive_look(vm->context, &vm->machine, longer);
}

/* What a drive stands on, by all that is declared, becomes a part of its own definition: it does not change
 * when the other ones do. */
static void
settle(struct maqet_vm *vm, const struct maqet_drive *drive)
{
    json_object *entry = maqet_entries_find(vm->definition, drive->name);
    struct maqet_place place = maqet_drive_place_of(drive, MAQET_OF_STORAGE, FILES);
    _cleanup_json_ json_object *files = maqet_tree_sequence(place);
    _cleanup_json_ json_object *formats = maqet_tree_sequence(place);

    if (!entry || drive->fault_of >= MAQET_FAULT_STORAGE)
        return;
    add_part(drive, files, formats);
    put_lists(entry, files, formats);
}

void
maqet_declared_complete(struct maqet_vm *vm, json_object *entries,
                        maqet_declared_by_other *by_other)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        struct maqet_drive *longer = NULL;
        size_t parts = 0;

        while (parts < PARTS_MAX &&
               (longer = extend(vm, by_other, vm->drives[i], entry))) {
            maqet_drive_free(vm->drives[i]);
            vm->drives[i] = longer;
            parts++;
        }
        if (parts > 0)
            settle(vm, vm->drives[i]);
    }
}
