#!/bin/sh
# SPDX-License-Identifier: MIT
# Dirty bitmaps and internal snapshots in one image: qemu-img reverts no such image, and when it
# repairs one, that of QEMU 7.2 loses all snapshots, also if it only frees leaked clusters.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
has() { qemu-img snapshot -l hdd.qcow2 | grep -q " $1 " || fail "the snapshot '$1' is lost"; }
ours=maqet-0123abcd-20261129T065302Z-hdd

# Ours are removed before a snapshot is created or loaded.
fill hdd.qcow2 1
qemu-img bitmap --add hdd.qcow2 $ours
expect 0 maqet snapshot vm create hdd one
if qemu-img info hdd.qcow2 | grep -q $ours; then fail "there is a bitmap beside the snapshot"; fi
fill hdd.qcow2 2
qemu-img bitmap --add hdd.qcow2 $ours
expect 0 maqet snapshot vm load hdd one --yes
holds hdd.qcow2 1
has one

# Those of others stay. A load fails then, and its recovery costs nothing.
qemu-img bitmap --add hdd.qcow2 theirs
expect 1 maqet snapshot vm load hdd one --yes
err_has "Device has active dirty bitmaps"
has one
qemu-img info hdd.qcow2 | grep -q 'name: theirs' || fail "a bitmap of another program is gone"

# Without its entry, the clusters of the second snapshot are leaked.
qemu-img snapshot -c two hdd.qcow2
printf '\000\000\000\001' | dd of=hdd.qcow2 bs=1 seek=60 conv=notrunc 2>err
expect 3 maqet check vm hdd --repair
err_has "its snapshots would be lost if it was repaired"
has one
qemu-img bitmap --remove hdd.qcow2 theirs
qemu-img bitmap --add hdd.qcow2 $ours
expect 0 maqet check vm hdd --repair
has one
sound hdd.qcow2
