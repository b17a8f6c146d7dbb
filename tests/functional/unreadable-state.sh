#!/bin/sh
# SPDX-License-Identifier: MIT
# A file of maqet's own that cannot be read at the moment (too many open files, an I/O error)
# is an error, and is never taken for one that is damaged or not there: what it says stays.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required
requires strace

qemu-img create -q -f qcow2 base.qcow2 1M
vm_yaml vm <<EOF
storage:
  - {name: hdd, size: 1M, file: disk.qcow2, backing_file: base.qcow2, backing_format: qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd one
folder=data/vms/vm

# without FILE ERROR ARGUMENT...: the command cannot open the file, fails and says so, and
# the file stays what it was.
without() {
    file=$1
    error=$2
    shift 2
    cp "$file" saved
    code=0
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/$file" -e trace=openat \
        -e "inject=openat:error=$error" "$MAQET" "$@" >out 2>err || code=$?
    [ "$code" -ne 0 ] || fail "succeeded without $file: $*"
    err_has "$file: "
    cmp -s "$file" saved || fail "$file was changed: $*"
}
for error in EMFILE EIO ENOMEM; do
    without $folder/snapshots.json $error snapshot vm create hdd two
    same 1 "$(count_snapshots disk.qcow2)" "snapshots"
    without $folder/snapshots.json $error snapshot vm delete hdd one
    without $folder/snapshots.json $error snapshot vm load hdd one --yes
    without $folder/images.json $error start vm
    without $folder/vm.json $error start vm
    same stopped "$(vm_status vm)"
done
same 1 "$(count_snapshots disk.qcow2)" "snapshots"

# What came of which snapshot is not shown as if nothing were known, without a word.
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/$folder/snapshots.json" -e trace=openat \
    -e inject=openat:error=EMFILE "$MAQET" snapshot vm list >out 2>err || fail "nothing is listed"
grep -q '^- one' out || fail "the snapshot is not listed"
err_has "$folder/snapshots.json: "

# The memory of a checkpoint that cannot be opened now is not lost: nobody is told to delete it.
expect 0 maqet start vm
expect 0 maqet checkpoint vm create ready
expect 0 maqet stop vm --timeout 0 --force
for error in EMFILE EIO EACCES; do
    without $folder/checkpoints/ready.state $error checkpoint vm load ready --yes
    err_lacks "memory is lost"
    err_lacks "delete"
done
mv $folder/checkpoints/ready.state saved.state
expect 3 maqet checkpoint vm load ready --yes
err_has "The guest's memory is lost"
mv saved.state $folder/checkpoints/ready.state
expect 0 maqet checkpoint vm delete ready

# Which exports are unfinished.
echo '[{"path": "/somewhere/else"}]' >$folder/exports.json
without $folder/exports.json EMFILE snapshot vm export hdd one out.qcow2
grep -q /somewhere/else $folder/exports.json || fail "an export was forgotten"
rm $folder/exports.json

# A journal that cannot be read is there all the same.
expect 137 traced rename signal=KILL:when=1 snapshot vm create hdd three
[ ! -e $folder/pending.json ] || fail "there is a journal before the rename"
expect 137 traced fsync signal=KILL:when=2 snapshot vm create hdd three
[ -e $folder/pending.json ] || fail "there is no journal"
without $folder/pending.json EMFILE snapshot vm create hdd four
without $folder/pending.json EIO start vm
for error in EMFILE EIO; do
    without $folder/pending.json $error recover vm --forget --yes
done
expect 0 maqet recover vm

# unlisted FOLDER WHEN: rm, which cannot list a folder of the machine's, removes nothing.
echo mine >$folder/mine
mkdir -p $folder/checkpoints
unlisted() {
    find $folder | sort >before
    code=0
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/$1" -e trace=openat,getdents64 \
        -e "inject=$2:error=EIO" "$MAQET" rm vm --yes >out 2>err || code=$?
    [ "$code" -ne 0 ] || fail "removed a machine without a look at $1"
    err_has "Cannot read $TMP/$1"
    find $folder | sort | cmp - before || fail "something was removed: $1"
}
unlisted $folder getdents64
rm $folder/mine
unlisted $folder/checkpoints getdents64

# The record of what runs beside QEMU.
printf '1 1\n' >run/vm/helpers
for error in EMFILE EIO; do
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P helpers -e trace=openat \
        -e inject=openat:error=$error "$MAQET" stop vm
    [ -e run/vm/helpers ] || fail "the record was removed unread"
done
expect 0 maqet stop vm
[ ! -e run/vm/helpers ] || fail "the record is left"

# A backing file that cannot be read when it is to be recorded.
rm $folder/images.json
code=0
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/base.qcow2" -e trace=openat \
    -e inject=openat:error=EMFILE:when=2+ "$MAQET" start vm >out 2>err || code=$?
[ "$code" -ne 0 ] || fail "started without a record of the base"
err_has "cannot read the backing file $TMP/base.qcow2"

# One that is damaged gives way, and is kept.
echo '{"drives": {"hdd": {"now": "1@' >$folder/snapshots.json
cp $folder/snapshots.json saved
expect 0 maqet snapshot vm create hdd five
err_has "is damaged"
cmp -s saved $folder/snapshots.json.damaged || fail "the damaged file is not kept"
expect 0 maqet rm vm --force
[ ! -e $folder ] || fail "something is left of the machine"

# Whose a run folder is cannot be read: it stays with the machine that runs in it.
vm_yaml own <<END
storage:
  - {name: hdd, size: 1M, file: first.qcow2}
END
expect 0 maqet -q add own.yaml
expect 0 maqet -q start own
# A copy of the data folder has a machine with the same UUID.
cp -a data second
cp run/own/owner saved
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/run/own/owner" -e trace=openat \
    -e inject=openat:error=EMFILE "$MAQET" -q --data-dir "$TMP/second" start own >out 2>err &&
    fail "two machines have one image"
grep -q INJECTED trace || fail "the file was not looked at"
cmp -s run/own/owner saved || fail "the run folder of a running machine was taken"
same running "$(vm_status own)" "status"
expect 0 maqet qmp own query-status
