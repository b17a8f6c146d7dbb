#!/bin/sh
# SPDX-License-Identifier: MIT
# Many snapshots that are overlays, one on another: beyond 30 files, whoever creates one more is warned. And
# each overlay is such an image that a first write to a place costs little.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

number=1
while [ $number -le 30 ]; do
    expect 0 maqet snapshot vm create hdd s$number
    err_lacks 'stands on'
    number=$((number + 1))
done
expect 0 maqet snapshot vm create hdd s31
err_has "VM 'vm', drive 'hdd': its present state stands on 31 files, one on another, which makes it slower"

# While it runs as well, and for checkpoints.
expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd live --live
err_has 'stands on 32 files'
expect 0 maqet checkpoint vm create saved
err_has "VM 'vm', drive 'hdd': its present state stands on 33 files"
expect 0 maqet stop vm --timeout 0 --force

for overlay in hdd.raw.maqet/*.qcow2; do
    qemu-img info "$overlay" >info
    grep -qx 'cluster_size: 65536' info && grep -qx ' *extended l2: true' info ||
        fail "$overlay: $(cat info)"
done
same 33 "$(find hdd.raw.maqet -name '*.qcow2' | wc -l)" 'overlays'

# What is loaded stands on fewer.
expect 0 maqet snapshot vm load hdd s20 --yes
expect 0 maqet snapshot vm create hdd fork
err_lacks 'stands on'
