#!/bin/sh
# SPDX-License-Identifier: MIT
# A live snapshot with the guest's file systems frozen by its agent; and that they thaw,
# whatever happens.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
requires strace

for vm in vm plain; do
    guest_yaml $vm q35 <<EOF
  - {name: hdd, type: qcow2, size: 32M, file: $vm.qcow2}
  - {name: over, type: raw, size: 32M, file: $vm.raw, snapshots: overlay}
EOF
done
echo 'guest_agent: off' >>plain.yaml
expect 0 maqet add vm.yaml
expect 0 maqet add plain.yaml

# A machine without a port for the agent says what to do.
expect 0 maqet start plain
expect 3 maqet snapshot plain create hdd one --live --quiesce
err_has "was started without a port for a guest agent"
err_has 'Add `guest_agent: on`'
expect 0 maqet stop plain --timeout 0 --force

# Before a guest has booted nobody answers, and nothing is made: this one has nothing to boot from.
vm_yaml early <<'END'
guest_agent: on
storage:
  - {name: hdd, type: qcow2, size: 16M, file: early.qcow2}
END
expect 0 maqet add early.yaml
expect 0 maqet start early
expect 2 maqet snapshot early create hdd early --live --quiesce --freeze-timeout 0.2
err_has "cannot freeze its file systems"
err_has "Is qemu-guest-agent running in the guest?"
err_lacks "interrupted"
expect 0 maqet snapshot early list hdd
out_has "No snapshots"
expect 0 maqet stop early --timeout 0 --force
expect 0 maqet start vm

guest_wait "$TMP/vm.serial" || fail "the guest does not answer"
eventually 20 guest_run "$TMP/vm.serial" 'pidof qemu-ga'
in_guest vm 'mkfs.ext2 /dev/vda >/dev/null 2>&1 && mkdir -p /mnt/a && mount -t ext4 /dev/vda /mnt/a'

thawed() {
    in_guest vm "timeout $(patience 60) sh -c 'echo $1 >/mnt/a/$1 && sync' && cat /mnt/a/$1" >written
    same "$1" "$(cat written)" "what was written after the thaw"
}

expect 0 maqet --format json snapshot vm create hdd quiet --live --quiesce
grep -q '"consistency": "file-system"' out || fail "consistency"
thawed one
expect 0 maqet snapshot vm create hdd quiet --live --quiesce --overwrite
out_has "consistency: file-system"
thawed two

# What was frozen has reached the snapshot: the file is there without a repair.
in_guest vm 'echo kept >/mnt/a/kept'
expect 0 maqet snapshot vm create hdd kept --live --quiesce
in_guest vm 'rm /mnt/a/kept && sync'

# The same with overlays, and with both kinds of snapshots at once.
in_guest vm 'mkfs.ext2 /dev/vdb >/dev/null 2>&1 && mkdir -p /mnt/b && mount -t ext4 /dev/vdb /mnt/b'
in_guest vm 'for d in a b; do echo together >/mnt/$d/together; done'
expect 0 maqet snapshot vm create --all both --live --quiesce
out_has "consistency: file-system"
in_guest vm 'rm /mnt/a/together /mnt/b/together && sync'

# The number of the message that contains the transaction.
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendmsg \
    "$MAQET" snapshot vm create hdd counted --live --quiesce >out 2>err ||
    fail "$(cat err)"
transaction=$(grep '^sendmsg' trace | grep -n 'transaction' | sed -n '1s/:.*//p')
[ -n "$transaction" ] || fail "no transaction: $(cat trace)"

# maqet is killed while all stands still: the guest goes on, and the next command works.
expect 137 traced sendmsg signal=KILL:when="$transaction" snapshot vm create hdd killed --live --quiesce
grep -q "transaction.* = ?" trace || fail "not killed at the transaction: $(cat trace)"
thawed three
expect 0 maqet snapshot vm create hdd after --live --quiesce
thawed four
expect 0 maqet snapshot vm list hdd
! grep -q killed out || fail "half a snapshot"

# The guest thaws by itself meanwhile: the snapshot may not be what was asked for, and goes.
# shellcheck disable=SC2016 # for the inner shell
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendmsg -e inject=sendmsg:signal=STOP:when="$transaction" \
    sh -c 'echo $$ >pid; exec "$@"' sh "$MAQET" snapshot vm create hdd early --live --quiesce >out 2>err &
tracer=$!
eventually 60 grep -q '^--- stopped by SIGSTOP' trace
in_guest vm 'fsfreeze --unfreeze /mnt/a'
kill -CONT "$(cat pid)"
code=0
wait $tracer || code=$?
same 2 $code "the exit code where the guest did not stay frozen"
err_has "its file systems did not stay frozen until the snapshot was complete"
thawed alone
expect 0 maqet snapshot vm list hdd
! grep -q early out || fail "a snapshot that is not consistent is left"

# The agent hangs: an error in time, and when it goes on it is not left frozen.
in_guest vm 'kill -STOP $(pidof qemu-ga)'
expect 2 maqet snapshot vm create hdd hanging --live --quiesce --freeze-timeout 0.5
err_has "Is qemu-guest-agent running in the guest?"
in_guest vm 'kill -CONT $(pidof qemu-ga)'
thawed five
expect 0 maqet snapshot vm create hdd again --live --quiesce
thawed six

expect 0 maqet snapshot vm load --yes hdd kept --live
guest_wait "$TMP/vm.serial" || fail "the guest does not answer after the load"
in_guest vm 'mkdir -p /mnt/a && mount -t ext4 -o ro,noload /dev/vda /mnt/a'
same kept "$(in_guest vm 'cat /mnt/a/kept')" "what was written before the freeze"
expect 0 maqet snapshot vm load --yes --all both --live
guest_wait "$TMP/vm.serial" || fail "the guest does not answer after the load"
in_guest vm 'for d in a b; do mkdir -p /mnt/$d; done
    mount -t ext4 -o ro,noload /dev/vda /mnt/a && mount -t ext4 -o ro,noload /dev/vdb /mnt/b'
same 'together together' "$(in_guest vm 'echo $(cat /mnt/a/together /mnt/b/together)')" \
    "what was written before the freeze of both"
shut_down vm
sound vm.qcow2
