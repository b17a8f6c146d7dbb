#!/bin/sh
# SPDX-License-Identifier: MIT
# Ctrl-C at every step of creating and deleting overlays that a running QEMU has open: it may have
# done what was asked for, though its answer did not arrive. What the guest writes to is not removed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/interrupt-functions.sh"
qemu_required
requires qemu-io strace perl

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2, snapshots: overlay}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
in_drive() { # COMMAND
    maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$1\\\"\"}" >said
    ! grep -q 'failed' said || fail "$1: $(cat said)"
}
snapshots() {
    "$MAQET" --format plain snapshot vm list hdd | cut -f 1 | tr '\n' ' '
}
# What the drive holds, in the node that the tree says, too.
holds_all() {
    in_drive 'read -P 3 0 256k'
    in_drive 'read -P 2 256k 256k'
    in_drive 'read -P 1 512k 512k'
    in_drive 'write -P 3 0 64k'
    for node in hdd.qcow2.maqet/*.qcow2; do
        grep -q "\"file\":\"${node##*/}\"" hdd.qcow2.maqet/tree.json || fail "$node is in no tree"
    done
    "$MAQET" qmp vm query-block >block
    grep -q "\"node-name\": \"maqet-hdd_$(top)\"" block || fail "the guest writes to another node than $(top): $(cat block)"
}
top() {
    sed -n 's/^ *"top":\([0-9]*\),/\1/p' hdd.qcow2.maqet/tree.json
}
in_drive 'write -P 1 0 1M'
expect 0 maqet snapshot vm create hdd base --live
in_drive 'write -P 2 0 512k'

created() {
    holds_all
    case $(snapshots) in *one*) expect 0 maqet snapshot vm delete hdd one --live ;; esac
    holds_all
}
in_drive 'write -P 3 0 256k'
at_every_step 3 created snapshot vm create hdd one --live

snapshot_one() {
    in_drive 'write -P 2 0 512k'
    expect 0 maqet snapshot vm create hdd one --live
    in_drive 'write -P 3 0 256k'
}
snapshot_one
merged() {
    # One that has ended when Ctrl-C came is dismissed by the next merge at the latest.
    cp err said_by_it
    expect 0 maqet --format json qmp vm query-jobs
    ! grep '"status"' out | grep -v concluded >jobs ||
        fail "jobs of QEMU after wait $step: $code $(cat jobs said_by_it)"
    holds_all
    case $(snapshots) in *one*) ;; *) snapshot_one ;; esac
}
at_every_step 3 merged snapshot vm delete hdd one --live

expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm export hdd base base.raw --format raw
qemu-io -f raw -r -c 'read -P 1 0 1M' base.raw >said
! grep -q failed said || fail "the snapshot below: $(cat said)"
expect 0 maqet start vm
holds_all

# A merge of a stopped VM: the snapshot is deleted, and the next command on snapshots goes on.
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd first
qemu-io -f qcow2 -c 'write -P 5 0 64k' "hdd.qcow2.maqet/$(top).qcow2" >/dev/null
expect 0 maqet snapshot vm create hdd second
qemu-io -f qcow2 -c 'write -P 6 64k 64k' "hdd.qcow2.maqet/$(top).qcow2" >/dev/null
nodes() { ls hdd.qcow2.maqet/*.qcow2 | wc -l; }
before=$(nodes)
mkdir bin
cat >bin/qemu-img <<END
#!/bin/sh
case \$1 in commit | rebase) echo >merging; exec sleep 100000 ;; esac
exec $(command -v qemu-img) "\$@"
END
chmod +x bin/qemu-img
PATH=$TMP/bin:$PATH perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$MAQET" snapshot vm delete hdd second >out 2>err &
deletion=$!
eventually 30 test -e merging
kill -INT $deletion
code=0
wait $deletion || code=$?
same 130 $code "the exit code of an interrupted deletion"
err_has "The snapshot 'second' of drive 'hdd' is deleted; what it held is merged with others by the next command on snapshots"
same 'base one first ' "$(snapshots)" "the snapshots after it"
same "$before" "$(nodes)" "the files after it"
expect 0 maqet snapshot vm create hdd third
same "$before" "$(nodes)" "the files when that was merged, and another one created"
for read in '5 0 64k' '6 64k 64k' '3 128k 128k' '2 256k 256k' '1 512k 512k'; do
    qemu-io -r -U -f qcow2 -c "read -P $read" "hdd.qcow2.maqet/$(top).qcow2" >said
    ! grep -q failed said || fail "the drive does not hold $read"
done

# It is not said to be deleted where that could not be written down.
for step in 1 2 3 4 5 6 7 8 9; do
    code=0
    traced rename "error=ENOSPC:when=$step" snapshot vm delete hdd third >out 2>err || code=$?
    [ $code -ne 0 ] || break
    case "$(snapshots): $(cat err)" in *'third '*': '*'is deleted; what it held'*) fail "rename $step: $(cat err)" ;; esac
    case $(snapshots) in *third*) ;; *) expect 0 maqet snapshot vm create hdd third ;; esac
done
[ "$step" -gt 2 ] || fail "no rename failed"

# Nor is a snapshot said to be complete.
for step in 1 2 3 4 5 6 7 8 9; do
    code=0
    traced rename "error=ENOSPC:when=$step" snapshot vm create hdd more >out 2>err || code=$?
    [ $code -ne 0 ] || break
    case "$(snapshots): $(cat err)" in
    *'more '*:*) ;;
    *'it is complete'*) fail "rename $step: $(cat err)" ;;
    esac
    expect 0 maqet recover vm
    case $(snapshots) in *'more '*) expect 0 maqet snapshot vm delete hdd more ;; esac
done
[ "$step" -gt 2 ] || fail "no rename failed"
expect 0 maqet snapshot vm delete hdd more

# What the guest writes to can be written to, wherever a creation is killed.
for call in rename fchmod fsync unlink; do
    for step in 1 2 3 4 5 6 7 8 9; do
        code=0
        traced $call "signal=KILL:when=$step" snapshot vm create hdd more >out 2>err || code=$?
        [ $code -ne 0 ] || break
        [ -n "$(find "hdd.qcow2.maqet/$(top).qcow2" -perm -200)" ] ||
            fail "killed at $call $step: the guest cannot write to $(ls -l hdd.qcow2.maqet)"
        expect 0 maqet recover vm
        case $(snapshots) in *'more '*) expect 0 maqet snapshot vm delete hdd more ;; esac
    done
    case $(snapshots) in *'more '*) expect 0 maqet snapshot vm delete hdd more ;; esac
done
