#!/bin/bash
# SPDX-License-Identifier: MIT
# What the deletion of an overlay snapshot moves and frees is what `list` says, and how long that takes
# is known from former ones.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io qemu-img

field() { maqet --format json snapshot vm list hdd | tr -d ' ' | awk -v name="\"$1\"" -v key="\"$2\":" '
    index($0, "\"name\":" name) { inside = 1 }
    inside && index($0, key) { sub(/.*:/, ""); sub(/,$/, ""); print; exit }'; }
top() { sed -n 's/^  "top":\([0-9]*\),*$/\1/p' hdd.img.maqet/tree.json; }
write() { # OFFSET LENGTH
    qemu-io -f qcow2 "hdd.img.maqet/$(top).qcow2" -c "write -P 7 $1 $2" >out 2>&1 || fail "$(cat out)"
}
taken() { du -B 1 --total hdd.img hdd.img.maqet/*.qcow2 | tail -1 | cut -f 1; }
# within A B: B is A, within 5 %
within() {
    [ $(($2 * 100)) -ge $(($1 * 95)) ] && [ $(($2 * 100)) -le $(($1 * 105)) ] ||
        fail "$3: $2 instead of $1"
}
# The bytes that are written to a file, by all traces. Tables that are written again count once.
written_to() { # FILE
    awk -v file="$1>" 'index($0, file) && /pwrite/ && $NF >= 2048 && !(($(NF - 2)) in seen) {
        seen[$(NF - 2)] = 1; sum += $NF } END { print sum + 0 }' trace.*
}
# Those that QEMU's tools write to overlays.
moved_by() {
    rm -f trace.*
    # A file for each thread, so that no line is in two parts.
    strace -ff -qq -y -o trace -e trace=pwrite64,pwritev "$MAQET" "$@" >out 2>err ||
        fail "$*: $(cat err)"
    written_to .qcow2
}

vm_yaml vm <<END
storage:
- {name: hdd, type: raw, file: hdd.img, size: 64M, snapshots: overlay}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd base
write 0 8M
expect 0 maqet snapshot vm create hdd lower # holds 8 MiB
write 4M 2M
expect 0 maqet snapshot vm create hdd upper # holds 2 MiB, of which lower has all
write 32M 8M
expect 0 maqet snapshot vm create hdd last
write 44M 12M

# Nothing has been merged so far, so nobody knows how long it takes.
same null "$(field lower delete_ms)" "the duration"
# Downwards 2 MiB are moved.
same $((2 << 20)) "$(field lower moves)" "what is moved"
same $((2 << 20)) "$(field lower used)" "what is freed"
before=$(taken)
requires strace
moved=$(moved_by snapshot vm delete hdd lower)
within $((2 << 20)) "$moved" "what was moved"
freed=$((before - $(taken)))
# The file that is gone had tables, too.
[ $freed -ge $((2 << 20)) ] && [ $freed -le $(((2 << 20) + 512 * 1024)) ] || fail "freed: $freed"
# Upwards 8 MiB, since what stands on it holds more.
same $((8 << 20)) "$(field last moves)" "what is moved"
same 0 "$(field last used)" "what is freed"
[ "$(field last delete_ms)" != null ] || fail "how long it takes is not known"
moved=$(moved_by snapshot vm delete hdd last)
within $((8 << 20)) "$moved" "what was moved"
# A snapshot that nothing stands on.
expect 0 maqet snapshot vm load hdd base --yes
same 0 "$(field upper moves)" "what is moved"
[ "$(field upper used)" -ge $((8 << 20)) ] || fail "freed: $(field upper used)"
# One that two stand on.
same 0 "$(field base moves)" "what is moved"
same 0 "$(field base used)" "what is freed"

# Live. Of what is scattered, no more is moved than was written.
write 20M 3M
for ((at = 48 << 20; at < 56 << 20; at += 64 << 10)); do echo "write -P 7 $at 4k"; done |
    qemu-io -f qcow2 "hdd.img.maqet/$(top).qcow2" >out 2>&1 || fail "$(cat out)"
scattered=$(((3 << 20) + 128 * 4096))
expect 0 maqet snapshot vm delete hdd upper
expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd live --live
same $scattered "$(field base moves)" "what is moved while it runs"
# As long as that takes at the rate that is recorded, here 1 MiB/s; the table says so, too.
grep -q '"rate":' hdd.img.maqet/tree.json || fail "no rate is recorded: $(cat hdd.img.maqet/tree.json)"
sed -i 's/"rate":[0-9]*/"rate":1048576/' hdd.img.maqet/tree.json
same 3500.000 "$(field base delete_ms)" "the duration"
expect 0 maqet --format table snapshot vm list hdd
same 'DELETION 3500 ms' "$(awk 'NR == 1 { printf "%s ", $NF } $1 == "base" { print $(NF - 1), $NF }' out)" \
    "the last column"
# What QEMU writes to the image below.
rm -f trace.* attached
strace -ff -y -o trace -p "$(vm_pid vm)" -e trace=pwrite64,pwritev -e signal=none 2>attached &
tracer=$!
eventually 20 grep -q attached attached
expect 0 maqet snapshot vm delete hdd base --live
kill $tracer
wait $tracer || :
within $scattered "$(written_to hdd.img)" "what QEMU has moved"
expect 0 maqet stop vm --timeout 0 --force

# Downwards, QEMU merges only what is directly under the node that the guest writes to. If it cannot merge upwards,
# the receipt says that the rest waits, and so does the list.
rm -rf hdd.img*
expect 0 maqet start vm --create-missing
expect 0 maqet snapshot vm create hdd one --live
for name in two three four; do
    maqet qmp vm human-monitor-command '{"command-line":
        "qemu-io -d /machine/peripheral/hdd/virtio-backend \"write -P 9 0 2M\""}' >out
    expect 0 maqet snapshot vm create hdd $name --live
done
same 0 "$(field two moves)" "what is moved now"
if merges_upwards; then freed=$((2 << 20)); else freed=0; fi
same $freed "$(field two used)" "what is freed now"
same $((2 << 20)) "$(field three moves)" "what is moved now, under the topmost"
expect 0 maqet snapshot vm delete hdd two --live
merges_upwards || err_has "The space of deleted snapshots of drive 'hdd' is not freed yet"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd five
err_lacks 'not freed yet'
same 4 "$(find hdd.img.maqet -name '*.qcow2' | wc -l)" "overlays after the merge"

# If one of two is deleted, the other one is merged with what both stood on.
rm -rf hdd.img*
expect 0 maqet start vm --create-missing
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create hdd A
write 0 12M
expect 0 maqet snapshot vm create hdd B
write 0 8M
expect 0 maqet snapshot vm create hdd C
expect 0 maqet snapshot vm load hdd B --yes
write 10M 4M
expect 0 maqet snapshot vm delete hdd B
same $((4 << 20)) "$(field C moves)" "what is moved"
same $((10 << 20)) "$(($(field C used) >> 20 << 20))" "what is freed"
moved=$(moved_by snapshot vm delete hdd C)
within $((4 << 20)) "$moved" "what was moved"
expect 0 maqet rm vm --force --yes --delete-storage
