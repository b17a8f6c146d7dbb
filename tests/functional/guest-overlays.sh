#!/bin/sh
# SPDX-License-Identifier: MIT
# What a busy Linux guest sees of overlay snapshots: it goes on writing while they are created and
# deleted, and reads again what was there; its file system is sound after every load.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs e2fsck qemu-img

mke2fs -q -t ext4 -O ^metadata_csum fs.raw 64M
cp fs.raw raw.img
qemu-img convert -f raw -O qcow2 fs.raw qcow.img
guest_yaml vm q35 <<EOF
  - {name: raw, type: raw, file: raw.img, serial: RAW, snapshots: overlay}
  - {name: qcow, type: qcow2, file: qcow.img, serial: QCOW, snapshots: overlay}
EOF
expect 0 maqet add vm.yaml

up() {
    boot vm
    mounted
}
mounted() {
    for drive in RAW QCOW; do
        disk=$(disk_with_serial vm $drive)
        # The journal says what was not complete at that moment: a mount sees to that, and then nothing
        # is to be repaired.
        in_guest vm "mkdir -p /mnt/$drive && mount -t ext4 /dev/$disk /mnt/$drive && umount /mnt/$drive"
        in_guest vm "e2fsck -fn /dev/$disk >/tmp/fsck 2>&1 || { cat /tmp/fsck; false; }"
        in_guest vm "mount -t ext4 /dev/$disk /mnt/$drive"
    done
}
# The same from outside, of what the guest sees of each disk, while it is off.
sound_outside() {
    for image in raw:raw.img qcow2:qcow.img; do
        format=${image%%:*} file=${image#*:}
        if [ -e "$file.maqet" ]; then
            file=$file.maqet/$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$file.maqet/tree.json").qcow2
            format=qcow2
        fi
        qemu-img convert -f $format -O raw "$file" check.raw
        code=0
        e2fsck -fp check.raw >fsck.out 2>&1 || code=$?
        [ "$code" -le 1 ] || { cat fsck.out >&2; fail "the file system of $file, $1"; }
    done
}
# Both disks are busy: each round writes a file anew, with a checksum, and deletes another one.
busy() {
    in_guest vm "rm -f /tmp/rounds; (i=0; while [ ! -e /tmp/rest ]; do i=\$((i + 1)); for d in RAW QCOW; do
        dd if=/dev/urandom of=/mnt/\$d/data\$((i % 9)) bs=64k count=16 2>/dev/null
        (cd /mnt/\$d && md5sum data\$((i % 9)) >sum\$((i % 9))); rm -f /mnt/\$d/data\$(((i + 4) % 9))
        done; echo \$i >/tmp/rounds; done; sync; echo over >>/tmp/rounds) >/dev/null 2>&1 &"
}
rested() {
    in_guest vm 'touch /tmp/rest; while ! grep -q over /tmp/rounds 2>/dev/null; do sleep 1; done; rm /tmp/rest'
}
put() {
    in_guest vm "for d in RAW QCOW; do echo $1 >/mnt/\$d/word; done; sync"
}
reads() {
    for drive in RAW QCOW; do
        same "$1" "$(in_guest vm "cat /mnt/$drive/word")" "what the guest reads from $drive"
    done
}

up
busy
for word in A B C D; do
    put $word
    expect 0 maqet snapshot vm create --all $word --live
    out_has 'guest pause 0 ms, not stopped'
done
put E
# One between others, one that other files stand on, and the image itself.
for word in B A; do
    expect 0 maqet snapshot vm delete --all $word --live
done
reads E
rested
in_guest vm 'for d in RAW QCOW; do cd /mnt/$d; for s in sum*; do
    [ ! -e data${s#sum} ] || md5sum -c $s >/dev/null || exit 1; done; done'
for word in C D C; do
    expect 0 maqet stop vm --timeout "$(patience 120)"
    expect 0 maqet snapshot vm load --all $word --yes
    sound_outside "after the load of $word"
    up
    reads $word
done
# While it runs and writes: QEMU is ended, and the guest boots again.
busy
for word in D C; do
    expect 0 maqet snapshot vm load --all $word --yes --live
    guest_wait "$TMP/vm.serial" || fail "the guest does not boot after a load"
    mounted
    reads $word
done
busy
put F
expect 0 maqet snapshot vm create --all F --live
expect 0 maqet snapshot vm delete --all D --live
expect 0 maqet snapshot vm delete --all C --live
reads F
rested
# What holds little is merged into what the guest writes to, while it does so, if QEMU can do that.
put K
expect 0 maqet snapshot vm create --all K --live
put L
expect 0 maqet snapshot vm create --all L --live
in_guest vm 'for d in RAW QCOW; do dd if=/dev/urandom of=/mnt/$d/more bs=64k count=128 2>/dev/null; done; sync'
tops() { sed -n 's/^  "top":\([0-9]*\),*$/\1/p' raw.img.maqet/tree.json qcow.img.maqet/tree.json | tr '\n' ' '; }
before=$(tops)
busy
expect 0 maqet snapshot vm delete --all L --live
! merges_upwards || same "$before" "$(tops)" "what the guest writes to"
reads L
rested
in_guest vm 'for d in RAW QCOW; do cd /mnt/$d; for s in sum*; do
    [ ! -e data${s#sum} ] || md5sum -c $s >/dev/null || exit 1; done; rm more; done'
expect 0 maqet snapshot vm delete --all K --live
# A checkpoint, from which the guest goes on.
put G
expect 0 maqet checkpoint create vm now
put H
expect 0 maqet checkpoint load vm now --yes
guest_wait "$TMP/vm.serial" || fail "the guest does not go on"
reads G
# Its memory and its disks are of one moment: what it has in memory does not damage them.
put I
in_guest vm 'umount /mnt/RAW && umount /mnt/QCOW'
mounted
reads I
shut_down vm
sound_outside "after the load of a checkpoint"
expect 0 maqet checkpoint load vm now --yes
guest_wait "$TMP/vm.serial" || fail "the guest does not go on"
reads G
shut_down vm
sound_outside "after the load of a checkpoint into a machine that was off"
for word in now F; do
    if [ $word = now ]; then expect 0 maqet checkpoint delete vm now; else
        expect 0 maqet snapshot vm delete --all $word
    fi
done
# All of it is in the images again.
[ ! -e raw.img.maqet ] && [ ! -e qcow.img.maqet ] || fail "left: $(ls ./*.maqet)"
sound_outside "without snapshots"
