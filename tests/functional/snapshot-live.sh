#!/bin/sh
# SPDX-License-Identifier: MIT
# Snapshots of a machine that runs: by QEMU's monitor alone, and what goes wrong there.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

vm_yaml vm <<EOF
guest_agent: off
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

# No qemu-img is run on an image that QEMU has open: this one would be noticed.
wrap_qemu_img '*' ": >'$TMP/was-run'"
live() {
    wrapped maqet snapshot vm "$@" --live
}

# The storage guide's words.
expect 3 maqet snapshot vm create hdd test
err_has "ERROR: VM 'vm' is running."
err_has "Offline snapshots require stopped VM."
err_has "  1. Stop VM: maqet stop vm"
err_has "  2. Use live snapshot (add --live flag)"
err_has "  3. Use whichever fits the VM's state (add --auto)"
# What never began is not said to be unfinished.
expect 3 maqet snapshot vm create hdd test --live --quiesce
err_has "was started without a port for a guest agent"
err_lacks "interrupted"
expect 3 maqet snapshot vm load --yes hdd test
expect 3 maqet snapshot vm delete hdd test
expect 3 maqet snapshot vm export hdd test out.qcow2
err_has "There is no snapshot 'test' of drive 'hdd'"

expect 0 live create hdd one
out_has "Created snapshot 'one' of drive 'hdd' on VM 'vm'."
out_has "guest pause 0 ms, not stopped"
out_has "consistency: crash"
expect 0 maqet --format json snapshot vm create --all set --live
grep -q '"stopped": false' out || fail "the guest was stopped"
grep -q '"pause_ms": 0.000' out || fail "no pause in the receipt"
grep -q '"consistency": "crash"' out || fail "no consistency in the receipt"
expect 3 live create hdd one
err_has "There is already a snapshot 'one' of drive 'hdd'"
expect 0 live create hdd one --overwrite
expect 0 live create --all set --overwrite
expect 0 live create hdd 1
expect 3 live delete hdd 2
expect 0 wrapped maqet snapshot vm list hdd
same 3 "$(grep -c '^- ' out)" "snapshots of hdd"
! grep -q unknown out || fail "a size is not known"
expect 0 wrapped maqet snapshot vm tree
expect 0 live delete hdd 1
expect 0 wrapped maqet snapshot vm create hdd auto --auto
expect 0 live delete hdd auto
[ ! -e was-run ] || fail "qemu-img was run while QEMU has the images open"

# A paused machine can be kept as well.
expect 0 maqet qmp vm stop
expect 3 maqet snapshot vm create hdd test
err_has "VM 'vm' is paused."
expect 0 live create hdd paused
expect 0 maqet qmp vm cont
expect 0 live delete hdd paused

# One with memory, which another program has made, is told as such; its disk can be loaded.
expect 0 maqet qmp vm human-monitor-command '{"command-line": "savevm whole"}'
expect 0 maqet --format plain snapshot vm list hdd
awk -F '\t' '$1 == "whole" { exit !($5 == "disk+memory" && $8 > 1000000) }' out ||
    fail "the one with memory: $(cat out)"
awk -F '\t' '$1 == "one" { exit !($5 == "disk" && $8 + 0 == 0) }' out || fail "the other: $(cat out)"
expect 0 live delete hdd whole

# Two at once take turns.
maqet snapshot vm create hdd first --live >/dev/null &
first=$!
expect 0 maqet snapshot vm create hdd second --live
wait "$first" || fail "one of two failed"
expect 0 maqet snapshot vm list hdd
out_has '- first ('
out_has '- second ('

# A definition that was changed meanwhile is not that of the machine that runs: neither for
# its images, nor when it starts again.
pid=$(vm_pid vm)
sed 's/hdd.qcow2/elsewhere.qcow2/' vm.yaml >changed.yaml
expect 0 maqet apply vm changed.yaml
expect 0 live create hdd running
expect 0 maqet snapshot vm load --yes hdd one --live
err_has "QEMU is ended and started again"
out_has "The VM runs again (PID $(vm_pid vm))"
[ "$(vm_pid vm)" -ne "$pid" ] || fail "QEMU was not started again"
tr '\0' ' ' <"/proc/$(vm_pid vm)/cmdline" | grep -q hdd.qcow2 || fail "not the same arguments"
[ ! -e elsewhere.qcow2 ] || fail "the new definition was used"
expect 0 maqet apply vm vm.yaml
expect 0 maqet snapshot vm load --yes --all set --live

# QEMU is killed in the middle of it: said, and the images are sound.
# The operation is written down by the first rename; there it waits until QEMU has gone.
qemu=$(vm_pid vm)
rm -f "$TMP/trace"
traced rename signal=STOP:when=1 snapshot vm create --all fatal --live >out 2>err &
command=$!
eventually 60 grep -qs 'stopped by SIGSTOP' "$TMP/trace"
[ -e data/vms/vm/pending.json ] || fail "nothing is written down"
kill -9 "$qemu"
eventually 20 process_ended "$qemu"
for tracer in $(pgrep -P "$command") "$command"; do pkill -CONT -P "$tracer" || :; done
! wait "$command" || fail "succeeded without QEMU"
err_has "QEMU"
[ ! -e data/vms/vm/pending.json ] || fail "the operation is still pending"
expect 0 maqet snapshot vm list
! grep -q fatal out || fail "half a set remains"
sound hdd.qcow2 data.qcow2

# The holder of an image that cannot be worked on is named.
mkfifo commands
qemu-io -f qcow2 data.qcow2 <commands >qemu-io.out 2>&1 &
holder=$!
exec 8>commands
echo 'write -q 0 1' >&8
eventually 10 sh -c '! qemu-img check -q data.qcow2'
expect 1 maqet snapshot vm create --all held
err_has "VM 'vm': drive 'data': the image $TMP/data.qcow2 is in use by"
err_has "PID $holder"
err_has "kill $holder"
expect 1 maqet snapshot vm export data set out.qcow2
exec 8>&-
wait "$holder"
expect 0 maqet snapshot vm create --all held
expect 0 maqet snapshot vm delete --all held
vm_yaml other <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 1 maqet snapshot vm create hdd held
err_has "is in use by QEMU of VM 'other' (PID $(vm_pid other))"
err_has "maqet stop other"
