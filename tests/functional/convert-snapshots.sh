#!/bin/bash
# SPDX-License-Identifier: MIT
# The snapshots of a drive become overlays, and overlays snapshots inside of the image, with all that
# they hold, their names, dates and parents.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

vm_yaml web <<END
storage:
- {name: hdd, type: qcow2, file: hdd.qcow2, size: 4M}
- {name: data, type: raw, file: data.raw, size: 1M, snapshots: overlay}
- {name: more, type: qcow2, file: more.qcow2, size: 1M}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force

# What the guest writes to.
top_of() {
    local id
    id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$1.maqet/tree.json" 2>/dev/null)
    if [ "${id:-0}" = 0 ]; then echo "-f ${1##*.} $1"; else echo "-f qcow2 $1.maqet/$id.qcow2"; fi
}
write() { # IMAGE PATTERN OFFSET LENGTH
    # shellcheck disable=SC2046
    qemu-io -c "write -q -P $2 $3 $4" $(top_of "$1") || fail "cannot write to $1"
}
# All that stays: what each snapshot and the present state holds, and the tree with names and dates.
state_of() { # VM DRIVE IMAGE
    local name
    for name in $("$MAQET" snapshot "$1" list "$2" --format plain | cut -f1); do
        rm -f out.raw
        "$MAQET" snapshot "$1" export "$2" "$name" out.raw --format raw >log 2>&1 ||
            { cat log; fail "cannot export $name"; }
        echo "$name $(md5sum <out.raw) $(stat -c %s out.raw)"
    done
    # shellcheck disable=SC2046
    qemu-img convert -U $(top_of "$3") -O raw out.raw || fail "cannot read $3"
    echo "now $(md5sum <out.raw) $(stat -c %s out.raw)"
    "$MAQET" snapshot "$1" tree "$2" --format json |
        grep -E '"(name|drives|date|vm_clock|kind|parent|virtual_size|set|now)":' || :
}
# converts VM DRIVE IMAGE KIND: and all of that is as it was in the file `wanted`.
converts() {
    expect 0 maqet snapshot "$1" convert "$2" "$4"
    out_has "Drive '$2' of VM '$1' has \`snapshots: $4\` now"
    cp out said
    state_of "$1" "$2" "$3" >got
    same "$(cat wanted)" "$(cat got)" "what $2 of $1 has with $4"
    same '' "$(ls -A | grep maqet-)" 'what is left'
    [ ! -e "data/vms/$1/pending.json" ] || fail 'the job is pending'
}

# ---- a tree with branches, zeroes over data, and a drive that grows ----

write hdd.qcow2 1 0 1M
expect 0 maqet snapshot web create hdd one
write hdd.qcow2 2 512k 1M
expect 0 maqet snapshot web create --all both
qemu-io -f qcow2 -c 'write -q -z 256k 512k' hdd.qcow2
expect 0 maqet resize web hdd 6M
write hdd.qcow2 3 5M 64k
expect 0 maqet snapshot web create hdd grown
expect 0 maqet snapshot web load hdd one --yes
write hdd.qcow2 4 2M 64k
expect 0 maqet snapshot web create hdd branch
write hdd.qcow2 5 3M 64k
expect 0 maqet snapshot web create hdd twig
expect 0 maqet snapshot web load hdd branch --yes
write hdd.qcow2 6 64k 64k
state_of web hdd hdd.qcow2 >wanted
grep -q '"parent": "one"' wanted || fail 'the tree is not in there'
inode=$(stat -c %i hdd.qcow2)
converts web hdd hdd.qcow2 overlay
grep -q 'with 5 snapshots' said || fail "$(cat said)"
same 0 "$(count_snapshots hdd.qcow2)" 'snapshots inside of the image'
same 5 "$(ls hdd.qcow2.maqet/*.qcow2 | wc -l)" 'overlays: four snapshots, and what the guest writes to'
same "$inode 400" "$(stat -c '%i %a' hdd.qcow2)" 'the image, which is frozen'
# Only differences are stored.
[ "$(du -k hdd.qcow2.maqet | cut -f1)" -lt 3500 ] || fail "overlays take up $(du -k hdd.qcow2.maqet)"
expect 0 maqet check web
expect 3 maqet snapshot web convert hdd overlay
err_has 'its snapshots are overlays already'

# A set is one still, also if some of its drives have overlays.
expect 0 maqet snapshot web load --all both --yes
expect 0 maqet snapshot web load hdd branch --yes
write hdd.qcow2 6 64k 64k

converts web hdd hdd.qcow2 internal
grep -q 'with 5 snapshots' said || fail "$(cat said)"
sound hdd.qcow2
same 5 "$(count_snapshots hdd.qcow2)" 'snapshots inside of the image'
[ ! -e hdd.qcow2.maqet ] || fail 'the overlays are left'
same 600 "$(stat -c %a hdd.qcow2)" 'the permissions of the image'
expect 3 maqet snapshot web convert hdd internal
err_has 'its snapshots are inside of its image already'
expect 0 maqet snapshot web load --all both --yes
expect 0 maqet snapshot web load hdd branch --yes
write hdd.qcow2 6 64k 64k

# The drive works on: a guest starts, and snapshots are created and deleted.
for kind in overlay internal; do
    converts web hdd hdd.qcow2 $kind
    expect 0 maqet start web
    expect 0 maqet snapshot web create hdd live --live
    expect 0 maqet stop web --timeout 0 --force
    expect 0 maqet snapshot web delete hdd live
    state_of web hdd hdd.qcow2 >got
    same "$(cat wanted)" "$(cat got)" "after a guest has run with $kind"
done
sound hdd.qcow2

# ---- overlays that have come about otherwise ----

# A snapshot that several stand on, and that was deleted, is a node without a name.
expect 0 maqet snapshot web convert hdd overlay
expect 0 maqet snapshot web delete hdd one
expect 0 maqet snapshot web delete hdd branch
state_of web hdd hdd.qcow2 >wanted
converts web hdd hdd.qcow2 internal
same 3 "$(count_snapshots hdd.qcow2)" 'snapshots inside of the image'
sound hdd.qcow2
# Without any snapshot, there is only the key to change.
for name in both grown twig; do expect 0 maqet snapshot web delete hdd $name; done
state_of web hdd hdd.qcow2 >wanted
converts web hdd hdd.qcow2 overlay
grep -q 'with 0 snapshots' said || fail "$(cat said)"
[ ! -e hdd.qcow2.maqet ] || fail 'overlays, for nothing'
expect 0 maqet snapshot web create hdd only
write hdd.qcow2 7 0 64k
# Replaced while the guest runs, it has another name in the record.
expect 0 maqet start web
expect 0 maqet snapshot web create hdd only --live --overwrite
expect 0 maqet stop web --timeout 0 --force
state_of web hdd hdd.qcow2 >wanted
converts web hdd hdd.qcow2 internal
grep -q 'with 1 snapshot\.' said || fail "$(cat said)"
same 'only' "$(qemu-img snapshot -l hdd.qcow2 | awk 'NR > 2 { print $2 }')" 'its name in the image'

# Overlays without any snapshot, as a load and the deletion of all may leave them.
expect 0 maqet snapshot web convert hdd overlay
expect 0 maqet snapshot web load hdd only --yes
write hdd.qcow2 8 1M 64k
expect 0 maqet snapshot web delete hdd only
state_of web hdd hdd.qcow2 >wanted
expect 0 maqet snapshot web convert hdd internal
state_of web hdd hdd.qcow2 >got
same "$(cat wanted)" "$(cat got)" 'without any snapshot'

# ---- the key in each of its forms ----

# The other keys stay where they are, and there is one key afterwards.
forms() { # KEYS KINDS WHAT-IS-STORED
    number=$((${number:-0} + 1))
    vm_yaml "form$number" <<END
storage:
- {name: hdd, type: qcow2, file: form$number.qcow2, size: 1M, $1}
END
    expect 0 maqet add "form$number.yaml"
    expect 0 maqet start "form$number"
    expect 0 maqet stop "form$number" --timeout 0 --force
    expect 0 maqet snapshot "form$number" create hdd one
    state_of "form$number" hdd "form$number.qcow2" >wanted
    for kind in $2; do
        converts "form$number" hdd "form$number.qcow2" "$kind"
        expect 0 maqet start "form$number"
        expect 0 maqet stop "form$number" --timeout 0 --force
    done
    tr -d ' \n' <"data/vms/form$number/vm.json" >stored
    grep -F "$3" stored >/dev/null || fail "$1: not stored: $3: $(cat stored)"
    same 1 "$(grep -o '"snapshots"' stored | wc -l)" "keys of $1"
}
forms 'drive_options: {snapshots: overlay, mode: "0640"}' 'internal overlay internal' \
    '"drive_options":{"snapshots":"internal","mode":"0640"}'
forms 'options: {drive_options: {snapshots: internal}}' 'overlay' '"drive_options":{"snapshots":"overlay"}'
forms 'drive_options: {snapshots: null}' 'overlay' '"snapshots":"overlay"'

# ---- an image that stands on another one ----

qemu-img create -q -f qcow2 base.qcow2 1M
qemu-io -f qcow2 -c 'write -q -P 9 0 1M' base.qcow2
vm_yaml based <<END
storage:
- {name: hdd, type: qcow2, file: based.qcow2, size: 1M, backing_file: base.qcow2, backing_format: qcow2}
END
expect 0 maqet add based.yaml
expect 0 maqet start based
expect 0 maqet stop based --timeout 0 --force
write based.qcow2 1 0 64k
expect 0 maqet snapshot based create hdd one
write based.qcow2 2 64k 64k
expect 0 maqet snapshot based create hdd two
state_of based hdd based.qcow2 >wanted
backing_of() { qemu-img info --output=json "$1" | sed -n 's/.*"backing-filename": "\(.*\)".*/\1/p'; }
backing=$(backing_of based.qcow2)
converts based hdd based.qcow2 overlay
converts based hdd based.qcow2 internal
same "$backing" "$(backing_of based.qcow2)" 'what it stands on'
[ "$(du -k based.qcow2 | cut -f1)" -lt 900 ] || fail 'the base was copied'

# ---- other kinds than the definition says ----

# The definition says overlays, and the image has internal snapshots.
sed 's/size: 1M,/& snapshots: overlay,/' based.yaml >other.yaml
expect 0 maqet apply based other.yaml
expect 3 maqet snapshot based create hdd three
err_has 'has internal snapshots, which cannot be mixed with overlays'
err_has 'Or convert its snapshots: maqet snapshot based convert hdd overlay'
converts based hdd based.qcow2 overlay
# It does not say overlays, and there are some.
cp data/vms/based/vm.json kept.json
sed 's/"overlay"/"internal"/' kept.json >data/vms/based/vm.json
expect 3 maqet start based
err_has 'has overlay snapshots, which the configuration does not say'
err_has 'Or convert its snapshots: maqet snapshot based convert hdd internal'
converts based hdd based.qcow2 internal

# ---- what is refused, with nothing changed ----

refused() { # KIND TEXT
    expect 3 maqet snapshot based convert hdd "$1"
    err_has "$2"
    same '' "$(ls -A | grep maqet-)" 'what is left'
    [ ! -e data/vms/based/pending.json ] || fail 'the job is pending'
    state_of based hdd based.qcow2 >got
    same "$(cat wanted)" "$(cat got)" "what is there after a refusal"
}
expect 3 maqet snapshot web convert data internal
err_has 'an image of its type, raw, has no snapshots inside of it'
expect 3 maqet snapshot web convert data both
err_has "'both' is neither 'overlay' nor 'internal'"
expect 0 maqet start based
expect 3 maqet snapshot based convert hdd overlay
err_has 'Stop it first: maqet stop based'
expect 0 maqet checkpoint based create saved
expect 0 maqet stop based --timeout 0 --force
state_of based hdd based.qcow2 >wanted
refused overlay "its snapshot 'saved' belongs to a checkpoint, which could not be loaded afterwards"
err_has 'maqet checkpoint based delete saved'
expect 0 maqet checkpoint based delete saved
state_of based hdd based.qcow2 >wanted
mkdir based.qcow2.maqet
echo mine >based.qcow2.maqet/notes
refused overlay 'exists already, and has other files in it'
same mine "$(cat based.qcow2.maqet/notes)" 'a file of somebody else'
rm -r based.qcow2.maqet
echo mine >based.qcow2.maqet-convert
expect 3 maqet snapshot based convert hdd overlay
err_has 'based.qcow2.maqet-convert exists already, and is not replaced'
rm based.qcow2.maqet-convert
# A snapshot with the memory of a guest in it, and two of the same name, which other programs create.
cp based.qcow2 before.qcow2
qemu-img snapshot -c one based.qcow2
expect 3 maqet snapshot based convert hdd overlay
err_has "it has several snapshots with the name 'one'"
cp before.qcow2 based.qcow2
printf 'savevm memory\nquit\n' | qemu-system-x86_64 -machine accel=tcg -display none -nodefaults -monitor stdio -m 8 \
    -drive if=virtio,format=qcow2,file=based.qcow2 >log 2>&1 || { cat log; fail 'savevm'; }
expect 3 maqet snapshot based convert hdd overlay
err_has "its snapshot 'memory' has the memory of a guest in it"
cp before.qcow2 based.qcow2
# A clone on a snapshot.
expect 0 maqet snapshot based convert hdd overlay
expect 0 maqet clone based twin --from two
refused internal "VM 'twin'"
expect 0 maqet rm twin --delete-storage --yes
# A frozen file that has changed.
frozen=$(ls based.qcow2.maqet/*.qcow2 | head -1)
touch -d '2001-01-01' "$frozen"
expect 3 maqet snapshot based convert hdd internal
err_has "$frozen, on which other images stand, was written to"
# An encrypted drive, whose overlays would not be.
printf 'open sesame' >key
chmod 600 key
vm_yaml secret <<END
storage:
- {name: hdd, type: qcow2, file: secret.qcow2, size: 1M, encryption: {format: luks, key_file: key}}
END
expect 0 maqet add secret.yaml
expect 0 maqet start secret
expect 0 maqet stop secret --timeout 0 --force
expect 0 maqet snapshot secret create hdd one
expect 3 maqet snapshot secret convert hdd overlay
err_has 'the drive is encrypted, and overlays are not'

# ---- failures: nothing of it is left ----

state_of web hdd hdd.qcow2 >wanted
expect 0 maqet snapshot web create hdd a
write hdd.qcow2 1 0 64k
expect 0 maqet snapshot web create hdd b
state_of web hdd hdd.qcow2 >wanted
fails() { # KIND PATTERN
    wrap_qemu_img "$2" 'echo "No space left on device" >&2; exit 1'
    wrapped expect 1 maqet snapshot web convert hdd "$1"
    err_has 'No space left on device'
    same '' "$(ls -A | grep maqet-)" 'what is left'
    [ ! -e data/vms/web/pending.json ] || fail 'the job is pending'
    state_of web hdd hdd.qcow2 >got
    same "$(cat wanted)" "$(cat got)" "what is there after a failure at $2"
}
fails overlay '*rebase*-p*'
fails overlay '*rebase*-u*'
converts web hdd hdd.qcow2 overlay
fails internal '*commit*'
fails internal '*snapshot*-c*b*'
converts web hdd hdd.qcow2 internal
