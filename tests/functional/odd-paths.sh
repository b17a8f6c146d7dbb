#!/bin/sh
# SPDX-License-Identifier: MIT
# Spaces, commas, quotes, equals signs, UTF-8 and long names in every path that is used.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

odd='a b,c=d "e" '\''f'\'' ünï→%s{}:#'
long=$(printf '%0120d' 7)
mkdir "$odd" "$odd/share,x" "$long"
MAQET_DATA_DIR="$TMP/$odd/data"
MAQET_RUNTIME_DIR="$TMP/$long/run"
mkdir -p "$MAQET_DATA_DIR"
ln -s "$MAQET_DATA_DIR" data.link

cat >"$odd/vm,1.yaml" <<'EOF'
name: odd
binary: qemu-system-x86_64
accel: tcg
memory: 64M
arguments:
  - machine: q35
  - serial: {file: null, path: "a,b"}
storage:
  - name: base.disk-1_x
    type: qcow2
    file: "disk, one='x' ü.qcow2"
    size: 16M
  - name: raw1
    type: raw
    file: "raw, \"two\".raw"
    size: 1M
  - name: share
    type: virtfs
    path: "share,x"
EOF
# -serial takes `file:PATH` only, so that argument is not for a start; see it emitted.
expect 0 maqet --format plain args "$odd/vm,1.yaml"
out_has 'file,path=a,,b'
sed -i '/serial/d' "$odd/vm,1.yaml"
expect 0 maqet add "$odd/vm,1.yaml"
expect 0 maqet start odd
[ -f "$odd/disk, one='x' ü.qcow2" ] || fail "the qcow2 image is elsewhere"
[ -f "$odd/raw, \"two\".raw" ] || fail "the raw image is elsewhere"
expect 0 maqet qmp odd query-block
out_has "disk, one='x'"
same running "$(vm_status odd)"
# What `args` shows for a shell is what QEMU runs with.
pid=$(vm_pid odd)
tr '\0' '\n' <"/proc/$pid/cmdline" >ran
# One that is read from a line has its backslashes doubled.
maqet --format plain args odd | while IFS= read -r line; do printf '%b\n' "$line"; done >shown
cmp ran shown || fail "args shows another command line than start runs"
maqet args odd >shell
sh -c "set -- $(cat shell); printf '%s\n' \"\$@\"" >unquoted
cmp ran unquoted || fail "the quoting for the shell is wrong"
expect 0 maqet stop odd --timeout 0 --force

# An overlay on a base with such a name.
cat >"$odd/vm2.yaml" <<'EOF'
name: odd2
binary: qemu-system-x86_64
accel: tcg
memory: 64M
storage:
  - name: top
    file: "top, ü.qcow2"
    backing_file: "disk, one='x' ü.qcow2"
    backing_format: qcow2
EOF
expect 0 maqet add "$odd/vm2.yaml"
expect 0 maqet start odd2
same 16777216 "$(qemu-img info -U --output=json "$TMP/$odd/top, ü.qcow2" |
    sed -n 's/^ *"virtual-size": \([0-9]*\),*/\1/p' | tail -n 1)" "size of the overlay"
expect 0 maqet stop odd2 --timeout 0 --force
