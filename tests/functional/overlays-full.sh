#!/bin/sh
# SPDX-License-Identifier: MIT
# A file system that is full while overlays are created and merged: an error that says so, no node
# holds anything else than before, and with room the next command completes what was begun.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
mkdir small
mount -t tmpfs -o size=24m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn "umount $TMP/small"
folder=small/hdd.raw.maqet

vm_yaml vm <<END
storage:
- {name: hdd, type: raw, file: small/hdd.raw, size: 64M, preallocation: 'off', overcommit: true, snapshots: overlay}
END
expect 0 maqet add vm.yaml
no_room() { dd if=/dev/zero of=small/ballast bs=64k 2>/dev/null || :; }
room() { rm -f small/ballast; }

top() { sed -n 's/^  "top":\([0-9]*\),*$/\1/p' $folder/tree.json; }
# Where each of them writes 4 MB, which nobody else writes to.
write() { # NUMBER
    if [ "$(vm_status vm)" = running ]; then
        maqet qmp vm human-monitor-command "{\"command-line\":
            \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P $1 $(($1 * 4))M 4M\\\"\"}" >out
        maqet qmp vm human-monitor-command '{"command-line":
            "qemu-io -d /machine/peripheral/hdd/virtio-backend flush"}' >out
    else
        qemu-io -f qcow2 -c "write -q -P $1 $(($1 * 4))M 4M" "$folder/$(top).qcow2"
    fi
}
# What the guest sees: all that was written, by these numbers.
shows() { # WHAT NUMBER...
    shows_what=$1
    shift
    file=small/hdd.raw format=raw
    if [ -e $folder/tree.json ]; then
        file=$folder/$(top).qcow2 format=qcow2
    fi
    for number; do
        qemu-io -U -r -f $format -c "read -P $number $((number * 4))M 4M" "$file" >read.out 2>&1 &&
            ! grep -q 'Pattern verification failed' read.out ||
            fail "$shows_what: $number is not there any more: $(cat read.out)"
    done
}
# A command that has no room, but for as many KB.
tried() { # KB ARGUMENT...
    no_room
    truncate -s "-$1K" small/ballast
    shift
    what=$*
    code=0
    maqet "$@" >out 2>err || code=$?
    [ $code -eq 1 ] || fail "$what: exit code $code without room: $(cat err)"
    err_has 'No space left on device'
    shows "$what, without room" $written
    room
}

for how in stopped live; do
    room
    rm -rf small/*
    expect 0 maqet start vm --create-missing
    [ $how = live ] || expect 0 maqet stop vm --timeout 0 --force
    live=
    [ $how = stopped ] || live=--live
    written=
    tried 0 snapshot vm create hdd none $live
    expect 0 maqet snapshot vm list hdd
    out_lacks none
    expect 0 maqet snapshot vm create hdd one $live
    write 1
    expect 0 maqet snapshot vm create hdd two $live
    write 2
    written='1 2'
    # 4 MB go down into the image, which has holes there.
    tried 0 snapshot vm delete hdd one $live
    # Without room for the record, nothing was begun.
    expect 0 maqet snapshot vm list hdd
    out_has '- one ('
    tried 1024 snapshot vm delete hdd one $live
    expect 0 maqet snapshot vm list hdd
    out_lacks '- one ('
    shows "$how, with room" $written
    if [ $how = live ]; then
        same running "$(vm_status vm)" 'the guest'
        write 3
        written='1 2 3'
        expect 0 maqet stop vm --timeout 0 --force
    fi
    expect 0 maqet snapshot vm delete hdd two
    shows "$how, after all deletions" $written
    expect 0 maqet snapshot vm create hdd last
    expect 0 maqet snapshot vm delete hdd last
    [ ! -e $folder/tree.json ] || fail "$how: left: $(ls $folder)"
    shows "$how, in the image" $written
done
expect 0 maqet rm vm --force --yes
