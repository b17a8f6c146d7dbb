/* SPDX-License-Identifier: MIT */
/*
 * migration_method.c - choosing a method of saving a guest's state.
 *
 * Precopy depends on QEMU noticing every page that the guest writes to while it is
 * copied. An emulated guest (TCG) writes through a cache of translated addresses (the
 * TLB), whose entries say whether a write is still to be noticed. Before 9.0, QEMU forgot
 * to reset them after it had read and cleared its record of the pages written to
 * (cpu_physical_memory_sync_dirty_bitmap; fixed by QEMU's commit 03bfc2188f0, "physmem:
 * Fix migration dirty bitmap coherency with TCG memory access"), so later writes were
 * lost: with 7.2, no guest that rewrites its memory survives that. The author of the fix
 * had seen further races of this kind. 10.0 is the first version that was found to be
 * sound, with guests that verify their memory.
 */
#include <string.h>

#include "core/qemu/migration_words.h"

/* The first QEMU by which precopy of an emulated guest is known to be sound. */
enum { TCG_PRECOPY_SINCE = 100000 };

const char *
maqet_migration_method_name(unsigned method)
{
    static const char *const names[] = {
        [MAQET_MIGRATION_AUTO] = "auto",
        [MAQET_MIGRATION_BACKGROUND] = "background",
        [MAQET_MIGRATION_PRECOPY] = "precopy",
        [MAQET_MIGRATION_STOP] = "stop",
    };

    return method < sizeof(names) / sizeof(*names) ? names[method] : NULL;
}

/* ---- precopy ---- */

bool
maqet_migration_precopy_sound(int version, bool emulated)
{
    return !emulated || version >= TCG_PRECOPY_SINCE;
}

/* Whether the guest is emulated: not by the configuration, since QEMU may have chosen. */
static int
is_emulated(struct maqet_qmp *qmp, bool *emulated, struct maqet_error **err)
{
    _cleanup_json_ json_object *kvm =
        maqet_qmp_execute(qmp, "query-kvm", NULL, MAQET_MIGRATION_ASK_TIMEOUT, err);

    if (!kvm)
        return -1;
    *emulated = !json_object_get_boolean(json_object_object_get(kvm, "enabled"));
    return 0;
}

/* An error where precopy would save a state that is corrupt. */
static int
check_precopy(struct maqet_qmp *qmp, struct maqet_error **err)
{
    int version = maqet_qmp_version(qmp);
    bool emulated;

    if (is_emulated(qmp, &emulated, err) < 0)
        return -1;
    if (maqet_migration_precopy_sound(version, emulated))
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "QEMU %d.%d.%d misses writes of an emulated guest (TCG) to its "
                    "memory while precopy copies it; precopy is safe with KVM, and "
                    "with QEMU %d.%d and later",
                    version / 10000, version / 100 % 100, version % 100,
                    TCG_PRECOPY_SINCE / 10000, TCG_PRECOPY_SINCE / 100 % 100);
    maqet_error_hint(err, "Use another method: background or stop");
    return -1;
}

int
maqet_migration_check_method(struct maqet_qmp *qmp, enum maqet_migration_method method,
                             struct maqet_error **err)
{
    return method == MAQET_MIGRATION_PRECOPY ? check_precopy(qmp, err) : 0;
}

/* ---- choosing ---- */

const char *
maqet_migration_capability_of(enum maqet_migration_method method)
{
    if (method == MAQET_MIGRATION_BACKGROUND)
        return "background-snapshot";
    return method == MAQET_MIGRATION_PRECOPY ? "pause-before-switchover" : NULL;
}

/* Makes QEMU ready for one method. */
static int
take(struct maqet_qmp *qmp, enum maqet_migration_method method,
     struct maqet_migration_result *result, struct maqet_error **err)
{
    const char *capability = maqet_migration_capability_of(method);

    if (maqet_migration_check_method(qmp, method, err) < 0 ||
        (capability && maqet_migration_set_capability(qmp, capability, true, err) < 0))
        return -1;
    result->method = method;
    return 0;
}

int
maqet_migration_choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
                       struct maqet_migration_result *result, struct maqet_error **err)
{
    static const enum maqet_migration_method order[] = {
        MAQET_MIGRATION_BACKGROUND, MAQET_MIGRATION_PRECOPY, MAQET_MIGRATION_STOP};
    _cleanup_text_ struct maqet_text reasons = MAQET_TEXT_INIT;

    if (wanted != MAQET_MIGRATION_AUTO)
        return take(qmp, wanted, result, err);
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (take(qmp, order[i], result, &reason) == 0) {
            result->reason = reasons.length > 0 ? maqet_text_take(&reasons) : NULL;
            return 0;
        }
        /* It has gone, or does not answer. */
        if (reason->code == MAQET_ERROR_STATE || reason->code == MAQET_ERROR_TIMEOUT)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_text_appendf(&reasons, "%s%s", reasons.length > 0 ? "; " : "",
                           reason->message);
    }
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU cannot save the guest's state: %s", reasons.data);
}
