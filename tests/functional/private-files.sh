#!/bin/sh
# SPDX-License-Identifier: MIT
# Whatever the umask is, what maqet makes is its user's alone: images, exports, checkpoints,
# records, sockets, logs, and the folders in which they lie. `mode` and --mode share them.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required

# The folders of the test itself are nothing that maqet made.
mkdir own
find . >before
umask 0
MAQET_DATA_DIR=$TMP/made/by/data MAQET_RUNTIME_DIR=$TMP/made/run

# all_private: nobody else may do anything with what has appeared.
all_private() {
    find . ! -type l -perm /077 | grep -vxF -f before >open || :
    # What the test has written.
    grep -vxE '\./(out|err|before|open|found|[a-z]+\.yaml)' open >found || :
    [ ! -s found ] || {
        while read -r file; do
            ls -ld "$file" >&2
        done <found
        fail "others may use it"
    }
}

vm_yaml all <<EOF
storage:
  - {name: qcow, size: 1M}
  - {name: named, size: 1M, file: own/named.qcow2}
  - {name: overlay, file: own/overlay.qcow2, backing_file: own/base.raw, backing_format: raw}
  - {name: sparse, type: raw, size: 1M, file: own/sparse.raw, preallocation: off}
  - {name: reserved, type: raw, size: 1M, file: own/reserved.raw}
  - {name: full, type: raw, size: 1M, file: own/full.raw, preallocation: full}
EOF
(
    umask 077
    truncate -s 1M own/base.raw
)
expect 0 maqet add all.yaml
all_private
expect 0 maqet start all
[ -S made/run/all/qmp.sock ] || fail "no socket"
for image in images/maqet-all-qcow.qcow2 own/named.qcow2 own/overlay.qcow2 own/sparse.raw \
    own/reserved.raw own/full.raw; do
    same 600 "$(stat -c %a "$image")" "$image"
done
all_private
# A raw drive keeps no snapshots, so it goes before there are any.
expect 0 maqet stop all --timeout 0 --force
vm_yaml all <<EOF
storage:
  - {name: qcow, size: 1M}
  - {name: named, size: 1M, file: own/named.qcow2}
EOF
expect 0 maqet apply all all.yaml
expect 0 maqet snapshot all create qcow first
expect 0 maqet start all
expect 0 maqet snapshot all create --all second --live
expect 0 maqet checkpoint all create point
[ -s made/by/data/vms/all/checkpoints/point.state ] || fail "no checkpoint"
expect 0 maqet snapshot all export qcow first own/export.qcow2
expect 0 maqet snapshot all export qcow first own/export.raw --format raw
expect 0 maqet snapshot all export qcow first own/small.qcow2 --compress
all_private

# What is to be shared.
expect 0 maqet snapshot all export qcow first other.raw --format raw --mode 0644
same 644 "$(stat -c %a other.raw)" "mode of an export"
for mode in 0444 4644 644x 1777; do
    expect 3 maqet snapshot all export qcow first no.raw --mode "$mode"
    err_has "--mode $mode: a file mode in octal"
    [ ! -e no.raw ] || fail "exported with $mode"
done
expect 3 maqet snapshot all list --mode 0644
err_has "--mode is not an option of 'snapshot list'"
expect 0 maqet stop all --timeout 0 --force
umask 077
vm_yaml shared <<EOF
storage:
  - {name: qcow, size: 1M, mode: "0660"}
  - {name: sparse, type: raw, size: 1M, preallocation: off, mode: 0644}
  - {name: full, type: raw, size: 1M, preallocation: full, options: {mode: "0666"}}
EOF
expect 0 maqet add shared.yaml
expect 0 maqet start shared
same 660 "$(stat -c %a images/maqet-shared-qcow.qcow2)" "mode of a qcow2 image"
same 644 "$(stat -c %a images/maqet-shared-sparse.raw)" "mode of a raw image"
same 666 "$(stat -c %a images/maqet-shared-full.raw)" "mode of an image that qemu-img made"
# It is of new images: what its owner has done since is left alone.
expect 0 maqet stop shared --timeout 0 --force
chmod 640 images/maqet-shared-qcow.qcow2
expect 0 maqet start shared
same 640 "$(stat -c %a images/maqet-shared-qcow.qcow2)" "mode of an image that was there"

number=0
refused() { # KEYS MESSAGE
    number=$((number + 1))
    printf 'name: no%s\nstorage:\n  - {name: hdd%s}\n' "$number" "$1" >no.yaml
    expect 3 maqet add no.yaml
    err_has "no.yaml:3:"
    err_has "$2"
}
refused ', size: 1M, mode: "4660"' "\`mode\` can be at most 0777"
refused ', size: 1M, mode: "1600"' "\`mode\` can be at most 0777"
refused ', size: 1M, mode: "0460"' "would not let its owner read and write the image"
refused ', size: 1M, mode: rw' "which is not a file mode"
refused ', size: 1M, mode: 0x1ff' "which is not a file mode"
refused ', type: virtfs, path: own, mode: "0660"' "unknown key 'mode'"

# A key that others can read protects nothing: for qemu-img, for QEMU, and in `arguments`.
printf 'a passphrase' >key
vm_yaml keyed <<EOF
storage:
  - {name: hdd, size: 1M, encryption: {format: luks, key_file: key}}
EOF
chmod 600 key
expect 0 maqet add keyed.yaml
for mode in 640 604 644 620; do
    chmod "$mode" key
    expect 4 maqet start keyed
    err_has "the key file $TMP/key is accessible to other users (mode 0$mode)"
    err_has "chmod 600 '$TMP/key'"
    [ ! -e images/maqet-keyed-hdd.qcow2 ] || fail "an image was made with an open key"
done
chmod 400 key
expect 0 maqet start keyed
expect 0 maqet stop keyed --timeout 0 --force
chmod 644 key
expect 4 maqet start keyed
err_has "chmod 600 '$TMP/key'"
expect 4 maqet snapshot keyed create hdd one
err_has "chmod 600 '$TMP/key'"
same stopped "$(vm_status keyed)"
for object in '"secret,id=k,file=key"' '{qom-type: secret, id: k, file: key}'; do
    vm_yaml argument <<EOF
arguments:
  - object: $object
EOF
    expect 4 maqet add argument.yaml
    err_has "the key file $TMP/key is accessible to other users"
done
chmod 600 key
expect 0 maqet add argument.yaml
expect 0 maqet start argument
