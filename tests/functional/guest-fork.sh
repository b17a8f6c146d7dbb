#!/bin/sh
# SPDX-License-Identifier: MIT
# Forks with a Linux guest inside: each goes on from the same moment, and has memory and a drive of its
# own; and its kernel notices that it is a copy, so random numbers differ.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs qemu-img

mke2fs -q -t ext4 -O ^metadata_csum fs.raw 24M 2>/dev/null
qemu-img convert -f raw -O qcow2 fs.raw disk.qcow2
cat >vm.yaml <<EOF
name: vm
binary: qemu-system-x86_64
accel: tcg
memory: 256M
machine: q35
display: none
arguments:
  - kernel: $KERNEL
  - initrd: $INITRD
  - append: "$GUEST_APPEND"
  - no-reboot
storage:
  - {name: disk, type: qcow2, file: disk.qcow2, serial: DISK, snapshots: overlay}
EOF
console() { echo "$TMP/run/$1/console.sock"; }
in_guest() { guest_run "$(console "$1")" "$2" || fail "in the guest '$1': $2"; }

expect 0 maqet add vm.yaml
expect 0 maqet start vm
guest_wait "$(console vm)" || fail "the guest does not answer"
disk=$(disk_with_serial vm DISK)
in_guest vm "mkdir -p /mnt/d && mount -t ext4 /dev/$disk /mnt/d && echo A >/tmp/word && echo A >/mnt/d/word"
# The kernel has seeded its random numbers, and a process is in the middle of its work.
in_guest vm 'head -c 32 /dev/random | sha256sum >/dev/null
    (setsid sh -c "while :; do n=\$((n + 1)); echo \$n >/tmp/n; sleep 0.1; done" >/dev/null 2>&1 &)'
expect 0 maqet checkpoint vm create ready
in_guest vm 'echo S >/tmp/word; echo S >/mnt/d/word; sync'

expect 0 maqet fork vm one two --from ready
for vm in one two; do
    same 'A A' "$(in_guest $vm 'echo $(cat /tmp/word /mnt/d/word)')" "what $vm has"
    in_guest $vm "echo $vm >/tmp/word; echo $vm >/mnt/d/word; sync"
    # Not since its boot, but since the checkpoint.
    before=$(in_guest $vm 'cat /tmp/n')
    [ "$before" -gt 0 ] || fail "the process of $vm has begun anew"
    in_guest $vm "while [ \$(cat /tmp/n) -le $before ]; do sleep 0.1; done"
done
same 'one one' "$(in_guest one 'echo $(cat /tmp/word /mnt/d/word)')" "what one has"
same 'two two' "$(in_guest two 'echo $(cat /tmp/word /mnt/d/word)')" "what two has"
same 'S S' "$(in_guest vm 'echo $(cat /tmp/word /mnt/d/word)')" "what the source has"

# Each kernel was told, once, and the source was not.
told() { in_guest "$1" 'dmesg | grep -c "reseeded due to virtual machine fork" || :'; }
same 1 "$(told one)" "how often one was told"
same 1 "$(told two)" "how often two was told"
same 0 "$(told vm)" "how often the source was told"
numbers() { in_guest "$1" 'head -c 32 /dev/urandom | sha256sum'; }
one=$(numbers one)
two=$(numbers two)
[ "$one" ] && [ "$one" != "$two" ] || fail "both have drawn the same random number"

# A fork of the running VM goes on from now. It boots from its own drive when it is started again.
expect 0 maqet fork vm now
same 'S S' "$(in_guest now 'echo $(cat /tmp/word /mnt/d/word)')" "what it has"
in_guest now 'echo N >/mnt/d/word; sync'
expect 0 maqet stop now --timeout 0 --force
expect 0 maqet start now
guest_wait "$(console now)" || fail "the guest does not boot"
disk=$(disk_with_serial now DISK)
same N "$(in_guest now "mkdir -p /mnt/d && mount -t ext4 /dev/$disk /mnt/d && cat /mnt/d/word")" "its drive"
same 'S S' "$(in_guest vm 'echo $(cat /tmp/word /mnt/d/word)')" "what the source has"

# What a discarded one has written is gone, also if its guest powers off.
expect 0 maqet fork vm gone --from ready --discard
in_guest gone 'echo G >/mnt/d/word; sync'
expect 0 maqet stop gone --timeout "$(patience 120)"
[ ! -e data/vms/gone ] && [ ! -e gone-disk.qcow2 ] || fail "it is not discarded"
