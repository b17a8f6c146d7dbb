#!/bin/sh
# SPDX-License-Identifier: MIT
# Forks of a VM: what they have of their own, what they share, what is refused, and what is left of
# those that are discarded. What their guests notice: guest-fork.sh.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img

vm_yaml web <<EOF
ports: ["12222:22", "auto:80", "0.0.0.0:15353:53/udp", "15363:63", "15364:63/udp", "127.0.0.2:12222:22"]
storage:
  - {name: hdd, type: qcow2, size: 4M, file: hdd.qcow2, snapshots: overlay}
EOF

qemu-img create -q -f qcow2 hdd.qcow2 4M
fill hdd.qcow2 0x11

# ---- the session in docs/forks.md ----

sed -n '2,/^[^ ]/s/^    //p' "$abs_top_srcdir/docs/forks.md" >session
same 10 "$(grep -c '^maqet ' session)" "commands in the session"
expect 0 maqet add web.yaml
while IFS= read -r line; do
    note_step "$line"
    [ "$line" ] || continue
    eval "$line" >out 2>err || fail "$line: $(cat err)"
done <session
same 'web' "$(ls data/vms)" "the VMs after the session"
expect 0 maqet --format plain checkpoint web list
same 'fork-1 ready' "$(cut -f 1 "$TMP/out" | sort | tr '\n' ' ' | sed 's/ $//')" "checkpoints after it"
expect 0 maqet checkpoint web delete fork-1
expect 0 maqet checkpoint web delete ready
same 'web.yaml' "$(ls | grep -v -e '^hdd' -e '^out$' -e '^err$' -e '^data$' -e '^run$' -e '^images$' -e '^session$')" "files"

# ---- what a fork is ----

runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
file_of() { tr '\0' '\n' <"/proc/$(vm_pid "$1")/cmdline" | sed -n 's/^memory-backend-file,.*mem-path=\([^,]*\).*/\1/p'; }
generation() { maqet --format plain qmp "$1" query-vm-generation-id; }
uuid() { sed -n 's/^  "uuid":"\(.*\)",$/\1/p' "data/vms/$1/vm.json"; }
ram=$TMP/data/vms/web/checkpoints/ready.ram

expect 0 maqet checkpoint web create ready
before=$(sha256sum "$ram")
expect 0 maqet --format json fork web one two --from ready
out_has '"source": "web"'
out_has '"checkpoint": "ready"'
for vm in one two; do
    runs $vm || fail "$vm does not run"
    same "$ram" "$(file_of $vm)" "the memory of $vm"
    [ "$(uuid $vm)" != "$(uuid web)" ] || fail "$vm has the UUID of its source"
done
[ "$(generation one)" != "$(generation two)" ] || fail "two forks have the same generation ID"
[ "$(generation one)" != "$(generation web)" ] || fail "a fork has the generation ID of its source"
expect 0 maqet --format json status one
grep -q '"host_port": 12222' "$TMP/out" && fail "a fork has the port of its source"
runs web || fail "the source does not run"
expect 0 maqet config one
out_has "hdd.qcow2"
# Its drive shows what the source's had, and what it writes is its own.
expect 0 maqet stop one --timeout 0 --force
holds one-hdd.qcow2 0x11
fill one-hdd.qcow2 0x22
expect 0 maqet start one
expect 0 maqet stop one two web --timeout 0 --force
holds one-hdd.qcow2 0x22
holds two-hdd.qcow2 0x11
same "$before" "$(sha256sum "$ram")" "the memory of the checkpoint"
same 400 "$(stat -c %a "$ram")" "its mode"

# Of a source that is stopped, and a fork of a fork.
expect 0 maqet fork web three --from ready
expect 0 maqet fork three four
err_has "Created checkpoint 'fork-1' of VM 'three'"
runs three && runs four || fail "they do not run"

# ---- the checkpoint ----

expect 3 maqet checkpoint web delete ready
err_has "The checkpoint 'ready' of VM 'web' has forks, which need it: one, three, two"
expect 3 maqet checkpoint three delete fork-1
err_has "which need it: four"
[ -e "$ram" ] || fail "the memory was deleted"
# Without its VM, the image is still there, and stands on the files.
expect 0 maqet stop one two three four --timeout 0 --force
expect 0 maqet rm four three two --delete-storage --yes
expect 0 maqet rm one --yes
expect 3 maqet checkpoint web delete ready
err_has one-hdd.qcow2
[ -e "$ram" ] || fail "the memory was deleted"
expect 0 maqet checkpoint web verify ready
expect 0 maqet storage rm "$TMP/one-hdd.qcow2" --yes

# ---- ports ----

expect 0 maqet start web
expect 0 maqet fork web a --from ready --port 12333:22 --port 12444:80
out_has "Forked VM 'web' as 'a'"
out_has "tcp 127.0.0.1:12333 -> 22"
out_has "tcp 127.0.0.1:12444 -> 80"
out_has "udp 0.0.0.0:15354 -> 53"
expect 3 maqet fork web b --from ready --port 12345:99
err_has "do not lead to port 99 of the guest, but to: 22, 80, 53/udp, 63, 63/udp, 22"
expect 3 maqet fork web b --from ready --port 99
err_has "'99' is not a port of the host and one of the guest"
for wrong in 12345:22/icmp 12345:22/ 12345:22:22 12345/udp:22 :22 22:; do
    expect 3 maqet fork web b --from ready --port $wrong
    err_has "'$wrong' is not a port of the host and one of the guest, such as 2222:22 or 5353:53/udp"
done
expect 3 maqet fork web b --from ready --port 12345:53/tcp
err_has "do not lead to port 53 of the guest, but to"
expect 3 maqet fork web b --from ready --port 12345:80 --port 12346:80
err_has "more ports of the host are wanted for port 80 of the guest than its \`ports\` lead there"
expect 0 maqet fork web b --from ready --port 12363:63/udp --port 12353:53 --port 12364:63 --port 12322:22 --port 12323:22 --discard
out_has "udp 127.0.0.1:12363 -> 63"
out_has "tcp 127.0.0.1:12364 -> 63"
out_has "udp 0.0.0.0:12353 -> 53"
out_has "tcp 127.0.0.1:12322 -> 22"
out_has "tcp 127.0.0.2:12323 -> 22"
expect 0 maqet stop b --timeout 0 --force
expect 3 maqet fork web b --from ready --count 2 --port 12345:22
err_has "2 forks cannot have the same port of the host"
# One that is in use: nothing is left of the fork, and it is named who has it.
expect 1 maqet fork web b --from ready --port 12333:22
err_has "12333"
[ ! -e data/vms/b ] && [ ! -e b-hdd.qcow2 ] || fail "half a fork is left"

# ---- several, some of which fail ----

touch c-2-hdd.qcow2
expect 3 maqet fork web c --from ready --count 3
err_has "Fork 'c-2'"
err_has "there is already $TMP/c-2-hdd.qcow2, where its image would be"
err_has "2 of 3 forks run"
runs c-1 && runs c-3 || fail "the others do not run"
[ ! -e data/vms/c-2 ] && [ -e c-2-hdd.qcow2 ] || fail "the file of others was not left alone"
rm c-2-hdd.qcow2
# Without one, the checkpoint that was created for it is not kept.
touch d-hdd.qcow2
expect 3 maqet fork web d
expect 0 maqet checkpoint web list
out_lacks fork-1
rm d-hdd.qcow2

# ---- their images, of which most are copies of the first one ----

mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
[ "\$1" != create ] || echo x >>"$TMP/creations"
exec "$(command -v qemu-img)" "\$@"
EOF
chmod +x bin/qemu-img
expect 0 env PATH="$TMP/bin:$PATH" "$MAQET" fork web alike --from ready --count 6
made=$(grep -c x creations)
# At most one for each process.
[ "$(getconf _NPROCESSORS_ONLN)" -gt 3 ] || [ "$made" -lt 6 ] || fail "qemu-img made each of the images"
expect 0 maqet stop alike-1 alike-2 alike-3 alike-4 alike-5 alike-6 --timeout 0 --force
described() { qemu-img info "$1" | sed "s/$1/IMAGE/" | grep -v 'disk size'; }
for i in 1 2 3 4 5 6; do
    image=alike-$i-hdd.qcow2
    sound "$image"
    holds "$image" 0x11
    same "$(described alike-1-hdd.qcow2)" "$(described "$image")" "$image"
    same 600 "$(stat -c %a "$image")" "the mode of $image"
    [ "$(stat -c %b "$image")" -le 2048 ] || fail "$image is not sparse"
    grep -q "\"inode\": *$(stat -c %i "$image"),\$" "data/vms/alike-$i/images.json" || fail "$image is not recorded"
done
described alike-1-hdd.qcow2 | grep -q '^backing file: .*hdd.qcow2' || fail "$(described alike-1-hdd.qcow2)"
# The copies have holes where qemu-img writes zeros.
sparse=$(stat -c %b alike-?-hdd.qcow2 | awk '$1 * 512 <= 65536' | wc -l)
[ "$sparse" -ge $((6 - made)) ] || fail "$sparse of the images have holes: $(stat -c '%n %b' alike-?-hdd.qcow2)"
expect 0 maqet rm alike-1 alike-2 alike-3 alike-4 alike-5 alike-6 --delete-storage --yes
rm -r bin creations

# ---- discarded ----

expect 0 maqet fork web x --from ready --discard --count 2
expect 0 maqet stop x-1 --timeout 0 --force
out_has "Stopped VM 'x-1'."
[ ! -e data/vms/x-1 ] && [ ! -e x-1-hdd.qcow2 ] && [ ! -e x-1-hdd.qcow2.maqet ] || fail "it is not discarded"
# Its QEMU is killed: the next command that names it finds nothing.
pid=$(vm_pid x-2)
kill -9 "$pid"
eventually 30 process_ended "$pid"
expect 3 maqet start x-2
err_has "VM 'x-2' was a fork that is discarded when it has ended: it is gone"
[ ! -e data/vms/x-2 ] && [ ! -e x-2-hdd.qcow2 ] || fail "it is not discarded"
expect 3 maqet start x-2
err_has "x-2"

expect 0 maqet fork web x --from ready --discard
expect 0 maqet rm x --force --delete-storage --yes
[ ! -e data/vms/x ] && [ ! -e x-hdd.qcow2 ] || fail "it is not removed"

# ---- what is refused ----

expect 3 maqet fork web a --from ready
err_has "There is already a VM 'a'"
expect 3 maqet fork web e e --from ready
err_has "The name 'e' is given twice"
expect 3 maqet fork web e f --count 2
expect 3 maqet fork web e --count 0
expect 3 maqet fork web e --from raedy
err_has "Did you mean 'ready'?"
expect 0 maqet stop web --timeout 0 --force
expect 3 maqet fork web e
err_has "VM 'web' is not running"
# What only one can have; nothing is saved before.
refused() { # WHAT KEY LINE...
    what=$1 key=$2
    shift 2
    printf '%s\n' "$@" >one.yaml
    vm_yaml only <<EOF
storage: []
EOF
    expect 0 maqet add only.yaml one.yaml --name only
    expect 0 maqet start only
    expect 3 maqet fork only more
    err_has "$what"
    err_has "$key"
    expect 0 maqet checkpoint only list
    out_lacks fork-1
    expect 0 maqet rm only --force --yes
}
refused "a socket at a fixed place of this host" 'serial: console' \
    "arguments: [{serial: \"unix:$TMP/s,server=on,wait=off\"}]"
refused "a file that QEMU writes to" 'Remove it' "arguments: [{debugcon: \"file:$TMP/debug\"}]"
# Other spellings: tests/unit/test-exclusive.c.
refused "a network with a fixed address or peer" 'network: user' 'arguments:' \
    '- {netdev: {type: socket, id: n, listen: "127.0.0.1:0"}}'
refused "a socket at a fixed place of this host" 'display: none' 'sandbox: off' "display: 'vnc=unix:$TMP/vnc'"

# A checkpoint that is read instead of mapped.
expect 0 maqet start web
expect 0 maqet checkpoint web create small --compress
expect 0 maqet fork web g h --from small
err_has "The memory of the checkpoint 'small' of VM 'web' cannot be mapped, so each fork or run reads all of it, and has it for itself: it is compressed"
expect 0 maqet run web --from small --discard -- true
err_has "cannot be mapped, so each fork or run reads all of it"
expect 0 maqet run web --from small --discard --parallel 2 true true
same 1 "$(grep -c 'cannot be mapped' "$TMP/err")" "warnings for a list"
expect 0 maqet fork web i --from ready
err_lacks "cannot be mapped"
expect 0 maqet stop i --timeout 0 --force
for vm in g h; do
    runs $vm || fail "$vm does not run"
    same '' "$(file_of $vm)" "the memory that is mapped"
done

vm_yaml other <<EOF
storage:
  - {name: hdd, type: qcow2, size: 4M, file: other.qcow2}
arguments:
  - {object: "memory-backend-ram,id=own,size=64M"}
  - {machine: memory-backend=own}
EOF
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 0 maqet fork other j --discard
err_has "Created checkpoint 'fork-1' of VM 'other'; the guest was paused for"
err_has "; method: "
err_has "cannot be mapped, so each fork or run reads all of it, and has it for itself: \`arguments\` define what the guest's memory consists of"
expect 0 maqet stop j other --timeout 0 --force

# Drives without overlays are copied, and a machine without a generation ID is named.
vm_yaml plain <<EOF
generation_id: off
storage:
  - {name: a, type: qcow2, size: 1M, file: a.qcow2}
  - {name: b, type: raw, size: 1M, file: b.raw, snapshots: overlay}
EOF
qemu-img create -q -f qcow2 a.qcow2 1M
qemu-img create -q -f raw b.raw 1M
fill a.qcow2 0x33
expect 0 maqet add plain.yaml
expect 0 maqet start plain
expect 0 maqet fork plain copy
err_has "VM 'plain' has no generation ID"
err_has 'generation_id: on'
expect 0 maqet run plain --from fork-1 --discard -- true
err_has "VM 'plain' has no generation ID"
expect 0 maqet run plain --from fork-1 --discard --parallel 2 true true
same 1 "$(grep -c 'has no generation ID' "$TMP/err")" "warnings for a list"
expect 0 maqet stop copy plain --timeout 0 --force
holds copy-a.qcow2 0x33
sound copy-a.qcow2
qemu-img info copy-a.qcow2 | grep -q backing && fail "the copy has a backing file"
qemu-img info copy-b.qcow2 | grep -q "backing file: b.raw" || fail "the overlay has no backing file"

# Several that are made at the same time, each with a server of its own; more than two processes resume together.
# What is discarded when it stops is not restarted.
expect 0 maqet start plain
expect 0 maqet fork plain many --count 34 --discard
for i in $(seq 34); do
    runs many-$i || fail "many-$i does not run"
done
expect 3 maqet restart many-1 --timeout 0 --force
err_has "is discarded when it stops"
runs many-1 || fail "many-1 does not run any more"
# shellcheck disable=SC2046 # names
expect 0 maqet stop $(seq -f many-%g 34) plain --timeout 0 --force
! ls | grep many || fail "images of discarded forks are left"
