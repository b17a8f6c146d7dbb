#!/bin/sh
# SPDX-License-Identifier: MIT
# A chain of backing files that is declared in parts: a drive names its backing file, and what that stands on is
# named by the drive that has it as its image, of the same VM or of another one. Nothing else is opened.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-img qemu-io

qemu-img create -q -f raw base.raw 1M
qemu-io -f raw -c 'write -q -P 1 0 64k' base.raw
overlay() { # BASE FORMAT FILE PATTERN
    qemu-img create -q -f qcow2 -b "$1" -F "$2" "$3"
    qemu-io -f qcow2 -c "write -q -P $4 $4""00k 64k" "$3"
}
overlay base.raw raw lower.qcow2 2
overlay lower.qcow2 qcow2 upper.qcow2 3
vm_yaml lowest <<EOF
storage:
  - {name: hdd, type: qcow2, file: lower.qcow2, backing_file: base.raw, backing_format: raw}
EOF
vm_yaml middle <<EOF
storage:
  - name: hdd
    file: upper.qcow2
    storage_options:
      backing_file: [lower.qcow2]
      backing_format: [qcow2]
EOF
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, file: top.qcow2, backing_file: upper.qcow2, backing_format: qcow2, snapshots: overlay}
EOF
holds_all() {
    qemu-io -r -f qcow2 -c 'read -P 1 0 64k' -c 'read -P 2 200k 64k' -c 'read -P 3 300k 64k' top.qcow2 >said
    ! grep -q failed said || fail "$(cat said)"
}
runs() { # VM
    expect 0 maqet start "$1"
    expect 0 maqet stop "$1" --timeout 0 --force
}

# As long as nothing says so, the image's word alone is not enough.
expect 3 maqet validate middle.yaml
err_has "the backing file $TMP/lower.qcow2 names the backing file 'base.raw' in its turn"
err_has "backing_file: [$TMP/lower.qcow2, $TMP/base.raw]"

# In one VM.
vm_yaml both <<EOF
storage:
  - {name: hdd, type: qcow2, file: upper.qcow2, backing_file: lower.qcow2, backing_format: qcow2, readonly: true}
  - {name: below, type: qcow2, file: lower.qcow2, backing_file: base.raw, backing_format: raw, readonly: true}
EOF
expect 0 maqet validate both.yaml
# A part that is wrong is an error where it is declared.
cp base.raw other.raw
sed 's/base.raw/other.raw/' both.yaml >wrong.yaml
expect 3 maqet validate wrong.yaml
err_has "wrong.yaml:7:65: drive 'hdd' of VM 'both': the backing file $TMP/lower.qcow2 names the backing file 'base.raw', but the configuration names $TMP/other.raw"

# In others, over two of them.
expect 0 maqet add lowest.yaml
expect 0 maqet validate middle.yaml
expect 3 maqet validate vm.yaml
err_has "the backing file $TMP/upper.qcow2 names the backing file 'lower.qcow2' in its turn"
expect 0 maqet add middle.yaml
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet --format json qmp vm query-block
for file in top.qcow2 upper.qcow2 lower.qcow2 base.raw; do
    out_has "$TMP/$file"
done
# All of it is in the definition from then on, whatever becomes of the others.
expect 0 maqet config vm
out_has "[$TMP/upper.qcow2, $TMP/lower.qcow2, $TMP/base.raw]"
expect 0 maqet diff vm vm.yaml
expect 0 maqet apply vm vm.yaml
out_has 'nchanged'
# What it stands on is not written to.
for name in lowest middle; do
    expect 3 maqet start $name
    err_has 'is the backing file of the image'
done
expect 0 maqet stop vm --timeout 0 --force
holds_all
# A base further below that has changed is noticed.
cp -p base.raw kept.raw
touch -d '2001-01-01' base.raw
expect 3 maqet start vm
err_has "the backing file $TMP/base.raw of $TMP/top.qcow2 was written to"
cp -p kept.raw base.raw
runs vm
# Copies of the VM have the whole chain.
expect 0 maqet clone vm full --full
expect 0 maqet clone vm linked --linked
for name in full linked; do
    runs $name
    expect 0 maqet rm $name --yes --delete-storage
done

expect 0 maqet rm lowest --yes
runs vm
# What nobody declares any more is not opened, and the error says what to add.
sed 's/top.qcow2/other.qcow2/; s/upper.qcow2/lower.qcow2/' vm.yaml >other.yaml
expect 3 maqet validate other.yaml
err_has "backing_file: [$TMP/lower.qcow2, $TMP/base.raw]"
err_has 'backing_format: [qcow2, raw]'
# One that stands alone needs none of them.
expect 0 maqet flatten vm hdd
expect 0 maqet rm middle --yes
runs vm
holds_all

# A mistake is no part of a chain, and stays what it is.
for mistake in 'backing_file: [null, base.raw], backing_format: raw' 'backing_file: base.raw' \
    'backing_file: base.raw, backing_format: [raw, qcow2]'; do
    vm_yaml mistaken <<EOF
storage:
  - {name: hdd, type: qcow2, file: upper.qcow2, backing_file: lower.qcow2, backing_format: qcow2, readonly: true}
  - {name: below, type: qcow2, file: lower.qcow2, readonly: true, $mistake}
EOF
    expect 3 maqet validate mistaken.yaml
    err_has "drive 'below' of VM 'mistaken'"
    err_has "drive 'hdd' of VM 'mistaken': the backing file $TMP/lower.qcow2 names the backing file 'base.raw' in its turn"
done
vm_yaml mistaken <<EOF
storage:
  - {name: hdd, type: qcow2, file: upper.qcow2, backing_file: lower.qcow2, readonly: true}
  - {name: below, type: qcow2, file: lower.qcow2, backing_file: base.raw, backing_format: raw, readonly: true}
EOF
expect 3 maqet validate mistaken.yaml
err_has '`backing_file` needs `backing_format` beside it'
# An image of any size can be copied.
head -c 1536 /dev/zero >little.raw
vm_yaml little <<EOF
storage:
  - {name: hdd, type: raw, file: little.raw}
EOF
expect 0 maqet add little.yaml
expect 0 maqet clone little copy --full

# Two that stand on each other are an error, and not for ever.
qemu-img create -q -f qcow2 one.qcow2 1M
qemu-img create -q -f qcow2 -u -b one.qcow2 -F qcow2 two.qcow2 1M
qemu-img rebase -u -f qcow2 -b two.qcow2 -F qcow2 one.qcow2
vm_yaml circle <<EOF
storage:
  - {name: one, type: qcow2, file: one.qcow2, backing_file: two.qcow2, backing_format: qcow2, readonly: true}
  - {name: two, type: qcow2, file: two.qcow2, backing_file: one.qcow2, backing_format: qcow2, readonly: true}
EOF
expect 3 maqet validate circle.yaml
err_has "the image $TMP/one.qcow2 cannot be its own backing file"
