#!/bin/sh
# SPDX-License-Identifier: MIT
# All drives are all that the guest can write to, or what is missing is named: disks in
# `arguments` or added by the monitor, flash memory, a TPM. A share is no drive that is missing;
# and what was excluded when a set was made need not be excluded again.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace swtpm

# The README's own machine: a disk and a share.
mkdir share
vm_yaml readme <<EOF
storage:
  - {name: system, type: qcow2, size: 8M, file: system.qcow2}
  - {name: work, type: virtfs, path: share}
EOF
expect 0 maqet add readme.yaml
expect 0 maqet start readme
expect 0 maqet snapshot readme create --all one --live
out_has "Created snapshot 'one' of drive 'system' on VM 'readme'."
out_has "Skipped, with nothing that a snapshot could record: 'work'."
same 1 "$(cat out err | grep -c "'work'")" "how often the share is mentioned"
expect 0 maqet --format json snapshot readme create --all two --live
same '["work"]' "$(tr -d ' \n' <out | sed 's/.*"skipped":\(\[[^]]*\]\).*/\1/')" "skipped"
expect 0 maqet snapshot readme load --yes --all two --live
expect 0 maqet snapshot readme delete --all two --live
expect 0 maqet stop readme --timeout 0 --force
expect 0 maqet snapshot readme load --yes --all one
expect 0 maqet snapshot readme delete --all one --exclude work

# refused WAY NAME KIND FILE PLACE: all drives are refused, since NAME is missing from them.
refused() {
    expect 3 maqet snapshot vm create --all refused "$1"
    err_has "VM 'vm' has devices other than its drives that the guest can write to, and that are not part of snapshots: '$2' ($3, "
    err_has "vm.yaml:$5: "
    err_has "$4); nothing was done"
    err_has "--exclude $2"
    ! qemu-img snapshot -U -l hdd.qcow2 | grep refused || fail "made in spite of the refusal"
}

# tried NAME KIND FILE PLACE <ARGUMENTS: what stands in `arguments` is refused and named in the same
# way whether QEMU runs or not; with it excluded, the set is made, loaded and deleted.
tried() {
    {
        echo 'storage:'
        echo '  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}'
        echo 'arguments:'
        cat
    } | vm_yaml vm
    expect 0 maqet apply vm vm.yaml
    refused --auto "$@"
    expect 0 maqet start vm
    refused --live "$@"
    expect 0 maqet snapshot vm create --all set --live --exclude "$1"
    out_has "Excluded, and not changed: '$1'."
    expect 0 maqet snapshot vm delete --all set --live
    out_has "Excluded, and not changed: '$1'."
    expect 0 maqet snapshot vm create --all set --live --exclude "$1"
    expect 0 maqet stop vm --timeout 0 --force
    expect 0 maqet snapshot vm load --yes --all set
    err_has ", and leaves '$1' alone"
    out_has "Excluded, and not changed: '$1'."
    expect 0 maqet snapshot vm delete --all set
}
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force

qemu-img create -q -f qcow2 packer.qcow2 8M
qemu-img create -q -f raw other.raw 8M
truncate -s 128K vars.fd
truncate -s 1M nvram
tried drive0 disk packer.qcow2 8:5 <<EOF
  - drive: "file=packer.qcow2,format=qcow2,if=virtio"
EOF
tried mine disk other.raw 8:5 <<EOF
  - drive: {file: other.raw, format: raw, if: ide, id: mine}
EOF
tried hdb disk other.raw 8:5 <<EOF
  - hdb: other.raw
EOF
tried node disk other.raw 9:5 <<EOF
  - blockdev: {driver: file, filename: other.raw, node-name: below}
  - blockdev: {driver: raw, file: below, node-name: node}
  - device: {driver: virtio-blk-pci, drive: node}
EOF
tried node disk other.raw 8:5 <<EOF
  - blockdev: '{"driver": "raw", "node-name": "node", "file": {"driver": "file", "filename": "$TMP/other.raw"}}'
  - device: "virtio-blk-pci,drive=node"
EOF
tried pflash0 "flash memory" vars.fd 8:5 <<EOF
  - drive: "file=vars.fd,format=raw,if=pflash"
EOF
tried pflash0 "flash memory" vars.fd 8:5 <<EOF
  - pflash: vars.fd
EOF
tried variables "flash memory" vars.fd 8:5 <<EOF
  - blockdev: {driver: file, filename: vars.fd, node-name: variables}
  - machine: "q35,pflash0=variables"
EOF
tried memory "persistent memory" nvram 9:5 <<EOF
  - machine: "q35,nvdimm=on"
  - object: "memory-backend-file,id=memory,share=on,mem-path=$TMP/nvram,size=1M"
  - device: "nvdimm,id=n,memdev=memory"
  - m: "64M,slots=2,maxmem=1G"
EOF

# A disk that another process serves: QEMU doesn't tell of it.
if command -v qemu-storage-daemon >/dev/null; then
    qemu-storage-daemon --blockdev driver=file,filename=other.raw,node-name=f \
        --export type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=served &
    cleanup_fn "kill $! 2>/dev/null"
    eventually 10 test -S served
    tried served disk served 11:5 <<EOF
  - object: memory-backend-memfd,id=mem,share=on,size=64M
  - machine: q35,memory-backend=mem
  - chardev: "socket,id=c,path=served"
  - device: "vhost-user-blk-pci,chardev=c,id=served"
EOF
    kill $!
fi

# The state of a TPM's emulator, which ends with QEMU.
mkdir tpm
swtpm socket --tpm2 --tpmstate dir=tpm --ctrl type=unixio,path=tpm/sock &
cleanup_fn "kill $! 2>/dev/null"
eventually 10 test -S tpm/sock
tried tpm0 "TPM state" tpm/sock 9:5 <<EOF
  - chardev: {socket: null, id: chrtpm, path: tpm/sock}
  - tpmdev: "emulator,id=tpm0,chardev=chrtpm"
  - device: "tpm-tis,tpmdev=tpm0"
EOF

# A name that a drive has already.
vm_yaml vm <<EOF
storage:
  - {name: hdb, type: qcow2, size: 8M, file: hdd.qcow2}
arguments:
  - hdb: other.raw
EOF
expect 0 maqet apply vm vm.yaml
refused --auto argument-hdb disk other.raw 8:5

# What the guest cannot write to, or writes to in vain, is in nobody's way.
qemu-img create -q -f raw cd.iso 1M
vm_yaml quiet <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: quiet.qcow2}
arguments:
  - cdrom: cd.iso
  - drive: "file=$TMP/other.raw,format=raw,if=virtio,readonly=on"
  - drive: "file=$TMP/packer.qcow2,format=qcow2,if=virtio,snapshot=on"
  - drive: "if=pflash,format=raw,readonly=on,file=vars.fd"
  - blockdev: {driver: file, filename: nvram, node-name: below, read-only: on}
EOF
expect 0 maqet add quiet.yaml
expect 0 maqet start quiet
expect 0 maqet snapshot quiet create --all one --live
expect 0 maqet stop quiet --timeout 0 --force
expect 0 maqet snapshot quiet create --all two

# A file of QEMU's own configuration adds what only QEMU can name.
printf '[drive "extra"]\n  if = "virtio"\n  format = "raw"\n  file = "%s/other.raw"\n' "$TMP" >extra.cfg
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
arguments:
  - readconfig: extra.cfg
EOF
expect 0 maqet apply vm vm.yaml
refused --auto readconfig0 "devices in a configuration file" extra.cfg 8:5
expect 0 maqet start vm
expect 3 maqet snapshot vm create --all one --live
err_has "'extra' (disk: $TMP/other.raw)"
expect 0 maqet stop vm --timeout 0 --force

# Added while it runs, by the monitor, on a bus that allows it.
vm_yaml vm <<EOF
machine: pc
sandbox:
  write: [other.raw]
storage:
  - {name: hdd, type: qcow2, size: 8M, file: hdd.qcow2}
  - {name: plain, type: raw, size: 1M, file: plain.raw}
EOF
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm
expect 0 maqet qmp vm blockdev-add \
    "{\"driver\": \"raw\", \"node-name\": \"late\", \"file\": {\"driver\": \"file\", \"filename\": \"$TMP/other.raw\"}}"
expect 0 maqet snapshot vm create --all one --live --exclude plain
expect 0 maqet snapshot vm delete --all one --live
expect 0 maqet qmp vm device_add '{"driver": "virtio-blk-pci", "drive": "late", "id": "disk"}'
expect 3 maqet snapshot vm create --all one --live
err_has "VM 'vm' has a drive without support for snapshots: 'plain' (raw); and devices other than its drives"
err_has "'late' (disk: $TMP/other.raw)"
err_has "Leave them out: --exclude plain --exclude late"
expect 3 maqet snapshot vm create --all one --live --exclude plain --exclude lite
err_has "Did you mean 'late'? There are: hdd, plain, late"
expect 0 maqet --format json snapshot vm create --all one --live --exclude plain --exclude late
same '["plain","late"]' "$(tr -d ' \n' <out | sed 's/.*"excluded":\(\[[^]]*\]\).*/\1/')" "excluded"

# A set knows what it was made without, also when it is one drive, and when making it was
# interrupted after its last step.
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm load --yes --all one
err_has ", and leaves 'plain' alone"
expect 0 maqet snapshot vm delete --all one
same 0 "$(count_snapshots hdd.qcow2)" "snapshots"
export ASAN_OPTIONS=detect_leaks=0
expect 137 strace -qq -o trace -P "$TMP/data/vms/vm/pending.json" -e trace=unlink,unlinkat \
    -e inject=unlink,unlinkat:signal=KILL "$MAQET" snapshot vm create --all cut --exclude plain
unset ASAN_OPTIONS
[ -e data/vms/vm/pending.json ] || fail "nothing is pending: $(cat trace)"
expect 0 maqet recover vm
err_has "it is complete"
expect 0 maqet snapshot vm load --yes --all cut
out_has "Excluded, and not changed: 'plain'."

# A drive that came later is not in the set: said when it is loaded, and no matter when the set is
# deleted.
cat >>vm.yaml <<EOF
  - {name: new, type: qcow2, size: 1M, file: new.qcow2}
  - {name: other, type: raw, size: 1M, file: more.raw}
EOF
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm
expect 3 maqet snapshot vm load --yes --all cut --live
err_has "VM 'vm' has drives that are not in the set 'cut': 'new' (qcow2), 'other' (raw); nothing was done"
err_has "Leave them out: --exclude new --exclude other"
expect 0 maqet snapshot vm load --yes --all cut --live --exclude new --exclude other
out_has "Excluded, and not changed: 'plain', 'new', 'other'."
# What only shares its name with a set is none of it.
expect 0 maqet snapshot vm create new cut --live
expect 0 maqet snapshot vm delete --all cut --live
out_has "Deleted snapshot 'cut' of drive 'hdd'"
expect 0 maqet snapshot vm list new
out_has '- cut ('
# Nor is a name that was used anew, one by one, the old set.
expect 0 maqet snapshot vm create hdd cut --live
expect 3 maqet snapshot vm load --yes --all cut --live
err_has "drives without support for snapshots: 'plain' (raw), 'other' (raw)"
expect 0 maqet snapshot vm load --yes --all cut --live --exclude plain --exclude other
out_has "Loaded snapshot 'cut' on drives 'hdd', 'new'"
# When all of a set were deleted one by one, that is what is said.
expect 0 maqet snapshot vm create --all gone --live --exclude plain --exclude other
expect 0 maqet snapshot vm delete hdd gone --live
expect 0 maqet snapshot vm delete new gone --live
expect 3 maqet snapshot vm load --yes --all gone --live
err_has "There is no snapshot 'gone' of drive 'hdd' on VM 'vm'"
err_lacks "--exclude plain"
expect 0 maqet stop vm --timeout 0 --force
sound hdd.qcow2 new.qcow2
