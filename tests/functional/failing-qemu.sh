#!/bin/sh
# SPDX-License-Identifier: MIT
# QEMU or qemu-img is missing, dies, or is not what we think: its own words, and no leftovers.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

no_leftovers() {
    [ ! -e "$TMP/run/$1/pid" ] || fail "a PID file is left"
    [ ! -e "$TMP/run/$1/qmp.sock" ] || fail "a socket is left"
    same "$2" "$(vm_status "$1")" "status"
}

# It dies at once, with its own words.
vm_yaml dies <<EOF
arguments:
  - device: no-such-device
EOF
expect 0 maqet add dies.yaml
expect 1 maqet start dies
err_has "VM 'dies' did not start"
err_has "'no-such-device' is not a valid device model name"
err_lacks "qemu-system-x86_64: -device"
no_leftovers dies created

# No such program.
vm_yaml gone <<EOF
EOF
runs_by qemu-system-nowhere gone.yaml
expect 0 maqet add gone.yaml
expect 3 maqet start gone
err_has "QEMU's program qemu-system-nowhere was not found"
err_has "binary:"
no_leftovers gone created

# No qemu-img: the drive and the file are named, and nothing is left behind.
mkdir bin
ln -s "$(command -v qemu-system-x86_64)" bin/
vm_yaml noimg <<EOF
storage:
  - name: hdd
    size: 1M
EOF
expect 0 maqet add noimg.yaml
PATH="$TMP/bin" expect 1 maqet start noimg
err_has "qemu-img was not found in PATH"
err_has "drive 'hdd' of VM 'noimg'"
same '' "$(ls -A images)" "what is left in the image folder"
no_leftovers noimg created

# qemu-img fails halfway: what it left is removed.
printf '#!/bin/sh\nfor last; do :; done\necho half >"$TMP/half"\necho "qemu-img: it broke" >&2\nexit 1\n' >bin/qemu-img
chmod +x bin/qemu-img
PATH="$TMP/bin:$PATH" expect 1 maqet start noimg
err_has "it broke"
same '' "$(ls -A images)" "what is left in the image folder"

# Nor is it overlooked where maqet was started by somebody who doesn't care how children end.
# No shell in between, which would care.
if env --ignore-signal=CHLD true 2>/dev/null; then
    PATH="$TMP/bin:$PATH" MAQET_PLUGIN_PATH="$abs_top_builddir/.libs" \
        expect 1 env --ignore-signal=CHLD "$abs_top_builddir/maqet" start noimg
    err_has "it broke"
    same '' "$(ls -A images)" "what is left in the image folder"
fi

# The sandbox: a helper that QEMU may not run, with the key that allows it.
vm_yaml bridge <<EOF
arguments:
  - netdev: {bridge: null, id: net0}
EOF
expect 3 maqet add bridge.yaml
err_has "sandbox: off"
expect 0 maqet apply bridge bridge.yaml --set sandbox=off
expect 1 maqet start bridge
err_lacks "sandbox: off"
err_has "bridge"

fake=$abs_top_builddir/tests/fake/fake-qemu
for how in sigsys old ancient silent garbage; do
    vm_yaml "$how" <<EOF
EOF
    runs_by "$fake" "$how.yaml"
    expect 0 maqet add "$how.yaml"
done
FAKE_QEMU=sigsys expect 1 maqet start sigsys
err_has "sandbox: off"
no_leftovers sigsys created
FAKE_QEMU=old expect 3 maqet start old
err_has "QEMU 5.2.0 is too old: maqet needs 6.2 or later"
no_leftovers old created
# One that does not even get to its greeting.
FAKE_QEMU=ancient expect 3 maqet start ancient
err_has "QEMU 5.2 is too old: maqet needs 6.2 or later"
no_leftovers ancient created
FAKE_QEMU=silent expect 2 maqet start silent --wait 1
no_leftovers silent created
FAKE_QEMU=garbage expect 1 maqet start garbage
no_leftovers garbage created
