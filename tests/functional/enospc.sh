#!/bin/sh
# SPDX-License-Identifier: MIT
# No room: said before anything is made, and nothing is left when it runs out in the middle.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
mkdir small
mount -t tmpfs -o size=8m tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn umount "$TMP/small"

vm_yaml full <<EOF
storage:
  - name: hdd
    file: small/disk.qcow2
    size: 20G
EOF
expect 0 maqet add full.yaml
expect 1 maqet start full
err_has "ERROR: Insufficient disk space for $TMP/small/disk.qcow2. Required: 20.0GB, Available: 8.0MB. Free up disk space and try again."
err_has "overcommit: true"
same '' "$(ls -A small)" "what is left"
same created "$(vm_status full)"

# With overcommit a sparse image fits.
expect 0 maqet apply full full.yaml --set storage.hdd.overcommit=true
expect 0 maqet start full
expect 0 maqet stop full --timeout 0 --force

# A raw image takes its size at once, overcommit or not.
vm_yaml raw <<EOF
storage:
  - name: hdd
    type: raw
    file: small/disk.raw
    size: 16M
    overcommit: true
EOF
expect 0 maqet add raw.yaml
expect 1 maqet start raw
err_has "Insufficient disk space for $TMP/small/disk.raw. Required: 16.0MB"
err_lacks "overcommit: true"
same disk.qcow2 "$(ls -A small)" "what is left"

# Two that fit one by one, and not together.
vm_yaml two <<EOF
storage:
  - {name: one, file: small/one.qcow2, size: 5M}
  - {name: two, file: small/two.qcow2, size: 5M}
EOF
expect 0 maqet add two.yaml
expect 1 maqet start two
err_has "Insufficient disk space for $TMP/small/one.qcow2 and 1 more image of VM 'two'. Required: 10.0MB"
same disk.qcow2 "$(ls -A small)" "what is left"

# The room vanishes after the check: what was begun is removed.
mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
dd if=/dev/zero of="$TMP/small/ballast" bs=64k 2>/dev/null
exec "$(command -v qemu-img)" "\$@"
EOF
chmod +x bin/qemu-img
vm_yaml late <<EOF
storage:
  - name: hdd
    file: small/late.qcow2
    size: 4M
    preallocation: full
EOF
expect 0 maqet add late.yaml
PATH="$TMP/bin:$PATH" expect 1 maqet start late
err_has "No space left on device"
err_has late.qcow2
same 'ballast disk.qcow2' "$(ls -A small | tr '\n' ' ' | sed 's/ $//')" "what is left"
