/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_nodes.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/monitor.h"
#include "core/qemu/hotplug.h"
#include "core/qemu/hotplug_files.h"
#include "core/storage/overlays.h"

/* How the names of nodes begin that are there only meanwhile; no drive's name begins so. */
#define PREFIX "maqet-move."
/* The node that the device stands on while the drive's own are replaced. */
#define EMPTY_NODE PREFIX "empty"
/* The descriptors of the image that is filled. */
#define MARK "maqet-move"

/* ---- names ---- */

/* Adds the names of all nodes in a value. */
static void
add_names(json_object *value, struct maqet_strings *names)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            add_names(json_object_array_get_idx(value, i), names);
    } else if (json_object_is_type(value, json_type_object)) {
        const char *name = maqet_json_text(value, "node-name");

        if (name)
            maqet_strings_add(names, name);
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            add_names(member, names);
        }
    }
}

/* The other name of a node; NULL: it is not one of them. The caller frees. */
static char *
other_name(const struct maqet_strings *names, const char *name)
{
    for (size_t i = 0; name && i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return maqet_format(PREFIX "%zu", i);
    return NULL;
}

/* Replaces the names of nodes, and the references to them. */
static void
rename_nodes(json_object *value, const struct maqet_strings *names)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            rename_nodes(json_object_array_get_idx(value, i), names);
        return;
    }
    if (!json_object_is_type(value, json_type_object))
        return;
    json_object_object_foreach(value, key, member)
    {
        _cleanup_free_ char *name =
            json_object_is_type(member, json_type_string)
                ? other_name(names, json_object_get_string(member))
                : NULL;

        if (name && strcmp(key, "driver") != 0 && strcmp(key, "filename") != 0)
            json_object_object_add(value, key, json_object_new_string(name));
        else if (!name)
            rename_nodes(member, names);
    }
}

/* ---- the objects of a drive ---- */

/* The objects that the guest does not see come first. */
static size_t
hidden_count(const struct maqet_args *args)
{
    size_t count = 0;

    while (count < args->count && args->objects[count]->kind != &maqet_kind_device)
        count++;
    return count;
}

/* The device that stands on a node; *key gets the property that names it. NULL: there is none. */
static const struct maqet_props *
device_on(const struct maqet_args *args, const char *node, const char **key)
{
    for (size_t i = args->count; i-- > 0;) {
        const struct maqet_props *props = args->objects[i];

        if (props->kind != &maqet_kind_device)
            continue;
        json_object_object_foreach(props->json, name, value)
        {
            if (!json_object_is_type(value, json_type_string) ||
                strcmp(json_object_get_string(value), node) != 0 ||
                strcmp(name, "id") == 0)
                continue;
            *key = name;
            return props;
        }
    }
    return NULL;
}

/* Whether two devices differ at most in the nodes that they stand on. */
static bool
same_device(json_object *one, const char *node, json_object *other,
            const char *other_node)
{
    if (json_object_object_length(one) != json_object_object_length(other))
        return false;
    json_object_object_foreach(one, key, value)
    {
        json_object *counterpart = json_object_object_get(other, key);

        if (!json_object_equal(value, counterpart) &&
            !(maqet_json_is(one, key, node) && maqet_json_is(other, key, other_node)))
            return false;
    }
    return true;
}

/* Whether both have the same devices: a running guest cannot get another one. New overlays are not
 * there yet, so the drive's node may be another one. */
static bool
same_devices(const struct maqet_plugging *before, const struct maqet_plugging *after)
{
    const struct maqet_args *one = before->args, *other = after->args;
    size_t i = hidden_count(one), j = hidden_count(other);

    for (; i < one->count && j < other->count; i++, j++)
        if (!same_device(one->objects[i]->json, maqet_drive_node(before->drive),
                         other->objects[j]->json, maqet_drive_node(after->drive)))
            return false;
    return i == one->count && j == other->count;
}

int
maqet_relocation_check_nodes(struct maqet_relocation *relocation,
                             struct maqet_error **err)
{
    const char *node = maqet_drive_node(relocation->before.drive), *key;

    if (maqet_plugging_look(&relocation->before, err) < 0 ||
        maqet_plugging_look(&relocation->after, err) < 0)
        return -1;
    const struct maqet_args *before = relocation->before.args;
    const struct maqet_args *after = relocation->after.args;
    for (size_t i = 0; i < hidden_count(before); i++)
        if (before->objects[i]->kind != &maqet_kind_blockdev)
            return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                   "a drive that is encrypted, or uses other objects of "
                                   "QEMU, keeps its image");
    for (size_t i = 0; i < hidden_count(after); i++)
        if (after->objects[i]->kind != &maqet_kind_blockdev)
            return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                   "a drive that is to be encrypted, or to use other "
                                   "objects of QEMU, keeps its image");
    const struct maqet_props *device = device_on(before, node, &key);
    if (!device || !same_devices(&relocation->before, &relocation->after))
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "a drive whose device would be another one keeps its "
                               "image");
    return json_object_object_get_ex(device->json, "iothread", NULL)
               ? maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                 "a drive with an iothread keeps its image")
               : 0;
}

/* ---- the image that is filled ---- */

/* It was created just now, in a folder that others cannot write to, or has been checked. */
static int
check_file(void *data, const char *path, int fd, struct maqet_error **err)
{
    const struct maqet_drive *drive = data;
    const struct maqet_node *top = &drive->chain.nodes[0];
    struct maqet_file_id id;

    if (top->file && strcmp(top->file, path) == 0 && maqet_node_is_known(top) &&
        maqet_file_id_of_fd(fd, &id) && !maqet_file_id_equal(&top->id, &id))
        return maqet_drive_files_error(drive, top, true, err);
    return 0;
}

/* The first of the objects that are added for the new image. Of overlays, that is the topmost one: those
 * that it stands on hold what QEMU's present nodes hold, and may even be the same files, which it cannot
 * open twice. */
static size_t
first_of_target(const struct maqet_drive *drive, size_t count)
{
    return drive->overlays && drive->overlays->count > 1 && count > 0 ? count - 1 : 0;
}

int
maqet_relocation_open_target(struct maqet_relocation *relocation, char **top,
                             struct maqet_error **err)
{
    struct maqet_plugging *after = &relocation->after;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_plugging_look(after, err) < 0)
        return -1;
    struct maqet_args *args = after->args;
    size_t count = hidden_count(args), first = first_of_target(after->drive, count);
    for (size_t i = first; i < count; i++)
        add_names(args->objects[i]->json, &names);
    for (size_t i = first; i < count; i++) {
        struct maqet_props *props = args->objects[i];
        char *name = other_name(&names, props->id);

        rename_nodes(props->json, &names);
        if (name) {
            free(props->id);
            props->id = name;
        }
    }
    *top = other_name(&names, maqet_drive_node(after->drive));
    const struct maqet_hotplug hotplug = {.qmp = relocation->machine->qmp,
                                          .args = args,
                                          .skipped = first,
                                          .limit = count,
                                          .timeout = MAQET_PLUGGING_ANSWER_TIMEOUT};
    return maqet_hotplug_pass_files(&hotplug, MARK, check_file, after->drive, err) < 0
               ? -1
               : maqet_hotplug_add(&hotplug, err);
}

static json_object *
by_name(const char *node)
{
    return maqet_json_object("node-name", json_object_new_string(node), NULL);
}

/* Those that others stand on go with them, and cannot be closed by themselves. */
static int
close_nodes(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(relocation->machine, err);
    const char *refused = NULL;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!nodes)
        return -1;
    for (size_t i = 0; i < json_object_array_length(nodes); i++) {
        const char *name =
            maqet_json_text(json_object_array_get_idx(nodes, i), "node-name");

        if (!name || !maqet_text_starts(name, PREFIX) || strcmp(name, EMPTY_NODE) == 0)
            continue;
        maqet_error_free(TAKE_PTR(reason));
        _cleanup_json_ json_object *answer = maqet_monitor_work(
            relocation->machine, "blockdev-del", by_name(name), &reason);
        if (!answer && (reason->silent || reason->signal))
            return maqet_error_move(err, TAKE_PTR(reason));
        refused = answer ? refused : name;
    }
    return refused ? 1 : 0;
}

int
maqet_relocation_close_target(const struct maqet_relocation *relocation,
                              struct maqet_error **err)
{
    int left = 1;

    /* Twice: what stood on a node may be listed after it. */
    for (int i = 0; left > 0 && i < 3; i++)
        left = close_nodes(relocation, err);
    if (left < 0)
        return -1;
    if (left > 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU does not close the new image %s", relocation->to);
    struct maqet_qmp *qmp = maqet_monitor_connect(relocation->machine, err);
    return qmp ? maqet_hotplug_drop_files(qmp, MAQET_PLUGGING_ANSWER_TIMEOUT, MARK, err)
               : -1;
}

/* ---- the image that the device stands on ---- */

static int
tell(const struct maqet_relocation *relocation, const char *command,
     json_object *arguments, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(relocation->machine, command, arguments, err);

    return answer ? 0 : -1;
}

/* The members that name the property of the device. The caller puts them. */
static json_object *
property_of(const struct maqet_relocation *relocation, const char *node)
{
    const char *key = NULL;
    const struct maqet_props *device = device_on(
        relocation->before.args, maqet_drive_node(relocation->before.drive), &key);
    _cleanup_free_ char *path =
        maqet_format("/machine/peripheral/%s", device ? device->id : "");

    return maqet_json_object("path", json_object_new_string(path), "property",
                             json_object_new_string(key ? key : "drive"), "value",
                             node ? json_object_new_string(node) : NULL, NULL);
}

/* Has the device stand on a node. */
static int
put_on(const struct maqet_relocation *relocation, const char *node,
       struct maqet_error **err)
{
    _cleanup_json_ json_object *present = maqet_monitor_work(
        relocation->machine, "qom-get", property_of(relocation, NULL), err);

    if (!present)
        return -1;
    if (json_object_is_type(present, json_type_string) &&
        strcmp(json_object_get_string(present), node) == 0)
        return 0;
    return tell(relocation, "qom-set", property_of(relocation, node), err);
}

int
maqet_relocation_live_size(struct maqet_relocation *relocation, uint64_t *bytes,
                           struct maqet_error **err)
{
    return maqet_monitor_drive_size(relocation->machine, relocation->before.drive, bytes,
                                    err);
}

/* Adds the empty node, unless it is there. The guest sees the size of what its device stands on. */
static int
add_empty(struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(relocation->machine, err);
    uint64_t bytes;

    if (!nodes)
        return -1;
    if (maqet_monitor_find_node(nodes, EMPTY_NODE))
        return 0;
    return maqet_relocation_live_size(relocation, &bytes, err) < 0
               ? -1
               : tell(relocation, "blockdev-add",
                      maqet_json_object("driver", json_object_new_string("null-co"),
                                        "node-name", json_object_new_string(EMPTY_NODE),
                                        "size", json_object_new_uint64(bytes),
                                        "read-zeroes", json_object_new_boolean(true),
                                        NULL),
                      err);
}

/* Closes whatever has the names of the drive's nodes. */
static int
remove_nodes(struct maqet_plugging *plugging, struct maqet_error **err)
{
    return maqet_plugging_look(plugging, err) < 0
               ? -1
               : maqet_plugging_remove_nodes(plugging, err);
}

int
maqet_relocation_put_nodes(struct maqet_relocation *relocation, bool after,
                           struct maqet_error **err)
{
    struct maqet_plugging *chosen = after ? &relocation->after : &relocation->before;

    if (maqet_plugging_look(&relocation->before, err) < 0 ||
        add_empty(relocation, err) < 0 || put_on(relocation, EMPTY_NODE, err) < 0 ||
        remove_nodes(&relocation->before, err) < 0 ||
        remove_nodes(&relocation->after, err) < 0 ||
        maqet_plugging_look(chosen, err) < 0 ||
        maqet_plugging_add_nodes(chosen, err) < 0 ||
        put_on(relocation, maqet_drive_node(relocation->before.drive), err) < 0)
        return -1;
    return tell(relocation, "blockdev-del", by_name(EMPTY_NODE), err);
}
