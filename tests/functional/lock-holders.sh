#!/bin/sh
# SPDX-License-Identifier: MIT
# Who has a lock for which a command waits, or fails: the PID, the command, and since when.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires perl

vm_yaml web <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: $TMP/hdd.qcow2}
EOF
vm_yaml new </dev/null
expect 0 maqet add web.yaml

# Another process takes the lock on a file, until free.
hold() { # FILE
    rm -f held
    perl -e 'my $lock = pack("ssx4qqix4", 1, 0, 0, 0, 0); open(F, "+>>", $ARGV[0]) or die;
        fcntl(F, 6, $lock) or die; open(H, ">", "held"); sleep' "$1" &
    holder=$!
    eventually 20 [ -e held ]
}
free() {
    kill "$holder"
    wait "$holder" || :
}
# What was said names the holder. Its start may be rounded to the second before or after.
names_holder() {
    grep -qE "'perl .*' \(PID $holder, since [0-9:]{8}\)" err || { cat err; fail "who has the lock"; }
    said=$(sed -n "s/.*(PID $holder, since \([0-9:]*\)).*/\1/p" err | head -n 1)
    since=$(date -d "$(LC_ALL=C ps -o lstart= -p "$holder")" +%s)
    away=$((($(date -d "$said" +%s) - since + 86402) % 86400))
    [ "$away" -le 4 ] || fail "since $said"
}

# The lock of a VM, and that of all definitions, also for one who does not wait.
for seconds in 0 0.1; do
    hold data/vms/web/lock
    expect 2 maqet apply web web.yaml --lock-timeout $seconds
    err_has "Another maqet process has been working on VM 'web'"
    names_holder
    free
    hold data/vms/.lock
    expect 2 maqet add new.yaml --lock-timeout $seconds
    names_holder
    free
done
err_has "--lock-timeout SECONDS"

# Who waits for a second is told for whom.
hold data/vms/web/lock
"$MAQET" apply web web.yaml --lock-timeout "$(patience 600)" >out 2>err &
waiter=$!
eventually 30 grep -q "Waiting for 'perl" err
names_holder
free
wait $waiter || fail "the lock is free, but the command failed"

# The lock beside an image that is being created.
hold "$TMP/.hdd.qcow2.maqet-lock"
"$MAQET" start web >out 2>err &
waiter=$!
eventually 30 grep -q "Waiting for 'perl" err
err_has "which is creating $TMP/hdd.qcow2 (lock: $TMP/.hdd.qcow2.maqet-lock)"
names_holder
free
wait $waiter || { cat err; fail "the lock is free, but the start failed"; }

# That of the monitor.
hold run/web/qmp.lock
expect 2 maqet qmp web query-status
err_has "Another maqet process has been working on the monitor of VM 'web'"
names_holder
free
expect 0 maqet qmp web query-status
expect 0 maqet stop web --timeout 0 --force
