#!/bin/sh
# SPDX-License-Identifier: MIT
# VMDK images at a real QEMU: what is made, what is read again, and what is refused.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-vmdk.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vmdk.XXXXXX")
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

# machine OPTION...: the file vm.yaml, with a drive that has these besides its type.
machine() {
    {
        printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nmemory: 64M\nstorage:\n'
        printf '  - name: disk\n    type: vmdk\n'
        printf '    %s\n' "$@"
    } >vm.yaml
}
refused() { # WORDS
    ! vm add vm.yaml 2>err || fail "accepted: $(cat vm.yaml)"
    grep -qF "$1" err || fail "not said: $1; but: $(cat err)"
}

machine 'file: disk.vmdk'
refused "disk.vmdk is not there yet, and making it needs a \`size\`"
machine 'file: disk.vmdk' 'size: 16M' 'adapter: nvme'
refused "adapter"

# It is made with the adapter that was asked for, and QEMU has it open as what it is.
machine 'file: disk.vmdk' 'size: 16M' 'adapter: lsilogic'
vm add vm.yaml
vm start vm
vm qmp vm query-named-block-nodes | grep -q '"drv": "vmdk"' || fail "QEMU has no VMDK image open"
vm stop vm --force --timeout 0
grep -aq 'ddb.adapterType = "lsilogic"' disk.vmdk || fail "it was made with another adapter"
qemu-img info disk.vmdk | grep -q '(16777216 bytes)' || fail "it has another size"
qemu-io -f vmdk -c 'write -P 7 1M 64k' disk.vmdk >/dev/null
vm start vm
vm stop vm --force --timeout 0
qemu-io -f vmdk -c 'read -P 7 1M 64k' disk.vmdk | grep -q 'read 65536' || fail "it cannot be read"
! qemu-io -f vmdk -c 'read -P 7 1M 64k' disk.vmdk | grep -q 'failed' || fail "what was written is gone"
vm rm vm --yes

# What names other files is refused, however it does.
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M
machine 'file: flat.vmdk'
refused "flat.vmdk only names the files that hold its data"
qemu-img create -q -f vmdk -b disk.vmdk -F vmdk child.vmdk
machine 'file: child.vmdk'
refused "disk.vmdk"
# A header without a size sends QEMU to the description, which names files.
cp disk.vmdk named.vmdk
printf '\0\0\0\0\0\0\0\0' | dd of=named.vmdk bs=1 seek=12 conv=notrunc 2>/dev/null
machine 'file: named.vmdk'
refused "named.vmdk only names the files that hold its data"
printf 'no image' >short.vmdk
machine 'file: short.vmdk'
refused "short.vmdk is no VMDK image in one file"

# What is compressed can only be read.
qemu-img convert -O vmdk -o subformat=streamOptimized disk.vmdk packed.vmdk
machine 'file: packed.vmdk'
refused "packed.vmdk is compressed and can only be read"
machine 'file: packed.vmdk' 'readonly: true'
vm add vm.yaml
vm start vm
vm stop vm --force --timeout 0
echo "vmdk: all is well"
