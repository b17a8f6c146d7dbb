/* SPDX-License-Identifier: MIT */
/*
 * Precopy depends on QEMU noticing every page that the guest writes to while it is
 * copied. An emulated guest (TCG) writes through a cache of translated addresses (the
 * TLB), whose entries say whether a write must still be noticed. Before 9.0, QEMU forgot
 * to reset them after it had read and cleared its record of the pages written to
 * (cpu_physical_memory_sync_dirty_bitmap; fixed by QEMU's commit 03bfc2188f0, "physmem:
 * Fix migration dirty bitmap coherency with TCG memory access"), so later writes were
 * lost: with 7.2, no guest that rewrites its memory survives that. The author of the fix
 * had seen further races of this kind. 10.0 is the first version that was found to be
 * safe, with guests that verify their memory.
 */
#include "core/qemu/migration_method.h"

#include "core/base/json.h"
#include "core/qemu/migration.h"

/* The first QEMU with which precopy of an emulated guest is known to be safe. */
enum { TCG_PRECOPY_SINCE = 100000 };

/* The first QEMU that holds its big lock when it begins to write a state: if it waited for
 * the pipe there, its monitor would hang. */
enum { SETUP_LOCKED_SINCE = 80200 };

static const struct method {
    const char *name;
    const char *capability;
} methods[] = {
    [MAQET_MIGRATION_AUTO] = {"auto", NULL},
    [MAQET_MIGRATION_BACKGROUND] = {"background", "background-snapshot"},
    [MAQET_MIGRATION_PRECOPY] = {"precopy", "pause-before-switchover"},
    [MAQET_MIGRATION_STOP] = {"stop", NULL},
};

enum { METHODS = sizeof(methods) / sizeof(*methods) };

const char *
maqet_migration_method_name(unsigned method)
{
    return method < METHODS ? methods[method].name : NULL;
}

const char *
maqet_migration_method_capability(enum maqet_migration_method method)
{
    return methods[method].capability;
}

/* ---- what is safe ---- */

bool
maqet_migration_precopy_sound(int version, bool emulated)
{
    return !emulated || version >= TCG_PRECOPY_SINCE;
}

bool
maqet_migration_prepares_running(int version)
{
    return version < SETUP_LOCKED_SINCE;
}

int
maqet_migration_check_method(struct maqet_qmp *qmp, enum maqet_migration_method method,
                             struct maqet_error **err)
{
    int version = qmp->version;

    if (method != MAQET_MIGRATION_PRECOPY)
        return 0;
    /* Not by the configuration, since QEMU may have chosen. */
    _cleanup_json_ json_object *kvm = maqet_migration_ask(qmp, "query-kvm", err);
    if (!kvm)
        return -1;
    bool emulated = !json_object_get_boolean(json_object_object_get(kvm, "enabled"));
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

/* ---- choosing one ---- */

/* Prepares QEMU for a method. */
static int
prepare(struct maqet_qmp *qmp, enum maqet_migration_method method,
        struct maqet_migration_choice *choice, struct maqet_error **err)
{
    const char *capability = methods[method].capability;

    if (maqet_migration_check_method(qmp, method, err) < 0 ||
        (capability && maqet_migration_set_capability(qmp, capability, true, err) < 0))
        return -1;
    choice->method = method;
    return 0;
}

/* Whether the error is not about the method: QEMU has ended, or does not answer; or the user
 * has given up. */
static bool
is_final(const struct maqet_error *error)
{
    return error->code == MAQET_ERROR_STATE || error->code == MAQET_ERROR_TIMEOUT ||
           error->signal;
}

/* Whether memory can be saved in the background, which excludes precopy while it is on. */
static int
try_background(struct maqet_qmp *qmp, bool *works, struct maqet_error **err)
{
    const char *capability = methods[MAQET_MIGRATION_BACKGROUND].capability;
    _cleanup_error_ struct maqet_error *reason = NULL;

    *works = maqet_migration_set_capability(qmp, capability, true, &reason) == 0;
    if (!*works)
        return is_final(reason) ? maqet_error_move(err, TAKE_PTR(reason)) : 0;
    return maqet_migration_set_capability(qmp, capability, false, err);
}

/* The methods by the pause that they cause, the shortest first. If the guest stands still
 * while its memory is prepared, the pause of the background grows with the memory. */
static const enum maqet_migration_method *
by_pause(int version)
{
    static const enum maqet_migration_method
        prepared_running[] = {MAQET_MIGRATION_BACKGROUND, MAQET_MIGRATION_PRECOPY,
                              MAQET_MIGRATION_STOP, MAQET_MIGRATION_AUTO},
        prepared_paused[] = {MAQET_MIGRATION_PRECOPY, MAQET_MIGRATION_BACKGROUND,
                             MAQET_MIGRATION_STOP, MAQET_MIGRATION_AUTO};

    return maqet_migration_prepares_running(version) ? prepared_running : prepared_paused;
}

int
maqet_migration_choose(struct maqet_qmp *qmp, enum maqet_migration_method wanted,
                       struct maqet_migration_choice *choice, struct maqet_error **err)
{
    const enum maqet_migration_method *methods_by_pause = by_pause(qmp->version);
    _cleanup_strings_ struct maqet_strings reasons = MAQET_STRINGS_INIT;

    *choice = (struct maqet_migration_choice){0};
    if (wanted != MAQET_MIGRATION_AUTO)
        return prepare(qmp, wanted, choice, err);
    if (*methods_by_pause != MAQET_MIGRATION_BACKGROUND &&
        try_background(qmp, &choice->background, err) < 0)
        return -1;
    for (size_t i = 0; methods_by_pause[i] != MAQET_MIGRATION_AUTO; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (prepare(qmp, methods_by_pause[i], choice, &reason) == 0) {
            if (reasons.count > 0)
                choice->reason = maqet_strings_join(&reasons, "; ");
            return 0;
        }
        if (is_final(reason))
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_strings_add(&reasons, reason->message);
    }
    _cleanup_free_ char *all = maqet_strings_join(&reasons, "; ");
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "QEMU cannot save the guest's state: %s", all);
}
