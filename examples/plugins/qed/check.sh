#!/bin/sh
# SPDX-License-Identifier: MIT
# Snapshots of a disk of the format QED, which are overlays of that format: they are created, loaded
# and deleted, stopped and with a real QEMU, and every merge is tried.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-qed.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/storage-qed.XXXXXX")
cd "$scratch"
mkdir plugins
cp "$plugin" plugins/
export MAQET_PLUGIN_PATH="$scratch/plugins:${MAQET_PLUGIN_PATH-}"
export MAQET_DATA_DIR="$scratch/data" MAQET_RUNTIME_DIR="$scratch/run"
vm() { "$MAQET" -q "$@"; }
finish() {
    status=$?
    trap - EXIT
    vm stop vm --force --timeout 0 >/dev/null 2>&1 || :
    cd /
    rm -rf "$scratch"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
for program in qemu-system-x86_64 qemu-img qemu-io; do
    command -v $program >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done
qemu-img create -q -f qed trial.qed 1M 2>/dev/null || { echo "QEMU lacks QED" >&2; exit 77; }

machine() {
    cat >vm.yaml <<EOF
name: vm
binary: qemu-system-x86_64
accel: tcg
storage:
  - {name: hdd, type: qed, file: hdd.qed, size: 16M, snapshots: overlay}
EOF
}
# As the guest: does something at a place of the disk, which has not failed.
guest() { # COMMAND
    said=$(vm qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$1\\\"\"}")
    [ "$said" = '""' ] || fail "$1: $said"
}
# A snapshot, or what is there now as a snapshot, has these numbers at 1 MiB, 2 MiB and so on.
holds() { # SNAPSHOT NUMBER...
    rm -f copy.raw
    vm snapshot vm export hdd "$1" copy.raw --format raw
    place=0
    name=$1
    shift
    for number in "$@"; do
        place=$((place + 1))
        ! qemu-io -r -f raw -c "read -P $number ${place}M 64k" copy.raw | grep -q failed ||
            fail "$name has no $number at ${place}M"
    done
}
snapshots() { "$MAQET" --format plain snapshot vm list hdd | cut -f 1 | tr '\n' ' '; }
listed() { # NAMES
    [ "$(snapshots)" = "$1" ] || fail "there are '$(snapshots)' instead of '$1'"
}

machine
vm add vm.yaml
vm start vm
for number in 1 2 3 4; do
    guest "write -P $number ${number}M 64k"
    vm snapshot vm create hdd s$number --live
done
guest "write -P 9 1M 64k"
for file in hdd.qed hdd.qed.maqet/*.qed; do
    qemu-img info -U "$file" | grep -qx 'file format: qed' || fail "$file is not of the format QED"
done
vm resize vm hdd 20M
# Downwards into the image, and upwards: the larger one of two stays.
guest "write -P 7 8M 1M"
vm snapshot vm create hdd s5 --live
vm snapshot vm delete hdd s1 --live
vm snapshot vm delete hdd s4 --live
listed "s2 s3 s5 "
holds s5 9 2 3 4
holds s3 1 2 3 0
vm stop vm --force --timeout 0

# A second branch; the one that is left is merged with nothing but its own.
vm snapshot vm load hdd s2 --yes
vm start vm
guest "read -P 1 1M 64k"
guest "read -P 0 3M 64k"
guest "write -P 8 5M 64k"
vm stop vm --force --timeout 0
vm snapshot vm create hdd s6
vm snapshot vm delete hdd s3
vm snapshot vm delete hdd s2
listed "s5 s6 "
holds s5 9 2 3 4 0
holds s6 1 2 0 0 8
vm snapshot vm load hdd s5 --yes
vm snapshot vm delete hdd s6
vm resize vm hdd 24M
vm snapshot vm delete hdd s5
[ ! -e hdd.qed.maqet ] || fail "there are overlays: $(ls hdd.qed.maqet)"
"$MAQET" --format json status vm | grep -q '"virtual_size": 25165824' || fail "it did not grow"
qemu-img check -q -f qed hdd.qed || fail "the image is damaged"
vm start vm
for number in 2 3 4; do guest "read -P $number ${number}M 64k"; done
guest "read -P 9 1M 64k"
guest "read -P 7 8M 1M"
vm stop vm --force --timeout 0
vm rm vm --yes

# What a guest could write the beginning of cannot be told from another format.
qemu-img create -q -f qed -b hdd.qed -F qed named.qed
sed 's/hdd.qed/named.qed/' vm.yaml >named.yaml
! vm validate named.yaml 2>err || fail "an image was accepted that names a file"
grep -q "hdd.qed" err || fail "not said which file: $(cat err)"
echo "qed: all is well"
