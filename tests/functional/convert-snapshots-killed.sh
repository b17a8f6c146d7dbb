#!/bin/bash
# SPDX-License-Identifier: MIT
# maqet is killed at steps of the conversion of snapshots: the next command finds them as they were, or
# converted, with all that they hold; nothing is left of the others.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

vm_yaml web <<END
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, size: 1M}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force
number=0
for name in one two three; do
    number=$((number + 1))
    qemu-io -f qcow2 -c "write -q -P $number 0 $((number * 64))k" hdd.qcow2
    expect 0 maqet snapshot web create hdd $name
    [ $name != two ] || expect 0 maqet snapshot web load hdd one --yes
done
qemu-io -f qcow2 -c "write -q -P 9 512k 64k" hdd.qcow2

top_of() {
    local id
    id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' hdd.qcow2.maqet/tree.json 2>/dev/null)
    if [ "${id:-0}" = 0 ]; then echo hdd.qcow2; else echo "hdd.qcow2.maqet/$id.qcow2"; fi
}
# The image or overlay that a snapshot is.
node_of() {
    local file
    file=$(tr -d ' \n' <hdd.qcow2.maqet/tree.json | tr '{' '\n' | grep "\"snapshot\":\"$1\"" |
        sed -n 's/.*"file":"\([^"]*\)".*/\1/p')
    echo "hdd.qcow2${file:+.maqet/$file}"
}
kind_now() { if [ -e hdd.qcow2.maqet/tree.json ]; then echo overlay; else echo internal; fi; }
state_of() {
    local name
    for name in one two three; do
        if [ "$(kind_now)" = internal ]; then
            qemu-img convert -f qcow2 -l "snapshot.name=$name" hdd.qcow2 -O raw out.raw || fail "$what: no $name"
        else
            qemu-img convert -f qcow2 "$(node_of $name)" -O raw out.raw || fail "$what: no $name"
        fi
        echo "$name $(md5sum <out.raw)"
    done
    qemu-img convert -f qcow2 "$(top_of)" -O raw out.raw || fail "$what: cannot read the present state"
    echo "now $(md5sum <out.raw)"
    "$MAQET" snapshot web tree hdd --format json | grep -E '"(name|date|parent|virtual_size|now)":'
}
what='at first'
state_of >wanted
whole() {
    [ ! -e data/vms/web/pending.json ] || fail "$what: the job is pending"
    state_of >got
    same "$(cat wanted)" "$(cat got)" "$what"
    case $(kind_now) in
    overlay)
        same 0 "$(count_snapshots hdd.qcow2)" "$what: internal snapshots"
        same 'hdd.qcow2 hdd.qcow2.maqet ' "$(ls -A | grep hdd | tr '\n' ' ')" "$what: what is there"
        same 4 "$(ls hdd.qcow2.maqet | wc -l)" "$what: files of overlays"
        grep -q '"snapshots": *"overlay"' data/vms/web/vm.json || fail "$what: the definition does not say so"
        ;;
    internal)
        sound hdd.qcow2
        same 3 "$(count_snapshots hdd.qcow2)" "$what: internal snapshots"
        same 'hdd.qcow2 ' "$(ls -A | grep hdd | tr '\n' ' ')" "$what: what is there"
        ! grep -q '"snapshots": *"overlay"' data/vms/web/vm.json || fail "$what: the definition says overlays"
        grep -q "\"inode\": *$(stat -c %i hdd.qcow2)," data/vms/web/images.json || fail "$what: another image is recorded"
        ;;
    esac
}
whole

# Every so many steps; MAQET_TEST_STRIDE=1 kills it at each.
stride=${MAQET_TEST_STRIDE:-4}
kills=0 undone=0 finished=0
sweep() { # CALL
    local call=$1 step code before to
    step=$((kills % stride))
    while :; do
        step=$((step + stride))
        before=$(kind_now)
        to=overlay
        [ "$before" = internal ] || to=internal
        what="conversion to $to, killed at $call $step"
        code=0
        traced "$call" "signal=KILL:when=$step" snapshot web convert hdd $to >out 2>err || code=$?
        [ "$code" -eq 137 ] || [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
        if [ "$code" -eq 137 ]; then
            kills=$((kills + 1))
            # The recovery is killed, too.
            traced "$call" "signal=KILL:when=$((1 + kills % 3))" recover web >out 2>err || expect 0 maqet recover web
            if [ "$(kind_now)" = "$before" ]; then undone=$((undone + 1)); else finished=$((finished + 1)); fi
        fi
        whole
        [ "$code" -ne 0 ] || break
    done
}
# Both directions follow each other.
for call in rename unlink fsync; do
    sweep $call
    sweep $call
done
echo "killed $kills times, undone $undone times, finished $finished times"
[ "$undone" -ge 3 ] && [ "$finished" -ge 3 ] || fail 'always or hardly ever undone'

# What somebody wrote to the image since is not discarded without being asked for.
[ "$(kind_now)" = internal ] || expect 0 maqet snapshot web convert hdd internal
what='written to since'
wrap_qemu_img '*snapshot*-d*' 'kill -9 $PPID; sleep 1'
wrapped "$MAQET" snapshot web convert hdd overlay >out 2>err && fail 'it was not killed'
[ -e data/vms/web/pending.json ] || fail 'no job is pending'
eventually 10 grep -q '"sealed": *true' data/vms/web/pending.json
qemu-io -f qcow2 -c 'write -q -P 8 0 64k' hdd.qcow2
expect 3 maqet snapshot web create hdd new
err_has 'was written to since'
expect 0 maqet recover web --finish --yes
whole

# Without the new image, the overlays are all that there is.
[ "$(kind_now)" = overlay ] || expect 0 maqet snapshot web convert hdd overlay
step=1
while :; do
    what="the new image is deleted, killed at rename $step"
    code=0
    traced rename "signal=KILL:when=$step" snapshot web convert hdd internal >out 2>err || code=$?
    [ "$code" -eq 137 ] || fail "the conversion was never killed between its phases: exit code $code"
    if [ -e hdd.qcow2.maqet-convert ] && grep -q '"phase": *"switch"' data/vms/web/pending.json; then break; fi
    expect 0 maqet recover web
    step=$((step + 1))
done
rm hdd.qcow2.maqet-convert
expect 3 maqet recover web
err_has 'so the overlays are not removed'
same 4 "$(ls hdd.qcow2.maqet | wc -l)" "$what: files of overlays"
expect 0 maqet recover web --forget --yes
whole
