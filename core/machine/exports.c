/* SPDX-License-Identifier: MIT */
#include "core/machine/exports.h"

#include <errno.h>
#include <string.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/store.h"
#include "core/storage/export.h"

/* A temporary file of an export. */
struct unfinished {
    char *path;
    bool made; /* it was created, as the file @id */
    struct maqet_file_id id;
};

#define IF_MADE .known = MAQET_KNOWN(struct unfinished, made), .sparse = true

static const struct maqet_fields unfinished_fields = MAQET_FIELDS_OF(
    struct unfinished, {"path", MAQET_FIELD(struct unfinished, path), .optional = true},
    {"device", MAQET_FIELD(struct unfinished, id.device), IF_MADE},
    {"inode", MAQET_FIELD(struct unfinished, id.inode), IF_MADE},
    {"birth", MAQET_FIELD(struct unfinished, id.birth), IF_MADE});

struct list {
    struct unfinished *items;
    size_t count;
};

static void
list_clear(struct list *list)
{
    maqet_fields_list_free(&unfinished_fields, list->items, list->count);
}

#define _cleanup_list_ _cleanup_(list_clear)

static void
list_remove(struct list *list, size_t index)
{
    maqet_fields_clear(&unfinished_fields, &list->items[index]);
    memmove(&list->items[index], &list->items[index + 1],
            (--list->count - index) * sizeof(*list->items));
}

/* A missing or damaged list is empty. Returns -1 if it cannot be read now, and must not
 * be overwritten. */
static int
list_read(const struct maqet_context *context, const char *vm, struct list *list,
          struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);
    _cleanup_free_ char *text = NULL;
    void *items;

    *list = (struct list){0};
    if (maqet_file_missing(path))
        return 0;
    if (maqet_file_read(path, MAQET_JSON_LIMIT, &text, NULL, err) < 0)
        return -1;
    _cleanup_json_ json_object *file = maqet_json_parse(text, path, NULL);
    maqet_fields_list_from_json(&unfinished_fields, file, &items, &list->count, NULL);
    list->items = items;
    return 0;
}

static int
list_write(const struct maqet_context *context, const char *vm, const struct list *list,
           struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);
    _cleanup_json_ json_object *file =
        maqet_fields_list_to_json(&unfinished_fields, list->items, list->count);

    return list->count > 0 ? maqet_json_write(path, file, err)
                           : maqet_file_remove(path, err);
}

int
maqet_exports_record(const struct maqet_context *context, const char *vm,
                     const char *temporary, const struct maqet_file_id *id,
                     struct maqet_error **err)
{
    _cleanup_list_ struct list list;

    if (list_read(context, vm, &list, err) < 0)
        return -1;
    for (size_t i = list.count; i-- > 0;)
        if (!list.items[i].path || strcmp(list.items[i].path, temporary) == 0)
            list_remove(&list, i);
    *MAQET_APPEND(list.items, list.count) =
        (struct unfinished){.path = maqet_strdup(temporary),
                            .made = id != NULL,
                            .id = id ? *id : (struct maqet_file_id){0}};
    return list_write(context, vm, &list, err);
}

/* Removes a file that a killed export has left. True: its record can go, too, because the
 * file is removed, missing from an existing folder, or another one. */
static bool
remove_unfinished(const struct maqet_context *context, const char *vm,
                  const struct unfinished *unfinished)
{
    const char *path = unfinished->path;
    _cleanup_free_ char *folder = path && path[0] == '/' ? maqet_path_folder(path) : NULL;
    struct maqet_file_id there;

    if (!folder)
        return true;
    if (maqet_export_remove_abandoned(path, unfinished->made ? &unfinished->id : NULL)) {
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "VM '%s': deleted %s, which an interrupted export had left "
                          "behind",
                          vm, path);
        return true;
    }
    if (!maqet_file_id_of_path(path, &there))
        return errno == ENOENT && access(folder, F_OK) == 0;
    return !unfinished->made || !maqet_file_id_equal(&there, &unfinished->id);
}

void
maqet_exports_sweep(const struct maqet_context *context, const char *vm)
{
    _cleanup_list_ struct list list = {0};

    /* A list that cannot be read now is left to the next command. */
    if (!maqet_exports_any(context, vm) || list_read(context, vm, &list, NULL) < 0)
        return;
    for (size_t i = list.count; i-- > 0;)
        if (remove_unfinished(context, vm, &list.items[i]))
            list_remove(&list, i);
    list_write(context, vm, &list, NULL);
}

bool
maqet_exports_any(const struct maqet_context *context, const char *vm)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_EXPORTS);

    return !maqet_file_missing(path);
}
