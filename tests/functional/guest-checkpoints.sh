#!/bin/sh
# SPDX-License-Identifier: MIT
# Checkpoints of a Linux guest: it goes on where it was, with its memory and its drives at the
# same instant, as often as one likes.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs strace script mkfs.xfs filefrag

# Files can share their data on this file system, if one may be mounted here.
shares=
truncate -s 1G data.xfs
mkfs.xfs -q data.xfs
mkdir -p "$MAQET_DATA_DIR"
if mount -o loop data.xfs "$MAQET_DATA_DIR" 2>/dev/null; then
    shares=yes
    cleanup_fn umount -l "$MAQET_DATA_DIR"
fi

mke2fs -q -t ext4 -O ^metadata_csum fs.raw 24M 2>/dev/null
qemu-img convert -f raw -O qcow2 fs.raw one.qcow2
qemu-img convert -f raw -O qcow2 fs.raw two.qcow2
mkdir share
guest_yaml vm q35 <<EOF
  - {name: one, type: qcow2, file: one.qcow2, serial: ONE}
  - {name: two, type: qcow2, file: two.qcow2, serial: TWO, interface: sata}
  - {name: share, type: virtfs, path: share}
EOF
expect 0 maqet add vm.yaml
boot vm
for drive in ONE TWO; do
    disk=$(disk_with_serial vm $drive)
    in_guest vm "mkdir -p /mnt/$drive && mount -t ext4 /dev/$disk /mnt/$drive"
done

# put WORD: in memory and on both drives, not yet written out by the guest's kernel.
put() {
    in_guest vm "echo $1 >/tmp/word; for d in ONE TWO; do echo $1 >/mnt/\$d/word; done"
}
has() {
    same "$1 $1 $1" "$(in_guest vm 'echo $(cat /tmp/word /mnt/ONE/word /mnt/TWO/word)')" \
        "what the guest has"
}
# A process that has been there since the boot, and notices if it was not.
in_guest vm '(setsid sh -c "while :; do n=\$((n + 1)); echo \$n >/tmp/n; sleep 0.1; done" >/dev/null 2>&1 &)'
number() {
    in_guest vm 'cat /tmp/n'
}

# A share that the guest has mounted cannot be kept: said before anything is done.
in_guest vm 'mkdir -p /mnt/s && mount -t 9p -o trans=virtio,version=9p2000.L share /mnt/s'
expect 3 maqet checkpoint vm create shared
err_has "VM 'vm' cannot be saved with its memory now. QEMU:"
err_has "mount"
err_has "maqet snapshot vm create --all NAME --live"
in_guest vm 'umount /mnt/s'
expect 0 maqet snapshot vm list
! grep -q shared out || fail "half a checkpoint"

put A
number_a=$(number)
expect 0 maqet checkpoint vm create a
out_has "Created checkpoint 'a' of VM 'vm'"
put B
# Precopy, where it is sound under TCG (guest-checkpoints-busy.sh).
precopy=precopy
precopy_sound || precopy=stop
expect 0 maqet snapshot vm create --all b --live --memory --method $precopy
out_has "method: $precopy"
! grep -q "Loading it reads all of its memory" out || fail "it is not mapped: $(cat out)"
put C
expect 0 maqet checkpoint vm create c --method stop
put F
expect 0 maqet checkpoint vm create f --compress
# What has not changed in the memory is on the disk once.
if [ "$shares" ]; then
    filefrag -v "$MAQET_DATA_DIR/vms/vm/checkpoints/c.ram" >extents
    # What is only reserved does not count.
    awk '/^ *[0-9]+:/ && !/unwritten/ { gsub(/:/, " "); all += $6; if (/shared/) shared += $6 }
        END { exit !(shared > all / 2) }' extents || fail "the memory is not shared: $(cat extents)"
fi
put D
has D
for checkpoint in a:A f:F c:C b:B f:F a:A; do
    expect 0 maqet checkpoint vm load --yes "${checkpoint%:*}"
    has "${checkpoint#*:}"
done
# The process goes on from the number that it had.
later=$(number)
[ "$later" -ge "$number_a" ] || fail "the process began anew: $later after $number_a"

# A copy that does not come to its end in time ends with a guest that is stopped for it.
if precopy_sound; then
    put G
    expect 0 maqet checkpoint vm create g --method precopy --limit 0
    out_has "method: stop (for "
    out_has "s, the guest has been changing its memory faster than it"
    put D
    expect 0 maqet checkpoint vm load --yes g
    has G
    expect 0 maqet checkpoint vm delete g
fi

# By whatever method, the memory has a file of its own, unless it is compressed.
for checkpoint in a b c; do
    [ -s "data/vms/vm/checkpoints/$checkpoint.ram" ] || fail "checkpoint $checkpoint: no file of its memory"
done
[ ! -e data/vms/vm/checkpoints/f.ram ] || fail "checkpoint f: compressed, and yet a file of its memory"

# What takes longer says how far it is, as far as a line of the terminal goes. Here the file is written slowly.
ASAN_OPTIONS=detect_leaks=0 TERM=vt100 script -qefc "strace -f -qq -o '$TMP/trace' \
    -e trace=write,pwrite64 -e inject=write,pwrite64:delay_exit=100000:when=1..40 '$MAQET' checkpoint vm create slow" \
    screen >/dev/null
grep -qE "VM 'vm': [0-9.]+.?B of memory written, [0-9.]+.?B/s, paused for [1-9][0-9]* ms: [0-9]+ %, [0-9]+ s" \
    screen || { cat screen >&2; fail "it is not told how far it is"; }
expect 0 maqet checkpoint vm delete slow

# In the place of what runs, which is kept.
put E
expect 0 maqet checkpoint vm load --yes b --keep e
has B
expect 0 maqet checkpoint vm load --yes e
has E

# From the off.
expect 0 maqet stop vm --timeout 0 --force
expect 3 maqet checkpoint vm create off
err_has "VM 'vm' is not running"
expect 0 maqet start vm --yes --from c
has C
expect 3 maqet start vm --yes --from c
err_has "maqet checkpoint vm load c"

# The drives alone: the guest boots, and its journal has what was written out.
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm load --yes --all a
sound one.qcow2 two.qcow2

# A random tree of 12: each goes back to what the guest had noted when it was taken.
expect 0 maqet start vm --yes --from c
number=0
while [ $((number += 1)) -le 12 ]; do
    put "t$number"
    expect 0 maqet checkpoint vm create "t$number"
    put "after-t$number"
    # From one of those that there are, one time in two.
    random=$(awk -v seed="$number" -v most="$number" \
        'BEGIN { srand(seed); print int(rand() * 2 * most) + 1 }')
    [ "$random" -gt "$number" ] || expect 0 maqet checkpoint vm load --yes "t$random"
done
for number in 12 1 7 2 11 5 3 9 8 4 6 10; do
    expect 0 maqet checkpoint vm load --yes "t$number"
    has "t$number"
done
number=0
while [ $((number += 1)) -le 12 ]; do
    expect 0 maqet checkpoint vm delete "t$number"
done
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm list
sound one.qcow2 two.qcow2

# Gone is gone; the others stay.
expect 0 maqet checkpoint vm delete a
expect 0 maqet --format plain checkpoint vm list
same 'b c f e' "$(cut -f 1 out | tr '\n' ' ' | sed 's/ $//')" "the checkpoints"
expect 3 maqet checkpoint vm load --yes a
err_has "There is no checkpoint 'a' of VM 'vm'"
expect 0 maqet start vm --yes --from b
has B
shut_down vm
sound one.qcow2 two.qcow2
