#!/bin/sh
# SPDX-License-Identifier: MIT
# rm keeps images and says so; --delete-storage removes only what maqet itself made.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

qemu-img create -q -f qcow2 images/base.qcow2 1M
qemu-img create -q -f qcow2 images/mine.qcow2 1M
truncate -s 1M images/cd.iso
mkdir share
echo keep >share/file
machine() {
    vm_yaml "$1" <<EOF
storage:
  - name: made
    size: 1M
  - name: over
    file: images/$1-over.qcow2
    backing_file: images/base.qcow2
    backing_format: qcow2
  - name: mine
    file: images/mine.qcow2
    readonly: on
  - name: cd
    type: raw
    interface: sata
    media: cdrom
    file: images/cd.iso
  - name: share
    type: virtfs
    path: share
EOF
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    expect 0 maqet stop "$1" --timeout 0 --force
}

machine keep
expect 0 maqet rm keep --yes
kept "$TMP/images/maqet-keep-made.qcow2" "created by maqet, and --delete-storage was not given"
kept "$TMP/images/mine.qcow2" "not created by maqet"
[ -f images/maqet-keep-made.qcow2 ] || fail "an image is gone"

machine gone
expect 0 maqet rm gone --delete-storage --yes
[ ! -e images/maqet-gone-made.qcow2 ] || fail "an image that was made is left"
[ ! -e images/gone-over.qcow2 ] || fail "an overlay that was made is left"
for file in images/base.qcow2 images/mine.qcow2 images/cd.iso share/file; do
    [ -e "$file" ] || fail "$file is gone"
done

# An image that another machine uses, and one that was replaced by hand, are kept.
machine first
vm_yaml second <<EOF
storage:
  - name: hdd
    file: images/top.qcow2
    backing_file: images/maqet-first-made.qcow2
    backing_format: qcow2
EOF
expect 0 maqet add second.yaml
rm images/first-over.qcow2
cp images/mine.qcow2 images/first-over.qcow2
expect 0 maqet rm first --delete-storage --yes
kept "$TMP/images/maqet-first-made.qcow2" "VM 'second' uses it"
kept "$TMP/images/first-over.qcow2" "it is not the file that maqet created"
[ -f images/maqet-first-made.qcow2 ] || fail "a base is gone"
[ -f images/first-over.qcow2 ] || fail "a replaced image is gone"

# An image that some program has open is kept.
machine open
qemu-system-x86_64 -M none -S -display none -monitor none -serial none \
    -blockdev driver=qcow2,node-name=x,file.driver=file,file.filename=images/maqet-open-made.qcow2 &
other=$!
has_open() { # its PID file comes before it opens anything
    ls -l "/proc/$other/fd" | grep -qF maqet-open-made.qcow2
}
eventually 20 has_open
expect 0 maqet rm open --delete-storage --yes
kill "$other"
wait "$other" || true
kept "$TMP/images/maqet-open-made.qcow2" "it is in use by 'qemu-system-x86_64 -M none"
out_has "(PID $other)"
[ -f images/maqet-open-made.qcow2 ] || fail "an open image is gone"

# All at once.
machine a
machine b
expect 0 maqet rm --all --yes --delete-storage
expect 0 maqet ls
out_has 'No VMs found.'
