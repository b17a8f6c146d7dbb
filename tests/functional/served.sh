#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive with a path whose image is opened by the program that runs beside QEMU: the image is
# that program's while the machine runs, and nobody else uses it; whoever is refused learns which
# machine it is. When the machine has ended, the image is like any other.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-nbd qemu-io
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH
cleanup_fn 'for vm in a b c d; do maqet -q stop $vm --timeout 0 --force >/dev/null 2>&1; done'

machine() { # NAME OPTIONS [LINE]
    [ ! -d "data/vms/$1" ] || expect 0 maqet rm "$1" --yes
    vm_yaml "$1" <<END
${3:-}
storage:
  - {name: disk, $2}
END
    expect 0 maqet add "$1.yaml"
}
# helper_of VM: the PID of its helper.
helper_of() {
    cut -d ' ' -f 1 "run/$1/helpers"
}
opened() { # PID
    for fd in /proc/"$1"/fd/*; do readlink "$fd" || :; done | sort -u
}

served="type: served, file: disk.qcow2, size: 8M"
machine a "$served"
machine b "$served"
machine c "type: qcow2, file: disk.qcow2, size: 8M"

# The image is created, the helper has it open and locked, and QEMU reads it through the socket.
expect 0 maqet start a
helper=$(helper_of a)
opened "$helper" | grep -qx "$TMP/disk.qcow2" || fail "the helper has not opened the image"
if opened "$(vm_pid a)" | grep -qx "$TMP/disk.qcow2"; then fail "QEMU has opened the image"; fi
expect 0 maqet qmp a query-named-block-nodes
out_has '"drv": "nbd"'
expect 0 maqet status a
out_has "$TMP/disk.qcow2"
expect 0 maqet start a
out_has "VM 'a' is already running"

# in_use_by VM COMMAND...: the command is refused because the image is that machine's.
in_use_by() {
    user=$1
    shift
    expect 1 "$@"
    err_has "the image $TMP/disk.qcow2 is in use by the helper of VM '$user' (PID $helper)"
    err_has "maqet stop $user"
    err_lacks "kill"
}
in_use_by a maqet start b
in_use_by a maqet start c
in_use_by a maqet snapshot b create disk x
in_use_by a maqet resize c disk 16M
in_use_by a maqet check b disk
(
    # A machine of another data folder learns it, too.
    MAQET_DATA_DIR="$TMP/other" MAQET_RUNTIME_DIR="$TMP/other-run"
    export MAQET_DATA_DIR MAQET_RUNTIME_DIR
    expect 0 maqet add c.yaml
    expect 1 maqet start c
    err_has "is in use by the helper of VM 'a' in $TMP/data (PID $helper)"
    err_lacks "kill"
)
expect 0 maqet rm c --yes --delete-storage
[ -e disk.qcow2 ] || fail "an image that is in use was deleted"
machine c "type: qcow2, file: disk.qcow2, size: 8M"

# What cannot be done while QEMU runs, and what can.
expect 3 maqet resize a disk 16M
err_has "the type served cannot be resized while the VM is running"
expect 3 maqet snapshot a create disk x
err_has "is running"
expect 3 maqet snapshot a create disk x --live
expect 3 maqet check a disk
err_has "is running"
# The image, which is written to, is no reason to refuse a new definition.
sed 's/8M/9M/' a.yaml >other.yaml
expect 0 maqet apply a other.yaml

# When QEMU ends, however it does, so does the helper, and the image is free.
pid=$(vm_pid a)
kill -9 "$pid"
eventually 20 process_ended "$pid"
expect 0 maqet resize a disk 16M
same 16777216 "$(qemu-img info --output=json disk.qcow2 | sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -n 1)" "the size"
expect 0 maqet check a disk
out_has clean
expect 0 maqet snapshot a create disk first
expect 0 maqet snapshot a list
out_has first
expect 0 maqet start a
# The list is read from the image, of which QEMU knows nothing.
expect 0 maqet snapshot a list
out_has first
expect 3 maqet snapshot a load --yes disk first
expect 0 maqet stop a --timeout 0 --force
qemu-io -f qcow2 -c "write -P 9 0 64k" disk.qcow2 >/dev/null
expect 0 maqet snapshot a load --yes disk first
qemu-io -f qcow2 -c "read -P 0 0 64k" disk.qcow2 >/dev/null || fail "the snapshot was not loaded"
expect 0 maqet snapshot a delete disk first
expect 0 maqet check a disk

# Another machine has the image: the helper is not even tried.
expect 0 maqet start c
expect 1 maqet start a
err_has "drive 'disk': the image $TMP/disk.qcow2 is in use by QEMU of VM 'c' (PID $(vm_pid c))"
err_has "maqet stop c"
[ ! -e run/a/helpers ] || fail "a helper was started"
expect 0 maqet stop c --timeout 0 --force

# Read-only drives may share an image, and a writer keeps them out.
machine a "$served, readonly: on"
machine b "$served, media: cdrom, interface: scsi"
expect 0 maqet start a
expect 0 maqet start b
helper=$(helper_of a)
expect 1 maqet start c
err_has "the image $TMP/disk.qcow2 is in use by the helper of VM 'a'"
expect 0 maqet stop a --timeout 0 --force
expect 0 maqet stop b --timeout 0 --force
expect 0 maqet start c
expect 1 maqet start a
err_has "the image $TMP/disk.qcow2 is in use by QEMU of VM 'c' (PID $(vm_pid c))"
expect 0 maqet stop c --timeout 0 --force

# It is what --delete-storage deletes.
machine a "type: served, file: mine.qcow2, size: 8M"
expect 0 maqet start a
expect 0 maqet stop a --timeout 0 --force
expect 0 maqet rm a --yes --delete-storage
[ ! -e mine.qcow2 ] || fail "the image is still there"

# QEMU that is another user by then is connected, and the helper may open the image.
if [ "$(id -u)" -eq 0 ]; then
    machine d "$served" "run_as: nobody"
    chmod o+x "$TMP"
    expect 0 maqet start d
    opened "$(helper_of d)" | grep -qx "$TMP/disk.qcow2" || fail "the helper has not opened the image"
    expect 0 maqet stop d --timeout 0 --force
fi
