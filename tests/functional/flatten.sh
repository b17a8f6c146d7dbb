#!/bin/bash
# SPDX-License-Identifier: MIT
# A drive that stands on others by its configuration becomes independent of them: stopped and while its guest
# writes, with one backing file, a chain of them, or as a linked clone, and with overlays on it. What it
# shows stays the same, what it stood on is not written to, and only what it did not hold is moved.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io strace

stop() { expect 0 maqet stop "$1" --timeout 0 --force; }
shown() { # FILE: what a guest sees in it
    rm -f shown.raw
    qemu-img convert -U -f qcow2 -O raw "$1" shown.raw || fail "$1 cannot be read"
    md5sum <shown.raw
}
stands_alone() { # VM FILE
    ! qemu-img info -U -f qcow2 "$2" | grep -q backing || fail "$2 has a backing file: $(qemu-img info -U "$2")"
    ! grep -q backing_ "data/vms/$1/vm.json" || fail "the definition of $1 names a backing file"
    [ "$(vm_status "$1")" != running ] || ! grep -q backing_ "run/$1/vm.json" || fail "that of its start does"
    [ ! -e "data/vms/$1/pending.json" ] || fail "a job is pending"
}
# A base with data, zeroes and holes, a smaller one below it, and an image on both that hides parts of both.
make_chain() { # NAME
    rm -f "$1"*
    truncate -s 3M "$1-base.raw"
    qemu-io -f raw -c 'write -q -P 1 0 1M' -c 'write -q -P 2 2M 1M' "$1-base.raw"
    qemu-img create -q -f qcow2 -b "$1-base.raw" -F raw "$1-mid.qcow2" 8M
    qemu-io -f qcow2 -c 'write -q -P 3 4M 1M' -c 'write -q -z 2M 256k' -c 'write -q -P 3 7M 64k' "$1-mid.qcow2"
    qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=65536 -b "$1-mid.qcow2" -F qcow2 "$1.qcow2" 8M
    qemu-io -f qcow2 -c 'write -q -P 4 512k 4k' -c 'write -q -P 5 4200k 2k' -c 'write -q -z 4608k 6k' \
        -c 'write -q -P 6 6M 100k' "$1.qcow2"
}
vm_of() { # NAME [KEY]: of that chain
    vm_yaml "$1" <<END
storage:
- name: hdd
  type: qcow2
  file: $1.qcow2
  backing_file: [$1-mid.qcow2, $1-base.raw]
  backing_format: [qcow2, raw]
  ${2:-}
END
    expect 0 maqet add "$1.yaml"
}

# ---- stopped ----

make_chain cold
vm_of cold
vm_yaml below <<'END'
storage:
- {name: hdd, type: raw, file: cold-base.raw}
END
expect 0 maqet add below.yaml
expect 0 maqet start cold
stop cold
expect 3 maqet start below
err_has 'is the backing file of'
before=$(shown cold.qcow2)
bases=$(md5sum cold-mid.qcow2 cold-base.raw)
# Of 1 MiB, 3/4 MiB, 1 MiB and 64 KiB, all but what the clusters of the image hide.
rm -f trace.*
ASAN_OPTIONS=detect_leaks=0 expect 0 strace -ff -qq -y -o trace -e trace=pwrite64,pwritev "$MAQET" flatten cold hdd
out_has "does not need $TMP/cold-mid.qcow2, $TMP/cold-base.raw"
# What is written again, as tables are, counts once.
moved=$(cat trace.* | awk '/cold.qcow2/ && /pwrite/ { at = $(NF - 2) }
    /cold.qcow2/ && /pwrite/ && $NF >= 2048 && !(at in seen) { seen[at] = 1; sum += $NF } END { print sum + 0 }')
[ "$moved" -gt $((2 << 20)) ] && [ "$moved" -le $((3 << 20)) ] || fail "$moved bytes were written"
stands_alone cold cold.qcow2
same "$before" "$(shown cold.qcow2)" "what the image shows"
same "$bases" "$(md5sum cold-mid.qcow2 cold-base.raw)" "what it stood on"
sound cold.qcow2
expect 3 maqet flatten cold hdd
err_has 'it has no backing file, so it stands alone already'
rm cold-mid.qcow2
expect 0 maqet start cold
stop cold
same "$before" "$(shown cold.qcow2)" "what the image shows"
# Nothing protects the base any more.
expect 0 maqet start below
stop below

# A merge that fails changes nothing.
make_chain fails
vm_of fails
before=$(shown fails.qcow2)
wrap_qemu_img '"rebase "*' 'exit 1'
expect 1 wrapped maqet flatten fails hdd
err_has "Cannot flatten drive 'hdd'"
[ ! -e data/vms/fails/pending.json ] || fail "a job is pending"
same "$before" "$(shown fails.qcow2)" "what the image shows"
grep -q backing_file data/vms/fails/vm.json || fail "the definition has changed"
expect 0 maqet start fails
stop fails
expect 0 maqet flatten fails hdd
stands_alone fails fails.qcow2
same "$before" "$(shown fails.qcow2)" "what the image shows"

# ---- what is refused ----

make_chain no
vm_of no
vm_yaml plain <<'END'
storage:
- {name: hdd, type: raw, file: plain.raw, size: 1M}
END
expect 0 maqet add plain.yaml
expect 0 maqet start plain
stop plain
expect 3 maqet flatten plain hdd
err_has 'it has no backing file'
expect 3 maqet flatten no cdrom
# An internal snapshot needs what it stands on.
expect 0 maqet start no
stop no
expect 0 maqet snapshot no create hdd inside
before=$(shown no.qcow2)
expect 3 maqet flatten no hdd
err_has "contains the snapshot 'inside', which shows parts of the backing file"
err_has 'maqet snapshot no export hdd'
same "$before" "$(shown no.qcow2)" "what the image shows"
expect 0 maqet snapshot no delete hdd inside
# So does an image that stands on it and names all of them.
vm_yaml above <<'END'
storage:
- {name: hdd, type: qcow2, file: above.qcow2, backing_file: [no.qcow2, no-mid.qcow2, no-base.raw], backing_format: [qcow2, qcow2, raw]}
END
expect 0 maqet add above.yaml
expect 0 maqet start above
stop above
expect 3 maqet flatten no hdd
err_has "no.qcow2 has to stand on what it stands on: VM 'above' uses it"
err_has 'Flatten what stands on it first'
expect 0 maqet flatten above hdd
stands_alone above above.qcow2
same "$before" "$(shown above.qcow2)" "what the image on it shows"
# And what has changed below it.
cp -p no-base.raw kept.raw
printf x | dd of=no-base.raw conv=notrunc bs=1 seek=1000 status=none
expect 3 maqet flatten no hdd
err_has "the backing file $TMP/no-base.raw of $TMP/no.qcow2"
mv kept.raw no-base.raw
expect 0 maqet flatten no hdd
stands_alone no no.qcow2
same "$before" "$(shown no.qcow2)" "what the image shows"

# ---- an encrypted image ----

(umask 077 && echo secret >key)
qemu-img create -q -f qcow2 open.qcow2 2M
qemu-io -f qcow2 -c 'write -q -P 7 0 1M' open.qcow2
vm_yaml locked <<'END'
storage:
- {name: hdd, type: qcow2, file: locked.qcow2, backing_file: open.qcow2, backing_format: qcow2, encryption: {format: luks, key_file: key}}
END
expect 0 maqet add locked.yaml
expect 0 maqet start locked
stop locked
expect 0 maqet flatten locked hdd
stands_alone locked locked.qcow2
rm open.qcow2
! qemu-io -r --object secret,id=k,file=key --image-opts \
    driver=qcow2,file.filename=locked.qcow2,encrypt.key-secret=k -c 'read -P 7 0 1M' | grep failed || fail "locked: the content is lost"

# ---- overlays on it ----

make_chain tree
vm_of tree 'snapshots: overlay'
expect 0 maqet start tree
stop tree
expect 0 maqet snapshot tree create hdd one
qemu-io -f qcow2 -c 'write -q -P 8 1M 64k' tree.qcow2.maqet/1.qcow2
expect 0 maqet snapshot tree create hdd two
exported() { # NAME
    rm -f whole.raw
    expect 0 maqet snapshot tree export hdd "$1" whole.raw --format raw
    md5sum <whole.raw
}
one=$(exported one) two=$(exported two)
expect 0 maqet flatten tree hdd
stands_alone tree tree.qcow2
rm tree-mid.qcow2 tree-base.raw
same "$one" "$(exported one)" "the snapshot one"
same "$two" "$(exported two)" "the snapshot two"
same 444 "$(stat -c %a tree.qcow2)" "permissions of a frozen file"
expect 0 maqet start tree
stop tree
expect 0 maqet snapshot tree delete hdd one
expect 0 maqet snapshot tree delete hdd two
[ ! -e tree.qcow2.maqet ] || fail "left: $(ls tree.qcow2.maqet)"
same "$two" "$(shown tree.qcow2)" "what is merged"

# ---- a linked clone ----

vm_yaml web <<'END'
storage:
- {name: hdd, type: raw, file: web.raw, size: 2M}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
stop web
qemu-io -f raw -c 'write -q -P 9 0 1M' web.raw
maqet apply web web.yaml --set storage.hdd.snapshots=overlay >out 2>err || fail "$(cat err)"
expect 0 maqet snapshot web create hdd golden
expect 0 maqet clone web copy --linked
image=$(find "$TMP" -maxdepth 1 -name 'copy*.qcow2')
expect 3 maqet snapshot web delete hdd golden
before=$(shown "$image")
expect 0 maqet flatten copy hdd
stands_alone copy "$image"
same "$before" "$(shown "$image")" "what the clone shows"
expect 0 maqet snapshot web delete hdd golden
expect 0 maqet rm web --delete-storage --yes
[ ! -e web.raw ] || fail "what the clone does not need is kept"
expect 0 maqet start copy
stop copy
same "$before" "$(shown "$image")" "what the clone shows"

# ---- while the guest writes ----

io() { # VM WORDS: by the guest's own device
    maqet qmp "$1" human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"$2\\\"\"}" >io 2>&1 &&
        [ "$(cat io)" = '""' ] || fail "$1: QEMU does not '$2': $(cat io)"
}
lets_go() { # VM FILE: its QEMU has no other image open, and no node of maqet's
    find "/proc/$(vm_pid "$1")/fd" -type l -printf '%l\n' >open
    ! grep -e '-mid.qcow2' -e '-base.raw' open || fail "QEMU has a backing file open"
    expect 0 maqet qmp "$1" query-named-block-nodes
    ! grep '"maqet-flatten' out || fail "a node is left"
    expect 0 maqet qmp "$1" query-jobs
    ! grep '"id"' out || fail "a job is left"
}
for keys in '' 'snapshots: overlay'; do
    make_chain hot
    vm_of hot "$keys"
    expect 0 maqet start hot
    qemu-img convert -U -f qcow2 -O raw hot.qcow2 want.raw
    if [ "$keys" ]; then
        expect 0 maqet snapshot hot create hdd one --live
        cp want.raw one.raw
    fi
    image=$(find hot.qcow2* -name '[1h]*.qcow2' | tail -1)
    maqet flatten hot hdd >flat.out 2>flat.err &
    flattens=$!
    # Everywhere, in parts of clusters.
    for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        at=$((i * 513 - i * 513 % 4))
        io hot "write -P $((i + 20)) ${at}k 4k"
        qemu-io -f raw -c "write -q -P $((i + 20)) ${at}k 4k" want.raw
    done
    wait $flattens || fail "flatten: $(cat flat.err)"
    lets_go hot
    stands_alone hot hot.qcow2
    io hot "write -P 77 3M 64k"
    qemu-io -f raw -c "write -q -P 77 3M 64k" want.raw
    io hot "read -P 77 3M 64k"
    io hot "discard 0 64k"
    qemu-io -f raw -c "write -q -z 0 64k" want.raw
    io hot flush
    rm hot-mid.qcow2 hot-base.raw
    same "$(md5sum <want.raw)" "$(shown "$image")" "what the guest sees, $keys"
    expect 0 maqet snapshot hot create hdd after --live
    # A checkpoint knows the drive as it is now.
    expect 0 maqet checkpoint hot create cp
    stop hot
    expect 0 maqet start hot --from cp --yes
    expect 0 maqet checkpoint hot delete cp
    stop hot
    for file in hot.qcow2 hot.qcow2.maqet/*.qcow2; do [ ! -e "$file" ] || sound "$file"; done
    if [ "$keys" ]; then
        rm -f whole.raw
        expect 0 maqet snapshot hot export hdd one whole.raw --format raw
        cmp one.raw whole.raw || fail "the snapshot shows something else"
        same 444 "$(stat -c %a hot.qcow2)" "permissions of a frozen file"
    fi
    expect 0 maqet start hot
    stop hot
    expect 0 maqet rm hot --force --yes
    rm -rf hot.qcow2 hot.qcow2.maqet
done

# Interrupted by the user, it stands as before, and can be flattened later.
make_chain late
vm_of late
expect 0 maqet start late
before=$(shown late.qcow2)
code=0
traced sendmsg signal=INT:when=5 flatten late hdd >out 2>err || code=$?
[ $code -eq 130 ] || fail "exit code $code: $(cat err)"
err_has 'interrupted by Ctrl-C'
[ ! -e data/vms/late/pending.json ] || fail "a job is pending"
qemu-img info -U -f qcow2 late.qcow2 | grep -q 'backing file: late-mid.qcow2' || fail "it has lost its backing file"
expect 0 maqet qmp late query-named-block-nodes
! grep '"maqet-flatten' out || fail "a node is left"
same "$before" "$(shown late.qcow2)" "what the image shows"
expect 0 maqet flatten late hdd
lets_go late
same "$before" "$(shown late.qcow2)" "what the image shows"
stop late
stands_alone late late.qcow2

# ---- given up ----

for keys in '' 'snapshots: overlay'; do
    make_chain given
    vm_of given "$keys"
    expect 0 maqet start given
    [ ! "$keys" ] || expect 0 maqet snapshot given create hdd one --live
    image=$(find given.qcow2* -name '[1g]*.qcow2' | tail -1)
    before=$(shown "$image")
    # Once the copying has begun.
    code=0 step=5
    while :; do
        traced sendmsg "signal=KILL:when=$step" flatten given hdd >out 2>err || code=$?
        [ $code -eq 137 ] || fail "$keys: it was not killed: $(cat err)"
        rm -f nodes
        if maqet qmp given query-named-block-nodes >nodes 2>/dev/null && grep -q '"maqet-flatten.reader"' nodes; then break; fi
        expect 0 maqet recover given
        step=$((step + 1)) code=0
        [ $step -lt 40 ] || fail "$keys: it has never begun"
    done
    expect 0 maqet recover given --forget --yes
    out_has "Kept: what has been merged into $TMP/given.qcow2"
    [ ! -e data/vms/given/pending.json ] || fail "a job is pending"
    expect 0 maqet qmp given query-named-block-nodes
    ! grep '"maqet-flatten' out || fail "$keys: a node is left"
    expect 0 maqet qmp given query-jobs
    ! grep '"id"' out || fail "$keys: a job is left"
    [ ! "$keys" ] || same 444 "$(stat -c %a given.qcow2)" "permissions of a frozen file"
    same "$before" "$(shown "$image")" "what the guest sees"
    expect 0 maqet flatten given hdd
    stands_alone given given.qcow2
    same "$before" "$(shown "$image")" "what the guest sees"
    stop given
    expect 0 maqet start given
    stop given
    expect 0 maqet rm given --force --yes
    rm -rf given.qcow2 given.qcow2.maqet
done

# ---- without the space ----

# What the image would get, and no more, has to fit.
mkdir small
if mount -t tmpfs -o size=4m tmpfs small 2>/dev/null; then
    cleanup_fn umount "$TMP/small"
    qemu-img create -q -f qcow2 room-base.qcow2 64M
    qemu-io -f qcow2 -c 'write -q -P 1 0 5M' -c 'write -q -z 8M 8M' room-base.qcow2
    for keys in '' 'snapshots: overlay'; do
        rm -rf small/*
        vm_yaml room <<END
storage:
- name: hdd
  type: qcow2
  file: small/room.qcow2
  overcommit: true
  backing_file: [$TMP/room-base.qcow2]
  backing_format: [qcow2]
  ${keys}
END
        expect 0 maqet add room.yaml
        expect 0 maqet start room
        stop room
        [ ! "$keys" ] || expect 0 maqet snapshot room create hdd one
        expect 0 maqet apply room room.yaml --set storage.hdd.overcommit=false
        for state in stopped running; do
            [ $state = stopped ] || expect 0 maqet start room
            allocated=$(stat -c %b small/room.qcow2)
            expect 1 maqet flatten room hdd
            err_has "insufficient disk space for $TMP/small/room.qcow2 to grow. Required: 5.0MB"
            same "$allocated" "$(stat -c %b small/room.qcow2)" "what the image takes up"
            [ ! -e data/vms/room/pending.json ] || fail "a job is pending"
        done
        mount -o remount,size=12m "$TMP/small"
        expect 0 maqet flatten room hdd
        stop room
        stands_alone room small/room.qcow2
        mount -o remount,size=4m "$TMP/small" 2>/dev/null || :
        expect 0 maqet rm room --force --yes
        umount small
        mount -t tmpfs -o size=4m tmpfs small
    done
fi
