#!/bin/sh
# SPDX-License-Identifier: MIT
# Something that a definition names is gone: only what needs it fails, whether the machine
# runs or not. Each thing that may be absent meets each command.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required

# The plugins can be removed, too.
mkdir plugins
cp "$abs_top_builddir"/.libs/maqet-*.so plugins
MAQET=$abs_top_builddir/maqet MAQET_PLUGIN_PATH=$TMP/plugins
export MAQET MAQET_PLUGIN_PATH
export QEMU=qemu-system-x86_64

# The machine $vm: the drive `good`, and what $drives and $more say.
define() {
    {
        printf 'name: %s\nbinary: %s\naccel: tcg\nmemory: 64M\ndisplay: none\n%s\n' \
            "$vm" "${binary:-$QEMU}" "$more"
        printf 'storage:\n  - {name: good, size: 4M, file: images/%s-good.qcow2}\n' "$vm"
        [ -z "$drives" ] || printf '  - %s\n' "$drives"
    } >"$vm.yaml"
}

# What is absent, and how it goes and comes again; `bad` is the drive that needs it.
thing() { # NAME
    drives='' more='' binary='' bad=bad reason='No such file'
    case $1 in
    share)
        mkdir -p share
        drives='{name: bad, type: virtfs, path: share}'
        gone() { mv share away; }; back() { mv away share; }
        ;;
    key)
        (umask 077 && echo secret >key)
        drives="{name: bad, size: 4M, file: images/$vm-bad.qcow2, encryption: {format: luks, key_file: key}}"
        gone() { mv key away; }; back() { mv away key; }
        ;;
    base)
        [ -e base.qcow2 ] || qemu-img create -q -f qcow2 base.qcow2 4M
        drives="{name: bad, file: images/$vm-bad.qcow2, backing_file: base.qcow2, backing_format: qcow2}"
        gone() { mv base.qcow2 away; }; back() { mv away base.qcow2; }
        ;;
    storage-plugin)
        drives="{name: bad, type: raw, size: 4M, file: images/$vm-bad.raw}"
        reason="There is no storage plugin 'raw'"
        gone() { mv plugins/maqet-storage-raw.so away; }; back() { mv away plugins/maqet-storage-raw.so; }
        ;;
    interface-plugin)
        drives="{name: bad, type: qcow2, interface: scsi, size: 4M, file: images/$vm-bad.qcow2}"
        reason="There is no interface plugin 'scsi'"
        gone() { mv plugins/maqet-iface-scsi.so away; }; back() { mv away plugins/maqet-iface-scsi.so; }
        ;;
    image)
        drives="{name: bad, size: 4M, file: images/$vm-bad.qcow2}"
        reason="$vm-bad.qcow2 is missing"
        gone() { mv "images/$vm-bad.qcow2" away; }; back() { mv away "images/$vm-bad.qcow2"; }
        ;;
    data-file)
        # In the place of the image lies one whose data file is gone.
        drives="{name: bad, size: 4M, file: images/$vm-bad.qcow2}"
        reason=data
        gone() {
            mv "images/$vm-bad.qcow2" away
            qemu-img create -q -f qcow2 -o data_file=data.raw "images/$vm-bad.qcow2" 4M
            rm -f data.raw images/data.raw
        }
        back() { mv away "images/$vm-bad.qcow2"; }
        ;;
    kernel)
        more='arguments: [{device: "loader,file=kernel,addr=0x100000,force-raw=on"}]' bad=''
        reason='Cannot load specified image kernel'
        echo kernel >kernel
        gone() { mv kernel away; }; back() { mv away kernel; }
        ;;
    server)
        # Of a disk in `arguments`: a QEMU that lasts as long as the test.
        more="arguments: [{drive: \"if=virtio,format=raw,file=nbd+unix:///?socket=$TMP/nbd.sock\"}]" bad=''
        [ -e nbd.raw ] || truncate -s 4M nbd.raw
        serve
        reason=nbd.sock
        gone() { kill "$server" && wait "$server" || :; rm -f nbd.sock; }
        back() { serve; }
        ;;
    program)
        ln -sf "$(command -v $QEMU)" qemu-here
        binary=./qemu-here bad=''
        reason=qemu-here
        gone() { mv qemu-here away; }; back() { mv away qemu-here; }
        ;;
    entry)
        # Written by hand, or by a later maqet.
        drives="{name: bad, size: 4M, file: images/$vm-bad.qcow2}"
        reason='this drive of VM'
        gone() { for file in data/vms/"$vm"/vm.json run/"$vm"/vm.json; do
            [ ! -e "$file" ] || sed -i 's/"name":"bad"/"name":""/' "$file"; done; }
        back() { for file in data/vms/"$vm"/vm.json run/"$vm"/vm.json; do
            [ ! -e "$file" ] || sed -i 's/"name":""/"name":"bad"/' "$file"; done; }
        ;;
    esac
}
serve() {
    qemu-nbd -f raw -k "$TMP/nbd.sock" --persistent --shared=2 nbd.raw &
    server=$!
    cleanup_fn "kill $server 2>/dev/null"
    eventually 20 test -S nbd.sock
}

# Another machine, with an image that maqet made; it was removed by `drop_other`.
add_other() {
    printf 'name: other\nstorage: [{name: hdd, size: 1M, file: images/other.qcow2}]\nbinary: %s\naccel: tcg\ndisplay: none\n' $QEMU >other.yaml
    expect 0 maqet add other.yaml
    expect 0 maqet start other
    expect 0 maqet stop other --timeout 0 --force
}
drop_other() {
    expect 0 maqet storage ls
    expect 0 maqet rm other --delete-storage --yes
    if [ "$1" = entry ]; then
        # That the drive which cannot be read is not on it cannot be known.
        kept "$TMP/images/other.qcow2" "the drive '?' of VM '$vm' may use it"
        out_has "Correct it first: maqet apply $vm FILE"
        expect 3 maqet storage rm --yes images/other.qcow2
        err_has "the drive '?' of VM '$vm' may use it"
        [ -e images/other.qcow2 ] || fail "an image that may be needed is gone"
        back
        expect 0 maqet storage rm --yes images/other.qcow2
        gone
    fi
    [ ! -e images/other.qcow2 ] || fail "$1: the image of another machine stays"
}

# What is done while it runs, and the thing is gone already.
check_running() { # THING
    same running "$(vm_status "$vm")" "$1: status"
    expect 0 maqet status "$vm"
    out_has "storage  good"
    expect 0 maqet snapshot "$vm" create good live --live
    expect 0 maqet snapshot "$vm" create good more --live
    expect 0 maqet snapshot "$vm" list good
    out_has live
    expect 0 maqet snapshot "$vm" list
    out_has live
    expect 0 maqet snapshot "$vm" export good live "live-$1.qcow2"
    expect 0 maqet snapshot "$vm" delete good more --live
    expect 0 maqet checkpoint "$vm" list
    expect 0 maqet resize "$vm" good 5M
    expect 0 maqet qmp "$vm" query-status
    expect 0 maqet recover "$vm"
    expect 0 maqet stop "$vm" --timeout 0 --force
}

# The same when it is stopped; and what needs the thing says so.
check_stopped() { # THING
    same stopped "$(vm_status "$vm")" "$1: status"
    expect 0 maqet status "$vm"
    out_has "storage  good"
    expect 0 maqet snapshot "$vm" create good offline
    expect 0 maqet snapshot "$vm" list good
    out_has offline
    expect 0 maqet snapshot "$vm" list
    out_has offline
    expect 0 maqet snapshot "$vm" load good live --yes
    expect 0 maqet snapshot "$vm" export good offline "offline-$1.qcow2"
    expect 0 maqet snapshot "$vm" delete good offline
    expect 0 maqet resize "$vm" good 6M
    expect 0 maqet check "$vm" good
    expect 0 maqet compact "$vm" good
    expect 0 maqet export "$vm" good "now-$1.qcow2"
    expect 0 maqet checkpoint "$vm" list
    expect 0 maqet recover "$vm"
    # Some of them leave the rest out, none of them begins by half.
    got=0
    maqet start "$vm" >out 2>err || got=$?
    [ "$got" -gt 0 ] || fail "$1: started"
    err_has "$reason"
    same stopped "$(vm_status "$vm")" "$1: status after the start that failed"
    case $1 in
    image | data-file | kernel | server | program) ;;
    *)
        expect 3 maqet args "$vm"
        err_has "$reason"
        expect 0 maqet --format json status "$vm"
        grep -q '"fault": *"[^"]' out || fail "$1: no fault in JSON"
        out_has "$reason"
        # It has lines of its own, and the warning says what its step is for.
        expect 0 maqet status "$vm"
        grep '^fault ' out | grep -qF -- "$reason" || fail "$1: no line for the fault"
        ! grep '^storage ' out | grep -qF -- "$reason" || fail "$1: the fault is in the table"
        ! grep -q "cannot be used now" err || err_has "$reason"
        ;;
    esac
}

for name in ${THINGS-share key base storage-plugin interface-plugin image data-file kernel server program entry}; do
    echo "== $name =="
    vm=vm-$name
    thing "$name"
    define
    expect 0 maqet add "$vm.yaml"
    expect 0 maqet start "$vm"
    add_other
    gone
    check_running "$name"
    check_stopped "$name"
    drop_other "$name"
    # What is wrong can be corrected: without the drive, or with the thing.
    [ "$name" = entry ] || {
        cp "$vm.yaml" whole.yaml
        drives='' more='' binary=''
        define
        expect 0 maqet apply "$vm" "$vm.yaml"
        expect 0 maqet start "$vm"
        expect 0 maqet stop "$vm" --timeout 0 --force
    }
    back
    [ "$name" = entry ] || expect 0 maqet apply "$vm" whole.yaml
    # And removed, with the images that are known to be its own.
    gone
    expect 0 maqet rm "$vm" --delete-storage --yes
    removed "$TMP/images/$vm-good.qcow2"
    back
done

# --all means all: a drive that is not known has to be left out by name.
vm=all
thing storage-plugin
define
expect 0 maqet add all.yaml
expect 0 maqet start all
gone
for way in --live --auto; do
    [ "$way" = --live ] || expect 0 maqet stop all --timeout 0 --force
    expect 3 maqet snapshot all create --all "all$way" "$way"
    err_has "$reason"
    err_has "--exclude bad"
    expect 0 maqet snapshot all create --all "all$way" "$way" --exclude bad
done
expect 0 maqet snapshot all load --all all--live --yes
out_has "Excluded, and not changed: 'bad'"
back
expect 0 maqet rm all --delete-storage --yes

# One that was never used may lie anywhere.
define
expect 0 maqet add all.yaml
add_other
gone
expect 0 maqet rm other --delete-storage --yes
kept "$TMP/images/other.qcow2" "the drive 'bad' of VM 'all' may use it, and cannot be inspected"
out_has "$reason"
back
expect 0 maqet storage rm --yes images/other.qcow2
expect 0 maqet rm all --yes

# A definition that cannot be read at all: the machine can be looked at, stopped and removed,
# and so can others, but for the images that it may need.
vm=broken drives=''
define
expect 0 maqet add broken.yaml
expect 0 maqet start broken
add_other
cp data/vms/broken/vm.json whole.json
echo '{' >data/vms/broken/vm.json
expect 0 maqet status broken
err_has "The definition of VM 'broken' cannot be read"
out_has "storage  good"
same running "$(vm_status broken)"
expect 0 maqet snapshot broken create good live --live
expect 0 maqet stop broken --timeout 0 --force
expect 0 maqet status broken
expect 0 maqet rm other --delete-storage --yes
kept "$TMP/images/other.qcow2" "the definition of VM 'broken', which may use it, cannot be read"
out_has "Restore that file from a backup, or remove the VM: maqet rm broken"
expect 0 maqet rm broken --yes
expect 0 maqet storage rm --yes images/other.qcow2

# A checkpoint goes while the interface of its drives is absent, and stays whole while it is
# not known what one of them is made of.
vm=kept
thing interface-plugin
define
expect 0 maqet add kept.yaml
expect 0 maqet start kept
expect 0 maqet checkpoint kept create one
expect 0 maqet checkpoint kept create two
expect 0 maqet stop kept --timeout 0 --force
gone
expect 0 maqet checkpoint kept list
out_has two
expect 0 maqet checkpoint kept delete one
same 1 "$(count_snapshots images/kept-bad.qcow2)" "snapshots that are left"
mv plugins/maqet-storage-qcow2.so .
expect 3 maqet checkpoint kept delete two
err_has "There is no storage plugin 'qcow2'"
expect 0 maqet checkpoint kept list
out_has two
mv maqet-storage-qcow2.so plugins
back

# What was interrupted on a drive is neither finished nor forgotten without it.
wrap_qemu_img '*snapshot*-c*kept-bad*' 'kill -KILL $PPID; exec sleep 1000'
! wrapped maqet snapshot kept create --all half >/dev/null 2>&1 || fail "not interrupted"
[ -e data/vms/kept/pending.json ] || fail "nothing is pending"
sed -i.whole 's/"type":"qcow2"/"type":"later"/' data/vms/kept/vm.json
for command in "recover kept --finish --yes" "recover kept" "snapshot kept create good new" "start kept"; do
    expect 3 maqet $command
    err_has "There is no storage plugin 'later'"
    [ -e data/vms/kept/pending.json ] || fail "$command: forgotten"
done
mv data/vms/kept/vm.json.whole data/vms/kept/vm.json
expect 0 maqet recover kept
[ ! -e data/vms/kept/pending.json ] || fail "still pending"
expect 3 maqet snapshot kept load good half --yes
expect 0 maqet rm kept --delete-storage --yes
