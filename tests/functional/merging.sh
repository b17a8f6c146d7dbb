#!/bin/sh
# SPDX-License-Identifier: MIT
# Several files and --set make one machine; `arguments` come out as they were written.
. "${srcdir:-.}/tests/functional/functions.sh"

args_are() { # the rest of the command line, from the first argument of the user on
    maqet --format plain args "$@" | sed '1,/^panic=pause/d' |
        sed -E '/^-(chardev|device|netdev)$/ { N; /\n.*\bmaqet-/d }' >got
    cat >wanted
    diff -u wanted got || fail "args $*"
}

cat >forms.yaml <<'EOF'
name: forms
binary: qemu-system-x86_64
accel: tcg
arguments:
  - smp: 4
  - enable-kvm: null
  - no-reboot
  - -no-shutdown
  - netdev: "user,id=net0,hostfwd=tcp::2222-:22"
  - device: {driver: virtio-net-pci, netdev: net0}
  - display: {gtk: null, zoom-to-fit: on}
  - machine:
      type: q35
      smm: off
  - global: {a: {b: {c: 0755}}}
  - fw_cfg: {name: opt/x, string: "one,two"}
EOF
args_are forms.yaml <<'EOF'
-smp
4
-enable-kvm
-no-reboot
-no-shutdown
-netdev
user,id=net0,hostfwd=tcp::2222-:22
-device
driver=virtio-net-pci,netdev=net0
-display
gtk,zoom-to-fit=on
-machine
type=q35,smm=off
-global
a.b.c=0755
-fw_cfg
name=opt/x,string=one,,two
EOF

mkdir base over
cat >base/vm.yaml <<'EOF'
name: base
binary: qemu-system-x86_64
accel: tcg
arguments:
  - m: 1G
  - kernel: vmlinuz
  - append: "console=ttyS0 root=/dev/vda"
  - device: usb-ehci
  - M: q35
storage:
  - name: hdd
    file: disk.qcow2
    size: 1M
  - name: data
    type: raw
    file: data.raw
    size: 1M
EOF
cat >over/site.yaml <<'EOF'
name: site
memory: 2G
arguments:
  - append: "quiet"
  - device: usb-tablet
  - machine: pc
  - m: 3G
storage:
  - name: hdd
    size: 2M
    cache: none
  - name: more
    type: raw
    file: more.raw
    size: 1M
EOF
maqet --format plain args base/vm.yaml over/site.yaml >args
same 1 "$(grep -cx -- -m args)" "number of -m"
same 3G "$(grep -xA1 -- -m args | tail -n 1)" "-m"
same pc "$(grep -xA1 -- -machine args | tail -n 1)" "-machine"
! grep -qx -- -M args || fail "-M was not replaced"
same quiet "$(grep -xA1 -- -append args | tail -n 1)" "-append"
same "$TMP/base/vmlinuz" "$(grep -xA1 -- -kernel args | tail -n 1)" "-kernel"
grep -qx usb-ehci args || fail "the first device is gone"
grep -qx usb-tablet args || fail "the second device is missing"
grep -q "$TMP/base/disk.qcow2" args || fail "a relative path starts at the wrong folder"
grep -q "$TMP/over/more.raw" args || fail "a relative path starts at the wrong folder"
grep -q '"direct":true' args || fail "a drive was not merged"

# --set comes last, for top-level keys, drives and arguments.
maqet --format plain args base/vm.yaml --set accel=kvm --set storage.data.readonly=on \
    --set arguments.smp=3 --set arguments.m=5G >args 2>/dev/null || fail "args --set"
same kvm "$(grep -xA1 -- -accel args | tail -n 1)" "-accel"
same 5G "$(grep -xA1 -- -m args | tail -n 1)" "-m"
same 3 "$(grep -xA1 -- -smp args | tail -n 1)" "-smp"
grep -q '"node-name":"data".*"read-only":true' args || fail "a drive was not set"

# What one file says twice, though QEMU takes it once, is a mistake; also where a later file
# replaces both. Files may replace what others say.
cat >twice.yaml <<'EOT'
name: twice
binary: qemu-system-x86_64
accel: tcg
arguments:
  - m: 64
  - display: none
  - k: de
  - m: 128
EOT
for command in validate add 'apply twice' args; do
    expect 3 maqet $command twice.yaml
    err_has "twice.yaml:8:5: -m gives 'size' twice, but QEMU takes one; the other is at twice.yaml:5:5"
    err_has 'Remove one of them'
done
expect 3 maqet args twice.yaml --set arguments.m=256
err_has 'twice.yaml:8:5'
sed '$d' twice.yaml >once.yaml
printf 'arguments:\n  - m: 128\n  - k: fr\n' >later.yaml
expect 0 maqet --format plain args once.yaml later.yaml once.yaml --set arguments.m=256
same 1 "$(grep -cx -- -k out)" "number of -k"
same de "$(grep -xA1 -- -k out | tail -n 1)" "-k"

# A machine that was stored so is not started so.
echo "  - seed: 7" >>once.yaml
expect 0 maqet add once.yaml
sed -i 's/"seed"/"k"/' data/vms/twice/vm.json
expect 3 maqet start twice
err_has '-k is given twice'
expect 0 maqet rm twice --force

# ~ is the home folder.
cat >home.yaml <<'EOF'
name: home
binary: qemu-system-x86_64
storage:
  - name: hdd
    type: raw
    file: ~/disk.raw
    size: 1M
EOF
HOME="$TMP/over" maqet --format plain args home.yaml | grep -q "$TMP/over/disk.raw" ||
    fail "~ is not the home folder"

# What `arguments` says about the accelerator wins.
cat >accel.yaml <<'EOF'
name: accel
binary: qemu-system-x86_64
accel: kvm
arguments:
  - machine: {type: q35, accel: tcg}
EOF
! maqet --format plain args accel.yaml | grep -qx -- -accel || fail "-accel in spite of -machine"

# The user's settings are the defaults.
mkdir -p config/maqet
cat >config/maqet/maqet.conf <<EOF
accel: tcg
storage_dir: $TMP/over
EOF
printf 'name: set\nbinary: qemu-system-x86_64\nstorage:\n  - {name: hdd, size: 1M}\n' >set.yaml
(
    unset MAQET_STORAGE_DIR
    maqet --format plain args set.yaml >args
)
same tcg "$(grep -xA1 -- -accel args | tail -n 1)" "-accel from the settings"
grep -q "$TMP/over/maqet-set-hdd.qcow2" args || fail "storage_dir from the settings"
echo 'nonsense: 1' >>config/maqet/maqet.conf
expect 3 maqet ls
err_has "maqet.conf:3:1"
rm config/maqet/maqet.conf

# apply: created, unchanged, changed; the UUID stays.
expect 0 maqet apply set set.yaml
cat out err | grep -qi created || fail "apply does not say that it created"
uuid=$(grep '"uuid"' data/vms/set/vm.json)
expect 0 maqet apply set set.yaml
cat out err | grep -qi unchanged || fail "apply does not say that nothing changed"
expect 0 maqet apply set set.yaml --set memory=1G
cat out err | grep -qi changed || fail "apply does not say that it changed"
same "$uuid" "$(grep '"uuid"' data/vms/set/vm.json)" "UUID"
