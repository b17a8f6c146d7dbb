#!/bin/sh
# SPDX-License-Identifier: MIT
# Storage that is created for each start is there as long as the machine runs; and plugins that want
# to know are told that it has ended, once, however it ended: by the next command that looks.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required
plugins=$abs_top_builddir/tests/plugins/.libs
others=${MAQET_PLUGIN_PATH:-}
MAQET_PLUGIN_PATH="$plugins${others:+:$others}"
export MAQET_PLUGIN_PATH

vm_yaml vm <<END
storage:
  - {name: tmp, type: each, log: calls, faults: faults, size: 2M}
  - {name: disk, type: once, log: calls, faults: faults, place: place}
END
mkdir place
folder=data/vms/vm/drives/tmp@each

# calls WANTED [WORD]: what plugins were called for since the last time, of these words only.
calls() {
    grep -E "${2:-create|created|there|gone|ended|finished|remove|without|another|with-a}" calls |
        tr '\n' ',' | sed 's/,$//' >seen || :
    same "$1" "$(cat seen)" "the calls"
    : >calls
}
: >calls
halt() {
    expect 0 maqet stop vm --timeout 0 --force
}
running='tmp create,tmp created'
over='tmp there,tmp ended,tmp finished,disk ended,disk finished'

# A machine that was never added has no folder, and one that never ran has none either.
expect 0 maqet validate vm.yaml
[ ! -e data/vms/vm ] || fail "there is a folder"
expect 0 maqet add vm.yaml
expect 0 maqet status vm
[ ! -e $folder ] || fail "there is a folder"

: >calls
expect 0 maqet start vm
calls "$running,disk create,disk created"
same 700 "$(stat -c %a $folder)" "the mode of the folder"
same "disk 2097152" "$(stat -c '%n %s' $folder/* | sed 's|.*/||')" "what is in the folder"
# QEMU has it open, under its sandbox.
expect 0 maqet qmp vm query-named-block-nodes
out_has "$folder/disk"
expect 0 maqet status vm
calls ""
halt
calls "$over"
[ ! -e $folder/disk ] || fail "it is still there"
halt
expect 0 maqet status vm
calls ""

# QEMU is killed, and the host reboots: there is no run folder any more.
expect 0 maqet start vm
calls "$running"
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
calls ""
[ -e $folder/disk ] || fail "nobody was to look yet"
rm -r run
expect 0 maqet start vm
calls "$over,$running"

# The guest powers itself off, or QEMU ends by itself.
expect 0 maqet qmp vm quit
eventually 20 has_status vm stopped
expect 0 maqet recover vm
calls "$over"

# In the foreground, it is the same command that looks.
"$MAQET" start vm --foreground >foreground.out 2>foreground.err &
starting=$!
eventually 20 test -s run/vm/qemu/pid
eventually 20 has_status vm running
halt
wait $starting || fail "the start in the foreground failed"
calls "$running,$over"

# What fails is tried again: by the next command, and before the next start, which does not go on
# without.
expect 0 maqet start vm
: >calls
echo ended >faults
halt
err_has "VM 'vm' has ended, but its drive 'tmp' could not be cleaned up"
err_has "ended was told to fail"
calls "tmp there,tmp ended,disk ended"
expect 1 maqet start vm
err_has "ended was told to fail"
calls "tmp there,tmp ended,disk ended"
same 1 "$(grep -c 'was told to fail' err)" "times that it is said"
expect 1 maqet rm vm --yes
err_has "ended was told to fail"
: >calls
rm faults
expect 0 maqet start vm
calls "$over,$running"

# A start that fails has begun a life, and ends it.
halt
calls "$over"
echo create >faults
expect 1 maqet start vm
err_has "create was told to fail"
calls "tmp create,tmp gone,tmp ended,tmp finished,disk ended,disk finished"
rm faults
sed 's/memory: 64M/memory: 64M\narguments: [-device: nonsense]/' vm.yaml >broken.yaml
expect 0 maqet apply vm broken.yaml
: >calls
expect 1 maqet start vm
calls "$running,$over"
[ -z "$(ls $folder)" ] || fail "something is left in the folder"
expect 0 maqet apply vm vm.yaml

# The definition of the start counts, and not what it has become meanwhile.
expect 0 maqet start vm
: >calls
grep -v 'type: each' vm.yaml >fewer.yaml
expect 0 maqet apply vm fewer.yaml
[ -e $folder/disk ] || fail "it is gone while the machine runs"
kill -9 "$(vm_pid vm)"
halt
calls "$over"
[ ! -e $folder ] || fail "the folder is still there"
# A drive that is no longer in the definition, and whose plugin is gone, does not prevent starts.
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm
expect 0 maqet apply vm fewer.yaml
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
mkdir less
ln -s "$plugins/maqet-storage-once.so" less
: >calls
expect 0 env MAQET_PLUGIN_PATH="$TMP/less:$others" "$MAQET" start vm
err_has "VM 'vm' has ended, but its drive 'tmp' could not be cleaned up"
calls "disk ended,disk finished"
[ ! -e $folder ] || fail "the folder is still there"
halt
expect 0 maqet apply vm vm.yaml

# A copy of the data folder has not seen the machine end, and leaves the original alone.
expect 0 maqet start vm
: >calls
cp -a data copy
expect 0 maqet --data-dir copy --runtime-dir "$TMP/run2" stop vm
calls ""
[ -e $folder/disk ] || fail "it is gone"
[ ! -e copy/vms/vm/drives/tmp@each/disk ] || fail "the copy is still there"
halt
calls "$over"
# A data folder that was moved has.
expect 0 maqet start vm
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
: >calls
mv data moved
cp -a moved data
rm -r moved
halt
calls "$over"

# QEMU opens it as root before it becomes another user, who cannot enter the folder.
if [ "$(id -u)" -eq 0 ] && id nobody >/dev/null 2>&1; then
    chmod 711 .
    sed 's/^memory/run_as: nobody\nmemory/' vm.yaml >other-user.yaml
    expect 0 maqet apply vm other-user.yaml
    expect 0 maqet start vm
    same "root 700" "$(stat -c '%U %a' $folder)" "the folder"
    same nobody "$(stat -c %U "/proc/$(vm_pid vm)")" "the user of QEMU"
    halt
    [ -z "$(ls $folder)" ] || fail "something is left in the folder"
    expect 0 maqet apply vm vm.yaml
fi

# Snapshots of what is lost when the machine ends are refused, and so are checkpoints.
expect 0 maqet start vm
expect 3 maqet snapshot vm create tmp one --live
err_has "Drive 'tmp' on VM 'vm' is created for each start, so a snapshot of it would be lost when the VM ends"
expect 3 maqet snapshot vm create --all one --live
err_has "drives without support for snapshots: 'tmp' (each), 'disk' (once)"
expect 3 maqet checkpoint vm create one
halt

# It is removed with all that is in its folder.
mkdir -p data/vms/vm/drives/disk@once
echo kept >data/vms/vm/drives/disk@once/file
expect 0 maqet start vm
halt
[ -e data/vms/vm/drives/disk@once/file ] || fail "a drive's folder was emptied"
grep -v 'type: once' vm.yaml >fewer.yaml
expect 0 maqet apply vm fewer.yaml
[ ! -e data/vms/vm/drives/disk@once ] || fail "the folder of a drive that is gone is still there"
mkdir -p data/vms/vm/drives
touch data/vms/vm/drives/mine
expect 3 maqet rm vm --yes
err_has "drives/mine does not belong to maqet"
rm data/vms/vm/drives/mine
expect 0 maqet rm vm --yes
[ ! -e data/vms/vm ] || fail "the machine's folder is still there"
