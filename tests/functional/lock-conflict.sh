#!/bin/sh
# SPDX-License-Identifier: MIT
# An image that somebody else has open: who it is, and what to do, in words.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io

image=$TMP/images/disk.qcow2
for vm in one two; do
    vm_yaml "$vm" <<EOF
storage:
  - name: hdd
    file: images/disk.qcow2
    size: 1M
EOF
    expect 0 maqet add "$vm.yaml"
done

# What a refused start leaves behind: nothing, and the machine counts as never started.
refused() {
    same created "$(vm_status "$1")" "status of the machine that was refused"
    same '' "$(find "$TMP/run/$1" -name pid -o -name qmp.sock)" "what is left of it"
}

# hold FILE FORMAT: a program of somebody else opens the image, and keeps it until `release`.
mkfifo "$TMP/commands"
hold() {
    (exec qemu-io -f "$2" "$1" <"$TMP/commands" >"$TMP/said" 2>&1) &
    holder=$!
    cleanup_fn "kill $holder 2>/dev/null"
    exec 9>"$TMP/commands"
    echo 'read 0 512' >&9
    eventually 20 grep -q 'read 512/512' "$TMP/said"
}
release() {
    exec 9>&-
    wait "$holder"
}

# look_at FILE: a program has it open, without a lock, until the test ends. It must not keep
# the fifo open too, or `release` would wait for ever.
look_at() {
    tail -f "$1" >/dev/null 9>&- &
    reader=$!
    cleanup_fn "kill $reader 2>/dev/null"
    eventually 20 sh -c "readlink /proc/$reader/fd/* | grep -qF '$1'"
}

# Another machine of ours.
expect 0 maqet start one
expect 1 maqet start two
err_has "VM 'two': drive 'hdd': the image $image is in use by QEMU of VM 'one' (PID $(vm_pid one))"
err_has "Stop it first: maqet stop one"
err_lacks "Failed to get"
refused two
expect 1 maqet --format json start two
err_has '"busy"'
# By another name it is the same image.
ln -s disk.qcow2 images/link.qcow2
ln "$image" images/second.qcow2
for name in link second; do
    vm_yaml "$name" <<EOF
storage:
  - name: hdd
    file: images/$name.qcow2
EOF
    expect 0 maqet add "$name.yaml"
    expect 1 maqet start "$name"
    err_has "is in use by QEMU of VM 'one' (PID $(vm_pid one))"
    refused "$name"
done

# A base that is written to; and an image that stands in an argument of the user's own.
vm_yaml over <<EOF
storage:
  - name: first
    size: 1M
  - name: top
    file: images/top.qcow2
    backing_file: images/disk.qcow2
    backing_format: qcow2
EOF
expect 0 maqet add over.yaml
expect 1 maqet start over
err_has "VM 'over': drive 'top': the image $image is in use by QEMU of VM 'one'"
refused over
# On a base that may change nothing was made, nor anything else for a machine that cannot start.
for made in images/top.qcow2 images/maqet-over-first.qcow2; do
    [ ! -e $made ] || fail "$made was made"
done
expect 0 maqet rm over --yes --delete-storage
vm_yaml own <<EOF
arguments:
  - drive: {file: images/disk.qcow2, format: qcow2, if: none, id: x}
EOF
expect 0 maqet add own.yaml
expect 1 maqet start own
err_has "VM 'own': $TMP/own.yaml:6:5: -drive writes to $image, which is in use by QEMU of VM 'one'"
refused own

expect 0 maqet stop one --timeout 0 --force
expect 0 maqet start two
expect 0 maqet stop two --timeout 0 --force

# A program of somebody else; one that only looks at the image is not to blame.
hold "$image" qcow2
look_at "$image"
expect 1 maqet start one
err_has "VM 'one': drive 'hdd': the image $image is in use by 'qemu-io -f qcow2 $TMP/"
err_has "(PID $holder)"
err_has "Wait until it has ended, or end it: kill $holder"
err_lacks tail
same stopped "$(vm_status one)" "status of the machine that was refused"
release
expect 0 maqet start one
expect 0 maqet stop one --timeout 0 --force

# A lock of the whole file, of which QEMU has other words, and names no image.
if command -v python3 >/dev/null 2>&1; then
    python3 -c '
import fcntl, sys
image = open(sys.argv[1], "r+b")
fcntl.lockf(image, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()' "$image" <"$TMP/commands" >"$TMP/said" 2>&1 &
    holder=$!
    cleanup_fn "kill $holder 2>/dev/null"
    exec 9>"$TMP/commands"
    eventually 20 grep -q locked "$TMP/said"
    expect 1 maqet start one
    err_has "drive 'hdd': the image $image is in use by 'python3 "
    err_has "kill $holder"
    release
fi

# One machine that uses an image twice: nobody else is to blame.
vm_yaml twice <<EOF
storage:
  - name: hdd
    file: images/disk.qcow2
arguments:
  - drive: {file: images/disk.qcow2, format: qcow2, if: none, id: x}
EOF
expect 3 maqet add twice.yaml
err_has "-drive of VM 'twice' writes to $image, which the drive 'hdd' uses, too"
err_lacks PID
# As a base, which only QEMU knows to be in the way.
vm_yaml twice <<EOF
storage:
  - name: hdd
    file: images/disk.qcow2
  - name: top
    file: images/top.qcow2
    backing_file: images/disk.qcow2
    backing_format: qcow2
EOF
expect 0 maqet add twice.yaml
expect 1 maqet start twice
err_lacks PID
refused twice

# rm keeps what somebody else has open: with a lock, and without.
vm_yaml locked <<EOF
storage:
  - name: hdd
    size: 1M
EOF
expect 0 maqet add locked.yaml
expect 0 maqet start locked
expect 0 maqet stop locked --timeout 0 --force
qemu-img snapshot -c kept images/maqet-locked-hdd.qcow2
hold images/maqet-locked-hdd.qcow2 qcow2
# Nor is anything read that somebody may be writing to.
expect 1 maqet snapshot locked export hdd kept out.qcow2
err_has "drive 'hdd': the image $TMP/images/maqet-locked-hdd.qcow2 is in use by 'qemu-io -f qcow2 images/maqet-locked-hdd.qcow2' (PID $holder)"
[ ! -e out.qcow2 ] || fail "it was exported"
expect 0 maqet rm locked --delete-storage --yes
kept "$TMP"/images/maqet-locked-hdd.qcow2 "it is in use by 'qemu-io -f qcow2 images/maqet-locked-hdd.qcow2' (PID $holder)"
release
[ -f images/maqet-locked-hdd.qcow2 ] || fail "an image in use is gone"

sed 's/locked/read/' locked.yaml >read.yaml
expect 0 maqet add read.yaml
expect 0 maqet start read
expect 0 maqet stop read --timeout 0 --force
look_at images/maqet-read-hdd.qcow2
expect 0 maqet rm read --delete-storage --yes
kept "$TMP"/images/maqet-read-hdd.qcow2 "it is in use by 'tail -f images/maqet-read-hdd.qcow2' (PID $reader)"
[ -f images/maqet-read-hdd.qcow2 ] || fail "an image in use is gone"
