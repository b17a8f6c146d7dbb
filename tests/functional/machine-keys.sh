#!/bin/sh
# SPDX-License-Identifier: MIT
# What a machine has by default, and by keys instead of QEMU's options; that `arguments` win; that
# nothing moves a drive in the guest; and that machines of an earlier maqet keep what they had.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required

define() { # VM LINE...
    defined=$1
    shift
    printf '%s\n' "$@" | vm_yaml "$defined"
}
hmp() { # VM COMMAND
    maqet qmp "$1" human-monitor-command "{\"command-line\": \"$2\"}" | sed 's/\\r\\n/\n/g; s/\\"/"/g'
}
type_of() { # VM: the machine type that QEMU really has
    maqet qmp "$1" qom-get '{"path": "/machine", "property": "type"}' | tr -d '"'
}
ended() {
    expect 0 maqet stop "$1" --timeout 0 --force
}

# ---- the defaults ----

define plain 'storage:' '  - {name: disk, size: 1M}'
expect 0 maqet add plain.yaml
expect 0 maqet start plain
case $(type_of plain) in pc-q35-*) ;; *) fail "the machine type is $(type_of plain)" ;; esac
hmp plain "info qtree" >devices
for device in isa-fdc isa-parallel floppy ide-cd e1000; do
    ! grep -q "dev: $device," devices || fail "the machine has a $device"
done
grep -q 'dev: virtio-net-pci, id "maqet-network-card"' devices || fail "the machine has no network card"
grep -q 'dev: VGA, id "maqet-video"' devices || fail "the machine has no video card"
grep -q 'name = "org.qemu.guest_agent.0"' devices || fail "the machine has no port for the agent"
same 1 "$(maqet qmp plain query-cpus-fast | grep -c '"cpu-index"')" "vCPUs"
ended plain

# ---- the keys ----

define keys 'machine: pc' 'vcpus: 3' 'network: none' 'guest_agent: off' 'display: none'
expect 0 maqet add keys.yaml
expect 0 maqet start keys
case $(type_of keys) in pc-i440fx-*) ;; *) fail "the machine type is $(type_of keys)" ;; esac
hmp keys "info qtree" >devices
for device in virtio-net-pci VGA virtserialport; do
    ! grep -q "dev: $device," devices || fail "the machine has a $device"
done
same 3 "$(maqet qmp keys query-cpus-fast | grep -c '"cpu-index"')" "vCPUs"
ended keys
# The machine type may have properties, and be given on the command line.
expect 0 maqet args keys.yaml --set machine=q35,smm=off --set vcpus=2
out_has "-machine q35,smm=off"
out_has "-smp 2"

wrong() { # MESSAGE LINE...
    message=$1
    shift
    define bad "$@"
    expect 3 maqet validate bad.yaml
    err_has "$message"
}
wrong "bad.yaml:5:8: 'vcpus' is '0'; it must be from 1 to 4096" 'vcpus: 0'
wrong "bad.yaml:5:8: 'vcpus' is 'many', which is not an integer" 'vcpus: many'
wrong "bad.yaml:6:6: 'cpu' is a number of vCPUs, which 'vcpus' (bad.yaml:5:8) gives, too" 'vcpus: 2' 'cpu: 2'
wrong "bad.yaml:5:10: 'machine' is 'smm=off', which names no machine type" 'machine: smm=off'
wrong "bad.yaml:5:10: 'machine' is 'help': QEMU would only print a list" 'machine: help'

# ---- what `arguments` say wins ----

define own 'machine: pc' 'vcpus: 3' 'ports: ["auto:22"]' 'vga: qxl' 'arguments:' \
    '  - machine: q35' '  - smp: 2' '  - netdev: user,id=mine' '  - vga: std' \
    '  - uuid: 11111111-2222-3333-4444-555555555555' \
    '  - chardev: null,id=a' '  - device: virtio-serial' \
    '  - device: virtserialport,chardev=a,name=org.qemu.guest_agent.0'
expect 0 maqet args own.yaml
for key in "5:10: 'machine' is ignored: \`arguments\` says -machine" \
    "6:8: 'vcpus' is ignored: \`arguments\` says -smp" \
    "7:8: 'ports' is ignored: \`arguments\` says -netdev, -nic or -net" \
    "8:6: 'vga' is ignored: \`arguments\` says -vga"; do
    err_has "own.yaml:$key"
done
for none in "-machine pc" "-smp 3" maqet-network maqet-video maqet-agent; do
    ! grep -qe "$none" out || fail "$none in spite of the arguments"
done
same 1 "$(grep -c -e '-uuid' out)" "UUIDs"
expect 0 maqet add own.yaml
expect 0 maqet start own
case $(type_of own) in pc-q35-*) ;; *) fail "the machine type is $(type_of own)" ;; esac
ended own
# Properties alone leave the machine type as it is.
define properties 'arguments:' '  - machine: {smm: off}'
expect 0 maqet add properties.yaml
expect 0 maqet start properties
case $(type_of properties) in pc-q35-*) ;; *) fail "the machine type is $(type_of properties)" ;; esac
ended properties
# Another machine type than those that maqet gives devices has QEMU's own.
expect 0 maqet args plain.yaml --set machine=microvm
! grep -qe -nodefaults -e maqet-video out || fail "a machine without a PCI bus has devices on one"

# ---- no drive moves ----

places() { # VM LINE...: where its drives are with these lines
    moved=$1
    shift
    define "$moved" "$@" 'storage:' '  - {name: one, size: 1M}' '  - {name: two, size: 1M}'
    expect 0 maqet apply "$moved" "$moved.yaml"
    expect 0 maqet start "$moved"
    hmp "$moved" "info pci" >pci
    # Behind a root port, if there are such; their buses are empty until the firmware has numbered them.
    awk '$1 == "Bus" { place = $4 } $1 == "id" && $2 ~ /^"(one|two|maqet-port-[0-9]+)"$/ { print $2 place }' pci >places
    if grep -q maqet-port places; then grep maqet-port places; else cat places; fi
    maqet --format plain args "$moved" | grep -o '"drive":"[a-z]*","bus":"[^"]*"' || :
    expect 0 maqet stop "$moved" --timeout 0 --force
}
for machine in q35 pc; do
    all=$(places "$machine" "machine: $machine")
    [ "$all" ] || fail "no drives on $machine"
    same "$all" "$(places "$machine" "machine: $machine" 'network: none' 'guest_agent: off' \
        'display: none')" "places of the drives on $machine"
    same "$all" "$(places "$machine" "machine: $machine" 'vga: cirrus')" "places of the drives on $machine"
done

# ---- machines of an earlier maqet ----

define old 'storage:' '  - {name: disk, size: 1M}'
expect 0 maqet add old.yaml
sed -i '/^  "defaults":2,$/d' data/vms/old/vm.json
expect 0 maqet start old
case $(type_of old) in pc-i440fx-*) ;; *) fail "the machine type is $(type_of old)" ;; esac
maqet args old >before
expect 0 maqet checkpoint old create kept
ended old
! grep -qe -nodefaults -e -uuid before || fail "the command line has changed: $(cat before)"
expect 0 maqet checkpoint old load kept --yes
ended old
# Neither another definition nor the same one changes that.
sed 's/64M/80M/' old.yaml >changed.yaml
expect 0 maqet apply old changed.yaml
expect 0 maqet args old
! grep -qe -nodefaults -e -uuid out || fail "the defaults have changed: $(cat out)"
expect 0 maqet apply old old.yaml
expect 0 maqet checkpoint old load kept --yes
ended old
# Its keys count: a machine type, and a network.
sed 's/^memory:/machine: q35\nports: ["auto:22"]\nmemory:/' old.yaml >changed.yaml
expect 0 maqet apply old changed.yaml
expect 0 maqet start old
case $(type_of old) in pc-q35-*) ;; *) fail "the machine type is $(type_of old)" ;; esac
hmp old "info qtree" >devices
grep -q 'maqet-network-card' devices || fail "the machine has no network card"
ended old
# A number that this maqet does not know is one of a later version.
sed -i 's/^  "format":1,$/&\n  "defaults":99,/' data/vms/old/vm.json
expect 1 maqet start old
err_has "was written by a later version of maqet"
sed -i '/"defaults":99/d' data/vms/old/vm.json

# ---- the examples ----

for file in "$abs_top_srcdir"/examples/*.yaml "$abs_top_srcdir"/examples/plugins/*/*.yaml; do
    ! grep -q '^arguments:' "$file" || fail "$file has options of QEMU"
done
