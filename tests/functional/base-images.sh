#!/bin/sh
# SPDX-License-Identifier: MIT
# A backing file that has changed since its overlay was created or first started with is
# noticed, and an image that is somebody's backing file is not written to.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-io

image() { # FILE
    qemu-img create -q -f qcow2 "$1" 2M
    expect 0 qemu-io -f qcow2 -c "write -P 1 0 64k" "$1"
}
halt() {
    expect 0 maqet stop "$1" --timeout 0 --force
}
# refused VM WORDS: its backing file has changed, and no guest runs on it.
refused() {
    expect 3 maqet start "$1"
    err_has "the backing file $TMP/base.qcow2 of $TMP/$1.qcow2 $2"
    err_has "maqet start $1 --accept-base"
    [ "$(vm_status "$1")" = stopped ] || fail "it runs"
}

image base.qcow2
cp -p base.qcow2 saved.qcow2
vm_yaml ov <<EOF
storage:
  - {name: a, file: ov.qcow2, backing_file: base.qcow2, backing_format: qcow2}
EOF
expect 0 maqet add ov.yaml
expect 0 maqet start ov
halt ov
expect 0 maqet start ov
halt ov

# An overlay shows all of its base.
vm_yaml short <<EOF
storage:
  - {name: a, file: short.qcow2, backing_file: base.qcow2, backing_format: qcow2, size: 1M}
EOF
expect 3 maqet add short.yaml
err_has "short.yaml:"
err_has "\`size\` is less than the 2097152 bytes of the base, whose end the guest could not see"
[ ! -e short.qcow2 ] || fail "the overlay was made"

# Written to by another program, without a trace in its header.
expect 0 qemu-io -f qcow2 -c "write -P 2 0 64k" base.qcow2
refused ov "was written to"
# Nor is a snapshot exported that would be made of it.
qemu-img snapshot -c kept ov.qcow2
expect 3 maqet snapshot ov export a kept out.qcow2
err_has "the backing file $TMP/base.qcow2 of $TMP/ov.qcow2 was written to"
[ ! -e out.qcow2 ] || fail "it was exported"
# Put back as it was, with its old time, as the hint says, it is what it was. Another file in
# its place isn't, whatever its size.
cp -p base.qcow2 written.qcow2
cp -p saved.qcow2 base.new
mv base.new base.qcow2
expect 0 maqet start ov
halt ov
mv written.qcow2 base.qcow2
refused ov "was replaced by another file"
cp -p saved.qcow2 base.qcow2
expect 0 maqet start ov
halt ov

# Resized, reverted, replaced by a smaller file, made raw bytes of another disk.
expect 0 qemu-img snapshot -c one base.qcow2
refused ov "was written to"
expect 0 maqet start ov --accept-base
halt ov
expect 0 qemu-img snapshot -a one base.qcow2
refused ov "was written to"
expect 0 maqet start ov --accept-base
halt ov
expect 0 qemu-img snapshot -d one base.qcow2
expect 0 qemu-img resize -q -f qcow2 base.qcow2 4M
expect 3 maqet start ov
err_has "the backing file $TMP/base.qcow2"
expect 0 maqet start ov --accept-base
halt ov
mv base.qcow2 big.qcow2
qemu-img create -q -f qcow2 base.qcow2 1M
refused ov "was replaced by another file: it has"
mv big.qcow2 base.qcow2
expect 0 maqet start ov
halt ov
# Its time set back, its header changed.
touch -r base.qcow2 stamp
printf '\001' | dd of=base.qcow2 bs=1 seek=87 conv=notrunc status=none
touch -r stamp base.qcow2
refused ov "was written to: its beginning differs"
printf '\000' | dd of=base.qcow2 bs=1 seek=87 conv=notrunc status=none
touch -r stamp base.qcow2
expect 0 maqet start ov
halt ov

# An overlay that the user has made himself is held to its base as well.
image other.qcow2
qemu-img create -q -f qcow2 -b "$TMP/other.qcow2" -F qcow2 hand.qcow2
vm_yaml hand <<EOF
storage:
  - {name: a, file: hand.qcow2, backing_file: other.qcow2, backing_format: qcow2}
EOF
expect 0 maqet add hand.yaml
expect 0 maqet start hand
halt hand
expect 0 qemu-io -f qcow2 -c "write -P 2 0 64k" other.qcow2
expect 3 maqet start hand
err_has "the backing file $TMP/other.qcow2 of $TMP/hand.qcow2 was written to"

# A raw base.
truncate -s 1M raw.img
vm_yaml raw <<EOF
storage:
  - {name: a, file: raw.qcow2, backing_file: raw.img, backing_format: raw}
EOF
expect 0 maqet add raw.yaml
expect 0 maqet start raw
halt raw
expect 0 qemu-io -f raw -c "write -P 2 512k 64k" raw.img
expect 3 maqet start raw
err_has "the backing file $TMP/raw.img of $TMP/raw.qcow2 was written to"

# The machine whose disk is the base cannot be started, resized or reverted meanwhile; the one
# that depends on it is named.
vm_yaml below <<EOF
storage:
  - {name: disk, file: base.qcow2}
EOF
expect 0 maqet add below.yaml
depends="$TMP/base.qcow2 is the backing file of the image $TMP/ov.qcow2 of VM 'ov', drive 'a'"
sum=$(cksum <base.qcow2)
expect 3 maqet start below
err_has "$depends"
err_has 'readonly: on'
expect 3 maqet resize below disk 8M
err_has "$depends"
expect 3 maqet snapshot below create disk new
err_has "$depends"
qemu-img snapshot -c old base.qcow2
sum=$(cksum <base.qcow2)
expect 3 maqet snapshot below load disk old -y
err_has "$depends"
expect 3 maqet snapshot below delete disk old
cp -p base.qcow2 base.sound
err_has "$depends"
same "$sum" "$(cksum <base.qcow2)" "the base"
# Nor is it repaired: what its overlay sees would change.
"$abs_top_builddir/tests/images/spoil-qcow2" refcounts base.qcow2
sum=$(cksum <base.qcow2)
expect 3 maqet check below disk --repair --yes
err_has "$depends"
out_has "$TMP/base.qcow2: damaged"
same "$sum" "$(cksum <base.qcow2)" "the base after a repair"
cp -p base.sound base.qcow2
[ ! -e data/vms/below/pending.json ] || fail "something is pending"
expect 0 maqet start ov --accept-base
halt ov
# Under another name, too.
ln -s base.qcow2 alias.qcow2
sed 's/base.qcow2/alias.qcow2/' below.yaml >alias.yaml
expect 0 maqet apply below alias.yaml
expect 3 maqet start below
err_has "is the backing file of the image $TMP/ov.qcow2"
# Who only reads may.
sed 's/alias.qcow2/base.qcow2, readonly: on/' alias.yaml >reader.yaml
expect 0 maqet apply below reader.yaml
expect 0 maqet start below
halt below
expect 0 maqet apply below below.yaml
# Nor may a machine write to it by an argument of its own; what it discards changes nothing.
vm_yaml own <<EOF
arguments:
  - drive: {file: base.qcow2, format: qcow2, if: none, id: x}
EOF
expect 0 maqet add own.yaml
sum=$(cksum <base.qcow2)
expect 3 maqet start own
err_has "VM 'own'"
err_has "$TMP/base.qcow2"
err_has "is the backing file of the image $TMP/ov.qcow2"
sed 's/id: x/id: x, snapshot: "on"/' own.yaml >discards.yaml
expect 0 maqet apply own discards.yaml
expect 0 maqet start own
halt own
same "$sum" "$(cksum <base.qcow2)" "the base"
# It stays one where it was moved, though the overlay does not find it there.
mv base.qcow2 moved.qcow2
sed 's/base.qcow2/moved.qcow2/' below.yaml >moved.yaml
expect 0 maqet apply below moved.yaml
expect 3 maqet start below
err_has "$TMP/moved.qcow2 is the backing file of the image $TMP/ov.qcow2"
mv moved.qcow2 base.qcow2
expect 0 maqet apply below below.yaml

# The overlay outlives its machine, and its base is still one.
expect 0 maqet rm ov --yes
kept "$TMP/ov.qcow2" "created by maqet, and --delete-storage was not given"
expect 3 maqet start below
err_has "is the backing file of the image $TMP/ov.qcow2, which no VM uses"
expect 0 maqet storage rm --yes ov.qcow2
expect 0 maqet start below
halt below

# A chain of any depth is declared as a list, and compared with the images level by level; what is
# missing is printed.
qemu-img create -q -f raw deep.raw 1M
qemu-io -f raw -c 'write -P 1 0 192k' deep.raw >/dev/null
qemu-img create -q -f qcow2 -F raw -b deep.raw deep1.qcow2
qemu-io -f qcow2 -c 'write -P 2 64k 64k' deep1.qcow2 >/dev/null
mkdir deeper
qemu-img create -q -f qcow2 -F qcow2 -b ../deep1.qcow2 deeper/deep2.qcow2
qemu-io -f qcow2 -c 'write -P 3 128k 64k' deeper/deep2.qcow2 >/dev/null
deep() { # FILES FORMATS
    vm_yaml deep <<EOF
storage:
  - {name: hdd, type: qcow2, file: deep3.qcow2, backing_file: $1, backing_format: $2}
EOF
}
deep deeper/deep2.qcow2 qcow2
expect 3 maqet validate deep.yaml
err_has "\`backing_file: [$TMP/deeper/deep2.qcow2, $TMP/deeper/../deep1.qcow2]\` and \`backing_format: [qcow2, qcow2]\`"
deep '[deeper/deep2.qcow2, deep1.qcow2]' qcow2
expect 3 maqet validate deep.yaml
err_has 'backing_format: [qcow2, qcow2, raw]'
for wrong in '[deeper/deep2.qcow2, deep.raw, deep1.qcow2]:[qcow2, raw, qcow2]' \
    '[deeper/deep2.qcow2, deep1.qcow2, deep.raw]:[qcow2, raw]' \
    '[deeper/deep2.qcow2, deep1.qcow2, deep.raw]:[qcow2, raw, raw]' \
    '[deeper/deep2.qcow2, deep1.qcow2, deep.raw, deep1.qcow2]:[qcow2, qcow2, raw, qcow2]' \
    '[deeper/deep2.qcow2, deep1.qcow2, none.raw]:[qcow2, qcow2, raw]'; do
    deep "${wrong%%:*}" "${wrong#*:}"
    expect 3 maqet validate deep.yaml
    err_has 'deep.yaml:'
done
deep '[deeper/deep2.qcow2, deep1.qcow2, deep.raw]' '[qcow2, qcow2, raw]'
expect 0 maqet validate deep.yaml
expect 0 maqet add deep.yaml
expect 0 maqet start deep
expect 0 maqet stop deep --timeout 0 --force
qemu-img info -f qcow2 deep3.qcow2 >out
out_has "backing file: $TMP/deeper/deep2.qcow2"
for block in 1 2 3; do
    qemu-io -f qcow2 -c "read -P $block $(((block - 1) * 65536)) 64k" deep3.qcow2 >out
    out_lacks 'Pattern verification failed'
done
# Each of them is remembered.
qemu-io -f raw -c 'write -P 9 0 64k' deep.raw >/dev/null
code=0
maqet start deep >out 2>err || code=$?
[ "$code" -ne 0 ] || fail "it starts though the lowest backing file has changed"
err_has "the backing file $TMP/deep.raw of $TMP/deep3.qcow2 was written to"
