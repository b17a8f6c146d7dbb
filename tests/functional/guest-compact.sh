#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet compact of a VM that runs: its guest discards what its file systems do not use, and the
# image becomes smaller.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"

guest_yaml vm q35 <<EOF
  - {name: hdd, type: qcow2, size: 64M, file: hdd.qcow2}
  - {name: kept, type: qcow2, size: 8M, file: kept.qcow2, discard: ignore}
EOF
echo 'guest_agent: on' >>vm.yaml
expect 0 maqet add vm.yaml
expect 0 maqet start vm
guest_wait "$TMP/vm.serial" || fail "the guest does not answer"
eventually 20 guest_run "$TMP/vm.serial" 'pidof qemu-ga'
in_guest vm 'mkfs.ext2 /dev/vda >/dev/null 2>&1 && mkdir -p /mnt/a && mount -t ext4 /dev/vda /mnt/a'
in_guest vm 'dd if=/dev/urandom of=/mnt/a/large bs=1M count=30 2>/dev/null; echo kept >/mnt/a/small; sync'
in_guest vm 'rm /mnt/a/large; sync'
before=$(du -k hdd.qcow2 | cut -f 1)
[ "$before" -gt 30000 ] || fail "the guest has not written: $before KiB"
expect 3 maqet compact vm
err_has 'not given back to the host'
expect 0 maqet compact vm hdd
after=$(du -k hdd.qcow2 | cut -f 1)
[ $((after * 2)) -lt "$before" ] || fail "it takes up $after KiB and not less than half of $before"
in_guest vm 'echo 3 >/proc/sys/vm/drop_caches; cat /mnt/a/small' >written
same kept "$(cat written)" "a file of the guest"
expect 0 maqet stop vm --timeout 0 --force
qemu-img check -q hdd.qcow2 || [ $? -eq 3 ] || fail "the image is damaged"
