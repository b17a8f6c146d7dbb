#!/bin/sh
# SPDX-License-Identifier: MIT
# Overlay snapshots of a user to whom read-only files are read-only: any of them is deleted, stopped
# and live, in either direction.
. "${srcdir:-.}/tests/functional/functions.sh"
requires setpriv qemu-io qemu-img
qemu_required
[ "$(id -u)" -eq 0 ] || skip_always "needs root, to become another user"

# The program where that user may read it, and folders of the user's own.
mkdir bin home
cp "$abs_top_builddir/maqet" "$abs_top_builddir"/.libs/*.so bin
vm_yaml vm <<EOF
storage:
  - {name: hdd, type: raw, size: 8M, preallocation: off, file: hdd.raw, snapshots: overlay}
EOF
mv vm.yaml home
chmod 755 "$TMP" bin bin/*
chown -R 65534:65534 home
as_user() {
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" "$@")
}
cleanup_fn "as_user -q stop vm --timeout 0 --force || :"
monitor() {
    expect 0 as_user qmp vm human-monitor-command "{\"command-line\": \"$1\"}"
}
# What distinguishes the snapshots: each has a block more than the one before, with its number; the
# guest has written to block 0, too.
put() { # NUMBER LENGTH
    monitor "qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P $1 $1M $2\\\""
    out_has '""'
}
holds() { # NUMBER...
    for number in "$@"; do
        expect 0 qemu-io --image-opts "$opts" -r -c "read -P $number ${number}M 64k"
        ! grep -q failed out || fail "block $number: $(cat out)"
    done
}
snapshots() {
    expect 0 as_user --format plain snapshot vm list hdd
    cut -f 1 out | tr '\n' ' '
}

expect 0 as_user add vm.yaml
expect 0 as_user start vm
for number in 1 2 3 4 5 6; do
    # The second is larger than the third, which goes down into it; the others go up.
    put $number "$([ $number = 2 ] && echo 1M || echo 64k)"
    expect 0 as_user snapshot vm create hdd s$number --live
done
put 7 64k
expect 0 as_user snapshot vm delete hdd s2 --live
expect 0 as_user snapshot vm delete hdd s4 --live
same "s1 s3 s5 s6 " "$(snapshots)" "the snapshots"
expect 0 as_user stop vm --timeout 0 --force
expect 0 as_user snapshot vm create hdd s7
# What QEMU does not have open stands on the other file, too, and other programs find it.
expect 0 as_user snapshot vm load --yes hdd s3
expect 0 as_user start vm
expect 0 as_user snapshot vm delete hdd s1 --live
expect 0 as_user stop vm --timeout 0 --force
for file in home/hdd.raw.maqet/*.qcow2; do
    expect 0 qemu-img info --backing-chain "$file"
done
expect 0 as_user snapshot vm delete hdd s5
same "s3 s6 s7 " "$(snapshots)" "the snapshots"
expect 0 as_user snapshot vm export hdd s7 --format raw all.raw
opts=driver=raw,file.driver=file,file.filename=home/all.raw
holds 1 2 3 4 5 6 7
for name in s6 s3 s7; do expect 0 as_user snapshot vm delete hdd $name; done
[ ! -e home/hdd.raw.maqet ] || fail "there are overlays: $(ls home/hdd.raw.maqet)"
opts=driver=raw,file.driver=file,file.filename=home/hdd.raw
holds 1 2 3

# A merge upwards that ends when the file is read-only already: the next start gives the file its name again.
upwards_qemu "$TMP/bin"
requires strace
expect 0 as_user rm vm --yes --delete-storage
cat >home/vm.yaml <<EOF
name: vm
binary: $qemu
accel: tcg
memory: 64M
sandbox: $sandbox
arguments: [{bios: $TMP/bin/halt.bin}]
storage:
  - {name: hdd, type: raw, size: 8M, preallocation: off, file: hdd.raw, snapshots: overlay}
EOF
cp "$abs_top_builddir/tests/fake/halt.bin" bin
chown 65534:65534 home/vm.yaml
expect 0 as_user add vm.yaml
killed_as_user() { # CALL WHEN ARGUMENT...
    killed_call=$1 killed_when=$2
    shift 2
    (cd home && MAQET_PLUGIN_PATH=$TMP/bin MAQET_DATA_DIR=$TMP/home/data \
        MAQET_RUNTIME_DIR=$TMP/home/run ASAN_OPTIONS=detect_leaks=0 \
        strace -qq -o "$TMP/trace" -e "trace=$killed_call" -e "inject=$killed_call:signal=KILL:when=$killed_when" \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/bin/maqet" "$@")
}
for call in fchmod rename; do
    step=0 code=1
    while [ $code -ne 0 ]; do
        step=$((step + 1))
        expect 0 as_user start vm
        put 1 64k
        expect 0 as_user snapshot vm create hdd one --live
        put 2 64k
        expect 0 as_user snapshot vm create hdd two --live
        put 3 4M
        expect 0 as_user snapshot vm create hdd three --live
        code=0
        killed_as_user $call $step snapshot vm delete hdd two --live >out 2>err || code=$?
        expect 0 as_user stop vm --timeout 0 --force
        expect 0 as_user start vm
        expect 0 as_user stop vm --timeout 0 --force
        opts=driver=qcow2,file.filename=$TMP/home/hdd.raw.maqet/$(
            sed -n 's/^  "top":\([0-9]*\),*$/\1/p' home/hdd.raw.maqet/tree.json).qcow2
        holds 1 2 3
        for name in $(snapshots); do expect 0 as_user snapshot vm delete hdd $name; done
    done
    [ $step -gt 2 ] || fail "not killed at $call"
done
