#!/bin/bash
# SPDX-License-Identifier: MIT
# A folder without space costs the backup, and never the guest: it goes on, nothing is left of the
# backup, and the next increment stands on the one before.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"
mkdir small
mount -t tmpfs -o size=6m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn "umount $TMP/small"

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
  - {name: big, type: qcow2, size: 16M, file: big.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
hdd=0000000000000000
put hdd 1 0; hdd=$(changed $hdd 1 0)
expect 0 maqet backup vm create small --drive hdd
inside big 'write -P 9 0 16M'
left_alone() {
    what=$1
    err_has "the backup has failed: QEMU: No space left on device"
    err_has "Free space in $TMP/small"
    nothing_left small
    same 1 "$(ids small | wc -l)" "$what: backups"
    [ ! -e data/vms/vm/pending.json ] || fail "$what: still pending"
}

put hdd 2 1; hdd=$(changed $hdd 2 1)
expect 1 maqet backup vm create small --incremental
left_alone running
same running "$(vm_status vm)" 'the guest'
maqet qmp vm query-block >out
grep -q '"io-status": *"\(nospace\|failed\)"' out && fail "the guest's disk has failed"
put hdd 3 2; hdd=$(changed $hdd 3 2)
expect 0 maqet stop vm --timeout 0 --force
expect 1 maqet backup vm create small --incremental
left_alone stopped
expect 0 maqet backup vm create small --incremental --drive hdd
is_increment small "$(last_id small)" hdd || { cat out >&2; fail "a failed backup makes the next one full"; }
shown small "$(last_id small)" hdd "$hdd" || fail "hdd"
