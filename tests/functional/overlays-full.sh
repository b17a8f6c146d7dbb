#!/bin/sh
# SPDX-License-Identifier: MIT
# A file system that is full while overlays are created and merged: an error that says so, no node
# holds anything else than before, and with room the next command completes what was begun. What will not fit is
# not begun, and what needs no space is.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
mkdir small
mount -t tmpfs -o size=24m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn "umount $TMP/small"
folder=small/hdd.raw.maqet

# Where it is known what a merge takes, and where more is taken when it is under way: the clusters of an image are
# all there, and its file has holes in their places.
vm() { # TYPE PREALLOCATION
    vm_yaml vm <<END
storage:
- {name: hdd, type: $1, file: small/hdd.raw, size: 64M, preallocation: '$2', overcommit: true, snapshots: overlay}
END
}
vm raw off
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
    file=small/hdd.raw format=$type
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
    err_has "$why"
    shows "$what, without room" $written
    room
}

for how in stopped live 'stopped, surprised' 'live, surprised'; do
    room
    rm -rf small/*
    type=raw preallocation=off known=yes
    case $how in *surprised) type=qcow2 preallocation=metadata known= ;; esac
    how=${how%,*}
    vm $type $preallocation
    [ "$(vm_status vm)" != running ] || fail 'it runs'
    expect 0 maqet apply vm vm.yaml
    why='No space left on device'
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
    [ -z "$known" ] || why="cannot be merged into $TMP/small/hdd.raw: that takes 4.0MB, and "
    tried 0 snapshot vm delete hdd one $live
    # Without room for the record, nothing was begun.
    expect 0 maqet snapshot vm list hdd
    out_has '- one ('
    tried 1024 snapshot vm delete hdd one $live
    expect 0 maqet snapshot vm list hdd
    if [ -n "$known" ]; then
        out_has '- one ('
        expect 0 maqet snapshot vm delete hdd one $live
    else
        out_lacks '- one ('
    fi
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

# An image that has its space already does not grow.
rm -rf small/*
vm_yaml vm <<END
storage:
- {name: hdd, type: raw, file: small/hdd.raw, size: 8M, preallocation: falloc, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd one
write 1
written=1 type=raw
no_room
truncate -s -1024K small/ballast
expect 0 maqet snapshot vm delete hdd one
room
shows 'what was merged into an image that has its space' 1
expect 0 maqet rm vm --yes

# A merge that waits for space, of an earlier deletion: the next deletion says so, and is done.
rm -rf small/*
vm raw off
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd one --live
write 1
for name in two three; do expect 0 maqet snapshot vm create hdd $name --live; done
expect 0 maqet snapshot vm delete hdd one --live
err_has 'merged with others by the first command on its snapshots when VM'
expect 0 maqet stop vm --timeout 0 --force
no_room
truncate -s -1024K small/ballast
expect 0 maqet snapshot vm delete hdd three
err_has "VM 'vm', drive 'hdd': the space of deleted snapshots is not freed yet: "
err_has "cannot be merged into $TMP/small/hdd.raw: that takes 4.0MB, and "
expect 0 maqet snapshot vm list hdd
out_has '- two ('
out_lacks '- three ('
shows 'what waits' 1
room
expect 0 maqet snapshot vm create hdd four
err_lacks 'not freed yet'
[ "$(du -k small/hdd.raw | cut -f1)" -ge 4096 ] || fail 'with room, nothing was merged'
shows 'what has waited' 1
# What was trimmed takes no space any more, though the file has it still.
expect 0 maqet snapshot vm delete hdd four
expect 0 maqet snapshot vm delete hdd two
expect 0 maqet snapshot vm create hdd five
qemu-io -f qcow2 -c 'write -q 32M 8M' "$folder/$(top).qcow2"
qemu-io -f qcow2 -d unmap -c 'write -q -z 32M 8M' "$folder/$(top).qcow2"
no_room
truncate -s -1024K small/ballast
expect 0 maqet snapshot vm delete hdd five
room
shows 'where something was trimmed' 1
