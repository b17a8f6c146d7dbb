#!/bin/sh
# SPDX-License-Identifier: MIT
# The generation ID of a machine: which machines have one, when it changes, and that a checkpoint of a
# machine without one can still be loaded.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required
requires qemu-img

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: hdd.qcow2}
EOF
generation() { maqet --format plain args "$@" | sed -n 's/^vmgenid,.*guid=//p'; }
uuid() { sed -n 's/^  "uuid":"\(.*\)",$/\1/p' "data/vms/$1/vm.json"; }
seen() { maqet --format plain qmp "$1" query-vm-generation-id | tr -d '"' | sed 's/.*guid://; s/[{} ]//g'; }

# ---- which machines have one ----

for type in q35 pc pc-q35-7.2 pc-i440fx-2.5; do
    [ "$(generation vm.yaml --set machine=$type)" ] || fail "the machine type $type has none"
done
# Firmware for older types cannot report where it is; others have no such device.
for type in pc-i440fx-2.4 pc-q35-2.4 microvm isapc; do
    same '' "$(generation vm.yaml --set machine=$type)" "on the machine type $type"
done
same '' "$(generation vm.yaml --set binary=qemu-system-aarch64)" "on another architecture"
same '' "$(generation vm.yaml --set generation_id=off)" "if the key is off"
printf '%s\n' 'arguments: [{device: "vmgenid,guid=auto"}]' >own.yaml
same 'auto' "$(generation vm.yaml own.yaml)" "the only one, if arguments have one"

# ---- a machine without one, of an earlier maqet ----

expect 0 maqet add vm.yaml
sed -i 's/^  "defaults":2,$/  "defaults":1,/' data/vms/vm/vm.json
grep -q '"defaults":1,' data/vms/vm/vm.json || fail "the number of the defaults is another one"
same '' "$(generation vm)" "of a machine that was added before"
expect 0 maqet start vm
expect 0 maqet checkpoint vm create early
expect 0 maqet checkpoint vm load early --yes
expect 1 maqet qmp vm query-vm-generation-id
expect 0 maqet stop vm --timeout 0 --force
# It gets one by the key, and then that is another machine.
expect 0 maqet apply vm vm.yaml --set generation_id=on
[ "$(generation vm)" ] || fail "it has none by the key"
expect 3 maqet start vm --from early --yes
err_has "no longer fits"
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm --from early --yes
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet rm vm --delete-storage --yes

# ---- when it changes ----

expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet snapshot vm create hdd empty --live
first=$(uuid vm)
same "$first" "$(seen vm)" "of a machine that was never taken back: its UUID"
expect 0 maqet checkpoint vm create c
same "$first" "$(seen vm)" "after a checkpoint was created"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
same "$first" "$(seen vm)" "after a restart"
expect 0 maqet checkpoint vm load c --yes
second=$(seen vm)
[ "$second" != "$first" ] || fail "it is the same after a checkpoint was loaded"
expect 0 maqet checkpoint vm load c --yes
third=$(seen vm)
[ "$third" != "$first" ] && [ "$third" != "$second" ] || fail "the second load has not changed it"
expect 0 maqet stop vm --timeout 0 --force
same "$third" "$(generation vm)" "from the load on"
# What a test changes is discarded, and so is this.
expect 0 maqet run vm --from c --discard -- \
    sh -c "'$MAQET' --format plain qmp \$MAQET_VM query-vm-generation-id >during"
grep -q . during && ! grep -qe "$first" -e "$third" during || fail "in a test: $(cat during)"
same "$third" "$(generation vm)" "after a test"
expect 0 maqet snapshot vm load hdd empty --yes
fourth=$(generation vm)
[ "$fourth" != "$third" ] || fail "it is the same after a snapshot was loaded"
# A clone is another machine.
expect 0 maqet clone vm twin
same "$(uuid twin)" "$(generation twin)" "of a clone"
expect 0 maqet rm twin --delete-storage --yes
# A file that is none of ours is not given to QEMU.
echo nonsense >data/vms/vm/generation
same "$first" "$(generation vm)" "with a damaged file"
expect 0 maqet rm vm --delete-storage --yes
[ ! -e data/vms/vm ] || fail "the folder is left"
