#!/bin/sh
# SPDX-License-Identifier: MIT
# 32 starts of one machine at once: one QEMU, one image, 31 clear refusals.
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
same 1 "$(cat code.* | grep -cx 0)" "starts that succeeded"
same 31 "$(cat code.* | grep -cx 3)" "starts that were refused"
pid=$(vm_pid busy)
same 31 "$(cat err.* | grep -c "'busy' is already running (PID $pid)")" "clear refusals"
same 1 "$(cat err.* | grep -c 'INFO: Creating')" "creations"
# The brackets keep grep from finding itself.
same 1 "$(grep -la "$TMP/run/busy/qemu/[p]id" /proc/[0-9]*/cmdline 2>/dev/null | wc -l)" "QEMUs"
same 1 "$(find "$TMP/images" -type f | wc -l)" "files in the image folder"
