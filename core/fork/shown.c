/* SPDX-License-Identifier: MIT */
#include "core/fork/shown.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/holders.h"
#include "core/machine/run.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_name.h"

/* A run has no image at all. */
static bool
is_shown(const struct maqet_forking *forking, const struct maqet_clone_drive *item)
{
    return item->part == MAQET_PART_SHOWN ||
           (forking->shows &&
            (item->part == MAQET_PART_LINKED || item->part == MAQET_PART_COPIED));
}

void
maqet_fork_list_shown(const struct maqet_forking *forking, struct maqet_strings *drives)
{
    for (size_t i = 0; i < forking->plan.count; i++)
        if (is_shown(forking, &forking->plan.drives[i]))
            maqet_strings_add(drives, forking->plan.drives[i].drive->name);
}

static bool
is_read_live(const struct maqet_drive *drive)
{
    return drive->storage->plugin.flags & MAQET_STORAGE_LIVE_READ;
}

static int
error_not_readable(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *name = drive->machine->vm_name;

    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is running, and the snapshots of its drive '%s', of the "
                    "type %s, cannot be read by another program meanwhile",
                    name, drive->name, drive->storage->plugin.name);
    return maqet_error_next(err, MAQET_NEXT_STOP, name, NULL);
}

int
maqet_fork_check_readable(const struct maqet_forking *forking, struct maqet_error **err)
{
    const struct maqet_opened *machine = forking->loading.session->machine;

    for (size_t i = 0; i < forking->plan.count; i++) {
        const struct maqet_clone_drive *item = &forking->plan.drives[i];

        if (!is_shown(forking, item) || item->from.of == MAQET_COPY_NODE ||
            is_read_live(item->drive))
            continue;
        if (machine->run.pid > 0)
            return error_not_readable(item->drive, err);
        if (maqet_holders_check_exclusive(machine->vm, item->drive, err) < 0)
            return -1;
    }
    return 0;
}

static int
drop_name(void *data, json_object *node)
{
    (void)data;
    json_object_object_del(node, "node-name");
    return 0;
}

/* Without the names of nodes, which are those of drives in the QEMU that gets the image. */
static void
drop_names(struct maqet_strings *image)
{
    static const char prefix[] = "json:";
    char **last = &image->items[image->count - 1];
    _cleanup_json_ json_object *node =
        maqet_json_parse(*last + strlen(prefix), "an image", NULL);

    maqet_block_node_walk(node, drop_name, NULL);
    free(*last);
    *last =
        maqet_format("%s%s", prefix,
                     json_object_to_json_string_ext(
                         node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* A frozen node, and what it stands on. */
static int
show_node(const struct maqet_clone_drive *item, struct maqet_strings *image,
          struct maqet_error **err)
{
    const struct maqet_drive *drive = item->drive;
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *name = maqet_overlay_node_name(drive->name, item->from.node);

    if (maqet_storage_emit_node(drive, item->from.node, args, err) < 0)
        return -1;
    if (!maqet_args_render_image(args, name, image))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it cannot be shown to another VM");
    drop_names(image);
    return 0;
}

/* The machine may be started while the server reads its image. */
static int
serve(struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
      const char *socket, struct maqet_served *served, struct maqet_error **err)
{
    bool running = drive->running;

    drive->running = running || is_read_live(drive);
    int result = maqet_served_begin(served, drive, snapshot, socket, err);
    drive->running = running;
    return result;
}

int
maqet_fork_show(const struct maqet_forking *forking, const char *folder,
                struct maqet_fork_shown *shown, struct maqet_error **err)
{
    const struct maqet_clone_plan *plan = &forking->plan;
    struct maqet_drive *const *drives = forking->loading.session->machine->vm->drives;

    shown->items = maqet_alloc(plan->count * sizeof(*shown->items) + 1);
    shown->servers = maqet_alloc(plan->count * sizeof(*shown->servers) + 1);
    for (size_t i = 0; i < plan->count; i++) {
        const struct maqet_clone_drive *item = &plan->drives[i];

        if (!is_shown(forking, item))
            continue;
        struct maqet_shown *drive = &shown->items[shown->count++];

        drive->drive = item->drive->name;
        if (item->from.of == MAQET_COPY_NODE) {
            if (show_node(item, &drive->image, err) < 0)
                return -1;
            continue;
        }
        struct maqet_served *served = &shown->servers[shown->server_count++];
        _cleanup_free_ char *socket = maqet_run_server_socket(folder, i);

        if (serve(drives[i], item->from.snapshot, socket, served, err) < 0)
            return -1;
        maqet_strings_add(&drive->image, served->image);
    }
    return 0;
}

void
maqet_fork_shown_clear(struct maqet_fork_shown *shown)
{
    for (size_t i = 0; i < shown->server_count; i++)
        maqet_served_end(&shown->servers[i]);
    for (size_t i = 0; i < shown->count; i++)
        maqet_strings_clear(&shown->items[i].image);
    free(shown->servers);
    free(shown->items);
    *shown = (struct maqet_fork_shown){0};
}
