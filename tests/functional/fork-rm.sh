#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM whose checkpoints have forks is not removed before these, neither by the user nor because it is itself a
# fork that is discarded; and what forks have when it is removed by force.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

vm_yaml web <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2, snapshots: overlay}
EOF
runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
add_web() {
    expect 0 maqet add web.yaml
    expect 0 maqet start web
    expect 0 maqet checkpoint web create ready
    expect 0 maqet stop web --timeout 0 --force
}
add_web

# ---- by the user ----

expect 0 maqet fork web one two --from ready
expect 3 maqet rm web --yes
err_has "VM 'web' has checkpoints with forks, which need them: one, two"
err_has "maqet rm web --force"
expect 3 maqet rm web --dry-run
expect 3 maqet rm web two --yes
err_has "which need them: one"
[ -e data/vms/two ] || fail "one of them was removed, though the other cannot be"
[ -e data/vms/web/checkpoints/ready.ram ] || fail "the memory was deleted"
# Those that are stopped have no use for the memory, but are forks all the same, as for the checkpoint.
expect 0 maqet stop one two --timeout 0 --force
expect 3 maqet checkpoint web delete ready
err_has "which need it: one, two"
expect 3 maqet rm web --yes
err_has "which need them: one, two"

# One that is in another data folder.
mkdir -p other/vms
chmod 700 other other/vms
mv data/vms/one other/vms
expect 0 maqet --data-dir "$PWD/other" start one
expect 3 maqet rm web two --yes
err_has "which need them: one (data folder $PWD/other)"
expect 3 maqet checkpoint web delete ready
err_has "which need it: two, one (data folder $PWD/other)"
expect 0 maqet --data-dir "$PWD/other" rm one --force --delete-storage --yes

# All at once, in whatever order: also a fork of a fork, and what they stand on.
expect 0 maqet start two
expect 0 maqet fork two three
expect 0 maqet stop two three --timeout 0 --force
expect 0 maqet rm web two three --delete-storage --yes
same '' "$(ls data/vms)" "the VMs"
same '' "$(ls | grep -e '-hdd' || :)" "their images"

# ---- by force ----

qemu-img create -q -f qcow2 hdd.qcow2 4M
fill hdd.qcow2 0x11
add_web
expect 0 maqet fork web one --from ready
expect 0 maqet rm web --force
[ ! -e data/vms/web ] || fail "it was not removed"
# The fork goes on, and boots from its own drive, whose backing file is there.
runs one || fail "the fork does not run"
expect 0 maqet stop one --timeout 0 --force
holds one-hdd.qcow2 0x11
expect 0 maqet start one
runs one || fail "the fork does not run"
expect 0 maqet rm one --force --delete-storage --yes
expect 0 maqet storage ls
rm -rf hdd.qcow2 hdd.qcow2.maqet

# ---- those that have ended ----

no_qemu_of() { ! pgrep -f "guest=$1.*$TMP" >/dev/null; }
begin_run() {
    rm -f began
    "$MAQET" run web --from ready --discard -- sh -c ': >began; exec sleep 1000' >run.out 2>run.err </dev/null &
    run=$!
    cleanup_fn "kill $run 2>/dev/null"
    eventually 60 test -e began
}
kill_run() {
    command=$(pgrep -P "$run" -x sleep)
    kill -9 "$run"
    wait "$run" || :
    kill "$command" 2>/dev/null || :
    eventually 30 no_qemu_of web-run-1
    [ -e data/vms/web-run-1 ] || fail "nothing is left of the run"
}
# Nobody tells maqet of it.
power_off() {
    maqet qmp "$1" quit >out 2>err || :
    eventually 30 no_qemu_of "$1"
    [ -e "data/vms/$1" ] || fail "nothing is left of '$1'"
}

add_web
expect 0 maqet fork web x y --from ready --discard
begin_run
kill_run
power_off x
# One that runs counts.
expect 3 maqet rm web --yes
err_has "VM 'web' has checkpoints with forks, which need them: y"
expect 0 maqet stop y --timeout 0 --force
expect 0 maqet rm web --dry-run
[ -e data/vms/web-run-1 ] && [ -e data/vms/x ] || fail "removed although nothing was to be done"
expect 0 maqet rm web --yes
same '' "$(ls data/vms)" "the VMs"
same '' "$(ls | grep -e '^x' || :)" "their images"
rm -rf hdd.qcow2 hdd.qcow2.maqet

# A fork that is discarded, and has such a one itself.
add_web
expect 0 maqet fork web x --from ready --discard
expect 0 maqet checkpoint x create again
expect 0 maqet fork x y --from again --discard
power_off y
power_off x
expect 0 maqet rm x --delete-storage --yes
same web "$(ls data/vms)" "the VMs"

# Without their source, nobody looks for them.
expect 0 maqet fork web x y --from ready --discard
begin_run
expect 0 maqet rm web --force
kill_run
power_off x
same 'web-run-1 x y' "$(echo $(ls data/vms))" "the VMs"
maqet doctor --format plain >out 2>err || :
out_has "Discarded forks that have ended are still there: 'web-run-1', 'x'"
out_lacks "'y'"
same 'web-run-1 x y' "$(echo $(ls data/vms))" "the VMs"
maqet doctor --fix --format plain >out 2>err || :
out_has "Removed discarded forks that have ended: 'web-run-1', 'x'"
same y "$(ls data/vms)" "the VMs"
runs y || fail "the fork that runs does not"
same '' "$(ls | grep -e '^x' || :)" "their images"
maqet doctor --format plain >out 2>err || :
out_lacks "Discarded forks"
expect 0 maqet stop y --timeout 0 --force
rm -rf hdd.qcow2 hdd.qcow2.maqet

# A run that has its name, but does not work yet, is held: doctor, which does not wait for its source, leaves it alone.
add_web
ASAN_OPTIONS=detect_leaks=0 MAQET_PLUGIN_PATH=$abs_top_builddir/.libs strace -qq -o trace -P "$TMP/data/vms/web-run-1/lock" \
    -e trace=open,openat -e inject=open,openat:signal=STOP:when=1 "$abs_top_builddir/maqet" run web --from ready --discard -- true \
    >run.out 2>run.err &
strace=$!
eventually 60 test -e data/vms/web-run-1
run=$(pgrep -P "$strace")
cleanup_fn "kill -KILL $run 2>/dev/null"
stands() { grep -qE '^State:[[:space:]]*[Tt]' "/proc/$run/status"; }
eventually 30 stands || fail "the run does not stand still: $(cat run.err)"
maqet doctor --fix --format plain >out 2>err || :
out_lacks "Discarded forks"
out_lacks "discarded forks"
kill -CONT "$run"
wait "$strace" || fail "the run has failed: $(cat run.err)"
expect 0 maqet rm web --yes --delete-storage
same '' "$(ls data/vms)" "the VMs"
rm -rf hdd.qcow2 hdd.qcow2.maqet

# ---- because it is discarded ----

add_web
expect 0 maqet fork web x --from ready --discard
expect 0 maqet fork x y
expect 0 maqet stop x --timeout 0 --force
err_has "VM 'x' is a fork that is discarded when it has ended, but has forks itself, which need its checkpoints: y"
out_has "Stopped VM 'x'."
[ -e data/vms/x/checkpoints/fork-1.ram ] || fail "the memory was deleted"
[ -e x-hdd.qcow2 ] || fail "the image was deleted"
runs y || fail "the other one does not run"
# It is not started, nor used otherwise.
expect 3 maqet start x
err_has "has forks itself, which need its checkpoints: y"
expect 3 maqet rm x --yes
err_has "which need them: y"
expect 0 maqet rm y --force --delete-storage --yes
expect 3 maqet start x
err_has "it is gone"
[ ! -e data/vms/x ] && [ ! -e x-hdd.qcow2 ] || fail "it is not discarded"
