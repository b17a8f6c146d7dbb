#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed at every step of making, loading and deleting a checkpoint: the guest runs on,
# and the next command finds all of it or removes what there is. No drive keeps a part of a
# set, and no file of state remains.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace qemu-io

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

runs() {
    maqet --format plain qmp vm query-status 2>/dev/null | grep -q '"running":true'
}
# The guest runs, sooner or later; else what QEMU's threads wait for is of interest.
will_run() {
    deadline=$(($(uptime_seconds) + $(patience 300)))
    until runs; do
        [ "$(uptime_seconds)" -lt "$deadline" ] || explain
        sleep 0.1
    done
}
explain() {
    maqet --lock-timeout 1 qmp vm query-status || :
    maqet --lock-timeout 1 qmp vm query-migrate || :
    for task in "/proc/$(vm_pid vm)"/task/*; do
        echo "$(cat "$task/comm"): $(cat "$task/wchan") $(tr '\n' ' ' <"$task/stack")"
    done
    fail "$what: the guest does not run"
}
# tags NAME...: what QEMU has of each drive.
tags() {
    expect 0 maqet --format plain snapshot vm list
    same "$*" "$(cut -f 1,2 out | tr '\t\n' ' ;' | sed 's/;$//')" "$what: the snapshots"
}
states() {
    same "$*" "$(find data/vms/vm/checkpoints -type f 2>/dev/null | sort | sed 's|.*/||' |
        tr '\n' ' ' | sed 's/ $//')" "$what: the files of state"
}

# What changes files is killed at every second step, and what speaks with QEMU at every fourth one;
# MAQET_TEST_STRIDE=1 kills both at each.
stride_of() {
    case $1 in sendmsg | recvfrom) echo "${MAQET_TEST_STRIDE:-4}" ;; *) echo "${MAQET_TEST_STRIDE:-2}" ;; esac
}
# at_every_step CALL CHECK ARGUMENT...: kills maqet at the first CALL, then at a later one,
# until it has come to its end; the check is done after the next command.
kills=0 pending=0
at_every_step() {
    call=$1
    check=$2
    shift 2
    stride=$(stride_of "$call")
    step=$((1 - stride))
    while :; do
        step=$((step + stride))
        what="killed at $call $step of $*"
        code=0
        traced "$call" "signal=KILL:when=$step" "$@" >out 2>err || code=$?
        [ $code -ne 0 ] || break
        [ $code -eq 137 ] || { cat err >&2; fail "$what: exit code $code"; }
        kills=$((kills + 1))
        [ ! -e data/vms/vm/pending.json ] || pending=$((pending + 1))
        $check
        [ $step -lt 200 ] || fail "$what: no end"
    done
    $check
}

# The guest runs before any other command has seen to it.
created() {
    will_run
    expect 0 maqet recover vm
    expect 0 maqet checkpoint vm list
    if grep -q '^new ' out; then
        tags 'new hdd,data'
        states new.json new.ram new.state
        expect 0 maqet checkpoint vm delete new
    fi
    tags
    states
    runs || fail "$what: the guest does not run"
}
methods='background stop'
! precopy_sound || methods="$methods precopy"
for method in $methods; do
    for call in sendmsg recvfrom rename fsync clone; do
        at_every_step $call created checkpoint vm create new --method "$method"
    done
done

# What is there is loaded as a whole: afterwards the guest runs, or the machine is stopped with
# its drives in step, and the checkpoint is still there.
expect 0 maqet checkpoint vm create keep
loaded() {
    expect 0 maqet recover vm
    case $(vm_status vm) in
    running) runs || fail "$what: the guest does not run" ;;
    stopped | crashed) ;;
    *) fail "$what: the machine is $(vm_status vm)" ;;
    esac
    tags 'keep hdd,data'
    states keep.json keep.ram keep.state
    expect 0 maqet checkpoint vm load --yes keep
    will_run
}
for call in clone rename unlink unlinkat pidfd_send_signal sendmsg; do
    at_every_step $call loaded checkpoint vm load --yes keep
done

deleted() {
    expect 0 maqet recover vm
    expect 0 maqet checkpoint vm list
    if grep -q '^keep ' out; then
        tags 'keep hdd,data'
    else
        tags
        states
        expect 0 maqet checkpoint vm create keep
    fi
}
for call in sendmsg rename unlink; do
    at_every_step $call deleted checkpoint vm delete keep
done
echo "killed $kills times, $pending times in the middle of an operation"
[ "$pending" -ge 60 ] || fail "hardly ever killed in the middle"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet recover vm
sound hdd.qcow2 data.qcow2

# What a killed one has told QEMU is not in the way of the next one.
expect 0 maqet start vm
expect 137 traced recvfrom signal=KILL:when=15 checkpoint vm create one --method background
will_run
expect 0 maqet checkpoint vm create two --method stop
expect 0 maqet checkpoint vm delete two
expect 0 maqet stop vm --timeout 0 --force
