#!/bin/bash
# SPDX-License-Identifier: MIT
# The session that docs/backups.md begins with works as it is printed there.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img
. "${abs_top_srcdir:?}/tests/functional/backup-functions.sh"

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
mapfile -t lines < <(sed -n 's/^    \$ //p' "$abs_top_srcdir/docs/backups.md")
same 3 "${#lines[@]}" 'the number of commands'
turn=0
for line in "${lines[@]}"; do
    put hdd 7 "$((turn += 1))"
    line=${line//\/srv\/backups\/web/$TMP\/to\/vm} line=${line//\/srv\/backups/$TMP\/to}
    line=${line// web / vm }
    case $line in *qemu-img*) line=${line//20261129T070000Z/$(last_id to)} ;; esac
    note_step "$line"
    # shellcheck disable=SC2086
    expect 0 $line
done
disk 0770000000000000 | cmp -s - hdd.raw || fail "the image shows something else"
is_increment to "$(last_id to)" hdd || fail "the second backup is no increment"
