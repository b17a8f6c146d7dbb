#!/bin/sh
# SPDX-License-Identifier: MIT
# What overlay snapshots are refused for, and that no guest runs on nodes that have changed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img qemu-io

vm_yaml vm <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M, snapshots: overlay}
END
vm_yaml plain <<'END'
storage:
- {name: hdd, type: raw, file: hdd.raw, size: 1M}
END
expect 0 maqet add vm.yaml
expect 0 maqet add plain.yaml

# Without the key, a raw image has no snapshots, and the key is the hint.
expect 3 maqet snapshot plain create hdd one
err_has 'which does not support snapshots'
err_has 'add `snapshots: overlay`'
expect 3 maqet snapshot vm create hdd early
err_has 'does not exist'
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
qemu-io -f raw -c 'write -P 1 0 64k' hdd.raw >/dev/null

# A snapshot freezes the file, also for other machines that have it.
expect 0 maqet snapshot vm create hdd one
same 400 "$(stat -c %a hdd.raw)" "permissions of a frozen file"
expect 3 maqet start plain
err_has 'has overlay snapshots, which the configuration does not say'
err_has 'Add `snapshots: overlay`'
expect 3 maqet apply vm plain.yaml
expect 0 maqet snapshot vm create hdd two
expect 0 maqet validate vm.yaml

# Whatever happens to a file that the present state stands on, no guest gets to see it: not by a
# load, nor by a start, nor by being attached to a machine that runs. The file is the image itself, a
# frozen overlay, or the one that is loaded. Nor does anybody get a copy of it.
vm_yaml other <<'END'
END
expect 0 maqet add other.yaml
expect 0 maqet start other
spoil() { # WAY FILE
    chmod 600 "$2"
    case $1 in
    written) printf x | dd of="$2" conv=notrunc bs=1 seek=1000 status=none ;;
    'written to, with its date')
        date=$(stat -c %y "$2")
        printf x | dd of="$2" conv=notrunc bs=1 seek=1000 status=none
        touch -d "$date" "$2"
        ;;
    'written to by a guest') qemu-io -f "$3" -c 'write -P 9 0 64k' "$2" >/dev/null ;;
    truncated) truncate -s -512 "$2" ;;
    grown) truncate -s +64K "$2" ;;
    emptied) : >"$2" ;;
    gone) rm "$2" ;;
    'a folder') rm "$2" && mkdir "$2" ;;
    'a socket of nobody') rm "$2" && mkfifo "$2" ;;
    'a link to another')
        mv "$2" moved
        printf y | dd of=moved conv=notrunc bs=1 seek=5 status=none
        ln -s "$TMP/moved" "$2"
        ;;
    'a dangling link') rm "$2" && ln -s gone "$2" ;;
    'of another date') touch -d 2001-01-01 "$2" ;;
    'another image') rm "$2" && qemu-img create -q -f "$3" "$2" 1M ;;
    esac
}
refused() { # WAY FILE COMMAND...
    way=$1 file=$2
    shift 2
    code=0
    maqet "$@" >out 2>err || code=$?
    [ "$code" -ne 0 ] && [ "$code" -lt 126 ] || fail "$*, with $file, which is $way: exit code $code"
    # What is no qcow2 image any more is said of the overlay on it, or of itself.
    grep -qF "${file%%.maqet*}" err || fail "$*: $file, which is $way, is not named: $(cat err)"
    refusals=$((refusals + 1))
}
refusals=0
for type in raw qcow2; do
    image=disk.$type
    vm_yaml $type <<END
storage:
- {name: hdd, type: $type, file: $image, size: 1M, snapshots: overlay}
END
    expect 0 maqet add $type.yaml
    expect 0 maqet start $type
    expect 0 maqet stop $type --timeout 0 --force
    qemu-io -f $type -c 'write -P 1 0 64k' $image >/dev/null
    for name in one two three; do expect 0 maqet snapshot $type create hdd $name; done
    rm -rf images
    mkdir images
    cp -pr $image $image.maqet images
    for file in $image:$type $image.maqet/1.qcow2:qcow2 $image.maqet/3.qcow2:qcow2; do
        format=${file#*:} file=${file%:*}
        for way in written 'written to, with its date' 'written to by a guest' truncated grown emptied \
            gone 'a folder' 'a socket of nobody' 'a link to another' 'a dangling link' \
            'of another date' 'another image'; do
            spoil "$way" "$file" "$format"
            refused "$way" "$file" snapshot $type load hdd three --yes
            [ ! -e data/vms/$type/pending.json ] || fail "a load that was refused is pending: $way"
            refused "$way" "$file" snapshot $type export hdd three copy.raw --format raw
            if [ "$file" != $image.maqet/3.qcow2 ]; then
                refused "$way" "$file" start $type
                same stopped "$(vm_status $type | sed 's/crashed/stopped/')" "$way"
            fi
            if [ "$file" = $image ]; then
                refused "$way" "$file" attach other --name hdd --type $type file=$image \
                    snapshots=overlay
            fi
            rm -rf $image $image.maqet moved
            cp -pr images/$image images/$image.maqet .
        done
    done
    # Other commands that read such a file, also while QEMU has it open.
    for file in $image $image.maqet/1.qcow2; do
        for state in stopped running; do
            [ $state = stopped ] || expect 0 maqet start $type
            spoil written "$file"
            way="written, while the VM is $state"
            refused "$way" "$file" snapshot $type export hdd three copy.raw --format raw
            refused "$way" "$file" clone $type copy --full
            refused "$way" "$file" clone $type copy --linked
            refused "$way" "$file" clone $type copy --full --from three
            refused "$way" "$file" clone $type copy --from three
            if [ $state = stopped ]; then
                refused "$way" "$file" export $type hdd copy.raw --format raw
                refused "$way" "$file" backup $type create backups
                refused "$way" "$file" compact $type hdd
                refused "$way" "$file" snapshot $type create hdd more
                refused "$way" "$file" snapshot $type delete hdd two
            fi
            [ -z "$(find . -name 'copy*')" ] || fail "left: $(find . -name 'copy*')"
            [ $state = stopped ] || expect 0 maqet stop $type --timeout 0 --force
            rm -rf $image $image.maqet
            cp -pr images/$image images/$image.maqet .
        done
    done
    # As it was, all of it works.
    expect 0 maqet start $type
    expect 0 maqet checkpoint $type create moment
    expect 0 maqet stop $type --timeout 0 --force
    expect 0 maqet checkpoint $type verify moment
    expect 0 maqet snapshot $type export hdd three copy.raw --format raw
    # What a checkpoint stands on, as well.
    spoil written $image.maqet/3.qcow2
    way="written, and needed by a checkpoint"
    refused "$way" $image.maqet/3.qcow2 checkpoint $type verify moment
    refused "$way" $image.maqet/3.qcow2 checkpoint $type load moment --yes
    refused "$way" $image.maqet/3.qcow2 run $type --from moment --discard -- true
    refused "$way" $image.maqet/3.qcow2 fork $type copy --from moment
    same stopped "$(vm_status $type)" "the VM"
    rm copy.raw
done
echo "$refusals refusals"
expect 0 maqet stop other --timeout 0 --force

# A change can be accepted, if one knows better. The same content at another place is the same.
cp -pr hdd.raw hdd.raw.maqet "$TMP/images"
restore() {
    rm -rf hdd.raw hdd.raw.maqet
    cp -pr images/hdd.raw images/hdd.raw.maqet .
}
touch -d '2001-01-01' hdd.raw
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
restore
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
# Also of what the guest does not stand on now.
expect 0 maqet snapshot vm create hdd accepted
expect 0 maqet snapshot vm list hdd
first=$(sed -n 's/^- \([^ ]*\) (.*/\1/p' out | head -n 1)
expect 0 maqet snapshot vm load hdd "$first" --yes
touch -d '2001-01-01' hdd.raw hdd.raw.maqet/*.qcow2
expect 3 maqet snapshot vm load hdd accepted --yes
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm load hdd accepted --yes
expect 0 maqet snapshot vm delete hdd accepted
restore

# Without its tree, it is not known what stands on what.
cp hdd.raw.maqet/tree.json tree
echo '{' >hdd.raw.maqet/tree.json
expect 1 maqet start vm
err_has 'tree.json'
sed 's/"parent":1/"parent":3/' tree >hdd.raw.maqet/tree.json
expect 1 maqet snapshot vm list hdd
err_has 'is damaged'
sed 's/"format":1/"format":2/' tree >hdd.raw.maqet/tree.json
expect 1 maqet start vm
sed 's/\("file": *\)"[0-9]*[.]qcow2"/\1"1.qcow2"/' tree >hdd.raw.maqet/tree.json
cmp -s tree hdd.raw.maqet/tree.json && fail 'no file was changed in the tree'
expect 1 maqet snapshot vm list hdd
err_has 'is damaged'
# Nor if it is lost: nothing is created in its place, and no file is removed.
# Whether anything may write to the image says nothing about it.
rm hdd.raw.maqet/tree.json
for mode in u-w u+w; do
    chmod $mode hdd.raw
    ls -l hdd.raw hdd.raw.maqet >before
    for command in 'start vm' 'snapshot vm list hdd' 'snapshot vm create hdd other' 'snapshot vm delete hdd one'; do
        # shellcheck disable=SC2086
        expect 1 maqet $command
        err_has 'tree.json is missing, but there are overlays'
        err_has 'Or, if nobody needs those overlays, move them to another folder'
    done
    ls -l hdd.raw hdd.raw.maqet | diff before - || fail "a file has changed without the tree, $mode"
done
chmod u-w hdd.raw
cp tree hdd.raw.maqet/tree.json
expect 0 maqet snapshot vm list hdd

# One of an earlier time does not know what was written since: nothing is removed, and nothing is written.
expect 0 maqet snapshot vm create hdd newer
newest=hdd.raw.maqet/$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' hdd.raw.maqet/tree.json).qcow2
qemu-io -f qcow2 -c 'write -P 7 0 64k' "$newest" >/dev/null
cp hdd.raw.maqet/tree.json latest
cp tree hdd.raw.maqet/tree.json
ls -l hdd.raw hdd.raw.maqet >before
for command in 'start vm' 'snapshot vm list hdd' 'snapshot vm create hdd other' 'snapshot vm delete hdd one' \
    'snapshot vm load hdd one --yes' 'clone vm copy' 'compact vm hdd' 'export vm hdd copy.raw'; do
    # shellcheck disable=SC2086
    expect 1 maqet $command
    err_has "tree.json is older than the overlay $TMP/$newest"
done
ls -l hdd.raw hdd.raw.maqet | diff before - || fail 'a file has changed under an older tree'
cp latest hdd.raw.maqet/tree.json
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
qemu-io -r -f qcow2 -c 'read -P 7 0 64k' "$newest" | grep failed && fail 'something is lost'
# What somebody else has put there is neither an error, nor is it removed.
for file in 1.qcow2.bak 2.qcow2.bak 02.qcow2 0.qcow2 2. 999.qcow2.bak 99999999999999999999999.qcow2; do
    echo mine >hdd.raw.maqet/$file
done
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
expect 0 maqet snapshot vm delete hdd newer
for file in 1.qcow2.bak 2.qcow2.bak 02.qcow2 0.qcow2 2. 999.qcow2.bak 99999999999999999999999.qcow2; do
    same mine "$(cat hdd.raw.maqet/$file)" "a file of somebody else, $file"
    rm hdd.raw.maqet/$file
done

# One kind of snapshots for each drive, and none that would not be encrypted.
vm_yaml mixed <<'END'
storage:
- {name: hdd, type: qcow2, file: mixed.qcow2, size: 1M}
END
expect 0 maqet add mixed.yaml
expect 0 maqet start mixed
expect 0 maqet stop mixed --timeout 0 --force
expect 0 maqet snapshot mixed create hdd internal
expect 0 maqet apply mixed mixed.yaml --set storage.hdd.snapshots=overlay
for command in 'start mixed' 'snapshot mixed list hdd' 'snapshot mixed create hdd overlay'; do
    # shellcheck disable=SC2086
    expect 3 maqet $command
    err_has 'has internal snapshots, which cannot be mixed with overlays'
    err_has 'remove `snapshots: overlay`'
    err_has 'maqet snapshot mixed convert hdd overlay'
done
(umask 077 && echo secret >key)
vm_yaml locked <<'END'
storage:
- {name: hdd, type: qcow2, file: locked.qcow2, size: 1M, snapshots: overlay, encryption: {format: luks, key_file: key}}
END
expect 0 maqet add locked.yaml
expect 0 maqet start locked
expect 0 maqet stop locked --timeout 0 --force
expect 3 maqet snapshot locked create hdd one
err_has 'the drive is encrypted, and overlays are not'

# With the image, its overlays are deleted: by rm, and later by `storage rm`.
for how in --delete-storage --yes; do
    vm_yaml fresh <<'END'
storage:
- {name: hdd, type: raw, file: fresh.raw, size: 1M, snapshots: overlay}
END
    expect 0 maqet add fresh.yaml
    expect 0 maqet start fresh
    expect 0 maqet snapshot fresh create hdd one --live
    expect 0 maqet stop fresh --timeout 0 --force
    [ -e fresh.raw.maqet/tree.json ] || fail "there are no overlays"
    expect 0 maqet rm fresh $how --yes
    [ $how = --delete-storage ] || expect 0 maqet storage rm "$TMP/fresh.raw" --yes
    [ ! -e fresh.raw ] || fail "the image is left: $(cat out)"
    [ ! -e fresh.raw.maqet ] || fail "overlays are left: $(ls fresh.raw.maqet)"
done
