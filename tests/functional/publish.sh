#!/bin/sh
# SPDX-License-Identifier: MIT
# An image and an export appear whole under their names and take no other file's place: also where
# the file system cannot rename without replacing, where somebody else was quicker, and where two
# exports write to the same name.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace timeout

machine() { # NAME
    vm_yaml "$1" <<END
storage:
  - {name: hdd, type: qcow2, size: 1M, file: images/$1.qcow2}
END
    expect 0 maqet add "$1.yaml"
}
# whole NAME...: the files, and nothing else, are in the folder of images.
whole() {
    same "$*" "$(find images -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/^ //; s/ $//')" \
        "the images"
}
halt() {
    expect 0 maqet stop "$1" --timeout 0 --force
}

# ---- without RENAME_NOREPLACE

for number in EINVAL ENOSYS; do
    machine one
    expect 0 traced renameat2 error=$number start one
    grep -q "$number.*INJECTED" trace || fail "renameat2 was not called"
    halt one
    sound images/one.qcow2
    whole one.qcow2
    fill images/one.qcow2 1
    expect 0 maqet snapshot one create hdd s
    expect 0 traced renameat2 error=$number snapshot one export hdd s images/out.raw --format raw
    same "$(sha256sum <images/out.raw)" "$(qemu-img convert -f qcow2 -O raw images/one.qcow2 right &&
        sha256sum <right)" "what was exported"
    whole one.qcow2 out.raw
    rm images/out.raw

    # The name was taken at the last moment.
    wrap_qemu_img '*convert*' "echo mine >'$TMP/images/out.raw'"
    expect 3 wrapped traced renameat2 error=$number snapshot one export hdd s images/out.raw --format raw
    err_has "There is already a file $TMP/images/out.raw"
    same mine "$(cat images/out.raw)" "the file that was there"
    whole one.qcow2 out.raw
    rm images/out.raw

    machine two
    qemu-img create -q -f qcow2 theirs 1M
    fill theirs 7
    wrap_qemu_img '*create*' "cp '$TMP/theirs' '$TMP/images/two.qcow2'"
    expect 0 wrapped traced renameat2 error=$number start two
    halt two
    holds images/two.qcow2 7
    whole one.qcow2 two.qcow2
    expect 0 maqet rm one --delete-storage --yes
    expect 0 maqet rm two --yes
    rm images/two.qcow2
done

# Another error is one.
machine one
expect 1 traced renameat2 error=EIO start one
err_has "cannot put the new image into place at $TMP/images/one.qcow2: Input/output error"
whole

# ---- two exports to the same name

rm -rf images/*
machine two
for vm in one two; do
    expect 0 maqet start $vm
    halt $vm
done
fill images/one.qcow2 1
fill images/two.qcow2 2
expect 0 maqet snapshot one create hdd s
expect 0 maqet snapshot two create hdd s

# The first one is held while it converts.
mkfifo go
wrap_qemu_img '*convert*' ": >'$TMP/converting'; cat '$TMP/go' >/dev/null"
begin_first() { # [VM]
    rm -f converting
    wrapped timeout 300 "$MAQET" snapshot "${1:-one}" export hdd s images/out.qcow2 >first 2>&1 &
    first=$!
    eventually 60 test -e converting
}
first_ends() { # [NUMBER]
    : >go
    wait $first || { cat first >&2; fail "the first export failed"; }
    sound images/out.qcow2
    holds images/out.qcow2 "${1:-1}"
    whole one.qcow2 out.qcow2 two.qcow2
}
begin_first
expect 1 maqet snapshot two export hdd s images/out.qcow2
err_has "Another export to $TMP/images/out.qcow2 is under way"
first_ends
rm images/out.qcow2

# The second one has opened the temporary file just before that becomes the finished one.
begin_first
# shellcheck disable=SC2016 # for the inner shell
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P .out.qcow2.maqet-new -e trace=openat \
    -e inject=openat:signal=STOP:when=1 \
    sh -c 'echo $$ >pid; exec "$@"' sh "$MAQET" snapshot two export hdd s images/out.qcow2 \
    >second 2>&1 &
second=$!
eventually 60 grep -q '^--- stopped by SIGSTOP' trace
first_ends
kill -CONT "$(cat pid)"
code=0
wait $second || code=$?
same 3 $code "exit code of the second export"
grep -q "There is already a file $TMP/images/out.qcow2" second || { cat second >&2; fail "not said to be there"; }
holds images/out.qcow2 1
whole one.qcow2 out.qcow2 two.qcow2

# ---- a killed export and what has its temporary name since

# Killed before it could write down which file it had made.
leave_unfinished() {
    rm -f images/out.qcow2
    expect 137 env ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/images/.out.qcow2.maqet-new" \
        -e trace=fcntl -e inject=fcntl:signal=KILL:when=1 \
        "$MAQET" snapshot one export hdd s images/out.qcow2
    [ -e images/.out.qcow2.maqet-new ] || fail "nothing is left of the export"
}
leave_unfinished
expect 0 maqet recover one
err_has "deleted $TMP/images/.out.qcow2.maqet-new, which an interrupted export had left behind"
whole one.qcow2 two.qcow2
# Somebody has written to it, so it is nothing that the export has left.
leave_unfinished
echo mine >images/.out.qcow2.maqet-new
expect 0 maqet recover one
err_lacks "removed"
same mine "$(cat images/.out.qcow2.maqet-new)" "the file that somebody has written to"
rm images/.out.qcow2.maqet-new
# Another export is about to write to it.
leave_unfinished
begin_first two
expect 0 maqet recover one
err_lacks "removed"
first_ends 2

# ---- a disk that fails

# The journal of an operation has its name, and the folder cannot be written to the disk: nothing is
# begun, and nothing is left that a later command would finish.
expect 1 env ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/data/vms/one" \
    -e trace=fsync -e inject=fsync:error=EIO:when=1 "$MAQET" snapshot one create hdd new
err_has "Cannot write the folder $TMP/data/vms/one"
err_has "Input/output error"
grep -q INJECTED trace || fail "the folder was not written to the disk"
[ ! -e data/vms/one/pending.json ] || fail "the journal is left"
expect 0 maqet snapshot one list hdd
err_lacks "interrupted"
! grep -q new out || fail "a snapshot was made"
