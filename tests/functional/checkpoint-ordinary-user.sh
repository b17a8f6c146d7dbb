#!/bin/sh
# SPDX-License-Identifier: MIT
# An ordinary user has no userfaultfd: memory is copied while the guest runs, where that is
# sound, or else while it stands still; and the receipt says why.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires setpriv
[ "$(id -u)" -eq 0 ] || skip_always "needs root, to become another user"

# The program where that user may read it, and folders of the user's own.
mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
chmod 755 "$TMP" bin bin/*
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: qcow2, size: 8M, file: home/hdd.qcow2}
EOF
mv vm.yaml home
chown -R 65534:65534 home
sed -i 's|home/hdd|hdd|' home/vm.yaml
as_user() {
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop vm --timeout 0 --force || :"

expect 0 as_user add vm.yaml
expect 0 as_user start vm
expect 0 as_user --format json checkpoint vm create one
if [ "$(cat /proc/sys/vm/unprivileged_userfaultfd 2>/dev/null)" = 0 ]; then
    # Where precopy is sound, it is the best method.
    if precopy_sound; then
        out_has '"method": "precopy"'
        out_has '"reason": null'
    else
        out_has '"method": "stop"'
        out_has "misses writes of an emulated guest (TCG) to its memory while precopy copies it"
    fi
    expect 1 as_user checkpoint vm create two --method background
    err_has "ackground"
    expect 0 as_user --format plain snapshot vm list
    same one "$(cut -f 1 out)" "the snapshots"
fi
pid=$(as_user --format plain ls | cut -f 3)
expect 0 as_user checkpoint vm load --yes one
[ "$(as_user --format plain ls | cut -f 3)" -ne "$pid" ] || fail "the same QEMU"
expect 0 as_user stop vm --timeout 0 --force
expect 0 as_user run vm --from one --discard -- true
expect 0 as_user checkpoint vm delete one
# To become who one is anyway takes no privileges.
expect 0 as_user apply vm vm.yaml --set "run_as=$(id -un 65534)"
expect 0 as_user start vm
expect 0 as_user stop vm --timeout 0 --force
expect 0 as_user apply vm vm.yaml --set run_as=root
expect 4 as_user start vm
err_has "which only root can do"
