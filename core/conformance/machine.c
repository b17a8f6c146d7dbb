/* SPDX-License-Identifier: MIT */
#include "core/conformance/machine.h"
#include "core/base/removal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/config/yaml.h"
#include "core/conformance/made_up.h"
#include "core/lifecycle/start.h"
#include "core/machine/ended.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/storage/close.h"

const char *
machine_type(const struct bench *bench, unsigned index)
{
    static const char *const of_pcs[] = {"pc", "q35", NULL};
    static const char *const of_others[] = {"virt", NULL, NULL};

    return (maqet_vm_arch_is_pc(bench->machine.arch) ? of_pcs : of_others)[index];
}

/* ---- its definition ---- */

/* QEMU opens a drive that is attached later by the name of its file, so it may open all
 * files of the check. */
static const char frame[] =
    "{accel: tcg, memory: 64M, display: none, storage: [], sandbox: {write: []}, "
    "arguments: [S, nodefaults, no-user-config, {machine: ''}]}";

static struct maqet_definition *
definition_of(const struct bench *bench, const char *type, json_object *const *entries,
              size_t count)
{
    struct maqet_definition *definition = maqet_alloc(sizeof(*definition));
    json_object *tree = maqet_yaml_parse(frame, strlen(frame), NULL, bench->folder, NULL);
    json_object *storage = json_object_object_get(tree, "storage");
    json_object *arguments = json_object_object_get(tree, "arguments");
    json_object *write =
        json_object_object_get(json_object_object_get(tree, "sandbox"), "write");
    struct maqet_place place = maqet_tree_place(tree);

    definition->name = maqet_strdup(bench->machine.vm_name);
    definition->uuid = maqet_strdup("00000000-0000-0000-0000-000000000000");
    definition->tree = tree;
    bench_set(tree, "binary", bench->qemu);
    bench_set(json_object_array_get_idx(arguments, 3), "machine", type);
    maqet_tree_append(write, json_object_new_string(bench->folder), place);
    maqet_tree_append(write, json_object_new_string(bench->machine.drives_dir), place);
    for (size_t i = 0; i < count; i++)
        maqet_tree_append(storage, maqet_tree_copy(entries[i]), place);
    return definition;
}

/* ---- from its start to its end ---- */

/* Replaces the machine that was started before it, and has ended: only the folders of the
 * drives stay, because the drives are the same. */
static int
store(const struct bench *bench, const struct maqet_definition *definition,
      struct maqet_error **err)
{
    const char *drives = bench->machine.drives_dir;
    _cleanup_free_ char *home = maqet_path_folder(drives);
    _cleanup_free_ char *kept = maqet_format("%s.kept", bench->folder);

    bool keeps = rename(drives, kept) == 0;
    maqet_dir_remove(home, NULL);
    int result = maqet_store_add(&bench->context, definition, err);
    if (result < 0 || !keeps)
        return result < 0 ? -1 : maqet_dir_make(drives, 0700, err);
    return rename(kept, drives) == 0
               ? 0
               : maqet_error_errno(err, errno, "Cannot move %s to %s", kept, drives);
}

struct maqet_opened *
machine_start(const struct bench *bench, const char *type, json_object *const *entries,
              size_t count, struct maqet_error **err)
{
    const struct maqet_context *context = &bench->context;
    _cleanup_definition_ struct maqet_definition *definition =
        definition_of(bench, type, entries, count);
    const struct maqet_start how = {.timeout = BENCH_STEP_TIMEOUT, .dies_with_us = true};

    /* The one that was started before it has ended, which other commands would notice. */
    if (maqet_ended_settle(context, definition->name, err) < 0)
        return NULL;
    maqet_drives_close();
    if (store(bench, definition, err) < 0 ||
        maqet_vm_start(context, definition->name, &how, NULL, NULL, err) < 0)
        return NULL;
    return maqet_open(context, definition->name,
                      MAQET_OPEN_LOCK | MAQET_OPEN_RUNNING | MAQET_OPEN_VM, err);
}

struct maqet_opened *
machine_start_drive(const struct bench *bench, struct maqet_error **err)
{
    return machine_start(bench, machine_type(bench, 0), &bench->drive->tree, 1, err);
}

void
machine_end(struct maqet_opened *machine)
{
    if (machine)
        maqet_opened_end_qemu(machine, NULL);
    maqet_opened_close(machine);
}

/* ---- what QEMU has ---- */

bool
machine_has_device(struct maqet_opened *machine, const char *id)
{
    _cleanup_free_ char *path = maqet_format("/machine/peripheral/%s", id);
    _cleanup_json_ json_object *list = maqet_monitor_ask(
        machine, "qom-list",
        maqet_json_object("path", json_object_new_string(path), NULL), NULL);

    return list;
}

bool
machine_has_node(struct maqet_opened *machine, const char *name)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, NULL);

    return maqet_monitor_find_node(nodes, name);
}

int64_t
machine_size(struct maqet_opened *machine, const struct maqet_drive *drive)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, NULL);
    json_object *node = maqet_monitor_find_node(nodes, maqet_drive_node(drive));

    return maqet_json_int(json_object_object_get(node, "image"), "virtual-size");
}

bool
machine_is_readonly(struct maqet_opened *machine, const struct maqet_drive *drive)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, NULL);
    json_object *node = maqet_monitor_find_node(nodes, maqet_drive_node(drive));

    return json_object_get_boolean(json_object_object_get(node, "ro"));
}

bool
machine_has_tray(struct maqet_opened *machine, const char *id)
{
    _cleanup_free_ char *own = maqet_format("/machine/peripheral/%s", id);
    _cleanup_json_ json_object *list =
        maqet_monitor_ask(machine, "query-block", NULL, NULL);
    size_t length = strlen(own);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *device = json_object_array_get_idx(list, i);
        const char *path = maqet_json_text(device, "qdev");

        bool is_own = path && (strcmp(path, id) == 0 || (maqet_text_starts(path, own) &&
                                                         strchr("/", path[length])));

        if (is_own && json_object_object_get_ex(device, "tray_open", NULL))
            return true;
    }
    return false;
}

bool
machine_has_type(struct maqet_opened *machine, const char *id, const char *end)
{
    _cleanup_free_ char *path = maqet_format("/machine/peripheral/%s", id);
    _cleanup_json_ json_object *type = maqet_monitor_ask(
        machine, "qom-get",
        maqet_json_object("path", json_object_new_string(path), "property",
                          json_object_new_string("type"), NULL),
        NULL);
    const char *name = json_object_get_string(type);

    return name && strlen(name) >= strlen(end) &&
           strcmp(name + strlen(name) - strlen(end), end) == 0;
}

json_object *
machine_pci_types(struct maqet_opened *machine, struct maqet_error **err)
{
    return maqet_monitor_ask(
        machine, "qom-list-types",
        maqet_json_object("implements", json_object_new_string("pci-device"), NULL), err);
}
