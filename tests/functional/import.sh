#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet import: an image of another program becomes a VM with the same content, whatever its format;
# files that it names are not read unless the user says so; a format is never guessed wrong; and
# nothing stays of an import that fails, is interrupted or killed.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io strace
umask 022
mkdir work from

# A disk with a boot record, data here and there, and a part of a sector at its end.
truncate -s 5M from/disk
printf '\125\252' | dd of=from/disk bs=1 seek=510 conv=notrunc status=none
for at in 1 7 30 63; do
    head -c 33k /dev/urandom | dd of=from/disk bs=64k seek=$at conv=notrunc status=none
done
cd work

# imported IMAGE NAME OPTION...: it succeeds, and the image is as it was; the VM has what the disk has.
imported() {
    image=$1
    name=$2
    shift 2
    before=$(stat -c '%i %s %Y %Z' "$image")
    expect 0 maqet import "$image" --name "$name" "$@"
    same "$before" "$(stat -c '%i %s %Y %Z' "$image")" "what imported $image is"
}
contains() { # IMAGE FORMAT
    qemu-img compare -q -f raw -F "$2" "$TMP/from/disk" "$1" || fail "$1 has another content"
}
removed() { # VM
    expect 0 maqet rm "$1" --delete-storage --yes
    rm -f "$1.yaml"
    same '' "$(ls -A)" "what is left of VM $1"
}
nothing_left() {
    same '' "$(ls -A)" "what a failed import leaves"
    same '' "$(maqet --format plain ls)" "the VMs after a failed import"
}
refused() { # CODE MESSAGE IMAGE OPTION...
    code=$1
    message=$2
    shift 2
    expect "$code" maqet import "$@" --name vm
    err_has "$message"
    nothing_left
}

# ---- every format ----

for format in vmdk vdi vhdx vpc qcow2 qed parallels; do
    qemu-img convert -f raw -O $format ../from/disk ../from/$format 2>/dev/null || continue
    imported ../from/$format vm
    out_has "($format, "
    grep -q 'file: vm.qcow2' vm.yaml || fail "the file does not name the disk: $(cat vm.yaml)"
    # Some formats have whole cylinders or blocks only.
    qemu-img convert -f qcow2 -O raw vm.qcow2 ../got
    qemu-img convert -f $format -O raw ../from/$format ../right
    cmp ../right ../got || fail "$format: another content"
    cmp -n 5242880 ../from/disk ../got || fail "$format: not the content of the disk"
    same 600 "$(stat -c %a vm.qcow2)" "the mode of the disk"
    sound vm.qcow2
    rm ../got ../right
    removed vm
done
for option in streamOptimized monolithicSparse; do
    qemu-img convert -f raw -O vmdk -o subformat=$option ../from/disk ../from/$option.vmdk
    imported ../from/$option.vmdk vm
    contains vm.qcow2 qcow2
    removed vm
done
qemu-img convert -f raw -O qcow2 -c ../from/disk ../from/packed.qcow2
imported ../from/packed.qcow2 vm --type raw
contains vm.raw raw
removed vm

# What has no header is a disk if it begins with a boot record, or the user says so.
imported ../from/disk vm
contains vm.qcow2 qcow2
removed vm
head -c 1M /dev/urandom >../from/noise
refused 3 'does not begin with a boot record' ../from/noise
err_has '--format raw'
imported ../from/noise vm --format raw
removed vm
qemu-img convert -f raw -O vpc -o subformat=fixed ../from/disk ../from/fixed
refused 3 "ends like an image of the format 'vpc'" ../from/fixed
imported ../from/fixed vm --format vpc
qemu-img convert -f qcow2 -O raw vm.qcow2 ../got
cmp -n 5242880 ../from/disk ../got || fail "a fixed vpc image has another content"
removed vm
# A plain disk whose guest has written such a header is not taken for that if the user says so.
imported ../from/qcow2 vm --format raw
qemu-img compare -q -f raw -F qcow2 ../from/qcow2 vm.qcow2 || fail "it was not taken as plain"
removed vm
refused 3 'nonsense' ../from/qcow2 --format nonsense
refused 3 'Image not in' ../from/noise --format qed

# ---- what the VM has ----

mkdir ../disks
imported ../from/vmdk vm --interface sata --memory 512M --vcpus 1 --disk ../disks/d.qcow2
expect 0 maqet args vm
out_has '"driver":"ide-hd"'
expect 0 maqet start vm
expect 0 maqet stop vm --timeout 0 --force
contains ../disks/d.qcow2 qcow2
expect 3 maqet import ../from/vmdk --name vm
err_has "There is a VM 'vm' already"
expect 3 maqet import ../from/vmdk --name other --disk ../disks/d.qcow2
err_has 'exists already'
contains ../disks/d.qcow2 qcow2
removed vm
same '' "$(ls -A ../disks)" "what is left of the disk"
touch vm.qcow2
expect 3 maqet import ../from/vmdk --name vm
err_has "$TMP/work/vm.qcow2, which would be the VM's disk, exists already"
same vm.qcow2 "$(ls -A)" "what a refused import leaves"
rm vm.qcow2
refused 3 "There is no interface plugin 'usb'" ../from/vmdk --interface usb
refused 3 'no images of its own' ../from/vmdk --type virtfs
qemu-img snapshot -c one ../from/qcow2
imported ../from/qcow2 vm
err_has 'has 1 snapshot, which will not be imported'
removed vm

# ---- files that it names ----

printf 'a secret of this host' >../secret
truncate -s 1M ../secret
qemu-img create -q -f qcow2 -b "$TMP/secret" -F raw ../from/hostile.qcow2
refused 3 "names further files: $TMP/secret" ../from/hostile.qcow2
err_has "--with $TMP/secret"
qemu-img create -q -f qcow2 -o data_file="$TMP/data-file" ../from/data.qcow2 1M
cp ../secret ../data-file
refused 3 'names further files' ../from/data.qcow2
cat >../from/hostile.vmdk <<END
# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"
RW 2048 FLAT "$TMP/secret" 0
ddb.adapterType = "ide"
END
strace -f -qq -o ../trace -e trace=openat -P "$TMP/secret" \
    "$MAQET" import ../from/hostile.vmdk --name vm 2>../err && fail "a hostile image was imported"
grep -q 'Permission denied' ../err || fail "it was refused for another reason: $(cat ../err)"
grep 'openat.*) = [0-9]' ../trace && fail "it was opened"
nothing_left
# A file that every program may read is not imported, either.
sed "s|$TMP/secret|/usr/bin/env|; s/2048/16/" ../from/hostile.vmdk >../from/hostile2.vmdk
refused 3 'names further files: /usr/bin/env' ../from/hostile2.vmdk
# The same image if the user says so; and one whose backing file is allowed.
imported ../from/hostile.vmdk vm --with ../secret
qemu-img compare -q -f raw -F qcow2 ../secret vm.qcow2 || fail "an allowed file was not read"
removed vm
imported ../from/hostile.qcow2 vm --with ../secret
qemu-img compare -q -f raw -F qcow2 ../secret vm.qcow2 || fail "an allowed backing file was not read"
removed vm
qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat ../from/disk ../from/flat.vmdk
refused 3 'Permission denied' ../from/flat.vmdk
err_has '--with'
imported ../from/flat.vmdk vm --with ../from/flat-flat.vmdk
contains vm.qcow2 qcow2
removed vm
printf 'a passphrase' >../key
chmod 600 ../key
create_encrypted -f qcow2 --object secret,id=key,file=../key \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 ../from/crypt.qcow2 1M
refused 3 'is encrypted' ../from/crypt.qcow2

# ---- somebody writes to it ----

exec 9<>../from/vdi
refused 1 "from/vdi is open for writing" ../from/vdi
exec 9>&-
# It is written to while it is read.
wrap_qemu_img '*convert*' "sleep 0.01; touch '$TMP/from/vdi'"
expect 1 wrapped maqet import ../from/vdi --name vm
err_has 'was written to or replaced while it was copied'
nothing_left
imported ../from/vdi vm
removed vm

# ---- failures ----

wrap_qemu_img '*convert*' 'echo "No space left on device" >&2; exit 1'
expect 1 wrapped maqet import ../from/vdi --name vm
err_has 'No space left'
nothing_left
expect 3 maqet import ../from/vdi
err_has '--name NAME is missing'
refused 3 'No such file' ../from/none
refused 3 'it is a folder' ../from
: >../from/empty
refused 3 'empty' ../from/empty --format raw

# Killed at ever later system calls, and interrupted: as if nothing had been begun, or all is done.
stopped_at() { # SIGNAL STEP
    code=0
    traced openat,write,renameat2,rename,unlink,unlinkat "signal=$1:when=$2" import ../from/vdi --name vm >../out 2>../err || code=$?
}
# The YAML file may be left, with the copy by which the next attempt recognises it.
is_gone() {
    case "$(echo $(ls -A))" in
    '' | '.vm.yaml.maqet-new' | '.vm.yaml.maqet-new vm.yaml') ;;
    *) return 1 ;;
    esac
}
is_made() {
    case "$(echo $(ls -A))" in
    "vm.qcow2 vm.yaml" | ".vm.yaml.maqet-new vm.qcow2 vm.yaml") ;;
    *) return 1 ;;
    esac
}
for signal in KILL INT; do
    step=20
    while :; do
        stopped_at $signal $step
        [ $code -ne 0 ] || break
        if [ -e "$TMP/data/vms/vm/vm.json" ]; then
            eventually 10 is_made
            rm -f .vm.yaml.maqet-new
            contains vm.qcow2 qcow2
            expect 0 maqet start vm
            expect 0 maqet stop vm --timeout 0 --force
            expect 0 maqet rm vm --yes
            rm -f vm.yaml vm.qcow2
        else
            eventually 10 is_gone
        fi
        step=$((step * ${MAQET_TEST_STRIDE:-2} + 1))
    done
    removed vm
done
