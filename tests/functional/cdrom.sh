#!/bin/sh
# SPDX-License-Identifier: MIT
# Media of CD-ROM drives are inserted and ejected, while the VM is running or not.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
requires strace
qemu_required

for name in one two; do
    truncate -s 1M $name.iso
    echo "disc $name" | dd of=$name.iso conv=notrunc 2>/dev/null
done
vm_yaml vm <<'END'
storage:
  - {name: disk, type: raw, size: 1M}
  - {name: cd, type: raw, media: cdrom, interface: sata, file: one.iso}
  - {name: empty, type: raw, media: cdrom, interface: scsi}
END
expect 0 maqet add vm.yaml

# inserted DRIVE: the first file of the drive's node in QEMU as the kernel names it; or nothing.
inserted() {
    maqet qmp vm query-block >block
    if ! sed -n "/\"qdev\": \"\\(.*\\/\\)\\?$1\"/,/\"type\"/p" block | grep -q . ; then
        fail "QEMU has no drive $1"
    fi
    maqet qmp vm query-named-block-nodes '{"flat": true}' | tr -d ' \n' | grep -q "\"node-name\":\"$1\"" ||
        { echo empty; return; }
    for fd in /proc/"$(cat run/vm/qemu/pid)"/fd/*; do
        readlink "$fd" || : # it may be closed by now
    done | grep '\.iso$' | sort -u
}
in_definition() { # DRIVE FILE
    expect 0 maqet --format plain args vm --next
    grep "\"$1\"" out | grep -o '[a-z]*\.iso' | sort -u
}

# Stopped: the definition alone.
expect 0 maqet cdrom vm cd insert two.iso
out_has "Drive 'cd' of VM 'vm' has two.iso in it"
same two.iso "$(in_definition cd)" "in the definition"
expect 3 maqet cdrom vm cd insert three.iso
err_has "command line: drive 'cd' of VM 'vm'"
err_has three.iso
expect 3 maqet cdrom vm disk insert two.iso
err_has "drive 'disk' of VM 'vm': it is not a CD-ROM drive"
expect 3 maqet cdrom vm dc eject
err_has "Did you mean 'cd'?"
expect 0 maqet cdrom vm cd eject
out_has "Drive 'cd' of VM 'vm' is empty"
same "" "$(in_definition cd)" "in the definition"
expect 0 maqet cdrom vm cd insert one.iso

expect 0 maqet start vm
same "$TMP/one.iso" "$(inserted cd)" "at the start"
expect 0 maqet cdrom vm cd insert two.iso
same "$TMP/two.iso" "$(inserted cd)" "after a change"
same two.iso "$(in_definition cd)" "in the definition"
expect 0 maqet cdrom vm cd eject
same empty "$(inserted cd)" "after an ejection"
expect 0 maqet cdrom vm cd eject
expect 0 maqet cdrom vm empty insert one.iso
same "$TMP/one.iso" "$(inserted empty)" "in a drive that was empty"
expect 3 maqet cdrom vm empty insert three.iso
same "$TMP/one.iso" "$(inserted empty)" "after a failure"
expect 0 maqet cdrom vm empty eject
expect 0 maqet qmp vm query-fdsets
out_lacks "maqet drive"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
same empty "$(inserted empty)" "after the next start"

# Killed at any step, what is in the drive is what the definition says.
kills=0
for call in write rename sendmsg; do
    step=0
    while :; do
        step=$((step + 1))
        what="killed at $call $step"
        expect 0 maqet cdrom vm cd insert one.iso
        code=0
        traced $call "signal=KILL:when=$step" cdrom vm cd insert two.iso >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        expect 0 maqet recover vm
        now=$(inserted cd)
        [ "$now" != empty ] || now=
        same "${now##*/}" "$(in_definition cd)" "$what: the definition"
        expect 0 maqet qmp vm query-fdsets
        sets=$(grep -c '"opaque": "maqet drive cd"' out || :)
        [ "$sets" -le 1 ] || fail "$what: $sets descriptors are left"
        [ ! -e data/vms/vm/pending.json ] || fail "$what: the job is pending"
    done
    [ "$code" -eq 0 ] || { cat err; fail "$what: exit code $code"; }
done
echo "killed $kills times"
[ "$kills" -ge 15 ] || fail "hardly ever killed"
