#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive that stands on other files, from a backup as that of a new VM: it stands on none, and
# of its options only those that name them are gone.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io

# restored VM KEY=VALUE...: as the VM "VM-new", whose drive stands alone, starts, and has these
# keys and no others.
restored() {
    vm=$1
    shift
    expect 0 maqet start "$vm"
    expect 0 maqet stop "$vm" --timeout 0 --force
    fill "$vm.qcow2" 3
    expect 0 maqet backup "$vm" create b
    expect 3 maqet backup "$vm" restore b
    err_has "its definition names a backing file"
    err_has "--to"
    expect 0 maqet backup "$vm" restore b --to "$vm-new" --folder "$vm.d"
    err_lacks "loses"
    if qemu-img info "$vm.d/hdd.qcow2" | grep '^backing file'; then fail "$vm: it stands on another file"; fi
    holds "$vm.d/hdd.qcow2" 3
    expect 0 maqet --format plain config "$vm-new"
    same "$(printf '%s\n' name=hdd type=qcow2 "$@" | sort)" \
        "$(sed -n 's/^storage\.hdd\.//p' out | awk -F '\t' '{ print $1 "=" $2 }' | sort)" \
        "the keys of $vm-new"
    expect 0 maqet start "$vm-new"
    expect 0 maqet stop "$vm-new" --timeout 0 --force
    expect 0 maqet rm "$vm-new" --delete-storage --yes
}
base=$TMP/base.qcow2
qemu-img create -q -f qcow2 "$base" 1M
fill "$base" 1

# Declared, in each form.
vm_yaml plain <<END
storage:
- {name: hdd, type: qcow2, file: plain.qcow2, backing_file: $base, backing_format: qcow2, interface: scsi,
   mode: "0640", cache: none, cluster_size: 128K, serial: ABC, bootindex: 1}
END
expect 0 maqet add plain.yaml
restored plain file="$TMP/plain.d/hdd.qcow2" size=1M interface=scsi mode=0640 cache=none cluster_size=128K \
    serial=ABC bootindex=1
vm_yaml full <<END
storage:
- {name: hdd, type: qcow2, interface_options: {serial: ABC}, drive_options: {mode: "0640"},
   storage_options: {file: full.qcow2, backing_file: [$base], backing_format: [qcow2], cache: none}}
END
expect 0 maqet add full.yaml
restored full interface=virtio interface_options.serial=ABC drive_options.mode=0640 size=1M \
    storage_options.cache=none storage_options.file="$TMP/full.d/hdd.qcow2"
vm_yaml below <<END
storage:
- {name: hdd, type: qcow2,
   options: {file: below.qcow2, backing_file: $base, backing_format: qcow2, cache: none, serial: ABC}}
END
expect 0 maqet add below.yaml
restored below interface=virtio file="$TMP/below.d/hdd.qcow2" size=1M cache=none serial=ABC

# A linked clone.
vm_yaml source <<END
storage:
- {name: hdd, type: raw, file: source.raw, size: 1M, snapshots: overlay, serial: ABC, bootindex: 1, discard: unmap}
END
expect 0 maqet add source.yaml
expect 0 maqet start source
expect 0 maqet stop source --timeout 0 --force
expect 0 maqet clone source source-2 --linked
restored source-2 interface=virtio file="$TMP/source-2.d/hdd.qcow2" size=1M snapshots=overlay serial=ABC \
    bootindex=1 discard=unmap
