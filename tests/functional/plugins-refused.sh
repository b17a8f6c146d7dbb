#!/bin/sh
# SPDX-License-Identifier: MIT
# A plugin that is wrong is refused with its reason; one that is newer than maqet loads.
. "${srcdir:-.}/tests/functional/functions.sh"
requires strace
MAQET_PLUGIN_PATH="$abs_top_builddir/tests/plugins/.libs"
export MAQET_PLUGIN_PATH

drive() { # TYPE
    vm_yaml vm <<EOF
storage:
  - name: hdd
    type: $1
    size: 1M
EOF
}
refused() { # TYPE REASON
    drive "$1"
    expect "${3:-3}" maqet validate vm.yaml
    err_has "$2"
    err_has "drive 'hdd' of VM 'vm'"
    err_has "vm.yaml:7:11"
}
loads() {
    drive "$1"
    expect 0 maqet validate vm.yaml
}

loads good
loads newer
refused wrong-abi "it was built for plugin ABI 77; this maqet has ABI 1"
refused small "its structs have"
refused wrong-kind "it is not of the kind 'storage'"
refused wrong-name "its name is 'another', which does not match the name of its file"
refused no-entry "it doesn't export maqet_storage_plugin"
refused null-entry "maqet_storage_plugin returned NULL"
refused no-emit "it has no emit_args"
refused no-create "it has no create"
refused no-space "it has no space"
refused no-inspect "it has no inspect, which resize needs"
refused path-option "its path_option 'nowhere' is not one of its PATH options"
refused bad-option "its option 'Bad-Name' is not named"
refused reserved-option "the name of its option 'media' is reserved for maqet"
refused no-choices "its option 'word' has no choices"
refused missing-symbol maqet_not_in_this_version 1
refused no-such "There is no storage plugin 'no-such'"
err_has "searched in: $MAQET_PLUGIN_PATH"
err_has good
refused ../good "invalid storage plugin name"
refused Good "invalid storage plugin name"

# What it emits is checked, and a failure without a word gets some.
drive key-twice
expect 1 maqet validate vm.yaml
err_has "emitted something that QEMU cannot take"
if command -v qemu-system-x86_64 >/dev/null; then
    drive silent
    expect 0 maqet add vm.yaml
    expect 1 maqet start vm
    err_has "the plugin 'silent' failed in create without saying why"
fi

# A plugin, or its folder, that others may write is no plugin.
mkdir plugins
cp "$MAQET_PLUGIN_PATH/maqet-storage-good.so" plugins/
MAQET_PLUGIN_PATH="$TMP/plugins"
loads good
chmod g+w plugins/maqet-storage-good.so
refused good "is writable by other users" 4
chmod g-w plugins/maqet-storage-good.so
chmod o+w plugins
refused good "is writable by other users" 4
chmod o-w plugins
# So is one whose folder others could put another one in the place of, or to which a link from a
# safe place leads; a sticky folder such as /tmp is safe.
mkdir -p above/plugins links
cp plugins/maqet-storage-good.so above/plugins/
ln -s ../above/plugins/maqet-storage-good.so links/
MAQET_PLUGIN_PATH="$TMP/above/plugins"
loads good
chmod o+w above
refused good "$TMP/above is writable by other users" 4
MAQET_PLUGIN_PATH="$TMP/links"
refused good "$TMP/above is writable by other users" 4
chmod +t above
loads good
chmod -t,o-w above
loads good
# What was looked at is opened, though the link leads elsewhere by then: to one that would end us.
ln -sfn "$abs_top_builddir/tests/plugins/.libs/maqet-storage-crashing.so" links/other
# shellcheck disable=SC2016 # for the inner shell
ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/above/plugins/maqet-storage-good.so" \
    -e 'trace=?stat,?newfstatat,?statx' -e 'inject=?stat,?newfstatat,?statx:signal=STOP:when=1' \
    sh -c 'echo $$ >pid; exec "$@"' sh "$MAQET" validate vm.yaml >out 2>err &
tracer=$!
eventually 60 grep -q '^--- stopped by SIGSTOP' trace
mv links/other links/maqet-storage-good.so
kill -CONT "$(cat pid)"
wait $tracer || { cat trace err >&2; fail "another plugin was opened than the one that was looked at"; }
ln -sfn ../above/plugins/maqet-storage-good.so links/maqet-storage-good.so

# The settings name more folders; relative ones start at the file's.
MAQET_PLUGIN_PATH=
refused good "There is no storage plugin 'good'"
mkdir -p config/maqet
printf 'plugin_path: ../../nowhere:../../links\n' >config/maqet/maqet.conf
expect 0 maqet validate vm.yaml
printf 'plugin_path: [x]\n' >config/maqet/maqet.conf
expect 3 maqet validate vm.yaml
err_has maqet.conf:1:14
rm config/maqet/maqet.conf
MAQET_PLUGIN_PATH="$TMP/plugins"
if [ "$(id -u)" -eq 0 ]; then
    chown 65534 plugins/maqet-storage-good.so
    refused good "belongs to another user" 4
    # Root takes nothing from a folder of somebody else's, whoever named it.
    chown -R 0:0 plugins
    chown 65534 links
    MAQET_PLUGIN_PATH="$TMP/links"
    refused good "There is no storage plugin 'good'"
    err_has "Plugins in $TMP/links are not used: the folder does not belong to root"
    printf 'plugin_path: ../../links\n' >config/maqet/maqet.conf
    MAQET_PLUGIN_PATH=
    expect 3 maqet validate vm.yaml
    err_has "links are not used: the folder does not belong to root"
    rm config/maqet/maqet.conf
fi

# The list has all of them, each in a state, and one that crashes when it is loaded takes nobody
# down.
built="$abs_top_builddir/tests/plugins/.libs"
rm -rf plugins
mkdir plugins
cp "$built/maqet-storage-good.so" plugins/
MAQET_PLUGIN_PATH="$TMP/plugins:$built"
expect 0 maqet --format plain plugin list
states() { # NAME
    awk -F '\t' -v name="$1" '$1 == name { printf "%s%s", s, $3; s = " " }' out
}
same 'loads shadowed' "$(states good)" "the states of good"
same loads "$(states newer)" "the state of newer"
same loads "$(states slots)" "the state of slots"
for plugin in wrong-abi small no-entry no-emit bad-option missing-symbol crashing; do
    same refused "$(states $plugin)" "the state of $plugin"
done
out_has "it was built for plugin ABI 77; this maqet has ABI 1"
expect 0 maqet plugin list
out_has "crashing: Cannot load the plugin $built/maqet-storage-crashing.so: it crashed (Aborted)"
expect 1 maqet plugin info crashing
err_has "it crashed (Aborted)"
expect 0 maqet plugin info good
out_has "Kind: storage, plugin ABI 1"
out_has "File: $TMP/plugins/maqet-storage-good.so"
expect 3 maqet plugin info goood
err_has "Did you mean 'good'?"
expect 3 maqet plugin
expect 3 maqet plugin list good
expect 3 maqet plugin info
expect 3 maqet plugin lst
err_has "did you mean 'list'?"

# What a plugin of the build says of itself is what its table has.
MAQET_PLUGIN_PATH=
expect 0 maqet plugin info qcow2
out_has "Attached by: virtio"
out_has "live-snapshot"
out_has "  encryption.key_file "
out_has "one of: none, writeback, writethrough"
expect 0 maqet --format json plugin info scsi
out_has '"kind": "interface"'
