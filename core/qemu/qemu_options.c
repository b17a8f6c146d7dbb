/* SPDX-License-Identifier: MIT */
/*
 * qemu_options.c - the tables: QEMU 6.2 to 10 (qemu-options.hx).
 */
#include "core/qemu/qemu_options.h"

#include <string.h>

#define OPTION(option, ...)                                                              \
    {                                                                                    \
        .name = option, __VA_ARGS__                                                      \
    }
#define FINE(name) OPTION(name, .nature = MAQET_QEMU_OTHER)
#define FINE_LIKE(name, other) OPTION(name, .like = other)
#define FLAG(name) OPTION(name, .nature = MAQET_QEMU_FLAG)
#define IMAGE(name) OPTION(name, .nature = MAQET_QEMU_IMAGE)
#define PROPERTIES(name) OPTION(name, .nature = MAQET_QEMU_PROPERTIES)
#define ONCE(name, kind) OPTION(name, .nature = kind, .repeat = MAQET_QEMU_LAST)
#define JOINED(name, kind, first)                                                        \
    OPTION(name, .nature = kind, .repeat = MAQET_QEMU_JOINED, .implied = first)
#define REFUSED(name, kind, why, ...)                                                    \
    OPTION(name, .nature = kind,                                                         \
           .verdict = {MAQET_QEMU_REFUSED, .reason = why, __VA_ARGS__})
#define WARNED(name, kind, why, ...)                                                     \
    OPTION(name, .nature = kind,                                                         \
           .verdict = {MAQET_QEMU_WARNED, .reason = why, __VA_ARGS__})

#define ONLY_SHOWS "QEMU only prints something and exits, and no VM would run"
#define GO_WITHOUT "Run QEMU itself for that"
#define TERMINAL "QEMU is detached and has no terminal, so nobody sees it"

const struct maqet_qemu_option maqet_qemu_options[] = {
    REFUSED("add-fd", MAQET_QEMU_OTHER,
            "QEMU inherits only the descriptors that maqet itself gives it",
            "Name the file by its path"),
    REFUSED("audio-help", MAQET_QEMU_FLAG, ONLY_SHOWS, GO_WITHOUT),
    REFUSED("chroot", MAQET_QEMU_OTHER,
            "QEMU could not reach the files that maqet gives it", NULL),
    REFUSED("daemonize", MAQET_QEMU_FLAG,
            "maqet itself detaches QEMU, and QEMU's sandbox does not allow forking",
            NULL),
    REFUSED("dump-vmstate", MAQET_QEMU_OTHER, ONLY_SHOWS, GO_WITHOUT),
    REFUSED("h", MAQET_QEMU_FLAG, ONLY_SHOWS, GO_WITHOUT),
    REFUSED("help", MAQET_QEMU_FLAG, ONLY_SHOWS, GO_WITHOUT),
    REFUSED("incoming", MAQET_QEMU_OTHER,
            "the VM would wait for a migration instead of running",
            .next = MAQET_NEXT_LOAD_CHECKPOINT),
    REFUSED("loadvm", MAQET_QEMU_OTHER,
            "every start would revert the drives without maqet's knowledge",
            .next = MAQET_NEXT_LOAD_ONCE),
    REFUSED("pidfile", MAQET_QEMU_OTHER, "maqet keeps QEMU's PID file itself",
            .next = MAQET_NEXT_ASK_PID),
    REFUSED("preconfig", MAQET_QEMU_FLAG,
            "QEMU would not create the machine until its monitor is told to",
            "Say `- S` for a guest that waits for its first `cont`"),
    REFUSED("runas", MAQET_QEMU_OTHER, "the user that QEMU runs as has a key of its own",
            "Say `run_as: USER` beside `arguments`"),
    REFUSED("set", MAQET_QEMU_OTHER,
            "it changes other options, so maqet would not know their values",
            "Write the property in the option that it belongs to"),
    REFUSED("snapshot", MAQET_QEMU_FLAG,
            "it has no effect on the VM's drives, which maqet passes with "
            "-blockdev: they would be written to",
            .next = MAQET_NEXT_RUN_DISCARDED),
    REFUSED("version", MAQET_QEMU_FLAG, ONLY_SHOWS, GO_WITHOUT),
    REFUSED("writeconfig", MAQET_QEMU_OTHER,
            "it omits most of what maqet passes to QEMU, and was removed in QEMU "
            "7.0",
            .next = MAQET_NEXT_SHOW_ARGUMENTS),

    WARNED("nographic", MAQET_QEMU_FLAG,
           "the serial console is on QEMU's standard output: " TERMINAL,
           .when = MAQET_QEMU_DETACHED, .next = MAQET_NEXT_USE_CONSOLE),
    WARNED("readconfig", MAQET_QEMU_PATH,
           "maqet does not read that file: what it adds is not locked, and not part "
           "of snapshots",
           "Write its options in `arguments`"),
    WARNED("semihosting", MAQET_QEMU_FLAG, "it lets the guest open files of the host",
           NULL),
    WARNED("semihosting-config", MAQET_QEMU_OTHER,
           "it lets the guest open files of the host", NULL),

    FLAG("async-teardown"),
    FLAG("enable-kvm"),
    FLAG("enable-sync-profile"),
    FLAG("full-screen"),
    FLAG("jitdump"),
    FLAG("mem-prealloc"),
    FLAG("no-acpi"),
    FLAG("no-fd-bootchk"),
    FLAG("no-hpet"),
    FLAG("no-reboot"),
    FLAG("no-shutdown"),
    FLAG("no-user-config"),
    FLAG("nodefaults"),
    FLAG("old-param"),
    FLAG("only-migratable"),
    FLAG("perfmap"),
    FLAG("portrait"),
    FLAG("S"),
    FLAG("s"),
    FLAG("singlestep"),
    FLAG("usb"),
    FLAG("win2k-hack"),
    FLAG("xen-attach"),
    FLAG("xen-domid-restrict"),

    PROPERTIES("blockdev"),
    PROPERTIES("chardev"),
    PROPERTIES("device"),
    PROPERTIES("drive"),
    PROPERTIES("fsdev"),
    PROPERTIES("netdev"),
    PROPERTIES("object"),

    ONCE("D", MAQET_QEMU_PATH),
    ONCE("initrd", MAQET_QEMU_PATH),
    ONCE("kernel", MAQET_QEMU_PATH),
    OPTION("L", .nature = MAQET_QEMU_PATH),
    ONCE("mem-path", MAQET_QEMU_PATH),
    ONCE("shim", MAQET_QEMU_PATH),
    ONCE("bios", MAQET_QEMU_SEARCHED),
    ONCE("dtb", MAQET_QEMU_SEARCHED),
    OPTION("option-rom", .nature = MAQET_QEMU_ROM),

    IMAGE("cdrom"),
    IMAGE("fda"),
    IMAGE("fdb"),
    IMAGE("hda"),
    IMAGE("hdb"),
    IMAGE("hdc"),
    IMAGE("hdd"),
    IMAGE("mtdblock"),
    IMAGE("pflash"),
    IMAGE("sd"),

    ONCE("append", MAQET_QEMU_TEXT),
    ONCE("k", MAQET_QEMU_TEXT),
    JOINED("name", MAQET_QEMU_TEXT, "guest"),
    ONCE("uuid", MAQET_QEMU_TEXT),

    FINE("accel"),
    FINE("acpitable"),
    JOINED("action", MAQET_QEMU_OTHER, NULL),
    FINE("audio"),
    FINE("audiodev"),
    JOINED("boot", MAQET_QEMU_OTHER, "order"),
    ONCE("compat", MAQET_QEMU_OTHER),
    ONCE("cpu", MAQET_QEMU_OTHER),
    ONCE("d", MAQET_QEMU_OTHER),
    FINE_LIKE("debugcon", "serial"),
    ONCE("dfilter", MAQET_QEMU_OTHER),
    OPTION("display", .repeat = MAQET_QEMU_LAST, .beside = "vnc"),
    ONCE("echr", MAQET_QEMU_OTHER),
    FINE("fw_cfg"),
    ONCE("g", MAQET_QEMU_OTHER),
    FINE_LIKE("gdb", "serial"),
    FINE("global"),
    JOINED("icount", MAQET_QEMU_OTHER, "shift"),
    FINE("iscsi"),
    JOINED("m", MAQET_QEMU_OTHER, "size"),
    JOINED("machine", MAQET_QEMU_OTHER, "type"),
    FINE("mon"),
    FINE_LIKE("monitor", "serial"),
    ONCE("msg", MAQET_QEMU_OTHER),
    FINE_LIKE("net", "netdev"),
    FINE_LIKE("nic", "netdev"),
    FINE("numa"),
    JOINED("overcommit", MAQET_QEMU_OTHER, NULL),
    FINE_LIKE("parallel", "serial"),
    FINE("plugin"),
    FINE("prom-env"),
    FINE_LIKE("qmp", "serial"),
    FINE_LIKE("qmp-pretty", "serial"),
    FINE("qtest"),
    FINE("qtest-log"),
    ONCE("rotate", MAQET_QEMU_OTHER),
    JOINED("rtc", MAQET_QEMU_OTHER, NULL),
    FINE("run-with"),
    FINE("sandbox"),
    ONCE("seed", MAQET_QEMU_OTHER),
    FINE("serial"),
    FINE("smbios"),
    JOINED("smp", MAQET_QEMU_OTHER, "cpus"),
    FINE("spice"),
    FINE("tpmdev"),
    FINE("trace"),
    FINE("usbdevice"),
    ONCE("vga", MAQET_QEMU_OTHER),
    FINE_LIKE("virtfs", "fsdev"),
    FINE("vnc"),
    ONCE("watchdog-action", MAQET_QEMU_OTHER),
    FINE("xen-domid"),
    {.name = NULL},
};

#define NO_DESCRIPTORS "QEMU inherits only maqet's own descriptors"
#define SPAWNS                                                                           \
    "QEMU's sandbox does not allow it to run other programs, and kills QEMU if it "      \
    "tries"
#define SANDBOX_OFF "Say `sandbox: off` if the VM needs it"
#define VALUE(option, type, property, outcome, ...)                                      \
    {                                                                                    \
        option, type, property, MAQET_QEMU_HAS, NULL,                                    \
        {                                                                                \
            .fate = outcome, __VA_ARGS__                                                 \
        }                                                                                \
    }
#define DESCRIPTOR(option, property)                                                     \
    VALUE(option, NULL, property, MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS, NO_DESCRIPTORS, \
          "Let QEMU open it by name")
#define SPAWN(type, property, match, value, reason, instead)                             \
    {                                                                                    \
        "netdev", type, property, match, value,                                          \
        {                                                                                \
            .fate = MAQET_QEMU_REFUSED, MAQET_QEMU_SANDBOXED, reason, instead            \
        }                                                                                \
    }
#define ON_TERMINAL(value)                                                               \
    {                                                                                    \
        "serial", NULL, NULL, MAQET_QEMU_WHOLE, value,                                   \
        {                                                                                \
            MAQET_QEMU_WARNED, MAQET_QEMU_DETACHED, TERMINAL,                            \
                .next = MAQET_NEXT_USE_CONSOLE                                           \
        }                                                                                \
    }

const struct maqet_qemu_value maqet_qemu_values[] = {
    DESCRIPTOR("chardev", "fd"),
    DESCRIPTOR("device", "fd"),
    DESCRIPTOR("device", "vhostfd"),
    DESCRIPTOR("fsdev", "sock_fd"),
    DESCRIPTOR("netdev", "fd"),
    DESCRIPTOR("netdev", "fds"),
    DESCRIPTOR("netdev", "vhostfd"),
    DESCRIPTOR("netdev", "vhostfds"),
    DESCRIPTOR("object", "fd"),

    VALUE("icount", NULL, "rr", MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS,
          "I/O of the VM's drives is not recorded, so a replay would differ",
          .next = MAQET_NEXT_KEEP_GUEST_STATE),
    VALUE("run-with", NULL, "chroot", MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS,
          "QEMU could not reach the files that maqet gives it"),
    VALUE("run-with", NULL, "exit-with-parent", MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS,
          "QEMU would end together with the maqet that started it"),
    VALUE("run-with", NULL, "user", MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS,
          "the user that QEMU runs as has a key of its own",
          "Say `run_as: USER` beside `arguments`"),
    VALUE("sandbox", "off", NULL, MAQET_QEMU_REFUSED, MAQET_QEMU_ALWAYS,
          "the confinement of QEMU has a key of its own",
          "Say `sandbox: off` beside `arguments`"),

    SPAWN("user", "smb", MAQET_QEMU_HAS, NULL, SPAWNS, SANDBOX_OFF),
    SPAWN("user", "guestfwd", MAQET_QEMU_CONTAINS, "-cmd:", SPAWNS,
          "Forward it to a server instead, or say `sandbox: off`"),
    SPAWN("tap", "script", MAQET_QEMU_IS_NOT, "no", SPAWNS,
          "Set up the interface beforehand and say script=no,downscript=no; or say "
          "`sandbox: off`"),
    SPAWN("tap", "downscript", MAQET_QEMU_IS_NOT, "no",
          SPAWNS ": the VM would seem to crash whenever it ends",
          "Say downscript=no, or `sandbox: off`"),
    SPAWN("tap", "helper", MAQET_QEMU_HAS, NULL, SPAWNS, SANDBOX_OFF),
    SPAWN("bridge", NULL, MAQET_QEMU_HAS, NULL, SPAWNS,
          "Use a tap interface that exists already, or say `sandbox: off`"),
    VALUE("display", "spice-app", NULL, MAQET_QEMU_REFUSED, MAQET_QEMU_SANDBOXED, SPAWNS,
          "Use -spice and a viewer of your own, or say `sandbox: off`"),

    VALUE("display", "curses", NULL, MAQET_QEMU_REFUSED, MAQET_QEMU_DETACHED,
          "QEMU is detached and has no terminal", .next = MAQET_NEXT_START_FOREGROUND),
    VALUE("chardev", "stdio", NULL, MAQET_QEMU_WARNED, MAQET_QEMU_DETACHED, TERMINAL,
          .next = MAQET_NEXT_USE_CONSOLE),
    ON_TERMINAL("stdio"),
    ON_TERMINAL("mon:stdio"),
    {.option = NULL},
};

const struct maqet_qemu_option *
maqet_qemu_option_find(const char *name)
{
    static const struct maqet_qemu_option unknown = FINE("");

    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return &unknown;
}

bool
maqet_qemu_option_is_like(const struct maqet_qemu_option *option, const char *name)
{
    return strcmp(option->like ? option->like : option->name, name) == 0;
}
