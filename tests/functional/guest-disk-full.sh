#!/bin/sh
# SPDX-License-Identifier: MIT
# A full disk of the host: QEMU pauses the guest, and maqet says which drive it is, on which
# file system, and how much is free; with room the guest goes on, and has lost nothing.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
small="$TMP/small disk"
mkdir "$small"
mount -t tmpfs -o size=24m tmpfs "$small" 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn umount "'$small'"
ballast() {
    dd if=/dev/zero of="$small/ballast" bs=64k 2>/dev/null || :
}

# With options for which QEMU tells the image's name as json:{...}; and a disk in `arguments`.
qemu-img create -q -f qcow2 "$small/argument.qcow2" 64M
guest_yaml vm q35 'drive: "if=none,format=qcow2,id=extra,file=small disk/argument.qcow2"' \
    'device: "virtio-blk-pci,drive=extra,serial=EXTRA"' <<EOF
  - {name: hdd, type: qcow2, size: 64M, overcommit: on, file: small disk/hdd.qcow2, serial: HDD, cache: none, cluster_size: 2M}
EOF
expect 0 maqet add vm.yaml
boot vm
hdd=$(disk_with_serial vm HDD)
extra=$(disk_with_serial vm EXTRA)

# write_on DISK LETTER: the guest writes 4 MB for which the host has no room.
write_on() {
    ballast
    in_guest vm "rm -f /tmp/done; (dd if=/dev/zero bs=1M count=4 2>/dev/null | tr '\\0' $2 |
        dd of=/dev/$1 bs=4M seek=2 iflag=fullblock oflag=direct 2>/tmp/words
        echo \$? >/tmp/done) </dev/null >/dev/null 2>&1 &"
    eventually 60 is_full
}
is_full() {
    maqet --format json ls | grep -q '"reason": *"disk full"'
}
written() {
    [ "$(in_guest vm 'cat /tmp/done')" = 0 ]
}

write_on "$hdd" A
expect 0 maqet ls
out_has "paused (disk full)"
err_has "The guest of VM 'vm' is paused: there is no space for drive 'hdd': 0B are free in the file system at $small, which contains $small/hdd.qcow2"
err_has "Free up disk space in $small, then resume the guest: maqet resume vm"
same paused "$(vm_status vm)"
expect 0 maqet ls --status paused
out_has "paused (disk full)"
expect 0 maqet status vm
out_has "paused (disk full)"
err_has "there is no space for drive 'hdd'"
expect 0 maqet --format json status vm
for field in '"status": *"paused"' '"drive": *"hdd"' '"free": *0' "\"file_system\": *\"$small\"" "\"file\": *\"$small/hdd.qcow2\""; do
    grep -q "$field" out || fail "not in JSON: $field"
done
requires perl
perl "$srcdir/tests/functional/json-fields.pl" "$srcdir/docs/json.md" status out seen ||
    fail "not as docs/json.md says: $(cat out)"
grep -qxF 'status|full[].' seen || fail "no drive is full"

# Neither a start, nor more time, nor the power button is what it needs.
expect 1 maqet start vm
err_has "The guest of VM 'vm' is paused and cannot be resumed: there is no space for drive 'hdd'"
err_has "maqet resume vm"
expect 1 maqet stop vm --timeout 600
err_has "The guest of VM 'vm' is paused and cannot be resumed: there is no space for drive 'hdd'"
err_has "Free up disk space in $small, then resume the guest: maqet resume vm"
err_lacks "--timeout SECONDS"
expect 0 maqet pause vm
out_has "was already paused"
expect 1 maqet resume vm
err_has "The guest of VM 'vm' is paused and cannot be resumed: there is no space for drive 'hdd'"
same paused "$(vm_status vm)"

# Where there is some room, and not enough, that shows only when QEMU tries again: the first
# write to the image needs a cluster for itself and one for a table.
truncate -s -2500K "$small/ballast"
expect 1 maqet resume vm
err_has "The guest of VM 'vm' is paused and cannot be resumed: there is no space for drive 'hdd'"
same paused "$(vm_status vm)"

# With room it goes on, and what it wrote is there.
rm "$small/ballast"
expect 0 maqet resume vm
out_has "Resumed VM 'vm'."
eventually 60 written
same running "$(vm_status vm)"
same 4194304 "$(in_guest vm "dd if=/dev/$hdd bs=1M skip=8 count=4 iflag=direct 2>/dev/null | tr -dc A | wc -c")" "bytes written"

# A disk in `arguments`, whose path is relative to the YAML file; and stop with --force.
write_on "$extra" B
expect 0 maqet status vm
err_has "there is no space for drive 'extra': 0B are free in the file system at $small, which contains $small/argument.qcow2"
expect 0 maqet stop vm --timeout 600 --force
err_has "there is no space for drive 'extra'"
err_has "ending it now"
same stopped "$(vm_status vm)"
rm "$small/ballast"

# A guest that a person has paused goes on for its power button.
boot vm
expect 0 maqet pause vm
same paused "$(vm_status vm)"
shut_down vm
same stopped "$(vm_status vm)"
