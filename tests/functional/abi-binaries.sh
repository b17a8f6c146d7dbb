#!/bin/sh
# SPDX-License-Identifier: MIT
# Plugins that were built when the ABI was frozen load today, and do what they did: their own tests
# are run with the binaries of then. So it is for every later maqet of that ABI.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires qemu-img qemu-io qemu-nbd
frozen=$(find "$abs_top_srcdir/tests/abi" -mindepth 2 -maxdepth 2 -type d -name "$(uname -m)")
if [ -z "$frozen" ]; then
    [ "$(uname -m)" != x86_64 ] || fail "the frozen binaries are missing"
    skip_always "nothing was frozen for $(uname -m)"
fi
umask 022

for folder in $frozen; do
    # What is kept is what was made: nobody has built it anew.
    sed -n '/^[0-9a-f]\{64\} /p' "$folder/MADE" >sums
    same "$(find "$folder" -name '*.so' | wc -l)" "$(wc -l <sums)" "the number of binaries in $folder"
    (cd "$folder" && sha256sum --quiet -c "$TMP/sums") || fail "$folder holds other binaries than it says"
    grep -q '^commit [0-9a-f]\{40\}$' "$folder/MADE" || fail "$folder doesn't say of which commit"

    # The files of a source tree may belong to anybody; a plugin's may not.
    rm -rf then
    mkdir then
    for file in "$folder"/*.so; do
        cat "$file" >"then/$(basename "$file")"
    done
    MAQET_PLUGIN_PATH="$TMP/then"
    export MAQET_PLUGIN_PATH
    expect 0 maqet --format plain plugin list
    for file in then/*.so; do
        grep -F "$TMP/$file" out | grep -q "$(printf '\tloads\t')" || fail "it no longer loads: $(grep -F "$TMP/$file" out)"
    done

    # As an author would try them, and as users use them.
    for plugin in storage-vdi storage-template iface-nvme iface-usb; do
        expect 0 maqet plugin check "then/maqet-$plugin.so"
    done
    # Snapshots, users and growing of a drive that lies elsewhere.
    ELSEWHERE="$TMP/then" sh "$abs_top_srcdir/tests/functional/elsewhere.sh" >log 2>&1 ||
        { cat log >&2; fail "elsewhere of $folder"; }
    # A program beside QEMU.
    VIRTIOFS_PLUGIN="$TMP/then" sh "$abs_top_srcdir/tests/functional/virtiofs.sh" >log 2>&1 ||
        { cat log >&2; fail "virtiofs of $folder"; }
    for example in luks nbd nvme usb; do
        tests="$abs_top_srcdir/examples/plugins/$example/check.sh"
        rm -rf now
        mkdir now
        cp then/*-$example.so now/
        status=0
        (cd now && sh "$tests") >log 2>&1 || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq 77 ] || { cat log >&2; fail "$example of $folder"; }
    done
done
