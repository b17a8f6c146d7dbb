#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive stays where it is: whichever others come and go, it keeps its controller and its
# place there, from one start to the next.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# define VM MACHINE DRIVE:INTERFACE...: the file VM.yaml; with $TYPE for the drives' type.
define() {
    define_vm=$1 define_machine=$2
    shift 2
    vm_yaml "$define_vm" <<EOF
hotplug_slots: 0 # a drive in a port keeps that port, and the address does not matter
arguments:
  - machine: $define_machine
storage:
$(for drive; do echo "  - {name: ${drive%:*}, type: ${TYPE:-raw}, interface: ${drive#*:}, size: 64k}"; done)
EOF
}

# at VM DRIVE...: where the drives would be with the next start, as BUS or BUS/UNIT.
at() {
    maqet --format plain args "$1" >args
    shift
    for drive; do
        sed -n "/\"id\":\"$drive\",/ {
            s/.*\"bus\":\"\([^\"]*\)\"/\1/
            s/,\"\(unit\|scsi-id\)\":\([0-9]*\)/\/\2/
            s/[,}].*//p
        }" args
    done | paste -sd ' '
}

once() {
    expect 0 maqet -q start "$1"
    expect 0 maqet -q stop "$1" --timeout 0 --force
}

# Without a start the list's order counts, as it always did.
define vm q35 a:sata b:sata c:sata
expect 0 maqet add vm.yaml
same "ide.0 ide.1 ide.2" "$(at vm a b c)" "places"
define vm q35 b:sata c:sata
expect 0 maqet apply vm vm.yaml
same "ide.0 ide.1" "$(at vm b c)" "places of a machine that was never started"
define vm q35 a:sata b:sata c:sata
expect 0 maqet apply vm vm.yaml
once vm

# Who goes moves nobody, whatever the order of the list.
define vm q35 c:sata b:sata
expect 0 maqet apply vm vm.yaml
same "ide.1 ide.2" "$(at vm b c)" "places after the first drive went"
once vm
same "ide.1 ide.2" "$(at vm b c)" "places after another start"

# Who comes takes the first free place: before the start and after it.
define vm q35 e:sata b:sata c:sata d:sata
expect 0 maqet apply vm vm.yaml
same "ide.0 ide.1 ide.2 ide.3" "$(at vm e b c d)" "places of new drives"
once vm
same "ide.0 ide.1 ide.2 ide.3" "$(at vm e b c d)" "places of new drives"

# Another interface is another place; the old one is free then.
define vm q35 e:sata b:ide c:sata d:sata f:sata
expect 0 maqet apply vm vm.yaml
same "ide.0 maqet-ide-0.0/0 ide.2 ide.3 ide.1" "$(at vm e b c d f)" "places with two buses"

# The record of a machine that runs is that of its start, also when its definition changes.
expect 0 maqet -q start vm
define vm q35 c:sata
expect 0 maqet apply vm vm.yaml
same "ide.2" "$(at vm c)" "place of a changed definition"
grep -q '"drive": *"e"' data/vms/vm/slots.json || fail "the record of what runs has changed"
expect 0 maqet -q stop vm --timeout 0 --force

# However often it changes, and with nothing on the PCI bus, so that no order is recorded.
define plain q35 a:sata b:sata
expect 0 maqet add plain.yaml
once plain
define plain q35 b:sata a:sata
expect 0 maqet apply plain plain.yaml
expect 0 maqet -q start plain
cp data/vms/plain/slots.json before.json
for drives in x:sata 'x:sata y:sata'; do
    # shellcheck disable=SC2086 # several
    define plain q35 $drives
    expect 0 maqet apply plain plain.yaml
done
cmp before.json data/vms/plain/slots.json || fail "a change has changed the record of what runs"
expect 0 maqet -q stop plain --timeout 0 --force

# A start that fails changes no record.
cp data/vms/vm/slots.json before.json
sed 's/machine: q35/machine: q35,no-such-property=on/' vm.yaml >wrong.yaml
expect 0 maqet apply vm wrong.yaml
expect 1 maqet start vm
cmp before.json data/vms/vm/slots.json || fail "a failed start has changed the record"
expect 0 maqet apply vm vm.yaml
once vm
grep -q '"drive": *"e"' data/vms/vm/slots.json && fail "a drive that is gone has a place"

# A controller that lost its drives stays, as the next one would move on its bus.
define many pc a:sata b:sata c:sata d:sata e:sata f:sata g:sata h:scsi i:scsi
expect 0 maqet add many.yaml
once many
define many pc g:sata i:scsi
expect 0 maqet apply many many.yaml
same "maqet-sata-1.0 maqet-scsi-0.0/1" "$(at many g i)" "places on added controllers"
maqet args many | grep -q '"maqet-sata-0"' || fail "the first controller is gone"
once many

# A place that the machine no longer has cannot be kept.
define many q35 g:sata i:scsi b:sata
expect 0 maqet apply many many.yaml
once many
define many pc g:sata i:scsi b:sata
expect 0 maqet apply many many.yaml
same "maqet-sata-1.0 maqet-scsi-0.0/1 maqet-sata-0.0" "$(at many g i b)" "another machine type"

# An earlier maqet recorded nothing: its machines have their drives in the order of the list.
define old q35 a:sata b:sata c:sata
expect 0 maqet add old.yaml
once old
rm data/vms/old/slots.json
same "ide.0 ide.1 ide.2" "$(at old a b c)" "places without a record"
define old q35 b:sata c:sata
expect 0 maqet apply old old.yaml
same "ide.1 ide.2" "$(at old b c)" "places that are recorded late"
once old

# What cannot be read is no empty record.
echo '{"format": 1, "slots": 3}' >data/vms/old/slots.json
expect 1 maqet start old
err_has "data/vms/old/slots.json is damaged, or was written by a later version of maqet"
err_has "Move it away to go on without"
rm data/vms/old/slots.json
once old

# A checkpoint is loaded with the places of its time.
TYPE=qcow2
define kept q35 b:sata c:sata
expect 0 maqet add kept.yaml
expect 0 maqet start kept
expect 0 maqet checkpoint kept create one
expect 0 maqet -q stop kept --timeout 0 --force
define kept q35 a:sata b:sata c:sata
expect 0 maqet apply kept kept.yaml
rm data/vms/kept/slots.json # by an earlier maqet
once kept
expect 3 maqet checkpoint kept load --yes one
err_has "The checkpoint 'one' no longer fits VM 'kept'"
define kept q35 b:sata c:sata
expect 0 maqet apply kept kept.yaml
same "ide.1 ide.2" "$(at kept b c)" "places before the load"
cp -R data earlier
expect 0 maqet checkpoint kept load --yes one
same "ide.0 ide.1" "$(at kept b c)" "places of the checkpoint"
expect 0 maqet -q stop kept --timeout 0 --force
# The same for one of a maqet that recorded no places.
cp earlier/vms/kept/slots.json data/vms/kept/slots.json
same "ide.1 ide.2" "$(at kept b c)" "places before the load"
sed -i '/"slots": *\[/,/\],*$/d' data/vms/kept/checkpoints/one.json
grep -q '"slots"' data/vms/kept/checkpoints/one.json && fail "the places could not be removed"
expect 0 maqet checkpoint kept load --yes one
same "ide.0 ide.1" "$(at kept b c)" "places of an old checkpoint"
expect 0 maqet -q stop kept --timeout 0 --force

# The record goes with its machine.
expect 0 maqet rm kept --yes --delete-storage
[ ! -e data/vms/kept ] || fail "the machine's folder is still there: $(ls data/vms/kept)"

# On the PCI bus, too, where QEMU gives out the addresses: virtio disks, shares, controllers.
# pci VM: "ID=SLOT" of all devices of a running machine.
pci() {
    maqet qmp "$1" human-monitor-command '{"command-line": "info pci"}' | sed 's/\\r\\n/\n/g' | awk '
        $1 == "Bus" { slot = $4 + 0 }
        $1 == "id" { gsub(/[\\"]/, "", $2); print $2 "=" slot }'
}

# Those of the drives, without maqet's other devices.
addresses() {
    maqet -q start "$1" || fail "VM '$1' did not start"
    pci "$1" >devices
    maqet -q stop "$1" --timeout 0 --force
    grep -E '^([a-z]|maqet-(scsi|sata)-[0-9])=' devices | sort | paste -sd ' '
}
TYPE=raw
mkdir share
for machine in pc q35; do
    define bus $machine a:virtio b:virtio c:scsi d:virtio
    sed -i 's/^storage:/&\n  - {name: s, type: virtfs, path: share, mount_tag: s, security_model: none}/' bus.yaml
    expect 0 maqet add bus.yaml
    before=$(addresses bus)
    first=$(echo "$before" | sed 's/.*\bs=\([0-9]*\).*/\1/')
    slot() { echo $((first + $1)); }
    same "a=$(slot 1) b=$(slot 2) d=$(slot 4) maqet-scsi-0=$(slot 3) s=$first" "$before" "addresses on $machine"
    # Whichever goes, and in whatever order the others are listed.
    define bus $machine d:virtio a:virtio
    expect 0 maqet apply bus bus.yaml
    same "a=$(slot 1) d=$(slot 4)" "$(addresses bus)" "addresses without the others on $machine"
    same "a=$(slot 1) d=$(slot 4)" "$(addresses bus)" "addresses at the next start on $machine"
    # New ones get what is vacant, and then what follows.
    define bus $machine e:virtio d:virtio f:virtio g:virtio a:virtio h:virtio
    expect 0 maqet apply bus bus.yaml
    same "a=$(slot 1) d=$(slot 4) e=$first f=$(slot 2) g=$(slot 3) h=$(slot 5)" "$(addresses bus)" "addresses of new drives on $machine"
    # An earlier maqet recorded no order.
    sed -i '/"pci": *\[/,/\]/d' data/vms/bus/slots.json
    define bus $machine f:virtio a:virtio
    expect 0 maqet apply bus bus.yaml
    same "a=$(slot 4) f=$(slot 2)" "$(addresses bus)" "addresses in the order of the list on $machine"
    expect 0 maqet rm bus --yes --delete-storage
done

# A checkpoint is loaded with the addresses of its time.
TYPE=qcow2
define moved q35 a:virtio b:virtio c:virtio
expect 0 maqet add moved.yaml
once moved
define moved q35 c:virtio a:virtio
expect 0 maqet apply moved moved.yaml
expect 0 maqet start moved
pci moved >saved
expect 0 maqet checkpoint moved create one
expect 0 maqet -q stop moved --timeout 0 --force
rm data/vms/moved/slots.json
once moved
expect 0 maqet checkpoint moved load --yes one
pci moved >loaded
same "$(cat saved)" "$(cat loaded)" "devices of the checkpoint"
grep -q maqet-vacant saved || fail "the address of the second drive is not kept"
expect 0 maqet -q stop moved --timeout 0 --force

# The plugin of a drive is gone: its VM can be changed, and what needs the drive says so.
sed -i '0,/"qcow2"/s//"gone"/' data/vms/moved/vm.json
grep -q '"gone"' data/vms/moved/vm.json || fail "the definition could not be changed"
expect 3 maqet checkpoint moved load --yes one
err_has "There is no storage plugin 'gone'"
rm data/vms/moved/slots.json
define moved q35 a:virtio
expect 0 maqet apply moved moved.yaml

# Kept addresses may leave too few for the user's own devices; then it is said how to give them up.
TYPE=raw
# shellcheck disable=SC2046 # words
define crowd q35 $(printf '%s:virtio ' a b c d e f g h i j k l m n o p q r s t)
expect 0 maqet add crowd.yaml
once crowd
define crowd q35 t:virtio
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sed -i 's/^arguments:/&\n  - device: virtio-rng-pci/' crowd.yaml
done
expect 0 maqet apply crowd crowd.yaml
expect 1 maqet start crowd
err_has "no slot/function available"
err_has "move $TMP/data/vms/crowd/slots.json away to give them up"
rm data/vms/crowd/slots.json
once crowd
