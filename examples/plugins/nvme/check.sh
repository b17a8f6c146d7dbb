#!/bin/sh
# SPDX-License-Identifier: MIT
# NVMe disks at a real QEMU: as many as fit, with their serial numbers.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-iface-nvme.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/iface-nvme.XXXXXX")
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

machine '{name: disk, type: raw, size: 1M, interface: nvme, serial: more-than-twenty-characters}'
refused "a serial number has from 1 to 20 characters"
machine '{name: disk, type: raw, file: x.iso, media: cdrom, interface: nvme}'
refused "the interface 'nvme' is not for CD-ROM drives"

export MAQET_STORAGE_DIR="$scratch"
drives() { # NUMBER
    number=0
    set -- "$1"
    list=
    while [ $number -lt "$1" ]; do
        number=$((number + 1))
        list="$list
  - {name: disk$number, type: raw, size: 1M, interface: nvme}"
    done
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:%s\n' "$list" >vm.yaml
}
drives 25
refused "too many drives for the interface 'nvme': 23 fit"
drives 23
vm add vm.yaml
vm start vm
[ "$(vm qmp vm query-block | grep -c '"qdev":')" -ge 23 ] || fail "QEMU has fewer disks"
vm stop vm --force --timeout 0
vm rm vm --yes --delete-storage
echo "nvme: all is well"
