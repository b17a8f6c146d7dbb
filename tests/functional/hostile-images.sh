#!/bin/sh
# SPDX-License-Identifier: MIT
# Images that would read the host's files, images of another format, planted files: refused
# before QEMU opens them.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
echo secret >secret
secret=$TMP/secret

drive() { # NAME then lines of the drive
    vm_yaml "$1" <<EOF
storage:
  - name: hdd
$(sed 's/^/    /')
EOF
}

# A backing file that the configuration doesn't name.
qemu-img create -q -f qcow2 -u -b "$secret" -F raw images/backing.qcow2 1M
drive backing <<EOF
file: images/backing.qcow2
EOF
expect 3 maqet add backing.yaml
err_has "backing file '$secret'"
err_has "backing.yaml:"
err_has "drive 'hdd' of VM 'backing'"

# The same file, declared: then it is the user's wish.
drive declared <<EOF
file: images/backing.qcow2
backing_file: secret
backing_format: raw
EOF
expect 0 maqet add declared.yaml

# Declared is one, named is another.
echo other >other
sed 's/backing_file: secret/backing_file: other/; s/name: declared/name: another/' declared.yaml >another.yaml
expect 3 maqet add another.yaml
err_has "backing file '$secret'"

# An external data file.
qemu-img create -q -f qcow2 -o data_file="$TMP/data.raw" images/data.qcow2 1M
drive data <<EOF
file: images/data.qcow2
EOF
expect 3 maqet add data.yaml
err_has "external data file '$TMP/data.raw'"
# A base that names one, which QEMU would open for it.
drive on-data <<EOF
file: images/on-data.qcow2
backing_file: images/data.qcow2
backing_format: qcow2
EOF
expect 3 maqet add on-data.yaml
err_has "names the external data file '$TMP/data.raw' in its turn"
err_has "drive 'hdd' of VM 'on-data'"
err_has "on-data.yaml:"

# A base that itself names a file, which no configuration does (any more).
expect 0 maqet rm declared --yes
drive deep <<EOF
file: images/deep.qcow2
backing_file: images/backing.qcow2
backing_format: qcow2
EOF
expect 3 maqet add deep.yaml
err_has "backing.qcow2"

# What is no base at all: the image itself, what cannot be read without a key, what a later QEMU
# has made, and what never ends.
qemu-img create -q -f qcow2 images/self.qcow2 1M
drive self <<EOF
file: images/self.qcow2
backing_file: images/self.qcow2
backing_format: qcow2
EOF
expect 3 maqet add self.yaml
err_has "the image $TMP/images/self.qcow2 cannot be its own backing file"
no_base() { # FILE MESSAGE
    drive over <<EOF
file: images/over.qcow2
backing_file: $1
backing_format: qcow2
EOF
    expect 3 timeout 60 "$MAQET" add over.yaml
    err_has "$2"
    err_has "drive 'hdd' of VM 'over'"
}
changed_at() { # OFFSET BYTE: the image changed.qcow2
    qemu-img create -q -f qcow2 images/changed.qcow2 1M
    printf '%b' "$2" | dd of=images/changed.qcow2 bs=1 seek="$1" conv=notrunc status=none
}
changed_at 35 '\002'
no_base images/changed.qcow2 "the backing file $TMP/images/changed.qcow2 is encrypted, and there is no key for a base"
changed_at 72 '\0200'
no_base images/changed.qcow2 "uses features of qcow2 that are not known here"
mkfifo images/endless
no_base images/endless "the backing file $TMP/images/endless is neither a file nor a block device"

# An image is not what its type says.
qemu-img create -q -f qcow2 images/really.qcow2 1M
drive asraw <<EOF
type: raw
file: images/really.qcow2
EOF
expect 3 maqet add asraw.yaml
err_has "begins like an image of the format 'qcow2', and its type is raw"
err_has '`format: raw`'
err_has '`type: qcow2`'
truncate -s 1M images/really.raw
drive asqcow2 <<EOF
file: images/really.raw
EOF
expect 3 maqet add asqcow2.yaml
err_has "not 'qcow2'"
qemu-img create -q -f vmdk images/really.vmdk 1M
drive asvmdk <<EOF
type: raw
file: images/really.vmdk
EOF
expect 3 maqet add asvmdk.yaml
err_has "'vmdk'"

# An image that becomes hostile after `add` is refused by `start`.
drive later <<EOF
file: images/later.qcow2
size: 1M
EOF
expect 0 maqet add later.yaml
cp images/backing.qcow2 images/later.qcow2
expect 3 maqet start later
err_has "backing file '$secret'"
same created "$(vm_status later)"

# Planted under the name that we would take.
drive planted <<EOF
size: 1M
EOF
expect 0 maqet add planted.yaml
ln -s "$secret" images/maqet-planted-hdd.qcow2
expect 4 maqet start planted
err_has "is not a regular file that belongs to you"
rm images/maqet-planted-hdd.qcow2
ln -s "$TMP/nowhere" images/maqet-planted-hdd.qcow2
expect 4 maqet start planted
rm images/maqet-planted-hdd.qcow2
mkfifo images/maqet-planted-hdd.qcow2
expect 4 maqet start planted
rm images/maqet-planted-hdd.qcow2
if [ "$(id -u)" -eq 0 ]; then
    qemu-img create -q -f qcow2 images/maqet-planted-hdd.qcow2 1M
    chown 65534 images/maqet-planted-hdd.qcow2
    expect 4 maqet start planted
    rm images/maqet-planted-hdd.qcow2
fi
expect 0 maqet start planted
same secret "$(cat "$secret")" "the host's file"
