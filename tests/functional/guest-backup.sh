#!/bin/sh
# SPDX-License-Identifier: MIT
# Backups of a guest: with --quiesce, what its file systems had is in the images, which need no repair;
# and several drives are those of one moment, whatever the guest writes meanwhile.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
requires strace e2fsck debugfs

for vm in vm plain; do
    guest_yaml $vm q35 <<EOF
  - {name: one, type: qcow2, size: 32M, file: $vm-one.qcow2}
  - {name: two, type: raw, size: 32M, file: $vm-two.raw, snapshots: overlay}
EOF
done
echo 'guest_agent: off' >>plain.yaml
expect 0 maqet add vm.yaml
expect 0 maqet add plain.yaml
last() {
    find to/vm -mindepth 1 -maxdepth 1 -name '2*Z' 2>/dev/null | sort | tail -n 1
}
raw_of() { # DRIVE
    qemu-img convert -f qcow2 -O raw "$(last)/$1.qcow2" "$1.raw"
}

# Who has no agent is told, and nothing is created.
expect 0 maqet start plain
expect 3 maqet backup plain create to --quiesce
err_has "was started without a port for a guest agent"
same '' "$(find to -name '2*' 2>/dev/null || :)" "what is there of a backup that was refused"
expect 0 maqet stop plain --timeout 0 --force

boot vm
eventually 20 guest_run "$TMP/vm.serial" 'pidof qemu-ga'
in_guest vm 'for d in a:vda b:vdb; do
    mkfs.ext2 /dev/${d#*:} >/dev/null 2>&1 && mkdir -p /mnt/${d%:*} && mount -t ext2 /dev/${d#*:} /mnt/${d%:*} || exit 1
done'
thawed() { # WORD
    in_guest vm "timeout $(patience 60) sh -c 'echo $1 >/mnt/a/$1 && echo $1 >/mnt/b/$1 && sync' && cat /mnt/b/$1" >written
    same "$1" "$(cat written)" "what was written after the thaw"
}

# ---- file systems ----

# What the guest has not written to its disks yet is in the images nevertheless, and in both of them.
quiesced() { # WORD OPTION...
    word=$1
    shift
    in_guest vm "echo $word >/mnt/a/$word; echo $word >/mnt/b/$word"
    expect 0 maqet --format json backup vm create to --quiesce "$@"
    grep -q '"quiesced": *true' out || fail "$word: it is not said that it was frozen: $(cat out)"
    for drive in one two; do
        raw_of $drive
        # Mounted it was, so it is not marked as clean; but nothing has to be repaired.
        e2fsck -fn $drive.raw >fsck 2>&1 || [ $? -le 4 ] || fail "$word: $(cat fsck)"
        ! grep -qE 'Fix|Inode .* has|differences|unattached' fsck || fail "$word, $drive: $(cat fsck)"
        debugfs -R "cat /$word" $drive.raw >content 2>/dev/null
        same "$word" "$(cat content)" "$word: the file in the backup of $drive"
    done
    thawed "after-$word"
}
quiesced full
quiesced increment --incremental
qemu-img info "$(last)/one.qcow2" | grep -q '^backing file: ' || fail "drive 'one' is no increment"

# maqet is killed while all stands still: the guest goes on, and the next backup is as it should be.
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=sendmsg "$MAQET" backup vm create to --quiesce >out 2>err ||
    fail "$(cat err)"
transaction=$(grep '^sendmsg' trace | grep -n 'transaction' | sed -n '$s/:.*//p')
[ -n "$transaction" ] || fail "no transaction: $(cat trace)"
before=$(last)
expect 137 traced sendmsg signal=KILL:when="$transaction" backup vm create to --quiesce
thawed killed
expect 0 maqet recover vm
same "$before" "$(last)" "the last backup"
quiesced again --incremental
# The agent hangs: an error in time, nothing is left, and it is not frozen later.
in_guest vm 'kill -STOP $(pidof qemu-ga)'
before=$(last)
expect 2 maqet backup vm create to --quiesce --freeze-timeout 0.5
err_has "Is qemu-guest-agent running in the guest?"
same "$before" "$(last)" "the last backup"
same '' "$(find to -name '*.maqet-new')" "what is left"
in_guest vm 'kill -CONT $(pidof qemu-ga)'
thawed resumed

# ---- one moment ----

# The guest writes one number after the other to both disks: in each backup, both have the same one, or the
# first disk the next one.
in_guest vm 'umount /mnt/a /mnt/b; (i=0; while :; do
    i=$((i + 1))
    for d in vda vdb; do printf "%08d" $i | dd of=/dev/$d bs=8 count=1 conv=notrunc,fsync 2>/dev/null; done
    echo $i >/tmp/number
done) >/dev/null 2>&1 &'
number() {
    in_guest vm 'cat /tmp/number'
}
has_written() {
    [ "$(number)" -gt "${1:-0}" ]
}
eventually 20 has_written
for options in '' --incremental --incremental; do
    before=$(number)
    # shellcheck disable=SC2086
    expect 0 maqet backup vm create to $options
    for drive in one two; do raw_of $drive; done
    one=$(head -c 8 one.raw | sed 's/^0*//') two=$(head -c 8 two.raw | sed 's/^0*//')
    [ "$one" -ge "$before" ] && [ $((one - two)) -ge 0 ] && [ $((one - two)) -le 1 ] ||
        fail "numbers of several moments: $one and $two, where $before was written before"
    eventually 20 has_written "$one"
done
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet backup vm verify to
