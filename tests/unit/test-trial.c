/* SPDX-License-Identifier: MIT */
/* A guest of one sector really boots, and one that does not is ended in time. */
#include "core/qemu/trial.h"

#include "core/base/clock.h"
#include "core/base/process.h"
#include "core/machine/vm.h"
#include "tests/unit/unit.h"

/* With the emulator, which works wherever QEMU does. */
static void
test_boots(void)
{
    _cleanup_free_ char *arch = maqet_vm_arch_of(NULL);
    _cleanup_free_ char *program = maqet_format("qemu-system-%s", arch);
    _cleanup_free_ char *path = maqet_process_find(program);
    struct maqet_error *err = NULL;

    if (!path || !maqet_trial_knows(arch))
        return;
    CU_ASSERT_EQUAL(maqet_trial_boot(path, arch, "tcg", unit_patience(60000), &err), 0);
    UNIT_NO_ERROR(&err);

    /* An accelerator that QEMU does not have: it says so. */
    CU_ASSERT_EQUAL(maqet_trial_boot(path, arch, "none", unit_patience(60000), &err), -1);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "ended with status 1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "none"));
    maqet_error_clear(&err);
}

static int
boot_with(const char *script, const char *arch, int64_t timeout, struct maqet_error **err)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *program = unit_file(folder, "qemu", script);

    chmod(program, 0700);
    return maqet_trial_boot(program, arch, "kvm", timeout, err);
}

static void
test_does_not_boot(void)
{
    struct maqet_error *err = NULL;

    /* It hangs: the limit counts, however short it is. */
    CU_ASSERT_EQUAL(boot_with("#!/bin/sh\nexec sleep 1000\n", "x86_64", 10, &err), -1);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_TIMEOUT);
    maqet_error_clear(&err);

    /* That QEMU ends is not enough: the guest must have ended it. */
    CU_ASSERT_EQUAL(
        boot_with("#!/bin/sh\nexit 0\n", "x86_64", unit_patience(60000), &err), -1);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_FAILED);
    maqet_error_clear(&err);

    CU_ASSERT_EQUAL(boot_with("#!/bin/sh\nexit 0\n", "vax", 1000, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_UNSUPPORTED,
               "maqet has no guest for vax to try it with");
}

/* What QEMU gets: the accelerator, and the sector as its standard input. */
static void
test_sector(void)
{
    struct maqet_error *err = NULL;
    static const char script[] =
        "#!/bin/sh\n"
        "case \"$*\" in *'-accel kvm'*) ;; *) exit 1 ;; esac\n"
        "[ \"$(tail -c 2 | od -An -tx1)\" = ' 55 aa' ] && exit 33\n";

    CU_ASSERT_EQUAL(boot_with(script, "x86_64", unit_patience(60000), &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_FALSE(maqet_trial_knows("vax"));
    CU_ASSERT_TRUE(maqet_trial_knows("aarch64"));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a guest boots", test_boots},
        {"one that does not", test_does_not_boot},
        {"the sector", test_sector},
        CU_TEST_INFO_NULL,
    };

    return unit_run("trial", tests);
}
