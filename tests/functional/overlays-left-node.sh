#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet is killed when QEMU has merged an overlay, and is about to be told to close its node. A node that
# stayed although its file is gone would end QEMU at the next merge: it stands on what is merged then. And a file that a
# killed creation has left goes with the next command, too.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
in_guest() { # COMMAND
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$1\\\"\"}"
    same '""' "$(cat out)" "QEMU's answer to $1"
}
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

# At each step of the same deletion; how often it asks whether QEMU is ready is not always the same.
step=0 attempts=0 found=
while [ ! "$found" ]; do
    step=$((step + 1))
    for name in a b c; do
        ! maqet --format plain snapshot vm list hdd | cut -f 1 | grep -qx $name ||
            expect 0 maqet snapshot vm delete hdd $name
    done
    expect 0 maqet start vm
    for name in a b c; do
        expect 0 maqet snapshot vm create hdd $name --live
        in_guest "write -P $step $((step % 16 * 64))k 64k"
    done
    code=0
    # Nothing of the message that it is killed at is sent.
    traced sendmsg "signal=KILL:when=$step" snapshot vm delete hdd c --live >out 2>err || code=$?
    case $code in
    0)
        attempts=$((attempts + 1)) step=$((step > 8 ? step - 8 : 0))
        [ $attempts -lt 10 ] || fail "QEMU is never told to close a node"
        ;;
    137) ! tail -n 2 trace | grep -q 'execute.*blockdev-del' || found=$step ;;
    *) cat err && fail "exit code $code at step $step" ;;
    esac
    expect 0 maqet recover vm
    [ "$found" ] || expect 0 maqet stop vm --timeout 0 --force
done
pid=$(vm_pid vm)
expect 0 maqet qmp vm query-named-block-nodes '{"flat": true}'
sed -n 's/.*"node-name": "\(maqet-hdd_[0-9]*\)".*/\1/p' out | sort -u >nodes
for node in $(cat nodes); do
    grep -q "\"id\":${node##*_}," hdd.raw.maqet/tree.json || fail "QEMU has the node $node, which the tree does not: $(cat nodes)"
done
# What that node would stand on is merged.
expect 0 maqet snapshot vm delete hdd b --live
in_guest "read -P $found $((found % 16 * 64))k 64k"
same "$pid" "$(vm_pid vm)" "QEMU"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm delete hdd a
expect 0 qemu-io -r -f raw -c "read -P $found $((found % 16 * 64))k 64k" hdd.raw
out_lacks failed

expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd kept --live
wrap_qemu_img 'create*' 'kill -9 $PPID; exit 1'
before=$(ls hdd.raw.maqet)
code=0
wrapped maqet snapshot vm create hdd left --live >out 2>err || code=$?
same 137 $code "the exit code of a creation that is killed"
[ "$before" != "$(ls hdd.raw.maqet)" ] || fail "it was killed before it has made a file"
expect 0 maqet recover vm
same "$before" "$(ls hdd.raw.maqet)" "the files after it"
expect 0 maqet stop vm --timeout 0 --force
