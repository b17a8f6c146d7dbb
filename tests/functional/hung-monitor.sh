#!/bin/sh
# SPDX-License-Identifier: MIT
# A QEMU that does not answer, since a signal has stopped it: it is shown, named with the next
# step, waited for no longer than was said, and ended where that was asked for.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace timeout

# What would wait much longer than it was told to is ended. The times of --wait and --timeout
# below are a few seconds, or a day where nothing may wait for them to pass; where a QEMU has to
# start within them, as many as a slow machine needs for that.
day=86400
some=$(patience 10)
bounded() {
    timeout "$(patience 120)" "$MAQET" "$@"
}

pid_of() {
    cat "$TMP/run/$1/run"
}
is_stopped() {
    grep -q '^State:.T' "/proc/$1/status"
}
hang() {
    for vm; do
        kill -STOP "$(pid_of "$vm")"
        eventually 10 is_stopped "$(pid_of "$vm")"
    done
}
go_on() {
    for vm; do
        kill -CONT "$(pid_of "$vm")"
    done
}
# not_answered VM PID SECONDS: said to have been waited for, and for no longer; of what was asked for
# some may have passed before there was anything to wait for.
not_answered() {
    waited=$(sed -n "s/.*QEMU of VM '$1' (PID $2) has not answered within \([0-9.]*\) s.*/\1/p" err | head -n 1)
    [ -n "$waited" ] && awk "BEGIN { exit !($waited >= 0 && $waited <= $3) }" ||
        { cat err >&2; fail "'$1' is not said to have been silent for $3 s"; }
}
# The error or warning about a VM that hangs: who, why, what next.
names_hung() {
    not_answered "$1" "$(pid_of "$1")" "$2"
    err_has "a signal has stopped it"
    err_has "kill -CONT $(pid_of "$1")"
    err_has "maqet stop $1 --force"
}
# monitor_is_locked VM: by a maqet that speaks, or wants to speak, with its QEMU.
monitor_is_locked() {
    grep -q ":$(stat -c %i "run/$1/qmp.lock") 0 EOF" /proc/locks
}
# followed SYSCALLS ARGUMENT...: maqet with those system calls written to the file "trace". The
# leak detector doesn't work there.
followed() {
    calls=$1
    shift
    ASAN_OPTIONS=detect_leaks=0 timeout "$(patience 120)" strace -f -qq -o "$TMP/trace" -e "trace=$calls" \
        "$MAQET" "$@"
}

for vm in a b c d e; do
    qemu-img create -q -f qcow2 "$vm.qcow2" 8M
    fill "$vm.qcow2" 1
    vm_yaml "$vm" <<END
storage:
  - {name: hdd, type: qcow2, size: 8M, file: $vm.qcow2}
END
    expect 0 maqet add "$vm.yaml"
    expect 0 maqet snapshot "$vm" create hdd first
    fill "$vm.qcow2" 2
done
vm_yaml off <<END
END
expect 0 maqet add off.yaml
expect 0 maqet start a b c d e
expect 0 maqet checkpoint d create point --method stop
hang a b c d

# ---- listing ----

# All monitors are connected to before the time for one of them has passed: the first wait that
# ends without an event comes after the last connection.
# On a busy machine the healthy one may be late too.
seen=0
until
    expect 0 followed connect,poll ls
    grep -q '^e  *running ' out
do
    seen=$((seen + 1))
    [ "$seen" -lt 30 ] || fail "the healthy one is not running"
done
in_vain='poll(.*, [1-9][0-9]*) = 0 (Timeout)'
same 5 "$(sed "/$in_vain/,\$d" trace | grep -c 'qmp.sock')" "connections before the first wait in vain"
same 1 "$(grep -c "$in_vain" trace)" "waits in vain"
# Only the one that answers is asked for its counters, twice.
same 7 "$(grep -c 'connect(.*qmp.sock.*= 0' trace)" "connections"
for vm in a b c d; do
    names_hung "$vm" 1
    grep -q "^$vm  *unresponsive  *$(pid_of "$vm") " out || fail "not shown as unresponsive: $vm"
done
err_lacks "'e'"

expect 0 maqet --format json ls
case $(sed -n 's/.*"responds": *\([a-z]*\).*/\1/p' out | tr '\n' ' ') in
'false false false false true null ' | 'false false false false false null ') ;;
*) fail "who responds: $(cat out)" ;;
esac
expect 0 maqet --format plain ls --status unresponsive
case $(cut -f 1 out | tr '\n' ' ') in
'a b c d ' | 'a b c d e ') ;;
*) fail "the unresponsive ones: $(cat out)" ;;
esac
expect 0 maqet --format json status a
out_has '"status": "unresponsive"'
out_has '"responds": false'
names_hung a 1

# Who waits for a guest does not wait longer for QEMU than for that.
expect 2 bounded wait a --for port:22 --timeout 2
not_answered a "$(pid_of a)" 2
expect 2 bounded wait a --for stopped --timeout 2
err_has "timed out after 2 s waiting for the end of QEMU"

# Nobody is asked for what is known without.
not_asked() {
    ! grep -q 'qmp.sock' trace || fail "a monitor was asked: $(grep qmp.sock trace)"
}
for status in stopped created crashed; do
    expect 0 followed connect ls --status "$status"
    not_asked
done
expect 0 followed connect apply a a.yaml
not_asked
expect 0 followed connect start a
not_asked
expect 3 followed connect rm a --yes
not_asked
err_has "is running (PID $(pid_of a))"

# One whose monitor another maqet uses does not hang: it is only not known whether it is paused.
ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=connect \
    -e inject=connect:delay_enter="$(patience 120)000000" "$MAQET" qmp e query-status >qmp.out 2>&1 &
busy=$!
eventually 20 monitor_is_locked e
expect 0 maqet ls
err_has "another maqet process is using the monitor of VM 'e'"
err_lacks "QEMU of VM 'e'"
same running "$(vm_status e 2>/dev/null)"
# strace heeds no other signal before the whole time has passed.
# shellcheck disable=SC2046 # PIDs
kill -KILL $(cat "/proc/$busy/task/$busy/children") "$busy"
wait "$busy" || :

# ---- commands that need the monitor ----

# They wait as long as --wait says, and not for the lock of the machine's monitor besides.
expect 2 bounded snapshot a create hdd second --live --wait 1
names_hung a 1
expect 2 bounded snapshot a delete hdd first --live --wait 1
names_hung a 1
expect 2 bounded checkpoint a create second --wait 1
names_hung a 1
[ ! -e data/vms/a/pending.json ] || fail "an operation is pending"

# While one waits for QEMU, others wait no longer than they were told; one that has no --wait
# has ten seconds.
bounded qmp a query-status >qmp.out 2>qmp.err &
first=$!
eventually 20 monitor_is_locked a
expect 2 bounded snapshot a create hdd second --live --wait 1
names_hung a 1
code=0
wait "$first" || code=$?
same 2 "$code" "the exit code of the first one"
cp qmp.err err
names_hung a 10

expect 2 bounded resize a hdd +1M
names_hung a 10

# The list is in the image.
expect 0 bounded --format plain snapshot a list hdd --wait 1
same first "$(cut -f 1 out)" "the snapshots"
names_hung a 1

# ---- stopping ----

expect 2 bounded stop a --timeout 1
err_has "VM 'a' did not power off within 1 s"
err_has "a signal has stopped it"
err_has "kill -CONT $(pid_of a)"
err_has "maqet stop a --force"
grep -q "^qemu\|qemu-system" "/proc/$(pid_of a)/comm" || fail "QEMU of 'a' is gone"

# What could not be asked to power off is not waited for. It gets the chance to write out what
# it has, though it was stopped: it goes by SIGTERM.
expect 0 followed pidfd_send_signal stop a --force --timeout $day
grep -q SIGTERM trace || fail "not ended by SIGTERM"
! grep -q SIGKILL trace || fail "killed: $(cat trace)"
same stopped "$(vm_status a 2>/dev/null)"
sound a.qcow2

pid=$(pid_of b)
expect 0 bounded restart b --force --timeout $day --wait "$(patience 60)"
[ "$(pid_of b)" -ne "$pid" ] || fail "not started again"
same running "$(vm_status b 2>/dev/null)"
hang b

# ---- loading ----

pid=$(pid_of b)
expect 0 bounded snapshot b load hdd first --live --yes --wait "$some"
not_answered b "$pid" "$some"
same 1 "$(grep -c 'has not answered' err)" "times that it was waited for"
[ "$(pid_of b)" -ne "$pid" ] || fail "not started again"
same running "$(vm_status b 2>/dev/null)"
expect 0 maqet stop b --force --timeout 0
holds b.qcow2 1
hang c
expect 3 bounded snapshot c load hdd no-such --live --yes --wait 1
err_has "There is no snapshot 'no-such' of drive 'hdd' on VM 'c'"
is_stopped "$(pid_of c)" || fail "QEMU of 'c' was touched"

# Several drives: nor is it asked what else the guest writes to.
vm_yaml f <<END
storage:
  - {name: hdd, type: qcow2, size: 8M, file: f.qcow2}
  - {name: data, type: qcow2, size: 8M, file: f-data.qcow2}
END
expect 0 maqet add f.yaml
expect 0 maqet start f
expect 0 maqet snapshot f create --all both --live
hang f
pid=$(pid_of f)
expect 0 bounded snapshot f load --all both --live --yes --wait "$some"
not_answered f "$pid" "$some"
same 1 "$(grep -c 'has not answered' err)" "times that it was waited for"
same 1 "$(grep -c "VM 'f': disks that were added through QEMU's monitor are unknown" err)" "warnings"
[ "$(pid_of f)" -ne "$pid" ] || fail "not started again"
same running "$(vm_status f 2>/dev/null)"
expect 0 maqet stop f --force --timeout 0
sound f.qcow2 f-data.qcow2

pid=$(pid_of d)
expect 2 bounded checkpoint d load point --keep present --yes --wait 1
err_has "The present state of VM 'd' cannot be saved: QEMU does not answer"
same 1 "$(grep -c 'has not answered' err)" "times that it was waited for"
expect 0 bounded checkpoint d load point --yes --wait "$some"
same 1 "$(grep -c 'has not answered' err)" "times that it was waited for"
[ "$(pid_of d)" -ne "$pid" ] || fail "not started again"
same running "$(vm_status d 2>/dev/null)"
holds_point() {
    maqet --format plain snapshot d list hdd | grep -q '^point'
}
holds_point || fail "the checkpoint's snapshot is gone"

# ---- one that a debugger has stopped ----

# Its main thread gets no signal but SIGKILL.
debugged e
expect 0 maqet ls
not_answered e "$(pid_of e)" 1
err_has "a debugger has stopped it"
pid=$(pid_of e)
expect 0 followed pidfd_send_signal stop e --force --timeout $day
grep -q SIGKILL trace || fail "not killed"
same stopped "$(vm_status e 2>/dev/null)"

# ---- removing ----

# Not even for what an interrupted operation has left: it is put right when QEMU is gone.
go_on c
traced rename signal=KILL:when=2 snapshot c create hdd broken --live >out 2>err || :
[ -e data/vms/c/pending.json ] || fail "nothing is pending"
hang c
pid=$(pid_of c)
expect 0 followed connect rm c --force
not_asked
err_lacks "has not answered"
err_has "creation of snapshot 'broken' was interrupted"
process_ended "$pid" || fail "QEMU still runs"

# ---- starting ----

fake=$abs_top_builddir/tests/fake/fake-qemu
for how in silent hang; do
    vm_yaml "$how" <<END
END
    runs_by "$fake" "$how.yaml"
    expect 0 maqet add "$how.yaml"
    FAKE_QEMU=$how expect 2 bounded start "$how" --wait 1
    err_has "VM '$how' did not start"
    grep -qE "has not answered within (0\.[0-9]+|1) s" err || fail "not said: $(cat err)"
    err_has "--wait"
    err_lacks "maqet stop"
    same created "$(vm_status "$how")"
done
