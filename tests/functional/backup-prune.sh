#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet backup prune: exactly the chosen backups stay, whatever they stand on; what it does not know is
# not deleted; and wherever it is killed, those that stay can be read by qemu-img at any time.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/backup-image-functions.sh"
requires qemu-img qemu-io strace perl

add_web
make_five
for number in 1 2 3 4 5; do shows b $number "$(state $number)"; done
same "1 2 3 4 5 " "$(complete b)" "the backups"
cp -a b whole

# as_chosen FOLDER NUMBER...: these stay, and are sound; the folder has nothing else.
as_chosen() {
    folder=$1
    shift
    same "$* " "$(complete "$folder")" "what is left"
    for number; do shows "$folder" "$number" "$(state "$number")"; done
    expect 0 maqet backup web verify "$folder"
    for number; do sound "$(of "$folder" "$number")"; done
    same "$#" "$(find "$folder/web" -mindepth 1 -maxdepth 1 -type d | wc -l)" "folders"
    [ ! -e "$folder/web/.pruning.json" ] || fail "the record is left"
}

# ---- what it is told ----

expect 3 maqet backup web prune b
err_has "Give --keep N"
expect 3 maqet backup web prune b --keep 0
expect 3 maqet backup web prune b --keep -1
expect 3 maqet backup web prune nowhere --keep 1
expect 3 maqet backup other prune b --keep 1

expect 0 maqet backup web prune b --keep 2 --dry-run
out_has "$(id 3) of VM 'web' would be deleted, and merged"
out_has "$(id 4) of VM 'web' would stay"
as_chosen b 1 2 3 4 5
diff -r b whole || fail "--dry-run changes something"

# ---- chains ----

expect 0 maqet backup web prune b --keep 7
as_chosen b 1 2 3 4 5
expect 0 maqet backup web prune b --keep 4
as_chosen b 2 3 4 5
expect 0 maqet backup web prune b --keep 2
as_chosen b 4 5
expect 0 maqet backup web prune b --keep 1
as_chosen b 5
expect 0 maqet backup web prune b --keep 1
as_chosen b 5
same "" "$(qemu-img info "$(of b 5)" | grep backing || :)" "what the last one names"

# Several machines, each with its own backups.
rm -r b
cp -a whole b
cp -a whole/web b/web2
sed -i 's/"vm": "web"/"vm": "web2"/' b/web2/*/manifest.json
expect 0 maqet backup web2 prune b --keep 3
as_chosen b 1 2 3 4 5
same 3 "$(find b/web2 -name manifest.json | wc -l)" "backups of the other VM"
rm -r b/web2

# A full one between: what is older is deleted without being read or merged.
rm -r b
cp -a whole b
make_backup 6 '' 6666666666666666
make_backup 7 6 7---------------
state6=6666666666666666 state7=7666666666666666
expect 0 maqet backup web prune b --keep 2
as_chosen b 6 7
out_lacks merged

# Two increments on one backup, as after an interrupted one.
rm -r b
cp -a whole b
make_backup 6 3 ----6-----------
state6=1213603000000000
expect 0 maqet backup web prune b --keep 3
as_chosen b 4 5 6

# Drives with chains of their own.
rm -r b
cp -a whole b
data1=9999999999999999 data3=9999999999999993 data5=9999999999999953
make_image 1 '' $data1 data
make_manifest 1 "$(image_row 1 '')" "$(image_row 1 '' data)"
make_image 3 1 ---------------3 data
make_manifest 3 "$(image_row 3 2)" "$(image_row 3 1 data)"
make_image 5 3 --------------5- data
make_manifest 5 "$(image_row 5 4)" "$(image_row 5 3 data)"
expect 0 maqet backup web verify b
cp -a b two
expect 0 maqet backup web prune b --keep 3
as_chosen b 3 4 5
shows b 3 $data3 data
shows b 5 $data5 data
expect 0 maqet backup web prune b --keep 1
as_chosen b 5
shows b 5 $data5 data
rm -r b
mv two b
expect 0 maqet backup web prune b --keep 2
as_chosen b 4 5
shows b 5 $data5 data

# The files may be read-only; and a larger disk is as large afterwards.
rm -r b
cp -a whole b
qemu-img resize -q "$(of b 4)" 2M
make_manifest 4 "$(image_row 4 3)"
qemu-img resize -q "$(of b 5)" 2M
make_manifest 5 "$(image_row 5 4)"
chmod 400 b/web/*/hdd.qcow2
expect 0 maqet backup web prune b --keep 2
same "4 5 " "$(complete b)" "what is left"
expect 0 maqet backup web verify b
qemu-img convert -O raw "$(of b 5)" shown.raw
{ disk $state5; head -c $((blocks * block)) /dev/zero; } | cmp - shown.raw ||
    fail "the larger one is not as it was"

# ---- damage ----

# A damaged one does not count; an old one goes.
rm -r b
cp -a whole b
rm "$(of b 5)"
expect 0 maqet backup web prune b --keep 2
out_has "$(id 5) of VM 'web': stays: it is damaged, so it does not count"
same "3 4 " "$(complete b)" "what is left"
shows b 3 $state3
shows b 4 $state4
# If it stands on one, that stays.
rm -r b
cp -a whole b
make_backup 6 '' 6666666666666666
make_backup 7 '' 7777777777777777
rm "$(of b 5)"
mv "b/web/$(id 5)" "b/web/$(id 8)"
sed -i "s/$(id 5)/$(id 8)/" "b/web/$(id 8)/manifest.json"
expect 0 maqet backup web prune b --keep 1
out_has "the damaged backup $(id 8) stands on it"
same "4 7 " "$(complete b)" "what is left"
shows b 4 $state4

# A merge would hide that an image has changed.
for changed in 1 2 3 4; do
    rm -r b
    cp -a whole b
    printf x | dd of="$(of b $changed)" bs=1 seek=350000 conv=notrunc 2>/dev/null
    cp -a b changed
    expect 3 maqet backup web prune b --keep 2
    err_has "$(id $changed)/hdd.qcow2 has changed since it was written"
    diff -r -x .lock b changed || fail "something was changed"
    rm -r changed
done

# Of one that cannot be read it is not known what it stands on.
rm -r b
cp -a whole b
echo '{' >"b/web/$(id 4)/manifest.json"
expect 3 maqet backup web prune b --keep 1
err_has "it may stand on those that would be deleted"
same "1 2 3 " "$(complete b)" "what is left"

# ---- what others have put there ----

rm -r b
cp -a whole b
mkdir b/web/notes b/web/20260101T000000 b/other b/web/.20260101T000000Z.mine
echo text | tee b/web/notes/file b/web/20260101T000000/file b/other/file b/web/README b/web/.20260101T000000Z.mine/file >/dev/null
mkdir target
cp -a "b/web/$(id 1)/." target
ln -s "$TMP/target" "b/web/20250101T000000Z"
mkdir "b/web/.20260101T000099Z.maqet-new" "b/web/.$(id 9).maqet-new"
expect 0 maqet backup web list b
err_has ".$(id 9).maqet-new was left by an interrupted command"
expect 0 maqet backup web prune b --keep 1
same "5 " "$(complete b)" "what is left"
for path in web/notes/file web/20260101T000000/file other/file web/README web/.20260101T000000Z.mine/file \
    web/20250101T000000Z/hdd.qcow2; do
    [ -e "b/$path" ] || fail "deleted: $path"
done
[ ! -e "b/web/.$(id 9).maqet-new" ] || fail "what was left is not deleted"

# ---- killed anywhere ----

# kill_sweep CALL STRIDE KEEP NUMBER...: killed at each such system call (or each third, say), those
# that stay can be read at once, a list does not fail, and the next command ends it.
kill_sweep() {
    call=$1
    stride=$(($2 * ${MAQET_TEST_STRIDE:-3}))
    keep=$3
    shift 3
    at=1
    while :; do
        rm -rf b
        cp -a whole b
        code=0
        traced "$call" "signal=KILL:when=$at" backup web prune b --keep "$keep" >out 2>err || code=$?
        [ $code -ne 0 ] || break
        [ $code -eq 137 ] || fail "$call $at: exit code $code: $(cat err)"
        what="killed at $call $at"
        note_step "$what"
        for number; do shows b "$number" "$(state "$number")"; done
        # Also in a copy that nothing is written to.
        maqet backup web verify b >out 2>err || :
        for number; do
            grep -q "$(id "$number") of VM 'web': sound" out || fail "$what: $number is not sound: $(cat out)"
        done
        expect 0 maqet backup web prune b --keep "$keep"
        same "$* " "$(complete b)" "$what: what is left"
        for number; do shows b "$number" "$(state "$number")"; done
        at=$((at + stride))
    done
    echo "$call: killed up to the number $at"
    as_chosen b "$@"
}
kill_sweep rename 1 2 4 5
kill_sweep unlink 1 2 4 5
kill_sweep fsync 3 2 4 5
kill_sweep clone 3 2 4 5
kill_sweep openat 67 2 4 5
rm -rf b
cp -a whole b
make_backup 6 3 ----6-----------
rm -rf whole
cp -a b whole
kill_sweep rename 1 3 4 5 6

# Killed while qemu-img writes.
rm -rf b
cp -a whole b
wrap_qemu_img 'commit*' 'dd if=/dev/zero bs=1 count=0 2>/dev/null; kill -KILL $PPID; sleep 1'
code=0
wrapped maqet backup web prune b --keep 3 >out 2>err || code=$?
[ "$code" -ne 0 ] || fail "it was not killed"
for number in 4 5 6; do shows b "$number" "$(state "$number")"; done
expect 0 maqet backup web prune b --keep 3
as_chosen b 4 5 6
