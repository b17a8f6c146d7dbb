#!/bin/bash
# SPDX-License-Identifier: MIT
# maqet is killed at steps of a fork, wherever it is: afterwards the fork runs or, with the next command, nothing
# is left of it, and its source and the checkpoint are as they were.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

vm_yaml web <<END
ports: ["auto:22"]
storage:
- {name: hdd, type: qcow2, file: web.qcow2, size: 1M, snapshots: overlay}
END
qemu-img create -q -f qcow2 web.qcow2 1M
fill web.qcow2 0x11
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet checkpoint web create ready
expect 0 maqet stop web --timeout 0 --force
ram=data/vms/web/checkpoints/ready.ram
sum=$(sha256sum "$ram" data/vms/web/checkpoints/ready.state)

# The QEMUs of forks, by what they were started with.
qemus() { pgrep -f "guest=new.*$TMP" || :; }
none_is_left() {
    [ ! -e data/vms/new ] || fail "$what: the VM is left"
    eventually 30 no_qemu || fail "$what: a QEMU is left"
    same '' "$(ls -A | grep -E '^\.?new|maqet-new|maqet-lock')" "$what: what is left"
}
no_qemu() { [ -z "$(qemus)" ]; }
runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }

# Whether its job says that its guest is about to be resumed.
is_ready() { grep -q '"phase": *"resume"' data/vms/new/pending.json; }

kills=0 undone=0 complete=0
RANDOM=${MAQET_TEST_SEED:-1}
stride=${MAQET_TEST_STRIDE:-8}
# at_every_step CALL OPTION...
at_every_step() {
    local call=$1 step=0 code
    shift
    while :; do
        # Not at each one: they are many, and much alike.
        step=$((step + 1 + RANDOM % stride))
        what="fork $* killed at $call $step"
        code=0
        traced "$call" "signal=KILL:when=$step" fork web new --from ready "$@" >out 2>err || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
        [ "$code" -eq 0 ] || kills=$((kills + 1))
        # Where precopy is sound, it has saved the state, and QEMU would resume the guest by itself.
        [ ! -e data/vms/new/pending.json ] || is_ready || [ -z "$(qemus)" ] || ! runs new ||
            fail "$what: the guest runs before its job says so"
        if [ -e data/vms/new/pending.json ] && is_ready && runs new; then
            # Its guest was resumed, and only the record of that is left.
            complete=$((complete + 1))
            expect 0 maqet recover new
            runs new || fail "$what: the fork does not run any more"
            [ ! -e data/vms/new/pending.json ] || fail "$what: its job is left"
            expect 0 maqet rm new --force --delete-storage --yes
        elif [ -e data/vms/new/pending.json ] && [ $((step % 2)) = 0 ]; then
            undone=$((undone + 1))
            expect 0 maqet rm new --force --delete-storage --yes
        elif [ -e data/vms/new/pending.json ]; then
            undone=$((undone + 1))
            maqet start new >out 2>err && fail "$what: an incomplete fork was started"
            err_has "fork of VM 'web' was interrupted; nothing is left of it"
        elif [ -e data/vms/new ]; then
            runs new || fail "$what: the fork does not run"
            expect 0 maqet rm new --force --delete-storage --yes
        fi
        none_is_left
        same "$sum" "$(sha256sum "$ram" data/vms/web/checkpoints/ready.state)" "$what: the checkpoint"
        same 400 "$(stat -c %a "$ram")" "$what: the mode of the memory"
        [ "$code" -ne 0 ] || break
    done
    [ "$step" -gt 1 ] || fail "never killed at $call"
}
for call in rename fsync sendmsg clone; do at_every_step $call; done
# The last one is that of its job.
stride=1 at_every_step unlink
[ "$complete" -ge 1 ] || fail "never killed after the guest was resumed"
at_every_step rename --discard
holds web.qcow2 0x11
echo "killed $kills times, $undone times in the middle"
[ "$undone" -ge 3 ] || fail 'hardly ever killed in the middle'

# A call fails instead, and maqet lives: the fork runs or nothing is left of it, without a further command.
at_every_failure() { # CALL ERROR
    local call=$1 error=$2 step=0 failures=0 code
    while :; do
        step=$((step + 1))
        what="fork whose $call $step fails"
        code=0
        traced "$call" "error=$error:when=$step" fork web new --from ready >out 2>err || code=$?
        if [ "$code" -eq 0 ]; then
            runs new || fail "$what: the fork does not run"
            expect 0 maqet rm new --force --delete-storage --yes
        else
            failures=$((failures + 1))
        fi
        none_is_left
        grep -q INJECTED "$TMP/trace" || break
    done
    [ "$failures" -gt 0 ] || fail "no $call ever failed"
}
at_every_failure clone EAGAIN
at_every_failure unlink EIO

workers_ended() {
    local pid
    for pid in $(pgrep -f 'fork web new --from ready --count 3'); do
        [ "$(readlink "/proc/$pid/cwd")" != "$(pwd -P)" ] || return 1
    done
}
# Of several at a time, the process that waits for them is killed: the others end by themselves what they have
# begun, or the next command does, and those that run stay.
for step in 1 3; do
    what="several forks, killed at poll $step"
    code=0
    traced poll "signal=KILL:when=$step" fork web new --from ready --count 3 >out 2>err || code=$?
    same 137 "$code" "the exit code"
    # Those that make the forks have been told to end, and clear up.
    eventually 60 workers_ended
    for number in 1 2 3; do
        # It waits for the process that makes it.
        [ ! -e "data/vms/new-$number" ] || maqet recover "new-$number" >out 2>err || :
        [ -e "data/vms/new-$number" ] || continue
        runs "new-$number" || fail "$what: new-$number does not run"
        expect 0 maqet rm "new-$number" --force --delete-storage --yes
    done
    none_is_left
done

# The checkpoint is as good as before.
expect 0 maqet checkpoint web verify ready
expect 0 maqet start web --from ready --yes
runs web || fail "the guest does not run"

# While a fork stands on what the checkpoint has frozen, a load that is killed can be recovered all the same, and the
# source can be started.
expect 0 maqet fork web new --from ready
loads=0
for call in rename fsync; do
    step=0
    while :; do
        step=$((step + 1 + RANDOM % 3))
        what="load killed at $call $step beside a fork"
        code=0
        traced "$call" "signal=KILL:when=$step" checkpoint web load ready --yes >out 2>err || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
        [ ! -e data/vms/web/pending.json ] || loads=$((loads + 1))
        expect 0 maqet recover web
        [ "$code" -eq 0 ] || runs web 2>/dev/null || expect 0 maqet start web
        runs web || fail "$what: the source does not run"
        runs new || fail "$what: the fork does not run"
        [ "$code" -ne 0 ] || break
    done
done
[ "$loads" -ge 2 ] || fail "hardly ever killed in a load"
expect 0 maqet rm new --force --delete-storage --yes

# Without a checkpoint: that is complete or not there, and the guest goes on.
for step in 3 9 15; do
    what="fork of a running VM, killed at fsync $step"
    code=0
    traced fsync "signal=KILL:when=$step" fork web new >out 2>err || code=$?
    # What is pending is recovered by the next command that changes something.
    maqet start new >out 2>err || :
    eventually 30 runs web || fail "$what: the source does not run"
    expect 0 maqet recover web
    [ ! -e data/vms/new ] || expect 0 maqet rm new --force --delete-storage --yes
    none_is_left
    for number in 1 2 3 4; do
        [ ! -e "data/vms/web/checkpoints/fork-$number.json" ] || expect 0 maqet checkpoint web delete "fork-$number"
    done
    same 'ready.json ready.ram ready.state' "$(ls -A data/vms/web/checkpoints | tr '\n' ' ' | sed 's/ $//')" \
        "$what: the files of checkpoints"
done

# ---- runs ----

# A run ends with its maqet, and the next command removes what is stored of it. One drive is shown as it is
# frozen, the other one by a server; the VM itself runs.
expect 0 maqet stop web --timeout 0 --force
vm_yaml both <<END
storage:
- {name: frozen, type: qcow2, file: frozen.qcow2, size: 1M, snapshots: overlay}
- {name: served, type: qcow2, file: served.qcow2, size: 1M}
END
expect 0 maqet add both.yaml
expect 0 maqet start both
expect 0 maqet checkpoint both create ready
files=$(ls -A . images data/vms run)
mkdir tmp
export TMPDIR=$TMP/tmp
run_processes() { pgrep -f "(guest=both-run|qemu-nbd).*$TMP" || :; }
no_run_process() { [ -z "$(run_processes)" ]; }
none_of_the_run() {
    eventually 30 no_run_process || fail "$what: a process is left: $(run_processes)"
    expect 0 maqet recover both
    # But for the output of the command above, and a folder that the next VM that is added removes.
    same "$files" "$(ls -A . images data/vms run | grep -vxE 'tmp|\.maqet-add\..*')" "$what: files"
    same '' "$(ls -A tmp)" "$what: temporary files"
    runs both || fail "$what: the VM does not run"
}
kills=0 left=0
for call in rename unlink sendmsg clone; do
    step=0
    while :; do
        step=$((step + 1 + RANDOM % stride))
        what="run killed at $call $step"
        code=0
        traced "$call" "signal=KILL:when=$step" run both --from ready --discard -- true >out 2>err || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
        [ "$code" -eq 0 ] || kills=$((kills + 1))
        [ ! -e data/vms/both-run-1 ] || left=$((left + 1))
        none_of_the_run
        [ "$code" -ne 0 ] || break
    done
    [ "$step" -gt 1 ] || fail "never killed at $call"
done
echo "killed $kills times, and $left times something was left"
[ "$left" -ge 3 ] || fail 'hardly ever killed in the middle'

# Its server is killed, its QEMU, or both: it is ended as if they lived.
for victim in qemu-nbd guest=both-run-1 .; do
    what="run whose $victim is killed"
    rm -f began
    "$MAQET" run both --from ready --discard -- sh -c ': >began; exec sleep 1000' >out 2>err </dev/null &
    run=$!
    eventually 60 test -e began
    for pid in $(run_processes); do
        ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "$victim" || kill -9 "$pid"
    done
    kill $run
    code=0
    wait $run || code=$?
    same 143 "$code" "$what: the exit code"
    rm began
    [ ! -e data/vms/both-run-1 ] || fail "$what: the VM is left"
    none_of_the_run
done
# The VM may be stopped and started while a server reads its image.
expect 0 maqet stop both --timeout 0 --force
expect 0 maqet run both --from ready --discard -- "$MAQET" start both
runs both || fail "the VM was not started during a run"
