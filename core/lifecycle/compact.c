/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/compact.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/json.h"
#include "core/guest/agent.h"
#include "core/machine/bases.h"
#include "core/machine/check.h"
#include "core/machine/holders.h"
#include "core/machine/opened.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/compaction.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlays.h"

/* ms until an agent must answer; and for its work: a guest discards some TB in minutes. */
static const int64_t AGENT_TIMEOUT = 10000;
static const int64_t TRIM_TIMEOUT = INT64_C(3600) * 1000;

/* In the run folder: what serves an image meanwhile. */
#define SERVER_SOCKET MAQET_DRIVE_SOCKET_PREFIX "compact"

void
maqet_compacted_clear(struct maqet_compacted_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].drive);
        free(list->items[i].file);
    }
    free(list->items);
    *list = (struct maqet_compacted_list){0};
}

/* ---- the drives ---- */

/* Why the image of a drive cannot become smaller, as a phrase; NULL: it can. */
static const char *
obstacle(const struct maqet_drive *drive)
{
    if (drive->chain.depth == 0 || drive->media == MAQET_MEDIA_CDROM)
        return "is no disk";
    if (maqet_drive_readonly(drive))
        return "is read-only, so its image does not change";
    return drive->path ? NULL : "has no image that is a file of this host";
}

/* The file that the guest writes to. */
static const char *
written_file(const struct maqet_drive *drive)
{
    return drive->chain.nodes[0].file;
}

static uint64_t
allocated(const struct maqet_drive *drive)
{
    struct stat status;

    return stat(written_file(drive), &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

static void
add(struct maqet_compacted_list *list, const struct maqet_drive *drive)
{
    *MAQET_APPEND(list->items, list->count) =
        (struct maqet_compacted){.drive = maqet_strdup(drive->name),
                                 .file = maqet_strdup(written_file(drive)),
                                 .before = allocated(drive)};
}

static int
choose_named(const struct maqet_vm *vm, const struct maqet_strings *names,
             struct maqet_compacted_list *list, struct maqet_error **err)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct maqet_drive *drive = maqet_vm_find_drive(vm, names->items[i], err);

        if (!drive || maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0)
            return -1;
        if (obstacle(drive))
            return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                     "the drive %s", obstacle(drive));
        add(list, drive);
    }
    return 0;
}

static int
choose(const struct maqet_vm *vm, const struct maqet_strings *names,
       struct maqet_compacted_list *list, struct maqet_error **err)
{
    struct stat status;

    if (names->count > 0)
        return choose_named(vm, names, list, err);
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (!maqet_drive_is_unknown(drive) && !obstacle(drive) &&
            stat(written_file(drive), &status) == 0)
            add(list, drive);
    }
    return list->count > 0
               ? 0
               : maqet_error_set(err, MAQET_ERROR_MISSING,
                                 "VM '%s' has no images that could be compacted",
                                 vm->definition->name);
}

static void
measure(const struct maqet_vm *vm, struct maqet_compacted_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->items[i].after =
            allocated(maqet_vm_find_drive(vm, list->items[i].drive, NULL));
}

/* ---- stopped ---- */

/* Whether the image may be written to. That of a drive with overlays is not: only the topmost
 * one is, on which nothing stands. */
static int
check_writable(const struct maqet_vm *vm, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    bool has_overlays = drive->overlays && drive->overlays->count > 1;

    return maqet_drive_check_fault(drive, MAQET_FAULT_STORAGE, err) < 0 ||
                   maqet_bases_check(drive, err) < 0 ||
                   (has_overlays
                        ? maqet_overlays_check(drive->overlays, drive->overlays->top, err)
                        : maqet_bases_check_unused(drive, err)) < 0 ||
                   maqet_holders_check(vm, drive, err) < 0 ||
                   maqet_vm_check_drive(vm, drive, err) < 0
               ? -1
               : 0;
}

static int
compact_stopped(const struct maqet_opened *machine, struct maqet_compacted_list *list,
                struct maqet_error **err)
{
    const struct maqet_vm *vm = machine->vm;
    _cleanup_free_ char *socket =
        maqet_format("%s/%s", vm->machine.run_dir, SERVER_SOCKET);

    for (size_t i = 0; i < list->count; i++)
        if (check_writable(vm, maqet_vm_find_drive(vm, list->items[i].drive, NULL), err) <
            0)
            return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct maqet_drive *drive =
            maqet_vm_find_drive(vm, list->items[i].drive, NULL);

        if (maqet_drive_compact(drive, socket, err) == 0)
            continue;
        maqet_error_wrap(err, "Cannot compact drive '%s'", drive->name);
        return maqet_holders_explain(vm, drive, err);
    }
    return 0;
}

/* ---- running ---- */

/* Whether QEMU gives back what the guest discards. */
static int
check_discards(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    json_object *node = maqet_block_node_find(args, maqet_drive_node(drive));
    if (maqet_json_is(node, "discard", "unmap"))
        return 0;
    maqet_drive_error(drive, "discard", err, MAQET_ERROR_UNSUPPORTED,
                      "what the guest discards is not given back to the host");
    maqet_error_hint(err, "Say `discard: unmap`, and start the VM again");
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, drive->machine->vm_name, NULL);
}

/* What fstrim(8) has failed at, which concerns others than these drives, too. */
static void
say_untrimmed(const struct maqet_opened *machine, json_object *answer)
{
    json_object *paths = json_object_object_get(answer, "paths");

    for (size_t i = 0; paths && i < json_object_array_length(paths); i++) {
        json_object *one = json_object_array_get_idx(paths, i);
        const char *path = maqet_json_text(one, "path");
        const char *error = maqet_json_text(one, "error");

        if (error)
            maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                              "VM '%s': the guest cannot discard in %s: %s",
                              machine->name, path ? path : "a file system", error);
    }
}

/* The agent's answer to its command; NULL on error. The caller puts it. */
static json_object *
trim(struct maqet_opened *machine, struct maqet_error **err)
{
    _cleanup_json_ json_object *pong = NULL;

    if (maqet_guest_agent_check(machine, err) < 0)
        return NULL;
    pong = maqet_guest_agent_ask(machine, "guest-ping", NULL, AGENT_TIMEOUT, err);
    return pong ? maqet_guest_agent_ask(machine, "guest-fstrim", NULL, TRIM_TIMEOUT, err)
                : NULL;
}

static int
compact_running(struct maqet_opened *machine, struct maqet_compacted_list *list,
                struct maqet_error **err)
{
    for (size_t i = 0; i < list->count; i++)
        if (check_discards(maqet_vm_find_drive(machine->vm, list->items[i].drive, NULL),
                           err) < 0)
            return -1;
    _cleanup_json_ json_object *answer = trim(machine, err);
    if (answer) {
        say_untrimmed(machine, answer);
        return 0;
    }
    maqet_error_hint(err, "Run fstrim(8) in the guest: fstrim -av");
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, machine->name, NULL);
}

int
maqet_vm_compact(const struct maqet_context *context, const char *vm,
                 const struct maqet_strings *drives, struct maqet_compacted_list *list,
                 struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        context, vm,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);

    if (!machine || choose(machine->vm, drives, list, err) < 0)
        return -1;
    list->running = machine->run.pid > 0;
    int result = list->running ? compact_running(machine, list, err)
                               : compact_stopped(machine, list, err);
    measure(machine->vm, list);
    return result;
}
