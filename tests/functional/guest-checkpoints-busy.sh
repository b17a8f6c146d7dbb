#!/bin/sh
# SPDX-License-Identifier: MIT
# Checkpoints of a guest that rewrites most of its memory all the time, and verifies it: each one
# that is loaded goes on with the memory that it had, by whatever method it was kept.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires mke2fs

mkdir tools
"${CC:-cc}" -O2 -static -o tools/rewriter "$abs_top_srcdir/tests/guest/rewriter.c"
mke2fs -q -t ext2 -d tools fs.raw 8M 2>/dev/null
qemu-img convert -f raw -O qcow2 fs.raw hdd.qcow2
guest_yaml vm q35 <<END
  - {name: hdd, type: qcow2, file: hdd.qcow2, serial: HDD}
END
expect 0 maqet add vm.yaml
boot vm
disk=$(disk_with_serial vm HDD)
in_guest vm "mkdir -p /mnt/t && mount -t ext2 -o ro /dev/$disk /mnt/t && cp /mnt/t/rewriter /tmp &&
    umount /mnt/t && (setsid /tmp/rewriter 100 /tmp/report >/dev/null 2>&1 &)"

# after NUMBER: waits until the guest has done so many more passes, and shows its report.
after() {
    in_guest vm "until [ -e /tmp/report ]; do sleep 0.1; done
        read first rest </tmp/report
        until read passes rest </tmp/report && [ \$passes -ge \$((first + $1)) ]; do sleep 0.1; done
        echo \$passes \$rest"
}
# unharmed: after a pass that began with what was loaded, nothing was found to be wrong.
unharmed() {
    report=$(after 2) || fail "$1: the guest is dead"
    same 0 "$(echo "$report" | cut -d ' ' -f 2)" "$1: words that are wrong ($report)"
}

unharmed "before any checkpoint"
# So many checkpoints, each of a guest in the middle of it, and each loaded in the place of the guest
# that went on.
rounds() { # METHOD ROUNDS [OPTION]
    round=0
    while [ $((round += 1)) -le "$2" ]; do
        in_guest vm "echo $1$round >/tmp/word"
        expect 0 maqet checkpoint vm create "$1$round" --method "$1"
        out_has "method: $1"
        in_guest vm 'echo later >/tmp/word'
        after 1 >/dev/null
        # Memory that is mapped cannot be saved in the background.
        # shellcheck disable=SC2086 # no word, or one
        expect 0 maqet checkpoint vm load --yes "$1$round" ${3:-}
        same "$1$round" "$(in_guest vm 'cat /tmp/word')" "the guest's word"
        unharmed "$1, round $round"
        expect 0 maqet checkpoint vm delete "$1$round"
    done
}
rounds background 10 --read
if precopy_sound; then
    # Left to choose, maqet begins with precopy here, and gives it up unless it is done at once.
    in_guest vm 'echo left >/tmp/word'
    expect 0 maqet checkpoint vm create left --limit 0
    grep -q "method: precopy\." out ||
        out_has "s, the guest has been changing its memory faster than it can be written"
    in_guest vm 'echo later >/tmp/word'
    expect 0 maqet checkpoint vm load --yes left
    same left "$(in_guest vm 'cat /tmp/word')" "the guest's word"
    unharmed "a precopy that was given up"
    expect 0 maqet checkpoint vm verify left
    expect 0 maqet checkpoint vm delete left
fi
rounds stop 5
if precopy_sound; then
    rounds precopy 10
else
    expect 3 maqet checkpoint vm create p --method precopy
    err_has "misses writes of an emulated guest (TCG) to its memory while precopy copies it"
    unharmed "a refused checkpoint"
fi
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet checkpoint vm list
out_has "No checkpoints found."
sound hdd.qcow2
