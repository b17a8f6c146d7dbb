#!/bin/bash
# SPDX-License-Identifier: MIT
# What users of other programs have reported of their backups (docs/backups.md, "What users of other tools met"):
# images that cannot store what is written, drives that are attached between two backups, and the variables
# of UEFI.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"

# Firmware that a machine can have, whatever is installed; what is installed is hidden.
mkdir -p config/qemu/firmware
for file in /usr/share/qemu/firmware/*.json /etc/qemu/firmware/*.json; do
    [ ! -e "$file" ] || : >"config/qemu/firmware/${file##*/}"
done
for part in code vars; do head -c 65536 /dev/zero | tr '\0' "${part:0:1}" >made-up.$part; done
cat >config/qemu/firmware/made-up.json <<EOF
{"interface-types": ["uefi"],
 "mapping": {"device": "flash",
    "executable": {"filename": "$TMP/made-up.code", "format": "raw"},
    "nvram-template": {"filename": "$TMP/made-up.vars", "format": "raw"}},
 "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}], "features": [], "tags": []}
EOF

# An image of qcow2 before version 3, as other programs may have created it.
qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 1M
vm_yaml vm <<EOF
firmware: uefi
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
  - {name: old, type: qcow2, file: old.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

old=0000000000000000
put old 4 2; old=$(changed $old 4 2)
expect 0 maqet backup vm create to
first=$(last_id to)
shown to "$first" old $old || fail "the image before version 3"
# Each backup of it is a full one, and says why; the others are increments.
put old 5 3; old=$(changed $old 5 3)
expect 0 maqet backup vm create to --incremental
out_has "Drive 'old': a full image"
out_has "; no increment, as its image cannot store what is written to it"
second=$(last_id to)
is_increment to "$second" hdd || fail "the image before version 3 prevents other increments"
is_increment to "$second" old && fail "an increment without a list of what was written"
shown to "$second" old $old || fail "the image before version 3, again"
qemu-img info -U old.qcow2 | grep -q 'compat: 0.10' || fail "the image has another version"

# A drive that is attached while it runs is in the next increment, as a full image, and then as an increment.
expect 0 maqet attach vm --name new --size 1M file=new.qcow2
new=0000000000000000
put new 6 1; new=$(changed $new 6 1)
expect 0 maqet backup vm create to --incremental
out_has "Drive 'new': a full image"
out_has "; no increment, as there is no backup yet that it could stand on"
third=$(last_id to)
is_increment to "$third" hdd || fail "a drive that is attached prevents other increments"
shown to "$third" new $new || fail "the drive that was attached"
put new 7 4; new=$(changed $new 7 4)
expect 0 maqet backup vm create to --incremental
fourth=$(last_id to)
is_increment to "$fourth" new || fail "the drive that was attached is in no increment"
shown to "$fourth" new $new || fail "the drive that was attached, again"
# Without it, the increments of the others go on.
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet detach vm new
expect 0 maqet backup vm create to --incremental
is_increment to "$(last_id to)" hdd || fail "a drive that is detached prevents other increments"
[ ! -e "to/vm/$(last_id to)/new.qcow2" ] || fail "a drive that is detached is in a backup"

# The variables of UEFI are a drive like others: what the guest has stored is in the backup, and a new VM
# gets it.
variables() { # VM
    maqet --format json status "$1" | tr -d ' \n' | grep -o '[^"]*-firmware.qcow2' | sort -u
}
stores() { qemu-io -r -f qcow2 -c 'read -P 9 4k 4k' "$1" >out 2>&1 && ! grep -q failed out; } # IMAGE
qemu-io -f qcow2 -c 'write -P 9 4k 4k' "$(variables vm)" >out 2>&1 || fail "$(cat out)"
expect 0 maqet backup vm create to --incremental
last=$(last_id to)
is_increment to "$last" firmware || fail "the variables are in no increment"
stores "to/vm/$last/firmware.qcow2" || fail "what was stored is not in the backup"
expect 0 maqet backup vm restore to --to other
same 1 "$(variables other | wc -l)" 'the images of variables'
[ "$(variables other)" != "$(variables vm)" ] || fail "both VMs have the same variables"
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
stores "$(variables other)" || fail "what was stored is not restored"
# And in place.
qemu-io -f qcow2 -c 'write -P 8 4k 4k' "$(variables vm)" >out 2>&1 || fail "$(cat out)"
expect 0 maqet backup vm restore to --drive firmware
stores "$(variables vm)" || fail "what was stored is not restored in its place"
