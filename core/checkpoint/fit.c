/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/fit.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/process.h"
#include "core/machine/generation.h"
#include "core/machine/store.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/launch.h"
#include "core/qemu/version.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

static void
error_differs(const struct maqet_loading *loading, const char *name, const char *what,
              const char *then, const char *now, struct maqet_error **err)
{
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "The checkpoint '%s' no longer fits VM '%s': its %s was %s, and is now %s", name,
        loading->session->machine->name, what, then, now);
}

/* @before: what would make it fit again; @about: its second operand, or NULL. */
static int
advise(const struct maqet_loading *loading, const char *name, enum maqet_next before,
       const char *about, struct maqet_error **err)
{
    maqet_error_next(err, before, loading->session->machine->name, about, NULL);
    return maqet_error_next(err, MAQET_NEXT_LOAD_DRIVES_INSTEAD,
                            loading->session->machine->name, name, NULL);
}

/* A maqet_block_node_visit. */
static int
remove_added(void *data, json_object *node)
{
    (void)data;
    json_object_object_del(node, MAQET_BLOCK_NODE_DROPS);
    return 0;
}

/* Removes what an earlier maqet did not set, and what does not matter to the guest: the names of backing
 * nodes (core/storage/chain.h), and that nodes keep what is cached. The caller frees. */
static char *
without_added(const char *argument)
{
    _cleanup_json_ json_object *node =
        argument[0] == '{' ? maqet_json_parse(argument, "an argument", NULL) : NULL;
    json_object *backing = NULL;

    if (!json_object_is_type(node, json_type_object))
        return maqet_strdup(argument);
    for (json_object *at = node; json_object_object_get_ex(at, "backing", &backing) &&
                                 json_object_is_type(backing, json_type_object);
         at = backing)
        json_object_object_del(backing, "node-name");
    maqet_block_node_walk(node, remove_added, NULL);
    return maqet_strdup(json_object_to_json_string_ext(
        node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The value of the last such option; NULL: it is not there. */
static const char *
value_of(const struct maqet_strings *argv, const char *option)
{
    for (size_t i = argv->count; i-- > 1;)
        if (strcmp(argv->items[i - 1], option) == 0)
            return argv->items[i];
    return NULL;
}

/* A text in which @now replaces each @then. The caller frees. */
static char *
replaced(const char *text, const char *then, const char *now)
{
    struct maqet_text result = MAQET_TEXT_INIT;

    for (const char *found; (found = strstr(text, then)); text = found + strlen(then)) {
        maqet_text_append_bytes(&result, text, (size_t)(found - text));
        maqet_text_append(&result, now);
    }
    maqet_text_append(&result, text);
    return maqet_text_take(&result);
}

/* The folder that a machine had in the data folder, by the name with which its QEMU was
 * started. The caller frees. */
static char *
folder_then(const struct maqet_session *session, const struct maqet_strings *argv)
{
    const struct maqet_context *context = session->machine->context;
    static const char key[] = "guest=";
    const char *name = value_of(argv, "-name");

    if (!name || !maqet_text_starts(name, key) ||
        !maqet_vm_name_valid(name + strlen(key)))
        name = NULL;
    return maqet_store_file(context, name ? name + strlen(key) : session->machine->name,
                            "");
}

/* A machine that was renamed has other folders: what was in the one then is in the other
 * now. */
static void
follow_name(const struct maqet_session *session, struct maqet_strings *argv,
            const struct maqet_strings *recorded)
{
    _cleanup_free_ char *then = folder_then(session, recorded);
    _cleanup_free_ char *now =
        maqet_store_file(session->machine->context, session->machine->name, "");

    for (size_t i = 0; strcmp(then, now) != 0 && i < argv->count; i++) {
        char *text = replaced(argv->items[i], then, now);

        free(argv->items[i]);
        argv->items[i] = text;
    }
}

/* The drive with overlays one of whose nodes has a name; NULL: there is none. */
static const struct maqet_drive *
drive_of_node(const struct maqet_vm *vm, const char *name)
{
    for (size_t i = 0; name && i < vm->drive_count; i++)
        if (vm->drives[i]->overlays &&
            maqet_overlay_is_node_of(vm->drives[i]->name, name))
            return vm->drives[i];
    return NULL;
}

/* An argument without what differs from one start to the next: which overlays a drive has, and
 * which of them the guest writes to. NULL: nothing of it is left. The caller frees. */
static char *
without_overlays(const struct maqet_vm *vm, const char *argument)
{
    _cleanup_json_ json_object *json =
        *argument == '{' ? maqet_json_parse(argument, "", NULL) : NULL;
    const char *node = maqet_json_text(json, "node-name");
    const char *attached = maqet_json_text(json, "drive");
    const struct maqet_drive *drive = drive_of_node(vm, attached);

    if (drive_of_node(vm, node))
        return NULL;
    if (!drive)
        return maqet_strdup(argument);
    _cleanup_free_ char *then = maqet_format("\"drive\":\"%s\"", attached);
    _cleanup_free_ char *now = maqet_format("\"drive\":\"%s\"", drive->name);
    return replaced(argument, then, now);
}

/* A block node without the path of its image, if the checkpoint has a snapshot of the drive, by which
 * the image is known wherever it was moved. NULL: it is no such node. The caller frees. */
static char *
without_place(const struct maqet_checkpoint *about, const struct maqet_vm *vm,
              const char *argument)
{
    _cleanup_json_ json_object *json =
        *argument == '{' ? maqet_json_parse(argument, "", NULL) : NULL;
    const char *node = maqet_json_text(json, "node-name");
    const struct maqet_drive *drive = node ? maqet_vm_find_node(vm, node) : NULL;
    json_object *file = json_object_object_get(json, "file");

    if (!drive || drive->overlays || !maqet_json_text(json, "driver") ||
        !maqet_checkpoint_snapshot(about, drive->name))
        return NULL;
    if (!json_object_is_type(file, json_type_object))
        file = json;
    if (!maqet_json_text(file, "filename"))
        return NULL;
    json_object_object_add(file, "filename", json_object_new_string(""));
    return maqet_strdup(json_object_to_json_string_ext(
        json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The device with the generation ID, which is another one at each load. NULL: it is another
 * argument. The caller frees. */
static char *
without_generation(const char *argument)
{
    static const char ours[] = MAQET_GENERATION_DEVICE ",id=maqet-genid,";

    return maqet_text_starts(argument, ours) ? maqet_strdup(ours) : NULL;
}

/* Leaves out options whose values may differ: the location of the PID file, the display, the
 * name, the generation ID, the overlays of drives, and where their images are. */
static void
add_relevant(const struct maqet_loading *loading, struct maqet_strings *kept,
             const struct maqet_strings *argv)
{
    const struct maqet_vm *vm = loading->session->machine->vm;
    static const char *const irrelevant[] = {"-pidfile", "-display", "-name", NULL};

    for (size_t i = 0; i < argv->count; i++) {
        if (maqet_text_is_one_of(argv->items[i], irrelevant)) {
            i++;
            continue;
        }
        char *argument = without_generation(argv->items[i]);
        if (!argument)
            argument = without_place(&loading->about, vm, argv->items[i]);
        if (!argument)
            argument = without_overlays(vm, argv->items[i]);
        if (argument)
            maqet_strings_take(kept, without_added(argument));
        else if (kept->count > 0)
            maqet_strings_cut(kept, kept->count - 1); /* its -blockdev */
        free(argument);
    }
}

/* A drive that was detached since, or attached only until the machine stopped. */
int
maqet_fit_check_drives(const struct maqet_loading *loading, struct maqet_error **err)
{
    const struct maqet_vm *vm = loading->session->machine->vm;
    const char *name = loading->about.name;

    for (size_t i = 0; i < loading->about.drives.count; i++) {
        const char *drive = loading->about.drives.items[i];

        if (maqet_vm_find_drive(vm, drive, NULL))
            continue;
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "The checkpoint '%s' no longer fits VM '%s': it includes the "
                        "drive '%s', which the VM does not have",
                        name, vm->definition->name, drive);
        return maqet_error_next(err, MAQET_NEXT_APPLY_AS_BEFORE, vm->definition->name,
                                NULL);
    }
    return 0;
}

static const char *
argument_at(const struct maqet_strings *argv, size_t index)
{
    return index < argv->count ? argv->items[index] : "nothing";
}

static int
compare_arguments(const struct maqet_loading *loading, const char *name,
                  const struct maqet_strings *then, const struct maqet_strings *now,
                  struct maqet_error **err)
{
    for (size_t i = 0; i < then->count || i < now->count; i++) {
        const char *before = argument_at(then, i), *present = argument_at(now, i);

        if (strcmp(before, present) == 0)
            continue;
        /* A value is named by its option. */
        bool value =
            i > 0 && i < now->count && now->items[i - 1][0] == '-' && present[0] != '-';
        _cleanup_free_ char *what = value ? maqet_format("argument %s", now->items[i - 1])
                                          : maqet_format("argument %zu", i);
        error_differs(loading, name, what, before, present, err);
        return advise(loading, name, MAQET_NEXT_APPLY_AS_BEFORE, NULL, err);
    }
    return 0;
}

static int
check_arguments(const struct maqet_loading *loading, const char *name,
                const struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    const struct maqet_strings *recorded = &loading->about.arguments;

    if (recorded->count == 0)
        return maqet_error_set(
            err, MAQET_ERROR_FAILED,
            "The checkpoint '%s' of VM '%s' is damaged: it does not contain QEMU's "
            "command line",
            name, loading->session->machine->name);
    add_relevant(loading, &then, recorded);
    follow_name(loading->session, &then, recorded);
    add_relevant(loading, &now, argv);
    return compare_arguments(loading, name, &then, &now, err);
}

/* Whether it is the same file as then, which saves asking the program for its version. */
static bool
is_program(const char *program, const char *mark)
{
    _cleanup_free_ char *path = maqet_process_find(program);
    _cleanup_free_ char *found = path ? maqet_file_mark(path) : NULL;

    return found && mark && strcmp(found, mark) == 0;
}

/* Nobody knows what a QEMU of another version makes of the memory. */
static int
error_version_unknown(const struct maqet_loading *loading, const char *name,
                      const char *program, struct maqet_error **err)
{
    const char *text = loading->about.qemu;

    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "Whether the checkpoint '%s' fits VM '%s' is not known: it was "
                    "created with QEMU %s, and `%s --version` does not print a "
                    "version now",
                    name, loading->session->machine->name,
                    text ? text : "of another version", program);
    return advise(loading, name, MAQET_NEXT_REPAIR_VERSION, program, err);
}

static int
check_version(const struct maqet_loading *loading, const char *name, const char *program,
              struct maqet_error **err)
{
    int now, then = loading->about.version;
    const char *text = loading->about.qemu;

    if (is_program(program, loading->about.program))
        return 0;
    now = maqet_qemu_version(program);
    if (now == 0) {
        _cleanup_free_ char *path = maqet_launch_find(program, err);

        return path ? error_version_unknown(loading, name, program, err) : -1;
    }
    if (now == then / 100 * 100)
        return 0;
    _cleanup_free_ char *words = maqet_format("%d.%d", now / 10000, now / 100 % 100);
    /* Without the version of its package. */
    _cleanup_free_ char *number =
        text ? maqet_format("%.*s", (int)strcspn(text, " "), text)
             : maqet_strdup("of the same version");
    error_differs(loading, name, "QEMU", text ? text : "another one", words, err);
    return advise(loading, name, MAQET_NEXT_USE_QEMU_AS_BEFORE, number, err);
}

int
maqet_fit_check(const struct maqet_loading *loading, const struct maqet_strings *argv,
                struct maqet_error **err)
{
    const char *name = loading->about.name;

    return check_arguments(loading, name, argv, err) < 0 ||
                   check_version(loading, name, argv->items[0], err) < 0
               ? -1
               : 0;
}

void
maqet_fit_advise_forks(const struct maqet_loading *loading, struct maqet_error **err)
{
    static const enum maqet_next touching[] = {
        MAQET_NEXT_LOAD_DRIVES,
        MAQET_NEXT_LOAD_DRIVES_INSTEAD,
        MAQET_NEXT_LOAD_ONE_DRIVE,
        MAQET_NEXT_DELETE_CHECKPOINT,
        MAQET_NEXT_DELETE_CHECKPOINT_ALONE,
        MAQET_NEXT_DELETE_USELESS_CHECKPOINT,
    };
    bool dropped = false;

    if (!err || !*err)
        return;
    for (size_t i = 0; i < sizeof(touching) / sizeof(*touching); i++)
        if (maqet_error_drop_next(*err, touching[i]))
            dropped = true;
    if (dropped)
        maqet_error_next(err,
                         (*err)->hints.count > 0 ? MAQET_NEXT_OR_CREATE_ANOTHER
                                                 : MAQET_NEXT_CREATE_ANOTHER,
                         loading->session->machine->name, NULL);
}
