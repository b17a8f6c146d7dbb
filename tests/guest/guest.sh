# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2034 # KERNEL and others are for the test that sources this
#
# What a test needs to boot the test guest and to run commands in it. A test sources this; then
# it has
#
#   KERNEL INITRD               what to boot: $MAQET_TEST_KERNEL and $MAQET_TEST_INITRD, if set
#   GUEST_APPEND                the kernel's command line
#   guest_wait SOCKET           waits until the guest answers on its serial console
#   guest_run SOCKET COMMAND    runs a command in the guest: its output, its exit code
#
# Both functions take --timeout SECONDS after SOCKET (by default $MAQET_GUEST_TIMEOUT, or 300,
# times MAQET_TEST_SLOW),
# and return 120 when the VM has gone, 121 after the timeout, and 122 for a mistake of the
# caller's. SOCKET is a unix socket that QEMU listens on: -serial unix:SOCKET,server=on,wait=off
#
# Without a guest, the test is skipped, or fails when MAQET_TEST_REQUIRE is set.

guest_unavailable() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    [ -z "${MAQET_TEST_REQUIRE:-}" ] || exit 1
    exit 77
}

# A sourced file can't tell where it is, so look upwards from the test.
guest_top=${MAQET_SOURCE_DIR:-$(cd "$(dirname "$0")" && pwd)}
while [ ! -x "$guest_top/tests/guest/build" ]; do
    [ -n "$guest_top" ] || guest_unavailable "no source tree above the test; set MAQET_SOURCE_DIR"
    guest_top=${guest_top%/*}
done
guest_build_dir=${MAQET_BUILD_DIR:-$guest_top/build}

# Output goes to stderr, as a test's stdout may be compared.
if [ -n "${MAQET_TEST_KERNEL:-}" ] && [ -n "${MAQET_TEST_INITRD:-}" ]; then
    KERNEL=$MAQET_TEST_KERNEL
    INITRD=$MAQET_TEST_INITRD
else
    "$guest_top/tests/guest/build" "$guest_build_dir/guest" >&2 ||
        guest_unavailable "the test guest can't be built"
    KERNEL=${MAQET_TEST_KERNEL:-$guest_build_dir/guest/kernel}
    INITRD=${MAQET_TEST_INITRD:-$guest_build_dir/guest/initrd}
fi

# The console is the interface. A kernel that panics ends the VM, when QEMU has -no-reboot. The
# rest saves time: half a second of three.
GUEST_APPEND='console=ttyS0,115200 quiet panic=-1 mitigations=off cryptomgr.notests'
GUEST_APPEND="$GUEST_APPEND initcall_blacklist=init_kprobe_trace"
# Where the host has other things to do, the guest's timer is late, and its processor stands still for
# seconds: the kernel would panic ("IO-APIC + timer doesn't work!"), or write of lockups into what
# commands print.
GUEST_APPEND="$GUEST_APPEND no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1"

GUEST_CONSOLE=${GUEST_CONSOLE:-$guest_build_dir/tests/guest/guest-console}
if [ ! -x "$GUEST_CONSOLE" ]; then
    # Not built by make: compile it beside the guest, under a name of this process first.
    GUEST_CONSOLE=$guest_build_dir/guest/guest-console
    guest_source=$guest_top/tests/guest/guest-console.c
    if [ -z "$(find "$GUEST_CONSOLE" -newer "$guest_source" 2>/dev/null)" ]; then
        mkdir -p "$guest_build_dir/guest"
        if "${CC:-cc}" -O2 -o "$GUEST_CONSOLE.$$" "$guest_source" >&2; then
            mv -f "$GUEST_CONSOLE.$$" "$GUEST_CONSOLE"
        else
            guest_unavailable "guest-console can't be compiled"
        fi
    fi
fi

# A test says what it is at, if it has the word for that.
command -v note_step >/dev/null 2>&1 || note_step() { :; }

guest_wait() {
    guest_socket=$1
    shift
    note_step "waiting for the guest at $guest_socket"
    "$GUEST_CONSOLE" "$guest_socket" wait "$@"
}

guest_run() {
    guest_socket=$1
    shift
    note_step "in the guest at $guest_socket: $*"
    "$GUEST_CONSOLE" "$guest_socket" run "$@"
}
