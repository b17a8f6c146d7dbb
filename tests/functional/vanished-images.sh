#!/bin/sh
# SPDX-License-Identifier: MIT
# An image that was there and is missing is an error, and never silently made anew; one that
# never existed is made as ever.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

# started VM: it has run once.
started() {
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    expect 0 maqet stop "$1" --timeout 0 --force
}
# missing COMMAND...: it fails, and says what was where, and the ways out.
missing() {
    expect 3 "$@"
    err_has "it was last there on 2"
    err_lacks "Creating"
}

# Created by maqet, in a folder that goes as one that is unmounted does: empty, or with its
# mount point.
mkdir disk disk/deep
vm_yaml made <<EOF
storage:
  - {name: hdd, size: 1M, file: disk/a.qcow2}
  - {name: second, size: 1M, file: disk/deep/b.qcow2}
EOF
started made
expect 0 maqet snapshot made create hdd good
mv disk unmounted
mkdir disk
missing maqet start made
err_has "disk/a.qcow2 is missing; it was last there on 2"
err_has "size 1M, created by maqet"
err_has "If its disk is not mounted, mount it"
err_has "maqet apply made FILE"
err_has "maqet start made --create-missing"
missing maqet snapshot made list hdd
missing maqet snapshot made load hdd good -y
missing maqet resize made hdd 2M
missing maqet check made
missing maqet check made hdd
same '' "$(ls -A disk)" "what lies in the empty folder"
rmdir disk
missing maqet start made
err_lacks mkdir
[ ! -e disk ] || fail "the folder was made"

# The guide's own way: move them, and apply the new path.
sed "s|disk/|moved/|" made.yaml >moved.yaml
mv unmounted moved
expect 0 maqet apply made moved.yaml
expect 0 maqet start made
err_lacks "Creating"
expect 0 maqet stop made --timeout 0 --force
expect 0 maqet snapshot made list hdd
out_has "- good ("

# A new path that is misspelt, while the old one is gone as well.
sed "s|disk/|mvoed/|" made.yaml >misspelt.yaml
mv moved elsewhere
mkdir mvoed mvoed/deep
expect 0 maqet apply made misspelt.yaml
missing maqet start made
err_has "there is no image $TMP/mvoed/a.qcow2, and its earlier image $TMP/moved/a.qcow2 is missing too"
# A new path beside an image that is still there is a new image.
mv elsewhere moved
expect 0 maqet start made
err_has "Creating qcow2 storage file: $TMP/mvoed/a.qcow2"
expect 0 maqet stop made --timeout 0 --force

# Gone for good: asked for, a new one is made.
rm mvoed/a.qcow2
missing maqet start made
missing maqet start made --foreground
expect 0 maqet start made --create-missing
err_has "Creating qcow2 storage file: $TMP/mvoed/a.qcow2"
err_lacks "mvoed/deep"
expect 0 maqet restart made --timeout 0 --force
expect 0 maqet stop made --timeout 0 --force

# Without a file of its own, as when /tmp is cleaned.
vm_yaml default <<EOF
storage:
  - {name: hdd, size: 1M}
EOF
started default
rm images/maqet-default-hdd.qcow2
missing maqet start default
[ ! -e images/maqet-default-hdd.qcow2 ] || fail "an empty image was made"

# Not created by maqet, but used.
qemu-img create -q -f qcow2 mine.qcow2 1M
vm_yaml mine <<EOF
storage:
  - {name: hdd, size: 1M, file: mine.qcow2}
EOF
started mine
mv mine.qcow2 away.qcow2
missing maqet start mine
err_lacks "created by maqet"
mv away.qcow2 mine.qcow2
expect 0 maqet start mine
expect 0 maqet stop mine --timeout 0 --force

# Read-only media are missed as well, and never made.
truncate -s 1M cd.iso
vm_yaml media <<EOF
storage:
  - {name: cd, type: raw, interface: sata, media: cdrom, file: cd.iso}
EOF
started media
rm cd.iso
missing maqet start media
err_lacks "--create-missing"

# What maqet was killed while it made was never there.
vm_yaml killed <<EOF
storage:
  - {name: hdd, size: 1M, file: killed.qcow2}
EOF
expect 0 maqet add killed.yaml
expect 137 traced renameat2 signal=KILL:when=1 start killed
[ -e data/vms/killed/images.json ] || fail "killed too early"
[ ! -e killed.qcow2 ] || fail "killed too late"
expect 0 maqet start killed
expect 0 maqet stop killed --timeout 0 --force

# A copy of the data folder remembers as much.
cp -a data copy
rm killed.qcow2
missing maqet --data-dir "$TMP/copy" start killed

# A list that cannot be read is not taken for an empty one, and is not overwritten.
expect 0 maqet start killed --create-missing
expect 0 maqet stop killed --timeout 0 --force
echo '{' >data/vms/killed/images.json
expect 1 maqet start killed
err_has "data/vms/killed/images.json is damaged"
same '{' "$(cat data/vms/killed/images.json)" "the damaged list"
expect 0 maqet status killed
