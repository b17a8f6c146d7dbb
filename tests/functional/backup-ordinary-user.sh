#!/bin/sh
# SPDX-License-Identifier: MIT
# Backups of a user to whom the files of others are not accessible: created while the VM runs and while
# it is stopped, verified, restored, and pruned.
. "${srcdir:-.}/tests/functional/functions.sh"
requires setpriv qemu-io qemu-img
qemu_required
[ "$(id -u)" -eq 0 ] || skip_always "needs root, to become another user"

# The program where that user may read it, and folders of the user's own.
mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2}
  - {name: data, type: raw, size: 4M, file: data.raw, snapshots: overlay}
EOF
mv vm.yaml home
chmod 755 "$TMP" bin bin/*
chown -R 65534:65534 home
as_user() {
    (cd home && umask 022 && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop vm --timeout 0 --force || :; as_user -q stop again --timeout 0 --force || :"
put() { # DRIVE NUMBER
    expect 0 as_user qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$1/virtio-backend \\\"write -P $2 $2M 64k\\\"\"}"
    out_has '""'
}
# shows IMAGE FORMAT NUMBER...: those blocks, and 3 has nothing.
shows() {
    shown=$1 format=$2
    shift 2
    for number; do
        expect 0 qemu-io -r -f "$format" -c "read -P $number ${number}M 64k" "$shown"
        out_lacks failed
    done
    expect 0 qemu-io -r -f "$format" -c 'read -P 0 3M 64k' "$shown"
    out_lacks failed
}
last() {
    find home/to/vm -mindepth 1 -maxdepth 1 -name '2*Z' | sort | tail -n 1
}

expect 0 as_user add vm.yaml
expect 0 as_user start vm --wait "$(patience 30)"
put hdd 1
put data 1
expect 0 as_user backup vm create to
first=$(last)
put hdd 2
put data 2
expect 0 as_user snapshot vm create data one --live
expect 0 as_user backup vm create to --incremental
second=$(last)
expect 0 as_user stop vm --timeout 0 --force
expect 0 as_user backup vm create to --incremental
for drive in hdd data; do
    shows "$first/$drive.qcow2" qcow2 1
    shows "$second/$drive.qcow2" qcow2 1 2
    shows "$(last)/$drive.qcow2" qcow2 1 2
done
qemu-img info "$second/hdd.qcow2" | grep -q '^backing file: \.\./' || fail "the second one is no increment"
same '' "$(find home/to ! -uid 65534)" 'what does not belong to the user'
same '' "$(find home/to -perm /077)" 'what others may read'
expect 0 as_user backup vm list to
expect 0 as_user backup vm verify to
expect 0 as_user backup vm restore to "${first##*/}" --to again
shows home/again/hdd.qcow2 qcow2 1
expect 0 qemu-io -r -f qcow2 -c 'read -P 0 2M 64k' home/again/hdd.qcow2
out_lacks failed
expect 0 as_user start again --wait "$(patience 30)"
expect 0 as_user stop again --timeout 0 --force
expect 0 as_user rm again --yes --delete-storage
[ ! -e home/again/hdd.qcow2 ] || fail "the images of a VM that was removed are left"
expect 0 as_user backup vm restore to "${first##*/}" --drive hdd
shows home/hdd.qcow2 qcow2 1
expect 0 as_user backup vm prune to --keep 1
shows "$(last)/hdd.qcow2" qcow2 1 2
expect 0 as_user backup vm verify to

# Where the user may not write, nothing is begun; what the user may not read is no backup.
mkdir -m 755 theirs
expect 4 as_user backup vm create "$TMP/theirs"
err_has "$TMP/theirs"
same '' "$(ls -A theirs)" "what is in a folder of others"
chown 0:0 "$(last)/hdd.qcow2"
code=0
as_user backup vm verify to >out 2>err || code=$?
[ $code -ne 0 ] || fail "an image that cannot be read is verified"
grep -q hdd.qcow2 out err || fail "the image is not named: $(cat out err)"
