#!/bin/sh
# SPDX-License-Identifier: MIT
# A folder with a base and its overlay is moved: the machine starts from the new place when the
# configuration says so, and the guest sees what it saw. Where the image and the configuration
# name two files, that is said, with steps that lose nothing.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io

overlay_yaml() { # FOLDER, FOLDER OF THE BASE
    vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, file: $1/over.qcow2, backing_file: ${2:-$1}/base.qcow2, backing_format: qcow2}
EOF
}
start_and_stop() {
    expect 0 maqet start vm
    expect 0 maqet stop vm --timeout 0 --force
}
# What the guest sees: the base's 1, and the overlay's 2 after 64K.
intact() { # OVERLAY BASE
    for read in 'read -P 1 0 64k' 'read -P 2 64k 64k' 'read -P 1 128k 64k'; do
        qemu-io -r -c "$read" "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",
            \"filename\":\"$1\"},\"backing\":{\"driver\":\"qcow2\",\"backing\":null,
            \"file\":{\"driver\":\"file\",\"filename\":\"$2\"}}}" >read.out
        ! grep -q 'verification failed' read.out || fail "$read: $(cat read.out)"
    done
}
make_base() { # FILE
    qemu-img create -q -f qcow2 "$1" 1M
    qemu-io -f qcow2 -c 'write -q -P 1 0 1M' "$1" >/dev/null
}

# Both made by maqet, in one folder: the overlay names its base within that folder.
mkdir one
vm_yaml maker <<EOF
storage:
  - {name: d, type: qcow2, size: 1M, file: one/base.qcow2}
EOF
expect 0 maqet add maker.yaml
expect 0 maqet start maker
expect 0 maqet stop maker --timeout 0 --force
expect 0 maqet rm maker --yes
qemu-io -f qcow2 -c 'write -q -P 1 0 1M' one/base.qcow2 >/dev/null
overlay_yaml one
expect 0 maqet add vm.yaml
start_and_stop
same base.qcow2 "$(qemu-img info --output=json one/over.qcow2 |
    sed -n 's/.*"backing-filename": "\(.*\)",*/\1/p')" "the name in the overlay"
qemu-io -f qcow2 -c 'write -q -P 2 64k 64k' one/over.qcow2 >/dev/null
expect 0 maqet snapshot vm create d kept

mv one two
overlay_yaml two
expect 0 maqet apply vm vm.yaml
start_and_stop
intact two/over.qcow2 two/base.qcow2
expect 0 maqet snapshot vm list d
out_has kept
expect 0 maqet snapshot vm export d kept kept.qcow2

# An overlay that names its base by its whole path, as maqet did before, and the path is stale.
qemu-img rebase -u -f qcow2 -F qcow2 -b "$TMP/one/base.qcow2" two/over.qcow2
start_and_stop
intact two/over.qcow2 two/base.qcow2
mv two three
overlay_yaml three
expect 0 maqet apply vm vm.yaml
start_and_stop
intact three/over.qcow2 three/base.qcow2

# The same with three levels, whose names stay within the folder.
mkdir deep
make_base deep/base.qcow2
qemu-img create -q -f qcow2 -F qcow2 -b base.qcow2 deep/middle.qcow2
deep_yaml() { # FOLDER
    vm_yaml deep <<EOF
storage:
  - {name: d, type: qcow2, file: $1/over.qcow2, backing_file: [$1/middle.qcow2, $1/base.qcow2], backing_format: qcow2}
EOF
}
deep_yaml deep
expect 0 maqet add deep.yaml
expect 0 maqet start deep
expect 0 maqet stop deep --timeout 0 --force
same middle.qcow2 "$(qemu-img info --output=json deep/over.qcow2 |
    sed -n 's/^    "backing-filename": "\(.*\)",*/\1/p')" "the name in the overlay"
qemu-img info deep/over.qcow2 | grep -q 'extended l2: true' || fail "the overlay has no extended_l2"
qemu-io -f qcow2 -c 'write -q -P 2 64k 64k' deep/over.qcow2 >/dev/null
mv deep deeper
deep_yaml deeper
expect 0 maqet apply deep deep.yaml
expect 0 maqet start deep
expect 0 maqet stop deep --timeout 0 --force
for read in 'read -P 1 0 64k' 'read -P 2 64k 64k' 'read -P 1 128k 64k'; do
    qemu-io -r -f qcow2 -c "$read" deeper/over.qcow2 >read.out
    ! grep -q 'verification failed' read.out || fail "$read: $(cat read.out)"
done
expect 0 maqet rm deep --yes

# A base in another folder is named by its path; a name that QEMU would take for a protocol, too.
mkdir bases
make_base bases/base.qcow2
make_base 'three/nbd:base.qcow2'
for base in "$TMP/bases/base.qcow2" "$TMP/three/nbd:base.qcow2"; do
    vm_yaml other <<EOF
storage:
  - {name: d, type: qcow2, file: three/other.qcow2, backing_file: '$base', backing_format: qcow2}
EOF
    expect 0 maqet add other.yaml
    expect 0 maqet start other
    expect 0 maqet stop other --timeout 0 --force
    expect 0 maqet rm other --yes --delete-storage
done
vm_yaml other <<EOF
storage:
  - {name: d, type: qcow2, file: three/other.qcow2, backing_file: bases/base.qcow2, backing_format: qcow2}
EOF
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 0 maqet stop other --timeout 0 --force
grep -aqF "$TMP/bases/base.qcow2" three/other.qcow2 || fail "the base's path is not in the overlay"

# The folder was copied: the name leads to a file, and the configuration names another one. Nothing
# is started, both are named, and each step works.
cp -a three/over.qcow2 before
qemu-img rebase -u -f qcow2 -F qcow2 -b "$TMP/bases/base.qcow2" three/over.qcow2
expect 3 maqet start vm
err_has "the image $TMP/three/over.qcow2 names the backing file '$TMP/bases/base.qcow2', but the configuration names $TMP/three/base.qcow2"
err_has "\`backing_file: $TMP/bases/base.qcow2\`"
err_has "qemu-img rebase -u -f qcow2 -F qcow2 -b '$TMP/three/base.qcow2' '$TMP/three/over.qcow2'"
! grep -qiE 'remove|delete' err || fail "it advises to remove something: $(cat err)"
command=$(sed -n 's/.*: \(qemu-img rebase .*\)$/\1/p' err)
overlay_yaml three bases
expect 0 maqet apply vm vm.yaml
# It is not the one that the overlay had all the time, though.
expect 3 maqet start vm
err_has "the backing file $TMP/bases/base.qcow2 of $TMP/three/over.qcow2 is another file than $TMP/three/base.qcow2, on which the image was created"
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
overlay_yaml three
expect 3 maqet apply vm vm.yaml
eval "$command"
expect 0 maqet apply vm vm.yaml
expect 0 maqet start vm --accept-base
expect 0 maqet stop vm --timeout 0 --force
intact three/over.qcow2 three/base.qcow2

# What the configuration does not name at all is refused as ever, and so is a stale name where the
# configuration's file is not there either.
vm_yaml vm <<EOF
storage:
  - {name: d, type: qcow2, file: three/over.qcow2}
EOF
expect 3 maqet apply vm vm.yaml
err_has "names the backing file '$TMP/three/base.qcow2', which the configuration does not"
err_has "\`backing_file: $TMP/three/base.qcow2\`"
! grep -qiE 'remove|delete' err || fail "it advises to remove something: $(cat err)"
mv three/base.qcow2 away
expect 3 maqet start vm
overlay_yaml three
expect 3 maqet apply vm vm.yaml
err_has "$TMP/three/base.qcow2"
