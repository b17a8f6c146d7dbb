#!/bin/sh
# SPDX-License-Identifier: MIT
# A qemu-img that hangs, or takes its time, is seen on a terminal, and nowhere else.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires script

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml

on_terminal() { # ARGUMENT...: maqet on a terminal, whose screen goes to the file screen
    TERM=vt100 wrapped script -qefc "'$MAQET' $*" screen >/dev/null
}
fail_with_screen() {
    cat -v screen >&2
    fail "$*"
}
# hangs SUBCOMMAND ARGUMENT...: starts maqet on a terminal; its qemu-img hangs until the file
# hanging is gone. What is typed comes by descriptor 3.
hangs() {
    subcommand=$1
    shift
    rm -f screen
    touch hanging
    wrap_qemu_img "$subcommand*" "while [ -e '$TMP/hanging' ]; do sleep 0.1; done"
    on_terminal "$@" <&3 &
    running=$!
    for seconds in 1 2; do
        eventually 60 grep -q "VM 'vm', drive 'hdd': qemu-img $subcommand is still running (.* s)" screen
        eventually 60 grep -q "still running ([$seconds-9] s)" screen
    done
}
# seen RECEIPT SUBCOMMAND ARGUMENT...: while it hangs, a line tells so; that is erased when it
# goes on, before anything else is shown.
seen() {
    receipt=$1
    shift
    hangs "$@" 3</dev/null
    rm hanging
    wait "$running" || fail_with_screen "maqet $*"
    grep -q "$receipt" screen || fail_with_screen "not shown: $receipt"
    tr '\r' '\n' <screen | sed '1,/still running/d' | grep -v 'still running' | head -n 1 |
        grep -q "^$(printf '\033')\\[K" || fail_with_screen "the line was not erased"
}
seen 'Started VM' create start vm
expect 0 maqet stop vm --timeout 0 --force
seen hdd resize resize vm hdd 16M
seen hdd check check vm

# Ctrl-C ends both.
mkfifo keys
exec 9<>keys
hangs check check vm 3<keys
printf '\003' >&9
code=0
wait "$running" || code=$?
exec 9>&-
same 130 "$code" "the exit code after Ctrl-C"
! grep -q 'hdd.qcow2: ok' screen || fail_with_screen "Ctrl-C did not end it"
rm hanging

# Nowhere else. Nothing tells that a line does not come, so it gets the time in which it would.
wrap_qemu_img 'check*' 'sleep 1.6'
expect 0 wrapped maqet check vm
cat out err >screen
! grep -q 'still running' screen || fail_with_screen "a line in a file"
for option in --quiet '--format json'; do
    on_terminal "$option" check vm </dev/null || fail_with_screen "maqet $option check"
    ! grep -q 'still running' screen || fail_with_screen "a line with $option"
done
