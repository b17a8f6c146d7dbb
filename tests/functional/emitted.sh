#!/bin/sh
# SPDX-License-Identifier: MIT
# What a plugin has appended is verified: the core closes the end of each backing chain, and
# refuses nodes of a read-only drive that may be written to, and files that neither the
# configuration names nor inspect has reported. What is right passes, also in qemu-img.
# shellcheck disable=SC2016 # no shell is meant
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

# describe TYPE OPTIONS EMIT: the file of a machine with one drive that emits this.
describe() {
    [ ! -d data/vms/vm ] || expect 0 maqet rm vm --yes
    vm_yaml vm <<END
sandbox: off
storage:
  - name: d
    type: $1
    $2
    emit: "$3"
END
}
machine() { # TYPE OPTIONS EMIT
    describe "$@"
    expect 0 maqet add vm.yaml
}
accepted() { # OPTIONS EMIT
    machine emitter "$1" "$2"
    expect 0 maqet args vm
}
refused() { # OPTIONS EMIT WORDS
    describe emitter "$1" "$2"
    expect 1 maqet add vm.yaml
    err_has "drive 'd' of VM 'vm': the plugin 'emitter' emitted $3"
}
file='file: disk.qcow2'
plain='driver=qcow2 file.driver=file file.filename=%file'

qemu-img create -q -f qcow2 disk.qcow2 1M
mkdir inside
echo "the host's secret" >secret
qemu-img create -q -f raw inside/raw 1M
qemu-img create -q -f qcow2 base.qcow2 1M

# ---- the end of a backing chain ----

# Each node whose driver could open a backing file has one, or has none: at any depth.
accepted "$file" "node %node $plain"
out_has '"backing":null'
machine emitter "file: disk.qcow2
    base: base.qcow2" "node %node $plain backing.driver=qcow2 backing.file.driver=file backing.file.filename=%base"
expect 0 maqet args vm
out_has '"filename":"'"$TMP/base.qcow2"'","drop-cache":false},"backing":null'
same 1 "$(grep -o '"backing":null' "$TMP/out" | wc -l)" "ends of the chain"
machine emitter "file: disk.qcow2
    base: base.qcow2" "object throttle-group d-l; node %node-b driver=qed file.driver=file file.filename=%base; node %node driver=throttle throttle-group=d-l file.driver=qcow2 file.file.driver=file file.file.filename=%file file.backing=%node-b"
expect 0 maqet args vm
same 1 "$(grep -o '"backing":null' "$TMP/out" | wc -l)" "ends of the chain"
for driver in qcow qed vmdk; do
    accepted "$file" "node %node driver=$driver file.driver=file file.filename=%file"
    out_has '"backing":null'
done
for driver in raw vdi vpc; do
    accepted "$file" "node %node driver=$driver file.driver=file file.filename=%file"
    if grep -q backing "$TMP/out"; then fail "QEMU knows no backing file of $driver"; fi
done

# A hostile base, whose header names a file of the host: neither QEMU nor qemu-img opens it.
qemu-img create -q -u -f qcow2 -F raw -b "$TMP/secret" hostile.qcow2 1M
qemu-img create -q -u -f qcow2 -F qcow2 -b "$TMP/hostile.qcow2" over.qcow2 1M
on_hostile='driver=qcow2 file.driver=file file.filename=%file backing.driver=qcow2 backing.file.driver=file backing.file.filename=%base'
machine emitter "file: over.qcow2
    base: hostile.qcow2" "node %node $on_hostile"
expect 0 maqet start vm
pid=$(vm_pid vm)
for fd in /proc/"$pid"/fd/*; do
    readlink "$fd" || : # it may be gone by now
done >opened
grep -qx "$TMP/hostile.qcow2" opened || fail "QEMU has not opened the base"
if grep -qx "$TMP/secret" opened; then fail "QEMU has opened a file that a base's header names"; fi
expect 0 maqet stop vm --timeout 0 --force
qemu-img create -q -f raw zeroes 1M
machine emitter "file: over.qcow2
    base: zeroes" "node %node driver=qcow2 file.driver=file file.filename=%file backing.driver=raw backing.file.driver=file backing.file.filename=%base"
expect 0 maqet check vm d
# qemu-img sees what QEMU would: of the host's file, nothing.
machine emitter "file: hostile.qcow2
    base: zeroes" "node %node $plain"
expect 0 maqet check vm d
machine emitter "file: hostile.qcow2
    base: zeroes
    again: \"node %node $plain\"" "node %node $plain"
expect 0 maqet check vm d

# ---- read-only drives ----

# A node of its own does not become read-only because the one above it is.
named='object throttle-group d-l; node %node-f driver=qcow2 file.driver=file file.filename=%file'
top='node %node driver=throttle throttle-group=d-l file=%node-f'
refused "$file" "node %node driver=null-co; node %node-x" "the node 'd-x', which has no driver"
for option in 'readonly: on' 'media: cdrom
    interface: scsi'; do
    options="$file
    $option"
    refused "$options" "node %node $plain" "the node 'd', which is not read-only, but the drive is"
    refused "$options" "node %node $plain read-only=!off" "the node 'd', which is not read-only"
    refused "$options" "node %node $plain auto-read-only=!on" "the node 'd', which is not read-only"
    refused "$options" "$named; $top read-only=!on" "the node 'd-f', which is not read-only, but the drive is"
    refused "$options" "node %node $plain read-only=!on file.read-only=!off" \
        "the node 'd', which contains a node that may be written to, but the drive is read-only"
    accepted "$options" "node %node $plain read-only=!on"
    accepted "$options" "$named read-only=!on; $top read-only=!on"
done
accepted "$file" "$named; $top"

# An empty CD-ROM drive has no node, and the plugin is not asked for one.
accepted "media: cdrom
    interface: scsi" "node %node $plain"
out_has scsi-cd

# A share, too.
describe emitter-share "folder: inside
    readonly: on" "fsdev local d path=%folder security_model=none; device virtio-9p-pci d fsdev=d mount_tag=d"
expect 1 maqet add vm.yaml
err_has "the plugin 'emitter-share' emitted -fsdev 'd', which is not read-only, but the drive is"
for on in '!on' on; do
    machine emitter-share "folder: inside
    readonly: on" "fsdev local d path=%folder security_model=none readonly=$on; device virtio-9p-pci d fsdev=d mount_tag=d"
    expect 0 maqet args vm
done

# ---- files ----

options="$file
    folder: inside
    base: base.qcow2"
refused "$options" "node %node driver=raw file.driver=file file.filename=$TMP/secret" \
    "the node 'd', which names the file $TMP/secret; no option of the drive names it, or a folder that it is in, and the plugin's inspect has not reported it"
for words in \
    "driver=raw file.driver=host_device file.filename=$TMP/secret" \
    "driver=raw file.driver=host_cdrom file.filename=$TMP/secret" \
    "driver=raw file.driver=file file.filename=secret" \
    "driver=qcow2 file.driver=file file.filename=%file data-file.driver=file data-file.filename=$TMP/secret" \
    "driver=qcow2 file.driver=file file.filename=%file backing.driver=raw backing.file.driver=file backing.file.filename=$TMP/secret" \
    "driver=luks file.driver=raw file.file.driver=file file.file.filename=$TMP/secret" \
    "driver=blkdebug config=$TMP/secret image.driver=qcow2 image.file.driver=file image.file.filename=%file" \
    "driver=blkdebug image.driver=raw image.file.driver=file image.file.filename=$TMP/secret" \
    "driver=quorum vote-threshold=1 children.0.driver=file children.0.filename=%file children.1.driver=file children.1.filename=$TMP/secret" \
    "driver=vvfat dir=$TMP" \
    "driver=nbd server.type=unix server.path=$TMP/secret" \
    "driver=newer filename=$TMP/secret"; do
    refused "$options" "node %node $words" "the node 'd', which names the file "
done
# A node below may be one of its own.
refused "$options" "node %node-f driver=file filename=$TMP/secret; node %node driver=raw file=%node-f" \
    "the node 'd-f', which names the file $TMP/secret"
refused "$options" "node %node $plain; object secret d-key file=$TMP/secret" \
    "-object 'd-key', which names the file $TMP/secret"
refused "$options" "node %node $plain; chardev socket d-c path=$TMP/secret" \
    "-chardev 'd-c', which names the file $TMP/secret"
describe emitter-share "folder: inside" "fsdev local d path=$TMP security_model=none; device virtio-9p-pci d fsdev=d mount_tag=d"
expect 1 maqet add vm.yaml
err_has "emitted -fsdev 'd', which names the file $TMP;"

# Neither a link nor ".." leads out of a folder.
ln -s ../secret inside/link
ln -s ../nowhere inside/dangling
ln -s inside way
for name in %folder/../secret %folder/link %folder/dangling %folder/none/../../secret %folder-secret %own/../secret; do
    refused "$options" "node %node driver=raw file.driver=file file.filename=$name" "the node 'd', which names the file "
done
refused "$options" "node %node driver=raw file.driver=file file.filename=%folder/link" \
    "the node 'd', which names the file $TMP/inside/link, which leads to $TMP/secret;"

# Files that are named: by an option, in a folder that an option names, by another name, in the
# drive's own folder, the helper's socket.
ln -s disk.qcow2 alias.qcow2
for words in \
    "driver=raw file.driver=file file.filename=%base" \
    "driver=raw file.driver=file file.filename=%folder/raw" \
    "driver=raw file.driver=file file.filename=%folder/not-yet" \
    "driver=raw file.driver=file file.filename=%folder/../inside/raw" \
    "driver=raw file.driver=file file.filename=$TMP/way/raw" \
    "driver=raw file.driver=file file.filename=$TMP/./alias.qcow2" \
    "driver=raw file.driver=file file.filename=%own/disk" \
    "driver=vvfat dir=%folder" \
    "driver=nbd server.type=unix server.path=%socket"; do
    accepted "$options" "node %node $words"
done
# Services are not files of this host.
for words in \
    "driver=nbd server.type=inet server.host=h server.port=10809 export=/x" \
    "driver=nbd server.type=unix server.path=name server.abstract=!on" \
    "driver=rbd pool=/p image=/i" \
    "driver=iscsi transport=tcp portal=h target=/t" \
    "driver=https url=https://h/x" \
    "driver=nfs path=/x server.type=inet server.host=h" \
    "driver=newer filename=scheme:/x path=/y"; do
    accepted "$options" "node %node $words"
done

# What inspect reports. It is asked where nobody has asked it before.
accepted "$options
    reports: $TMP/secret" "node %node driver=raw file.driver=file file.filename=$TMP/secret"
refused "$options
    reports: $TMP/other" "node %node driver=raw file.driver=file file.filename=$TMP/secret" "the node 'd'"
# Of an image that does not exist it can say nothing; but it has one when QEMU starts.
accepted "file: missing.qcow2" "node %node driver=raw file.driver=file file.filename=$TMP/secret"
expect 1 maqet start vm
err_has "which names the file $TMP/secret"

# ---- nodes that refer to each other ----

refused "$file" "node %node driver=raw file=%node" "the node 'd', which refers to itself"
refused "$file" "node %node driver=raw file=%node-a; node %node-a driver=raw file.driver=raw file.file=%node" \
    "the node 'd', which refers to itself"
refused "$file" "node %node driver=raw file=nowhere" "the node 'd', which refers to the node 'nowhere', which it did not emit"
# A text is the name of a node, and never one of QEMU's file names.
for name in "$TMP/secret" "fat:$TMP" nbd:unix:/s 'json:{}'; do
    refused "$file" "node %node driver=raw file=$name" "the node 'd', which refers to the node '$name'"
    refused "$file" "node %node driver=raw file.driver=file file.filename=${name#/}" "the node 'd', which names the file "
done
refused "$file" "node %node driver=qcow2 file.filename=%file" \
    "the node 'd', which has no driver, or contains a node without one"

# ---- filters, with QEMU and qemu-img ----

for top in "node %node driver=throttle throttle-group=d-l file=%node-f" \
    "node %node driver=copy-on-read file=%node-f" \
    "node %node driver=copy-on-read file=%node-f bottom=%node-b"; do
    qemu-img create -q -f qcow2 -F qcow2 -b "$TMP/base.qcow2" overlay.qcow2 1M
    machine emitter "file: overlay.qcow2
    base: base.qcow2" "object iothread d-t; object throttle-group d-l; node %node-b driver=qcow2 read-only=!on file.driver=file file.filename=%base; node %node-f driver=qcow2 file.driver=file file.filename=%file backing=%node-b; $top"
    expect 0 maqet check vm d
    expect 0 maqet start vm
    expect 0 maqet qmp vm query-named-block-nodes
    for node in d d-f d-b; do
        out_has "\"node-name\": \"$node\""
    done
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet resize vm d 2M
    same 2097152 "$(qemu-img info --output=json overlay.qcow2 | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -n 1)" "the size"
    expect 0 maqet rm vm --yes
done

# The node of a helper is none for qemu-img.
machine emitter "$file
    base: base.qcow2" "node %node driver=nbd server.type=unix server.path=%socket"
expect 3 maqet resize vm d 2M
err_has "the plugin 'emitter' has its helper open the image, which runs only beside QEMU"

# ---- the node that an interface attaches ----

refused "$file" "node %node-x $plain" "no node 'd'"
