#!/bin/sh
# SPDX-License-Identifier: MIT
# Ctrl-C, and other signals that ask maqet to end, at every step of what takes long: the command
# undoes what it has begun and says so. Nothing is left for the next one to recover, and the exit
# status is that of the signal. And what takes long shows that it goes on.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/interrupt-functions.sh"
qemu_required
requires qemu-io strace script perl

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
fill hdd.qcow2 1
expect 0 maqet snapshot vm create hdd one
fill hdd.qcow2 2

# Exactly the snapshot "one", and perhaps "two", which is deleted then.
stopped_as_before() {
    sound hdd.qcow2
    holds hdd.qcow2 2
    ! qemu-img snapshot -l hdd.qcow2 | grep -qw two || expect 0 maqet snapshot vm delete hdd two
}
at_every_step 1 stopped_as_before snapshot vm create hdd two
exported() {
    stopped_as_before
    rm -f copy.qcow2
}
at_every_step 1 exported snapshot vm export hdd one "$TMP/copy.qcow2"
at_every_step 1 stopped_as_before check vm

# While it runs: the guest goes on.
expect 0 maqet start vm
goes_on() {
    same running "$(vm_status vm)" "the VM after $*"
    [ -z "$("$MAQET" --format plain checkpoint vm list)" ] || expect 0 maqet checkpoint vm delete two
    ! "$MAQET" --format plain snapshot vm list hdd | grep -q '^two' ||
        expect 0 maqet snapshot vm delete hdd two --live
    nothing_left goes_on
}
at_every_step 3 goes_on snapshot vm create hdd two --live
at_every_step 8 goes_on checkpoint vm create two
expect 0 maqet stop vm --timeout 0 --force
sound hdd.qcow2

# A start: QEMU is gone, or it is complete.
started() {
    [ "$(vm_status vm)" != running ] || expect 0 maqet stop vm --timeout 0 --force
    same stopped "$(vm_status vm)" "the VM after an interrupted start"
    sound hdd.qcow2
}
at_every_step 2 started start vm

# An image that takes long to create, by each signal: no part of it stays, and that is said.
for signal in INT:130 TERM:143 HUP:129; do
    vm_yaml big <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4G, preallocation: full, overcommit: on, file: big.qcow2}
EOF
    expect 0 maqet add big.yaml
    perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" start big >out 2>err &
    creating=$!
    eventually 30 sh -c 'ls .big.qcow2.maqet-new'
    kill -"${signal%:*}" $creating
    code=0
    wait $creating || code=$?
    same "${signal#*:}" $code "the exit code after SIG${signal%:*}"
    err_has "interrupted by"
    err_has "It was not started"
    [ ! -e big.qcow2 ] || fail "a part of an image"
    nothing_left start
    expect 0 maqet rm big
done

# A stop has pressed the power button.
expect 0 maqet start vm
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" stop vm --timeout "$(patience 600)" >out 2>err &
stopping=$!
eventually 30 sh -c "tr '\\0' ' ' </proc/$stopping/cmdline | grep -q stop && grep -q '^SigCgt:.*[2367abef]\$' /proc/$stopping/status"
sleep "$(patience 2)"
kill -INT $stopping
code=0
wait $stopping || code=$?
same 130 $code "the exit code of an interrupted stop"
err_has "Its power button has been pressed"
# One that could not press it yet, either: nothing is ended that was given up.
stopped=$(vm_pid vm)
kill -STOP "$stopped"
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" stop vm --force --timeout 20 >out 2>err &
stopping=$!
eventually 30 sh -c "tr '\\0' ' ' </proc/$stopping/cmdline | grep -q stop && grep -q '^SigCgt:.*[2367abef]\$' /proc/$stopping/status"
kill -INT $stopping
code=0
wait $stopping || code=$?
same 130 $code "the exit code of a stop that was interrupted at the monitor"
kill -CONT "$stopped"
same running "$(vm_status vm)" "the VM after an interrupted stop"
same "$stopped" "$(vm_pid vm)" "the PID after an interrupted stop"
# Several at once end together, and so does what waits for another maqet.
vm_yaml other </dev/null
expect 0 maqet add other.yaml
expect 0 maqet start other
perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" wait vm other --for agent >out 2>err &
waiting=$!
eventually 30 sh -c "tr '\\0' ' ' </proc/$waiting/cmdline | grep -q wait && grep -q '^SigCgt:.*[2367abef]\$' /proc/$waiting/status"
kill -INT $waiting
code=0
wait $waiting || code=$?
same 130 $code "the exit code of an interrupted wait for two"
expect 0 maqet stop vm other --timeout 0 --force

# On a terminal, Ctrl-C does the same, and what takes over a second shows that it goes on, in a line
# that is cleared at the end; not with --quiet.
shown() {
    grep -qE -- "$1" screen || { cat screen >&2; fail "not shown: $1"; }
}
expect 0 maqet add big.yaml
mkfifo keys
TERM=vt100 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
    script -qefc "'$MAQET' start big" screen <keys >/dev/null &
creating=$!
exec 9>keys
eventually 60 grep -q 'maqet start big (1 s)\|still running' screen
printf '\003' >&9
code=0
wait $creating || code=$?
exec 9>&-
same 130 $code "the exit code after Ctrl-C"
shown 'interrupted by Ctrl-C'
nothing_left start
[ ! -e big.qcow2 ] || fail "a part of an image"
