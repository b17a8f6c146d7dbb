#!/bin/sh
# SPDX-License-Identifier: MIT
# What QEMU writes to by `arguments` has one writer, also where QEMU itself sees to nothing: flash
# memory, an SD card, memory that is a file, a node without locks, a folder as a FAT file system,
# what a character device writes.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io strace

file=$TMP/file
fresh() {
    rm -rf "$file" "$TMP/folder"
    truncate -s 4M "$file"
    mkdir "$TMP/folder"
}

# with NAME: a machine with the arguments of stdin.
with() {
    vm_yaml "$1"
    expect 0 maqet apply "$1" "$1.yaml"
}

# in_use VM: it is refused, since the machine `one` has the file or folder of the argument $2.
in_use() {
    expect 1 maqet start "$1"
    err_has "VM '$1': $TMP/$1.yaml:$2"
    err_has "which is in use by QEMU of VM 'one' (PID $(vm_pid one))"
    err_has "Stop it first: maqet stop one"
    [ "$(vm_status "$1")" != running ] || fail "two machines run with one file"
}

# exclusive LINE:COLUMN OPTION: the arguments of stdin, in one machine and in a second one.
exclusive() {
    arguments=$(cat)
    fresh
    for vm in one two; do
        with $vm <<EOF
arguments:
$arguments
EOF
    done
    expect 0 maqet start one
    in_use two "$1: -$2 writes to"
    expect 0 maqet stop one --timeout 0 --force
}

flash='  - drive: {if: pflash, format: raw, file: file}'
exclusive 6:5 drive <<EOF
$flash
EOF
# The file is replaced, as an editor does it, after it was opened to be locked: the one that QEMU
# gets is locked. Nobody but maqet locks memory that is a file.
fresh
for vm in one two; do
    with $vm <<EOF
arguments:
  - object: {memory-backend-file: null, id: memory, share: on, mem-path: file, size: 4M}
EOF
done
# shellcheck disable=SC2016 # for the inner shell
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$file" -e trace=openat \
    -e inject=openat:signal=STOP:when=1 sh -c 'echo $$ >pid; exec "$@"' sh "$MAQET" start one >out 2>err &
tracer=$!
eventually 60 grep -q '^--- stopped by SIGSTOP' trace
truncate -s 4M other
mv other "$file"
kill -CONT "$(cat pid)"
wait $tracer || { cat err >&2; fail "the start failed"; }
in_use two "6:5: -object writes to"
expect 0 maqet stop one --timeout 0 --force

exclusive 6:5 drive <<EOF
  - drive: "if=pflash,format=raw,file=file"
EOF
exclusive 6:5 drive <<EOF
  - drive: "if=pflash,format=raw,file=file:$file"
EOF
exclusive 6:5 drive <<EOF
  - drive: 'if=pflash,file=json:{"driver": "raw",, "file": {"driver": "file",, "filename": "$file"}}'
EOF
exclusive 6:5 pflash <<EOF
  - pflash: file
EOF
exclusive 6:5 blockdev <<EOF
  - blockdev: {driver: file, filename: file, node-name: node}
  - machine: "q35,pflash0=node"
EOF
exclusive 6:5 blockdev <<EOF
  - blockdev: '{"driver": "raw", "node-name": "node", "file": {"driver": "file", "filename": "$file"}}'
  - machine: "q35,pflash0=node"
EOF
exclusive 6:5 drive <<EOF
  - drive: {if: none, format: raw, file: file, id: card}
  - device: sdhci-pci
  - device: "sd-card,drive=card"
EOF
exclusive 6:5 object <<EOF
  - object: {memory-backend-file: null, id: memory, share: on, mem-path: file, size: 4M}
  - machine: "q35,nvdimm=on"
  - device: "nvdimm,memdev=memory"
  - m: "64M,slots=2,maxmem=1G"
EOF
exclusive 6:5 drive <<EOF
  - drive: {if: virtio, format: raw, file: {driver: file, filename: file, locking: off}}
EOF
exclusive 6:5 blockdev <<EOF
  - blockdev: {driver: file, filename: file, node-name: node, locking: off}
  - device: "virtio-blk-pci,drive=node"
EOF
exclusive 6:5 drive <<EOF
  - drive: {file: "fat:rw:$TMP/folder", format: raw, if: virtio}
EOF
exclusive 6:5 serial <<EOF
  - serial: "file:file"
EOF
exclusive 6:5 chardev <<EOF
  - chardev: {file: null, id: out, path: file}
  - serial: "chardev:out"
EOF
exclusive 6:5 chardev <<EOF
  - chardev: "null,id=out,logfile=file"
  - serial: "chardev:out"
EOF
exclusive 6:5 D <<EOF
  - D: file
  - d: guest_errors
EOF
# What QEMU locks itself has the same words.
exclusive 6:5 drive <<EOF
  - drive: {if: virtio, format: raw, file: file}
EOF
exclusive 6:5 hda <<EOF
  - hda: file
EOF

# The lock goes with QEMU, however that ends, and not before.
fresh
for vm in one two; do
    with $vm <<EOF
arguments:
$flash
EOF
done
expect 0 maqet start one
expect 0 maqet restart one --timeout 0 --force
in_use two "6:5: -drive writes to $file"
pid=$(vm_pid one)
kill -9 "$pid"
eventually 20 sh -c "! kill -0 $pid 2>/dev/null"
expect 0 maqet start two
expect 0 maqet stop two --timeout 0 --force

# together: the arguments of stdin, which are no reason for one of two machines not to start.
together() {
    arguments=$(cat)
    fresh
    for vm in one two; do
        with $vm <<EOF
arguments:
$arguments
EOF
        expect 0 maqet start $vm
    done
    for vm in one two; do
        expect 0 maqet stop $vm --timeout 0 --force
    done
}
together <<EOF
  - drive: {if: pflash, format: raw, file: file, readonly: on}
EOF
together <<EOF
  - blockdev: {driver: file, filename: file, node-name: below, auto-read-only: on}
  - blockdev: {driver: raw, file: below, node-name: code, read-only: on}
  - machine: "q35,pflash0=code"
EOF
together <<EOF
  - drive: {if: none, format: raw, file: file, id: common}
  - device: "virtio-blk-pci,drive=common,share-rw=on"
EOF
together <<EOF
  - drive: {if: virtio, format: raw, file: file, snapshot: on}
EOF
together <<EOF
  - object: {memory-backend-file: null, id: common, share: on, mem-path: file, size: 4M}
  - device: "ivshmem-plain,memdev=common"
EOF
together <<EOF
  - object: {memory-backend-file: null, id: own, mem-path: file, size: 4M}
EOF
together <<EOF
  - chardev: {file: null, id: out, path: file, append: on}
  - serial: "chardev:out"
EOF
together <<EOF
  - serial: "file:/dev/null"
  - drive: {file: "fat:$TMP/folder", format: raw, if: virtio, readonly: on}
EOF

# Drives, and programs of others: whoever comes second is refused. QEMU does not keep other
# programs from what is flash memory, but from the rest.
drive() {
    with disk <<EOF
storage:
  - {name: hdd, type: raw, file: file}
EOF
}
unlocked='  - blockdev: {driver: file, filename: file, node-name: node, locking: off}'
log='  - serial: "file:file"'
for arguments in "$flash" "$unlocked"; do
    fresh
    drive
    with one <<EOF
arguments:
$arguments
EOF
    expect 0 maqet start one
    expect 1 maqet start disk
    err_has "VM 'disk': drive 'hdd': the image $file is in use by QEMU of VM 'one' (PID $(vm_pid one))"
    expect 0 maqet stop one --timeout 0 --force
done
expect 0 maqet start one
! qemu-io -f raw -c 'write 0 512' "$file" 2>/dev/null || fail "another program writes to it"
expect 0 maqet stop one --timeout 0 --force

expect 0 maqet start disk
for arguments in "$flash" "$unlocked" "$log"; do
    with one <<EOF
arguments:
$arguments
EOF
    expect 1 maqet start one
    err_has "VM 'one': $TMP/one.yaml:6:5: -"
    err_has "writes to $file, which is in use by QEMU of VM 'disk' (PID $(vm_pid disk))"
done
same 4194304 "$(stat -c %s "$file")" "size of the image that a log was to be written to"
expect 0 maqet stop disk --timeout 0 --force

# A QEMU that is not ours, and a program that writes.
qemu-system-x86_64 -name foreign -S -accel tcg -display none -nodefaults -serial none \
    -drive if=pflash,format=raw,file="$file" -qmp unix:foreign,server=on,wait=off &
foreign=$!
cleanup_fn "kill $foreign 2>/dev/null"
eventually 20 test -S foreign
with one <<EOF
arguments:
$flash
EOF
expect 1 maqet start one
err_has "-drive writes to $file, which is in use by 'qemu-system-x86_64 -name foreign"
err_has "kill $foreign"
kill "$foreign"
wait "$foreign" || true
expect 0 maqet start one
expect 0 maqet stop one --timeout 0 --force

# A machine whose arguments have changed is not ended for one that would not start.
fresh
with one <<EOF
arguments:
$flash
EOF
with two <<EOF
arguments: []
EOF
expect 0 maqet start one
expect 0 maqet start two
with two <<EOF
arguments:
$flash
EOF
expect 1 maqet restart two --timeout 0 --force
err_has "-drive writes to $file, which is in use by QEMU of VM 'one'"
same running "$(vm_status two)" "status of the machine that was not restarted"
expect 0 maqet stop one --timeout 0 --force
expect 0 maqet stop two --timeout 0 --force

# One machine that names a file twice; a link to it is the same file.
ln -s file link
twice() { # MESSAGE; the machine by stdin
    vm_yaml twice
    expect 3 maqet validate twice.yaml
    err_has "$1"
}
twice "twice.yaml:7:5: -drive of VM 'twice' writes to $TMP/link, which -pflash (twice.yaml:6:5) uses, too" <<EOF
arguments:
  - pflash: file
  - drive: {if: virtio, format: raw, file: link}
EOF
twice "twice.yaml:6:5: -pflash of VM 'twice' writes to $TMP/link, which the drive 'hdd' uses, too" <<EOF
arguments:
  - pflash: link
storage:
  - {name: hdd, type: raw, file: file}
EOF
twice "-serial of VM 'twice' writes to $TMP/./file, which the drive 'hdd' uses, too" <<EOF
arguments:
  - serial: "file:./file"
storage:
  - {name: hdd, type: raw, file: file}
EOF
qemu-img create -q -f qcow2 -b file -F raw over.qcow2
twice "-serial of VM 'twice' writes to $TMP/file, which the drive 'hdd' uses, too" <<EOF
arguments:
  - serial: "file:file"
storage:
  - {name: hdd, file: over.qcow2, backing_file: file, backing_format: raw}
EOF

# A log is made for its user only, and goes again when the machine does not start.
rm "$file"
with one <<EOF
arguments:
$log
EOF
expect 0 maqet start one
same 600 "$(stat -c %a "$file")" "mode of the log"
expect 0 maqet stop one --timeout 0 --force
rm "$file"
with one <<EOF
arguments:
$log
  - device: no-such-device
EOF
expect 1 maqet start one
[ ! -e "$file" ] || fail "a start that failed has left a log"
