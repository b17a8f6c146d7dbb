/* SPDX-License-Identifier: MIT */
#include "core/qemu/plugged.h"

#include <string.h>

#include "core/base/json.h"

void
maqet_plugged_clear(struct maqet_plugged *plugged)
{
    maqet_strings_clear(&plugged->devices);
    maqet_strings_clear(&plugged->nodes);
    maqet_strings_clear(&plugged->objects);
    maqet_strings_clear(&plugged->chardevs);
}

/* Adds a text member of each item of the list that a command returns (arguments taken). */
static int
list(struct maqet_qmp *qmp, int64_t timeout, const char *command, json_object *arguments,
     const char *member, struct maqet_strings *names, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, command, arguments, timeout, err);

    if (!answer)
        return -1;
    for (size_t i = 0; json_object_is_type(answer, json_type_array) &&
                       i < json_object_array_length(answer);
         i++) {
        const char *name = maqet_json_text(json_object_array_get_idx(answer, i), member);

        if (name)
            maqet_strings_add(names, name);
    }
    return 0;
}

/* The children of an object of QEMU's object model, besides whose properties there is its
 * "type". */
static int
list_children(struct maqet_qmp *qmp, int64_t timeout, const char *path,
              struct maqet_strings *names, struct maqet_error **err)
{
    return list(qmp, timeout, "qom-list",
                maqet_json_object("path", json_object_new_string(path), NULL), "name",
                names, err);
}

int
maqet_plugged_read(struct maqet_qmp *qmp, int64_t timeout, struct maqet_plugged *plugged,
                   struct maqet_error **err)
{
    json_object *flat = maqet_json_object("flat", json_object_new_boolean(true), NULL);

    return list(qmp, timeout, "query-named-block-nodes", flat, "node-name",
                &plugged->nodes, err) < 0 ||
                   list_children(qmp, timeout, "/machine/peripheral", &plugged->devices,
                                 err) < 0 ||
                   list_children(qmp, timeout, "/objects", &plugged->objects, err) < 0
               ? -1
               : list(qmp, timeout, "query-chardev", NULL, "label", &plugged->chardevs,
                      err);
}

bool
maqet_plugged_has(const struct maqet_plugged *plugged,
                  const struct maqet_object_kind *kind, const char *id)
{
    const struct {
        const struct maqet_object_kind *kind;
        const struct maqet_strings *ids;
    } all[] = {
        {&maqet_kind_device, &plugged->devices},
        {&maqet_kind_blockdev, &plugged->nodes},
        {&maqet_kind_object, &plugged->objects},
        {&maqet_kind_chardev, &plugged->chardevs},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].kind == kind)
            return maqet_strings_has(all[i].ids, id);
    return false;
}

/* A property of a device; the caller puts it. */
static json_object *
get(struct maqet_qmp *qmp, int64_t timeout, const char *device, const char *property,
    struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("/machine/peripheral/%s", device);

    return maqet_qmp_execute(qmp, "qom-get",
                             maqet_json_object("path", json_object_new_string(path),
                                               "property",
                                               json_object_new_string(property), NULL),
                             timeout, err);
}

int
maqet_plugged_place(struct maqet_qmp *qmp, int64_t timeout, const char *device,
                    char **bus, int64_t *address, struct maqet_error **err)
{
    _cleanup_json_ json_object *path = get(qmp, timeout, device, "parent_bus", err);
    _cleanup_json_ json_object *number =
        path ? get(qmp, timeout, device, "addr", err) : NULL;
    const char *slash = json_object_is_type(path, json_type_string)
                            ? strrchr(json_object_get_string(path), '/')
                            : NULL;

    if (!number)
        return -1;
    if (!slash || !json_object_is_type(number, json_type_int))
        return maqet_error_set(err, MAQET_ERROR_MISSING,
                               "QEMU does not say where the device '%s' is", device);
    *bus = maqet_strdup(slash + 1);
    *address = json_object_get_int64(number);
    return 0;
}
