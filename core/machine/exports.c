/* SPDX-License-Identifier: MIT */
#include "core/machine/exports.h"

#include <errno.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"
#include "core/storage/export.h"

/* The list, which is empty where there is none, or a damaged one. NULL and an error: it
 * can't be read now, and must not be written. The caller puts it. */
static json_object *
read_list(const struct maqet_context *context, const char *vm, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);
    _cleanup_free_ char *text = NULL;

    if (maqet_file_missing(path))
        return json_object_new_array();
    if (maqet_file_read(path, MAQET_JSON_LIMIT, &text, NULL, err) < 0)
        return NULL;
    json_object *list = maqet_json_parse(text, path, NULL);
    if (json_object_is_type(list, json_type_array))
        return list;
    json_object_put(list);
    return json_object_new_array();
}

static int
write_list(const struct maqet_context *context, const char *vm, json_object *list,
           struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);

    if (json_object_array_length(list) > 0)
        return maqet_json_write(path, list, err);
    return maqet_file_remove(path, err);
}

static json_object *
new_entry(const char *temporary, const struct maqet_file_id *id)
{
    json_object *entry = json_object_new_object();

    json_object_object_add(entry, "path", json_object_new_string(temporary));
    if (!id)
        return entry;
    json_object_object_add(entry, "device", json_object_new_uint64(id->device));
    json_object_object_add(entry, "inode", json_object_new_uint64(id->inode));
    json_object_object_add(entry, "birth", json_object_new_uint64(id->birth));
    return entry;
}

/* False: the entry says nothing of which file it is. */
static bool
id_of(json_object *entry, struct maqet_file_id *id)
{
    json_object *inode = NULL;

    if (!json_object_object_get_ex(entry, "inode", &inode))
        return false;
    id->inode = json_object_get_uint64(inode);
    id->device = json_object_get_uint64(json_object_object_get(entry, "device"));
    id->birth = json_object_get_uint64(json_object_object_get(entry, "birth"));
    return true;
}

int
maqet_exports_record(const struct maqet_context *context, const char *vm,
                     const char *temporary, const struct maqet_file_id *id,
                     struct maqet_error **err)
{
    _cleanup_json_ json_object *list = read_list(context, vm, err);

    if (!list)
        return -1;
    for (size_t i = json_object_array_length(list); i-- > 0;) {
        const char *path = maqet_json_text(json_object_array_get_idx(list, i), "path");

        if (!path || strcmp(path, temporary) == 0)
            json_object_array_del_idx(list, i, 1);
    }
    json_object_array_add(list, new_entry(temporary, id));
    return write_list(context, vm, list, err);
}

/* Whether there is nothing more to be done about an entry: the file is gone from a folder
 * that is there, or is another one. */
static bool
sweep_entry(const struct maqet_context *context, const char *vm, json_object *entry)
{
    const char *path = maqet_json_text(entry, "path");
    _cleanup_free_ char *folder = path && path[0] == '/' ? maqet_path_folder(path) : NULL;
    struct maqet_file_id id, there;
    bool known = id_of(entry, &id);

    if (!folder)
        return true;
    if (maqet_export_remove_abandoned(path, known ? &id : NULL)) {
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "VM '%s': removed %s, which an interrupted export had left", vm,
                          path);
        return true;
    }
    if (!maqet_file_id_of_path(path, &there))
        return errno == ENOENT && access(folder, F_OK) == 0;
    return !known || !maqet_file_id_equal(&there, &id);
}

void
maqet_exports_sweep(const struct maqet_context *context, const char *vm)
{
    if (!maqet_exports_any(context, vm))
        return;
    _cleanup_json_ json_object *list = read_list(context, vm, NULL);

    if (!list)
        return; /* the next command looks again */
    for (size_t i = json_object_array_length(list); i-- > 0;)
        if (sweep_entry(context, vm, json_object_array_get_idx(list, i)))
            json_object_array_del_idx(list, i, 1);
    write_list(context, vm, list, NULL);
}

bool
maqet_exports_any(const struct maqet_context *context, const char *vm)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);

    return !maqet_file_missing(path);
}
