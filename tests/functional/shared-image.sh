#!/bin/sh
# SPDX-License-Identifier: MIT
# 32 machines share one missing image path: it is made once, and whoever comes later uses it.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

i=0
while [ $i -lt 32 ]; do
    vm_yaml "vm$i" <<EOF
storage:
  - name: hdd
    file: images/shared.qcow2
    size: 16M
EOF
    maqet -q add "vm$i.yaml"
    i=$((i + 1))
done
i=0
while [ $i -lt 32 ]; do
    (
        code=0
        maqet start "vm$i" >"out.$i" 2>"err.$i" || code=$?
        echo "$code" >"code.$i"
    ) &
    i=$((i + 1))
done
wait
same 1 "$(cat err.* | grep -c 'Successfully created')" "creations"
same shared.qcow2 "$(ls -A images)" "what is in the folder"
# QEMU lets one of them write; the others are told so in words.
same 1 "$(cat code.* | grep -cx 0)" "machines that run"
same 31 "$(cat code.* | grep -cx 1)" "machines that were refused"
winner=$(maqet --format plain ls | awk -F '\t' '$2 == "running" { print $1 }')
same 31 "$(cat err.* | grep -c "drive 'hdd': the image $TMP/images/shared.qcow2 is in use by")" "reasons"
same 31 "$(cat err.* | grep -c "QEMU of VM '$winner' (PID $(vm_pid "$winner"))")" "holders"
same 31 "$(cat err.* | grep -c "maqet stop $winner\$")" "hints"
for vm in data/vms/*; do
    maqet -q stop --timeout 0 --force "$(basename "$vm")"
done
qemu-img check -q images/shared.qcow2
