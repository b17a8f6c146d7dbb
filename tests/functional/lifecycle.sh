#!/bin/sh
# SPDX-License-Identifier: MIT
# A machine from its file to a running QEMU and back, with what each step says.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

expect 0 maqet ls
out_has 'No VMs found.'
expect 0 maqet --format json ls
same '[]' "$(tr -d ' \n' <out)"

vm_yaml one <<EOF
storage:
  - name: hdd
    type: qcow2
    size: 64M
  - name: data
    type: raw
    size: 1M
    interface: sata
EOF
expect 0 maqet validate one.yaml
[ ! -e "$TMP/images/maqet-one-hdd.qcow2" ] || fail "validate made an image"
expect 0 maqet add one.yaml
expect 3 maqet add one.yaml
err_has "There is already a VM 'one'"
err_has "maqet apply one FILE"
same created "$(vm_status one)"

expect 3 maqet qmp one query-status
err_has "VM 'one' is not running"

expect 0 maqet start one
err_has "INFO: Creating qcow2 storage file: $TMP/images/maqet-one-hdd.qcow2 (64M)"
err_has "INFO: Successfully created storage file: $TMP/images/maqet-one-hdd.qcow2"
err_has "INFO: Creating raw storage file: $TMP/images/maqet-one-data.raw (1M)"
same running "$(vm_status one)"
pid=$(vm_pid one)
grep -q qemu-system "/proc/$pid/cmdline" || fail "PID $pid is not QEMU"
same 600 "$(stat -c %a "$TMP/images/maqet-one-hdd.qcow2")" "mode of the image"
same 600 "$(stat -c %a "$TMP/run/one/qmp.sock")" "mode of the socket"
same 700 "$(stat -c %a "$TMP/run/one")" "mode of the run folder"

# Running already: a note that names the PID, but no second QEMU with the terminal.
expect 0 maqet start one
out_has "VM 'one' is already running (PID $pid)"
err_lacks Creating
expect 0 maqet start one --format json
grep -q '"was_running": *true' out || fail "not said in JSON"
same "$pid" "$(vm_pid one)" "the PID"
expect 3 maqet start one --foreground
err_has "VM 'one' is already running (PID $pid)"

# The drives in QEMU bear the names of the file.
expect 0 maqet qmp one query-named-block-nodes
out_has '"hdd"'
out_has '"data"'
expect 0 maqet qmp one query-status
out_has '"running"'
expect 3 maqet qmp one query-status '{nonsense'
expect 3 maqet qmp one no-such-command
err_has no-such-command

expect 0 maqet status one
grep storage out | grep -q qcow2 || fail "status | grep storage does not show qcow2"
grep storage out | grep -q raw || fail "status | grep storage does not show raw"
expect 0 maqet --format json status one
out_has '"running"'

# A machine that stands still says so.
expect 0 maqet qmp one stop
same paused "$(vm_status one)"
expect 0 maqet qmp one cont
same running "$(vm_status one)"

expect 3 maqet rm one --yes
err_has "VM 'one' is running (PID $pid)"

# The firmware does not react to the power button, so the time runs out.
expect 2 maqet stop one --timeout 1
err_has "did not power off within 1 s"
err_has --force
same running "$(vm_status one)"
expect 0 maqet stop one --timeout 0 --force
process_ended "$pid" || fail "QEMU still runs"
same stopped "$(vm_status one)"
# Its image locks are gone with it.
qemu-img check -q "$TMP/images/maqet-one-hdd.qcow2"
expect 0 maqet stop one
same stopped "$(vm_status one)"

# A second start makes nothing anew.
before=$(stat -c %i "$TMP/images/maqet-one-hdd.qcow2")
expect 0 maqet start one
err_lacks Creating
same "$before" "$(stat -c %i "$TMP/images/maqet-one-hdd.qcow2")" "inode of the image"

# Killed from outside, however it happens: crashed, and startable again.
kill -9 "$(vm_pid one)"
eventually 10 sh -c "[ \"\$('$MAQET' --format plain ls | cut -f2)\" = crashed ]"
expect 0 maqet status one
err_has "QEMU of 'one' ended without cleaning up"
err_has "sandbox: off"
err_has "$TMP/run/one/qemu.log"
expect 0 maqet restart one --timeout 0 --force
same running "$(vm_status one)"

# An unknown name: the closest one; nothing else changes.
expect 3 maqet start onne
err_has "There is no VM 'onne'"
err_has "Did you mean 'one'?"
expect 3 maqet --format json status nobody
grep -q '"code": *"missing"' err || fail "no JSON error"

# The UUID works wherever the name does.
uuid=$(sed -n 's/.*"uuid": *"\(.*\)".*/\1/p' "$TMP/data/vms/one/vm.json")
expect 0 maqet status "$uuid"
out_has one

# What is said of it has its name, whatever was typed.
named() { # CODE COMMAND...
    expect "$@"
    ! grep -qiF "$uuid" out err || { cat out err >&2; fail "it is called by its UUID: $*"; }
    grep -qw one out err || { cat out err >&2; fail "its name is missing: $*"; }
}
named 0 maqet stop "$uuid" --timeout 0 --force
named 0 maqet start "$uuid"
named 0 maqet restart "$uuid" --timeout 0 --force
named 0 maqet pause "$uuid"
named 0 maqet resume "$uuid"
named 3 maqet qmp "$uuid" no-such-command
named 0 maqet snapshot "$uuid" create hdd s --live
named 0 maqet --format json snapshot "$uuid" create hdd t --live
named 0 maqet snapshot "$uuid" list hdd
named 0 maqet --format json snapshot "$uuid" delete hdd t --live
named 0 maqet snapshot "$uuid" export hdd s exported.qcow2
named 0 maqet snapshot "$uuid" load --yes hdd s --live
named 3 maqet snapshot "$uuid" load --yes hdd nothing --live
named 3 maqet checkpoint "$uuid" create c
named 0 maqet resize "$uuid" hdd 65M
named 0 maqet --format json resize "$uuid" hdd 66M
named 0 maqet stop "$uuid" --timeout 0 --force
named 0 maqet check "$uuid"
named 0 maqet --format json check "$uuid"
named 0 maqet recover "$uuid"
named 0 maqet apply "$uuid" one.yaml
named 0 maqet rm "$uuid" --dry-run
named 0 maqet start "$uuid"

# Said before anybody is asked.
expect 3 maqet rm one </dev/null
err_has "is running (PID"
err_lacks --yes
expect 0 maqet rm one --force
[ -e "$TMP/images/maqet-one-hdd.qcow2" ] || fail "rm removed an image unasked"
[ ! -e "$TMP/data/vms/one" ] || fail "rm left the folder"
[ ! -e "$TMP/run/one" ] || fail "rm left the run folder"
expect 0 maqet ls
out_has 'No VMs found.'
