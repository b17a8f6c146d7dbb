#!/bin/sh
# SPDX-License-Identifier: MIT
# A plugin that ends the program, or does not return, is no success: the command fails, says who
# did it, and what it leaves is recovered by the next one.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
: "${CC:=cc}"
requires "${CC%% *}" mkfifo

mkdir plugins
for kind in storage iface; do
    define=$([ $kind = storage ] || echo -DIFACE)
    # shellcheck disable=SC2086 # none, or one
    expect 0 "${CC%% *}" $define -Wall -Wextra -Werror -fPIC -shared -I"$abs_top_srcdir/include" \
        "$abs_top_srcdir/tests/plugins/rogue.c" -o "plugins/maqet-$kind-rogue.so"
done
export MAQET_PLUGIN_PATH="$TMP/plugins"
mkfifo fifo
export MAQET_ROGUE_FILE="$TMP/fifo"

# machine VM "HOW CALLBACK" [LINE...]: its drive is of the type rogue.
machine() {
    name=$1
    act=$2
    shift 2
    {
        echo "storage:"
        echo "  - name: hdd"
        echo "    type: rogue"
        echo "    file: $name.img"
        [ -z "$act" ] || echo "    storage_act: $act"
        for line; do
            echo "    $line"
        done
    } | vm_yaml "$name"
}
with_image() { # VM
    truncate -s 1M "$1.img"
    chmod 600 "$1.img"
}
# said CALLBACK [VM]: the error of a plugin that ended the program there.
said() {
    err_has "Drive 'hdd' on VM '${2:-vm}': the plugin 'rogue' ended the program in $1 instead of returning"
    err_has "report it to its author"
}

# rogue "HOW CALLBACK" CODE COMMAND...: with that act in this command only.
rogue() {
    MAQET_ROGUE=$1
    export MAQET_ROGUE
    shift
    expect "$@"
    unset MAQET_ROGUE
}

# ---- each way, and each kind of callback, with each command

for how in exit _exit _Exit quick_exit; do
    machine vm "$how validate"
    expect 1 maqet validate vm.yaml
    said validate
done
expect 1 maqet --format json validate vm.yaml
same 1 "$(grep -c '"code"' err)" "errors in JSON"
err_has "ended the program in validate"
machine vm "abort validate"
expect 134 maqet validate vm.yaml
machine vm "exit space"
expect 1 maqet validate vm.yaml
said space
machine vm "exit emit_args"
expect 1 maqet args vm.yaml
said emit_args
for callback in validate capacity emit_controller emit_device; do
    machine vm "" "interface: rogue" "iface_act: _exit $callback"
    expect 1 maqet args vm.yaml
    said "$callback"
done
machine vm "exit inspect"
with_image vm
expect 1 maqet validate vm.yaml
said inspect
expect 1 maqet add vm.yaml
said inspect
rm vm.img

# When it is loaded: its constructor, its entry, and its destructor, which runs after all else.
machine vm ""
for moment in constructor entry; do
    for how in exit _exit; do
        rogue "$how $moment" 1 maqet validate vm.yaml
        err_has "the plugin 'rogue' ended the program in"
        rogue "$how $moment" 1 maqet plugin info rogue
        err_has "Cannot load the plugin $TMP/plugins/maqet-storage-rogue.so"
    done
done
sed 's/size: 1M/size: none/; s/type: rogue/&\n    size: none/' vm.yaml >bad.yaml
expect 3 maqet validate bad.yaml
for how in exit _exit; do
    rogue "$how destructor" 3 maqet validate bad.yaml
    rogue "$how destructor" 0 maqet validate vm.yaml
done

# ---- what is interrupted is recovered

machine vm "exit create"
expect 0 maqet add vm.yaml
expect 1 maqet start vm
said create
[ ! -e vm.img ] || fail "half an image has its name"
machine vm ""
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
[ -z "$(find . -name '.vm.img.maqet-*')" ] || fail "left: $(find . -name '.vm.img.maqet-*')"

rogue "exit helper" 1 maqet start vm
said helper
same stopped "$(vm_status vm)"
rogue "_exit resize" 1 maqet resize vm hdd 2M
said resize
expect 0 maqet status vm
rogue "exit check" 1 maqet check vm
said check
rogue "_exit open" 1 maqet check vm
said open
rogue "exit close" 1 maqet check vm
said close
rogue "exit snapshot.list" 1 maqet snapshot vm list hdd
said snapshot.list
rogue "_exit snapshot.create" 1 maqet snapshot vm create hdd one
said snapshot.create
expect 0 maqet snapshot vm list hdd
grep -q one out || expect 0 maqet snapshot vm create hdd one
rogue "exit snapshot.write_out" 1 maqet snapshot vm export hdd one out.raw
said snapshot.write_out
expect 0 maqet snapshot vm export hdd one out.raw
rogue "exit snapshot.load" 1 maqet snapshot vm load hdd one --yes
said snapshot.load
expect 0 maqet snapshot vm load hdd one --yes
rogue "exit snapshot.remove" 1 maqet snapshot vm delete hdd one --yes
said snapshot.remove
expect 0 maqet snapshot vm list hdd
expect 0 maqet start vm
rogue "exit ended" 1 maqet stop vm --timeout 0 --force
said ended
same stopped "$(vm_status vm)"
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
for left in .vm.img.maqet-new .out.raw.maqet-new; do
    [ ! -e "$left" ] || fail "left: $left"
done

# Several machines at once: the others are not affected.
machine one "exit helper"
machine two ""
expect 0 maqet add one.yaml
expect 0 maqet add two.yaml
expect 1 maqet start one two
said helper one
same running "$(vm_status two)"
expect 0 maqet stop two --timeout 0 --force

# ---- one that does not return ends at its limit

# begin NAME "HOW CALLBACK" [LINE...]: validates a machine in the background.
begin() {
    id=$1
    act=$2
    shift 2
    machine "$id" "$act" "$@"
    (
        code=0
        maqet validate "$id.yaml" >"$id.out" 2>"$id.err" || code=$?
        echo "$code" >"$id.code"
    ) &
}
begin read "read validate"
begin loop "loop emit_args"
begin iface "" "interface: rogue" "iface_act: loop emit_device"
with_image look
begin look "loop inspect"
machine held "loop helper"
expect 0 maqet add held.yaml
expect 2 maqet start held
err_has "Drive 'hdd' on VM 'held': the plugin 'rogue' did not return from helper within 10 s"
rogue "loop entry" 2 maqet validate two.yaml
err_has "the plugin 'rogue' did not return from maqet_storage_plugin within 10 s"
# Its lock is free, and there is nothing that the next command would have to wait for.
machine held ""
expect 0 maqet --lock-timeout 0 apply held held.yaml
expect 0 maqet start held
expect 0 maqet stop held --timeout 0 --force
wait
ended() { # NAME CALLBACK SECONDS
    same 2 "$(cat "$1.code")" "the exit code of $1"
    grep -qF "Drive 'hdd' on VM '$1': the plugin 'rogue' did not return from $2 within $3 s, so the command was stopped" \
        "$1.err" || fail "$1: $(cat "$1.err")"
}
ended read validate 10
ended loop emit_args 10
ended iface emit_device 10
ended look inspect 30
