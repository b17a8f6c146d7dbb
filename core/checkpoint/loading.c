/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/loading.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/checkpoint/fit.h"
#include "core/checkpoint/mappable.h"
#include "core/machine/checkpoint_memory.h"
#include "core/machine/command_line.h"
#include "core/machine/run.h"
#include "core/qemu/migration_join.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/members.h"

void
maqet_loading_clear(struct maqet_loading *loading)
{
    maqet_session_free(loading->session);
    maqet_checkpoint_clear(&loading->about);
    free(loading->verified);
    free(loading->memory_file);
    if (loading->incoming.fd >= 0)
        close(loading->incoming.fd);
}

/* ---- opening ---- */

int
maqet_loading_check_drives(const void *data, struct maqet_error **err)
{
    const struct maqet_loading *loading = data;
    const char *name = loading->about.name;

    return maqet_identity_check(loading->session, &loading->about, err) < 0
               ? -1
               : maqet_members_need(loading->session, name, err);
}

/* Warns about a checkpoint of an earlier maqet, which is loaded without verifying it. */
static void
warn_of_unrecorded(const struct maqet_loading *loading, const char *name)
{
    if (loading->about.has_snapshots && loading->about.checksum)
        return;
    maqet_context_say(loading->session->machine->context, MAQET_LEVEL_WARNING,
                      "The checkpoint '%s' of VM '%s' was created by an earlier "
                      "version of maqet, so maqet cannot verify that its memory is "
                      "undamaged and belongs to the drives' snapshots of that name",
                      name, loading->session->machine->name);
}

/* QEMU reads the memory with the rest. */
static int
read_memory(struct maqet_loading *loading, struct maqet_error **err)
{
    const char *path = loading->memory_file;
    _cleanup_close_ int memory = open(path, O_RDONLY | O_CLOEXEC);
    const struct maqet_split_plan plan = {.memory = memory,
                                          .rest = loading->incoming.fd,
                                          .block = loading->about.block,
                                          .size = loading->about.memory};

    if (memory < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    int stream = maqet_join(&plan, err);
    if (stream < 0)
        return -1;
    close(loading->incoming.fd);
    loading->incoming.fd = stream;
    return 0;
}

/* QEMU maps the memory, and reads only the rest. */
static int
map_memory(struct maqet_loading *loading)
{
    const struct maqet_checkpoint *about = &loading->about;

    loading->incoming.memory = (struct maqet_mapped_memory){
        .file = loading->memory_file,
        .block = about->block,
        .size = about->memory,
        .readonly = maqet_mappable_readonly(about->version),
    };
    return 0;
}

static int
open_checkpoint(const struct maqet_context *context,
                const struct maqet_checkpoint_request *request,
                struct maqet_loading *loading, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    const char *name = request->name;

    loading->session = maqet_session_open(context, request->vm, err);
    if (!loading->session)
        return -1;
    struct maqet_opened *machine = loading->session->machine;
    machine->silent = machine->run.pid > 0 && request->silent;
    machine->on_silence = MAQET_ON_SILENCE_END;
    if (maqet_state_file_about(context, machine->name, name, &loading->about, err) < 0)
        return -1;
    if (loading->about.block)
        maqet_memory_file_settle(context, machine->name, name);
    /* The drives get their slots of that time. An earlier maqet has recorded none: there they
     * are in the order of the list. */
    maqet_slots_copy(&machine->vm->slots, &loading->about.slots);
    machine->vm->slots.exact = loading->about.slots.address_count > 0;
    if (maqet_fit_check_drives(loading, err) < 0 ||
        maqet_vm_command_line(machine->vm, &argv, err) < 0 ||
        maqet_fit_check(loading, &argv, err) < 0 ||
        maqet_members_read(loading->session, &loading->about.drives, err) < 0 ||
        maqet_loading_check_drives(loading, err) < 0)
        return -1;
    loading->verified = maqet_strdup(request->verified);
    int fd = maqet_state_file_open(context, machine->name, name, &loading->about,
                                   &loading->verified, err);
    if (fd < 0)
        return -1;
    if (!request->verified)
        warn_of_unrecorded(loading, name);
    loading->incoming = (struct maqet_incoming){.fd = fd,
                                                .mapped = loading->about.mapped,
                                                .splittable = loading->about.splittable,
                                                .machine = loading->about.machine,
                                                .slots = &machine->vm->slots};
    if (!loading->about.block)
        return 0;
    loading->memory_file = maqet_memory_file_path(context, machine->name, name);
    return request->read ? read_memory(loading, err) : map_memory(loading);
}

int
maqet_loading_open(const struct maqet_context *context,
                   const struct maqet_checkpoint_request *request,
                   struct maqet_loading *loading, struct maqet_error **err)
{
    int result = open_checkpoint(context, request, loading, err);

    if (result < 0 && request->forks && loading->session)
        maqet_fit_advise_forks(loading, err);
    return result;
}

/* ---- starting ---- */

/* Whether QEMU opens the file that it maps for writing, which its mode does not let us do. */
bool
maqet_loading_must_be_let(const struct maqet_loading *loading)
{
    return loading->incoming.memory.file && !loading->incoming.memory.readonly &&
           geteuid() != 0;
}

int
maqet_loading_let_open(const struct maqet_loading *loading, bool open,
                       struct maqet_error **err)
{
    const struct maqet_opened *machine = loading->session->machine;

    return maqet_loading_must_be_let(loading)
               ? maqet_memory_file_let_open(machine->context, machine->name,
                                            loading->about.name, open, err)
               : 0;
}

int
maqet_loading_start(struct maqet_loading *loading, struct maqet_definition *definition,
                    int64_t timeout, struct maqet_error **err)
{
    if (maqet_loading_let_open(loading, true, err) < 0) {
        maqet_definition_free(definition);
        return -1;
    }
    int started = maqet_vm_start_again(loading->session->machine, definition,
                                       &loading->incoming, timeout, err);
    maqet_loading_let_open(loading, false, NULL);
    return started;
}
