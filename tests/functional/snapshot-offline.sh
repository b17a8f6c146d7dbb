#!/bin/sh
# SPDX-License-Identifier: MIT
# Snapshots of a machine that does not run: what each action does to the image, and says.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

mkdir share bin
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: data, type: qcow2, size: 8M, file: data.qcow2}
  - {name: plain, type: raw, size: 1M, file: plain.raw}
  - {name: share, type: virtfs, path: share}
  - {name: cd, type: raw, media: cdrom, interface: sata}
EOF
expect 0 maqet add vm.yaml

# Before its first start there is nothing to keep.
expect 3 maqet snapshot vm create hdd early
err_has "The image of drive 'hdd' of VM 'vm' does not exist: $TMP/hdd.qcow2"
err_has "maqet start vm"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# The storage guide's words.
expect 0 maqet snapshot vm list hdd
out_has "No snapshots for drive 'hdd' on VM 'vm'."
fill hdd.qcow2 1
expect 0 maqet snapshot vm create hdd backup-20240101
out_has "Created snapshot 'backup-20240101' of drive 'hdd' on VM 'vm'."
out_has "the VM was off"
# To the guest, that stop was a power cut.
out_has "consistency: crash."
fill hdd.qcow2 2
expect 0 maqet snapshot vm list hdd
out_has "Snapshots for drive 'hdd' on VM 'vm':"
grep -qE '^- backup-20240101 \([0-9.]+KB, [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\)$' out ||
    fail "not as in the guide: $(cat out)"
expect 0 maqet snapshot vm load --yes hdd backup-20240101
err_has "discards all changes made after it on drive 'hdd' of VM 'vm'"
out_has "Loaded snapshot 'backup-20240101' on drive 'hdd' on VM 'vm'."
holds hdd.qcow2 1
sound hdd.qcow2

# What is not asked for rightly changes nothing.
expect 3 maqet snapshot vm create hdd backup-20240101
err_has "There is already a snapshot 'backup-20240101' of drive 'hdd' on VM 'vm'"
err_has "--overwrite"
expect 3 maqet snapshot vm create hdd test --live
err_has "ERROR: VM 'vm' is not running (status: stopped)."
err_has "Live snapshots require running VM."
err_has "  1. Start VM: maqet start vm"
err_has "  2. Use offline snapshot (remove --live flag)"
err_has "  3. Use whichever fits the VM's state (--auto instead of --live)"
expect 3 maqet snapshot vm create hdd test --quiesce
err_has "leave --quiesce out"
expect 3 maqet snapshot vm load --yes hdd backup-2024010
err_has "There is no snapshot 'backup-2024010' of drive 'hdd' on VM 'vm'"
err_has "Did you mean 'backup-20240101'?"
expect 3 maqet snapshot vm delete hdd nothing-like-it
err_has "There are: backup-20240101"
expect 3 maqet snapshot vm create hd test
err_has "There is no drive 'hd' on VM 'vm'"
err_has "Did you mean 'hdd'?"
expect 3 maqet snapshot nobody list
err_has "There is no VM 'nobody'"
expect 3 maqet snapshot vm creat hdd test
err_has "did you mean 'create'?"
expect 3 maqet snapshot vm create hdd
err_has "maqet snapshot VM create DRIVE NAME"
expect 3 maqet snapshot vm create hdd test --format raw
err_has "takes one of table, json, yaml, plain, not 'raw'"
expect 3 maqet snapshot vm create hdd test --exclude data
expect 3 maqet snapshot vm create hdd test --live --auto
for name in '' -x .x 'a b' 'a/b' "$(printf 'a\nb')" "$(printf '%0129d' 0)"; do
    expect 3 maqet snapshot vm create -- hdd "$name"
    err_has "invalid snapshot name"
done
same 1 "$(count_snapshots hdd.qcow2)" "snapshots"

# Types without snapshots.
expect 3 maqet snapshot vm create plain x
err_has "Drive 'plain' on VM 'vm' is of the type raw, which does not support snapshots"
err_has "Storage types that have snapshots: qcow2"
err_has "qemu-img convert -f raw -O qcow2 '$TMP/plain.raw' '$TMP/plain.raw.qcow2'"
expect 3 maqet snapshot vm list share
err_has "is of the type virtfs, which does not support snapshots"

# Several drives: what cannot be in a set is named before anything happens.
expect 3 maqet snapshot vm create --all set
err_has "VM 'vm' has a drive without support for snapshots: 'plain' (raw); nothing was done"
err_has "Leave it out: --exclude plain"
same 0 "$(count_snapshots data.qcow2)" "snapshots of data"
expect 3 maqet snapshot vm create --all set --exclude plan
err_has "Did you mean 'plain'?"
all="--all --exclude plain"
expect 0 maqet --format plain snapshot vm list --all --exclude hdd
same '' "$(cat out)" "a list without hdd, whose drives without snapshots are in nobody's way"
fill data.qcow2 1
# shellcheck disable=SC2086 # $all is several words
{
    expect 0 maqet snapshot vm create $all set
    out_has "of drives 'hdd', 'data' on VM 'vm'"
    out_has "Skipped, with nothing that a snapshot could record: 'share', 'cd'."
    out_has "Excluded, and not changed: 'plain'."
    fill hdd.qcow2 3
    fill data.qcow2 3
    expect 0 maqet --format plain snapshot vm list
    same 2 "$(wc -l <out)" "rows: a set is one"
    grep -q "^set	hdd,data	" out || fail "the set is no row of its own"
    expect 0 maqet snapshot vm load --yes --all set
    err_lacks "not taken together"
    err_has "of VM 'vm', and leaves 'plain' alone"
    holds hdd.qcow2 1
    holds data.qcow2 1
    sound hdd.qcow2 data.qcow2
    same 1 "$(count_snapshots data.qcow2)" "snapshots of data after the load"
    # One drive has it and the other one not: none is touched.
    expect 3 maqet snapshot vm delete $all backup-20240101
    err_has "There is no snapshot 'backup-20240101' of drive 'data'"
    same 2 "$(count_snapshots hdd.qcow2)" "snapshots of hdd"
    # Of the same name, but not of the same moment.
    expect 0 maqet snapshot vm create hdd apart
    expect 0 maqet snapshot vm create data apart
    expect 0 maqet snapshot vm load --yes $all apart
    err_has "were not created together"
    expect 0 maqet snapshot vm delete $all apart
}

# Numbers are names, and no ids: this one is named as the id of another.
fill hdd.qcow2 4
expect 0 maqet snapshot vm create hdd 1
fill hdd.qcow2 5
expect 0 maqet snapshot vm load --yes hdd 1
holds hdd.qcow2 4
expect 0 maqet snapshot vm load --yes hdd set
holds hdd.qcow2 1
expect 0 maqet snapshot vm delete hdd 1
expect 3 maqet snapshot vm load --yes hdd 1

# Replacing leaves one of the name, and nothing else.
fill hdd.qcow2 6
expect 0 maqet snapshot vm create hdd backup-20240101 --overwrite
out_has "Replaced snapshot 'backup-20240101'"
fill hdd.qcow2 7
expect 0 maqet snapshot vm load --yes hdd backup-20240101
holds hdd.qcow2 6
same 2 "$(count_snapshots hdd.qcow2)" "snapshots: the stand-in is gone"
# shellcheck disable=SC2086
expect 0 maqet snapshot vm create $all set --overwrite
fill hdd.qcow2 7
# shellcheck disable=SC2086
expect 0 maqet snapshot vm load --yes $all set
holds hdd.qcow2 6
sound hdd.qcow2 data.qcow2

# A failure has the name that was asked for, and not that of what stands in for it; what was
# not even made is not said to be interrupted, and what can be done is no list of facts.
wrap_qemu_img 'snapshot\ -q\ -c\ *' 'echo "qemu-img: there is no luck" >&2; exit 1'
expect 1 wrapped maqet snapshot vm create hdd set --overwrite
err_has "drive 'hdd': cannot create the snapshot 'set': qemu-img failed"
err_lacks "interrupted"
expect 1 wrapped maqet snapshot vm create hdd fresh
err_has "drive 'hdd': cannot create the snapshot 'fresh': qemu-img failed"
err_lacks "interrupted"
wrap_qemu_img 'snapshot\ -q\ -d\ *' 'echo "qemu-img: there is no luck" >&2; exit 1'
expect 1 wrapped maqet snapshot vm create hdd set --overwrite
err_has "cannot delete the snapshot 'set'"
err_has "Recover it: maqet recover vm"
err_lacks "Options:"
expect 0 maqet recover vm
err_has "nothing was lost"
expect 3 maqet snapshot vm load --yes --all nothing-like-it
err_has "There are: "
err_lacks "1. There are"

# The tree: what came of what, and where the drive is.
expect 0 maqet snapshot vm load --yes hdd backup-20240101
expect 0 maqet snapshot vm create hdd branch
expect 0 maqet snapshot vm tree hdd
sed 's/ (.*)$//' out >tree
cat >wanted <<EOF
hdd
└─ backup-20240101
   ├─ set
   └─ branch
      └─
EOF
cmp tree wanted || { cat out >&2; fail "the tree"; }
expect 0 maqet --format json snapshot vm list hdd
grep -A1 '"name": "branch"' out | grep -q '"drives": "hdd"' || fail "JSON"
grep -q '"parent": "backup-20240101"' out || fail "no parent in JSON"
grep -q '"kind": "disk"' out || fail "no kind in JSON"
expect 0 maqet snapshot vm list hdd --format table
grep -qE '^NAME +DRIVES +DATE +VM CLOCK +KIND +PARENT +USED' out || fail "no table"

# What another program has made: any name is shown, loaded and deleted; two alike are not.
fill hdd.qcow2 8
qemu-img snapshot -c 'a strange: name' hdd.qcow2
qemu-img snapshot -c -leading hdd.qcow2
fill hdd.qcow2 9
expect 0 maqet snapshot vm load --yes hdd 'a strange: name'
holds hdd.qcow2 8
expect 0 maqet snapshot vm delete hdd 'a strange: name'
expect 0 maqet snapshot vm delete hdd -- -leading
qemu-img snapshot -c twice hdd.qcow2
qemu-img snapshot -c twice hdd.qcow2
expect 0 maqet snapshot vm list hdd
same 2 "$(grep -c '^- twice' out)" "both are shown"
expect 3 maqet snapshot vm load --yes hdd twice
err_has "has 2 snapshots named 'twice'"
err_has "List them: qemu-img snapshot -l '$TMP/hdd.qcow2'"
expect 3 maqet snapshot vm create hdd twice --overwrite
qemu-img snapshot -d twice hdd.qcow2
expect 0 maqet snapshot vm delete hdd twice
# One that another program has deleted leaves the tree, and its children stay.
qemu-img snapshot -d backup-20240101 hdd.qcow2
expect 0 maqet snapshot vm tree hdd
out_has "├─ set"

# Export: the snapshot's content, not the present one.
fill hdd.qcow2 10
expect 0 maqet snapshot vm create hdd exported
fill hdd.qcow2 11
expect 0 maqet snapshot vm export hdd exported out.qcow2 --compress
out_has "It is in $TMP/out.qcow2."
holds out.qcow2 10
same 0 "$(count_snapshots out.qcow2)" "snapshots in the export"
expect 0 maqet snapshot vm export hdd exported out.raw --format raw
same 8388608 "$(stat -c %s out.raw)" "size of the raw image"
! qemu-io -f raw -c 'read -P 10 0 64k' out.raw | grep -q failed || fail "out.raw"
expect 3 maqet snapshot vm export hdd exported out.raw --format raw
err_has "There is already a file $TMP/out.raw"
expect 3 maqet snapshot vm export hdd exported other.raw --format raw --compress
expect 3 maqet snapshot vm export --all exported other.raw
expect 3 maqet snapshot vm export hdd exported "$TMP/nowhere/out.raw"
wrap_qemu_img '*' 'echo "qemu-img: it broke" >&2; exit 1'
expect 1 wrapped maqet snapshot vm export hdd exported broken.raw
err_has "cannot export the snapshot 'exported' to $TMP/broken.raw"
err_has "it broke"
[ -z "$(find . -name '*broken.raw*')" ] || fail "a failed export left something"

# Another maqet's work is waited for, and no longer than told; a list is shown all the same.
wrap_qemu_img 'convert*' ": >'$TMP/converting'; while [ -e '$TMP/converting' ]; do sleep 0.1; done"
wrapped maqet snapshot vm export hdd exported slow.qcow2 >slow.out 2>&1 &
slow=$!
eventually 10 test -e converting
expect 2 maqet snapshot vm create hdd third --lock-timeout 0.1
err_has "VM 'vm'"
err_has "snapshot vm export hdd exported slow.qcow2' (PID "
err_has "--lock-timeout SECONDS"
expect 0 maqet snapshot vm list hdd
out_has '- exported ('
rm converting
wait "$slow" || fail "the export failed: $(cat slow.out)"
holds slow.qcow2 10

# A qemu-img that fails at the second drive: nothing of the set remains.
wrap_qemu_img 'snapshot\ -q\ -c\ *data.qcow2*' 'echo "qemu-img: no luck" >&2; exit 1'
# shellcheck disable=SC2086
expect 1 wrapped maqet snapshot vm create $all broken
err_has "VM 'vm', drive 'data': cannot create the snapshot 'broken'"
err_has "no luck"
expect 0 maqet snapshot vm list
! grep -q broken out || fail "half a set remains"
[ ! -e data/vms/vm/pending.json ] || fail "the operation is still pending"
# Loading goes back as a whole.
fill hdd.qcow2 12
fill data.qcow2 12
wrap_qemu_img 'snapshot\ -q\ -a\ *data.qcow2*' "[ -e '$TMP/broke' ] || {
    : >'$TMP/broke'; echo 'qemu-img: no luck' >&2; exit 1; }"
# shellcheck disable=SC2086
expect 1 wrapped maqet snapshot vm load --yes $all set
err_has "no luck"
err_has "the drives are as they were before"
holds hdd.qcow2 12
holds data.qcow2 12
sound hdd.qcow2 data.qcow2

# Nothing of the snapshots' files is in the way when the machine goes; the images stay. Who has
# waited for it is told that it is gone, or was before.
wrap_qemu_img 'convert*' ": >'$TMP/converting'; while [ -e '$TMP/converting' ]; do sleep 0.1; done"
wrapped maqet snapshot vm export hdd exported last.qcow2 >slow.out 2>&1 &
slow=$!
eventually 10 test -e converting
maqet snapshot vm create hdd waiting >waiting.out 2>&1 &
waiting=$!
maqet rm vm --yes >removing.out 2>&1 &
removing=$!
rm converting
wait "$slow" || fail "the export failed: $(cat slow.out)"
wait "$removing" || fail "the removal failed: $(cat removing.out)"
code=0
wait "$waiting" || code=$?
case $code in
0) ;;
3) grep -q "There is no VM 'vm'" waiting.out || fail "said: $(cat waiting.out)" ;;
*) fail "exit code $code: $(cat waiting.out)" ;;
esac
[ ! -e data/vms/vm ] || fail "the folder remains"
sound hdd.qcow2

# What the guest left, and what it did not get to write: the same in all formats.
consistency() {
    expect 0 maqet snapshot vm create hdd "$1" --overwrite
    out_has "consistency: $2."
    expect 0 maqet --format json snapshot vm create hdd "$1" --overwrite
    grep -q "\"consistency\": \"$3\"" out || fail "not $3: $(cat out)"
}
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
kill -9 "$(vm_pid vm)"
eventually 10 sh -c "'$MAQET' ls | grep -q crashed"
consistency state crash crash
expect 0 maqet start vm
expect 0 maqet qmp vm quit
eventually 10 sh -c "'$MAQET' ls | grep -q stopped"
consistency state 'off, as the guest left it' off
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
consistency state crash crash

# Encrypted and on a base: qemu-img is told all that QEMU is.
printf 'a long passphrase' >key
chmod 600 key
qemu-img create -q -f raw base.raw 4M
vm_yaml other <<EOF
storage:
  - name: hdd
    type: qcow2
    size: 8M
    file: other.qcow2
    backing_file: base.raw
    backing_format: raw
    encryption: {format: luks, key_file: key}
EOF
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
expect 0 maqet snapshot other create hdd one
expect 0 maqet snapshot other create hdd one --overwrite
expect 0 maqet snapshot other load --yes hdd one
expect 0 maqet snapshot other list hdd
out_has '- one ('
expect 0 maqet snapshot other export hdd one plain.qcow2
expect 0 maqet snapshot other delete hdd one
