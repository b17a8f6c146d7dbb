#!/bin/sh
# SPDX-License-Identifier: MIT
# 32 starts of one machine at once: one QEMU, one image, and 31 that say that it runs.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml busy <<EOF
storage:
  - name: hdd
    size: 16M
EOF
expect 0 maqet add busy.yaml
i=0
while [ $i -lt 32 ]; do
    (
        code=0
        maqet start busy >"out.$i" 2>"err.$i" || code=$?
        echo "$code" >"code.$i"
    ) &
    i=$((i + 1))
done
wait
same 32 "$(cat code.* | grep -cx 0)" "starts that succeeded"
same 1 "$(cat out.* | grep -c "^Started VM 'busy'")" "starts that started it"
pid=$(vm_pid busy)
same 31 "$(cat out.* | grep -c "'busy' is already running (PID $pid)")" "notes"
same 1 "$(cat err.* | grep -c 'INFO: Creating')" "creations"
# The brackets keep grep from finding itself.
same 1 "$(grep -la "$TMP/run/busy/qemu/[p]id" /proc/[0-9]*/cmdline 2>/dev/null | wc -l)" "QEMUs"
same 1 "$(find "$TMP/images" -type f | wc -l)" "files in the image folder"
