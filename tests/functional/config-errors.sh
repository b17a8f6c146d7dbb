#!/bin/sh
# SPDX-License-Identifier: MIT
# What is wrong in a file is said in one line that begins with its place.
. "${srcdir:-.}/tests/functional/functions.sh"

# wrong MESSAGE: the file on stdin is refused with the message, for the same reason by
# validate and by add, and nothing is stored.
wrong() {
    cat >vm.yaml
    expect 3 maqet validate vm.yaml
    err_has "$1"
    expect 3 maqet add vm.yaml
    err_has "$1"
    same '' "$(ls -A "$TMP/data/vms" 2>/dev/null | grep -v '^\.lock$' || true)" "what is stored"
}

wrong "vm.yaml:4:5: unknown key 'intreface' in drive 'hdd' of VM 'x'; did you mean 'interface'?" <<'EOF'
name: x
storage:
  - name: hdd
    intreface: sata
    size: 1M
EOF
wrong "vm.yaml:2:1: unknown key 'memroy'; did you mean 'memory'?" <<'EOF'
name: x
memroy: 2G
EOF
wrong "vm.yaml:2:8: " <<'EOF'
name: x
accel: turbo
EOF
wrong "vm.yaml:4:11: " <<'EOF'
name: x
storage:
  - name: hdd
    size: 20GiBB
EOF
wrong "vm.yaml:1:7: 'no good' can't name a virtual machine" <<'EOF'
name: no good
EOF
wrong "vm.yaml:3:11: '1st' can't name a drive of VM 'x'" <<'EOF'
name: x
storage:
  - name: 1st
    size: 1M
EOF
wrong "vm.yaml:3:11: 'maqet-sata-0' can't name a drive" <<'EOF'
name: x
storage:
  - name: maqet-sata-0
    size: 1M
EOF
wrong "vm.yaml:5:11: two drives are called 'hdd'; the first is at vm.yaml:3:11" <<'EOF'
name: x
storage:
  - name: hdd
    size: 1M
  - name: hdd
    size: 2M
EOF
wrong "vm.yaml:3:5: this drive of VM 'x' has no name" <<'EOF'
name: x
storage:
  - type: qcow2
    size: 1M
EOF
wrong "vm.yaml:2:1: duplicate key 'name'" <<'EOF'
name: x
name: y
EOF
wrong "vm.yaml:2:1: " <<'EOF'
name: x
	memory: 2G
EOF
wrong "vm.yaml:1:1: " <<'EOF'
- name: x
EOF
printf 'name: x\nmemory: "\377\376"\n' | wrong "vm.yaml:2:"
printf 'name: x\narguments: 5\n' | wrong "vm.yaml:2:12: 'arguments' is a list"
printf 'name: x\nstorage: {name: hdd}\n' | wrong "vm.yaml:2:10: 'storage' is a list"
printf 'memory: 2G\n' | wrong "the virtual machine has no name"
printf 'name: x\narguments:\n  - daemonize\n' | wrong "vm.yaml:3:5: "
printf 'name: x\narguments:\n  - m 4G\n' | wrong "vm.yaml:3:5: "
wrong "Did you mean 'qcow2'?" <<'EOF'
name: x
storage:
  - name: hdd
    type: qcow3
EOF
wrong "There is no interface plugin 'virtoi'" <<'EOF'
name: x
storage:
  - name: hdd
    interface: virtoi
    size: 1M
EOF
wrong "drive 'cd' of VM 'x'" <<'EOF'
name: x
storage:
  - name: cd
    type: raw
    media: cdrom
EOF
err_has sata
err_has scsi
wrong "vm.yaml:6:16: drive 'share' of VM 'x': a share of type 'virtfs' is attached by itself" <<'EOF'
name: x
storage:
  - name: share
    type: virtfs
    path: /
    interface: virtio
EOF
wrong "has 'size' twice" <<'EOF'
name: x
storage:
  - name: hdd
    size: 1M
    options:
      size: 2M
EOF

# Hostile files: too large, too deep, aliases that multiply.
{ echo 'name: x'; head -c 1100000 /dev/zero | tr '\0' '#'; echo; } >vm.yaml
expect 3 maqet validate vm.yaml
{ printf 'name: '; head -c 2000 /dev/zero | tr '\0' '['; } >vm.yaml
expect 3 maqet validate vm.yaml
cat >vm.yaml <<'EOF'
name: x
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
EOF
expect 3 maqet validate vm.yaml
err_has "vm.yaml:"

# No such file, a folder in its place.
expect 3 maqet validate nowhere.yaml
err_has nowhere.yaml
expect 3 maqet validate "$TMP"
err_has "$TMP"

# A wrong --set names itself.
echo 'name: x' >vm.yaml
expect 3 maqet add vm.yaml --set memroy=2G
err_has memroy
expect 3 maqet add vm.yaml --set nonsense
err_has nonsense
