#!/bin/sh
# SPDX-License-Identifier: MIT
# What the doctor says of the host, and that --fix removes leftovers and nothing else; and what the
# program suggests when it is called without a command.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# Without a VM, and with one: three suggestions, each a line.
expect 0 maqet
same 3 "$(grep -c '^  maqet ' out)" "suggestions without a VM"
out_has "maqet add vm.yaml"
out_has "maqet --help"
vm_yaml vm <<EOF
storage:
  - {name: hdd, size: 1M, file: hdd.qcow2}
EOF
expect 0 maqet add vm.yaml
expect 0 maqet
same 3 "$(grep -c '^  maqet ' out)" "suggestions with a VM"
out_has "maqet start vm"
out_has "maqet ls"

# A QEMU whose guests run, wherever the test does: KVM is replaced by the emulator.
qemu=$(command -v qemu-system-x86_64)
own=qemu-system-$(uname -m)
mkdir bin empty
ln -s "$(command -v qemu-img)" bin/
fake_qemu() { # ACTION, for -accel kvm
    cat >bin/"$own" <<EOF
#!/bin/sh
case "\$*" in
*"-accel kvm"*) $1 ;;
*) exec $qemu "\$@" ;;
esac
EOF
    chmod +x bin/"$own"
}
# shellcheck disable=SC2016 # for the script
working='[ "$(tail -c 2 | od -An -tx1)" = " 55 aa" ] && exit 33'
fake_qemu "$working"
PATH=$TMP/bin:$PATH
doctor() { # CODE [OPTION]...
    wanted_code=$1
    shift
    expect "$wanted_code" maqet doctor --timeout "$(patience 10)" "$@"
}
# said VERDICT CHECK TEXT: one line of --format plain.
said() {
    awk -F '\t' -v verdict="$1" -v check="$2" -v text="$3" \
        '$1 == verdict && $2 == check && index($3, text) { found = 1 }
        END { exit !found }' out || { cat out >&2; fail "not said: $*"; }
}

doctor 0 --format plain
said ok qemu "QEMU $(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p') is $TMP/bin/$own"
said ok qemu-img "$TMP/bin/qemu-img"
said ok plugins "storage and"
said ok leftovers "Nothing is left"
grep -q "^[a-z]*	landlock	" out || fail "nothing is said of Landlock"
grep -q "^[a-z]*	userfaultfd	" out || fail "nothing is said of userfaultfd"
grep -q "^ok	space	" out || fail "nothing is said of space"

# KVM is tried by booting a guest, if it can be opened at all.
if [ -c /dev/kvm ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ "$(uname -m)" = x86_64 ]; then
    said ok kvm "a guest of one sector has booted"
    fake_qemu 'exec sleep 1000'
    expect 1 maqet doctor --timeout 0.1
    out_has "error    KVM can be opened, but guests hang"
    out_has "accel: tcg"
    # Who has settled for the emulator is only warned.
    mkdir -p config/maqet
    echo 'accel: tcg' >config/maqet/maqet.conf
    expect 0 maqet doctor --timeout 0.1
    out_has "warning  KVM can be opened, but guests hang"
    rm config/maqet/maqet.conf
    fake_qemu 'echo "no vcpus today" >&2; exit 1'
    doctor 1
    out_has "no vcpus today"
    fake_qemu "$working"
else
    grep -q "^[a-z]*	kvm	" out || fail "nothing is said of KVM"
fi
# Everything fits on a terminal.
doctor 0
awk 'length > 80 { exit 1 }' out || fail "wider than 80 columns: $(cat out)"

# No QEMU, no qemu-img, an old one.
program=$(command -v "$MAQET")
expect 1 env PATH="$TMP/empty" "$program" doctor
out_has "error    $own was not found in PATH"
out_has "error    qemu-img was not found in PATH"
out_has "apt install qemu-utils"
printf '#!/bin/sh\necho QEMU emulator version 5.2.0\n' >bin/"$own"
doctor 1
out_has "error    QEMU 5.2 is too old"
fake_qemu "$working"

# A plugin that is refused, with the reason.
mkdir plugins
cp "$abs_top_builddir/.libs/maqet-storage-raw.so" plugins/maqet-storage-other.so
MAQET_PLUGIN_PATH=$TMP/plugins${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH} doctor 1
out_has "error    The storage plugin 'other' is refused"

# Leftovers. QEMU of vm is killed; a creation and a few commands were killed, too.
expect 0 maqet start vm
kill -9 "$(vm_pid vm)"
eventually 20 has_status vm crashed
[ -S run/vm/qmp.sock ] || fail "a killed QEMU leaves no socket"
: >.hdd.qcow2.maqet-lock
: >.hdd.qcow2.maqet-new
: >data/vms/vm/.vm.json.maqet-abcdef
# A VM whose data folder was deleted, and one that runs.
vm_yaml gone </dev/null
expect 0 maqet --data-dir "$TMP/other" add gone.yaml
expect 0 maqet --data-dir "$TMP/other" start gone
expect 0 maqet --data-dir "$TMP/other" stop gone --timeout 0 --force
rm -r other
vm_yaml runs <<EOF
storage:
  - {name: hdd, size: 1M, file: runs.qcow2}
EOF
expect 0 maqet add runs.yaml
expect 0 maqet start runs
mkdir data/vms/.maqet-add.abcdef
# Somebody else's folder, and image.
mkdir run/notes
echo mine >run/notes/text
cp hdd.qcow2 copy
doctor 0
for left in run/vm/qmp.sock "beside $TMP/hdd.qcow2" .vm.json.maqet-abcdef .maqet-add.abcdef run/gone; do
    tr -s '\n ' '  ' <out | grep -qF -- "$left" || { cat out >&2; fail "not found: $left"; }
done
! grep -q run/runs out || fail "what runs is no leftover: $(cat out)"
out_has "maqet doctor --fix"
[ -e run/vm/qmp.sock ] && [ -e .hdd.qcow2.maqet-new ] || fail "removed without --fix"
doctor 0 --fix
out_has "Removed what"
for left in run/vm/qmp.sock .hdd.qcow2.maqet-new .hdd.qcow2.maqet-lock \
    data/vms/vm/.vm.json.maqet-abcdef data/vms/.maqet-add.abcdef run/gone; do
    [ ! -e "$left" ] || fail "left: $left"
done
doctor 0
out_has "Nothing is left of interrupted commands"
same mine "$(cat run/notes/text)" "somebody else's file"
cmp -s hdd.qcow2 copy || fail "the image has changed"
same running "$(vm_status runs)" "the VM that runs"
same crashed "$(vm_status vm)" "the VM that crashed"
expect 0 maqet stop runs --timeout 0 --force

# What is being created is no leftover: its lock is held.
if command -v python3 >/dev/null; then
    python3 -c 'import fcntl, sys, time
lock = open(".hdd.qcow2.maqet-lock", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(1000)' >locker &
    locker=$!
    cleanup_fn "kill $locker 2>/dev/null"
    eventually 20 grep -q locked locker
    doctor 0 --fix
    out_has "Nothing is left of interrupted commands"
    [ -e .hdd.qcow2.maqet-lock ] || fail "a lock that is in use was removed"
    kill "$locker"
    wait "$locker" || :
    rm .hdd.qcow2.maqet-lock
fi

# Little space, and none.
mkdir small
if mount -t tmpfs -o size=64m tmpfs small 2>/dev/null; then
    cleanup_fn umount "$TMP/small"
    MAQET_STORAGE_DIR=$TMP/small doctor 0 --format plain
    said warning space "Only 64.0MB is free in $TMP/small"
    said warning storage_dir "$TMP/small, which is in memory"
    head -c 60M /dev/zero >small/filler
    MAQET_STORAGE_DIR=$TMP/small doctor 1 --format plain
    said error space "Only 4.0MB is free in $TMP/small"
fi

# An interrupted job is left to the next command.
echo '{}' >data/vms/vm/pending.json
doctor 0
out_has "maqet recover vm"
[ -e data/vms/vm/pending.json ] || fail "the record of a job is gone"
rm data/vms/vm/pending.json

# A data folder of somebody else is an error, and nothing in it is read.
chmod 777 data/vms
doctor 1 --fix --format plain
said error data_dir "The data folder $TMP/data is not used"
chmod 700 data/vms
