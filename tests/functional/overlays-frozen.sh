#!/bin/sh
# SPDX-License-Identifier: MIT
# Whatever becomes of a merge of overlays, what nobody writes to afterwards is frozen, and it is recorded what is in
# it: a merge that fails, one that is killed, and one that is killed while the images on it get another
# backing name. What has changed then is noticed, and what has not is no reason to refuse anything.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

tree=hdd.raw.maqet/tree.json
top() { sed -n 's/^  "top":\([0-9]*\),*$/\1/p' $tree; }
write() { # NUMBER
    qemu-io -f qcow2 "hdd.raw.maqet/$(top).qcow2" -c "write -P $1 $(($1 * 64))k 64k" >out 2>&1 || fail "$(cat out)"
}
# The nodes without a checksum, and the files that may be written to.
unknown() { awk -F '[:,]' '$1 ~ /"id"/ { if (id != "" && !known) print id; id = $2; known = 0 }
    /"checksum"/ { known = 1 } END { if (!known) print id }' $tree | tr -d ' '; }
frozen() {
    same "$(top)" "$(unknown)" "$1: nodes of which it is not known what is in them"
    same "hdd.raw.maqet/$(top).qcow2" "$(find hdd.raw hdd.raw.maqet -perm /222 ! -name '*.json' ! -type d)" "$1: files that may be written to"
}
shows() { # WHAT NUMBER...
    what=$1
    shift
    qemu-img convert -f qcow2 -O raw "hdd.raw.maqet/$(top).qcow2" got.raw
    for number; do
        ! qemu-io -r -f raw -c "read -P $number $((number * 64))k 64k" got.raw | grep failed || fail "$what: $number is lost"
    done
}
starts() {
    expect 0 maqet start vm
    expect 0 maqet stop vm --timeout 0 --force
}
# maqet, which the qemu-img that it runs may kill.
killable() {
    wrapped sh -c 'echo $$ >pid; exec "$@"' sh "$MAQET" "$@" >out 2>err
}
# What has changed is noticed: node 0 has no checksum by a mistake, if it is not.
notices() {
    cp -p hdd.raw kept.raw
    chmod 600 hdd.raw
    printf x | dd of=hdd.raw conv=notrunc bs=1 seek=1000 status=none
    expect 3 maqet start vm
    err_has "hdd.raw, on which other images stand"
    rm hdd.raw
    mv kept.raw hdd.raw
}

# hdd.raw is a, 1 is b, on which c (3) and the present state (7) stand.
qemu-io -f raw -c 'write -P 1 64k 64k' hdd.raw >out
expect 0 maqet snapshot vm create hdd a
write 2
expect 0 maqet snapshot vm create hdd b
write 3
expect 0 maqet snapshot vm create hdd c
expect 0 maqet snapshot vm load hdd b --yes
write 4
frozen "at first"
shows "at first" 1 2 4
cp -pr hdd.raw hdd.raw.maqet images
again() {
    rm -rf hdd.raw hdd.raw.maqet
    cp -pr images/hdd.raw images/hdd.raw.maqet .
}

# A merge that fails.
wrap_qemu_img '"commit "*' 'exit 1'
expect 1 wrapped maqet snapshot vm delete hdd a
frozen "after a merge that failed"
shows "after a merge that failed" 1 2 4
starts
notices

# One that was killed, and the recovery cannot repeat it; or nothing recovers it before the next start.
wrap_qemu_img '"commit "*' "kill -KILL \$(cat '$TMP/pid'); exit 1"
again
code=0
killable snapshot vm delete hdd a || code=$?
same 137 $code "the exit code"
[ "$(unknown | wc -l)" -gt 1 ] || fail "the merge was not about to write"
wrap_qemu_img '"commit "*' 'exit 1'
expect 0 wrapped maqet recover vm
err_has 'cannot merge'
frozen "after a recovery that failed"
shows "after a recovery that failed" 1 2 4
starts
notices
again
wrap_qemu_img '"commit "*' "kill -KILL \$(cat '$TMP/pid'); exit 1"
code=0
killable snapshot vm delete hdd a || code=$?
same 137 $code "the exit code"
expect 0 maqet recover vm --forget --yes
starts
frozen "after a start"
notices

# The first of the images on what is merged gets the other name, the second one does not.
for way in 'exit 1' "kill -KILL \$(cat '$TMP/pid'); exit 1"; do
    again
    wrap_qemu_img '"rebase "*7.qcow2*' "$way"
    code=0
    killable snapshot vm delete hdd a || code=$?
    [ $code -ne 0 ] || fail "$way: the merge did not fail"
    # Nobody else has changed c, so it can be loaded, as can what it stands on.
    if [ $code -eq 137 ]; then expect 0 maqet recover vm --forget --yes; fi
    expect 0 maqet snapshot vm load hdd c --yes
    shows "$way" 1 2 3
    starts
    [ -e hdd.raw.maqet/tree.json ] && frozen "$way"
    expect 0 maqet snapshot vm delete hdd b
    expect 0 maqet snapshot vm delete hdd c
    [ ! -e hdd.raw.maqet ] || fail "$way: left: $(ls hdd.raw.maqet)"
    for number in 1 2 3; do
        ! qemu-io -r -f raw -c "read -P $number $((number * 64))k 64k" hdd.raw | grep failed || fail "$way: $number is lost"
    done
done
