#!/bin/sh
# SPDX-License-Identifier: MIT
# A snapshot is exported as it was taken: with its own size, which the drive may no longer have;
# of each kind of image; encrypted where the drive is. What is right is told by a copy of the
# image to which qemu-img applies the snapshot.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

printf 'a passphrase' >key
chmod 600 key
secret=secret,id=key,file=$TMP/key
base='"backing":null'
crypt=

# image FILE: how qemu-img and qemu-io are to open it, with the base and the key of this case.
image() {
    printf 'json:{"driver":"qcow2","file":{"driver":"file","filename":"%s"},%s%s}' \
        "$1" "$base" "$crypt"
}
write_to() { # FILE COMMAND...
    file=$1
    shift
    for command; do
        qemu-io --object "$secret" -c "$command" "$(image "$file")" >/dev/null ||
            fail "cannot do in $file: $command"
    done
}

# oracle SNAPSHOT: its content, in the file right.
oracle() {
    cp disk.qcow2 copy.qcow2
    qemu-img snapshot -q -a "$1" --object "$secret" --image-opts \
        "driver=qcow2,file.filename=copy.qcow2${crypt:+,encrypt.key-secret=key}" 2>/dev/null ||
        qemu-img snapshot -q -a "$1" copy.qcow2
    qemu-img convert --object "$secret" -O raw "$(image copy.qcow2)" right
}

exported() { # SNAPSHOT SIZE
    oracle "$1"
    same "$2" "$(stat -c %s right)" "what the oracle says of the size of $1"
    rm -f out.*
    if [ "$crypt" ]; then
        expect 0 maqet snapshot vm export d "$1" out.raw --format raw --decrypt
        expect 0 maqet snapshot vm export d "$1" out.qcow2 --decrypt
        out_has "which is not encrypted"
        expect 0 maqet snapshot vm export d "$1" out.compressed --compress --decrypt
    else
        expect 0 maqet snapshot vm export d "$1" out.raw --format raw
        expect 0 maqet snapshot vm export d "$1" out.qcow2
        expect 0 maqet snapshot vm export d "$1" out.compressed --compress
    fi
    cmp right out.raw || fail "the raw export of $1 is not what it held"
    for file in out.qcow2 out.compressed; do
        sound "$file"
        same 0 "$(count_snapshots "$file")" "snapshots in $file"
        qemu-img convert -f qcow2 -O raw "$file" plain.raw
        cmp right plain.raw || fail "$file of $1 is not what it held"
    done
    for file in out.*; do
        same 600 "$(stat -c %a "$file")" "the mode of $file"
    done
}

# The same for an export that is encrypted as the drive is. It takes seconds to make a key.
encrypted() { # SNAPSHOT
    oracle "$1"
    expect 0 maqet snapshot vm export d "$1" out.luks
    qemu-img convert --object "$secret" -O raw --image-opts \
        driver=qcow2,file.filename=out.luks,encrypt.key-secret=key luks.raw ||
        fail "the drive's key does not open the export"
    cmp right luks.raw || fail "the encrypted export of $1 is not what it held"
    same 600 "$(stat -c %a out.luks)" "the mode of out.luks"
}

# sizes MORE [CREATION OPTION]...: a drive with MORE in its YAML, of an image made so, with
# snapshots that are smaller and larger than the disk is now.
sizes() {
    more=$1
    shift
    rm -f disk.qcow2
    create_encrypted -f qcow2 --object "$secret" "$@" disk.qcow2 3M
    vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, file: disk.qcow2$more}
EOF
    expect 0 maqet add vm.yaml
    write_to disk.qcow2 'write -P 1 0 2M' 'write -P 2 64k 200k' 'write -z 1M 64k'
    expect 0 maqet snapshot vm create d small
    expect 0 maqet resize vm d 5M
    write_to disk.qcow2 'write -P 3 512k 1M' 'write -P 4 4M 1M'
    expect 0 maqet snapshot vm create d large
    expect 0 maqet snapshot vm load d small --yes
    write_to disk.qcow2 'write -P 5 0 3M'
    exported large 5242880
    exported small 3145728
    [ -z "$crypt" ] || encrypted large
    expect 0 maqet snapshot vm load d large --yes
    exported small 3145728
    [ -z "$crypt" ] || encrypted small
    expect 0 maqet rm vm --yes
}

# Umasks that would open the file to others, or close it to ourselves.
umask 000
sizes ''
umask 022
sizes '' -o cluster_size=512
sizes '' -o extended_l2=on,lazy_refcounts=on
sizes '' -o compression_type=zstd,cluster_size=2M
crypt=',"encrypt.key-secret":"key"'
umask 777
sizes ', encryption: {format: luks, key_file: key}' -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10
umask 022
crypt=

# An overlay, whose base is smaller than one of its snapshots.
qemu-img create -q -f qcow2 base.qcow2 4M
qemu-io -f qcow2 -c 'write -q -P 77 0 4M' base.qcow2 >/dev/null
base='"backing":{"driver":"qcow2","backing":null,"file":{"driver":"file","filename":"base.qcow2"}}'
sizes ', backing_file: base.qcow2, backing_format: qcow2' -b base.qcow2 -F qcow2
base='"backing":null'

# Version 2 of the format, in which a disk with snapshots cannot change its size; and compressed
# clusters.
qemu-img create -q -f qcow2 -o compat=0.10 disk.qcow2 3M
write_to disk.qcow2 'write -P 1 0 1M' 'write -c -P 2 1M 64k'
vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, file: disk.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet snapshot vm create d one
write_to disk.qcow2 'write -P 3 0 3M'
exported one 3145728
expect 0 maqet rm vm --yes
rm disk.qcow2

# Encrypted, or not at all, unless the user says so.
vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, size: 1M, file: disk.qcow2, encryption: {format: luks, key_file: key}}
  - {name: open, type: qcow2, size: 1M, file: open.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm create --all one
expect 3 maqet snapshot vm export d one no.raw --format raw
err_has "the drive is encrypted, which an image of the format 'raw' cannot be"
err_has "Add --decrypt"
expect 3 maqet snapshot vm export d one no.qcow2 --compress
err_has "an encrypted image cannot be compressed"
expect 3 maqet snapshot vm export open one no.qcow2 --decrypt
err_has "the drive is not encrypted"
err_has "Leave out --decrypt"
same '' "$(find . -name '*no.*')" "what refused exports have left"
expect 0 maqet --format json snapshot vm export d one yes.qcow2 --decrypt
grep -q '"decrypted": true' out || fail "the receipt does not say that the file is decrypted"
expect 0 maqet rm vm --yes
rm -f ./*.qcow2
