#!/bin/sh
# SPDX-License-Identifier: MIT
# What a killed maqet, or a killed QEMU, leaves behind is removed by the next command that has
# the machine's lock; and nothing else is.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required
requires strace

qemu-img create -q -f raw base.raw 1M
vm_yaml vm <<EOF
storage:
  - {name: hdd, size: 1M, file: images/disk.qcow2}
arguments:
  - drive: "file=$TMP/base.raw,format=raw,if=none,id=d,snapshot=on"
EOF
mkdir scratch
TMPDIR=$TMP/scratch
export TMPDIR

# temporaries FOLDER: names of files that were to replace others.
temporaries() {
    find "$1" -maxdepth 1 -name '.*.maqet-??????' -printf '%f '
}

expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
for program in run images scratch; do
    ls -A $program >before-$program
done
ls -A run/vm >before-vm

# Files that were to replace others.
expect 137 traced rename signal=KILL:when=1 apply vm vm.yaml --set memory=65M
case $(temporaries data/vms/vm) in
.vm.json.maqet-*) ;;
*) fail "nothing was left by an apply that was killed" ;;
esac
touch data/vms/vm/.mine.maqet-abcdef data/vms/vm/.vm.json.maqet-short
expect 0 maqet apply vm vm.yaml
same ".mine.maqet-abcdef " "$(temporaries data/vms/vm)" "what is left of temporary files"
[ -e data/vms/vm/.vm.json.maqet-short ] || fail "a file of another name was removed"
rm data/vms/vm/.mine.maqet-abcdef data/vms/vm/.vm.json.maqet-short

expect 0 maqet add vm.yaml --name other --set storage.hdd.file=images/other.qcow2
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
expect 137 traced rename signal=KILL:when=1 rm other --yes
case $(temporaries data) in
.images.json.maqet-*) ;;
*) fail "nothing was left by an rm that was killed" ;;
esac
expect 0 maqet rm other --delete-storage --yes
same "" "$(temporaries data)" "what is left in the data folder"
rm -rf run/other

# QEMU's folder for what it throws away: known before it is there.
expect 137 traced symlinkat signal=KILL:when=1 start vm
same "" "$(ls scratch)" "folders that nobody knows of"
mkdir -m 700 scratch/maqet-scratch-1
touch scratch/maqet-scratch-1/of-qemu
ln -sfn "$TMP/scratch/maqet-scratch-1" run/vm/scratch
expect 0 maqet snapshot vm create hdd one
same "" "$(ls scratch)" "QEMU's folder"

# The sockets of a QEMU that was killed, and of what ran beside it; that it has crashed is
# still known, and that an image may have lost clusters.
expect 0 maqet start vm
kill -KILL "$(vm_pid vm)"
crashed() { [ "$(vm_status vm)" = crashed ]; }
eventually 20 crashed
[ -e run/vm/qmp.sock ] || fail "QEMU has no monitor"
touch run/vm/drive0.sock run/vm/helper-hdd.sock run/vm/.vm.json.maqet-abcdef
expect 0 maqet snapshot vm create hdd two
crashed || fail "it is no longer known to have crashed"
expect 0 maqet status vm
err_has "to free them: maqet check vm --repair"
expect 0 maqet check vm --repair --yes
ls -A run/vm | grep -v '^\(qemu\|forced\|qmp.lock\)$' >after-vm
grep -v '^\(qemu\|forced\|qmp.lock\)$' before-vm | diff - after-vm || fail "the run folder has other files than before"
touch run/vm/drive1.sock
expect 0 maqet stop vm
[ ! -e run/vm/drive1.sock ] || fail "a socket is left after a stop"
touch run/vm/drive2.sock
expect 0 maqet start vm
[ ! -e run/vm/drive2.sock ] || fail "a socket is left after a start"
expect 0 maqet stop vm --timeout 0 --force

# A guest in the foreground.
"$MAQET" start vm --foreground >/dev/null 2>&1 &
foreground=$!
is_running() { [ "$(vm_status vm)" = running ]; }
eventually 20 is_running
expect 0 maqet resume vm # which waits for the end of the start
expect 0 maqet qmp vm quit
wait "$foreground" || fail "QEMU failed in the foreground"
[ ! -e run/vm/qmp.sock ] || fail "the monitor's socket is left"

# Beside images: by the next start, and by the removal of a machine whose image never was.
touch images/.disk.qcow2.maqet-lock
echo "mine" >images/.disk.qcow2.maqet-other
expect 0 maqet start vm
same ".disk.qcow2.maqet-other disk.qcow2 " "$(ls -A images | tr '\n' ' ')" "what is beside the image"
expect 0 maqet stop vm --timeout 0 --force
echo "not empty, so it is no lock" >images/.disk.qcow2.maqet-lock
expect 0 maqet start vm
[ -s images/.disk.qcow2.maqet-lock ] || fail "somebody's file was removed"
rm images/.disk.qcow2.maqet-lock images/.disk.qcow2.maqet-other
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet add vm.yaml --name never --set storage.hdd.file=images/never.qcow2
touch images/.never.qcow2.maqet-new images/.never.qcow2.maqet-lock
expect 0 maqet rm never --yes
for program in images scratch; do
    ls -A $program | cmp - before-$program || fail "left in $program: $(ls -A $program)"
done
