#!/bin/sh
# SPDX-License-Identifier: MIT
# What a Linux guest sees of snapshots: it reads again what was there, of one drive and of
# three; sets are of one instant; and while one is taken it is not stopped.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs e2fsck qemu-io

# A second monitor, for a witness: what QEMU says there goes to the file "events".
mkfifo witness.in witness.out
exec 7<>witness.in 8<>witness.out
cat <&8 >events &
cleanup_fn "kill $!"
# Three drives with a file system each, and two small ones without.
mke2fs -q -t ext4 -O ^metadata_csum fs.raw 24M
for drive in one two three; do
    qemu-img convert -f raw -O qcow2 fs.raw $drive.qcow2
done
guest_yaml vm q35 "chardev: 'pipe,id=witness,path=$TMP/witness'" \
    "mon: 'chardev=witness,mode=control'" <<EOF
  - {name: one, type: qcow2, file: one.qcow2, serial: ONE}
  - {name: two, type: qcow2, file: two.qcow2, serial: TWO}
  - {name: three, type: qcow2, file: three.qcow2, serial: THREE, interface: sata}
  - {name: first, type: qcow2, size: 1M, file: first.qcow2, serial: FIRST}
  - {name: second, type: qcow2, size: 1M, file: second.qcow2, serial: SECOND}
EOF
expect 0 maqet add vm.yaml

# Mounts them, after their own check has found nothing that the journal doesn't mend.
mounted() {
    for drive in ONE TWO THREE; do
        disk=$(disk_with_serial vm $drive)
        in_guest vm "e2fsck -fp /dev/$disk >/tmp/fsck 2>&1 || [ \$? = 1 ] || { cat /tmp/fsck; false; }"
        in_guest vm "mkdir -p /mnt/$drive && mount -t ext4 /dev/$disk /mnt/$drive"
    done
}
up() {
    boot vm
    mounted
}
# put WORD, reads WORD DRIVE...
put() {
    in_guest vm "for d in ONE TWO THREE; do echo $1 >/mnt/\$d/file; done; sync"
}
reads() {
    word=$1
    shift
    for drive; do
        same "$word" "$(in_guest vm "cat /mnt/$drive/file")" "what the guest reads from $drive"
    done
}
# Every revert leaves sound images, with file systems in them that are sound for the host too.
checked() {
    shut_down vm
    sound one.qcow2 two.qcow2 three.qcow2
    for drive in one two three; do
        qemu-img convert -f qcow2 -O raw $drive.qcow2 check.raw
        code=0
        e2fsck -fp check.raw >fsck.out 2>&1 || code=$?
        [ "$code" -le 1 ] || { cat fsck.out >&2; fail "the file system of $drive"; }
    done
}

# Offline, one drive and then all three.
up
put A
shut_down vm
expect 0 maqet snapshot vm create one a
expect 0 maqet snapshot vm create --all a-set
up
put B
shut_down vm
expect 0 maqet snapshot vm load --yes one a
up
reads A ONE
reads B TWO THREE
checked
expect 0 maqet snapshot vm load --yes --all a-set
up
reads A ONE TWO THREE

# Live: the guest writes on, and boots anew when it is loaded.
put C
expect 0 maqet snapshot vm create two c --live
expect 0 maqet snapshot vm create --all c-set --live
put D
expect 0 maqet snapshot vm load --yes two c --live
again() {
    guest_wait "$TMP/vm.serial" || fail "the guest does not answer after the load"
    mounted
}
again
reads C TWO
reads D ONE THREE
expect 0 maqet snapshot vm load --yes --all c-set --live
again
reads C ONE TWO THREE
checked

# One instant: a counter goes to the first drive and then to the second one, again and again;
# in no set is the second one ahead, or more than one write behind.
boot vm
first=$(disk_with_serial vm FIRST)
second=$(disk_with_serial vm SECOND)
in_guest vm "cat >/tmp/count <<END
n=0
while :; do
    n=\\\$((n + 1))
    for disk in $first $second; do
        printf '%-512d' \\\$n | dd of=/dev/\\\$disk bs=512 conv=notrunc,fsync 2>/dev/null
    done
done
END
(setsid sh /tmp/count >/dev/null 2>&1 &)"
# Each set comes when the guest has written since the last one.
writes() {
    "$MAQET" qmp vm query-blockstats | grep -o '"wr_operations": *[0-9]*' | sed 's/.*[: ]//' |
        { total=0; while read -r count; do total=$((total + count)); done; echo "$total"; }
}
has_written() {
    [ "$(writes)" -gt "$written" ]
}
sets=${MAQET_TEST_ROUNDS:-25}
i=0
while [ $((i += 1)) -le $sets ]; do
    written=$(writes)
    eventually 60 has_written
    expect 0 maqet --format json snapshot vm create --all "s$i" --live \
        --exclude one --exclude two --exclude three
    grep -q '"stopped": false' out || fail "the guest was stopped"
done
expect 0 maqet stop vm --timeout 0 --force
counter() { # DRIVE SET
    rm -f counter.raw
    qemu-img convert -f qcow2 -l "snapshot.name=$2" -O raw "$1.qcow2" counter.raw
    head -c 512 counter.raw | tr -d ' \0'
}
i=0 last=0 changes=0
while [ $((i += 1)) -le $sets ]; do
    a=$(counter first "s$i")
    b=$(counter second "s$i")
    # Before the first write there is nothing.
    a=${a:-0} b=${b:-0}
    [ "$a" -ge "$b" ] && [ $((a - b)) -le 1 ] || fail "set s$i: first $a, second $b"
    [ "$a" -eq "$last" ] || changes=$((changes + 1))
    last=$a
done
[ "$changes" -ge $((sets / 5)) ] || fail "the counter hardly moved: $changes changes in $sets sets"
sound first.qcow2 second.qcow2

# The guest runs on: in all of ten snapshots QEMU never stops it. What the guest feels of them is
# measured by script/bench snapshot.
boot vm
echo '{"execute": "qmp_capabilities"}' >&7
eventually 60 grep -q '"return"' events
i=0
while [ $((i += 1)) -le 10 ]; do
    expect 0 maqet -q snapshot vm create --all "beat$i" --live
done
! grep -E '"event": *"(STOP|RESUME)"' events || fail "the guest was stopped"
# It would have been seen.
expect 0 maqet qmp vm stop
expect 0 maqet qmp vm cont
eventually 60 grep -qE '"event": *"STOP"' events
