#!/bin/sh
# SPDX-License-Identifier: MIT
# Throttled disks at a real QEMU: QEMU knows the limits, as they were written down and after a resize.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-throttled.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/throttled.XXXXXX")
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
        printf '  - name: disk\n    type: throttled\n'
        printf '    %s\n' "$@"
    } >vm.yaml
}
refused() { # WORDS
    ! vm add vm.yaml 2>err || fail "accepted: $(cat vm.yaml)"
    grep -qF "$1" err || fail "not said: $1; but: $(cat err)"
}

machine 'file: disk.img' 'iops: 100'
refused "disk.img is not there yet, and making it needs a \`size\`"
machine 'file: disk.img' 'size: 16M' 'iops: 0'
refused "iops"

machine 'file: disk.img' 'size: 16M' 'iops: 100' 'rate: 1M' 'burst: 3'
vm add vm.yaml
vm start vm
vm qmp vm qom-get '{"path": "/objects/disk-limits", "property": "limits"}' >limits
for limit in '"iops-total": 100' '"iops-total-max": 1000' '"iops-total-max-length": 3' \
    '"bps-total": 1048576' '"bps-total-max": 10485760'; do
    grep -qF "$limit" limits || fail "QEMU does not have the limit $limit: $(cat limits)"
done
# The guest's disk is the filter.
vm qmp vm query-named-block-nodes >nodes
grep -q '"drv": "throttle"' nodes || fail "there is no filter"
vm resize vm disk 24M
[ "$(stat -c %s disk.img)" = 25165824 ] || fail "it did not grow while QEMU runs"
vm stop vm --force --timeout 0
# Without a QEMU, qemu-img gets the filter with all that it needs.
vm resize vm disk 32M
[ "$(stat -c %s disk.img)" = 33554432 ] || fail "it did not grow"
vm rm vm --yes

# An image that begins like another format, which only a raw disk may.
qemu-img create -q -f qcow2 odd.img 1M
machine 'file: odd.img' 'iops: 100' 'readonly: true'
refused "begins like"
machine 'file: odd.img' 'iops: 100' 'readonly: true' 'format: raw'
vm add vm.yaml
echo "throttled: all is well"
