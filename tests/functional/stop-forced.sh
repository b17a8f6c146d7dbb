#!/bin/sh
# SPDX-License-Identifier: MIT
# Once QEMU has ended, a stop has succeeded, whatever keeps it from tidying up. Where a command
# was to do more than that, and cannot, its error says that QEMU has been ended.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires strace

vm_yaml vm <<EOF
storage:
  - {name: hdd, size: 1M, file: disk.qcow2}
EOF
expect 0 maqet add vm.yaml

# occupied: another maqet has the machine's lock, and stands still.
occupied() {
    rm -f stopped
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o stopped -e trace=fsync \
        -e inject=fsync:signal=STOP:when=1 "$MAQET" snapshot vm create hdd one --live >/dev/null 2>&1 &
    tracer=$!
    cleanup_fn "kill -KILL $tracer 2>/dev/null"
    eventually 20 grep -qs 'stopped by SIGSTOP' stopped
    occupant=$(cat "/proc/$tracer/task/$tracer/children")
    cleanup_fn "kill -KILL $occupant 2>/dev/null"
}
free_again() {
    # shellcheck disable=SC2086
    kill -KILL $occupant
    wait "$tracer" || :
}

# unopened FILE WHEN ARGUMENT...: maqet, which cannot open a file of its own, by the path that it says.
unopened() {
    unopened_file=$1
    unopened_when=$2
    shift 2
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$unopened_file" -e trace=openat \
        -e "inject=openat:error=EMFILE:when=$unopened_when" "$MAQET" "$@"
}

expect 0 maqet start vm
occupied
expect 0 maqet stop vm --timeout 0 --force --lock-timeout 600
same stopped "$(vm_status vm)" "the status after a stop beside another maqet"
free_again

expect 0 maqet start vm
expect 0 unopened "$TMP/data/vms/vm/lock" 1+ stop vm --timeout 0 --force
grep -q INJECTED trace || fail "the lock was not opened"
same stopped "$(vm_status vm)" "the status after a stop without the lock"
expect 0 maqet start vm
expect 0 unopened vm/run 2+ stop vm --timeout 0 --force
grep -q INJECTED trace || fail "the run file was not opened again"
expect 0 maqet stop vm

# Where nothing ran, the lock is what tells that nothing is being started.
expect 1 unopened "$TMP/data/vms/vm/lock" 1+ stop vm

# What was to do more than that says how things are.
expect 0 maqet start vm
occupied
expect 2 maqet rm vm --force --lock-timeout 0.1
err_has "Another maqet process has been working on VM 'vm'"
err_has "QEMU of VM 'vm' had been ended before"
same stopped "$(vm_status vm)"
free_again
expect 0 maqet start vm
expect 1 unopened "$TMP/data/vms/vm/lock" 2+ restart vm --timeout 0 --force
err_has "VM 'vm' was stopped, but not started again"
same stopped "$(vm_status vm)"
expect 0 maqet rm vm --yes
