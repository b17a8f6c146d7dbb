#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet backup restore: the drives are what they were; what they had before is kept; and wherever it is
# killed, each drive has the image of before or the restored one, and the next command ends it.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/backup-image-functions.sh"
qemu_required
requires qemu-img qemu-io strace perl

present=8888888888888888
# The present images: hdd is qcow2, data raw.
images() {
    rm -f hdd.qcow2* data.raw* .hdd* .data*
    make_image 90 '' $present
    mv "$(of b 90)" hdd.qcow2
    rm -r "b/web/$(id 90)"
    disk $present >data.raw
}
# holds_state IMAGE FORMAT DIGITS
holds_state() {
    qemu-img convert -f "$2" -O raw "$1" shown.raw || fail "$1 cannot be read"
    disk "$3" | cmp -s - shown.raw || fail "$1 does not hold $3"
}

vm_yaml web <<END
network: {mac: "52:54:00:11:22:33"}
ports: ["127.0.0.1:42122:22"]
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, size: $((block * blocks))}
- {name: data, type: raw, file: data.raw, size: $((block * blocks))}
END
expect 0 maqet add web.yaml
make_five
data4=9999999999999994
make_image 4 '' $data4 data
make_manifest 4 "$(image_row 4 3)" "$(image_row 4 '' data)"
expect 0 maqet backup web verify b
cp -a b whole
images

# ---- one by one ----

expect 0 maqet backup web restore b "$(id 4)"
out_has "Its former image is kept: $TMP/hdd.qcow2.before-restore"
holds_state hdd.qcow2 qcow2 $state4
holds_state data.raw raw $data4
holds_state hdd.qcow2.before-restore qcow2 $present
holds_state data.raw.before-restore raw $present
diff -r b whole || fail "the backups have changed"
# Without an ID, it is the last one; and no former image is lost.
expect 0 maqet backup web restore b
out_has hdd.qcow2.before-restore-2
holds_state hdd.qcow2 qcow2 $state5
holds_state hdd.qcow2.before-restore-2 qcow2 $state4
holds_state hdd.qcow2.before-restore qcow2 $present
expect 0 maqet backup web restore b "$(id 4)" --drive data
out_lacks hdd
holds_state hdd.qcow2 qcow2 $state5
# A missing image, and one that is not an image any more.
images
rm hdd.qcow2
echo nothing >data.raw
expect 0 maqet backup web restore b "$(id 4)"
holds_state hdd.qcow2 qcow2 $state4
holds_state data.raw raw $data4
same nothing "$(cat data.raw.before-restore)" "the kept one"
# It can be started.
expect 0 maqet start web
expect 3 maqet backup web restore b
err_has "is running"
expect 0 maqet stop web --timeout 0 --force

# ---- refused ----

images
as_before() {
    holds_state hdd.qcow2 qcow2 $present
    holds_state data.raw raw $present
    same "" "$(find . -maxdepth 1 -name '*before-restore*' -o -maxdepth 1 -name '.*maqet*')" "what is left"
}
expect 3 maqet backup web restore b "$(id 5)" --drive data
err_has "has no drive 'data'"
expect 3 maqet backup web restore b 20200101T000000Z
expect 3 maqet backup other restore b
printf x | dd of="$(of b 2)" bs=1 seek=350000 conv=notrunc 2>/dev/null
expect 3 maqet backup web restore b
err_has "has changed: its checksum"
err_has "Others that are complete"
as_before
rm "$(of b 2)"
expect 3 maqet backup web restore b --trust
err_has "is missing"
as_before
rm -r b
cp -a whole b
expect 0 maqet snapshot web create hdd mine
expect 3 maqet backup web restore b
err_has "it has snapshots ('mine')"
err_has "--to"
expect 0 maqet snapshot web delete hdd mine
as_before
# Another VM stands on the image, so its drive is an overlay, though it has no snapshot.
vm_yaml layered <<END
storage:
- {name: hdd, type: raw, file: layered.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add layered.yaml
expect 0 maqet start layered
expect 0 maqet stop layered --timeout 0 --force
expect 0 maqet backup layered create l
expect 0 maqet clone layered linked --linked
sum=$(sha256sum layered.raw)
expect 3 maqet backup layered restore l
err_has "its state is in overlays"
err_has "--to"
same "$sum" "$(sha256sum layered.raw)" "the image"
for vm in linked layered; do
    expect 0 maqet start $vm
    expect 0 maqet stop $vm --timeout 0 --force
    expect 0 maqet rm $vm --delete-storage --yes
done
# An image that appears in the place of a missing one while maqet is dead is the user's.
refusals=0
for when in 1 2 3 4 5 6; do
    images
    rm hdd.qcow2
    code=0
    traced renameat2 "signal=KILL:when=$when" backup web restore b "$(id 4)" --drive hdd >out 2>err || code=$?
    [ $code -eq 137 ] || break
    echo precious >hdd.qcow2
    code=0
    "$MAQET" recover web >out 2>err || code=$?
    same precious "$(cat hdd.qcow2)" "what appeared"
    if [ $code -ne 0 ]; then
        err_has "It appeared while the drive was restored"
        refusals=$((refusals + 1))
    fi
    rm hdd.qcow2
    expect 0 maqet recover web
done
[ $refusals -ge 1 ] || fail "nothing was refused: $when"
rm -f hdd.qcow2 hdd.qcow2.before-restore*
images

# ---- as a new VM ----

images
uuid_before=$(uuid)
expect 0 maqet backup web restore b "$(id 4)" --to copy --folder copies
out_has "Restored drive 'hdd' of VM 'copy'"
err_has "VM 'copy' has other forwarded ports than VM 'web': tcp 127.0.0.1:42122 -> "
holds_state copies/hdd.qcow2 qcow2 $state4
holds_state copies/data.raw raw $data4
as_before
same "" "$(ls -A copies | grep -v -e '^hdd.qcow2$' -e '^data.raw$' || :)" "what else is there"
[ "$uuid_before" != "$(sed -n 's/^  "uuid":"\(.*\)",/\1/p' data/vms/copy/vm.json)" ] || fail "the same UUID"
expect 0 maqet args copy
out_has 'hostfwd=tcp:127.0.0.1:'
out_lacks 42122
expect 0 maqet start web copy
expect 0 maqet stop web copy --timeout 0 --force
as_before
expect 3 maqet backup web restore b --to copy --folder other
err_has "There is already a VM 'copy'"
expect 3 maqet backup web restore b --to more --folder copies
err_has "is not empty"
expect 0 maqet rm copy --yes --delete-storage
same "" "$(ls -A copies)" "images of the removed VM"
# On another host, where the VM never existed; by default beside where it is called.
export MAQET_DATA_DIR="$TMP/data2"
mv hdd.qcow2 hidden.qcow2
cp -r b elsewhere
expect 0 maqet backup web restore elsewhere "$(id 5)" --to alone
holds_state alone/hdd.qcow2 qcow2 $state5
err_has "VM 'alone' does not get the drive 'data', which is not restored"
expect 0 maqet start alone
expect 0 maqet args alone
out_lacks 52:54:00:11:22:33
out_has 'hostfwd=tcp:127.0.0.1:42122-'
expect 0 maqet stop alone --timeout 0 --force
expect 0 maqet rm alone --yes --delete-storage
rmdir alone
# Killed anywhere, it is complete or, with the next command, nothing is left of it.
undone=0
complete_or_nothing() { # WHAT
    if [ -e data2/vms/alone/pending.json ]; then
        undone=$((undone + 1))
        maqet start alone >out 2>err && fail "$1: an incomplete VM was started"
        err_has "restoring of a new VM from backup '$(id 4)' was interrupted; nothing is left of it"
    elif [ -e data2/vms/alone ]; then
        holds_state alone/hdd.qcow2 qcow2 $state4
        holds_state alone/data.raw raw $data4
        expect 0 maqet rm alone --yes --delete-storage
        rmdir alone
    fi
    [ ! -e data2/vms/alone ] || fail "$1: the VM is left"
    [ ! -e alone ] || fail "$1: the folder is left: $(ls -A alone)"
}
for call in rename fsync clone mkdir unlink; do
    at=1
    while :; do
        code=0
        note_step "a new VM, killed at $call $at"
        traced "$call" "signal=KILL:when=$at" backup web restore b "$(id 4)" --to alone >out 2>err || code=$?
        [ $code -eq 137 ] || [ $code -eq 0 ] || fail "$call $at: exit code $code: $(cat err)"
        complete_or_nothing "$call $at"
        [ $code -ne 0 ] || break
        at=$((at + ${MAQET_TEST_STRIDE:-3}))
    done
    echo "a new VM, $call: killed up to the number $at"
done
[ $undone -ge 5 ] || fail "hardly ever killed in the middle"
# The next one of the same name finds nothing of it; an interrupted and a failed one leave nothing themselves.
traced fsync "signal=KILL:when=9" backup web restore b "$(id 4)" --to alone >out 2>err && fail "not killed"
[ -e data2/vms/alone/pending.json ] || fail "not killed in the middle"
expect 0 maqet backup web restore b "$(id 4)" --to alone
holds_state alone/hdd.qcow2 qcow2 $state4
expect 0 maqet rm alone --yes --delete-storage
rmdir alone
code=0
traced fsync "signal=INT:when=9" backup web restore b "$(id 4)" --to alone >out 2>err || code=$?
[ $code -eq 130 ] || fail "interrupted: exit code $code"
complete_or_nothing interrupted
wrap_qemu_img '*convert*' 'echo "No space left on device" >&2; exit 1'
mkdir alone
expect 1 wrapped maqet backup web restore b "$(id 4)" --to alone
[ -d alone ] || fail "a folder that was there is gone"
rmdir alone
complete_or_nothing failed
export MAQET_DATA_DIR="$TMP/data"
rm -r b elsewhere
cp -a whole b
images

# ---- in place, killed ----

for call in rename link fsync clone openat; do
    case $call in
    openat) stride=149 ;;
    clone | fsync) stride=7 ;;
    *) stride=${MAQET_TEST_STRIDE:-3} ;;
    esac
    at=1
    while :; do
        images
        code=0
        traced "$call" "signal=KILL:when=$at" backup web restore b "$(id 4)" >out 2>err || code=$?
        [ $code -ne 0 ] || break
        [ $code -eq 137 ] || fail "$call $at: exit code $code: $(cat err)"
        note_step "killed at $call $at"
        # The next command.
        expect 0 maqet recover web
        if [ -e hdd.qcow2.before-restore ]; then
            holds_state hdd.qcow2 qcow2 $state4
            holds_state data.raw raw $data4
            holds_state hdd.qcow2.before-restore qcow2 $present
            holds_state data.raw.before-restore raw $present
        else
            as_before
        fi
        same "" "$(find . -maxdepth 1 -name '.*maqet*')" "$call $at: what is left"
        expect 0 maqet backup web restore b "$(id 4)"
        holds_state hdd.qcow2 qcow2 $state4
        at=$((at + stride))
    done
    echo "$call: killed up to the number $at"
done
