# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# SUMMARY: folders that host and guest share, by 9p and by virtiofs
#
# git status over 1,000 files and reading a large file, in a guest, through each kind of share; and
# 9p with several sizes of messages. As root, with passthrough, too; MAQET_TEST_VIRTIOFSD names
# another virtiofsd.
. "${srcdir:?run by script/bench}/tests/bench/bench-functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires git mke2fs ldd

machine

files=${BENCH_FILES:-1000} # less for the test of this script
megabytes=${BENCH_MEGABYTES:-64}

# A disk with git and what it is linked with, since the guest has none.
mkdir -p disk/bin disk/lib
cp "$(command -v git)" disk/bin/
ldd disk/bin/git | grep -o '/[^ ]*' | sort -u | xargs -I FILE cp -L FILE disk/lib/
printf '[safe]\n\tdirectory = *\n' >disk/.gitconfig
mke2fs -q -t ext4 -O ^metadata_csum -d disk git.raw 64M >/dev/null 2>&1

# Each share has a working tree of its own, and a large file.
tree() { # NAME
    mkdir "$1"
    (
        cd "$1"
        mkdir $(seq -f 'folder-%.0f' 10)
        seq "$files" | while read -r number; do
            echo "$number" >"folder-$((number % 10 + 1))/file-$number"
        done
        git init -q .
        git add .
        git -c user.name=bench -c user.email=bench@localhost commit -q -m tree
    )
    head -c "${megabytes}M" /dev/zero >"$1.large"
    mv "$1.large" "$1/.git/large"
}
models='mapped-xattr mapped-file none'
[ "$(id -u)" -ne 0 ] || models="$models passthrough"
shares=$models
for place in "${MAQET_TEST_VIRTIOFSD-}" /usr/libexec/virtiofsd /usr/lib/virtiofsd /usr/lib/qemu/virtiofsd; do
    [ ! -x "$place" ] || { virtiofsd=$place; break; }
done
[ -z "${virtiofsd-}" ] || shares="$shares virtiofs"
{
    echo "  - {name: git, type: raw, file: $TMP/git.raw, readonly: on}"
    for share in $shares; do
        tree "$share"
        case $share in
        virtiofs)
            sandbox=namespace
            [ "$(id -u)" -ne 0 ] || sandbox=chroot
            echo "  - {name: virtiofs, type: virtiofs, path: $TMP/virtiofs, virtiofsd: $virtiofsd, sandbox: $sandbox}"
            ;;
        *) echo "  - {name: $share, type: virtfs, path: $TMP/$share, security_model: $share}" ;;
        esac
    done
} >storage
guest_yaml vm q35 <storage
expect 0 maqet add vm.yaml
boot vm
in_guest vm 'mkdir -p /git && mount -o ro /dev/vda /git'
mount_9p() { # NAME FOLDER MSIZE
    in_guest vm "mkdir -p $2 && mount -t 9p -o trans=virtio,version=9p2000.L,msize=$3 $1 $2"
}
usual=262144
for share in $shares; do
    if [ "$share" = virtiofs ]; then
        in_guest vm "mkdir -p /mnt/virtiofs && mount -t virtiofs virtiofs /mnt/virtiofs"
    else
        mount_9p "$share" "/mnt/$share" $usual
    fi
done

# timed SERIES COMMAND: in the guest, with the way of its answer over the serial console.
timed() {
    took "$1" "$GUEST_CONSOLE" "$TMP/vm.serial" run "$2" >/dev/null
}
git='HOME=/git LD_LIBRARY_PATH=/git/lib /git/lib/ld-linux-*.so.2 /git/bin/git'
measure_status() {
    timed "status.$share" "cd /mnt/$share && $git status --short 2>/dev/null"
}
measure_reading() {
    timed "read.$share" "echo 3 >/proc/sys/vm/drop_caches; cat /mnt/$share/.git/large >/dev/null"
}
measure_nothing() {
    timed nothing "HOME=/git true"
}
# What a user sees later, not the first time: all of it has been read once.
for share in $shares; do
    in_guest vm "cd /mnt/$share && $git status --short 2>/dev/null" >said
    [ ! -s said ] || fail "git sees changes in $share: $(cat said)"
done
measure_shares() {
    for share in $shares; do
        measure_status
        measure_reading
    done
}
in_turn measure_shares measure_nothing

table "git status, $files files" status.none
for share in $shares; do row "$share" "status.$share"; done
row "nothing is done in the guest" nothing
table "reading $megabytes MB, of which the guest has nothing" read.none
for share in $shares; do row "$share" "read.$share"; done

# The messages of 9p: msize is what the guest asks for, and what QEMU and the device allow.
sizes='8192 131072 262144 512000'
in_guest vm 'umount /mnt/none'
measure_sizes() {
    for size in $sizes; do
        mount_9p none /mnt/none "$size"
        in_guest vm "cd /mnt/none && $git status --short" >/dev/null
        timed "status.$size" "cd /mnt/none && $git status --short 2>/dev/null"
        timed "read.$size" "cat /mnt/none/.git/large >/dev/null"
        in_guest vm 'umount /mnt/none'
    done
}
in_turn measure_sizes
table "reading $megabytes MB by 9p (none)" read.8192
for size in $sizes; do row "msize=$size" "read.$size"; done
table "git status by 9p (none), $files files" status.8192
for size in $sizes; do row "msize=$size" "status.$size"; done
shut_down vm
