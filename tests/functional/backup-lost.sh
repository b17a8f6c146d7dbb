#!/bin/bash
# SPDX-License-Identifier: MIT
# Where it is not certain what was written since the last backup, an increment would be wrong: the
# next backup of the drive is a full one, says why, and shows what the drive shows.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
  - {name: data, type: raw, size: 1M, file: data.raw, snapshots: overlay}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
now=0000000000000000 turn=0

# Writes something to a drive.
change() { # DRIVE
    turn=$((turn + 1))
    put "$1" $((turn % 9 + 1)) $((turn % blocks))
}
# What the drive shows must be what its last backup shows.
agrees() { # DRIVE
    if is_running; then inside "$1" flush; fi
    # shellcheck disable=SC2046
    qemu-img convert -U $(image_of "$1") -O raw now.raw >out 2>&1 || fail "$(cat out)"
    qemu-img convert -f qcow2 -O raw "to/vm/$(last_id to)/$1.qcow2" got.raw
    cmp -s now.raw got.raw || fail "$what: the backup does not show what the drive shows"
}
increment() { # DRIVE
    change "$1"
    expect 0 maqet backup vm create to --drive "$1" --incremental
    is_increment to "$(last_id to)" "$1" || { cat out >&2; fail "$what: it is no increment"; }
    agrees "$1"
}
full() { # DRIVE WHY
    change "$1"
    expect 0 maqet backup vm create to --drive "$1" --incremental
    out_has "Drive '$1': a full image"
    out_has "; no increment, as $2"
    if is_increment to "$(last_id to)" "$1"; then fail "$what: it is an increment"; fi
    agrees "$1"
}
stopped() { expect 0 maqet stop vm --timeout 0 --force; }

what='no backup yet'
full hdd "there is no backup yet that it could stand on"
what='a backup before'
increment hdd
expect 0 maqet start vm
increment hdd

what='QEMU was killed'
change hdd
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
full hdd "its image does not say what was written to it since: QEMU was killed"
what='QEMU was killed, and had the list from before'
increment hdd
expect 0 maqet start vm
change hdd
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
full hdd "QEMU was killed since, so what was written is not known"
what='after that'
increment hdd

what='a resize while it is stopped'
expect 0 maqet resize vm hdd 2M
full hdd "its size has changed since the last backup"
increment hdd
what='a resize while it runs'
expect 0 maqet start vm
expect 0 maqet resize vm hdd 3M
full hdd "its size has changed since the last backup"
increment hdd

what='a snapshot while it runs'
expect 0 maqet snapshot vm create hdd one --live
full hdd "there are snapshots in its image"
full hdd "there are snapshots in its image"
stopped
# With both in the image, qemu-img would lose all snapshots when it repairs it.
qemu-img info hdd.qcow2 | grep -q 'name: maqet' && fail "there are bitmaps beside snapshots"
expect 0 maqet snapshot vm load hdd one --yes
full hdd "there are snapshots in its image"
expect 0 maqet snapshot vm delete hdd one
full hdd "its image does not say what was written to it since"
increment hdd
what='a snapshot while it is stopped'
expect 0 maqet snapshot vm create hdd two
change hdd
expect 0 maqet snapshot vm load hdd two --yes
expect 0 maqet snapshot vm delete hdd two
full hdd "its image does not say what was written to it since"
increment hdd

what='snapshots and bitmaps by other programs'
qemu-img snapshot -c three hdd.qcow2
qemu-img snapshot -c four hdd.qcow2
# Without its entry, the clusters of the second one are leaked.
printf '\000\000\000\001' | dd of=hdd.qcow2 bs=1 seek=60 conv=notrunc 2>err
qemu-img bitmap --add hdd.qcow2 theirs
expect 3 maqet check vm hdd --repair
err_has "its snapshots would be lost if it was repaired"
qemu-img bitmap --remove hdd.qcow2 theirs
expect 0 maqet check vm hdd --repair
out_has "freed"
qemu-img snapshot -l hdd.qcow2 | grep -q three || fail "the snapshot is lost"
qemu-img check -q hdd.qcow2 || fail "hdd.qcow2 is not sound"
qemu-img snapshot -d three hdd.qcow2
full hdd "its image does not say what was written to it since"
increment hdd

what='the image was replaced'
qemu-img convert -O qcow2 hdd.qcow2 new.qcow2
mv new.qcow2 hdd.qcow2
full hdd "its image does not say what was written to it since"
increment hdd
what='the image of an earlier backup'
cp hdd.qcow2 copy.qcow2
increment hdd
mv copy.qcow2 hdd.qcow2
full hdd "its image does not say what was written to it since"
increment hdd

what='the list was switched off'
bitmap=$(qemu-img info hdd.qcow2 | sed -n 's/^ *name: \(maqet-.*\)/\1/p')
qemu-img bitmap --disable hdd.qcow2 "$bitmap"
full hdd "something else has stopped recording what is written"
increment hdd

what='the last backup is gone'
rm -r "to/vm/$(last_id to)"
full hdd "its image does not say what was written to it since"
increment hdd
what='what it stands on is gone'
mv "to/vm/$(ids to | tail -n 2 | head -n 1)" away
full hdd "There is no backup"
increment hdd
what='what it stands on has changed'
printf x | dd of="to/vm/$(last_id to)/hdd.qcow2" bs=1 seek=300000 conv=notrunc 2>err
full hdd "$TMP/to/vm/$(last_id to)/hdd.qcow2 has changed"
increment hdd
what='only the date of what it stands on has changed'
touch "to/vm/$(last_id to)/hdd.qcow2"
increment hdd

what='another drive with the image'
expect 0 maqet backup vm create to
sed -i -e 's/name: hdd/name: xxx/' vm.yaml
expect 0 maqet apply vm vm.yaml
cp hdd.qcow2 xxx.qcow2
change xxx
expect 0 maqet backup vm create to --drive xxx --incremental
out_has "Drive 'xxx': a full image"
sed -i -e 's/name: xxx/name: hdd/' vm.yaml
expect 0 maqet apply vm vm.yaml

what='overlays'
full data "its image cannot store what is written to it"
expect 0 maqet start vm
expect 0 maqet snapshot vm create data one --live
full data "its image does not say what was written to it since"
increment data
expect 0 maqet snapshot vm create data two --live
full data "a snapshot was created since"
increment data
stopped
increment data
expect 0 maqet snapshot vm load data one --yes
full data "its image does not say what was written to it since"
increment data
expect 0 maqet snapshot vm delete data two
change data
expect 0 maqet snapshot vm delete data one
change data
expect 0 maqet backup vm create to --drive data --incremental
agrees data

# A bitmap knows only what was written to the topmost image.
what='a base that was changed, and accepted'
expect 0 maqet snapshot vm create data three --auto
change data
full data "its image does not say what was written to it since"
increment data
if is_running; then stopped; fi
chmod u+w data.raw
head -c 65536 /dev/zero | tr '\0' 7 | dd of=data.raw bs=65536 seek=15 conv=notrunc 2>/dev/null
expect 3 maqet start vm
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet backup vm create to --drive data --incremental
out_has "; no increment, as the images that it stands on have changed since the last backup"
