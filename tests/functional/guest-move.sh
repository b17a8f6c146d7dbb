#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk of a busy guest is moved, and converted, again and again: what the guest writes meanwhile
# is on the new image, its file system is sound, and the guest notices nothing.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
requires qemu-io

mkdir a b
guest_yaml busy q35 <<EOF
  - {name: hdd, type: qcow2, size: 64M, file: a/hdd.qcow2, serial: HDD}
  - {name: sd, type: raw, size: 32M, file: a/sd.raw, interface: scsi, serial: SD}
EOF
expect 0 maqet add busy.yaml
boot busy
disk=$(disk_with_serial busy HDD)
second=$(disk_with_serial busy SD)
in_guest busy "mke2fs -q /dev/$disk && mkdir -p /hdd && mount /dev/$disk /hdd"
# It writes files of random content and notes their checksums, until it is told to end.
in_guest busy '(i=0; while [ ! -e /end ]; do i=$((i + 1)); n=$((i % 20))
    dd if=/dev/urandom of=/hdd/$n bs=4k count=$((n * 13 + 1)) conv=fsync 2>/dev/null || touch /failed
    md5sum /hdd/$n >/hdd/new && mv /hdd/new /hdd/$n.sum && sync || touch /failed
    echo $i >/count; done; touch /ended) >/dev/null 2>&1 &'
in_guest busy "(i=0; while [ ! -e /end ]; do i=\$((i + 1))
    echo \$i | dd of=/dev/$second bs=4k seek=\$((i % 5000)) conv=notrunc,fsync,sync 2>/dev/null || touch /failed; done) >/dev/null 2>&1 &"
boot_id=$(in_guest busy 'cat /proc/sys/kernel/random/boot_id')
for step in "move busy hdd b" "convert busy hdd raw" "move busy sd b" "convert busy sd qcow2" "move busy hdd a" \
    "convert busy hdd qcow2" "move busy sd a"; do
    before=$(in_guest busy 'cat /count')
    # shellcheck disable=SC2086
    expect 0 maqet $step
    same "$boot_id" "$(in_guest busy 'cat /proc/sys/kernel/random/boot_id')" "the guest"
    # It has gone on.
    in_guest busy "i=0; until [ \$(cat /count) -gt $before ]; do sleep 0.2; [ \$((i += 1)) -lt 600 ] || exit 1; done"
    not_in_guest busy 'test -e /failed'
    in_guest busy 'for sum in /hdd/*.sum; do test -s $sum; done'
done
in_guest busy 'touch /end; until [ -e /ended ]; do sleep 0.2; done; md5sum -c /hdd/*.sum >/dev/null'
# What the guest has read is not from its memory.
in_guest busy "sync; echo 3 >/proc/sys/vm/drop_caches; md5sum -c /hdd/*.sum >/dev/null"
in_guest busy "umount /hdd && e2fsck -fn /dev/$disk >/dev/null"
not_in_guest busy 'dmesg | grep -i "i/o error"'
# At the moment of the switch, both are the same.
expect 0 maqet pause busy
ln a/hdd.qcow2 old
expect 0 maqet move busy hdd b
qemu-img compare -U -q old b/hdd.qcow2 || fail "the images differ"
expect 0 maqet resume busy
in_guest busy "e2fsck -fn /dev/$disk >/dev/null && mount /dev/$disk /hdd && md5sum -c /hdd/*.sum >/dev/null && umount /hdd"
shut_down busy
boot busy
disk=$(disk_with_serial busy HDD)
in_guest busy "e2fsck -fn /dev/$disk >/dev/null && mkdir -p /hdd && mount /dev/$disk /hdd && md5sum -c /hdd/*.sum >/dev/null"
shut_down busy
