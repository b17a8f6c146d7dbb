#!/bin/sh
# SPDX-License-Identifier: MIT
# pause and resume: several machines, again and again, and not where a guest stands still for
# something that is under way.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required
requires strace

for vm in one two; do
    vm_yaml $vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: $vm.qcow2}
EOF
    expect 0 maqet add $vm.yaml
done
for command in pause resume; do
    expect 3 maqet $command one
    err_has "VM 'one' is not running"
    err_has "Start it: maqet start one"
    expect 3 maqet $command none
    err_has "There is no VM 'none'"
    expect 3 maqet $command
done
expect 0 maqet start one two

expect 0 maqet pause one
out_has "Paused VM 'one'."
same paused "$(vm_status one)"
same running "$(vm_status two)"
expect 0 maqet pause one
out_has "VM 'one' was already paused."
same paused "$(vm_status one)"
expect 0 maqet --format json status one
grep -q '"reason": *null' out || fail "a reason for what a person did"
expect 0 maqet --format json pause one two
tr -d ' \n' <out >line
grep -qF '"name":"one","was_paused":true' line || fail "one: not in JSON"
grep -qF '"name":"two","was_paused":false' line || fail "two: not in JSON"
same paused "$(vm_status two)"

# One of several that fails keeps nobody from the others.
expect 3 maqet resume one none two
out_has "Resumed VM 'one'."
out_has "Resumed VM 'two'."
expect 0 maqet resume one
out_has "VM 'one' was not paused."
same running "$(vm_status one)"

# A start of what is paused says what it needs; a checkpoint as well.
expect 0 maqet pause one
expect 3 maqet start one
err_has "VM 'one' is already running (PID $(vm_pid one)), and its guest is paused"
err_has "Resume it: maqet resume one"
expect 3 maqet checkpoint one create point
err_has "Resume it: maqet resume one"
same paused "$(vm_status one)"
# Live snapshots leave it as it is.
expect 0 maqet snapshot one create hdd still --live
same paused "$(vm_status one)"
expect 0 maqet resume one

# By the name, its UUID, and beside the completion.
uuid=$(maqet --format plain status one | sed -n 's/^uuid	//p')
expect 0 maqet pause "$uuid"
out_has "'one'"
expect 0 maqet resume "$uuid"
expect 0 maqet --list-commands
out_has pause
out_has resume

# What works on the machine has its lock: a guest that stands still for it does not go on.
wrap_qemu_img '*convert*' "touch $TMP/begun; while [ ! -e $TMP/end ]; do sleep 0.1; done"
wrapped maqet snapshot one export hdd still exported.qcow2 >/dev/null 2>&1 &
exporting=$!
eventually 20 test -e begun
for command in pause resume; do
    expect 2 maqet --lock-timeout 0 $command one
    same running "$(vm_status one)"
done
touch end
wait $exporting

# Nor when that was interrupted, before it is put right.
step=0
until [ -e data/vms/one/pending.json ]; do
    step=$((step + 1))
    [ $step -lt 40 ] || fail "never interrupted"
    traced clone "signal=KILL:when=$step" checkpoint one create "point$step" >/dev/null 2>&1 && fail "never interrupted" || :
done
before=$(vm_status one)
for command in pause resume; do
    expect 3 maqet $command one
    err_has "an operation on its snapshots was interrupted"
    err_has "maqet recover one"
    same "$before" "$(vm_status one)"
done
expect 0 maqet recover one
same running "$(vm_status one)"

# A guest that its user has wait is let go on.
expect 0 maqet stop two --timeout 0 --force
printf 'arguments: [S]\n' >>two.yaml
expect 0 maqet apply two two.yaml
expect 0 maqet start two
same paused "$(vm_status two)"
expect 0 maqet pause two
out_has "was already paused"
expect 0 maqet resume two
same running "$(vm_status two)"
expect 0 maqet stop one two --timeout 0 --force
