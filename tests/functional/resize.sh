#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive grows, running or not, and what is in it stays; it never shrinks.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
requires qemu-img qemu-io strace
qemu_required

vm_yaml vm <<'END'
storage:
  - {name: thin, type: qcow2, file: thin.qcow2, size: 16M}
  - {name: plain, type: raw, file: plain.img, size: 16M}
  - {name: fixed, type: raw, file: fixed.img, readonly: on}
END
truncate -s 1M fixed.img
expect 0 maqet add vm.yaml
size() { # FILE
    qemu-img info -U --output=json "$1" | sed -n 's/^ *"virtual-size": \([0-9]*\),*/\1/p' | tail -n 1
}
mib=1048576

# Before its first start there is nothing that could grow.
expect 3 maqet resize vm thin 32M
err_has "there is nothing to resize yet: $TMP/thin.qcow2"
err_has "maqet start vm"

expect 0 maqet start vm
expect 0 maqet resize vm thin 32M
out_has "Drive 'thin' of VM 'vm' has grown from 16M to 32M"
expect 0 maqet --format json resize vm plain +4M
out_has '"before": 16777216'
out_has '"after": 20971520'
expect 0 maqet resize vm plain 20M
out_has "already has that size: 20M"
expect 0 maqet qmp vm query-block
out_has '"virtual-size": 33554432'
out_has '"virtual-size": 20971520'
expect 3 maqet resize vm thin 16M
err_has "drive 'thin' of VM 'vm': its size is 32M, and 16M is less"
err_has "Give more than 32M, or +SIZE"
err_has "vm.yaml:"
expect 3 maqet resize vm fixed 2M
err_has "drive 'fixed' of VM 'vm': it is read-only"
expect 3 maqet resize vm thick 2G
err_has "There is no drive 'thick' on VM 'vm'"
err_has "Did you mean 'thin'?"
same $((32 * mib)) "$(size thin.qcow2)" "the size of thin"
same $((20 * mib)) "$(size plain.img)" "the size of plain"

# At rest by the plugin; what was written is still there, and a snapshot goes back to the size
# that the drive had.
expect 0 maqet stop vm --timeout 0 --force
expect 0 qemu-io -f qcow2 -c 'write -P 7 31M 1M' thin.qcow2
expect 0 qemu-io -f raw -c 'write -P 8 19M 1M' plain.img
expect 0 maqet snapshot vm create thin before
expect 0 maqet resize vm thin 64M
expect 0 maqet resize vm plain 24M
same $((64 * mib)) "$(size thin.qcow2)" "the size of thin"
same $((24 * mib)) "$(size plain.img)" "the size of plain"
holds() { # FORMAT FILE WHAT: PATTERN FROM LENGTH
    expect 0 qemu-io -f "$1" -c "read -P $3" "$2"
    ! grep -q 'verification failed' out || fail "$2 lost what was in it"
}
holds qcow2 thin.qcow2 '7 31M 1M'
holds qcow2 thin.qcow2 '0 32M 32M'
holds raw plain.img '8 19M 1M'
holds raw plain.img '0 20M 4M'
expect 0 maqet snapshot vm load thin before --yes
same $((32 * mib)) "$(size thin.qcow2)" "the size of thin at the snapshot"
expect 0 qemu-img check -q thin.qcow2

# The definition says the size that the drive has, so that no later start wonders.
expect 0 maqet resize vm plain 28M
grep -q '"28M"' data/vms/vm/vm.json || fail "the definition keeps the size that it was"
expect 0 maqet start vm
! grep -q "'plain'.*is used only when" err || fail "a drive that was resized is wondered at"
expect 0 maqet resize vm plain +4M
expect 0 maqet stop vm --timeout 0 --force
grep -q '"32M"' data/vms/vm/vm.json || fail "resized live, and the definition keeps its size"

# What cannot be.
expect 3 maqet resize vm plain 16E
expect 3 maqet resize vm plain big
err_has "'big' is not a size; write it like 512M, 20G or +5G"
expect 3 maqet resize vm plain 0
expect 3 maqet resize vm plain 20
err_has "The size '20' is 20 bytes; did you mean 20G?"
expect 3 maqet resize vm plain +5
err_has "The size '5' is 5 bytes; did you mean 5G?"
expect 3 maqet resize vm plain 2000000001
err_has "is 2000000001 bytes, and a disk has whole sectors of 512 bytes"
expect 3 maqet resize vm plain
expect 1 maqet resize vm plain 1P
err_has "insufficient disk space for $TMP/plain.img to grow"
expect 3 maqet resize nobody plain 1G
mkfifo words
qemu-io -f raw plain.img <words >said 2>&1 &
holder=$!
cleanup_fn "kill $holder 2>/dev/null"
exec 9>words
echo "read 0 512" >&9
until grep -q "read 512" said; do
    kill -0 $holder || fail "no holder"
    sleep 0.1
done
expect 1 maqet resize vm plain 1G
err_has "the image $TMP/plain.img is in use by"
err_has "(PID $holder)"
exec 9>&-
wait $holder
same $((32 * mib)) "$(size plain.img)" "the size of plain"

# Killed at any of its steps: the next command finds the size that the image has, and the
# definition says it.
mib_now=64 step=0 code=137 pending=0
while [ $code -eq 137 ]; do
    step=$((step + 1)) mib_now=$((mib_now + 1)) code=0
    traced rename "signal=KILL:when=$step" resize vm thin ${mib_now}M >out 2>err || code=$?
    [ ! -e data/vms/vm/pending.json ] || pending=$((pending + 1))
    expect 0 maqet recover vm
    [ ! -e data/vms/vm/pending.json ] || fail "killed at rename $step: still pending"
    has=$(size thin.qcow2)
    grep -q "\"$((has / mib))M\"" data/vms/vm/vm.json ||
        fail "killed at rename $step: the definition does not say $((has / mib))M"
done
same 0 $code "the last growth"
same $((mib_now * mib)) "$(size thin.qcow2)" "the size of thin"
[ $pending -gt 0 ] || fail "never killed in the middle"

# A type that has no way to grow says so, running or not.
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs"
export MAQET_PLUGIN_PATH
vm_yaml other <<'END'
storage:
  - {name: hdd, type: copies, file: other.img, size: 1M}
END
expect 0 maqet add other.yaml
expect 3 maqet resize other hdd 2M
err_has "the type copies cannot be resized"
