#!/bin/sh
# SPDX-License-Identifier: MIT
# What a plugin leaves behind is not trusted: descriptors that it has opened reach no program, and
# images that it has made accessible to others are not left so.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}" ps pgrep

mkdir plugins
expect 0 "${CC%% *}" -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
    "$abs_top_srcdir/tests/plugins/rogue.c" -o plugins/maqet-storage-rogue.so
export MAQET_PLUGIN_PATH="$TMP/plugins"
echo secret >secret
export MAQET_ROGUE_FILE="$TMP/secret"

machine() { # "HOW CALLBACK"
    vm_yaml vm <<END
storage:
  - {name: hdd, type: rogue, file: vm.img, storage_act: $1}
END
}

# ---- descriptors: of QEMU, of the program beside it, of who watches that, and of qemu-img

machine "leak validate"
expect 0 maqet add vm.yaml
wrap_qemu_img 'create*' "ls -l /proc/self/fd >'$TMP/inherited'"
expect 0 wrapped maqet start vm
# None of ls itself but the standard streams, and the folder that it lists.
same 4 "$(grep -c -- '->' inherited)" "the descriptors of qemu-img"
helper=$(cut -d ' ' -f 1 run/vm/helpers)
supervisor=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$helper/status")
for pid in $(vm_pid vm) "$helper" "$supervisor"; do
    ls -l "/proc/$pid/fd" >>inherited
done
! grep -F "$TMP/secret" inherited || fail "the plugin's descriptor was inherited"
expect 0 maqet stop vm --timeout 0 --force

# Of the server of a snapshot, and of the user's own command, which gets what maqet's caller has open.
expect 0 "${CC%% *}" -DIFACE -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
    "$abs_top_srcdir/tests/plugins/rogue.c" -o plugins/maqet-iface-rogue.so
vm_yaml test <<END
storage:
  - {name: hdd, type: qcow2, size: 1M, file: test.qcow2, interface: rogue, iface_act: leak validate}
END
expect 0 maqet add test.yaml
expect 0 maqet start test
expect 0 maqet checkpoint test create one
expect 0 maqet stop test --timeout 0 --force
echo caller >caller
cat >look <<'END'
ls -l /proc/self/fd
for server in $(pgrep -P "$(ps -o ppid= -p $$)"); do
    ls -l "/proc/$server/fd"
done
END
code=0
"$MAQET" run test --from one --discard -- sh ./look >seen 2>err 9<caller 33<caller || code=$?
same 0 "$code" "$(cat err)"
! grep -F "$TMP/secret" seen || fail "the plugin's descriptor was inherited"
grep -q -- " 9 -> $TMP/caller" seen || fail "the caller's descriptor is lost: $(cat seen)"
grep -q -- " 33 -> $TMP/caller" seen || fail "the caller's descriptor is lost: $(cat seen)"

# ---- modes

mode_is() {
    same "$1" "$(stat -c %a "$2")" "the mode of $2"
}
mode_is 600 vm.img
rm vm.img
machine "open-to-all create"
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm --create-missing
mode_is 600 vm.img
expect 0 maqet stop vm --timeout 0 --force
opened() { # CALLBACK COMMAND...
    callback=$1
    machine "open-to-all $callback"
    expect 0 maqet apply vm vm.yaml
    shift
    expect 0 maqet "$@"
    [ "$callback" = snapshot.write_out ] ||
        err_has "the plugin 'rogue' has changed the mode of $TMP/vm.img from 0600 to 0666 in ${callback##*.}"
    mode_is 600 vm.img
}
opened inspect validate vm.yaml
opened resize resize vm hdd 2M
opened check check vm
opened snapshot.create snapshot vm create hdd one
opened snapshot.list snapshot vm list hdd
opened snapshot.load snapshot vm load hdd one --yes
opened snapshot.write_out snapshot vm export hdd one out.raw
mode_is 600 out.raw
opened snapshot.remove snapshot vm delete hdd one --yes

# ---- the drive's folder

MAQET_ROGUE="open-folder resize" expect 0 maqet resize vm hdd 2560K
folder=$(find "$MAQET_DATA_DIR/vms/vm" -mindepth 2 -type d)
err_has "the plugin 'rogue' has left the folder $folder accessible to others (mode 0777) in resize"
mode_is 700 "$folder"

# ---- a quarter of a gigabyte of answers

machine ""
sed -i 's/, storage_act: //' vm.yaml
expect 0 maqet apply vm vm.yaml
flooded() { # CALLBACK CODE WORDS COMMAND...
    MAQET_ROGUE="flood $1"
    export MAQET_ROGUE
    code=$2
    words=$3
    shift 3
    expect "$code" maqet "$@"
    err_has "$words"
    [ "$(wc -c <err)" -lt 400000 ] || fail "$MAQET_ROGUE: $(wc -c <err) bytes of errors"
    unset MAQET_ROGUE
}
flooded validate 3 "xxxx [...]" validate vm.yaml
flooded inspect 1 "the plugin 'rogue' reported more than 64 MiB in inspect" validate vm.yaml
flooded emit_args 1 "the plugin 'rogue' emitted something that QEMU cannot take" args vm
flooded check 1 "the plugin 'rogue' reported more than 64 MiB in check" check vm
flooded snapshot.list 1 "the plugin 'rogue' reported more than 64 MiB in list" snapshot vm list hdd
flooded resize 1 "yes wrote more than 16 MiB to its standard output and was stopped" resize vm hdd 3M
flooded helper 1 "Argument list too long" start vm
same stopped "$(vm_status vm)"

# Others who may read it by the user's will still may.
chmod 640 vm.img
machine "open-to-all resize"
expect 0 maqet apply vm vm.yaml
expect 0 maqet resize vm hdd 4M
err_has "it is 0640 again"
mode_is 640 vm.img
