#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet compact: what an image stores and is zero is given back, in its place; its content and all
# its snapshots stay, also if it is killed; and nobody else may use it meanwhile.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace

raw_of() { # IMAGE FORMAT FILE
    qemu-img convert -f "$2" -O raw "$1" "$3"
}
space() {
    du -k "$1" | cut -f1
}
# smaller FILE BEFORE: it takes up less than half of what it did.
smaller() {
    [ $(($(space "$1") * 2)) -lt "$2" ] || fail "$1 has shrunk from $2 only to $(space "$1") KiB"
}
vm_yaml vm <<EOF
storage:
  - {name: q, type: qcow2, file: q.qcow2}
  - {name: fine, type: qcow2, file: fine.qcow2}
  - {name: w, type: raw, file: w.raw}
  - {name: o, type: raw, file: o.raw, snapshots: overlay}
  - {name: cd, type: raw, media: cdrom, interface: ide}
EOF
qemu-img create -q -f qcow2 q.qcow2 20M
qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k fine.qcow2 20M
truncate -s 9M w.raw
truncate -s $((8 * 1024 * 1024 + 512)) o.raw
for image in q.qcow2 fine.qcow2; do
    qemu-io -f qcow2 -c 'write -q -P 1 0 8M' -c 'write -q -P 0 8M 8M' $image >/dev/null
done
qemu-io -f raw -c 'write -q -P 0 0 9M' -c 'write -q -P 3 5M 8k' -c 'write -q -P 3 8388096 1k' w.raw >/dev/null
qemu-io -f raw -c 'write -q -P 5 0 8M' -c 'write -q -P 6 8M 512' o.raw >/dev/null
expect 0 maqet add vm.yaml
expect 0 maqet snapshot vm create q one
expect 0 maqet snapshot vm create o one
top=o.raw.maqet/1.qcow2

# What the guest has had until now is overwritten with zeroes, but for some bytes in clusters.
spoil() {
    qemu-io -f qcow2 -c 'write -q -P 0 0 6M' -c 'write -q -P 7 1000 10' -c 'write -q -P 0 16M 4M' q.qcow2 >/dev/null
    qemu-io -f qcow2 -c 'write -q -P 0 0 16M' -c 'write -q -P 7 3M 512' fine.qcow2 >/dev/null
    qemu-io -f raw -c 'write -q -P 0 0 9M' -c 'write -q -P 3 5M 8k' -c 'write -q -P 3 8388096 1k' w.raw >/dev/null
    qemu-io -f qcow2 -c 'write -q -P 0 0 8M' -c 'write -q -P 0 8M 512' -c 'write -q -P 8 4M 64k' $top >/dev/null
}
spoil
raw_of q.qcow2 qcow2 q.right
raw_of fine.qcow2 qcow2 fine.right
raw_of $top qcow2 o.right
cp w.raw w.right
expect 0 maqet snapshot vm export q one one.right --format raw
unchanged() {
    raw_of q.qcow2 qcow2 got && cmp q.right got || fail "the content of q has changed"
    raw_of fine.qcow2 qcow2 got && cmp fine.right got || fail "the content of fine has changed"
    raw_of $top qcow2 got && cmp o.right got || fail "the content of o has changed"
    cmp w.raw w.right || fail "the content of w has changed"
    rm -f got
    qemu-img convert -f qcow2 -O raw -l snapshot.name=one q.qcow2 got
    cmp got one.right || fail "the snapshot has changed"
    rm -f got
}
base=$(stat -c '%i %s %Y %Z %b' o.raw)
id=$(stat -c %i q.qcow2)
q_before=$(space q.qcow2) fine_before=$(space fine.qcow2) w_before=$(space w.raw) o_before=$(space $top)

# One drive, and only that.
expect 0 maqet --format json compact vm w
grep -q '"drive": "w"' out || fail "it does not say which drive: $(cat out)"
smaller w.raw "$w_before"
same "$q_before" "$(space q.qcow2)" "the space of another drive"
# All of them.
expect 0 maqet compact vm
unchanged
[ "$(space q.qcow2)" -lt "$q_before" ] || fail "q has not become smaller"
smaller fine.qcow2 "$fine_before"
smaller $top "$o_before"
same "$base" "$(stat -c '%i %s %Y %Z %b' o.raw)" "a frozen file"
same "$id" "$(stat -c %i q.qcow2)" "the file of q"
sound q.qcow2 fine.qcow2 $top
out_lacks cd
# The second time there is nothing to do.
q_after=$(space q.qcow2)
expect 0 maqet compact vm q
same "$q_after" "$(space q.qcow2)" "the space of q after a second time"

# ---- what is refused ----

expect 3 maqet compact vm cd
err_has 'is no disk'
expect 3 maqet compact vm none
qemu-img create -q -f qcow2 -b q.qcow2 -F qcow2 clone.qcow2
vm_yaml clone <<EOF
storage:
  - {name: d, type: qcow2, file: clone.qcow2, backing_file: q.qcow2, backing_format: qcow2}
EOF
expect 0 maqet add clone.yaml
expect 0 maqet start clone
expect 0 maqet stop clone --timeout 0 --force
expect 3 maqet compact vm q
err_has 'clone.qcow2'
expect 0 maqet rm clone --yes
rm clone.qcow2
expect 0 maqet storage rm "$TMP/clone.qcow2" --yes
mkfifo hold
qemu-io -f raw w.raw <hold >/dev/null &
reader=$!
exec 8>hold
cleanup_fn "kill $reader 2>/dev/null"
eventually 10 sh -c "ls -l /proc/$reader/fd | grep -q w.raw"
expect 1 maqet compact vm w
err_has 'is in use by'
exec 8>&-
wait $reader || :

# Of a VM that runs, the guest does it; here is none.
expect 0 maqet start vm
expect 2 maqet compact vm q
err_has 'fstrim -av'
err_has 'maqet stop vm'
expect 0 maqet stop vm --timeout 0 --force

# ---- killed, and interrupted ----

socket_gone() {
    [ -z "$(ls run/vm/helper-compact* 2>/dev/null)" ]
}
for signal in KILL INT; do
    step=8
    while :; do
        spoil
        code=0
        traced sendto "signal=$signal:when=$step" compact vm >out 2>err || code=$?
        qemu-img check -q q.qcow2 || [ $? -eq 3 ] || fail "q is damaged"
        unchanged
        [ $code -ne 0 ] || break
        [ $signal = KILL ] || socket_gone || fail "a socket is left"
        step=$((step * 2))
    done
    expect 0 maqet compact vm
    socket_gone || fail "a socket is left"
    # Only leaks may be left in the images, which are no damage.
    expect 0 maqet check vm --repair --yes
    sound q.qcow2 fine.qcow2 $top
done
