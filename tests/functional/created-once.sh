#!/bin/sh
# SPDX-License-Identifier: MIT
# Storage that is not a file of this host and is created once: only when its plugin says that it is
# missing, never over anything, and never again when it has vanished. What create has made is
# deleted with the machine, if the user says so and nobody needs it.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace
: "${CC:=cc}"
requires "${CC%% *}"
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH

vm_yaml vm <<END
storage:
  - {name: disk, type: once, log: calls, faults: faults, place: place}
END
mkdir place
# calls WANTED [WORD]: what plugins were called for since the last time, of these words only.
calls() {
    grep -E "${2:-inspect|create|created|remove}" calls | sed 's/^disk //' | tr '\n' ',' |
        sed 's/,$//' >seen || :
    same "$1" "$(cat seen)" "the calls"
    : >calls
}
: >calls
halt() {
    expect 0 maqet stop vm --timeout 0 --force
}
put() {
    echo "$1" | dd of=place/disk conv=notrunc status=none
}
holds() {
    same "$1" "$(head -n 1 place/disk | tr -d '\0')" "what the disk holds"
}

# It cannot be created without a callback that says whether it is missing.
mkdir wrong
expect 0 "${CC%% *}" -fPIC -shared -DMAQET_PLUGIN_ABI=1 -DNO_INSPECT -I"$abs_top_srcdir/include" \
    "$abs_top_srcdir/tests/plugins/lives.c" -o wrong/maqet-storage-once.so
expect 3 env MAQET_PLUGIN_PATH="$TMP/wrong" "$MAQET" validate vm.yaml
err_has "it has no inspect"

# Nothing is created before all is known, and inspect is asked again right before create.
expect 0 maqet add vm.yaml
: >calls
expect 0 maqet start vm
err_has "Creating once storage for drive 'disk' of VM 'vm'"
calls "inspect,inspect,create,created,inspect"
halt
put mine
expect 0 maqet start vm
calls "inspect,inspect"
halt
holds mine

# What has vanished is not created anew.
mv place away
expect 3 maqet start vm
err_has "its storage (log=$TMP/calls,faults=$TMP/faults,place=$TMP/place) is missing; it was last there on 2"
calls "" create
mv away place
expect 0 maqet start vm
halt
holds mine

# A failed inspect is not taken for missing storage, nor is what cannot be opened.
for callback in inspect open; do
    echo $callback >faults
    expect 1 maqet start vm
    err_has "$callback was told to fail"
    : >calls
    rm faults
done
holds mine

# What maqet has created is not what another number stands for.
sed 's/place: place/place: place, number: 1/' vm.yaml >other.yaml
expect 0 maqet apply vm other.yaml
expect 0 maqet rm vm --dry-run --delete-storage
! grep -q removed out || fail "what maqet has not created would be removed"
expect 0 maqet apply vm vm.yaml
: >calls

# Nor is it missing if what is missing is what inspect needs to look, whatever code that error has.
vm_yaml never <<END
storage:
  - {name: disk, type: once, log: calls, faults: faults, place: never}
END
mkdir never
expect 0 maqet add never.yaml
: >calls
echo service >faults
expect 3 maqet start never
err_has "no service"
calls "" "create|created"
[ ! -e never/disk ] || fail "it was created"
rm faults
expect 0 maqet rm never --yes
: >calls

# rm says that it stays, and deletes it if it is told to.
expect 0 maqet rm vm --dry-run
out_has "kept     drive 'disk' (log=$TMP/calls,faults=$TMP/faults,place=$TMP/place)"
out_has "created by maqet, and --delete-storage was not given"
calls ""
expect 0 maqet rm vm --dry-run --delete-storage
out_has "removed  drive 'disk' (log=$TMP/calls"
calls inspect
expect 0 maqet --format json rm vm --dry-run --delete-storage
out_has '"kind": "storage"'

# Not if somebody has it: a program, another machine, or the original of this data folder.
echo client.7 >place/users
expect 0 maqet rm vm --dry-run --delete-storage
out_has "kept     drive 'disk' (log="
out_has "drive 'disk' is in use by client.7"
rm place/users
sed 's/name: vm/name: other/; s/name: disk/name: same/' vm.yaml >other.yaml
expect 0 maqet add other.yaml
expect 0 maqet rm vm --dry-run --delete-storage
out_has "VM 'other' uses it"
# The other one has not created it.
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
expect 0 maqet rm other --dry-run --delete-storage
out_has "not created by maqet"
expect 0 maqet rm other --yes --delete-storage
holds mine
cp -a data copy
expect 0 maqet --data-dir copy rm vm --yes --delete-storage
out_has "of which this data folder is a copy"
holds mine
: >calls

# A failure of the plugin leaves the machine.
echo remove >faults
expect 1 maqet rm vm --yes --delete-storage
err_has "Cannot delete the storage of drive 'disk' of VM 'vm'"
expect 0 maqet status vm
rm faults
: >calls
expect 0 maqet rm vm --yes --delete-storage
calls "inspect,remove"
[ ! -e place/disk ] || fail "it is still there"

# Without it, it stays.
expect 0 maqet add vm.yaml
expect 0 maqet start vm
halt
put mine
expect 0 maqet rm vm --yes
out_has "kept     drive 'disk' (log="
out_has "maqet cannot delete the kept storage of drives any more"
holds mine
# What was there before is not maqet's.
expect 0 maqet add vm.yaml
expect 0 maqet start vm
halt
expect 0 maqet rm vm --yes --delete-storage
out_has "not created by maqet"
holds mine
rm place/disk

# Somebody else is faster: theirs is used, and never deleted.
echo rival >faults
expect 0 maqet add vm.yaml
: >calls
expect 0 maqet start vm
calls "inspect,inspect,create,inspect"
halt
rm faults
expect 0 maqet rm vm --yes --delete-storage
out_has "not created by maqet"
[ -e place/disk ] || fail "it was deleted"
rm place/disk

# What the guest may only read is never created.
sed 's/place: place/place: place, readonly: on/' vm.yaml >reader.yaml
expect 0 maqet add reader.yaml
: >calls
expect 3 maqet start vm
err_has "$TMP/place/disk: No such file or directory"
calls "inspect,inspect"
expect 0 maqet rm vm --yes

# maqet is killed at every step of its first start: nothing is created over what is there. What
# was created halfway is not known to be ours.
kills=0
for call in write rename ftruncate; do
    step=0
    while :; do
        step=$((step + 1))
        rm -f place/disk
        expect 0 maqet add vm.yaml
        : >calls
        code=0
        traced $call "signal=KILL:when=$step" start vm >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        there='' known=''
        [ ! -e place/disk ] || there=mine
        [ -z "$there" ] || put mine
        # From here on, it is known whose it is.
        ! grep -q '"seen": *[1-9]' data/vms/vm/images.json 2>/dev/null || known=yes
        halt
        : >calls
        expect 0 maqet start vm
        halt
        if [ "$there" ]; then
            holds mine
            calls "" create
        else
            calls "create,created" create
        fi
        expect 0 maqet rm vm --yes --delete-storage
        [ -z "$known" ] || there=''
        same "$there" "$(head -n 1 place/disk 2>/dev/null)" "what is left, killed at $call $step"
    done
    [ "$code" -eq 0 ] || { cat err; fail "exit code $code"; }
    halt
    expect 0 maqet rm vm --yes --delete-storage
    [ ! -e place/disk ] || fail "it is still there"
done
echo "killed $kills times"
[ "$kills" -ge 8 ] || fail "hardly ever killed"

# Nor does a killed rm leave a machine that cannot be removed.
kills=0
for call in unlink rename; do
    step=0
    while :; do
        step=$((step + 1))
        expect 0 maqet add vm.yaml
        expect 0 maqet start vm
        halt
        code=0
        traced $call "signal=KILL:when=$step" rm vm --yes --delete-storage >out 2>err || code=$?
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        [ ! -e data/vms/vm ] || expect 0 maqet rm vm --yes --delete-storage
        [ ! -e place/disk ] || fail "it is still there, killed at $call $step"
    done
    [ "$code" -eq 0 ] || { cat err; fail "exit code $code"; }
done
echo "killed $kills times"
[ "$kills" -ge 2 ] || fail "hardly ever killed"
