/* SPDX-License-Identifier: MIT */
#include "core/conformance/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/base/sockets.h"
#include "core/config/yaml.h"
#include "core/machine/command_line.h"
#include "core/machine/helpers.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/machine/sandbox_rules.h"

const char *
machine_type(const struct bench *bench, unsigned index)
{
    static const char *const of_pcs[] = {"pc", "q35", NULL};
    static const char *const of_others[] = {"virt", NULL, NULL};

    return (maqet_vm_arch_is_pc(bench->machine.arch) ? of_pcs : of_others)[index];
}

/* ---- what it is ---- */

/* A drive that is added while QEMU runs is opened by the name of its file, so QEMU may
 * open all that the check has made. */
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
    for (size_t i = 0; i < count; i++)
        maqet_tree_append(storage, maqet_tree_copy(entries[i]), place);
    return definition;
}

/* ---- QEMU ---- */

static int
make_files(struct machine *machine, struct maqet_error **err)
{
    const char *folder = machine->vm->machine.run_dir;

    machine->dir_fd = maqet_dir_open_own(folder, O_NOFOLLOW, err);
    if (machine->dir_fd < 0)
        return -1;
    machine->run_fd = openat(machine->dir_fd, "run", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    machine->log_fd = openat(machine->dir_fd, "qemu.log",
                             O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (machine->run_fd < 0 || machine->log_fd < 0)
        return maqet_error_errno(err, errno, "Cannot create QEMU's files in %s", folder);
    return maqet_lock_try(machine->run_fd, err) == 1 ? 0 : -1;
}

static int
launch_qemu(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_descriptors_ struct maqet_descriptors descriptors = {0};
    _cleanup_free_ char *scratch = NULL;
    _cleanup_close_ int monitor =
        maqet_socket_listen(machine->dir_fd, MAQET_RUN_MONITOR, err);

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
    int status = maqet_child_wait(machine->process.pid);

    machine->process.pid = 0;
    return maqet_launch_error(status, words, err);
}

static int
connect_monitor(struct machine *machine, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    int pidfd = machine->process.pidfd;

    machine->qmp = maqet_monitor_open(machine->dir_fd, machine->vm->definition->name,
                                      BENCH_STEP_TIMEOUT, pidfd, &machine->lock, &reason);
    if (machine->qmp && machine_tell(machine, "query-status", NULL, &reason) == 0)
        return 0;
    return maqet_pidfd_wait(pidfd,
                            reason->code == MAQET_ERROR_STATE ? MAQET_END_TIMEOUT : 0)
               ? error_ended(machine, err)
               : maqet_error_move(err, TAKE_PTR(reason));
}

int
machine_run(struct bench *bench, struct machine *machine, const char *type,
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
    return make_files(machine, err) < 0 || launch_qemu(bench, machine, err) < 0
               ? -1
               : connect_monitor(machine, err);
}

int
machine_run_drive(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    return machine_run(bench, machine, machine_type(bench, 0), &bench->drive->tree, 1,
                       err);
}

void
machine_clear(struct machine *machine)
{
    maqet_qmp_cleanup(&machine->qmp);
    if (machine->process.pid > 0) {
        maqet_qemu_end(machine->process.pidfd, MAQET_END_TIMEOUT);
        maqet_child_wait(machine->process.pid);
    }
    if (machine->dir_fd >= 0)
        maqet_run_tidy(machine->dir_fd);
    maqet_cleanup_close(&machine->run_fd);
    maqet_cleanup_close(&machine->log_fd);
    maqet_cleanup_close(&machine->lock);
    maqet_cleanup_close(&machine->process.pidfd);
    maqet_cleanup_close(&machine->dir_fd);
    maqet_vm_free(machine->vm);
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

int
machine_act(struct machine *machine, const struct maqet_actions *actions,
            const char *callback, struct maqet_error **err)
{
    for (size_t i = 0; i < actions->args.count; i++)
        if (machine_tell(machine, actions->args.objects[i]->id,
                         json_object_get(actions->args.objects[i]->json), err) < 0)
            return maqet_error_wrap(err, "QEMU refuses what %s appends", callback);
    return 0;
}

bool
machine_has_device(struct machine *machine, const char *id)
{
    _cleanup_free_ char *path = maqet_format("/machine/peripheral/%s", id);
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "path", json_object_new_string(path));
    return machine_tell(machine, "qom-list", arguments, NULL) == 0;
}

bool
machine_has_node(struct machine *machine, const char *name)
{
    _cleanup_json_ json_object *list =
        machine_ask(machine, "query-named-block-nodes", NULL, NULL);

    return maqet_monitor_find_node(list, name);
}
