# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# combinations.sh - every storage on every interface as disk and CD-ROM on each machine type,
# and each share: for the tests that look at the arguments and that start them.

# each_combination COMMAND: calls COMMAND NAME MACHINE FILE for each; FILE describes it.
each_combination() {
    [ -e cd.iso ] || truncate -s 1M cd.iso
    mkdir -p share
    for machine in q35 pc virt; do
        for interface in virtio sata ide scsi none; do
            for type in qcow2 raw; do
                for media in disk cdrom; do
                    # virtio refuses a CD-ROM, and an ISO is raw.
                    case $interface-$type-$media in
                    virtio-*-cdrom | *-qcow2-cdrom) continue ;;
                    esac
                    combination "$1" "$machine" "$type-$interface-$media" <<EOF
    type: $type
    interface: $interface
    media: $media
$(if [ $media = cdrom ]; then echo "    file: cd.iso"; else echo "    size: 1M"; fi)
$(case $interface in none) ;; *)
    echo "    serial: S-$interface"
    [ $media = cdrom ] || echo "    bootindex: 3" ;;
esac)
EOF
                done
            done
        done
        combination "$1" "$machine" virtfs <<EOF
    type: virtfs
    path: share
    readonly: on
EOF
        # The machine's own places and one more on an added controller.
        combination "$1" "$machine" many-sata <<EOF
    size: 1M
    interface: sata
$(for i in 1 2 3 4 5 6 7; do printf '  - {name: d%d, type: raw, size: 1M, interface: sata}\n' $i; done)
EOF
        combination "$1" "$machine" empty-cdrom <<EOF
    type: raw
    interface: sata
    media: cdrom
EOF
    done
}

combination() { # COMMAND MACHINE NAME < lines of the drive
    command=$1
    vm="$2-$3"
    binary=qemu-system-x86_64
    [ "$2" != virt ] || binary=qemu-system-aarch64
    cat >"$vm.yaml" <<EOF
name: $vm
binary: $binary
accel: tcg
memory: 64M
arguments:
  - machine: $2
storage:
  - name: drive
$(cat)
EOF
    "$command" "$vm" "$2" "$vm.yaml"
}
