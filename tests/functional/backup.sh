#!/bin/bash
# SPDX-License-Identifier: MIT
# Backups, of a VM that is stopped and of one that runs: what other programs see in them is what the
# drives showed at that moment, increments are small and stand on the one before, and whatever
# cannot be in a backup is named.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"

mkdir share
head -c 1M /dev/zero >base.raw
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
  - {name: data, type: raw, size: 1M, file: data.raw}
  - {name: cd, type: raw, media: cdrom, interface: ide}
  - {name: base, type: raw, file: base.raw, readonly: true}
EOF
expect 0 maqet add vm.yaml
# An image that does not exist yet is in no backup.
expect 3 maqet backup vm create to
err_has "VM 'vm' has no drive that can be in a backup"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# ---- stopped ----

hdd=0000000000000000 data=0000000000000000
put hdd 1 0; hdd=$(changed $hdd 1 0)
put data 5 15; data=$(changed $data 5 15)
expect 0 maqet backup vm create to
first=$(last_id to)
out_has "Created backup '$first' of VM 'vm' in $TMP/to/vm/$first."
out_has "Drive 'cd' is not in it: it is a CD-ROM drive."
out_has "Drive 'base' is not in it: it is read-only."
shown to "$first" hdd $hdd || fail "hdd of the first backup"
shown to "$first" data $data || fail "data of the first backup"
# Nobody else can read any of it.
same '' "$(find to -perm /077)" 'what others may read'

# What was written without maqet is known, too; with a path, "create" goes without saying.
put hdd 2 3; hdd2=$(changed $hdd 2 3)
expect 0 maqet --format json backup vm ./to --incremental
second=$(last_id to)
grep -q '"running": *false' out || fail "$(cat out)"
grep -q "\"base\": *\"$first\"" out || fail "what it stands on: $(cat out)"
grep -q '"why": *"its image cannot store what is written to it"' out || fail "$(cat out)"
is_increment to "$second" hdd || fail "hdd is no increment"
shown to "$second" hdd $hdd2 || fail "hdd of the second backup"
shown to "$second" data $data || fail "data of the second backup"
shown to "$first" hdd $hdd || fail "the first backup has changed"

# ---- running ----

expect 0 maqet start vm
put hdd 3 7; hdd3=$(changed $hdd2 3 7)
put data 6 0; data3=$(changed $data 6 0)
expect 0 maqet backup create vm to --incremental --compress
third=$(last_id to)
# Zeroes hide what is below them.
put hdd 0 3; hdd4=$(changed $hdd3 0 3)
expect 0 maqet backup vm create to --incremental --drive hdd
fourth=$(last_id to)
what='the fourth backup'
nothing_left to
[ ! -e "to/vm/$fourth/data.qcow2" ] || fail "data is in a backup of hdd"
# The last one that has data is the third.
expect 0 maqet backup vm create to --drive data --drive data
expect 0 maqet stop vm --timeout 0 --force
put hdd 8 8; hdd5=$(changed $hdd4 8 8)
expect 0 maqet backup vm create to --incremental --drive hdd
fifth=$(last_id to)
qemu-img check -q hdd.qcow2 || fail "hdd.qcow2 is not sound"

# It can be moved as a whole; nothing of the VM is needed.
mv to moved
mv hdd.qcow2 data.raw share
for wanted in "$first $hdd" "$second $hdd2" "$third $hdd3" "$fourth $hdd4" "$fifth $hdd5"; do
    # shellcheck disable=SC2086
    set -- $wanted
    shown moved "$1" hdd "$2" || fail "hdd of $1"
done
for id in "$second" "$third" "$fourth" "$fifth"; do
    is_increment moved "$id" hdd || fail "hdd of $id is no increment"
done
shown moved "$third" data "$data3" || fail "data of the third backup"
mv share/hdd.qcow2 share/data.raw .
mv moved to

# ---- what is refused ----

expect 3 maqet backup vm create to --drive cd
err_has "drive 'cd' of VM 'vm': there is no backup of it, as it is a CD-ROM drive"
expect 3 maqet backup vm create to --drive nothing
expect 3 maqet backup none create to
expect 3 maqet backup vm tp
[ ! -e tp ] || fail "a word without a '/' is taken for a folder"
sed -e 's/^name: vm/name: other/' -e 's/file: /file: other-/' -e '/name: base/d' vm.yaml >other.yaml
expect 0 maqet add other.yaml
expect 0 maqet start other
mv to/vm to/other
before=$(find to | sort)
expect 3 maqet backup other create to
err_has "are of another VM of that name"
same "$before" "$(find to | sort)" 'the folder'
mv to/other to/vm

# ---- several places ----

put hdd 9 9; hdd6=$(changed $hdd5 9 9)
expect 0 maqet backup vm create else --drive hdd
put hdd 4 10; hdd7=$(changed $hdd6 4 10)
expect 0 maqet backup vm create to --drive hdd --incremental
is_increment to "$(last_id to)" hdd || fail "a backup elsewhere makes the next one a full one"
shown to "$(last_id to)" hdd "$hdd7" || fail "hdd after a backup elsewhere"
expect 0 maqet backup vm create else --drive hdd --incremental
is_increment else "$(last_id else)" hdd || fail "the increment elsewhere"
shown else "$(last_id else)" hdd "$hdd7" || fail "hdd elsewhere"
# Each place needs one list of what was written, of which there are few.
for place in a b c d e; do
    expect 0 maqet backup vm create $place --drive hdd
done
[ "$(qemu-img info hdd.qcow2 | grep -c 'name: maqet-')" -le 5 ] || fail "too many bitmaps"
