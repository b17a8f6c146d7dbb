/* SPDX-License-Identifier: MIT */
#include "core/conformance/machine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/pidfd.h"
#include "core/base/process.h"
#include "core/base/sockets.h"
#include "core/machine/command_line.h"
#include "core/machine/helpers.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/machine/sandbox_rules.h"

static const char NAME[] = "check";

const char *
machine_type(const struct bench *bench, unsigned index)
{
    static const char *const of_pcs[] = {"pc", "q35", NULL};
    static const char *const of_others[] = {"virt", NULL};
    const char *const *types =
        maqet_vm_arch_is_pc(bench->machine.arch) ? of_pcs : of_others;

    for (unsigned i = 0; i < index; i++)
        if (!types[i])
            return NULL;
    return types[index];
}

bool
machine_possible(struct bench *bench)
{
    _cleanup_free_ char *path = maqet_process_find(bench->qemu);

    if (!path)
        bench_skip(bench, "QEMU's program %s is not there; another one can be named",
                   bench->qemu);
    return path;
}

/* ---- what it is ---- */

static void
add_argument(json_object *list, const char *option, const char *value)
{
    struct maqet_place place = maqet_tree_place(list);

    if (!value) {
        maqet_tree_append(list, json_object_new_string(option), place);
        return;
    }
    json_object *item = maqet_tree_mapping(place);
    maqet_tree_set(item, option, json_object_new_string(value), place, place);
    maqet_tree_append(list, item, place);
}

/* A drive that is added while QEMU runs is opened by the name of its file, so QEMU may
 * open all that the check has made. */
static void
allow_folder(const struct bench *bench, json_object *tree)
{
    struct maqet_place place = maqet_tree_place(tree);
    json_object *sandbox = maqet_tree_mapping(place);
    json_object *paths = maqet_tree_sequence(place);

    maqet_tree_append(paths, json_object_new_string(bench->folder), place);
    maqet_tree_set(sandbox, "write", paths, place, place);
    maqet_tree_set(tree, "sandbox", sandbox, place, place);
}

static struct maqet_definition *
definition_of(const struct bench *bench, const char *type, json_object *const *entries,
              size_t count)
{
    struct maqet_definition *definition = maqet_alloc(sizeof(*definition));
    struct maqet_place place = {.folder = bench->folder};
    json_object *tree = maqet_tree_mapping(place);
    json_object *arguments = maqet_tree_sequence(place);
    json_object *storage = maqet_tree_sequence(place);

    definition->name = maqet_strdup(NAME);
    definition->uuid = maqet_strdup("00000000-0000-0000-0000-000000000000");
    definition->tree = tree;
    bench_set(tree, "binary", bench->qemu);
    bench_set(tree, "accel", "tcg");
    bench_set(tree, "memory", "64M");
    bench_set(tree, "display", "none");
    add_argument(arguments, "machine", type);
    add_argument(arguments, "S", NULL);
    add_argument(arguments, "nodefaults", NULL);
    add_argument(arguments, "no-user-config", NULL);
    maqet_tree_set(tree, "arguments", arguments, place, place);
    for (size_t i = 0; i < count; i++)
        maqet_tree_append(storage, maqet_tree_copy(entries[i]), place);
    maqet_tree_set(tree, "storage", storage, place, place);
    allow_folder(bench, tree);
    return definition;
}

int
machine_prepare(struct bench *bench, struct machine *machine, const char *type,
                json_object *const *entries, size_t count, struct maqet_error **err)
{
    bench_doing(bench, "validate");
    machine->vm =
        maqet_vm_new(&bench->context, definition_of(bench, type, entries, count), err);
    if (!machine->vm)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (bench_prepare(bench, machine->vm->drives[i], err) < 0)
            return -1;
    return 0;
}

/* ---- QEMU ---- */

static int
furnish(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    machine->dir_fd = maqet_dir_open_own(machine->vm->machine.run_dir, O_NOFOLLOW, err);
    if (machine->dir_fd < 0)
        return -1;
    machine->run_fd = openat(machine->dir_fd, "run", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    machine->log_fd = openat(machine->dir_fd, "qemu.log",
                             O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (machine->run_fd < 0 || machine->log_fd < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "Cannot create QEMU's files "
                               "in %s",
                               bench->context.runtime_dir);
    return maqet_lock_try(machine->run_fd, err) == 1 ? 0 : -1;
}

static int
launch(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_descriptors_ struct maqet_descriptors descriptors = {0};
    _cleanup_free_ char *scratch = NULL;
    _cleanup_close_ int monitor = maqet_socket_listen(machine->dir_fd, "qmp.sock", err);

    bench_doing(bench, "emit_args or emit_device");
    if (monitor < 0 || maqet_vm_command_line(machine->vm, &argv, err) < 0)
        return -1;
    bench_doing(bench, "helper");
    if (maqet_helpers_prepare(machine->vm->drives, machine->vm->drive_count,
                              machine->dir_fd, &helpers, err) < 0)
        return -1;
    bench_doing(bench, "QEMU's start");
    if (maqet_sandbox_confine(machine->vm, &argv, machine->dir_fd, &confinement, &scratch,
                              err) < 0)
        return -1;
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_MONITOR, monitor);
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_RUN, machine->run_fd);
    const struct maqet_launch how = {
        .argv = (const char *const *)argv.items,
        .descriptors = &descriptors,
        .log_fd = machine->log_fd,
        .dies_with_us = true,
        .confinement = confinement.ruleset < 0 ? NULL : &confinement,
        .scratch = scratch,
    };
    return maqet_launch(&how, &machine->process, err) < 0
               ? -1
               : maqet_helpers_start(&helpers, machine->process.pidfd, machine->log_fd,
                                     NULL, err);
}

/* QEMU has ended by itself, and its own words say why. */
static int
error_ended(struct machine *machine, struct maqet_error **err)
{
    _cleanup_free_ char *words = maqet_run_last_words(machine->log_fd);
    int status = 0;

    waitpid(machine->process.pid, &status, 0);
    machine->process.pid = 0;
    return maqet_launch_error(status, words, err);
}

int
machine_start(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (furnish(bench, machine, err) < 0 || launch(bench, machine, err) < 0)
        return -1;
    machine->qmp = maqet_monitor_open(machine->dir_fd, NAME, BENCH_STEP_TIMEOUT,
                                      machine->process.pidfd, &machine->lock, &reason);
    if (machine->qmp && machine_tell(machine, "query-status", NULL, &reason) == 0)
        return 0;
    return maqet_pidfd_wait(machine->process.pidfd,
                            reason->code == MAQET_ERROR_STATE ? MAQET_END_TIMEOUT : 0)
               ? error_ended(machine, err)
               : maqet_error_move(err, TAKE_PTR(reason));
}

int
machine_run(struct bench *bench, struct machine *machine, const char *type,
            json_object *const *entries, size_t count, struct maqet_error **err)
{
    return machine_prepare(bench, machine, type, entries, count, err) < 0
               ? -1
               : machine_start(bench, machine, err);
}

void
machine_end(struct machine *machine)
{
    int *const fds[] = {&machine->run_fd, &machine->log_fd, &machine->lock,
                        &machine->process.pidfd};

    maqet_qmp_close(TAKE_PTR(machine->qmp));
    if (machine->process.pid > 0) {
        maqet_qemu_end(machine->process.pidfd, MAQET_END_TIMEOUT);
        waitpid(machine->process.pid, NULL, 0);
        machine->process.pid = 0;
    }
    if (machine->dir_fd >= 0)
        maqet_run_tidy(machine->dir_fd);
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (*fds[i] >= 0)
            close(TAKE_FD(*fds[i]));
    if (machine->dir_fd >= 0)
        close(TAKE_FD(machine->dir_fd));
}

void
machine_clear(struct machine *machine)
{
    machine_end(machine);
    maqet_vm_free(TAKE_PTR(machine->vm));
}

/* ---- its monitor ---- */

json_object *
machine_ask(struct machine *machine, const char *command, json_object *arguments,
            struct maqet_error **err)
{
    return maqet_qmp_execute(machine->qmp, command, arguments, BENCH_STEP_TIMEOUT, err);
}

int
machine_tell(struct machine *machine, const char *command, json_object *arguments,
             struct maqet_error **err)
{
    _cleanup_json_ json_object *answer = machine_ask(machine, command, arguments, err);

    return answer ? 0 : -1;
}

bool
machine_has_device(struct machine *machine, const char *id)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "path",
                           json_object_new_string("/machine/peripheral"));
    _cleanup_json_ json_object *list = machine_ask(machine, "qom-list", arguments, NULL);
    size_t count =
        json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < count; i++) {
        const char *name = maqet_json_text(json_object_array_get_idx(list, i), "name");

        if (name && strcmp(name, id) == 0)
            return true;
    }
    return false;
}

bool
machine_has_node(struct machine *machine, const char *name)
{
    _cleanup_json_ json_object *list =
        machine_ask(machine, "query-named-block-nodes", NULL, NULL);

    return maqet_monitor_find_node(list, name);
}
