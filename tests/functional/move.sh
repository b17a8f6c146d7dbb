#!/bin/sh
# SPDX-License-Identifier: MIT
# The image of a drive is moved: within a file system and to another one, with its overlays and with
# its snapshots, stopped and running; the drive works as before, nothing is left behind, and nothing is
# replaced. What somebody else needs stays where it is.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

# Another file system.
far=$(mktemp -d /dev/shm/maqet-move.XXXXXX)
cleanup_fn "rm -rf '$far'"
[ "$(stat -c %d "$far")" != "$(stat -c %d "$TMP")" ] || skip_always "/dev/shm is no file system of its own"

mkdir a b
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: a/hdd.qcow2}
  - {name: tree, type: raw, size: 8M, file: a/tree.raw, snapshots: overlay}
  - {name: plain, type: raw, size: 8M, file: a/plain.raw, interface: scsi}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
fill a/hdd.qcow2 1
expect 0 maqet snapshot vm create hdd first
qemu-io -f raw -c "write -q -P 3 0 64k" a/tree.raw
expect 0 maqet snapshot vm create tree one
expect 0 maqet snapshot vm create tree two
# top IMAGE: the overlay that a guest would write to.
top() {
    echo "$1.maqet/$(sed -n 's/.*"top": *\([0-9]*\).*/\1/p' "$1.maqet/tree.json").qcow2"
}
qemu-io -f qcow2 -c "write -q -P 4 64k 64k" "$(top a/tree.raw)"
qemu-io -f raw -c "write -q -P 5 1M 64k" a/plain.raw

# file DRIVE PATH: what the definition, the record and the drive say.
file() {
    expect 0 maqet --format json status vm
    grep -F "\"$2\"" out >/dev/null || fail "status does not have $2"
    grep -F "\"$2\"" data/vms/vm/images.json >/dev/null || fail "$2 is not recorded"
    [ -f "$2" ] || fail "$2 does not exist"
}
# alone FOLDER FILE...: these are the only files there.
alone() {
    there=$1
    shift
    same "$*" "$(cd "$there" && find . -mindepth 1 ! -type d | sed 's,^\./,,' | LC_ALL=C sort | tr '\n' ' ' |
        sed 's/ $//')" "the files in $there"
}

# ---- stopped ----

inode=$(stat -c %i a/hdd.qcow2)
expect 0 maqet move vm hdd b
out_has "The image of drive 'hdd' of VM 'vm' is $TMP/b/hdd.qcow2 now."
same "$inode" "$(stat -c %i b/hdd.qcow2)" "the file that was moved"
file hdd "$TMP/b/hdd.qcow2"
[ ! -e a/hdd.qcow2 ] || fail "the old name is still there"
expect 0 maqet snapshot vm list hdd
out_has first
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet rm vm --dry-run --delete-storage
removed "$TMP/b/hdd.qcow2"

expect 0 maqet move vm hdd "$far"
file hdd "$far/hdd.qcow2"
alone b
alone "$far" hdd.qcow2
holds "$far/hdd.qcow2" 1
sound "$far/hdd.qcow2"
fill "$far/hdd.qcow2" 2
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet rm vm --dry-run --delete-storage
removed "$far/hdd.qcow2"
expect 0 maqet snapshot vm load hdd first --yes
holds "$far/hdd.qcow2" 1

# Overlays go with the image.
for folder in b "$far" a; do
    expect 0 maqet move vm tree "$folder"
    folder=$(realpath "$folder")
    file tree "$folder/tree.raw"
    expect 0 maqet start vm
    expect 0 maqet snapshot vm list tree
    out_has one
    out_has two
    expect 0 maqet stop vm --timeout 0 --force
    ! qemu-io -f qcow2 -c "read -P 3 0 64k" -c "read -P 4 64k 64k" "$(top "$folder/tree.raw")" |
        grep failed || fail "$folder: what the overlays hold"
done
alone b
alone "$far" hdd.qcow2
expect 0 maqet snapshot vm load tree one --yes
expect 0 maqet snapshot vm delete tree two --yes
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# To a file system without RENAME_NOREPLACE, such as NFS, nothing else is different.
traced renameat2 error=EINVAL move vm tree "$far" >out 2>err || fail "without RENAME_NOREPLACE: $(cat err)"
grep -F INJECTED trace >/dev/null || fail "renameat2 was not called"
file tree "$far/tree.raw"
alone b
expect 0 maqet snapshot vm list tree
out_has one
expect 0 maqet move vm tree a

# The group stays; and if it cannot, neither the old one nor the new one gets more rights than it had.
copied() { # MODE-AND-GROUP
    file plain "$(realpath "$folder")/plain.raw"
    same "$1" "$(stat -c '%a %g' "$folder/plain.raw")" "mode and group in $folder"
}
if chgrp 12345 a/plain.raw 2>/dev/null; then
    chmod 640 a/plain.raw
    folder=$far
    expect 0 maqet move vm plain "$folder"
    copied '640 12345'
    for modes in 640:600 664:644 604:600 660:600; do
        chgrp 12345 "$folder/plain.raw"
        chmod "${modes%:*}" "$folder/plain.raw"
        if [ "$folder" = "$far" ]; then folder=a; else folder=$far; fi
        traced fchown error=EPERM move vm plain "$folder" >out 2>err || fail "fchown is refused: $(cat err)"
        copied "${modes#*:} $(id -g)"
    done
    [ "$folder" = a ] || expect 0 maqet move vm plain a
    chmod 600 a/plain.raw
fi

# ---- what is refused ----

expect 3 maqet move vm plain a
err_has "already"
touch b/plain.raw
expect 3 maqet move vm plain b
err_has "$TMP/b/plain.raw exists already, and is not replaced"
rm b/plain.raw
expect 3 maqet move vm plain nowhere
expect 3 maqet move vm nothing b
vm_yaml other <<EOF
storage:
  - {name: top, type: qcow2, file: other.qcow2, backing_file: a/plain.raw, backing_format: raw}
EOF
if maqet add other.yaml >out 2>err; then
    expect 0 maqet start other
    expect 0 maqet stop other --timeout 0 --force
    expect 3 maqet move vm plain b
    err_has "VM 'other'"
    expect 0 maqet rm -f other --delete-storage
else
    cat err
fi
alone b

# ---- running ----

# move_live DRIVE FOLDER IMAGE: the old image has another name, so that both can be compared.
move_live() {
    old=$3.old
    ln "$3" "$old"
    expect 0 maqet move vm "$1" "$2"
    cat out err >moved
    file "$1" "$(realpath "$2")/$(basename "$3")"
    [ ! -e "$3" ] || fail "$3 is still there: $(cat moved)"
}
expect 0 maqet start vm
for state in running paused; do
    [ $state = running ] || expect 0 maqet pause vm
    for folder in b "$far" a; do
        expect 0 maqet --format json status vm
        image=$(find a b "$far" -name plain.raw)
        move_live plain "$folder" "$image"
        same $state "$(vm_status vm)" "the guest"
        expect 0 maqet qmp vm query-named-block-nodes
        ! grep "\"maqet-move\." out || fail "a node is left"
        expect 0 maqet qmp vm query-jobs
        qemu-img compare -U -f raw -F raw "$old" "$folder/plain.raw" >/dev/null || fail "$state, $folder: not the same"
        rm "$old"
    done
done
expect 0 maqet resume vm
expect 3 maqet move vm hdd b
err_has "it has the snapshot 'first'"
for folder in b a; do
    expect 0 maqet move vm tree "$folder"
    expect 0 maqet snapshot vm list tree
    out_has one
done
# It works as before.
expect 0 maqet resize vm plain 12M
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
alone b

# One that is to have overlays, but has none yet; it can have them where it is now.
vm_yaml bare <<EOF
storage:
  - {name: tree, type: raw, size: 8M, file: a/bare.raw, snapshots: overlay}
EOF
expect 0 maqet add bare.yaml
expect 0 maqet start bare
inside() {
    maqet qmp bare human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/tree/virtio-backend \\\"$1\\\"\"}" >out
    ! grep -i 'error\|failed' out || fail "$1"
}
inside 'write -P 1 0 64k'
expect 0 maqet move bare tree b
inside 'write -P 2 64k 64k'
expect 0 maqet snapshot bare create tree one --live
inside 'write -P 3 64k 64k'
expect 0 maqet snapshot bare create tree two --live
inside 'write -P 4 128k 64k'
# With overlays: what is frozen is moved as files, and QEMU copies what the guest writes to.
number=4
for folder in a "$far" b; do
    from=$(find a b "$far" -name bare.raw)
    number=$((number + 1))
    inside "write -P $number $((number * 128))k 64k"
    expect 0 maqet move bare tree "$folder"
    to=$(realpath "$folder")/bare.raw
    out_has "The image of drive 'tree' of VM 'bare' is $to now."
    [ ! -e "$from" ] && [ ! -e "$from.maqet" ] || fail "left at the old place: $from"
    find "/proc/$(vm_pid bare)/fd" -type l -printf '%l\n' >open
    ! grep 'bare.raw.*(deleted)$' open || fail "$folder: QEMU has a file of the old place"
    grep -qxF "$(top "$to")" open || fail "$folder: QEMU does not have $(top "$to")"
    expect 0 maqet qmp bare query-named-block-nodes
    ! grep '"maqet-move\.' out || fail "$folder: a node is left"
    inside "write -P $number $((number * 128 + 64))k 64k"
    inside flush
    ! qemu-io -U -r -f qcow2 -c 'read -P 1 0 64k' -c 'read -P 3 64k 64k' -c 'read -P 4 128k 64k' \
        -c "read -P $number $((number * 128))k 128k" "$(top "$to")" | grep failed || fail "$folder: what the drive holds"
done
expect 0 maqet snapshot bare list tree
out_has one
out_has two
# What was frozen before can be written to again, when another one is merged into it.
expect 0 maqet snapshot bare delete tree one --live
same 1 "$(find b/bare.raw.maqet -name '*.qcow2' | wc -l)" 'the overlays that are left'
expect 0 maqet stop bare --timeout 0 --force
[ ! -e a/bare.raw ] && [ ! -e a/bare.raw.maqet ] || fail "left at the old place: $(ls a)"
! qemu-io -f qcow2 -c 'read -P 1 0 64k' -c 'read -P 3 64k 64k' -c 'read -P 4 128k 64k' "$(top b/bare.raw)" |
    grep failed || fail "what the moved drive holds"
expect 0 maqet start bare
expect 0 maqet stop bare --timeout 0 --force
expect 0 maqet snapshot bare load tree two --yes
! qemu-io -f qcow2 -c 'read -P 3 64k 64k' -c 'read -P 0 128k 64k' "$(top b/bare.raw)" |
    grep failed || fail "what the snapshot holds"
expect 0 maqet rm bare --delete-storage --yes --force

# ---- checkpoints ----

vm_yaml ck <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: a/ck.qcow2}
EOF
expect 0 maqet add ck.yaml
expect 0 maqet start ck
expect 0 maqet checkpoint ck create first
expect 0 maqet stop ck --timeout 0 --force
expect 0 maqet move ck hdd b
expect 0 maqet checkpoint ck load first --yes
expect 0 maqet checkpoint ck delete first
expect 0 maqet move ck hdd a
expect 0 maqet checkpoint ck create second
expect 0 maqet stop ck --timeout 0 --force
expect 0 maqet checkpoint ck load second --yes
same running "$(vm_status ck)" "the guest"
