#!/bin/sh
# SPDX-License-Identifier: MIT
# The memory of a checkpoint is a file of its own, which a load maps: whose file it is, what becomes of
# one that was changed, and for which machines the memory is kept with the rest.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required

vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml --set memory=128M
expect 0 maqet start vm
folder=$MAQET_DATA_DIR/vms/vm/checkpoints
mapped_file() { tr '\0' '\n' <"/proc/$(vm_pid "$1")/cmdline" | sed -n 's/^memory-backend-file,.*mem-path=\([^,]*\).*/\1/p'; }
runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }

# ---- the file ----

expect 0 maqet --format json checkpoint vm create a
out_has '"unmappable": null'
same "400 134217728" "$(stat -c '%a %s' "$folder/a.ram")" "mode and length of the memory"
[ $(($(stat -c %b "$folder/a.ram") * 512)) -lt 134217728 ] || skip_always "no holes on this file system"
expect 0 maqet --format json checkpoint vm list
out_has '"mappable": true'
cp "$folder/a.ram" before
expect 0 maqet checkpoint vm load --yes a
same "$folder/a.ram" "$(mapped_file vm)" "what QEMU has mapped"
runs vm || fail "the guest does not run"
expect 0 maqet checkpoint vm verify a
out_has "The checkpoint 'a' of VM 'vm' is undamaged."
cmp before "$folder/a.ram" || fail "QEMU has written to it"
same 400 "$(stat -c %a "$folder/a.ram")" "the mode afterwards"

# The arguments of that start are not those of the machine, and the next checkpoint is like the first.
expect 0 maqet --format json checkpoint vm create b
out_has '"unmappable": null'
! grep -q memory-backend "$folder/b.json" || fail "the arguments of one start were recorded"
expect 0 maqet checkpoint vm load --yes b
same "$folder/b.ram" "$(mapped_file vm)" "what QEMU has mapped"
# While it is mapped, it can be deleted.
expect 0 maqet checkpoint vm delete b
[ ! -e "$folder/b.ram" ] || fail "the memory was not deleted"
runs vm || fail "the guest does not run"

# Read instead of mapped, so that QEMU has memory of its own.
expect 0 maqet checkpoint vm load --yes --read a
same '' "$(mapped_file vm)" "what QEMU has mapped"
runs vm || fail "the guest does not run"
expect 0 maqet --format json checkpoint vm create b
out_has '"unmappable": null'
expect 0 maqet checkpoint vm delete b
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm --yes --read --from a
same '' "$(mapped_file vm)" "what QEMU has mapped"
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm --yes --from a
same "$folder/a.ram" "$(mapped_file vm)" "what QEMU has mapped"

# ---- a file that is not what was written ----

# A copy is read once, and then known.
cp -p "$folder/a.ram" copy
touch copy
mv -f copy "$folder/a.ram"
identity() { sed -n 's/.*"memory_identity": *"\([^"]*\)".*/\1/p' "$folder/a.json"; }
was=$(identity)
expect 0 maqet checkpoint vm load --yes a
[ "$(identity)" != "$was" ] || fail "the copy was not recorded"
chmod 600 "$folder/a.ram"
damage() { printf X | dd of="$folder/a.ram" bs=1 seek=1000 conv=notrunc 2>/dev/null; }
pid=$(vm_pid vm)
damage
expect 1 maqet checkpoint vm load --yes a
err_has "a.ram is damaged: its checksum is"
err_has "maqet snapshot vm load --all a"
same "$pid" "$(vm_pid vm)" "QEMU, which a load that fails does not end"
# Whoever hides it is found out only by reading.
cp before "$folder/a.ram"
expect 0 maqet checkpoint vm load --yes a
touch -r "$folder/a.ram" stamp
damage
touch -r stamp "$folder/a.ram"
expect 1 maqet checkpoint vm verify a
err_has "a.ram is damaged: its checksum is"
cp before "$folder/a.ram"
expect 0 maqet checkpoint vm verify a
expect 0 maqet stop vm --timeout 0 --force
truncate -s -4096 "$folder/a.ram"
for action in verify 'load --yes'; do
    # shellcheck disable=SC2086 # two words
    expect 1 maqet checkpoint vm $action a
    err_has "a.ram is damaged: it has 134213632 bytes instead of 134217728"
done
rm "$folder/a.ram"
expect 3 maqet checkpoint vm load --yes a
err_has "Cannot read $folder/a.ram"
err_has "The guest's memory is lost"
expect 0 maqet --format json checkpoint vm list
out_has '"size": null'
expect 0 maqet checkpoint vm delete a
same '' "$(ls -A "$folder")" "what is left"

# ---- memory that cannot be mapped ----

# kept_whole REASON: the memory is kept with the rest, and that can be loaded.
kept_whole() {
    out_has "Loading it reads all of its memory: $1."
    [ ! -e "$folder/w.ram" ] || fail "there is a file for the memory"
    expect 0 maqet checkpoint vm load --yes w
    runs vm || fail "the guest does not run"
    # Nor do forks map it.
    expect 0 maqet fork vm new --from w --discard
    err_has "$1"
    runs new || fail "the guest of the fork does not run"
    same '' "$(mapped_file new)" "what the fork's QEMU has mapped"
    expect 0 maqet stop new --timeout 0 --force
    expect 0 maqet checkpoint vm delete w
}
expect 0 maqet start vm
expect 0 maqet checkpoint vm create w --compress
kept_whole "it is compressed"
again() {
    expect 0 maqet stop vm --timeout 0 --force
    cat vm.yaml - >other.yaml
    expect 0 maqet apply vm other.yaml --set memory=128M "$@"
    expect 0 maqet start vm
}
again --set shared_memory=on </dev/null
expect 0 maqet checkpoint vm create w
kept_whole "other processes share the guest's memory"
again <<EOF
arguments: [{object: 'memory-backend-ram,id=mine,size=128M'}, {machine: 'memory-backend=mine'}]
EOF
expect 0 maqet checkpoint vm create w
kept_whole "\`arguments\` define what the guest's memory consists of"

again <<EOF
arguments:
- {object: 'memory-backend-ram,id=one,size=64M'}
- {object: 'memory-backend-ram,id=two,size=64M'}
- {numa: 'node,nodeid=0,memdev=one'}
- {numa: 'node,nodeid=1,memdev=two'}
EOF
expect 0 maqet checkpoint vm create w
kept_whole "\`arguments\` define what the guest's memory consists of"

# Before 8.2, QEMU has the file open for writing, and makes holes in it for a balloon.
again <<EOF
arguments: [{device: virtio-balloon-pci}]
EOF
expect 0 maqet checkpoint vm create w
if qemu-system-x86_64 --version | grep -qE 'version ([0-7]|8\.[01])\.'; then
    kept_whole "with a balloon, QEMU before 8.2 would write to the file"
else
    expect 0 maqet checkpoint vm load --yes w
    same "$folder/w.ram" "$(mapped_file vm)" "what QEMU has mapped"
    expect 0 maqet checkpoint vm delete w
fi
expect 0 maqet stop vm --timeout 0 --force
