# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# guest-functions.sh - for tests with a Linux guest inside: functions.sh, the guest, and these.

. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
MAQET_SOURCE_DIR=${abs_top_srcdir:?}
MAQET_BUILD_DIR=${abs_top_builddir:?}
. "$abs_top_srcdir/tests/guest/guest.sh"

# guest_yaml NAME MACHINE [ARGUMENT...]: the file NAME.yaml of a machine that boots the guest,
# with more arguments of QEMU's, one "option: value" a word; the storage list by stdin.
guest_yaml() {
    guest_yaml_name=$1
    guest_yaml_machine=$2
    shift 2
    cat >"$TMP/$guest_yaml_name.yaml" <<EOF
name: $guest_yaml_name
binary: qemu-system-x86_64
accel: tcg
memory: 256M
arguments:
  - machine: $guest_yaml_machine
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - no-reboot
  - serial: "unix:$TMP/$guest_yaml_name.serial,server=on,wait=off"
$([ $# -eq 0 ] || printf '  - %s\n' "$@")
storage:
$(cat)
EOF
}

# boot NAME: starts the machine and waits for its console.
boot() {
    expect 0 maqet start "$1"
    guest_wait "$TMP/$1.serial" || fail "the guest '$1' does not answer"
}

# shutdown NAME: presses the power button and waits for the end.
shut_down() {
    expect 0 maqet stop "$1" --timeout "$(patience 120)"
}

# in_guest NAME COMMAND: its output, stripped of the last line feed; it must succeed.
in_guest() {
    guest_run "$TMP/$1.serial" "$2" || fail "in the guest '$1': $2"
}

# not_in_guest NAME COMMAND: it must fail.
not_in_guest() {
    ! guest_run "$TMP/$1.serial" "$2" >/dev/null 2>&1 || fail "succeeded in the guest '$1': $2"
}

# The guest's name of the disk with a serial number, whatever bus it is on.
disk_with_serial() { # NAME SERIAL
    in_guest "$1" "for disk in /sys/block/vd* /sys/block/sd* /sys/block/sr*; do
        [ -e \$disk ] || continue
        { cat \$disk/serial 2>/dev/null || tail -c +5 \$disk/device/vpd_pg80; } 2>/dev/null |
            tr -d '\\0' | grep -qw $2 && basename \$disk
    done; true"
}

# The driver of the PCI device that a disk hangs on.
driver_of() { # NAME DISK
    in_guest "$1" "path=\$(readlink -f /sys/block/$2)
        while [ \${#path} -gt 5 ]; do
            case \$(basename \$path) in
            0000:*) basename \$(readlink \$path/driver); break ;;
            esac
            path=\${path%/*}
        done"
}
