#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: check.sh [PART...]: drives, users, snapshots, hanging; all of them unless some are named.
#
# The plugin, a real QEMU and a real Ceph cluster, which is started on loopback and ended again.
# For each step the time that it took is printed. KEEP=1 keeps the scratch folder.
set -eu
: "${MAQET:=maqet}"
LC_ALL=C
export LC_ALL
unset CEPH_ARGS CEPH_CONF
here=$PWD
for program in qemu-system-x86_64 qemu-img qemu-io qemu-nbd ceph ceph-mon ceph-osd rbd setpriv; do
    command -v $program >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done
# Not below $TMPDIR, which may be long: Ceph's sockets lie here.
scratch=$(mktemp -d /tmp/maqet-rbd.XXXXXX)
CLUSTER=$scratch/c
# shellcheck source=test-cluster.sh
. ./test-cluster.sh
cd "$scratch"
mkdir plugins c
cp "$here/maqet-storage-rbd.so" plugins/
export MAQET_PLUGIN_PATH="$scratch/plugins:${MAQET_PLUGIN_PATH-}"
export MAQET_DATA_DIR="$scratch/data" MAQET_RUNTIME_DIR="$scratch/run"

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    set +e
    # A stopped OSD would let everything wait.
    [ ! -e "$CLUSTER/run/osd.pid" ] || kill -CONT "$(cluster_pid osd)" 2>/dev/null
    for vm in "$MAQET_DATA_DIR"/vms/*/; do
        [ ! -d "$vm" ] || timeout 30 "$MAQET" -q stop --timeout 0 --force "$(basename "$vm")"
    done
    cluster_down
    cd /
    [ -z "${KEEP-}" ] || { echo "kept: $scratch"; exit "$status"; }
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# ---- words ----

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
now() {
    date +%s%3N
}
doing=
# What comes next; ends what came before.
step() { # [WHAT]
    [ -z "$doing" ] || printf '%7d ms  %s\n' $(($(now) - begun)) "$doing"
    doing=${1-}
    begun=$(now)
}
# expect CODE COMMAND...: the command's exit code, and its outputs in the files out and err. Nothing
# here may take longer than two limits of what asks the cluster.
expect() {
    wanted=$1
    shift
    got=0
    timeout 70 "$@" >out 2>err || got=$?
    [ "$got" -eq "$wanted" ] || {
        sed 's/^/  /' out err >&2
        fail "exit code $got instead of $wanted: $*"
    }
}
maqet() { # CODE WORD...
    code=$1
    shift
    expect "$code" "$MAQET" "$@"
}
out_has() {
    grep -qF -- "$1" out || { cat out >&2; fail "not printed: $1"; }
}
err_has() {
    grep -qF -- "$1" err || { cat err >&2; fail "not said: $1"; }
}
same() { # WANTED GOT WHAT
    [ "$1" = "$2" ] || fail "$3: '$2' instead of '$1'"
}
rbd_admin() {
    timeout 60 rbd --conf "$CLUSTER/ceph.conf" "$@"
}
# shellcheck disable=SC2120 # the other files give it a machine
halt() {
    maqet 0 stop "${1:-vm}" --timeout 0 --force
}
pid_of() {
    "$MAQET" --format plain ls | awk -F '\t' -v vm="$1" '$1 == vm { print $3 }'
}
status_of() {
    "$MAQET" --format plain ls | awk -F '\t' -v vm="$1" '$1 == vm { print $2 }'
}
# What a part begins with: a machine whose image has 128M, and holds 8 in the first 4M.
fresh() {
    machine vm "{name: disk, type: rbd, image: disk, size: 128M, $identity}"
    maqet 0 add vm.yaml
    maqet 0 start vm
    halt
    io disk "write -P 8 0 4M"
}
# And what it ends with.
gone() {
    maqet 0 rm vm --yes
    rbd_admin rm --no-progress disk
}
# machine NAME DRIVE...: the file NAME.yaml, with a drive for each argument.
machine() {
    name=$1
    shift
    {
        printf 'name: %s\nbinary: qemu-system-x86_64\naccel: tcg\nmemory: 64M\nstorage:\n' "$name"
        printf '  - %s\n' "$@"
    } >"$name.yaml"
}
identity="user: maqet, key_file: maqet.key, conf: c/ceph.conf"
refused() { # WORDS DRIVE
    machine refused "$2"
    maqet 3 validate refused.yaml
    err_has "$1"
}
# What is in the image NAME at rest: io NAME COMMAND...
io() {
    image=$1
    shift
    for command; do
        set -- "$@" -c "$command"
        shift
    done
    expect 0 qemu-io -f raw "$@" "rbd:rbd/$image:conf=$CLUSTER/ceph.conf"
    ! grep -q 'verification failed' out || fail "$image holds something else: $*"
}
# What the guest would do: guest_io VM COMMAND.
guest_io() {
    maqet 0 qmp "$1" human-monitor-command "{\"command-line\":
        \"qemu-io -d /machine/peripheral/disk/virtio-backend \\\"$2\\\"\"}"
    ! grep -qi 'error\|failed' out || fail "$2: $(cat out)"
}
used() { # IMAGE: the bytes that it takes in the cluster
    rbd_admin du --format json "$1" 2>/dev/null | sed 's/.*"images":\[.*"used_size":\([0-9]*\)}\].*/\1/'
}
size() { # VM: what QEMU says of its only drive
    "$MAQET" --format plain qmp "$1" query-block | sed 's/.*"virtual-size": *\([0-9]*\).*/\1/'
}
snapshots_in_cluster() {
    rbd_admin snap ls --format json "$1" | tr ',' '\n' | sed -n 's/.*"name":"\(.*\)".*/\1/p' |
        sort | tr '\n' ' '
}
snapshots_of() { # VM DRIVE
    "$MAQET" --format plain snapshot "$1" list "$2" | cut -f 1 | sort | tr '\n' ' '
}
resident() {
    for name in mon osd; do
        [ -e "/proc/$(cluster_pid $name)/status" ] || continue
        printf ' %s %d MiB' $name \
            $(($(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cluster_pid $name)/status") / 1024))
    done
}

[ $# -gt 0 ] || set -- drives users snapshots hanging
# What needs no cluster comes before there is one.
case " $* " in *" drives "*) . "$here/check-options.sh" ;; esac

step "cluster up"
cluster_up || fail "there is no cluster"
echo "memory at the start:$(resident)"
key=$(cluster_ceph auth get-or-create-key client.maqet mon 'profile rbd' osd 'profile rbd pool=rbd')
(umask 077 && printf %s "$key" >maqet.key)
for part; do
    # shellcheck disable=SC1090 # one of those beside this
    . "$here/check-$part.sh"
    step
    echo "memory after the $part:$(resident)"
done
step "cluster down"
cluster_down
step
echo "rbd: all is well"
