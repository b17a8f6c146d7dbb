/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/mappable.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/vm.h"
#include "core/qemu/migration_split.h"

/* The first QEMU with a memory backend that is readonly, and yet not a ROM for the guest. */
enum { READONLY_SINCE = 80200 };

void
maqet_mappable_clear(struct maqet_mappable *mappable)
{
    free(mappable->block);
    free(mappable->reason);
}

bool
maqet_mappable_readonly(int version)
{
    return version >= READONLY_SINCE;
}

/* ---- the machine ---- */

/* Whether pages of the guest are of a size that is known (QEMU: target/ARCH/cpu-param.h). */
static bool
has_known_pages(const char *arch, bool *vary)
{
    static const char *const fixed[] = {"x86_64", "i386", "riscv64", "riscv32", NULL};
    static const char *const varying[] = {"aarch64", "arm", NULL};

    *vary = maqet_text_is_one_of(arch, varying);
    return *vary || maqet_text_is_one_of(arch, fixed);
}

/* Whether QEMU's arguments say what the guest's memory consists of, so that a load could not
 * replace it. NULL: they do not. */
static const char *
defined_by(const struct maqet_strings *argv)
{
    static const char *const options[] = {"-mem-path", "-mem-prealloc", "-numa", NULL};
    static const char *const objects[] = {"-object", "-machine", "-M", NULL};

    for (size_t i = 1; i < argv->count; i++) {
        const char *text = argv->items[i];
        bool object = maqet_text_is_one_of(argv->items[i - 1], objects);

        if (object && strstr(text, "maqet-memory"))
            return "other processes share the guest's memory";
        if ((object && strstr(text, "memory-backend")) ||
            maqet_text_is_one_of(text, options))
            return "`arguments` define what the guest's memory consists of";
    }
    return NULL;
}

/* ---- the memory that QEMU has ---- */

/* The id of the only memory backend, if it is private and as large as the memory; else NULL,
 * and *reason. */
static const char *
only_backend(json_object *backends, uint64_t memory, const char **reason)
{
    *reason = "QEMU does not say what the guest's memory consists of";
    if (!json_object_is_type(backends, json_type_array))
        return NULL;
    json_object *backend = json_object_array_length(backends) == 1
                               ? json_object_array_get_idx(backends, 0)
                               : NULL;
    const char *id = maqet_json_text(backend, "id");
    bool share = json_object_get_boolean(json_object_object_get(backend, "share"));

    *reason = "the guest's memory consists of several parts";
    if (!backend || maqet_json_int(backend, "size") != (int64_t)memory ||
        memory % MAQET_SPLIT_PAGE != 0)
        return NULL;
    *reason = "other processes share the guest's memory";
    if (share)
        return NULL;
    *reason = "QEMU does not name the guest's memory";
    return id && *id && !strchr(id, '/') && strlen(id) < 256 ? id : NULL;
}

/* Whether the answer to a command is no error. -1: there was no answer. */
static int
ask(struct maqet_opened *machine, struct maqet_qmp *qmp, const char *command,
    json_object **answer, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    *answer = maqet_qmp_execute(qmp, command, NULL, machine->answer_left, &reason);
    if (*answer)
        return 1;
    return reason->silent || reason->signal || reason->code == MAQET_ERROR_TIMEOUT ||
                   reason->code == MAQET_ERROR_STATE
               ? maqet_error_move(err, TAKE_PTR(reason))
               : 0;
}

/* Before that version, QEMU can write to a file that it maps: when the guest's balloon is
 * inflated, it would make holes. */
static int
check_balloon(struct maqet_opened *machine, struct maqet_qmp *qmp, const char **reason,
              struct maqet_error **err)
{
    _cleanup_json_ json_object *balloon = NULL;

    if (maqet_mappable_readonly(qmp->version))
        return 0;
    int found = ask(machine, qmp, "query-balloon", &balloon, err);
    if (found > 0)
        *reason = "with a balloon, QEMU before 8.2 would write to the file";
    return found < 0 ? -1 : 0;
}

int
maqet_mappable_find(struct maqet_opened *machine, struct maqet_qmp *qmp,
                    const struct maqet_checkpoint_request *request,
                    const struct maqet_checkpoint *about, struct maqet_mappable *mappable,
                    struct maqet_error **err)
{
    _cleanup_json_ json_object *backends = NULL;
    const char *reason = NULL, *block = NULL;

    if (request->compress)
        reason = "it is compressed";
    else if (!has_known_pages(machine->vm->machine.arch, &mappable->pages_vary))
        reason = "the size of the guest's pages is not known for its architecture";
    else
        reason = defined_by(&about->arguments);
    if (!reason && (check_balloon(machine, qmp, &reason, err) < 0 ||
                    (!reason && ask(machine, qmp, "query-memdev", &backends, err) < 0)))
        return -1;
    if (!reason)
        block = only_backend(backends, about->memory, &reason);
    mappable->block = maqet_strdup(block);
    mappable->reason = maqet_strdup(block ? NULL : reason);
    return 0;
}
