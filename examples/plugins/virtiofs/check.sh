#!/bin/sh
# SPDX-License-Identifier: MIT
# Shares a folder with a real QEMU: virtiofsd runs beside it, and ends with it however that
# ends. Exits with 77 where virtiofsd cannot run (it wants to be root, mostly).
set -eu
: "${MAQET:=maqet}"
plugin=$PWD/maqet-storage-virtiofs.so
scratch=$(mktemp -d "${TMPDIR:-/tmp}/virtiofs.XXXXXX")
chmod 755 "$scratch"
cd "$scratch"
mkdir plugins folder 'a, folder'
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

# machine LINE...: vm.yaml with one share, its name and lines.
machine() {
    printf 'name: vm\nbinary: qemu-system-x86_64\naccel: tcg\nmemory: 128M\nstorage:\n' >vm.yaml
    share "$@"
}
share() {
    printf '  - name: %s\n    type: virtiofs\n' "$1" >>vm.yaml
    shift
    printf '    %s\n' "$@" >>vm.yaml
}
refused() { # WORDS
    ! vm validate vm.yaml 2>err || fail "accepted: $(cat vm.yaml)"
    grep -qF "$1" err || fail "not said: $1; but: $(cat err)"
}

machine work 'path: nowhere'
refused "there is no folder $scratch/nowhere"
machine work 'path: folder' 'virtiofsd: folder/none'
refused "$scratch/folder/none is no program that you may run"
machine work 'path: folder' 'mount_tag: more-than-the-36-bytes-that-a-tag-has'
refused "be its mount tag"
machine work 'path: folder' 'interface: virtio'
refused "attaches itself"

qemu=$(command -v qemu-system-x86_64) || { echo "no QEMU" >&2; exit 77; }
machine work 'path: folder'
if ! vm validate vm.yaml 2>err; then
    cat err >&2
    exit 77
fi

# Where a container or a chroot forbids virtiofsd the namespaces that it uses by default, it is told
# to do with less.
sandbox='sandbox: namespace'
vm add vm.yaml
if ! vm start vm >out 2>err; then
    sandbox='sandbox: chroot'
    machine work 'path: folder' "$sandbox"
    vm apply vm vm.yaml
    if ! vm start vm >out 2>>err; then
        cat err >&2
        [ "$(id -u)" -eq 0 ] || exit 77
        fail "it does not start"
    fi
fi
vm rm vm --yes --force
# What every plugin must do.
"$MAQET" plugin check --set "sandbox=${sandbox#*: }" "$plugin"

# One machine, two shares, one of them with an odd name.
machine work 'path: folder' "$sandbox"
share more "path: 'a, folder'" 'cache: never' "$sandbox"
vm add vm.yaml
vm start vm
alive() { # the helpers that still run, of those in PIDS
    for pid in $pids; do
        case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
        '' | Z*) ;;
        *) printf '%s ' "$pid" ;;
        esac
    done
}
gone() {
    tries=0
    while [ -n "$(alive)" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "still running: $(alive)"
        sleep 0.1
    done
}
running() {
    pids=$(cat run/vm/helpers)
    [ "$(echo "$pids" | wc -l)" -eq 2 ] || fail "not two helpers: $pids"
    [ "$(alive | wc -w)" -eq 2 ] || fail "not both of them run: $pids"
}
running
tr '\0' '\n' <"/proc/$(vm --format json status vm | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/cmdline" >line
grep -q 'vhost-user-fs-pci' line || fail "QEMU has no such device"
[ "$(grep -c 'memory-backend-memfd' line)" -eq 1 ] || fail "not one shared memory"
vm stop vm --force --timeout 0
gone
[ -z "$(find run/vm -name 'helper*')" ] || fail "sockets are left: $(ls run/vm)"

# QEMU is killed: the kernel ends them.
vm start vm
running
kill -9 "$(vm --format json status vm | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')"
gone
vm start vm
running
vm stop vm --force --timeout 0
gone

# A program that fails at once, and one that is none: what it says is in the error.
printf '#!/bin/sh\ncase "$1" in --help) echo --shared-dir ;; *) echo "no, not today" >&2; exit 1 ;; esac\n' >broken
printf 'no program\n' >text
chmod +x broken text
vm rm vm --yes
machine work 'path: folder' "virtiofsd: broken"
vm add vm.yaml
! vm start vm 2>err || fail "it starts without virtiofsd"
grep -q "no, not today" err || fail "its words are not in the error: $(cat err)"
vm rm vm --yes
machine work 'path: folder' "virtiofsd: text"
vm add vm.yaml
! vm start vm 2>err || fail "it starts with a text for virtiofsd"
vm rm vm --yes
[ -z "$(ls -A run)" ] || fail "left in run: $(ls -A run)"
echo "virtiofs: all is well ($qemu)"
