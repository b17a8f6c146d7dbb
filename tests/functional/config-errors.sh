#!/bin/sh
# SPDX-License-Identifier: MIT
# What is wrong in a file is said in one line that begins with its place.
. "${srcdir:-.}/tests/functional/functions.sh"
requires qemu-img

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
wrong "vm.yaml:1:7: invalid VM name 'no good'" <<'EOF'
name: no good
EOF
wrong "vm.yaml:3:11: invalid drive name '1st' on VM 'x'" <<'EOF'
name: x
storage:
  - name: 1st
    size: 1M
EOF
wrong "vm.yaml:3:11: invalid drive name 'maqet-sata-0'" <<'EOF'
name: x
storage:
  - name: maqet-sata-0
    size: 1M
EOF
wrong "vm.yaml:5:11: two drives are named 'hdd'; the first is at vm.yaml:3:11" <<'EOF'
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
# All mistakes of a file at once, in its order, for people and for programs.
wrong "vm.yaml:4:5: unknown key 'intreface'" <<'EOF'
name: x
storage:
  - name: hdd
    intreface: sata
    size: lots
    mode: 99
  - name: 1st
    sise: 1M
  - name: data
    type: qcow3
  - name: iso
    type: raw
    file: x.iso
    media: flopyp
EOF
same "vm.yaml:4:5 vm.yaml:5:11 vm.yaml:6:11 vm.yaml:7:11 vm.yaml:8:5 vm.yaml:10:11 vm.yaml:14:12" \
    "$(sed -n 's/^ERROR: \(vm.yaml:[0-9]*:[0-9]*\): .*/\1/p' err | tr '\n' ' ' | sed 's/ $//')" \
    "the places of the mistakes"
err_has "did you mean 'size'?"
err_has "Did you mean 'qcow2'?"
cp err all
for command in "validate vm.yaml" "add vm.yaml" "apply x vm.yaml" "args vm.yaml"; do
    # shellcheck disable=SC2086 # words
    expect 3 maqet $command
    cmp err all || fail "$command says something else"
done
# Those of the top level, of arguments and of drives.
wrong "vm.yaml:2:9: 'memory' is 'lots', which is not a size; write it like 512M or 4G" <<'EOF'
name: x y
memory: lots
cpu: 0
vga: ""
acel: kvm
sandbox: maybe
arguments:
  - enable-kvm: on
  - m 4G
storage:
  - name: hdd
    size: 1M
  - name: hdd
    sise: 2M
EOF
same "1:7 2:9 3:6 4:6 5:1 6:10 8:17 9:5 13:11 14:5" \
    "$(sed -n 's/^ERROR: vm.yaml:\([0-9]*:[0-9]*\): .*/\1/p' err | tr '\n' ' ' | sed 's/ $//')" \
    "the places of the mistakes"
# Those that only a look at the files finds, over all drives and arguments, beside the others.
qemu-img create -q -f qcow2 same.qcow2 1M
echo 'no image' >text.qcow2
cat >vm.yaml <<'EOF'
name: x
storage:
  - {name: a, file: same.qcow2}
  - {name: b, file: same.qcow2}
  - {name: c, file: same.qcow2}
  - {name: d, file: text.qcow2}
  - {name: e, file: .}
  - {name: f, backing_file: gone.qcow2, file: f.qcow2}
  - {name: g, backing_file: gone.qcow2, file: g.qcow2}
arguments:
  - fsdev: local,id=a,path=/etc,security_model=none
  - fsdev: local,id=b,path=/usr,security_model=none
EOF
places() {
    same "$1" "$(sed -n 's/^ERROR: \(--set [a-z]*\|vm.yaml:[0-9]*:[0-9]*\).*/\1/p' err |
        sed 's/vm.yaml://' | tr '\n' ' ' | sed 's/ $//')" "the places of the mistakes"
}
for command in "validate vm.yaml" "add vm.yaml" "apply x vm.yaml"; do
    # shellcheck disable=SC2086 # words
    expect 3 maqet $command
    places "4:21 5:21 6:21 7:21 8:29 9:29 11:5 12:5"
done
sed -i 's/^arguments:/cloud_init: {user_data: [a], meta_data: {b: c}}\nnetwork: {type: usr}\nargs:/
    s/^storage:/ports: ["1:x", "2"]\nssh: {user: "a b", port: 0}\nsandbox: {read: ["", []]}\n&/' vm.yaml
expect 3 maqet validate vm.yaml --set foo=1 --set bar=2
places "2:9 2:16 3:13 3:26 4:18 4:22 7:21 8:21 9:21 10:21 11:29 12:29 13:25 13:41 14:17 15:1 --set foo --set bar"
for size in 64MB 64MiB 0.0625GB; do
    vm_yaml size <<EOF
memory: $size
EOF
    sed -i '/^memory: 64M$/d' size.yaml
    expect 0 maqet --format plain args size.yaml
    grep -qx 64M out || { cat out >&2; fail "memory: $size is not passed as QEMU writes it"; }
done
cat >vm.yaml <<'EOF'
name: x
storage:
  - name: hdd
    intreface: sata
    size: lots
    mode: 99
  - name: 1st
    sise: 1M
  - name: data
    type: qcow3
  - name: iso
    type: raw
    file: x.iso
    media: flopyp
EOF
expect 3 maqet --format json validate vm.yaml
same 7 "$(grep -c '"code":"invalid"\|"code":"missing"' err)" "errors as JSON"
err_has '"file":"vm.yaml","line":14,"column":12'
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
printf 'name: x\narguments: 5\n' | wrong "vm.yaml:2:12: 'arguments' must be a list"
printf 'name: x\nstorage: {name: hdd}\n' | wrong "vm.yaml:2:10: 'storage' must be a list"
printf 'memory: 4\nname: x\n' | wrong "vm.yaml:1:9: 'memory' is '4', which is 4 MiB; did you mean 4G?"
printf 'name: x\ncpu: 0\n' | wrong "vm.yaml:2:6: 'cpu' is '0'"
wrong "vm.yaml:4:11: 'size' of drive 'hdd' of VM 'x' is '20', which is 20 bytes; did you mean 20G?" <<'EOF'
name: x
storage:
  - name: hdd
    size: 20
EOF
wrong "did you mean 20G?" <<'EOF'
name: x
storage:
  - name: hdd
    options: {size: 20}
EOF
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
wrong "vm.yaml:6:16: drive 'share' of VM 'x': a share of type 'virtfs' attaches itself" <<'EOF'
name: x
storage:
  - name: share
    type: virtfs
    path: /
    interface: virtio
    readonly: on
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

# The machine is named after its one file, and what names nothing is an error.
echo 'memory: 64M' >test-vm.yaml
expect 0 maqet validate test-vm.yaml --format json
out_has '"name": "test-vm"'
expect 0 maqet add test-vm.yaml
out_has "Added VM 'test-vm'."
expect 0 maqet args test-vm
out_has "-name guest=test-vm"
expect 0 maqet rm test-vm --yes
expect 0 maqet add test-vm.yaml --name other
out_has "Added VM 'other'."
expect 0 maqet rm other --yes
expect 3 maqet add test-vm.yaml test-vm.yaml
err_has "the VM has no name: none of its files has a \`name\`"
err_has "use --name"
expect 3 maqet add - <test-vm.yaml
err_has "the VM has no name, and it cannot be named after standard input"
cp test-vm.yaml 'my vm.yaml'
expect 3 maqet add 'my vm.yaml'
err_has "invalid VM name 'my vm'"

# A number as `cpu` is that of the vCPUs, unless \`arguments\` say another; a text is a model.
printf 'name: vm\ncpu: 2\n' >vm.yaml
expect 0 maqet args vm.yaml
out_has "-smp 2"
! grep -q -e -cpu out || fail "a number became a CPU model"
printf 'name: vm\ncpu: max\n' >vm.yaml
expect 0 maqet args vm.yaml
out_has "-cpu max"
printf 'name: vm\ncpu: 2\narguments:\n  - smp: 4\n' >vm.yaml
expect 0 maqet args vm.yaml
err_has "vm.yaml:2:6: 'cpu' is ignored: \`arguments\` says -smp"
! grep -q -e '-smp 2' out || fail "both -smp were passed on"

# A wrong --set names itself.
echo 'name: x' >vm.yaml
expect 3 maqet add vm.yaml --set memroy=2G
err_has memroy
printf 'name: x\nstorage: [{name: hdd, size: 1G}]\n' >vm.yaml
expect 3 maqet validate vm.yaml --set storage.hdd.size=20
err_has "--set storage.hdd.size=20: 'size' of drive 'hdd' of VM 'x' is '20', which is 20 bytes; did you mean 20G?"
expect 3 maqet validate vm.yaml --set memory=4
err_has "--set memory=4: 'memory' is '4', which is 4 MiB"
expect 3 maqet add vm.yaml --set nonsense
err_has nonsense

# Values that only the host can tell: both are said in one run.
: >afile
printf 'name: x\nrun_as: nosuchuser\nmemory: 64M\nstorage_dir: afile\n' >vm.yaml
expect 3 maqet validate vm.yaml
err_has "vm.yaml:2:9: VM 'x' is configured to run as 'nosuchuser', but there is no such user"
err_has "vm.yaml:4:14: VM 'x': 'storage_dir' is $TMP/afile, which is not a folder"
expect 3 maqet add vm.yaml
printf "name: x\nrun_as: %s\nstorage_dir: not-there-yet\n" "$(id -un)" >vm.yaml
expect 0 maqet validate vm.yaml
