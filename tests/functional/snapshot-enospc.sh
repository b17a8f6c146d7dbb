#!/bin/sh
# SPDX-License-Identifier: MIT
# No room for a snapshot, from the first step or in the middle of it: said in words, all drives
# or none, the images sound, and what there was stays.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io
mkdir small
mount -t tmpfs -o size=16m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn umount "$TMP/small"

vm_yaml vm <<EOF
storage:
  - {name: roomy, type: qcow2, size: 8M, file: roomy.qcow2}
  - {name: tight, type: qcow2, size: 8M, file: small/tight.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
fill roomy.qcow2 1
fill small/tight.qcow2 1
expect 0 maqet snapshot vm create --all first
fill roomy.qcow2 2
fill small/tight.qcow2 2

ballast="dd if=/dev/zero of='$TMP/small/ballast' bs=4k 2>/dev/null"
no_room() {
    eval "$ballast" || :
}
room() {
    rm -f small/ballast
}
# The drives hold what they did, and their one snapshot too, by its name.
nothing_changed() {
    [ ! -e data/vms/vm/pending.json ] || fail "the operation is still pending"
    for image in roomy.qcow2 small/tight.qcow2; do
        qemu-img snapshot -l "$image" | awk '/:[0-9][0-9]:/ { print $2 }' >tags
        same first "$(cat tags)" "the snapshots in $image"
        holds "$image" 2
    done
    sound roomy.qcow2 small/tight.qcow2
}
told() {
    err_has "VM 'vm'"
    err_has "'tight'"
    err_has "No space left on device"
    err_has "Free up disk space: 0B are left in the file system that contains the image $TMP/small/tight.qcow2 of drive 'tight'"
}

# Stopped: from the first step.
no_room
expect 1 maqet snapshot vm create --all second
told
nothing_changed
expect 1 maqet snapshot vm create --all first --overwrite
told
err_has "cannot create the snapshot 'first'"
nothing_changed
expect 1 maqet snapshot vm load --yes --all first
told
nothing_changed
room

# In the middle of replacing one: at its second snapshot, when the first of that name are gone.
wrap_qemu_img 'snapshot\ -q\ -c\ first*tight.qcow2*' "$ballast || :"
expect 1 wrapped maqet snapshot vm create tight first --overwrite
told
err_has "the new one was complete under a temporary name and replaces the old one"
room
qemu-img snapshot -l small/tight.qcow2 | grep -q ' first ' || fail "the snapshot has lost its name"
sound small/tight.qcow2
expect 0 maqet snapshot vm load --yes tight first
holds small/tight.qcow2 2
expect 0 maqet snapshot vm create tight first --overwrite
nothing_changed

# An export leaves no part of a file.
no_room
expect 1 maqet snapshot vm export roomy first small/export.qcow2
err_has "No space left on device"
same 'ballast tight.qcow2' "$(ls -A small | tr '\n' ' ' | sed 's/ $//')" "what is left"
nothing_changed

# Nor can the operation be written down: then none is begun.
room
mkdir small/elsewhere
mv data/vms/vm small/elsewhere/vm
ln -s "$TMP/small/elsewhere/vm" data/vms/vm
no_room
expect 1 maqet snapshot vm create roomy unwritten
err_has "No space left on device"
room
nothing_changed
rm data/vms/vm
mv small/elsewhere/vm data/vms/vm
rmdir small/elsewhere

# Running: QEMU takes back what the transaction has made of the other drive.
expect 0 maqet start vm
no_room
expect 1 maqet snapshot vm create --all second --live
told
expect 1 maqet snapshot vm create --all first --live --overwrite
told
expect 0 maqet snapshot vm list --all
out_has "first"
! grep -q second out || fail "half a set remains"
room
expect 0 maqet snapshot vm create --all third --live
expect 0 maqet snapshot vm delete --all third --live
expect 0 maqet stop vm --timeout 0 --force
# What QEMU has lost in the image when it failed is found when it is gone.
expect 0 maqet recover vm
nothing_changed
