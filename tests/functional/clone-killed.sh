#!/bin/bash
# SPDX-License-Identifier: MIT
# maqet is killed at steps of a clone, wherever it is: afterwards there is a whole clone or, with the next command,
# nothing of it, and what the source shows is the same.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

vm_yaml web <<END
storage:
- {name: hdd, type: raw, file: web.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force
qemu-io -f raw -c 'write -P 1 0 256k' web.raw >out || fail "$(cat out)"
cp web.raw wanted.raw

top_of() {
    local id
    id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$1.maqet/tree.json" 2>/dev/null)
    if [ "${id:-0}" = 0 ]; then echo "-f ${1##*.} $1"; else echo "-f qcow2 $1.maqet/$id.qcow2"; fi
}
shows() { # IMAGE
    # shellcheck disable=SC2046
    qemu-img convert -U $(top_of "$1") -O raw got.raw || fail "$what: cannot read $1"
    cmp -s got.raw wanted.raw || fail "$what: $1 does not show what it should"
}
kills=0 undone=0
RANDOM=${MAQET_TEST_SEED:-1}
# at_every_step CALL IMAGE OPTION...
at_every_step() {
    local call=$1 image=$2 step=0 code
    shift 2
    while :; do
        # Not at each one: they are many, and much alike.
        step=$((step + 1 + RANDOM % 3))
        what="clone $* killed at $call $step"
        code=0
        traced "$call" "signal=KILL:when=$step" clone web new "$@" >out 2>err || code=$?
        [ "$code" -eq 0 ] || [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
        [ "$code" -eq 0 ] || kills=$((kills + 1))
        # The next command removes what there is of it, if it is not whole.
        if [ -e data/vms/new/pending.json ]; then
            undone=$((undone + 1))
            maqet start new >out 2>err && fail "$what: an incomplete clone was started"
            err_has "cloning of VM 'web' was interrupted; nothing is left of it"
        elif [ -e data/vms/new ]; then
            shows "$image"
            expect 0 maqet rm new --delete-storage --yes
        fi
        same '' "$(ls -A | grep -E '^\.?new|maqet-new|maqet-lock')" "$what: what is left"
        [ ! -e data/vms/new ] || fail "$what: the VM is left"
        shows web.raw
        [ "$code" -ne 0 ] || break
    done
    [ "$step" -gt 1 ] || fail "never killed at $call"
    expect 0 maqet snapshot web create hdd probe --auto
    expect 0 maqet snapshot web delete hdd probe --auto
    shows web.raw
}
for call in rename fsync unlink clone; do
    at_every_step $call new.qcow2 --linked
    at_every_step $call new.raw --full
done
[ ! -e web.raw.maqet ] || fail "nodes that nobody needs are left: $(ls web.raw.maqet)"
# Live, QEMU has been told to write elsewhere or not.
expect 0 maqet start web
for call in rename sendmsg; do at_every_step $call new.qcow2; done
expect 0 maqet stop web --timeout 0 --force
echo "killed $kills times, $undone times in the middle"
[ "$undone" -ge 5 ] || fail 'hardly ever killed in the middle'
