/* SPDX-License-Identifier: MIT */
#include "core/qemu/trial.h"

#include <string.h>

#include "core/base/process.h"

enum { SECTOR = 512 };

/* The machine, the guest's code, and the exit code of QEMU by which the guest ends it. QEMU
 * reads the sector from its standard input. */
static const struct guest {
    const char *arch;
    const char *arguments[12];
    int exit_code;
    bool boots_from_disk; /* firmware loads it, and looks for a signature at its end */
    unsigned char code[16];
} guests[] = {
    /* mov dx,0xf4; mov al,0x10; out dx,al; hlt; jmp to hlt. The exit code follows from what
     * is written to the port (QEMU: hw/misc/debugexit.c): 2 * 0x10 + 1. */
    {"x86_64",
     {"-machine", "pc", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive",
      "file=/proc/self/fd/0,format=raw,if=floppy,readonly=on"},
     33,
     true,
     {0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4, 0xeb, 0xfd}},
    /* mov w0,#0x84000008; hvc #0; b . -- SYSTEM_OFF of the Arm Power State Coordination
     * Interface (DEN0022). */
    {"aarch64",
     {"-machine", "virt", "-cpu", "max", "-bios", "/proc/self/fd/0"},
     0,
     false,
     {0x00, 0x01, 0x80, 0x52, 0x00, 0x80, 0xb0, 0x72, 0x02, 0x00, 0x00, 0xd4, 0x00, 0x00,
      0x00, 0x14}},
};

static const struct guest *
guest_of(const char *arch)
{
    for (size_t i = 0; i < sizeof(guests) / sizeof(*guests); i++)
        if (strcmp(guests[i].arch, arch) == 0)
            return &guests[i];
    return NULL;
}

bool
maqet_trial_knows(const char *arch)
{
    return guest_of(arch) != NULL;
}

static void
list_arguments(const struct guest *guest, const char *program, const char *accel,
               struct maqet_strings *argv)
{
    static const char *const common[] = {"-nodefaults", "-no-user-config", "-display",
                                         "none",        "-no-reboot",      "-m",
                                         "16",          "-accel"};

    maqet_strings_add(argv, program);
    for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
        maqet_strings_add(argv, common[i]);
    maqet_strings_add(argv, accel);
    for (const char *const *word = guest->arguments; *word; word++)
        maqet_strings_add(argv, *word);
}

int
maqet_trial_boot(const char *program, const char *arch, const char *accel,
                 int64_t timeout, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_free_ char *words = NULL;
    const struct guest *guest = guest_of(arch);
    unsigned char sector[SECTOR] = {0};
    int exit_code = -1;

    if (!guest)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "maqet has no guest for %s to try it with", arch);
    memcpy(sector, guest->code, sizeof(guest->code));
    if (guest->boots_from_disk) {
        sector[SECTOR - 2] = 0x55;
        sector[SECTOR - 1] = 0xaa;
    }
    list_arguments(guest, program, accel, &argv);
    const struct maqet_process_manner manner = {.timeout = timeout,
                                                .exit_code = &exit_code,
                                                .input = sector,
                                                .input_size = sizeof(sector),
                                                .error_output = &words};
    if (maqet_process_run_as((const char *const *)argv.items, &manner, NULL, err) < 0)
        return -1;
    if (exit_code == guest->exit_code)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "%s ended with status %d instead of running its guest\n%s",
                           program, exit_code, words ? words : "");
}
