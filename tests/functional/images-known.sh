#!/bin/sh
# SPDX-License-Identifier: MIT
# An image is known again by what it is: under another name, by another drive, in another data
# folder, and where no record of it was kept.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires setfattr

started() { # VM
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    halt "$1"
}
halt() {
    expect 0 maqet stop "$1" --timeout 0 --force
}

# Renamed, it is still one that maqet created, and goes with its machine.
vm_yaml named <<YAML
storage:
  - {name: d, size: 1M, file: named.qcow2}
YAML
started named
mv named.qcow2 renamed.qcow2
sed 's/named.qcow2/renamed.qcow2/' named.yaml >renamed.yaml
expect 0 maqet apply named renamed.yaml
expect 0 maqet start named
err_lacks Creating
halt named
expect 0 maqet rm named --yes --delete-storage
removed "$TMP/renamed.qcow2"

# A drive gets another name and a misspelt path at once; its image was moved.
mkdir disk
vm_yaml drive <<YAML
storage:
  - {name: root, size: 1M, file: disk/root.qcow2}
  - {name: data, size: 1M, file: disk/data.qcow2}
YAML
started drive
mv disk away
mkdir disk
expect 3 maqet start drive
err_has "the image $TMP/disk/root.qcow2 is missing"
err_has "missing as well: $TMP/disk/data.qcow2 (drive 'data')"
sed 's|root, size: 1M, file: disk/root|system, size: 1M, file: awya/root|; s|disk/data|away/data|' \
    drive.yaml >other.yaml
expect 0 maqet apply drive other.yaml
expect 3 maqet start drive
err_has "there is no image $TMP/awya/root.qcow2, and $TMP/disk/root.qcow2, which the VM's drive 'root' had, is missing too"
err_lacks Creating
mkdir awya
expect 0 maqet start drive --create-missing
err_has "Creating qcow2 storage file: $TMP/awya/root.qcow2"
halt drive
# It was agreed to go on without, and is not forgotten all the same.
expect 0 maqet start drive
halt drive
expect 0 maqet storage ls
out_has "$TMP/disk/root.qcow2"
mv away/root.qcow2 disk/
expect 0 maqet storage rm --yes disk/root.qcow2
[ ! -e disk/root.qcow2 ] || fail "it is still there"

# What a removed machine left on a disk that isn't mounted is not made anew for another one;
# what was deleted is. A folder on another device stands for the disk.
far=$(mktemp -d /dev/shm/maqet-XXXXXX)
cleanup_fn "rm -rf '$far'"
if [ "$(stat -c %d "$far")" != "$(stat -c %d "$TMP")" ]; then
    ln -s "$far" mnt
    vm_yaml left <<YAML
storage:
  - {name: d, size: 1M, file: mnt/left.qcow2}
YAML
    started left
    expect 0 maqet rm left --yes
    rm mnt
    mkdir mnt
    expect 0 maqet add left.yaml
    expect 3 maqet start left
    err_has "the image $TMP/mnt/left.qcow2 is missing; it was last there on 2"
    err_lacks Creating
    rmdir mnt
    ln -s "$far" mnt
    expect 0 maqet start left
    err_lacks Creating
    halt left
    expect 0 maqet rm left --yes
    rm mnt/left.qcow2
    started left
    expect 0 maqet rm left --yes --delete-storage
fi

# A machine that ran before there were records: what it had may have been there.
vm_yaml old <<YAML
storage:
  - {name: d, size: 1M, file: old.qcow2}
  - {name: e, size: 1M, file: used.qcow2}
YAML
started old
# Its list of created images is taken over.
tr -d '\n ' <data/vms/old/images.json |
    sed 's/.*\("path":"[^"]*old.qcow2","device":[0-9]*,"inode":[0-9]*,"birth":[0-9]*\).*/[{\1}]/' \
        >data/vms/old/created.json
rm data/vms/old/images.json
mv used.qcow2 used
expect 3 maqet start old
err_has "the image $TMP/used.qcow2 is missing; the VM was started before, by a maqet that kept no record of images, so it may have been there"
mv used used.qcow2
expect 0 maqet start old
halt old
expect 0 maqet rm old --yes --delete-storage
removed "$TMP/old.qcow2"
kept "$TMP/used.qcow2" "not created by maqet"

# What is agreed to is what was asked: an image of a drive that was detached is not forgotten.
mkdir usb
qemu-img create -q -f qcow2 usb/mine.qcow2 1M
vm_yaml two <<YAML
storage:
  - {name: d, size: 1M, file: two.qcow2}
  - {name: u, size: 1M, file: usb/mine.qcow2}
YAML
started two
sed '/usb/d' two.yaml >one.yaml
expect 0 maqet apply two one.yaml
mv usb/mine.qcow2 mine.qcow2
rm two.qcow2
expect 0 maqet start two --create-missing
halt two
expect 0 maqet apply two two.yaml
expect 3 maqet start two
err_has "the image $TMP/usb/mine.qcow2 is missing"
mv mine.qcow2 usb/
# A drive that is new to a running machine is made when that restarts.
expect 0 maqet start two
sed 's/^  - {name: u/  - {name: new, size: 1M, file: new.qcow2}\n&/' two.yaml >three.yaml
expect 0 maqet apply two three.yaml
expect 0 maqet restart two --timeout 0 --force
err_has "Creating qcow2 storage file: $TMP/new.qcow2"
# Two images change names.
halt two
mv two.qcow2 swapped.qcow2
mv new.qcow2 two.qcow2
mv swapped.qcow2 new.qcow2
expect 0 maqet start two
err_lacks Creating
halt two
expect 0 maqet rm two --dry-run --delete-storage
removed "$TMP/two.qcow2"
removed "$TMP/new.qcow2"
# A new drive gets the name of an image that another drive has under a new one.
mv two.qcow2 big.qcow2
sed 's/name: d, size: 1M, file: two/name: e, size: 1M, file: two/; s/^  - {name: u/  - {name: d, size: 1M, file: big.qcow2}\n&/' \
    two.yaml >swap.yaml
expect 0 maqet apply two swap.yaml
expect 0 maqet start two
err_has "Creating qcow2 storage file: $TMP/two.qcow2"
halt two
expect 0 maqet rm two --yes --delete-storage
removed "$TMP/two.qcow2"
removed "$TMP/big.qcow2"
kept "$TMP/usb/mine.qcow2" "not created by maqet"

# Of another kind than what is new now: an installation medium that was deleted.
truncate -s 1M cd.iso
vm_yaml iso <<YAML
storage:
  - {name: cd, type: raw, interface: sata, media: cdrom, file: cd.iso}
YAML
started iso
rm cd.iso
vm_yaml iso <<YAML
storage:
  - {name: d, size: 1M, file: iso.qcow2}
YAML
expect 0 maqet apply iso iso.yaml
expect 0 maqet start iso
halt iso
expect 0 maqet rm iso --yes

# A start that fails, since another machine writes to the base, leaves nothing of the overlay. An
# overlay that was kept and then replaced by an image without a base depends on nothing.
vm_yaml below <<YAML
storage:
  - {name: d, size: 1M, file: below.qcow2}
YAML
vm_yaml above <<YAML
storage:
  - {name: d, type: qcow2, file: above.qcow2, backing_file: below.qcow2, backing_format: qcow2}
YAML
expect 0 maqet add below.yaml
expect 0 maqet start below
expect 0 maqet add above.yaml
expect 1 maqet start above
err_has "drive 'd': the image $TMP/below.qcow2 is in use by QEMU of VM 'below'"
[ ! -e above.qcow2 ] || fail "it was made all the same"
expect 0 maqet restart below --timeout 0 --force
halt below
expect 0 maqet start above
halt above
expect 3 maqet start below
expect 0 maqet rm above --yes
expect 3 maqet start below
err_has "is the backing file of the image $TMP/above.qcow2, which no VM uses"
# As much when it comes back from a backup, and is another file.
cp above.qcow2 backup.qcow2
mv backup.qcow2 above.qcow2
expect 3 maqet start below
cp data/images.json saved.json
echo '{' >data/images.json
expect 1 maqet start below
cp saved.json data/images.json
rm above.qcow2
qemu-img create -q -f qcow2 above.qcow2 1M
expect 0 maqet start below
halt below
sed 's/, backing_file.*/}/' above.yaml >alone.yaml
expect 0 maqet add alone.yaml
expect 0 maqet start above
halt above
expect 0 maqet rm below above --yes

# What cannot be written down is seen to before anything is deleted.
vm_yaml gone <<YAML
storage:
  - {name: d, size: 1M, file: gone.qcow2}
YAML
started gone
cp data/images.json saved.json
echo '{' >data/images.json
expect 1 maqet rm gone --yes --delete-storage
err_has "data/images.json is damaged"
[ -e gone.qcow2 ] || fail "the image was deleted all the same"
cp saved.json data/images.json
# Whether a machine that cannot be read uses an image isn't known.
expect 0 maqet rm gone --yes
cp data/vms/drive/vm.json vm.json
echo '{' >data/vms/drive/vm.json
expect 0 maqet storage ls --format json
tr -d '\n ' <out | grep -q "\"path\":\"$TMP/gone.qcow2\"[^}]*\"state\":\"unknown\"" ||
    fail "not unknown: $(cat out)"
expect 3 maqet storage rm --yes gone.qcow2
err_has "$TMP/gone.qcow2 is kept: the definition of VM 'drive', which may use it, cannot be read"
cp vm.json data/vms/drive/vm.json
expect 0 maqet storage rm --yes gone.qcow2

# Files of others in a machine's folder, whatever their names look like.
mkdir -p data/vms/drive/checkpoints
for stray in 'mkfifo started.fifo' 'ln -s /dev/null lock.link' 'touch checkpoints/notes.json' \
    'mkdir checkpoints/a.state'; do
    (cd data/vms/drive && $stray)
    file=${stray##* }
    expect 3 maqet rm drive --yes --delete-storage
    err_has "$file does not belong to maqet"
    [ -e away/data.qcow2 ] || fail "$file: an image was deleted first"
    rm -rf "data/vms/drive/$file"
done

# A machine of another data folder. Where the file system keeps no marks, it cannot be known.
truncate -s 1M probe
if setfattr -n user.test -v 1 probe 2>/dev/null; then
    vm_yaml base <<YAML
storage:
  - {name: d, size: 1M, file: base.qcow2}
YAML
    started base
    vm_yaml over <<YAML
storage:
  - {name: d, type: qcow2, file: over.qcow2, backing_file: base.qcow2, backing_format: qcow2}
YAML
    there() { maqet --data-dir "$TMP/there" "$@"; }
    expect 0 there add over.yaml
    expect 0 there start over
    expect 0 there stop over --timeout 0 --force
    expect 3 maqet start base
    err_has "$TMP/base.qcow2 is the backing file of the image $TMP/over.qcow2 of VM 'over', drive 'd'"
    expect 0 maqet rm base --yes --delete-storage
    kept "$TMP/base.qcow2" "VM 'over' uses it (in $TMP/there)"
    expect 3 maqet storage rm --yes base.qcow2
    [ -e base.qcow2 ] || fail "a base was deleted"
    # Used, and not created, by the other one.
    started named
    expect 0 there add named.yaml
    expect 0 there start named
    expect 0 there stop named --timeout 0 --force
    expect 0 maqet rm named --yes --delete-storage
    kept "$TMP/named.qcow2" "VM 'named' uses it (in $TMP/there)"
    # However many folders use it, and whatever becomes of their machines.
    started named
    expect 0 there start named
    expect 0 there stop named --timeout 0 --force
    expect 0 maqet start named
    halt named
    expect 0 maqet rm named --yes --delete-storage
    kept "$TMP/named.qcow2" "created by maqet for another VM 'named', which is gone"
    expect 3 maqet storage rm --yes named.qcow2
    err_has "VM 'named' uses it (in $TMP/there)"
    expect 0 there rm over --yes
    expect 0 maqet add base.yaml
    expect 3 maqet start base
    err_has "$TMP/base.qcow2 is the backing file of the image $TMP/over.qcow2, which no VM uses"
    # A copy of an image takes the marks along, and belongs to nobody.
    cp --preserve=xattr named.qcow2 copy.qcow2
    expect 3 maqet storage rm --yes copy.qcow2
    err_has "copy.qcow2 is not an image that maqet created"
    expect 0 there rm named --yes
    expect 0 maqet storage rm --yes named.qcow2
    # Neither a copy of a data folder nor another host owns what the original does, which may be
    # on a disk that isn't mounted.
    vm_yaml own <<YAML
storage:
  - {name: d, size: 1M, file: own.qcow2}
YAML
    started own
    cp -a data copy
    mv data away.data
    expect 0 maqet --data-dir "$TMP/copy" start own
    expect 0 maqet --data-dir "$TMP/copy" stop own --timeout 0 --force
    expect 0 maqet --data-dir "$TMP/copy" rm own --yes --delete-storage
    kept "$TMP/own.qcow2" "created by maqet for VM 'own' in $TMP/data, which is not there now"
    mkdir empty
    expect 3 maqet --data-dir "$TMP/empty" storage rm --yes own.qcow2
    err_has "for VM 'own' in $TMP/data, which is not there now"
    mv away.data data
    getfattr --only-values -n user.maqet own.qcow2 >mark
    sed 's/"host": *"[^"]*"/"host": "another"/' mark >far.mark
    # A system that has never been booted has no id.
    if grep -qsx '[0-9a-f]*' /etc/machine-id; then
        ! cmp -s mark far.mark || fail "the mark does not name the host: $(cat mark)"
        setfattr -n user.maqet -v "$(cat far.mark)" own.qcow2
        expect 0 maqet rm own --yes --delete-storage
        kept "$TMP/own.qcow2" "created by maqet for VM 'own' on another host"
        expect 3 maqet storage rm --yes own.qcow2
    fi
fi
