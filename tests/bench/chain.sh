# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: creating and deleting snapshots that are overlays, and what overlays cost
#
# Overlay snapshots against the same by hand: QEMU's monitor, qemu-img, and virsh where libvirt is.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"
requires qemu-io qemu-img

written=${BENCH_WRITTEN:-20}     # GB of the image that is full
merged=${BENCH_MERGED:-64}       # MB that a deletion moves
scattered=${BENCH_SCATTERED:-4096} # first writes, and reads, of 4 KB
base_size=${BENCH_BASE:-1024}    # MB of the image below the overlays that are compared

parts=${BENCH_PARTS:-create delete clusters} # of this script
machine
part() {
    case " $parts " in *" $1 "*) ;; *) return 1 ;; esac
}

# ---- creating, of drives of several sizes ----
#
# Of the full image, each cluster is allocated, in its tables and by the file system, as when all
# of it was written.

sizes='small large full'
images() { # PREFIX
    qemu-img create -q -f qcow2 "$1small.qcow2" 1G
    qemu-img create -q -f qcow2 "$1large.qcow2" 1T
    qemu-img create -q -f qcow2 -o preallocation=falloc "$1full.qcow2" "${written}G"
}
part create || sizes=''
if part create; then
    images maqet-
    images theirs-
fi
for size in $sizes; do
    vm_yaml $size <<END
storage:
- {name: hdd, type: qcow2, file: $TMP/maqet-$size.qcow2, snapshots: overlay, overcommit: true}
END
    expect 0 maqet add $size.yaml
done

# A QEMU that nobody looks after.
bare_start() { # IMAGE: its format, and its file
    qemu-system-x86_64 -machine q35,accel=tcg -nodefaults -display none -m 64 \
        -blockdev "{\"driver\": \"$1\", \"node-name\": \"base\", \"file\": {\"driver\": \"file\",
            \"filename\": \"$2\"}}" -device virtio-blk-pci,drive=base,id=hdd \
        -qmp "unix:$TMP/bare,server=on,wait=off" 2>bare.err &
    bare=$!
    eventually 20 test -S bare
}
bare_stop() {
    kill $bare
    wait $bare || :
    rm -f bare
}
# What live deletions have left is merged.
tidy() { # VM
    expect 0 maqet snapshot "$1" create hdd tidy
    expect 0 maqet snapshot "$1" delete hdd tidy
}
# A line of QMP; the commands that put an overlay on the topmost node.
say() { # COMMAND ARGUMENTS
    echo "{\"execute\": \"$1\", \"arguments\": {$2}}"
}
overlay_commands() { # NODE OVERLAY BYTES
    say blockdev-create "\"job-id\": \"file\", \"options\": {\"driver\": \"file\",
        \"filename\": \"$TMP/$2.qcow2\", \"size\": 0}" | tr -d '\n'
    printf '\nwait\n'
    say job-dismiss '"id": "file"'
    say blockdev-add "\"driver\": \"file\", \"node-name\": \"$2-file\",
        \"filename\": \"$TMP/$2.qcow2\"" | tr -d '\n'
    echo
    say blockdev-create "\"job-id\": \"image\", \"options\": {\"driver\": \"qcow2\",
        \"file\": \"$2-file\", \"size\": $3, \"extended-l2\": true, \"backing-file\": \"$1\",
        \"backing-fmt\": \"qcow2\"}" | tr -d '\n'
    printf '\nwait\n'
    say job-dismiss '"id": "image"'
    say blockdev-add "\"driver\": \"qcow2\", \"node-name\": \"$2\", \"file\": \"$2-file\",
        \"backing\": null" | tr -d '\n'
    echo
    say blockdev-snapshot "\"node\": \"$1\", \"overlay\": \"$2\""
}
bytes_of() {
    case $1 in
    small) echo 1073741824 ;;
    large) echo 1099511627776 ;;
    full) echo $((written * 1073741824)) ;;
    esac
}

live_maqet() {
    took $size.live "$MAQET" -q snapshot $size create hdd s --live
    expect 0 maqet snapshot $size delete hdd s --live
}
live_bare() {
    number=$((number + 1))
    overlay_commands "$top" "bare$number" "$(bytes_of $size)" >commands
    took $size.bare "$bench_programs/monitor" bare commands
    top=bare$number
}
for size in $sizes; do
    expect 0 maqet start $size
    bare_start qcow2 theirs-$size.qcow2
    top=base number=0
    in_turn live_maqet live_bare
    expect 0 maqet stop $size --timeout 0 --force
    tidy $size
    bare_stop
    rm -f bare*.qcow2
done

offline_maqet() {
    for size in $order_of_sizes; do
        took $size.offline "$MAQET" -q snapshot $size create hdd s
        expect 0 maqet snapshot $size delete hdd s
    done
}
offline_qemu_img() {
    for size in $order_of_sizes; do
        took $size.qemu-img qemu-img create -q -f qcow2 -F qcow2 -o extended_l2=on \
            -b theirs-$size.qcow2 over.qcow2
        rm over.qcow2
    done
}
order_of_sizes=$sizes
if part create; then in_turn offline_maqet offline_qemu_img; fi

for size in $sizes; do
    case $size in
    small) what='1 GB, empty' ;;
    large) what='1 TB, empty' ;;
    full) what="$written GB, full" ;;
    esac
    table "create an overlay, $what" $size.bare
    row "maqet snapshot VM create DRIVE NAME --live" $size.live
    row "by hand, with QEMU's monitor" $size.bare
    row "maqet snapshot VM create DRIVE NAME" $size.offline
    row "qemu-img create -b" $size.qemu-img
done
for how in live offline bare qemu-img; do
    part create || break
    case $how in
    live) what='maqet snapshot create --live' ;;
    offline) what='maqet snapshot create, offline' ;;
    bare) what="by hand, with QEMU's monitor" ;;
    qemu-img) what='qemu-img create -b' ;;
    esac
    table "$what" small.$how
    row "1 GB, empty" small.$how
    row "1 TB, empty" large.$how
    row "$written GB, full" full.$how
done

# ---- the same by libvirt, where it is ----

virsh() { command virsh -q -c qemu:///session "$@"; }
virsh_one() {
    virsh_number=$((virsh_number + 1))
    took small.virsh virsh -q -c qemu:///session snapshot-create-as maqet-bench s$virsh_number \
        --disk-only --no-metadata
}
if ! part create; then :; elif command -v virsh >/dev/null && virsh version >/dev/null 2>&1; then
    qemu-img create -q -f qcow2 virsh.qcow2 1G
    cat >domain.xml <<END
<domain type='qemu'>
  <name>maqet-bench</name><memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='$TMP/virsh.qcow2'/><target dev='vda' bus='virtio'/></disk>
  </devices>
</domain>
END
    cleanup_fn "virsh destroy maqet-bench"
    virsh create domain.xml >/dev/null
    expect 0 maqet start small
    virsh_number=0 size=small
    rm "$TMP"/series/small.live
    in_turn virsh_one live_maqet
    virsh destroy maqet-bench
    expect 0 maqet stop small --timeout 0 --force
    table 'create an overlay, live, 1 GB' small.virsh
    row "maqet snapshot VM create DRIVE NAME --live" small.live
    row "virsh snapshot-create-as --disk-only" small.virsh
else
    printf '\nvirsh is not there, or has no hypervisor to talk to.\n'
fi

# ---- deleting, which merges ----
#
# What the guest has written since the snapshot goes down into the image. Live, the guest's writes go to
# a new overlay meanwhile, by hand as well.

vm_yaml merge <<END
storage:
- {name: hdd, type: raw, file: $TMP/merge.raw, size: 1G, preallocation: 'off', snapshots: overlay}
END
expect 0 maqet add merge.yaml
qemu-img create -q -f raw merge.raw 1G
qemu-img create -q -f raw hand.raw 1G
raw_overlay() {
    overlay_commands "$1" "$2" 1073741824 | sed 's/"backing-fmt": "qcow2"/"backing-fmt": "raw"/'
}
hmp() {
    say human-monitor-command "\"command-line\": \"$1\""
}
delete_maqet_live() {
    expect 0 maqet start merge
    expect 0 maqet snapshot merge create hdd s --live
    maqet qmp merge human-monitor-command "{\"command-line\":
        \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -q 0 ${merged}M\\\"\"}" >out
    took live.delete "$MAQET" -q snapshot merge delete hdd s --live
    expect 0 maqet stop merge --timeout 0 --force
    tidy merge
}
delete_bare() {
    bare_start raw hand.raw
    {
        raw_overlay base written
        hmp "qemu-io written \\\"write -q 0 ${merged}M\\\""
    } >commands
    "$bench_programs/monitor" bare commands || fail "the monitor"
    {
        overlay_commands written top 1073741824
        say block-commit '"job-id": "merge", "device": "top", "top-node": "written",
            "base-node": "base", "auto-dismiss": false' | tr -d '\n'
        printf '\nwait\n'
        say job-dismiss '"id": "merge"'
    } >commands
    took bare.delete "$bench_programs/monitor" bare commands
    bare_stop
    rm -f written.qcow2 top.qcow2
}
delete_maqet() {
    expect 0 maqet snapshot merge create hdd s
    qemu-io -f qcow2 -c "write -q 0 ${merged}M" merge.raw.maqet/*.qcow2
    took offline.delete "$MAQET" -q snapshot merge delete hdd s
}
delete_qemu_img() {
    qemu-img create -q -f qcow2 -F raw -o extended_l2=on -b hand.raw over.qcow2
    qemu-io -f qcow2 -c "write -q 0 ${merged}M" over.qcow2
    took qemu-img.delete qemu-img commit -q -f qcow2 over.qcow2
    rm over.qcow2
}
if part delete; then
    in_turn delete_maqet_live delete_bare
    in_turn delete_maqet delete_qemu_img
    table "delete a snapshot, $merged MB to merge, live" bare.delete
    row "maqet snapshot VM delete DRIVE NAME --live" live.delete
    row "by hand, with QEMU's monitor" bare.delete
    table "delete a snapshot, $merged MB to merge, offline" qemu-img.delete
    row "maqet snapshot VM delete DRIVE NAME" offline.delete
    row "qemu-img commit" qemu-img.delete
fi

# ---- the clusters of overlays ----
#
# Overlays on a raw image that is full of data. Each write is the first one to its place, which QEMU
# completes with what is below; where the writes are is the same for all.

part clusters || exit 0
qemu-img create -q -f raw below.raw "${base_size}M"
qemu-io -f raw -c "write -q -P 17 0 ${base_size}M" below.raw
sync below.raw
cache=none
case $(stat -f -c %T "$TMP") in tmpfs | ramfs) cache=writeback ;; esac

places() { # WORD SEED
    awk -v word="$1" -v seed="$2" -v count="$scattered" -v all=$((base_size * 256)) 'BEGIN {
        srand(seed)
        while (count-- > 0) printf "%s -q %d 4k\n", word, int(rand() * all) * 4096 }'
}
kinds='default 64k-ext 128k-ext 128k'
options_of() {
    case $1 in
    default) echo cluster_size=64k ;;
    64k-ext) echo cluster_size=64k,extended_l2=on ;;
    128k-ext) echo cluster_size=128k,extended_l2=on ;;
    128k) echo cluster_size=128k ;;
    esac
}
places write 1 >writes
places read 2 >reads
scatter() {
    for kind in $kinds; do
        qemu-img create -q -f qcow2 -F raw -b below.raw -o "$(options_of "$kind")" over.qcow2
        before=$(stat -c %b over.qcow2)
        took "$kind.write" sh -c "qemu-io -t $cache -f qcow2 over.qcow2 <writes"
        add "$kind.growth" $((($(stat -c %b over.qcow2) - before) * 512))
        took "$kind.read" sh -c "qemu-io -r -t $cache -f qcow2 over.qcow2 <reads"
        rm over.qcow2
        [ -e "full-$kind.qcow2" ] || {
            qemu-img create -q -f qcow2 -o "$(options_of "$kind")" "full-$kind.qcow2" "${base_size}M"
            qemu-io -f qcow2 -c "write -q -P 17 0 ${base_size}M" "full-$kind.qcow2"
            sync "full-$kind.qcow2"
        }
        took "$kind.full" sh -c "qemu-io -r -t $cache -f qcow2 full-$kind.qcow2 <reads"
    done
}
in_turn scatter
kind_name() {
    case $1 in
    default) echo "64 KB, QEMU's default" ;;
    64k-ext) echo "64 KB, extended_l2, those of maqet" ;;
    128k-ext) echo "128 KB, extended_l2" ;;
    128k) echo "128 KB" ;;
    esac
}
for what in write read full; do
    case $what in
    write) table "$scattered scattered first writes of 4 KB" default.write ;;
    read) table "$scattered scattered reads of 4 KB, afterwards" default.read ;;
    full) table "$scattered scattered reads of 4 KB, of a full image" default.full ;;
    esac
    for kind in $kinds; do row "$(kind_name "$kind")" "$kind.$what"; done
done
printf '\n| %-50s | bytes for a byte |\n' "what these writes add to the file"
printf '|:---------------------------------------------------|-----------------:|\n'
for kind in $kinds; do
    printf '| %-50s | %16.2f |\n' "$(kind_name "$kind")" "$(median "$TMP/series/$kind.growth" |
        awk -v all=$((scattered * 4096)) '{ print $1 / all }')"
done
