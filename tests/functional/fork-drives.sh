#!/bin/bash
# SPDX-License-Identifier: MIT
# Forks and runs of a VM with drives of unusual kinds: the variables of UEFI, encrypted images, a share, overlays of a
# disk that a server offers. More forks than descriptors. And where there is no room for an image, nothing is left.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/outside-functions.sh"
qemu_required
requires qemu-io qemu-img qemu-nbd
outside_install
outside_build nbd

runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
# in_guest VM DRIVE COMMAND: what the guest of a VM would do.
in_guest() {
    expect 0 maqet qmp "$1" human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/$2/virtio-backend \\\"$3\\\"\"}"
    same '""' "$(cat out)" "QEMU's answer to $3 in $1"
}
files_of() { # VM: what its QEMU has open, by name
    find "/proc/$(vm_pid "$1")/fd" -lname '/*' -printf '%l\n'
}
# Two forks at a time, one of them discarded, and a run, which tells what its QEMU has open.
forks_of() { # VM
    expect 0 maqet fork "$1" kept --from ready
    expect 0 maqet fork "$1" gone --from ready --discard
    runs kept && runs gone || fail "the forks of $1 do not run"
    expect 0 "$MAQET" run "$1" --from ready --discard -- sh -c '
        "$MAQET" --format plain qmp "$MAQET_VM" query-status >status
        find "/proc/$(cat "run/$MAQET_VM/run")/fd" -lname "/*" -printf "%l\n" >open'
    grep -q '"running":true' status || fail "the guest of the run of $1 does not run"
}
end_forks() { # DRIVE-FILE...: that belong to the kept one
    expect 0 maqet stop gone kept --timeout 0 --force
    [ ! -e data/vms/gone ] || fail "gone was not discarded"
    for file; do [ -e "$file" ] || fail "$file is missing"; done
    expect 0 maqet start kept
    runs kept || fail "kept does not start by itself"
    expect 0 maqet rm kept --force --delete-storage --yes
    for file; do [ ! -e "$file" ] || fail "$file is left"; done
    same '' "$(find . -name '*gone*' -o -name '*kept*')" "what is left of the forks"
}

# ---- the variables of UEFI ----

note_step 'the variables of UEFI'
mkdir -p config/qemu/firmware
for file in /usr/share/qemu/firmware/*.json /etc/qemu/firmware/*.json; do
    [ ! -e "$file" ] || : >"config/qemu/firmware/${file##*/}"
done
# Its program halts; flash memory ends where 4 GB do.
head -c 65536 /dev/zero | cat - "$abs_top_builddir/tests/fake/halt.bin" | tail -c 65536 >code
head -c 65536 /dev/zero | tr '\0' v >vars
cat >config/qemu/firmware/10-test.json <<EOF
{"interface-types": ["uefi"],
 "mapping": {"device": "flash", "executable": {"filename": "$TMP/code", "format": "raw"},
    "nvram-template": {"filename": "$TMP/vars", "format": "raw"}},
 "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}], "features": [], "tags": []}
EOF
vm_yaml boots <<EOF
firmware: uefi
storage:
- {name: hdd, type: qcow2, file: boots.qcow2, size: 1M, snapshots: overlay}
EOF
expect 0 maqet add boots.yaml
expect 0 maqet start boots
expect 0 maqet checkpoint boots create ready
variables=$(files_of boots | grep -v code | grep -i -e firmware -e uefi -e nvram | head -n 1)
[ "$variables" ] || fail "QEMU has no file with variables open: $(files_of boots)"
sum=$(sha256sum <"$variables")
forks_of boots
for vm in kept gone; do
    files_of $vm | grep -qxF "$variables" && fail "$vm has the variables of its source open"
    files_of $vm | grep -v code | grep -q -i -e firmware -e uefi -e nvram || fail "$vm has no variables: $(files_of $vm)"
done
end_forks
same "$sum" "$(sha256sum <"$variables")" "the variables of the source"
expect 0 maqet rm boots --force --delete-storage --yes

# ---- encrypted images ----

# A checkpoint has the keys, but a fork asks for the secret as its source does. There are no overlays for such images.
note_step 'encrypted images'
printf 'correct horse' >key
chmod 600 key
vm_yaml secret <<EOF
storage:
- {name: own, type: qcow2, file: own.qcow2, size: 1M, encryption: {format: luks, key_file: key}}
EOF
expect 0 maqet add secret.yaml
expect 0 maqet start secret
in_guest secret own 'write -P 18 0 64k'
expect 0 maqet checkpoint secret create ready
in_guest secret own 'write -P 1 0 64k'
forks_of secret
for vm in kept gone; do
    in_guest $vm own 'read -P 18 0 64k'
    in_guest $vm own 'write -P 33 0 64k'
done
in_guest secret own 'read -P 1 0 64k'
image=$(ls kept*.qcow2) || fail "kept has no image"
grep -qaF '!!!!!!!!!!!!!!!!' "$image" && fail "what the guest of a fork has written is not encrypted"
end_forks
mv key elsewhere
expect 3 maqet fork secret kept --from ready
err_has "key"
mv elsewhere key
same '' "$(find . -name '*kept*')" "what is left of a fork without a key"
expect 0 maqet rm secret --force --delete-storage --yes

# ---- a share ----

note_step 'a share'
mkdir share
echo there >share/file
vm_yaml shares <<EOF
storage:
- {name: hdd, type: qcow2, file: shares.qcow2, size: 1M, snapshots: overlay}
- {name: folder, type: virtfs, path: share}
EOF
expect 0 maqet add shares.yaml
expect 0 maqet start shares
expect 0 maqet checkpoint shares create ready
forks_of shares
line_of() { tr '\0' '\n' <"/proc/$(vm_pid "$1")/cmdline"; }
for vm in kept gone; do
    line_of $vm | grep -q "path=$TMP/share" || fail "$vm does not have the share: $(line_of $vm)"
done
end_forks
same there "$(cat share/file)" "the share"
expect 0 maqet rm shares --force --delete-storage --yes

# ---- a server's disk ----

note_step "a server's disk"
truncate -s 4M disk.raw
qemu-nbd -f raw --persistent -e 8 -k "$TMP/server.sock" disk.raw 2>server.err &
server=$!
cleanup_fn 'kill $server 2>/dev/null || :'
eventually 20 test -S server.sock
vm_yaml far <<EOF
storage:
- {name: hdd, type: nbd, socket: $TMP/server.sock, snapshots: overlay}
EOF
expect 0 maqet add far.yaml
expect 0 maqet start far
in_guest far hdd 'write -P 17 0 64k'
expect 0 maqet checkpoint far create ready
in_guest far hdd 'write -P 1 0 64k'
expect 0 maqet fork far gone --from ready --discard
in_guest gone hdd 'read -P 17 0 64k'
in_guest gone hdd 'write -P 33 0 64k'
in_guest far hdd 'read -P 1 0 64k'
expect 0 maqet stop gone --timeout 0 --force
expect 0 "$MAQET" run far --from ready --discard -- sh -c '"$MAQET" --format plain qmp "$MAQET_VM" query-status >status'
grep -q '"running":true' status || fail "the guest of the run does not run"
# It could not be told where the disk of a fork that is kept would be.
expect 3 maqet fork far kept --from ready
err_has "drive 'hdd' of VM 'far'"
err_has 'A fork that is discarded needs no image'
same '' "$(find . -name '*gone*' -o -name '*kept*')" "what is left of the forks"
expect 0 maqet rm far --force --delete-storage --yes

# ---- more forks than descriptors ----

# A process for each sets the clock of its guest, and the usual limit of descriptors is 1024.
note_step 'more forks than descriptors'
vm_yaml many <<EOF
guest_agent: on
storage:
- {name: hdd, type: qcow2, file: many.qcow2, size: 1M, snapshots: overlay}
EOF
expect 0 maqet add many.yaml
expect 0 maqet start many
expect 0 maqet checkpoint many create ready
expect 0 prlimit --nofile=48:4096 "$MAQET" fork many x --from ready --count 40 --discard
err_lacks 'Too many open files'
same 40 "$(find data/vms -name 'x-*' | wc -l)" "the forks"
# shellcheck disable=SC2046 # names
expect 0 maqet stop $(seq -f 'x-%g' 40) --timeout 0 --force

# ---- no room ----

note_step 'no room for an image'
mkdir small
mount -t tmpfs -o size=1m,mode=700 tmpfs small 2>/dev/null || skip_always "may not mount a tmpfs here"
cleanup_fn umount -l "$TMP/small"
vm_yaml full <<EOF
storage:
- {name: hdd, type: qcow2, file: small/full.qcow2, size: 64M, overcommit: true}
EOF
expect 0 maqet add full.yaml
expect 0 maqet start full
in_guest full hdd 'write -P 17 0 384k'
expect 0 maqet checkpoint full create ready
ls -A small data/vms run >before
# The copy of the checkpoint's snapshot does not fit beside the image.
expect 1 maqet fork full kept --from ready
err_has small
ls -A small data/vms run >after
same "$(cat before)" "$(cat after)" "what is left of a fork for which there was no room"
runs full || fail "the source does not run"
# One that is discarded has no image.
expect 0 maqet fork full gone --from ready --discard
in_guest gone hdd 'read -P 17 0 384k'
expect 0 maqet stop gone --timeout 0 --force
