#!/bin/sh
# SPDX-License-Identifier: MIT
# An encrypted disk is made, used by a real QEMU, resized; what is on it cannot be read from outside.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-luks.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/storage-luks.XXXXXX")
cd "$scratch"
mkdir plugins
cp "$plugin" plugins/
export MAQET_PLUGIN_PATH="$scratch/plugins:${MAQET_PLUGIN_PATH-}"
export MAQET_DATA_DIR="$scratch/data" MAQET_RUNTIME_DIR="$scratch/run"
vm() { "$MAQET" -q "$@"; }
finish() {
    status=$?
    trap - EXIT
    vm stop vm --force --timeout 0 >/dev/null 2>&1 || :
    cd /
    rm -rf "$scratch"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
for program in qemu-system-x86_64 qemu-img qemu-io; do
    command -v $program >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done

# machine DRIVE...: the file vm.yaml, with a drive for each argument.
machine() {
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nstorage:\n' >vm.yaml
    printf '  - %s\n' "$@" >>vm.yaml
}
refused() { # WORDS
    ! vm validate vm.yaml 2>err || fail "accepted: $(cat vm.yaml)"
    grep -qF "$1" err || fail "not said: $1; but: $(cat err)"
}

printf 'a secret, with a comma' >'key, file'
printf 'wrong' >wrong
: >empty
chmod 600 'key, file' wrong empty
machine '{name: disk, type: luks, file: disk.luks, size: 16M}'
refused "key_file"
machine '{name: disk, type: luks, file: disk.luks, size: 16M, key_file: nowhere}'
refused "the key file"
machine '{name: disk, type: luks, file: disk.luks, size: 16M, key_file: empty}'
refused "is no file with a key in it"

drive="name: disk, type: luks, file: disk.luks, size: 16M, iter_time: 10"
machine "{$drive, key_file: 'key, file'}"
vm add vm.yaml
vm start vm
vm qmp vm query-block | grep -q '"virtual-size": 16777216' || fail "QEMU sees another size"
! tr '\0' '\n' <"/proc/$("$MAQET" --format json status vm | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/cmdline" |
    grep -q 'a secret' || fail "the key is in QEMU's arguments"
vm resize vm disk 24M
vm stop vm --force --timeout 0
vm resize vm disk 32M
"$MAQET" --format json status vm | grep -q '"virtual_size": 33554432' || fail "it did not grow"

io() { # COMMAND
    qemu-io --object 'secret,id=key,file=key,, file' \
        --image-opts driver=luks,key-secret=key,file.filename=disk.luks -c "$1"
}
io 'write -P 65 1M 64k' >/dev/null
io 'read -P 65 1M 64k' | grep -q 'read 65536' || fail "what was written cannot be read"
! grep -q AAAAAAAAAAAAAAAA disk.luks || fail "what was written can be read from outside"

# Another key, and what is no such image.
vm rm vm --yes
machine "{$drive, key_file: wrong}"
vm add vm.yaml
! vm start vm 2>err || fail "it starts with a wrong key"
grep -q "Invalid password" err || fail "not said that the key is wrong: $(cat err)"
vm rm vm --yes
truncate -s 1M plain.img
machine "{name: disk, type: luks, file: plain.img, key_file: 'key, file'}"
! vm add vm.yaml 2>err || fail "a plain image was taken"
grep -q "plain.img is no LUKS image" err || fail "not said what it is: $(cat err)"
echo "luks: all is well"
