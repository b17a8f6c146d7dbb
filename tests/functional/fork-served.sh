#!/bin/bash
# SPDX-License-Identifier: MIT
# Forks that are discarded, of a drive whose snapshots are inside its image: a server reads the snapshot for them, so
# nothing is copied. Whatever is killed, no server survives its fork, and nothing is left.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img qemu-nbd strace

vm_yaml web <<END
storage:
- {name: hdd, type: qcow2, file: web.qcow2, size: 64M}
- {name: data, type: raw, file: data.raw, size: 1M, snapshots: overlay}
END
qemu-img create -q -f qcow2 web.qcow2 64M
qemu-io -f qcow2 -c 'write -q -P 0x11 0 32M' web.qcow2
expect 0 maqet add web.yaml
expect 0 maqet start web
drive() { # VM COMMAND
    maqet qmp "$1" human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$2\\\"\"}" >out 2>err ||
        fail "$1: $2: $(cat err)"
    same '""' "$(cat out)" "$1: $2"
}
expect 0 maqet checkpoint web create ready
# The source goes on from there.
drive web 'write -P 0x22 0 64k'

# What serves the forks of this test, and who ends that.
servers() { pgrep -f "^qemu-nbd .*$TMP/" || :; }
supervisors() {
    local pid
    for pid in $(pgrep -x maqet-helpers); do
        ! ls -l "/proc/$pid/fd" 2>/dev/null | grep -qF "$TMP/" || echo "$pid"
    done
}
none_serves() { [ -z "$(servers)$(supervisors)" ]; }
nothing_is_left() {
    eventually 30 none_serves || fail "$what: left: $(servers) $(supervisors)"
    [ ! -e data/vms/new ] || fail "$what: the VM is left"
    rm -rf backups
    same "" "$(find . -name "*new*")" "$what: what is left"
}

for state in running stopped; do
    what="a source that is $state"
    [ $state = running ] || expect 0 maqet stop web --timeout 0 --force
    expect 0 maqet fork web new --from ready --count 2 --discard
    same 2 "$(servers | wc -l)" "$what: servers"
    for fork in new-1 new-2; do
        drive $fork 'read -P 0x11 0 32M'
        drive $fork "write -P 0x3${fork#new-} 0 1M"
    done
    for file in new-1.qcow2 new-2.qcow2; do [ ! -e $file ] || fail "$what: an image of a fork: $file"; done
    # Each has its own, also after the source has changed. Commands on the image of a stopped VM wait for the forks.
    if [ $state = stopped ]; then
        for command in "snapshot web create hdd stopped" "snapshot web create hdd ready --overwrite --yes" \
            "snapshot web load hdd ready --yes" "compact web hdd"; do
            code=0
            # shellcheck disable=SC2086 # words
            maqet $command >out 2>err || code=$?
            [ $code -ne 0 ] || fail "$what: $command was done while forks read the image"
        done
        expect 1 maqet snapshot web create hdd stopped
        err_has "web.qcow2 is in use by the helper of VM 'new-"
        expect 0 maqet run web --from ready --discard -- true
        expect 0 maqet start web
    fi
    # A load that QEMU would be ended for, and that could not be finished then.
    pid=$(vm_pid web)
    for command in "checkpoint web load ready" "snapshot web load hdd ready --live"; do
        # shellcheck disable=SC2086 # words
        expect 1 maqet $command --yes
        err_has "VM 'web': drive 'hdd': the image $TMP/web.qcow2 is in use by the helper of VM 'new-"
        err_has "the helper of VM 'new-1'"
        err_has "the helper of VM 'new-2'"
        err_has "maqet stop new-1"
        err_has "maqet stop new-2"
        same "$pid" "$(vm_pid web)" "$what: the QEMU of the source, which was not to be ended by: $command"
    done
    expect 0 maqet snapshot web create hdd later --live
    drive web 'write -P 0x22 0 8M'
    expect 0 maqet snapshot web delete hdd later --live
    drive web 'write -P 0x22 0 16M'
    drive new-1 'read -P 0x31 0 1M'
    drive new-2 'read -P 0x32 0 1M'
    drive new-1 'read -P 0x11 1M 31M'
    expect 3 maqet checkpoint web delete ready
    err_has new-1
    # It has no image, so no command works on it, and says why.
    for command in "snapshot new-1 create hdd one --live" "export new-1 hdd out.qcow2" "resize new-1 hdd 128M" \
        "checkpoint new-1 create again" "detach new-1 hdd" "move new-1 hdd backups"; do
        mkdir -p backups
        code=0
        # shellcheck disable=SC2086 # words
        maqet $command >out 2>err || code=$?
        [ "$code" -ne 0 ] || fail "$what: $command was done"
        err_has "VM 'new-1', drive 'hdd': it has no image of its own"
    done
    expect 3 maqet backup new-1 create backups --drive hdd
    err_has "drive 'hdd' of VM 'new-1': there is no backup of it, as it has no image of its own"
    expect 0 maqet backup new-1 create backups --drive data
    expect 0 maqet backup new-1 create backups
    # The other drive has one.
    expect 0 maqet snapshot new-1 create data one --live
    expect 0 maqet stop new-1 --timeout 0 --force
    same 1 "$(servers | wc -l)" "$what: servers of the other fork"
    drive new-2 'read -P 0x11 1M 31M'
    expect 0 maqet stop new-2 --timeout 0 --force
    nothing_is_left
done
expect 0 maqet stop web --timeout 0 --force
holds web.qcow2 0x22
sound web.qcow2

# Another VM with the same image, which knows nothing of the checkpoint.
what='another VM'
sed -e 's/^name: web/name: twin/' -e '/name: data/d' web.yaml >twin.yaml
expect 0 maqet fork web new --from ready --discard
expect 0 maqet add twin.yaml
expect 0 maqet start twin
expect 0 maqet snapshot twin create hdd its --live
code=0
maqet snapshot twin delete hdd ready --live >out 2>err || code=$?
[ $code -ne 0 ] || fail "$what has deleted what a fork reads"
err_has "is read by the helper of VM 'new'"
drive new 'read -P 0x11 0 32M'
expect 0 maqet stop new --timeout 0 --force
expect 0 maqet snapshot twin delete hdd its --live
expect 0 maqet stop twin --timeout 0 --force
expect 0 maqet rm twin --yes
nothing_is_left

# ---- kills ----

runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
for victim in qemu supervisor server; do
    what="a killed $victim"
    expect 0 maqet fork web new --from ready --discard
    drive new 'read -P 0x11 0 64k'
    case $victim in
    qemu) kill -9 "$(vm_pid new)" ;;
    supervisor)
        kill -9 "$(supervisors)"
        eventually 30 none_serves || fail "$what: a server has survived it: $(servers)"
        ;;
    server) kill -9 "$(servers)" ;;
    esac
    [ $victim = qemu ] || expect 0 maqet stop new --timeout 0 --force
    # The next command finds that it has ended.
    maqet start new >out 2>err && fail "$what: a fork that is gone was started"
    nothing_is_left
done

kills=0 undone=0
RANDOM=${MAQET_TEST_SEED:-1}
stride=${MAQET_TEST_STRIDE:-2}
for call in rename clone socketpair sendto; do
    step=0
    while :; do
        step=$((step + 1 + RANDOM % stride))
        what="killed at $call $step"
        code=0
        traced "$call" "signal=KILL:when=$step" fork web new --from ready --discard >out 2>err || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
        [ "$code" -eq 0 ] || kills=$((kills + 1))
        if [ -e data/vms/new/pending.json ]; then
            undone=$((undone + 1))
            maqet start new >out 2>err && fail "$what: an incomplete fork was started"
        elif [ -e data/vms/new ]; then
            runs new || fail "$what: the fork does not run"
            drive new 'read -P 0x11 0 64k'
            expect 0 maqet rm new --force --delete-storage --yes
        fi
        nothing_is_left
        [ "$code" -ne 0 ] || break
    done
done
echo "killed $kills times, $undone times in the middle"
[ $undone -ge 3 ] || fail 'hardly ever killed in the middle'

# ---- failures ----

# A server that does not start.
mkdir bin
printf '#!/bin/sh\necho "no such luck" >&2\nexit 1\n' >bin/qemu-nbd
chmod +x bin/qemu-nbd
what='a server that fails'
code=0
PATH=$TMP/bin:$PATH maqet fork web new --from ready --discard >out 2>err || code=$?
[ $code -eq 1 ] || fail "$what: exit code $code: $(cat err)"
err_has 'no such luck'
err_has "VM 'web', drive 'hdd'"
nothing_is_left
# One that is not there.
rm bin/qemu-nbd
for program in $(compgen -c | sort -u); do
    [ "$program" = qemu-nbd ] || ! path=$(type -P "$program") || ln -sf "$path" "bin/$program"
done
code=0
PATH=$TMP/bin maqet fork web new --from ready --discard >out 2>err || code=$?
rm -r bin
[ $code -ne 0 ] || fail 'a fork without a server'
err_has 'qemu-nbd'
nothing_is_left
# Its record cannot be written.
what='a run folder that is full'
code=0
strace -f -qq -o trace -P "$TMP/run/new/helpers" -e trace=write -e inject=write:error=ENOSPC \
    "$MAQET" fork web new --from ready --discard >out 2>err || code=$?
grep -q INJECTED trace || fail "$what: nothing was written there"
same 1 $code "$what: the exit code"
err_has "VM 'new', drive 'hdd': its server cannot be recorded in $TMP/run/new: No space left on device"
err_has "Free up space in the file system with $TMP/run/new"
rm trace
nothing_is_left
# Forks that are kept have images of their own, which are copies.
expect 0 maqet fork web new --from ready
same '' "$(servers)" 'servers of a fork that is kept'
drive new 'read -P 0x11 0 32M'
expect 0 maqet rm new --force --delete-storage --yes
expect 0 maqet stop web --timeout 0 --force

# What a guest writes to an encrypted drive is not encrypted in a temporary file, which is said.
(umask 077 && echo secret >key)
create_encrypted -q -f qcow2 --object secret,id=key,file=key \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 crypt.qcow2 1M
vm_yaml safe <<END
storage:
- {name: hdd, type: qcow2, file: crypt.qcow2, size: 1M, encryption: {format: luks, key_file: key}}
END
expect 0 maqet add safe.yaml
expect 0 maqet start safe
expect 0 maqet checkpoint safe create ready
warning="VM 'safe' has encrypted drives ('hdd'), but what the guest of a run, or of a fork that is discarded, writes to them goes unencrypted to temporary files in"
# Nobody else can read it there: the file has no name, and a mode.
mkdir -m 755 scratch
cat >private <<'END'
set -e
found=$(find "/proc/$1/fd" -lname "$TMPDIR/* (deleted)")
[ "$found" ] || { echo "no temporary file without a name" >&2; exit 1; }
for file in $found; do
    [ "$(stat -Lc '%a %u' "$file")" = "600 $(id -u)" ] || { stat -L "$file" >&2; exit 1; }
done
[ -z "$(ls -A "$TMPDIR")" ] || { ls -la "$TMPDIR" >&2; exit 1; }
END
TMPDIR=$TMP/scratch expect 0 maqet fork safe new --from ready --discard
err_has "$warning $TMP/scratch"
drive new 'write -P 0x21 0 64k'
TMPDIR=$TMP/scratch expect 0 sh private "$(vm_pid new)"
expect 0 maqet stop new --timeout 0 --force
# shellcheck disable=SC2016 # for the shell of the run
TMPDIR=$TMP/scratch expect 0 maqet run safe --from ready --discard -- sh -c 'sh private "$(cat "run/$MAQET_VM/run")"'
err_has "$warning $TMP/scratch"
expect 0 maqet fork safe new --from ready
err_lacks unencrypted
expect 0 maqet rm new --force --delete-storage --yes
expect 0 maqet stop safe --timeout 0 --force
