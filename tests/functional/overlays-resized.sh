#!/bin/bash
# SPDX-License-Identifier: MIT
# A drive with overlays grows, live and stopped, and shrinks back to what it was with an older snapshot.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img

virtual_size() { maqet --format json status vm | sed -n 's/.*"virtual_size": \([0-9]*\).*/\1/p' | head -1; }
sizes() { # NAME SIZE [NAME SIZE]...: of snapshots, which are exported as large as they were
    while [ $# -gt 0 ]; do
        rm -f got.raw
        expect 0 maqet snapshot vm export hdd "$1" got.raw --format raw
        same "$2" "$(stat -c %s got.raw)" "the size of '$1'"
        shift 2
    done
}
M=1048576
for type in raw qcow2; do
    vm_yaml vm <<END
storage:
- {name: hdd, type: $type, file: hdd.img, size: 2M, snapshots: overlay}
END
    expect 0 maqet add vm.yaml
    expect 0 maqet start vm
    expect 0 maqet snapshot vm create hdd two --live
    expect 0 maqet resize vm hdd 3M
    same $((3 * M)) "$(virtual_size)" "the size"
    expect 0 maqet snapshot vm create hdd three --live
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet resize vm hdd 4M
    expect 0 maqet snapshot vm create hdd four
    sizes two $((2 * M)) three $((3 * M)) four $((4 * M))
    expect 0 maqet snapshot vm load hdd two --yes
    same $((2 * M)) "$(virtual_size)" "the size"
    expect 0 maqet resize vm hdd +3M
    expect 0 maqet snapshot vm create hdd five
    expect 0 maqet start vm
    expect 0 maqet resize vm hdd +1M
    expect 0 maqet snapshot vm create hdd six --live
    sizes two $((2 * M)) three $((3 * M)) four $((4 * M)) five $((5 * M)) six $((6 * M))
    # Merged, live and stopped, in both branches.
    expect 0 maqet snapshot vm delete hdd five --live
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet snapshot vm delete hdd three
    sizes two $((2 * M)) four $((4 * M)) six $((6 * M))
    expect 0 maqet snapshot vm load hdd four --yes
    same $((4 * M)) "$(virtual_size)" "the size"
    expect 0 maqet snapshot vm delete hdd two
    expect 0 maqet snapshot vm delete hdd six
    expect 0 maqet snapshot vm delete hdd four
    [ ! -e hdd.img.maqet ] || fail "left: $(ls hdd.img.maqet)"
    same $((4 * M)) "$(qemu-img info -f $type --output=json hdd.img | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -1)" "the size of the image"
    expect 0 maqet start vm
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet rm vm --force --yes
    rm -f hdd.img
done
