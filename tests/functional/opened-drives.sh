#!/bin/sh
# SPDX-License-Identifier: MIT
# What a plugin opens for a drive is opened when it is first needed, once in a command however often
# that reads the definition, and closed before the command ends or begins to wait.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

for vm in one two; do
    vm_yaml $vm <<END
storage:
  - {name: tmp, type: each, log: $vm.calls, faults: faults}
  - {name: disk, type: once, log: $vm.calls, faults: faults, place: $vm.place}
END
    mkdir $vm.place
    : >$vm.calls
done

# opened VM WANTED: what was opened and closed since the last time, in order.
opened() {
    ! grep -E 'without|another|with-a' "$1.calls" || fail "a wrong handle"
    grep -E ' (open|close)$' "$1.calls" | tr '\n' ',' | sed 's/,$//' >seen || :
    same "$2" "$(cat seen)" "what was opened of $1"
    : >"$1.calls"
}
# Both are opened, in some order, and closed, the last one first.
both='tmp open,disk open,disk close,tmp close'
disk='disk open,disk close'

# What is created elsewhere is not asked for before the first start.
expect 0 maqet validate one.yaml
opened one ""
for vm in one two; do
    expect 0 maqet add $vm.yaml
    opened $vm ""
done
expect 0 maqet args one
opened one ""
# The definition is read for the last end, for what a start needs, and for the start.
expect 0 maqet start one two
for vm in one two; do
    same 1,1 "$(grep -c '^tmp open' $vm.calls),$(grep -c '^tmp close' $vm.calls)" "times that tmp was opened and closed"
    same 1,1 "$(grep -c '^disk open' $vm.calls),$(grep -c '^disk close' $vm.calls)" "times that disk was opened and closed"
    same close "$(tail -n 1 $vm.calls | cut -d ' ' -f 2)" "what came last"
    : >$vm.calls
done
# Another machine's drive of the same name is another drive.
expect 0 maqet stop one --timeout 0 --force
opened one "$both"
opened two ""
expect 0 maqet rm one --dry-run --delete-storage
opened one "$disk"
# A plan and the removal, which makes the plan again.
expect 0 maqet rm one --yes --delete-storage
opened one "$disk"

# What cannot be opened fails the callback, and is not closed.
echo open >faults
expect 0 maqet add one.yaml
expect 1 maqet start one
err_has "open was told to fail"
! grep -q 'inspect\|close' one.calls || { cat one.calls; fail "it was inspected, or closed, all the same"; }
rm faults
: >one.calls

# In the foreground, nothing stays open while the machine runs.
"$MAQET" start one --foreground >foreground.out 2>foreground.err &
starting=$!
eventually 20 test -s run/one/qemu/pid
eventually 20 grep -q 'disk close' one.calls
opened one "disk open,tmp open,tmp close,disk close"
expect 0 maqet stop one --timeout 0 --force
wait $starting || fail "the start in the foreground failed"
same 1,1 "$(grep -c '^tmp ended' one.calls),$(grep -c '^disk ended' one.calls)" "times that they were told of the end"
same "$(grep -c ' open' one.calls)" "$(grep -c ' close' one.calls)" "what was opened, and closed"
expect 0 maqet stop two --timeout 0 --force
