#!/bin/sh
# SPDX-License-Identifier: MIT
# A disk that a real server offers, at a socket and by TCP; and one that is not there.
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-nbd.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/storage-nbd.XXXXXX")
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
    [ -z "${server-}" ] || kill "$server" 2>/dev/null || :
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
for program in qemu-system-x86_64 qemu-img qemu-io qemu-nbd; do
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

machine '{name: disk, type: nbd}'
refused "it doesn't say where the server is"
machine '{name: disk, type: nbd, socket: here, host: localhost}'
refused "it has both"
machine "{name: disk, type: nbd, socket: $(printf '%0120d' 0)}"
refused "a unix socket's path has 107 bytes at most"
machine '{name: disk, type: nbd, host: localhost, port: 70000}'
refused "it must be from 1 to 65535"

# serve ARGUMENT...: a server of disk.img, until `end`.
serve() {
    qemu-nbd -f raw --persistent --shared=0 "$@" disk.img 2>server.err &
    server=$!
}
end() {
    kill "$server"
    wait "$server" 2>/dev/null || :
    server=
}
until_true() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "never true: $*"
        sleep 0.1
    done
}

truncate -s 8M disk.img
qemu-io -f raw -c 'write -P 5 4M 64k' disk.img >/dev/null

# At a unix socket with an odd name, and an export with one.
serve -k "$PWD/a, socket" -x 'odd, name=x'
until_true test -S 'a, socket'
machine "{name: disk, type: nbd, socket: 'a, socket', export: 'odd, name=x'}"
vm add vm.yaml
vm start vm
vm qmp vm query-block | grep -q '"virtual-size": 8388608' || fail "QEMU sees another disk"
vm stop vm --force --timeout 0
# As a disc in a CD-ROM drive, too.
machine "{name: disk, type: nbd, socket: 'a, socket', export: 'odd, name=x', media: cdrom, interface: sata}"
vm apply vm vm.yaml
vm start vm
vm qmp vm query-block >blocks
grep -q '"virtual-size": 8388608' blocks || fail "the drive is empty"
grep -q '"ro": true' blocks || fail "the disc can be written"
vm stop vm --force --timeout 0

# What every plugin must do, with this server.
"$MAQET" plugin check --set socket="$PWD/a, socket" --set export="odd, name=x" "$plugin"
end

# By TCP, at a port that is free.
port=10900
while :; do
    serve -b 127.0.0.1 -p $port
    until_true sh -c "qemu-img info nbd://127.0.0.1:$port || ! kill -0 $server"
    ! kill -0 "$server" 2>/dev/null || break
    wait "$server" || :
    port=$((port + 1))
    [ $port -lt 10950 ] || fail "no free port: $(cat server.err)"
done
machine "{name: disk, type: nbd, host: 127.0.0.1, port: $port, readonly: on}"
vm apply vm vm.yaml
vm start vm
vm qmp vm query-block | grep -q '"ro": true' || fail "it is not read-only"
vm stop vm --force --timeout 0
end

# Without its server it does not start, and says which one is missing.
! vm start vm 2>err || fail "it starts without a server"
grep -q "127.0.0.1" err || fail "the server is not named: $(cat err)"
vm rm vm --yes
qemu-io -f raw -c 'read -P 5 4M 64k' disk.img | grep -q verification && fail "the disk has changed"
echo "nbd: all is well"
