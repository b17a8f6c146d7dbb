#!/bin/sh
# SPDX-License-Identifier: MIT
# Forks of a checkpoint whose files were changed, of a machine or a QEMU that is another one by now, and
# without room: they are refused or fail, nothing is left of them, and what can be forked afterwards is.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required

vm_yaml web <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2, snapshots: overlay}
EOF
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet checkpoint web create ready
pid=$(vm_pid web)
folder=$MAQET_DATA_DIR/vms/web/checkpoints
ls >before

# Nothing is left, and the source runs.
nothing_left() {
    same web "$(ls data/vms)" "the VMs ($1)"
    ls >after
    diff before after >&2 || fail "what is left ($1)"
    same "$pid" "$(vm_pid web)" "QEMU of the source ($1)"
    maqet --format plain qmp web query-status | grep -q '"running":true' || fail "the source does not run ($1)"
    same ready "$(maqet --format plain checkpoint web list | cut -f 1)" "the checkpoints ($1)"
}
# Nothing is advised that would revert the source, or delete what can still be loaded.
advises_another() {
    err_has "reate another checkpoint"
    err_has "maqet checkpoint web create NAME"
    err_lacks 'maqet snapshot'
    err_lacks 'checkpoint web delete'
}
# refused CODE WHAT TEXT: of one fork, of several at a time, and of a run.
refused() {
    for count in 1 3; do
        expect "$1" maqet fork web new --from ready --count $count
        err_has "$3"
        advises_another
        nothing_left "$2"
    done
    expect 125 maqet run web --from ready --discard -- true
    err_has "$3"
    advises_another
    nothing_left "$2"
}
: >out >err >after
ls >before

# ---- its files ----

mkdir kept
cp -p "$folder"/* kept
ls >before
damage() { printf X | dd of="$1" bs=1 seek=1000 conv=notrunc 2>/dev/null; }

chmod 600 "$folder/ready.ram"
damage "$folder/ready.ram"
refused 1 "changed memory" "ready.ram is damaged: its checksum is"
truncate -s -4096 "$folder/ready.ram"
refused 1 "memory that was cut off" "ready.ram is damaged: it has"
rm "$folder/ready.ram"
refused 3 "lost memory" "ready.ram: No such file or directory"
cp -p kept/ready.ram "$folder/ready.ram"
truncate -s -1 "$folder/ready.state"
refused 1 "a state that was cut off" "ready.state is damaged"
cp -p kept/ready.state "$folder/ready.state"
printf '{' >"$folder/ready.json"
expect 1 maqet fork web new --from ready
err_has "ready.json"
same web "$(ls data/vms)" "the VMs (a damaged description)"
cp -p kept/ready.json "$folder/ready.json"
# The frozen file that its drive would stand on.
chmod u+w hdd.qcow2
cp -p hdd.qcow2 kept/hdd.qcow2
truncate -s 1000 hdd.qcow2
expect 3 maqet fork web new --from ready
err_has "hdd.qcow2, on which other images stand, was written to"
nothing_left "a file of the drive that was cut off"
cat kept/hdd.qcow2 >hdd.qcow2
touch -r kept/hdd.qcow2 hdd.qcow2
chmod --reference=kept/hdd.qcow2 hdd.qcow2
chmod u-w hdd.qcow2

# ---- another QEMU, another machine ----

then=$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9.]*[0-9]\).*/\1/p')
mkdir bin
cat >bin/qemu-system-x86_64 <<EOF
#!/bin/sh
[ "\$1" != --version ] || { echo "QEMU emulator version 99.1.0"; exit; }
exec "$(command -v qemu-system-x86_64)" "\$@"
EOF
chmod +x bin/qemu-system-x86_64
ls >before
path=$PATH
PATH=$TMP/bin:$PATH
refused 3 "another QEMU" "and is now 99.1"
err_has "Use QEMU $then again, for example with \`binary\` in the definition of VM 'web'"
err_lacks 'maqet apply'
sed -i 's/QEMU emulator version 99.1.0/I say no version/' bin/qemu-system-x86_64
expect 1 maqet fork web new --from ready
err_has "Whether the checkpoint 'ready' fits VM 'web' is not known: it was created with QEMU"
err_has "qemu-system-x86_64 --version\` does not print a version now"
err_has "qemu-system-x86_64 --version\` print its version again"
nothing_left "a QEMU of no version"
PATH=$path
for change in memory=65M machine=pc cpu=max; do
    expect 0 maqet stop web --timeout 0 --force
    expect 0 maqet apply web web.yaml --set "$change"
    expect 0 maqet start web
    pid=$(vm_pid web)
    refused 3 "$change" "no longer fits VM 'web'"
    err_has "maqet apply web FILE"
done
expect 0 maqet stop web --timeout 0 --force
expect 0 maqet apply web web.yaml
expect 0 maqet start web
pid=$(vm_pid web)

# ---- no room ----

mkdir small
if mount -t tmpfs -o size=64k,mode=700 tmpfs small 2>/dev/null; then
    cleanup_fn umount -l "$TMP/small"
    # For the new VM's definition, and for its drive.
    ls >before
    mv "$MAQET_DATA_DIR/vms/web" kept/web
    mv "$MAQET_DATA_DIR/vms" kept/vms
    fill_up() { while printf '%4096s' x; do :; done >small/full 2>/dev/null; }
    ln -s "$TMP/small" "$MAQET_DATA_DIR/vms"
    ln -s "$TMP/kept/web" small/web
    fill_up
    expect 1 maqet fork web new --from ready
    err_has "No space left on device"
    rm small/full
    same web "$(ls small)" "the VMs (no room for them)"
    # For some of many: those run, and nothing is left of the others.
    mount -o remount,size=400k small
    expect 1 maqet fork web many --from ready --count 16
    err_has "No space left on device"
    err_lacks "could not be re"
    made=$(find small -mindepth 1 -maxdepth 1 -name 'many-*' -printf '%f ')
    [ "$made" ] || fail "not one of many was made: $(cat "$TMP/err")"
    for fork in $made; do
        [ ! -e "small/$fork/pending.json" ] || fail "the job of $fork is left"
        maqet --format plain qmp "$fork" query-status | grep -q '"running":true' || fail "$fork does not run"
    done
    # shellcheck disable=SC2086 # names
    expect 0 maqet rm $made --force --delete-storage --yes
    same '' "$(find . -name '*many-*' | grep -v -e '^./out' -e '^./err')" "what is left of them"
    echo "made: $made"
    rm "$MAQET_DATA_DIR/vms" small/web
    mv kept/vms "$MAQET_DATA_DIR/vms"
    mv kept/web "$MAQET_DATA_DIR/vms/web"
    nothing_left "no room for VMs"
fi

# All is as it was.
expect 0 maqet fork web new --from ready
expect 0 maqet stop new web --timeout 0 --force
