#!/bin/sh
# SPDX-License-Identifier: MIT
# Overlay and internal snapshots in one machine: the same commands for both, one transaction for
# a set, and checkpoints; and what is reported of them.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

vm_yaml vm <<'END'
storage:
- {name: raw, type: raw, file: hdd.raw, size: 8M, snapshots: overlay}
- {name: over, type: qcow2, file: over.qcow2, size: 8M, snapshots: overlay}
- {name: inner, type: qcow2, file: inner.qcow2, size: 8M}
END
drives='raw over inner'
expect 0 maqet add vm.yaml
expect 0 maqet start vm
# put NUMBER, reads NUMBER: the first block of each drive, as the guest has it.
put() {
    for drive in $drives; do
        for words in "write -P $1 0 64k" flush; do
            expect 0 maqet qmp vm human-monitor-command \
                "{\"command-line\": \"qemu-io -d /machine/peripheral/$drive/virtio-backend \\\"$words\\\"\"}"
            out_has '""'
        done
    done
}
reads() {
    for drive in $drives; do
        expect 0 maqet qmp vm human-monitor-command \
            "{\"command-line\": \"qemu-io -d /machine/peripheral/$drive/virtio-backend \\\"read -P $1 0 64k\\\"\"}"
        out_has '""'
    done
}
# exported NAME NUMBER: what a snapshot of each drive holds.
exported() {
    for drive in $drives; do
        rm -f out.raw
        expect 0 maqet snapshot vm export $drive "$1" out.raw --format raw
        expect 0 qemu-io -f raw -r -c "read -P $2 0 64k" out.raw
        out_lacks failed
    done
}
listed() { # NAME...: by each drive
    for drive in $drives; do
        expect 0 maqet --format plain snapshot vm list $drive
        same "$*" "$(cut -f 1 out | tr '\n' ' ' | sed 's/ $//')" "snapshots of $drive"
    done
}

# All drives at one instant: one transaction, and the guest is not stopped.
put 1
ASAN_OPTIONS=detect_leaks=0 expect 0 strace -qq -o trace -s 100000 -e trace=sendmsg \
    "$MAQET" --format json snapshot vm create --all one --auto
for line in '"drives":["raw","over","inner"]' '"live":true' '"stopped":false' '"pause_ms":0' \
    '"consistency":"crash"'; do
    tr -d ' \n' <out | grep -qF "$line" || fail "not in the receipt: $line: $(cat out)"
done
same 1 "$(grep -c 'execute.*transaction' trace)" "transactions"
grep 'execute.*transaction' trace >transaction
same 2 "$(grep -o 'blockdev-snapshot\\"' transaction | wc -l)" "overlays in the transaction: $(cat transaction)"
same 1 "$(grep -o 'blockdev-snapshot-internal-sync' transaction | wc -l)" "internal ones in it"
put 2
exported one 1
reads 2

# A set, and its tree.
expect 0 maqet snapshot vm create --all two --auto
put 3
expect 0 maqet --format json snapshot vm list
tr -d ' \n' <out | grep -qF '"name":"two","drives":"raw,over,inner"' || fail "no set: $(cat out)"
listed one two
for drive in $drives; do
    expect 0 maqet snapshot vm tree $drive
    out_has 'one'
    out_has 'two'
    # How much is in each is another matter.
    sed '1d; s/([^,]*, [^,)]*/(/' out >tree.$drive
done
for drive in raw over; do
    cmp -s tree.inner tree.$drive || fail "other trees: $(cat tree.inner tree.$drive)"
done
cat >wanted <<'END'
└─ one (, set)
   └─ two (, set)
      └─ (now)
END
diff wanted tree.inner >&2 || fail "another tree than was created"

# Replaced, live and stopped: the old one or the new one is there at any time, and then the new one.
expect 3 maqet snapshot vm create --all two --auto
err_has 'overwrite'
expect 0 maqet snapshot vm create --all two --auto --overwrite
exported two 3
put 4
listed one two
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create --all two --auto --overwrite
out_has 'two'
exported two 4
listed one two

# One of the set is missing: the set is refused, and the drives that have it keep it.
expect 0 maqet snapshot vm create --all three
expect 0 maqet snapshot vm delete over three
expect 3 maqet snapshot vm load --all three --yes
err_has "three"
expect 0 maqet snapshot vm delete --all three --exclude over
listed one two

# Loaded while it runs: it starts again, and all drives are reverted.
expect 0 maqet start vm
put 5
expect 0 maqet snapshot vm load --all one --auto --yes
same running "$(vm_status vm)" "the machine after a load"
reads 1
listed one two

# What one drive cannot do, none does: no overlay stays, and no internal snapshot.
before=$(ls hdd.raw.maqet over.qcow2.maqet)
chmod 700 over.qcow2.maqet
mkdir "over.qcow2.maqet/$(sed -n 's/^  "next":\([0-9]*\),*$/\1/p' over.qcow2.maqet/tree.json).qcow2"
code=0
maqet snapshot vm create --all four --live >out 2>err || code=$?
[ $code -ne 0 ] || fail "a set without its second drive"
rmdir over.qcow2.maqet/*.qcow2 2>/dev/null || :
same "$before" "$(ls hdd.raw.maqet over.qcow2.maqet)" "the overlays"
listed one two
reads 1

# Checkpoints: memory, and drives of both kinds.
put 6
ASAN_OPTIONS=detect_leaks=0 expect 0 strace -qq -o trace -s 100000 -e trace=sendmsg \
    "$MAQET" checkpoint vm create now
same 1 "$(grep -c 'execute.*transaction' trace)" "transactions of a checkpoint"
grep 'execute.*transaction' trace >transaction
grep -q 'blockdev-snapshot\\"' transaction && grep -q 'blockdev-snapshot-internal-sync' transaction ||
    fail "not both kinds: $(cat transaction)"
put 7
expect 0 maqet checkpoint vm load now --yes
reads 6
put 8
expect 0 maqet checkpoint vm create later
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet checkpoint vm load now --yes
reads 6
expect 0 maqet checkpoint vm load later --yes
reads 8
exported now 6
expect 0 maqet checkpoint vm delete now
expect 0 maqet checkpoint vm load later --yes
reads 8
expect 0 maqet checkpoint vm delete later
listed one two
expect 0 maqet stop vm --timeout 0 --force

# Nothing is left of them but what the guest saw.
expect 0 maqet snapshot vm delete --all two
expect 0 maqet snapshot vm delete --all one
[ ! -e hdd.raw.maqet ] && [ ! -e over.qcow2.maqet ] || fail "left: $(ls ./*.maqet)"
sound over.qcow2 inner.qcow2
for image in raw:hdd.raw qcow2:over.qcow2 qcow2:inner.qcow2; do
    expect 0 qemu-io -f "${image%%:*}" -r -c 'read -P 8 0 64k' "${image#*:}"
    out_lacks failed
done

# Of two files that become one, the one that holds more stays: small on large, and large on small.
vm_yaml way <<'END'
storage:
- {name: hdd, type: raw, file: way.raw, size: 8M, preallocation: 'off', snapshots: overlay}
END
expect 0 maqet add way.yaml
expect 0 maqet start way
expect 0 maqet stop way --timeout 0 --force
for sizes in 4M:64k:1 64k:4M:3; do
    expect 0 maqet snapshot way create hdd one
    expect 0 qemu-io -f qcow2 -c "write -P 1 0 ${sizes%%:*}" way.raw.maqet/1.qcow2
    expect 0 maqet snapshot way create hdd two
    stays=${sizes##*:} sizes=${sizes%:*}
    expect 0 qemu-io -f qcow2 -c "write -P 2 0 ${sizes#*:}" way.raw.maqet/3.qcow2
    expect 0 maqet snapshot way create hdd three
    expect 0 maqet snapshot way delete hdd two
    [ -e "way.raw.maqet/$stays.qcow2" ] && [ ! -e way.raw.maqet/$((4 - stays)).qcow2 ] ||
        fail "$sizes were merged the other way: $(ls way.raw.maqet)"
    for name in one three; do expect 0 maqet snapshot way delete hdd $name; done
    [ ! -e way.raw.maqet ] || fail "left: $(ls way.raw.maqet)"
done
