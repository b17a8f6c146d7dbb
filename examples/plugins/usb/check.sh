#!/bin/sh
# SPDX-License-Identifier: MIT
# USB sticks at a real QEMU: a second controller comes when the ports of the first are taken.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-iface-usb.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/iface-usb.XXXXXX")
cd "$scratch"
mkdir plugins
cp "$plugin" plugins/
export MAQET_PLUGIN_PATH="$scratch/plugins:${MAQET_PLUGIN_PATH-}"
export MAQET_DATA_DIR="$scratch/data" MAQET_RUNTIME_DIR="$scratch/run"
vm() { "$MAQET" -q "$@"; }
finish() {
    status=$?
    trap - EXIT
    vm stop vm --force --timeout 0 >/dev/null 2>&1 || :
    cd /
    rm -rf "$scratch"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
for program in qemu-system-x86_64 qemu-img qemu-io; do
    command -v $program >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done

# machine DRIVE...: the file vm.yaml, with a drive for each argument.
machine() {
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
    printf '  - %s\n' "$@" >>vm.yaml
}
refused() { # WORDS
    ! vm validate vm.yaml 2>err || fail "accepted: $(cat vm.yaml)"
    grep -qF "$1" err || fail "not said: $1; but: $(cat err)"
}

machine '{name: disk, type: raw, file: x.iso, media: cdrom, interface: usb}'
refused "the interface 'usb' is not for CD-ROM drives"

export MAQET_STORAGE_DIR="$scratch"
printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    echo "  - {name: stick$number, type: raw, size: 1M, interface: usb}" >>vm.yaml
done
[ "$(vm args vm.yaml | grep -c qemu-xhci)" -eq 2 ] || fail "not two controllers"
vm add vm.yaml
vm start vm
[ "$(vm qmp vm query-block | grep -c 'stick')" -ge 16 ] || fail "QEMU has fewer sticks"
vm stop vm --force --timeout 0
vm rm vm --yes --delete-storage
echo "usb: all is well"
