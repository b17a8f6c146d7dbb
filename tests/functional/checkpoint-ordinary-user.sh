#!/bin/sh
# SPDX-License-Identifier: MIT
# An ordinary user has no userfaultfd: memory is copied while the guest runs, where that is
# sound, or else while it stands still; and the receipt says why.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires setpriv strace
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
traced=
as_user() {
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        $traced setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop vm --timeout 0 --force || :"
cleanup_fn "as_user -q rm new --force --yes 2>/dev/null || :"

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

# Before 8.2, QEMU must be let write to the file with the memory while it maps it. If maqet is killed then, the next
# command that opens the checkpoint ends that, whether it loads it or not.
ram=$TMP/home/data/vms/vm/checkpoints/one.ram
mode() { stat -c %a "$ram"; }
# killed WHAT ARGUMENT...
killed() {
    what=$1
    shift
    traced="strace -qq -o $TMP/trace -P $ram -e trace=chmod,fchmodat -e inject=chmod,fchmodat:signal=KILL:when=2"
    expect 137 as_user "$@"
    traced=
    same 600 "$(mode)" "the mode after a kill ($what)"
}
same 400 "$(mode)" "the mode"
if qemu-system-x86_64 --version | grep -qE 'version ([0-7]|8\.[01])\.'; then
    killed run run vm --from one --discard -- true
    expect 3 as_user fork vm new --from one --port 1:1
    err_has "do not lead to port 1 of the guest"
    same 400 "$(mode)" "the mode after a fork that was refused"
    killed fork fork vm new --from one
    expect 0 as_user checkpoint vm verify one
    same 400 "$(mode)" "the mode after verify"
    expect 0 as_user rm new --force --delete-storage --yes
    killed load checkpoint vm load --yes one
    expect 126 as_user run vm --from one --discard -- /
    same 400 "$(mode)" "the mode after a run"
    expect 0 as_user stop vm --timeout 0 --force
fi
expect 0 as_user checkpoint vm delete one
# To become who one is anyway takes no privileges.
expect 0 as_user apply vm vm.yaml --set "run_as=$(id -un 65534)"
expect 0 as_user start vm
expect 0 as_user stop vm --timeout 0 --force
expect 0 as_user apply vm vm.yaml --set run_as=root
expect 4 as_user start vm
err_has "which only root can do"
