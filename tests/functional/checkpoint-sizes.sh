#!/bin/sh
# SPDX-License-Identifier: MIT
# The size of a checkpoint is what it takes on the disk, wherever it is told; its length is checked
# when it is loaded all the same.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires fallocate

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
state=$MAQET_DATA_DIR/vms/vm/checkpoints/a.state
memory=${state%.state}.ram
allocated() { echo $((($(stat -c %b "$state") + $(stat -c %b "$memory")) * 512)); }
lengths() { echo $(($(stat -c %s "$state") + $(stat -c %s "$memory"))); }
number() { sed -n "s/^.*\"$1\": *\([0-9]*\).*/\1/p" out; }

expect 0 maqet --format json checkpoint vm create a
same "$(allocated)" "$(number size)" 'the size in the receipt'
same "$(lengths)" "$(number length)" 'the length in the receipt'

# A file with holes, as QEMU makes one whose pages have each their place: it is longer than what it
# takes.
length=$(stat -c %s "$state")
truncate -s +8M "$state"
sed -i "s/\"size\": *$length/\"size\": $((length + 8388608))/" "${state%.state}.json"
[ "$(allocated)" -lt "$(lengths)" ] || skip_always "no holes on this file system"
expect 0 maqet --format json checkpoint vm list
same "$(allocated)" "$(number size)" 'the size in the list'
same "$(lengths)" "$(number length)" 'the length in the list'
expect 0 maqet --format plain checkpoint vm list
same "$(allocated)" "$(cut -f 5 out)" 'the size in plain'
expect 0 maqet --format json snapshot vm list hdd
same "$(allocated)" "$(number vm_state)" "the memory in the snapshots' list"

# A file that is cut off is found out by its length.
truncate -s $((length - 1)) "$state"
expect 1 maqet checkpoint vm load a --yes
err_has 'is damaged'
expect 0 maqet checkpoint vm list
