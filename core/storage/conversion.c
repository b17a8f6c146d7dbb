/* SPDX-License-Identifier: MIT */
#include "core/storage/conversion.h"

#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/image_tool.h"
#include "core/qemu/keyval.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/image.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlay_nodes.h"
#include "core/storage/overlays.h"

/* ---- what is copied ---- */

/* The virtual size of an image that no drive has. */
static int
size_of_image(const struct maqet_copy_source *from, uint64_t *bytes,
              struct maqet_error **err)
{
    const char *const argv[] = {"qemu-img",
                                "info",
                                "--output=json",
                                from->format ? "-f" : "--",
                                from->format ? from->format : from->image,
                                from->format ? from->image : NULL,
                                NULL};
    _cleanup_free_ char *output = NULL;
    json_object *size = NULL;

    *bytes = from->size;
    if (*bytes > 0)
        return 0;
    if (maqet_process_run(argv, MAQET_CALL_SERVICE, &output, err) < 0)
        return -1;
    _cleanup_json_ json_object *info = maqet_json_parse(output, from->image, err);
    if (!info)
        return -1;
    if (!json_object_object_get_ex(info, "virtual-size", &size))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "%s has no size", from->image);
    *bytes = (uint64_t)json_object_get_int64(size);
    return 0;
}

static int
size_of_drive(const struct maqet_drive *drive, uint64_t *bytes, struct maqet_error **err)
{
    struct maqet_image_state state;

    if (maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    *bytes = state.virtual_size;
    return state.exists ? 0
                        : maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                                            "%s does not exist",
                                            drive->path ? drive->path : "its storage");
}

int
maqet_copy_size(const struct maqet_copy_source *from, uint64_t *bytes,
                struct maqet_error **err)
{
    switch (from->of) {
    case MAQET_COPY_NODE:
        return maqet_overlay_nodes_size(from->drive, from->node, bytes, err);
    case MAQET_COPY_SNAPSHOT:
        *bytes = from->snapshot->virtual_size;
        return *bytes > 0 ? 0 : size_of_drive(from->drive, bytes, err);
    case MAQET_COPY_IMAGE:
        return size_of_image(from, bytes, err);
    case MAQET_COPY_DRIVE:
        break;
    }
    return size_of_drive(from->drive, bytes, err);
}

/* A node of the drive that is read, with what it stands on. */
static int
add_node(const struct maqet_copy_source *from, struct maqet_strings *argv,
         struct maqet_error **err)
{
    const struct maqet_drive *drive = from->drive;
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *name = from->of == MAQET_COPY_NODE
                                    ? maqet_overlay_node_name(drive->name, from->node)
                                    : maqet_strdup(maqet_drive_node(drive));

    if ((from->of == MAQET_COPY_NODE
             ? maqet_storage_emit_node(drive, from->node, args, err)
             : maqet_storage_emit_args(drive, args, err)) < 0)
        return -1;
    /* QEMU may have a frozen node open, too, and does not write to it. */
    for (size_t i = 0; from->of == MAQET_COPY_NODE && i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev)
            json_object_object_add(args->objects[i]->json, "force-share",
                                   json_object_new_boolean(true));
    return maqet_args_render_image(args, name, argv)
               ? 0
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "it has no image that qemu-img could open");
}

/* A served snapshot. */
static void
add_served(const char *socket, struct maqet_strings *argv)
{
    _cleanup_json_ json_object *node = json_object_new_object();
    json_object *server = json_object_new_object();

    json_object_object_add(server, "type", json_object_new_string("unix"));
    json_object_object_add(server, "path", json_object_new_string(socket));
    json_object_object_add(node, "driver", json_object_new_string("nbd"));
    json_object_object_add(node, "server", server);
    maqet_strings_addf(argv, "json:%s",
                       json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN));
}

static int
add_source(const struct maqet_copy_source *from, struct maqet_strings *argv,
           struct maqet_error **err)
{
    switch (from->of) {
    case MAQET_COPY_SNAPSHOT:
        add_served(from->socket, argv);
        return 0;
    case MAQET_COPY_IMAGE:
        maqet_strings_add(argv, from->image);
        return 0;
    case MAQET_COPY_NODE:
    case MAQET_COPY_DRIVE:
        break;
    }
    return add_node(from, argv, err);
}

/* ---- the image that gets it ---- */

/* Appends the driver and the image that has the path (NULL: its own), as one to write to. */
static int
add_target(const struct maqet_drive *drive, const char *path, struct maqet_strings *argv,
           struct maqet_strings *objects, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;
    struct maqet_drive copy = *drive;

    copy.name = (char *)"to."; /* the source has another one, whatever it is called */
    copy.chain = (struct maqet_chain){0};
    copy.overlays = NULL;
    if (drive->image_storage)
        copy.storage = drive->image_storage;
    copy.image_storage = NULL;
    maqet_drive_set_top(&copy, path ? path : drive->path);
    maqet_drive_set_node(&copy, copy.name);
    int result = maqet_storage_emit_args(&copy, args, err);
    const char *driver =
        maqet_json_text(maqet_block_node_find(args, copy.name), "driver");
    if (result == 0 && !maqet_args_render_image(args, copy.name, &words))
        result = maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "it has no image that qemu-img could open");
    maqet_chain_clear(&copy.chain);
    if (result < 0)
        return -1;
    for (size_t i = 0; i + 1 < words.count; i++)
        maqet_strings_add(objects, words.items[i]);
    maqet_strings_add(argv, "-O");
    maqet_strings_add(argv, driver ? driver : drive->storage->plugin.name);
    maqet_strings_add(argv, words.items[words.count - 1]);
    return 0;
}

static void
show(const void *about, const char *const *argv, double percent, int64_t elapsed)
{
    const struct maqet_drive *drive = about;
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': copying",
                                             drive->machine->vm_name, drive->name);

    if (drive->context->progress)
        drive->context->progress(drive->context->data, argv ? what : NULL, percent,
                                 elapsed);
}

static int
run(const struct maqet_drive *drive, struct maqet_command *command,
    struct maqet_error **err)
{
    MAQET_CALL(MAQET_CALL_LONG);
    struct maqet_call *call = maqet_call_current();

    call->report = show;
    call->about = drive;
    call->log = drive->log;
    return maqet_command_finish(command, NULL, NULL, err);
}

/* A new file without a format of its own has no data yet; whether others are empty is only known to
 * QEMU. */
static bool
is_zero(const struct maqet_drive *drive, const char *path)
{
    return path && drive->storage->plugin.flags & MAQET_STORAGE_PLAIN;
}

/* The rules for a program that reads an image that another one has made. */
static int
confine(const struct maqet_copy_source *from, const struct maqet_drive *drive,
        const char *path, struct maqet_confinement *confinement, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_strings_add(&files, from->image);
    maqet_strings_add_all(&files, from->others);
    for (size_t i = 0; i < drive->chain.count; i++)
        if (drive->chain.nodes[i].file)
            maqet_strings_add(&files, drive->chain.nodes[i].file);
    return maqet_image_tool_confine(confinement, &files, path, err);
}

static int
convert(const struct maqet_copy_source *from, const struct maqet_drive *drive,
        const char *path, bool compress, struct maqet_error **err)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));
    _cleanup_strings_ struct maqet_strings source = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings target = MAQET_STRINGS_INIT;
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    const char *const words[] = {"qemu-img",
                                 "convert",
                                 "-p",
                                 "-n",
                                 is_zero(drive, path) ? "--target-is-zero" : NULL,
                                 compress ? "-c" : NULL,
                                 from->format ? "-f" : NULL,
                                 from->format};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i])
            maqet_strings_add(&command->argv, words[i]);
    command->progress = true;
    if ((from->others && confine(from, drive, path, &confinement, err) < 0) ||
        add_source(from, &source, err) < 0 ||
        add_target(drive, path, &target, &command->argv, err) < 0) {
        maqet_strings_clear(&source);
        maqet_command_free(command);
        return -1;
    }
    /* The driver, before the names of both. */
    maqet_strings_add(&command->argv, target.items[0]);
    maqet_strings_add(&command->argv, target.items[1]);
    for (size_t i = 0; i < source.count; i++)
        maqet_strings_add(&command->argv, source.items[i]);
    maqet_strings_add(&command->argv, target.items[2]);
    maqet_secrets_find(&command->argv, NULL, &command->secrets);
    command->ruleset = maqet_image_tool_ruleset(&confinement);
    return run(drive, command, err);
}

int
maqet_convert_to_file(const struct maqet_copy_source *from, const char *path,
                      const char *format, bool compress, struct maqet_error **err)
{
    struct maqet_command *command = maqet_alloc(sizeof(*command));
    const char *const words[] = {"qemu-img", "convert", "-p",
                                 "-O",       format,    compress ? "-c" : NULL};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i])
            maqet_strings_add(&command->argv, words[i]);
    command->progress = true;
    if (add_source(from, &command->argv, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_secrets_find(&command->argv, NULL, &command->secrets);
    maqet_strings_add(&command->argv, path);
    return run(from->drive, command, err);
}

int
maqet_convert_is_encrypted(const struct maqet_drive *drive, bool *encrypted,
                           struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    *encrypted = false;
    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    for (size_t i = 0; i < args->count; i++) {
        const char *type = maqet_json_text(args->objects[i]->json, "qom-type");

        *encrypted = *encrypted || (type && maqet_text_starts(type, "secret"));
    }
    return 0;
}

int
maqet_convert(const struct maqet_copy_source *from, const struct maqet_drive *drive,
              const char *path, bool compress, struct maqet_error **err)
{
    struct maqet_process_server server = {0};

    if (from->of == MAQET_COPY_SNAPSHOT &&
        maqet_drive_snapshot_serve(from->drive, from->snapshot, from->socket, &server,
                                   err) < 0)
        return -1;
    int result = convert(from, drive, path, compress, err);
    if (server.pid > 0)
        maqet_process_server_end(&server);
    if (from->of == MAQET_COPY_SNAPSHOT)
        unlink(from->socket);
    return result;
}
