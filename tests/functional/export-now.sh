#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet export of a drive of a VM that runs: what it held at one moment, in every format, whatever
# the guest writes meanwhile; and nothing is left of an export that fails, is interrupted or killed, in
# the folder as in QEMU.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace perl
umask 022
mkdir to

printf 'a passphrase' >key
chmod 600 key
truncate -s 4M base.raw
head -c 1M /dev/urandom | dd of=base.raw bs=64k seek=3 conv=notrunc status=none
qemu-img create -q -f qcow2 -b base.raw -F raw q.qcow2 4M
create_encrypted -f qcow2 --object secret,id=key,file=key \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 crypt.qcow2 1M
truncate -s 3M o.raw
truncate -s 1M r.raw
vm_yaml vm <<EOF
storage:
  - {name: q, type: qcow2, file: q.qcow2, backing_file: base.raw, backing_format: raw}
  - {name: o, type: raw, file: o.raw, snapshots: overlay}
  - {name: large, type: raw, file: large.raw, size: 192M}
  - {name: crypt, type: qcow2, file: crypt.qcow2, encryption: {format: luks, key_file: key}}
  - {name: r, type: raw, file: r.raw, readonly: true}
  - {name: cd, type: raw, media: cdrom, interface: ide}
arguments:
  - qmp: unix:$TMP/writer,server=on,wait=off
EOF
expect 0 maqet add vm.yaml
qemu-io -f qcow2 -c 'write -q -P 9 100k 100k' q.qcow2 >/dev/null
qemu-io -f raw -c 'write -q -P 4 0 1M' o.raw >/dev/null
expect 0 maqet snapshot vm create o one
qemu-io -f qcow2 -c 'write -q -P 8 2M 100k' o.raw.maqet/1.qcow2 >/dev/null
qemu-img convert -f qcow2 -O raw q.qcow2 q.right
qemu-img convert -f qcow2 -O raw o.raw.maqet/1.qcow2 o.right
cp r.raw r.right

content_is() { # FILE FORMAT CONTENT
    qemu-img compare -q -f "$2" -F raw "$1" "$3" || fail "$1 does not hold $3"
    ! qemu-img info -f "$2" "$1" | grep -q 'backing file' || fail "$1 has a backing file"
}
nothing_left() {
    [ ! -e data/vms/vm/pending.json ] || fail "$what: a job is pending"
    [ ! -e data/vms/vm/exports.json ] || fail "$what: a file is on record"
    [ "$(vm_status vm)" = running ] || return 0
    expect 0 maqet qmp vm query-named-block-nodes
    ! grep '"maqet-backup-' out || fail "$what: a node is left"
    expect 0 maqet qmp vm query-jobs
    ! grep '"id"' out || fail "$what: a job is left"
    expect 0 maqet qmp vm query-fdsets
    ! grep 'maqet-backup' out || fail "$what: a descriptor is left"
}

expect 0 maqet start vm --create-missing
for format in qcow2 raw vmdk vdi vhdx vpc qed parallels; do
    for drive in q o; do
        what="$drive as $format"
        expect 0 maqet export vm $drive to/file --format $format
        out_has "Drive '$drive' of VM 'vm' is in $TMP/to/file."
        content_is to/file $format $drive.right
        same 600 "$(stat -c %a to/file)" "the mode of the file"
        same file "$(ls -A to)" "what is in the folder"
        nothing_left
        rm to/file
    done
done
what=compressed
expect 0 maqet export vm q to/file --compress --mode 0644
content_is to/file qcow2 q.right
qemu-img check --output json to/file | grep -q '"compressed-clusters": *[1-9]' || fail "it is not compressed"
same 644 "$(stat -c %a to/file)" "the mode of the file"
expect 3 maqet export vm q to/file
err_has "There is already a file $TMP/to/file"
rm to/file
expect 0 maqet export vm r to/file --format raw
cmp to/file r.right || fail "a drive that is only read"
rm to/file
expect 0 maqet pause vm
expect 0 maqet export vm o to/file --format raw
same paused "$(vm_status vm)" "the guest"
cmp to/file o.right || fail "the drive of a guest that is paused"
rm to/file
expect 0 maqet resume vm

# ---- what is refused ----

what=refused
expect 3 maqet export vm crypt to/file
err_has '--decrypt'
expect 0 maqet export vm crypt to/file --decrypt --format raw
rm to/file
expect 3 maqet export vm q to/file --decrypt
expect 3 maqet export vm cd to/file
expect 1 maqet export vm q to/file --format vdi --compress
expect 3 maqet export vm q none/file
same '' "$(ls -A to)" "what refused exports leave"
nothing_left

# ---- one moment ----

# The same number is written to the beginning and to the end of a large drive, in that order, as quickly as
# QEMU does it: in the file both are the same, or the first one is the next one.
perl "$abs_top_srcdir/tests/functional/busy-writer.pl" writer large:0 large:201261056 >busy 2>&1 &
writer=$!
cleanup_fn "kill $writer 2>/dev/null"
number_at() { # OFFSET
    od -An -v -tu1 -j "$1" -N 65536 to/file | tr -s ' ' '\n' | sort -u | grep .
}
eventually 20 test -e written
overlaps=0
for format in raw qcow2 raw qcow2; do
    what="one moment, as $format"
    before=$(cat written)
    expect 0 maqet export vm large to/file --format $format
    after=$(cat written)
    [ $((after - before)) -lt 2 ] || overlaps=$((overlaps + 1))
    [ $format = raw ] || { qemu-img convert -f $format -O raw to/file to/raw && mv to/raw to/file; }
    first=$(number_at 0) last=$(number_at 201261056)
    [ $(((first - last + 256) % 256)) -le 1 ] || fail "$first at the beginning, and $last at the end"
    rm to/file
done
[ $overlaps -ge 1 ] || fail "nothing was ever written meanwhile"
kill $writer
wait $writer || :
[ ! -s busy ] || fail "the guest could not write: $(cat busy)"
what="after all of them"
nothing_left

# ---- killed, interrupted, and failed ----

wrap_qemu_img '*convert*' 'echo "No space left on device" >&2; exit 1'
what='a failed conversion'
expect 1 wrapped maqet export vm q to/file --format vmdk
err_has "VM 'vm', drive 'q': cannot export it to $TMP/to/file"
err_has 'No space left'
same '' "$(ls -A to)" "what a failed export leaves"
nothing_left
is_empty() {
    [ -z "$(ls -A to)" ]
}
# Every so many steps; MAQET_TEST_STRIDE=1 does it at each.
stride=${MAQET_TEST_STRIDE:-25}
kills=0
for signal in KILL INT; do
    for format in qcow2 vmdk; do
        for call in openat sendmsg rename; do
            step=$((1 + kills % stride))
            while :; do
                what="as $format, SIG$signal at $call $step"
                note_step "$what"
                code=0
                traced $call "signal=$signal:when=$step" export vm q to/file --format $format >out 2>err || code=$?
                if [ -e to/file ]; then
                    content_is to/file $format q.right
                    rm to/file
                fi
                expect 0 maqet recover vm
                eventually 10 is_empty
                nothing_left
                same running "$(vm_status vm)" "$what: the guest"
                [ $code -ne 0 ] || break
                kills=$((kills + 1))
                step=$((step + stride))
            done
        done
    done
done
echo "killed and interrupted $kills times"
[ $kills -ge 8 ] || fail "hardly ever killed"
# Even the child that removes the files is killed, in the middle of the copying.
what='all of it killed'
wrap_qemu_img '*convert*' ": >'$TMP/converting'; exec sleep 1000"
# shellcheck disable=SC2016 # when the test ends
cleanup_fn 'for job in $(jobs -p); do kill "$job"; done'
PATH=$TMP/bin:$PATH "$MAQET" export vm q to/file --format vmdk >export.out 2>&1 &
export=$!
eventually 20 test -e converting
for child in $(cat "/proc/$export/task/$export/children"); do
    case $(cat "/proc/$child/comm") in sleep | qemu-img) ;; *) kill -9 "$child" ;; esac
done
kill -9 $export
wait $export || :
[ -e to/.file.copy.maqet-new ] || fail "who removed the copy?"
expect 0 maqet snapshot vm create q two --live
err_has "deleted $TMP/to/.file.copy.maqet-new, which an interrupted export had left behind"
err_has "deleted $TMP/to/.file.maqet-new, which an interrupted export had left behind"
is_empty || fail "left: $(ls -A to)"
nothing_left

# QEMU ends meanwhile.
what='QEMU ended'
traced sendmsg delay_enter=500000 export vm q to/file >out 2>err &
tracer=$!
eventually 60 test -e data/vms/vm/pending.json
kill -9 "$(cat run/vm/run)"
code=0
wait $tracer || code=$?
[ $code -ne 0 ] || fail "$what: exit code $code: $(cat err)"
expect 0 maqet recover vm
eventually 10 is_empty
nothing_left
expect 0 maqet start vm
expect 0 maqet export vm q to/file --format raw
cmp to/file q.right || fail "$what: the drive"
