#!/bin/bash
# SPDX-License-Identifier: MIT
# Overlay snapshots of a disk that a server offers: the storage is no file of this host, so its overlays
# are in the VM's folder. All commands are those of other drives; what goes wrong at the server, or is
# killed, loses nothing.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
. "$abs_top_srcdir/tests/functional/outside-functions.sh"
qemu_required
requires qemu-img qemu-io qemu-nbd strace
outside_install
outside_build nbd

size=4M disk=$TMP/disk.raw sock=$TMP/server.sock
folder=$TMP/data/vms/vm/drives/hdd.maqet
truncate -s $size "$disk"

# ---- the server ----

cleanup_fn 'kill $server 2>/dev/null || :'
server=
serve() { # ARGUMENT...
    qemu-nbd -f raw --persistent -k "$sock" "$@" "$disk" 2>server.err &
    server=$!
    eventually 20 test -S "$sock"
}
end_server() {
    kill "$server"
    wait "$server" || :
    server=
    rm -f "$sock"
}

# ---- what the drive and its snapshots hold ----

# A place for each number, of 64K.
in_guest() { # COMMAND
    expect 0 maqet qmp vm human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$1\\\"\"}"
    same '""' "$(cat out)" "QEMU's answer to $1"
}
put() { # NUMBER [PLACE]
    in_guest "write -P $1 $((${2:-$1} * 64))k 64k"
    in_guest flush
}
# Numbers in their places, as NUMBER or NUMBER@PLACE, in an image.
image_has() { # FORMAT FILE NUMBER...
    local format=$1 file=$2 number reads=()
    shift 2
    for number; do reads+=(-c "read -P ${number%@*} $((${number#*@} * 64))k 64k"); done
    qemu-io -r -U -f "$format" "${reads[@]}" "$file" >read.out 2>&1 || fail "$file cannot be read: $(cat read.out)"
    ! grep -q failed read.out || fail "$file does not have $*: $(cat read.out)"
}
server_has() { image_has raw "$disk" "$@"; }
guest_has() {
    local number
    for number; do in_guest "read -P ${number%@*} $((${number#*@} * 64))k 64k"; done
}
snapshot_has() { # NAME NUMBER...
    rm -f whole.raw
    expect 0 maqet snapshot vm export hdd "$1" whole.raw --format raw
    same 4194304 "$(stat -c %s whole.raw)" "bytes of $1"
    image_has raw whole.raw "${@:2}"
}
listed() { # NAME...
    expect 0 maqet --format plain snapshot vm list hdd
    same "$*" "$(cut -f 1 out | tr '\n' ' ' | sed 's/ $//')" "snapshots"
}
delete_all_but() { # NAME
    local name
    expect 0 maqet --format plain snapshot vm list hdd
    for name in $(cut -f 1 out); do [ "$name" = "$1" ] || expect 0 maqet snapshot vm delete hdd "$name"; done
}
overlays() { find "$folder" -name '*.qcow2' 2>/dev/null | wc -l; }
halt() { expect 0 maqet stop vm --timeout 0 --force; }
start() { expect 0 maqet start vm; }

vm_yaml vm <<END
storage:
- {name: hdd, type: nbd, socket: server.sock, snapshots: overlay}
END
cat >disc.yaml <<END
name: vm
binary: qemu-system-x86_64
accel: tcg
storage:
- {name: hdd, type: nbd, socket: server.sock, media: cdrom, interface: sata, snapshots: overlay}
END
expect 3 maqet validate disc.yaml
err_has "nothing is written to it, so it has no snapshots"

# ---- stopped and running ----

serve --shared=0
expect 0 maqet add vm.yaml
start
put 1
halt
server_has 1
expect 0 maqet snapshot vm create hdd one
same 1 "$(overlays)" "overlays after the first snapshot"
grep -q '"stored_name":"json:' "$folder/tree.json" || fail "no name is noted: $(cat "$folder/tree.json")"
# Other programs find the server by the name in the overlay.
qemu-img info -U "$folder/1.qcow2" >info
grep -qF "$sock" info || fail "the overlay does not name the server: $(cat info)"
start
# Nothing is written to what the server has any more.
expect 0 maqet qmp vm query-named-block-nodes '{"flat": true}'
tr -d ' \n' <out | sed 's/"iops_rd"/\n/g' | grep '"node-name":"hdd"' | grep -q '"ro":true' ||
    fail "QEMU may write to the storage: $(cat out)"
put 2
expect 0 maqet snapshot vm create hdd two --live
put 3
expect 0 maqet snapshot vm create hdd three --live
put 4
server_has 1 0@2 0@3 0@4
listed one two three
expect 0 maqet snapshot vm tree
for name in one two three; do out_has "$name"; done
# While QEMU runs, too.
snapshot_has one 1 0@2
snapshot_has two 1 2 0@3
snapshot_has three 1 2 3 0@4
halt
snapshot_has two 1 2 0@3
image_has qcow2 "$folder/$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$folder/tree.json").qcow2" 1 2 3 4

# An older one, and back; the tree has two branches then.
expect 0 maqet snapshot vm load hdd two --yes
start
guest_has 1 2 0@3 0@4
put 5
expect 0 maqet snapshot vm create hdd five --live
halt
listed one two three five
snapshot_has three 1 2 3 0@5
snapshot_has five 1 2 0@3 5

# In the middle, and on top of a branch.
expect 0 maqet snapshot vm delete hdd two
expect 0 maqet snapshot vm delete hdd three
listed one five
snapshot_has five 1 2 0@3 5
server_has 1 0@2 0@5
# The first one: the server gets what the next one holds.
expect 0 maqet snapshot vm delete hdd one
listed five
server_has 1 2 5
snapshot_has five 1 2 5
expect 0 maqet snapshot vm delete hdd five
listed
server_has 1 2 5
same 0 "$(overlays)" "overlays without snapshots"
[ ! -e "$folder" ] || fail "the folder stays: $(ls -a "$folder")"

# The same while the guest runs, by QEMU.
start
expect 0 maqet snapshot vm create hdd a --live
put 6
expect 0 maqet snapshot vm create hdd b --live
put 7
expect 0 maqet snapshot vm create hdd c --live
put 8
expect 0 maqet snapshot vm delete hdd b --live
expect 0 maqet snapshot vm delete hdd a --live
listed c
guest_has 1 2 5 6 7 8
snapshot_has c 1 2 5 6 7 0@8
expect 0 maqet snapshot vm load hdd c --live --yes
guest_has 1 2 5 6 7 0@8
put 9
halt
expect 0 maqet snapshot vm delete hdd c
server_has 1 2 5 6 7 0@8 9
same 0 "$(overlays)" "overlays"

# ---- a server for one client ----

end_server
serve
start
expect 0 maqet snapshot vm create hdd one --live
put 10
expect 0 maqet snapshot vm create hdd two --live
expect 0 maqet snapshot vm list --format json
out_has '"moves"'
expect 0 maqet snapshot vm delete hdd one --live
server_has 9 10
halt
end_server

# ---- no server ----

for words in "start vm" "snapshot vm create hdd three" "snapshot vm load hdd two --yes" \
    "snapshot vm export hdd two lost.raw"; do
    # shellcheck disable=SC2086
    expect 1 maqet $words
    err_has "its storage, on which its snapshots stand, cannot be opened"
    err_has "Failed to connect"
    err_lacks accept-base
    expect 0 maqet recover vm
    out_has "nothing to recover"
done
expect 1 maqet snapshot vm delete hdd two
expect 0 maqet snapshot vm list
serve --shared=0
expect 0 maqet snapshot vm list
start
guest_has 1 9 10
halt
delete_all_but none
expect 0 maqet snapshot vm create hdd keep
server_has 1 9 10

# ---- other storage, or another size ----

cp vm.yaml other.yaml
sed -i 's/server.sock/other.sock/' other.yaml
ln -s "$sock" other.sock
expect 0 maqet apply vm other.yaml
for words in "start vm" "snapshot vm create hdd more" "snapshot vm load hdd keep --yes" "snapshot vm export hdd keep lost.raw"; do
    # shellcheck disable=SC2086
    expect 3 maqet $words
    err_has "the definition names other storage than that on which the overlays"
done
expect 0 maqet start vm --accept-base
grep -q other.sock "$folder/tree.json" || fail "the name is not renewed: $(cat "$folder/tree.json")"
guest_has 1 9 10
put 11
halt
qemu-img info -U "$folder"/*.qcow2 | grep -q 'backing file:.*other.sock' || fail "the overlay stores another name"
snapshot_has keep 1 9 10 0@11
# Killed while the overlays get another name: some may have it already.
halfway=0
for step in 1 2 3 4 5 6 7 8 9 10; do
    if ((step % 2)); then expect 0 maqet apply vm vm.yaml; else expect 0 maqet apply vm other.yaml; fi
    code=0
    traced rename signal=KILL:when=$step start vm --accept-base >out 2>err || code=$?
    [ $code -eq 137 ] || [ $code -eq 0 ] || fail "step $step: exit code $code: $(cat err)"
    ! grep -q '"former_name":"' "$folder/tree.json" || halfway=$((halfway + 1))
    expect 0 maqet recover vm
    [ -z "$(vm_pid vm)" ] || halt
    # Either it was accepted, or it has to be once more.
    maqet start vm >out 2>err || expect 0 maqet start vm --accept-base
    guest_has 1 9 10 11
    halt
    snapshot_has keep 1 9 10 0@11
done
[ $halfway -gt 0 ] || fail "never killed while the overlays have two names"
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm --accept-base
halt
qemu-img info -U "$folder"/*.qcow2 | grep -q 'backing file:.*server.sock' || fail "the overlay stores another name"
rm other.sock
end_server
truncate -s 5M "$disk"
serve --shared=0
expect 3 maqet start vm
err_has "has 5242880 bytes, and had 4194304"
end_server
truncate -s $size "$disk"
serve --shared=0

# Nobody else writes to it: neither this drive under another name, nor that of another VM.
sed 's/name: hdd/name: disk/' vm.yaml >renamed.yaml
expect 0 maqet apply vm renamed.yaml
expect 3 maqet start vm
err_has "drive 'disk' of VM 'vm': the snapshots of drive 'hdd' of VM 'vm' stand on its storage"
expect 0 maqet apply vm vm.yaml
sed 's/^name: vm/name: second/' vm.yaml >second.yaml
expect 0 maqet add second.yaml
expect 3 maqet start second
err_has "the snapshots of drive 'hdd' of VM 'vm' stand on its storage"
# Whatever else its options say of how that is used.
sed 's/name: hdd,/name: hdd, reconnect: 30, discard: ignore,/' second.yaml >used.yaml
grep -q 'reconnect: 30' used.yaml || fail "not another use: $(cat used.yaml)"
expect 0 maqet apply second used.yaml
expect 3 maqet start second
err_has "the snapshots of drive 'hdd' of VM 'vm' stand on its storage"
expect 0 maqet apply second second.yaml
# It may have overlays of its own, which only read the storage; then nothing is merged into that.
expect 0 maqet snapshot second create hdd own
expect 0 maqet start second
expect 0 maqet stop second --timeout 0 --force
expect 3 maqet snapshot vm delete hdd keep
err_has "drive 'hdd' of VM 'second'"
expect 0 maqet rm second --yes --delete-storage
start
guest_has 1 9 10 11
halt

# A creation that fails leaves nothing behind by which a later one would be mistaken.
cat >fresh.yaml <<EOF
$(sed 's/^name: vm/name: fresh/; s/server.sock/fresh.sock/' vm.yaml)
EOF
truncate -s 1M fresh.raw
qemu-nbd -f raw --persistent --shared=0 -k "$TMP/fresh.sock" fresh.raw &
fresh=$!
cleanup_fn "kill $fresh 2>/dev/null || :"
eventually 20 test -S fresh.sock
expect 0 maqet add fresh.yaml
wrap_qemu_img '*create*' 'exit 1'
code=0
wrapped maqet snapshot fresh create hdd one >out 2>err || code=$?
[ $code -ne 0 ] || fail "an overlay was created without qemu-img"
kill $fresh
wait $fresh || :
rm -f fresh.sock
truncate -s 2M fresh.raw
qemu-nbd -f raw --persistent --shared=0 -k "$TMP/fresh.sock" fresh.raw &
fresh=$!
cleanup_fn "kill $fresh 2>/dev/null || :"
eventually 20 test -S fresh.sock
expect 0 maqet snapshot fresh create hdd one
qemu-img info -U data/vms/fresh/drives/hdd.maqet/*.qcow2 | grep -q '2097152 bytes' || fail "the overlay has another size"
expect 0 maqet rm fresh --yes --delete-storage
kill $fresh
wait $fresh || :

# The drive can grow by its overlay, but then that cannot be merged into what the server has.
expect 3 maqet snapshot vm delete hdd none
expect 0 maqet snapshot vm create hdd more
expect 0 maqet resize vm hdd 8M
expect 0 maqet snapshot vm delete hdd more
expect 3 maqet snapshot vm delete hdd keep
err_has "cannot be merged into the storage that it stands on: the drive has grown to 8.0MB"
listed keep
expect 0 maqet snapshot vm load hdd keep --yes

# ---- what does not go ----

for words in "clone vm other --linked" "clone vm other" "move vm hdd $TMP" "convert vm hdd qcow2" \
    "snapshot vm convert hdd internal" "compact vm hdd"; do
    # shellcheck disable=SC2086
    expect 3 maqet $words
    err_has "drive 'hdd' of VM 'vm'"
    err_has file
done
sed 's/, snapshots: overlay//' vm.yaml >without.yaml
expect 3 maqet apply vm without.yaml
err_has "it has overlay snapshots, which the configuration does not say"

# What the overlays would store of it is too long, or refers to a certificate.
mkdir plugins
sed -e 's/\.name = "nbd"/.name = "certified"/' -e 's/^    maqet_props_int(node, "reconnect-delay"/    maqet_props_string(node, "tls-creds", "of-disk");\
    maqet_props_string(maqet_args_object(args, "tls-creds-anon", "of-disk"), "endpoint", "client");\
&/' nbd/nbd.c >certified.c
# shellcheck disable=SC2046
expect 0 "$CC" $(pkg-config --cflags maqet) -shared -fPIC -o plugins/maqet-storage-certified.so certified.c
vm_yaml refused <<END
storage:
- {name: long, type: nbd, socket: server.sock, export: $(printf '%01000d' 0), snapshots: overlay}
- {name: certified, type: certified, socket: server.sock, snapshots: overlay}
END
MAQET_PLUGIN_PATH="$TMP/plugins:$MAQET_PLUGIN_PATH" expect 0 maqet add refused.yaml
for drive in long certified; do
    MAQET_PLUGIN_PATH="$TMP/plugins:$MAQET_PLUGIN_PATH" expect 3 maqet snapshot refused create $drive one
    err_has "drive '$drive' of VM 'refused': it has no overlays, since"
    [ ! -e "$TMP/data/vms/refused/drives" ] || fail "something was created"
done
err_has "with a password or a certificate"
expect 0 maqet rm refused --yes

# ---- killed at each step ----

# The guest's state: each number has its place; NUMBER counts on.
number=20
kills=0
stride=${MAQET_TEST_STRIDE:-3}
start
killed_at() { # CALL ARGUMENT...: at every few of these system calls, until there are none left
    local call=$1 step=1 code
    shift
    while :; do
        "$prepare"
        code=0
        traced "$call" "signal=KILL:when=$step" "$@" >out 2>err || code=$?
        "$settle" "$code"
        [ "$code" -eq 137 ] || break
        kills=$((kills + 1))
        step=$((step + stride))
        [ $step -lt 200 ] || fail "$* never ends"
    done
    [ "$code" -eq 0 ] || fail "$*: exit code $code: $(cat err)"
}
has_all() {
    local at numbers=()
    for ((at = 20; at <= number; at++)); do numbers+=("$at"); done
    guest_has "${numbers[@]}"
    snapshot_has keep 1 9 10 0@20
}
prepare() {
    expect 0 maqet recover vm
    ! maqet --format plain snapshot vm list hdd | cut -f 1 | grep -qx killed ||
        expect 0 maqet snapshot vm delete hdd killed --auto
    number=$((number + 1))
    [ $number -lt 63 ] || number=21
    put $number
}
settle() {
    expect 0 maqet recover vm
    put $number
    has_all
}
prepare=prepare settle=settle
for ((at = 20; at < 63; at++)); do put $at; done
for call in rename sendmsg; do
    killed_at $call snapshot vm create hdd killed --live
done
prepare_deletion() {
    prepare
    expect 0 maqet snapshot vm create hdd killed --live
}
prepare=prepare_deletion
for call in rename sendmsg; do
    killed_at $call snapshot vm delete hdd killed --live
done
halt

# The first one of a stopped VM, which is merged into what the server has: by qemu-img, which is
# killed as well.
expect 0 maqet recover vm
start
has_all
halt
delete_all_but keep
listed keep
for step in 1 2 3 4 5 6 7 8; do
    code=0
    traced rename signal=KILL:when=$step snapshot vm delete hdd keep >out 2>err || code=$?
    if [ $code -eq 0 ]; then
        expect 0 maqet snapshot vm create hdd keep
        break
    fi
    [ $code -eq 137 ] || fail "rename $step: exit code $code: $(cat err)"
    kills=$((kills + 1))
    expect 0 maqet recover vm
    start
    guest_has 1 9 10 20 30 62
    halt
    expect 0 maqet --format plain snapshot vm list hdd
    if cut -f 1 out | grep -qx keep; then continue; fi
    expect 0 maqet snapshot vm create hdd keep
    start
    put 63
    halt
done
wrap_qemu_img 'commit*' 'kill -9 $PPID; exit 1'
code=0
wrapped maqet snapshot vm delete hdd keep >out 2>err || code=$?
same 137 $code "the exit code of a deletion that is killed while it merges"
expect 0 maqet recover vm
expect 0 maqet snapshot vm list
start
guest_has 1 9 10 20 30 62
halt
[ $kills -ge 10 ] || fail "killed only $kills times"
echo "killed $kills times"

# ---- removal ----

expect 0 maqet snapshot vm create hdd last --overwrite
start
put 12
halt
expect 3 maqet rm vm --yes
err_has "has overlays, which hold what the guest has written to a drive since its first snapshot"
err_has "maqet rm vm --delete-storage"
touch "$folder/mine"
expect 3 maqet rm vm --yes --delete-storage
err_has "hdd.maqet/mine does not belong to maqet"
rm "$folder/mine"
snapshot_has last 1 9 10
expect 0 maqet rename vm renamed
folder=$TMP/data/vms/renamed/drives/hdd.maqet
[ -e "$folder/tree.json" ] || fail "the overlays are not in the renamed VM's folder"
expect 0 maqet rename renamed vm
expect 0 maqet rm vm --yes --delete-storage
out_has "overlay of a drive that is not a file of this host"
[ ! -e "$TMP/data/vms/vm" ] || fail "it is not removed: $(find "$TMP/data/vms/vm")"
server_has 1 9 10
