/* SPDX-License-Identifier: MIT */
#include "core/machine/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/qemu/arguments.h"

static const char DEVICE[] = "/dev/kvm";

/* ---- KVM ---- */

static bool
runs_natively(const char *arch)
{
    _cleanup_free_ char *host = maqet_vm_arch_of(NULL);

    return strcmp(host, arch) == 0 ||
           (strcmp(host, "x86_64") == 0 && strcmp(arch, "i386") == 0);
}

/* Whether the user is a member of a group now; sessions that began earlier do not know.
 */
static bool
is_member(const struct passwd *user, gid_t group)
{
    gid_t groups[256];
    int count = sizeof(groups) / sizeof(*groups);

    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

static int
error_denied(struct maqet_error **err)
{
    struct stat status;
    const struct passwd *user = getpwuid(geteuid());
    bool known = stat(DEVICE, &status) == 0;
    const struct group *group = known ? getgrgid(status.st_gid) : NULL;

    maqet_error_set(err, MAQET_ERROR_PERMISSION,
                    "KVM cannot be used: you are not allowed to open %s%s%s%s", DEVICE,
                    group ? ", which belongs to the group '" : "",
                    group ? group->gr_name : "", group ? "'" : "");
    if (!group || status.st_gid == 0 || (status.st_mode & 060) != 060)
        maqet_error_hint(err,
                         "As root, give the group kvm access: chgrp kvm %s; chmod 660 "
                         "%s",
                         DEVICE, DEVICE);
    else if (user && is_member(user, status.st_gid))
        maqet_error_hint(err,
                         "You have been added to that group since you logged in: log "
                         "in again, or use newgrp %s",
                         group->gr_name);
    else
        maqet_error_hint(err, "Join the group, and log in again: sudo usermod -aG %s %s",
                         group->gr_name, user ? user->pw_name : "$USER");
    return -1;
}

int
maqet_kvm_check(const char *arch, struct maqet_error **err)
{
    if (!runs_natively(arch))
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "KVM cannot be used: this host cannot run the code of "
                               "%s",
                               arch);
    _cleanup_close_ int fd = open(DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return error_denied(err);
    if (fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, NULL) == KVM_API_VERSION)
        return 0;
    if (fd < 0 && errno == ENOENT)
        maqet_error_set(err, MAQET_ERROR_MISSING, "KVM cannot be used: there is no %s",
                        DEVICE);
    else
        maqet_error_set(err, MAQET_ERROR_MISSING,
                        "KVM cannot be used: %s does not work: %s", DEVICE,
                        strerror(errno));
    maqet_error_hint(err,
                     "Load its module (modprobe kvm_intel, or kvm_amd); the firmware "
                     "must allow virtualization, and on a host that is itself a VM, "
                     "nested virtualization must be enabled");
    return -1;
}

/* ---- the configuration ---- */

/* The configured accelerator, "auto" by default; NULL: `arguments` set it. */
static const char *
configured_accel(const struct maqet_vm *vm)
{
    const char *accel = maqet_tree_text(vm->definition->tree, "accel");

    if (maqet_arguments_say_accel(maqet_vm_arguments(vm)))
        return NULL;
    if (!accel)
        accel = vm->context->accel;
    return accel ? accel : "auto";
}

static size_t
count_accels(json_object *list)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    size_t count = 0;

    maqet_arguments_render(list, &argv);
    for (size_t i = 0; i < argv.count; i++)
        count += strcmp(argv.items[i], "-accel") == 0;
    return count;
}

/* Whether `arguments` allow only KVM: of several accelerators QEMU tries one by one. */
static bool
arguments_insist(const struct maqet_vm *vm)
{
    json_object *list = maqet_vm_arguments(vm);
    _cleanup_free_ char *machine =
        maqet_arguments_property(list, "machine", "type", "accel");
    _cleanup_free_ char *last = maqet_arguments_property(list, "accel", "accel", "accel");

    if (last)
        return strcmp(last, "kvm") == 0 && count_accels(list) == 1;
    return machine ? strcmp(machine, "kvm") == 0
                   : maqet_arguments_has(list, "enable-kvm");
}

const char *
maqet_vm_accel(const struct maqet_vm *vm)
{
    const char *accel = configured_accel(vm);

    if (!accel || strcmp(accel, "auto") != 0)
        return accel;
    return maqet_kvm_check(vm->machine.arch, NULL) == 0 ? "kvm" : "tcg";
}

int
maqet_vm_accel_check(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *accel = configured_accel(vm);
    bool insists = accel ? strcmp(accel, "kvm") == 0 : arguments_insist(vm);

    if (!insists || maqet_kvm_check(vm->machine.arch, err) == 0)
        return 0;
    maqet_error_wrap(err, "VM '%s'", vm->definition->name);
    maqet_error_hint(err, "Or say `accel: tcg`, which is slow");
    return -1;
}

void
maqet_vm_accel_warn(const struct maqet_vm *vm)
{
    _cleanup_error_ struct maqet_error *reason = NULL, *notice = NULL;

    const char *accel = configured_accel(vm);

    if (!accel || strcmp(accel, "auto") != 0 || !runs_natively(vm->machine.arch) ||
        maqet_kvm_check(vm->machine.arch, &reason) == 0)
        return;
    maqet_error_set(&notice, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' runs without KVM (TCG), which is slow. %s",
                    vm->definition->name, reason->message);
    maqet_error_hints(&notice, reason);
    maqet_context_say_error(vm->context, MAQET_LEVEL_WARNING, notice);
}
