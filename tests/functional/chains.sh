#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive is a chain of block nodes: its top is called as the drive, and what is below has
# a name of its own in QEMU, which no drive can have.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

qemu-img create -q -f raw base.raw 1M
qemu-img create -q -f qcow2 base.qcow2 1M
long=a234567890123456789012345678901
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, backing_file: base.raw, backing_format: raw}
  - {name: hdd.1, type: qcow2, size: 1M, backing_file: base.qcow2, backing_format: qcow2}
  - {name: $long, type: qcow2, size: 1M, backing_file: base.raw, backing_format: raw}
  - {name: alone, type: qcow2, size: 1M}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm

# file_of NODE: the file of a node of the QEMU that runs.
expect 0 maqet --format json qmp vm query-named-block-nodes '{"flat": true}'
tr -d ' \n' <out | sed 's/"iops_rd"/\n&/g' >nodes
file_of() {
    sed -n "s/.*\"file\":\"\([^\"]*\)\".*/\1 &/p" nodes |
        sed -n "s/^\([^ ]*\) .*\"node-name\":\"$1\".*/\1/p"
}
same "$TMP/images/maqet-vm-hdd.qcow2" "$(file_of hdd)" "the top's file"
same "$TMP/base.raw" "$(file_of maqet-hdd.1)" "the file below hdd"
same "$TMP/base.qcow2" "$(file_of maqet-hdd.1.1)" "the file below hdd.1"
same "$TMP/base.raw" "$(file_of maqet-0f09d0152a7a6d0c7.1)" "the file below a long name"
same "$TMP/images/maqet-vm-alone.qcow2" "$(file_of alone)" "a file without more"
[ -z "$(file_of maqet-alone.1)" ] || fail "there is a node below a drive that has none"

# A checkpoint of an earlier maqet, which gave these nodes no names, fits.
expect 0 maqet checkpoint vm create one
expect 0 maqet -q stop vm --timeout 0 --force
about=data/vms/vm/checkpoints/one.json
grep -q 'maqet-hdd\.1' "$about" || fail "the checkpoint has no such node"
sed -i 's/,\\"node-name\\":\\"maqet-[^"]*\\"//g' "$about"
grep -q 'maqet-hdd\.1' "$about" && fail "the name could not be removed"
expect 0 maqet checkpoint vm load --yes one
expect 0 maqet -q stop vm --timeout 0 --force
# Another base does not.
sed 's/base.raw/other.raw/' vm.yaml >other.yaml
cp -p base.raw other.raw
rm images/maqet-vm-hdd.qcow2 "images/maqet-vm-$long.qcow2"
qemu-img create -q -f qcow2 -F raw -b "$TMP/other.raw" images/maqet-vm-hdd.qcow2
qemu-img create -q -f qcow2 -F raw -b "$TMP/other.raw" "images/maqet-vm-$long.qcow2"
expect 0 maqet apply vm other.yaml
expect 3 maqet checkpoint vm load --yes one
err_has "The checkpoint 'one' no longer fits VM 'vm': its argument -blockdev was"

# A chain may have 64 files below the image, and no more.
qemu-img create -q -f qcow2 level1.qcow2 1M
list=level1.qcow2
level=1
while [ $level -lt 65 ]; do
    qemu-img create -q -u -f qcow2 -F qcow2 -b level$level.qcow2 level$((level + 1)).qcow2 1M
    level=$((level + 1))
    [ $level -ne 65 ] || long_enough=$list
    list="level$level.qcow2, $list"
done
vm_yaml deep <<EOF
storage:
  - {name: hdd, type: qcow2, file: deep.qcow2, backing_file: [$list], backing_format: qcow2}
EOF
expect 3 maqet validate deep.yaml
err_has '65 backing files are more than the 64 that are possible'
sed -i "s/backing_file: \[.*\], /backing_file: [$long_enough], /" deep.yaml
expect 0 maqet add deep.yaml
expect 0 maqet start deep
expect 0 maqet qmp deep query-named-block-nodes
out_has "$TMP/level1.qcow2"
expect 0 maqet stop deep --timeout 0 --force
