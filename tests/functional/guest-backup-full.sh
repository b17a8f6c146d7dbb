#!/bin/sh
# SPDX-License-Identifier: MIT
# A backup whose folder gets full while the guest overwrites what is not copied yet: QEMU pauses the
# guest, whose write has to wait for the copy. When the backup has failed, or maqet was killed and
# the next command has seen to it, the guest goes on, and has noticed no error.
. "${srcdir:-.}/tests/functional/guest-functions.sh"
mkdir small
mount -t tmpfs -o size=6m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn "umount $TMP/small"

guest_yaml vm q35 <<EOF
  - {name: hdd, type: qcow2, size: 32M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
boot vm
in_guest vm "tr '\\0' a </dev/zero | dd of=/dev/vda bs=1M count=32 iflag=fullblock oflag=direct 2>/dev/null; echo 0 >/tmp/rounds"
# It overwrites its disk again and again, from the end, where the copy comes last.
in_guest vm "(while :; do
        for at in 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16; do
            tr '\\0' b </dev/zero | dd of=/dev/vda bs=1M count=1 seek=\$at iflag=fullblock oflag=direct 2>/tmp/words ||
                cat /tmp/words >>/tmp/failed
        done
        echo x >>/tmp/rounds
    done) </dev/null >/dev/null 2>&1 &"
rounds() { in_guest vm 'wc -l </tmp/rounds'; }
# More is written than before.
goes_on() {
    before=$(rounds)
    further() { [ "$(rounds)" -gt $((before + 1)) ]; }
    eventually 60 further
    same running "$(vm_status vm)" "$1: the guest"
    same '' "$(in_guest vm 'cat /tmp/failed 2>/dev/null; dmesg | grep -i "i/o error" || true')" "$1: what the guest has seen"
    same '' "$(find small -type f ! -name .lock)" "$1: what is left of the backup"
}
is_paused() { maqet --format json ls | grep -q '"reason": *"disk full"'; }

# So slowly that the guest is the one for whom there is no space.
"$MAQET" backup vm create small/ --speed 256K >failed.out 2>failed.err &
backup=$!
code=0
wait $backup || code=$?
same 1 $code "the exit code"
goes_on 'a backup that failed'

# It may fail before it is killed.
copied() { process_ended $backup || [ "$(find small -name 'hdd.qcow2' -size +1024k)" ]; }
for attempt in 1 2 3 4 5 6; do
    "$MAQET" backup vm create small/ --speed 256K >out 2>err &
    backup=$!
    eventually 60 copied
    kill -KILL $backup 2>/dev/null || :
    code=0
    wait $backup || code=$?
    [ $code -ne 137 ] || break
    goes_on "attempt $attempt"
done
same 137 $code 'the exit code of a backup that is killed'
eventually 60 is_paused
expect 0 maqet recover vm
goes_on 'a backup that was killed'
