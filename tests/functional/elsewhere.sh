#!/bin/sh
# SPDX-License-Identifier: MIT
# A drive that is made of no file of this host: its plugin makes it, looks at it and tells who
# uses it; snapshots, checkpoints and growing go on as for any other drive.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-nbd strace
: "${ELSEWHERE:=$abs_top_builddir/tests/plugins/.libs}" # the folder of its plugin
MAQET_PLUGIN_PATH="$ELSEWHERE${MAQET_PLUGIN_PATH:+:$MAQET_PLUGIN_PATH}"
export MAQET_PLUGIN_PATH
image=$TMP/service/one

vm_yaml vm <<EOF
storage:
  - {name: far, type: elsewhere, service: service, image: one, size: 8M}
  - {name: near, type: qcow2, size: 8M, file: near.qcow2}
EOF
# Who else uses it, and nobody.
users() { # SUFFIX [USER...]
    list=$image.$1
    shift
    printf '%s\n' "$@" >"$list"
}
nobody() {
    rm -f "$image.users" "$image.late"
}
put() { # BYTE
    expect 0 qemu-io -f qcow2 -c "write -P $1 0 64k" "$image"
}
holds() { # BYTE [FORMAT FILE]
    expect 0 qemu-io -r -f "${2:-qcow2}" -c "read -P $1 0 64k" "${3:-$image}"
    ! grep -q 'verification failed' out || fail "it does not hold $1"
}
halt() {
    expect 0 maqet stop vm --timeout 0 --force
}
snapshots() {
    maqet --format plain snapshot vm list far | cut -f 1 | sort | tr '\n' ' '
}

# The service need not be there to add the machine, nor is it asked.
expect 0 maqet add vm.yaml
expect 0 maqet status vm
out_has one
expect 3 maqet resize vm far 16M
err_has "there is nothing to resize yet"
expect 1 maqet start vm
err_has "Cannot create what the drive 'far' of VM 'vm' needs"
same created "$(vm_status vm)" "the machine"
mkdir service
expect 0 maqet start vm
err_has "Creating elsewhere storage for drive 'far' of VM 'vm'"
same one "$(ls service)" "what the service has"
halt
put 1
expect 0 maqet start vm
err_lacks Creating
halt
holds 1

# What was there and is missing is not made anew without being asked for; what the
# configuration names in its place, and never was there, is.
mv service/one away
expect 3 maqet start vm
err_has "drive 'far' of VM 'vm': its storage (image=one,service=$TMP/service) is missing; it was last there on 2"
err_has "maqet start vm --create-missing"
err_lacks Creating
same '' "$(ls service)" "what the service has"
expect 0 maqet start vm --create-missing
err_has "Creating elsewhere storage for drive 'far' of VM 'vm'"
halt
mv away service/one
sed 's/image: one/image: new/' vm.yaml >other.yaml
expect 0 maqet apply vm other.yaml
expect 3 maqet start vm
err_has "drive 'far' of VM 'vm': there is no storage (image=new,service=$TMP/service), and what the drive had before (image=one,service=$TMP/service) was last there on 2"
err_lacks Creating
expect 0 maqet start vm --create-missing
err_has "Creating elsewhere storage for drive 'far' of VM 'vm'"
halt
expect 0 maqet apply vm vm.yaml
rm service/new

# What is to be read only is never made.
vm_yaml reader <<EOF
storage:
  - {name: far, type: elsewhere, service: service, image: two, readonly: on}
EOF
expect 0 maqet add reader.yaml
expect 3 maqet start reader
err_has "drive 'far'"
err_has "the service has no image 'two'"
[ ! -e service/two ] || fail "it was made"
expect 0 maqet rm reader --yes

# Somebody else uses it: nothing is changed, and no machine is started.
expect 0 maqet snapshot vm create far old
users users "client.7 at 192.0.2.7" "client.8"
for words in "start vm" "resize vm far 16M" "snapshot vm create far new" \
    "snapshot vm load --yes far old" "snapshot vm delete far old"; do
    # shellcheck disable=SC2086 # words
    expect 1 maqet $words
    err_has "drive 'far' is in use by client.7 at 192.0.2.7, client.8"
    err_has "Ask the service who that is"
done
nobody
same "old " "$(snapshots)" "the snapshots"
expect 0 maqet start vm
# While it runs, QEMU is the one who uses it.
expect 0 maqet snapshot vm create far new --live
halt

# Somebody who came at the same time, and was not there when maqet asked first: QEMU is ended.
users late "client.9"
expect 1 maqet start vm
err_has "VM 'vm' did not start"
err_has "drive 'far' is in use by a QEMU, client.9, only one of which is this VM"
same stopped "$(vm_status vm)" "the machine"
nobody
holds 1

# The guest stands still until the second answer: when maqet is killed before it, nobody has asked,
# and nobody has run. The answer waits for a fifo here.
mkfifo "$image.late"
"$MAQET" start vm 2>late.err &
starting=$!
eventually 20 test -s run/vm/qemu/pid
# Where the kernel tells, it waits for somebody who writes to the fifo.
eventually 20 grep -qE "fifo|partner|pipe" "/proc/$starting/wchan"
kill -9 $starting
wait $starting 2>/dev/null || :
nobody
same paused "$(vm_status vm)" "a machine whose start was killed before the answer"
expect 3 maqet checkpoint vm create point
err_has "VM 'vm' has not run yet"
err_has "Stop it, and start it again: maqet stop vm"
for change in "snapshot vm create far beside --live" "resize vm far 16M"; do
    # shellcheck disable=SC2086 # words
    expect 3 maqet $change
    err_has "VM 'vm' has not run yet: its start was interrupted, and another program may be using its drives"
done
# Nobody lets it go on.
expect 3 maqet resume vm
err_has "VM 'vm' has not run yet: its start was interrupted, and another program may be using its drives"
same paused "$(vm_status vm)" "a machine that never ran"
# Nor does it run to be stopped: its power button ends QEMU at once.
expect 0 maqet stop vm --timeout "$(patience 60)"
same stopped "$(vm_status vm)" "a machine that never ran"
expect 0 maqet start vm
same running "$(vm_status vm)" "a machine that was started"
same -S "$(tr '\0' '\n' <"/proc/$(vm_pid vm)/cmdline" | tail -n 1)" "the last argument"
halt

# Growing.
expect 0 maqet resize vm far 16M
out_has "has grown from 8M to 16M"
expect 0 maqet start vm
expect 0 maqet resize vm far +8M
expect 0 maqet qmp vm query-block
out_has '"virtual-size": 25165824'
halt

# Of what tells no size, nobody knows whether it would become larger.
dd if="$image" of=size bs=1 skip=24 count=8 2>/dev/null
dd if=/dev/zero of="$image" bs=1 seek=24 count=8 conv=notrunc 2>/dev/null
expect 3 maqet resize vm far 1G
err_has "drive 'far' of VM 'vm': its plugin does not report its size"
dd if=size of="$image" bs=1 seek=24 conv=notrunc 2>/dev/null

# Snapshots, in sets with other drives: it is the plugin who tells of them, running or not.
put 2
expect 0 maqet snapshot vm create --all both
put 3
expect 0 maqet start vm
expect 0 maqet snapshot vm create --all live --live
same "both live new old " "$(snapshots)" "the snapshots while it runs"
expect 0 maqet --format json snapshot vm list far
out_has 2001-09-09
expect 0 maqet snapshot vm tree far
out_has '   └─ live'
expect 0 maqet snapshot vm delete far new --live
halt
same "both live old " "$(snapshots)" "the snapshots at rest"
expect 0 maqet snapshot vm tree far
out_has '   └─ live'
expect 0 maqet snapshot vm load --yes --all both
holds 2
expect 0 maqet snapshot vm load --yes --all live
holds 3
expect 0 maqet snapshot vm export far both out.img --format raw
holds 2 raw out.img
expect 0 maqet snapshot vm create far both --overwrite
same "both live old " "$(snapshots)" "the snapshots after one was replaced"
expect 0 maqet snapshot vm load --yes far both
holds 3

# Whether somebody has written to it since a load was interrupted cannot be seen from here.
put 5
step=0
until grep -qs '"phase":"revert"' data/vms/vm/pending.json; do
    [ ! -e data/vms/vm/pending.json ] || expect 0 maqet recover vm
    step=$((step + 1))
    expect 137 traced clone "signal=KILL:when=$step" snapshot vm load --yes far both
done
put 6
expect 3 maqet start vm
err_has "drive 'far' lies elsewhere"
err_has "maqet recover vm --forget"
holds 6
expect 0 maqet recover vm --finish --yes
holds 3

# A checkpoint; its test opens a server of the drive's content, and not the drive.
expect 0 maqet start vm
expect 0 maqet checkpoint vm create point
halt
put 4
# The servers are told to end, and may leave the service in order.
mkdir bin
cat >bin/qemu-nbd <<EOF
#!/bin/sh
trap 'kill \$server; echo ended >>$TMP/ended' TERM
$(command -v qemu-nbd) "\$@" &
server=\$!
wait
EOF
chmod +x bin/qemu-nbd
expect 0 env PATH="$TMP/bin:$PATH" "$MAQET" run vm --from point --discard -- true
same 2 "$(grep -c ended ended)" "servers that were told to end"
holds 4
users users "qemu-nbd of the test"
expect 125 maqet run vm --from point --discard -- true
err_has "drive 'far' is in use by qemu-nbd of the test"
nobody
expect 0 maqet checkpoint vm load --yes point
halt
holds 3
expect 0 maqet checkpoint vm delete point

# The kit for authors knows such plugins.
expect 0 maqet plugin check "$ELSEWHERE/maqet-storage-elsewhere.so" \
    --set "service=$TMP/service" --only create --only inspect --only qemu --only snapshots --only resize
! grep -q 'FAILED\|skipped' out || { cat out; fail "not all was tried"; }

# It never asks for less than there is, as the core never does.
mkdir tools
cat >tools/qemu-img <<EOF
#!/bin/sh
echo "\$*" >>$TMP/words
exec $(command -v qemu-img) "\$@"
EOF
chmod +x tools/qemu-img
expect 0 qemu-img create -q -f qcow2 service/large 128M
expect 0 env PATH="$TMP/tools:$PATH" "$MAQET" plugin check "$ELSEWHERE/maqet-storage-elsewhere.so" \
    --set "service=$TMP/service" --set image=large --only children
same $((136 << 20)) "$(sed -n 's/^resize .* //p' words)" "the size that was asked for"

# What maqet cannot know to be its own stays.
expect 0 maqet rm vm --yes --delete-storage
[ -e "$image" ] || fail "the image is gone"
[ ! -e near.qcow2 ] || fail "the other image is still there"
