/* SPDX-License-Identifier: MIT */
#include "core/doctor/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/landlock.h"
#include "core/base/process.h"
#include "core/machine/accel.h"
#include "core/machine/store.h"
#include "core/qemu/confinement.h"
#include "core/qemu/version.h"
#include "core/qemu/trial.h"

/* ---- programs ---- */

/* The name of the QEMU for this host. The caller frees. */
static char *
own_program(void)
{
    _cleanup_free_ char *arch = maqet_vm_arch_of(NULL);

    return maqet_format("qemu-system-%s", arch);
}

static void
check_program(struct maqet_doctor *doctor, const char *program)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *path = maqet_process_find(program);
    uint32_t version = path ? maqet_qemu_exact_version(path) : 0;

    if (!path) {
        maqet_error_set(&error, MAQET_ERROR_MISSING, "%s was not found%s", program,
                        strchr(program, '/') ? "" : " in PATH");
        maqet_error_hint(&error,
                         "Install it (Debian: apt install qemu-system-x86, or the "
                         "package of another architecture)");
    } else if (version == 0) {
        maqet_error_set(&error, MAQET_ERROR_FAILED,
                        "%s does not tell its version, so it is not QEMU or cannot run",
                        path);
        maqet_error_hint(&error, "See what it says: %s --version", path);
    } else if (maqet_qemu_check_version(path, &error) < 0) {
        maqet_error_hint(&error, "Install a newer one, and name it with `binary:`");
    } else {
        maqet_doctor_say(doctor, "qemu", MAQET_VERDICT_OK, "QEMU %u.%u.%u is %s",
                         version / 1000000, version / 1000 % 1000, version % 1000, path);
        return;
    }
    maqet_doctor_say_error(doctor, "qemu", MAQET_VERDICT_ERROR, error);
}

/* The programs that machines name, each once. */
static void
add_programs(const struct maqet_doctor *doctor, struct maqet_strings *programs)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (!doctor->unknown_store)
        maqet_store_list(doctor->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_vm_ struct maqet_vm *vm =
            maqet_vm_open(doctor->context, names.items[i], NULL);

        if (vm && !maqet_strings_has(programs, vm->program))
            maqet_strings_add(programs, vm->program);
    }
}

void
maqet_doctor_qemu(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings programs = MAQET_STRINGS_INIT;
    _cleanup_free_ char *image_tool = maqet_process_find("qemu-img");

    maqet_strings_take(&programs, own_program());
    add_programs(doctor, &programs);
    for (size_t i = 0; i < programs.count; i++)
        check_program(doctor, programs.items[i]);
    if (image_tool) {
        maqet_doctor_say(doctor, "qemu-img", MAQET_VERDICT_OK, "qemu-img is %s",
                         image_tool);
        return;
    }
    _cleanup_error_ struct maqet_error *error = NULL;
    maqet_error_set(&error, MAQET_ERROR_MISSING,
                    "qemu-img was not found in PATH, so no image can be created");
    maqet_error_hint(&error, "Install it (Debian: apt install qemu-utils)");
    maqet_doctor_say_error(doctor, "qemu-img", MAQET_VERDICT_ERROR, error);
}

/* ---- KVM ---- */

/* KVM can be opened, but what it is for has failed. */
static void
say_broken(struct maqet_doctor *doctor, const struct maqet_error *reason)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    bool avoided = doctor->context->accel && strcmp(doctor->context->accel, "tcg") == 0;

    if (reason->code == MAQET_ERROR_TIMEOUT)
        maqet_error_set(&error, MAQET_ERROR_TIMEOUT,
                        "KVM can be opened, but guests hang: one of a single sector did "
                        "not boot within %g s",
                        (double)doctor->boot_timeout / 1000);
    else
        maqet_error_set(&error, MAQET_ERROR_FAILED,
                        "KVM can be opened, but no guest runs: %s", reason->message);
    if (!avoided)
        maqet_error_hint(&error, "Run guests without it, which is slow: `accel: tcg` in "
                                 "the VM's file, or in maqet.conf for all VMs");
    maqet_error_hint(&error,
                     "If this host is a VM itself, its nested virtualization does "
                     "not work; ask whoever runs it");
    maqet_doctor_say_error(doctor, "kvm",
                           avoided ? MAQET_VERDICT_WARNING : MAQET_VERDICT_ERROR, error);
}

void
maqet_doctor_kvm(struct maqet_doctor *doctor)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *arch = maqet_vm_arch_of(NULL);
    _cleanup_free_ char *program = own_program();
    _cleanup_free_ char *path = maqet_process_find(program);

    if (maqet_kvm_check(arch, &error) < 0)
        maqet_doctor_say_error(doctor, "kvm", MAQET_VERDICT_WARNING, error);
    else if (!path || !maqet_trial_knows(arch))
        maqet_doctor_say(doctor, "kvm", MAQET_VERDICT_OK,
                         "KVM can be opened; whether guests run was not tried");
    else if (maqet_trial_boot(path, arch, "kvm", doctor->boot_timeout, &error) < 0)
        say_broken(doctor, error);
    else
        maqet_doctor_say(doctor, "kvm", MAQET_VERDICT_OK,
                         "KVM works: a guest of one sector has booted");
}

/* ---- the kernel ---- */

/* Whether a descriptor of userfaultfd (taken) can protect memory from writing, as QEMU's
 * `background-snapshot` needs it. */
static bool
can_protect(int fd)
{
    _cleanup_close_ int opened = fd;
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP};

    return opened >= 0 && ioctl(opened, UFFDIO_API, &api) == 0;
}

/* QEMU uses the system call, and since 8.1 the device if it may open it. */
static bool
has_userfaultfd(void)
{
    if (can_protect((int)syscall(SYS_userfaultfd, O_CLOEXEC)))
        return true;
#ifdef USERFAULTFD_IOC_NEW
    _cleanup_free_ char *program = own_program();
    _cleanup_close_ int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

    return device >= 0 && can_protect(ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC)) &&
           maqet_qemu_version(program) >= 80100;
#else
    return false;
#endif
}

static void
check_userfaultfd(struct maqet_doctor *doctor)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (has_userfaultfd()) {
        maqet_doctor_say(doctor, "userfaultfd", MAQET_VERDICT_OK,
                         "userfaultfd works: checkpoints hardly pause the guest");
        return;
    }
    maqet_error_set(&error, MAQET_ERROR_PERMISSION,
                    "userfaultfd cannot be used, so a checkpoint may pause the guest "
                    "for longer");
    maqet_error_hint(&error,
                     "As root, allow it: sysctl vm.unprivileged_userfaultfd=1 (in "
                     "/etc/sysctl.d/ to keep it)");
    maqet_doctor_say_error(doctor, "userfaultfd", MAQET_VERDICT_WARNING, error);
}

void
maqet_doctor_kernel(struct maqet_doctor *doctor)
{
    int version = maqet_landlock_version();

    check_userfaultfd(doctor);
    if (version >= MAQET_CONFINEMENT_LANDLOCK) {
        maqet_doctor_say(doctor, "landlock", MAQET_VERDICT_OK,
                         "Landlock version %d confines QEMU", version);
        return;
    }
    _cleanup_error_ struct maqet_error *error = NULL;
    maqet_error_set(&error, MAQET_ERROR_UNSUPPORTED,
                    version == 0
                        ? "The kernel has no Landlock, so QEMU can open all files "
                          "that you can"
                        : "The kernel's Landlock is too old (version 1), so QEMU "
                          "can open all files that you can");
    maqet_error_hint(&error, "Use Linux 5.19 or later, with landlock in its list of "
                             "security modules (boot parameter lsm=)");
    maqet_doctor_say_error(doctor, "landlock", MAQET_VERDICT_WARNING, error);
}
