#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet export: what a drive holds, in every format, alone; and nothing stays of an export that
# fails, is interrupted or killed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace
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
vm_yaml vm <<EOF
storage:
  - {name: q, type: qcow2, file: q.qcow2, backing_file: base.raw, backing_format: raw}
  - {name: o, type: raw, file: o.raw, snapshots: overlay}
  - {name: crypt, type: qcow2, file: crypt.qcow2, encryption: {format: luks, key_file: key}}
  - {name: cd, type: raw, media: cdrom, interface: ide}
EOF
expect 0 maqet add vm.yaml
qemu-io -f qcow2 -c 'write -q -P 9 100k 100k' q.qcow2 >/dev/null
qemu-io -f raw -c 'write -q -P 4 0 1M' o.raw >/dev/null
expect 0 maqet snapshot vm create q one
expect 0 maqet snapshot vm create o one
qemu-img convert -f raw -O raw o.raw o.one
qemu-img convert -f qcow2 -O raw q.qcow2 q.one
qemu-io -f qcow2 -c 'write -q -P 8 2M 100k' q.qcow2 >/dev/null
qemu-io -f qcow2 -c 'write -q -P 8 2M 100k' o.raw.maqet/1.qcow2 >/dev/null
qemu-img convert -f qcow2 -O raw q.qcow2 q.right
qemu-img convert -f qcow2 -O raw o.raw.maqet/1.qcow2 o.right

# holds FILE FORMAT CONTENT: the image holds that and names no other file.
content_is() {
    qemu-img compare -q -f "$2" -F raw "$1" "$3" || fail "$1 does not hold $3"
    ! qemu-img info -f "$2" "$1" | grep -q 'backing file' || fail "$1 has a backing file"
}
for format in qcow2 raw vmdk vdi vhdx vpc qed parallels; do
    for drive in q o; do
        expect 0 maqet export vm $drive to/file --format $format
        content_is to/file $format $drive.right
        same 600 "$(stat -c %a to/file)" "the mode of the file"
        same file "$(ls -A to)" "what is in the folder"
        rm to/file
    done
done
expect 0 maqet export vm q to/file --compress --mode 0644
content_is to/file qcow2 q.right
same 644 "$(stat -c %a to/file)" "the mode of the file"
expect 3 maqet export vm q to/file
err_has "There is already a file $TMP/to/file"
content_is to/file qcow2 q.right
rm to/file
expect 0 maqet --format json export vm q to/file --format raw
grep -q '"format": "raw"' out || fail "it does not say the format: $(cat out)"
rm to/file
for drive in q o; do
    expect 0 maqet export vm $drive to/file --snapshot one --format raw
    cmp to/file $drive.one || fail "the snapshot of $drive is another one"
    rm to/file
done
# It can be imported again.
expect 0 maqet export vm q to/q.vmdk --format vmdk
expect 0 maqet import to/q.vmdk --name again --format vmdk
content_is again.qcow2 qcow2 q.right
expect 0 maqet rm again --delete-storage --yes
rm to/q.vmdk again.yaml

# ---- what is refused ----

expect 3 maqet export vm crypt to/file
err_has 'it is encrypted'
err_has '--decrypt'
expect 0 maqet export vm crypt to/file --decrypt --format raw
out_has 'which is not encrypted'
rm to/file
expect 3 maqet export vm q to/file --decrypt
err_has 'Leave out --decrypt'
expect 3 maqet export vm cd to/file
expect 3 maqet export vm q to/file --format raw --compress
expect 1 maqet export vm q to/file --format vdi --compress
expect 3 maqet export vm none to/file
expect 3 maqet export vm q none/file
expect 0 maqet start vm
expect 0 maqet export vm q to/file --snapshot one --format raw
cmp to/file q.one || fail "the snapshot of a VM that runs is another one"
rm to/file
expect 0 maqet stop vm --timeout 0 --force
mkfifo hold
qemu-io -f qcow2 q.qcow2 <hold >/dev/null &
reader=$!
exec 8>hold
cleanup_fn "kill $reader 2>/dev/null"
eventually 10 sh -c "ls -l /proc/$reader/fd | grep -q q.qcow2"
expect 1 maqet export vm q to/file
err_has 'is in use by'
exec 8>&-
wait $reader || :
mv base.raw away
expect 3 maqet export vm q to/file
mv away base.raw
same '' "$(ls -A to)" "what refused exports leave"

# ---- killed, interrupted, and failed ----

wrap_qemu_img '*convert*' 'echo "No space left on device" >&2; exit 1'
expect 1 wrapped maqet export vm q to/file
err_has 'No space left'
same '' "$(ls -A to)" "what a failed export leaves"
is_empty() {
    [ -z "$(ls -A to)" ]
}
for signal in KILL INT; do
    step=40
    while :; do
        code=0
        traced openat,renameat2,fchmod,write "signal=$signal:when=$step" export vm q to/file --format vmdk >out 2>err || code=$?
        if [ -e to/file ]; then
            content_is to/file vmdk q.right
            rm to/file
        fi
        eventually 10 is_empty
        [ $code -ne 0 ] || break
        step=$((step + step / 6))
    done
done
expect 0 maqet export vm q to/file --format vmdk
content_is to/file vmdk q.right
same file "$(ls -A to)" "what is in the folder"
