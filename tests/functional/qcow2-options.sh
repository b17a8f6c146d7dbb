#!/bin/sh
# SPDX-License-Identifier: MIT
# Every option of qcow2: taken by qemu-img and QEMU, and found again in the image.
. "${srcdir:-.}/tests/functional/functions.sh"
. "$srcdir/tests/functional/image-functions.sh"
qemu_required

drive() { # NAME, then lines of the drive
    vm_yaml "$1" <<EOF
storage:
  - name: hdd
    file: images/$1.qcow2
$(sed 's/^/    /')
EOF
    expect 0 maqet add "$1.yaml"
}
try() {
    drive "$1"
    expect 0 maqet start "$1"
    expect 0 maqet stop "$1" --timeout 0 --force
    qemu-img info "images/$1.qcow2" >info
    qemu-img check -q "images/$1.qcow2"
}
info_has() {
    grep -qF "$1" info || { cat info >&2; fail "qemu-img info does not say: $1"; }
}

try plain <<EOF
size: 1.5M
EOF
info_has '(1572864 bytes)'
try clusters <<EOF
size: 16M
cluster_size: 128k
extended_l2: on
lazy_refcounts: true
compression_type: zstd
preallocation: metadata
EOF
info_has 'cluster_size: 131072'
info_has 'extended l2: true'
info_has 'lazy refcounts: true'
info_has 'compression type: zstd'
try full <<EOF
size: 4M
preallocation: full
EOF
[ "$(du -k images/full.qcow2 | cut -f1)" -ge 4096 ] || fail "not preallocated"
for cache in none writeback writethrough directsync unsafe; do
    case $cache in none | directsync) aio=native ;; *) aio=threads ;; esac
    try "cache-$cache" <<EOF
size: 1M
cache: $cache
aio: $aio
discard: unmap
detect_zeroes: unmap
EOF
done

# An overlay: as large as its base unless it says otherwise; the base is opened read-only.
qemu-img create -q -f qcow2 images/base.qcow2 8M
qemu-io -c 'write -P 7 0 64k' images/base.qcow2 >/dev/null
before=$(md5sum <images/base.qcow2)
chmod 444 images/base.qcow2
try overlay <<EOF
backing_file: images/base.qcow2
backing_format: qcow2
EOF
info_has '(8388608 bytes)'
info_has "backing file: base.qcow2 (actual path: images/base.qcow2)"
info_has 'backing file format: qcow2'
# Parts of a cluster are allocated, unless the drive says otherwise.
info_has 'cluster_size: 65536'
info_has 'extended l2: true'
same "$before" "$(md5sum <images/base.qcow2)" "the base"
try whole-clusters <<EOF
backing_file: images/base.qcow2
backing_format: qcow2
extended_l2: off
EOF
info_has 'extended l2: false'
# A raw base whose guest has written what looks like the beginning of another image.
truncate -s 1M images/plain.raw
try onraw <<EOF
backing_file: images/plain.raw
backing_format: raw
EOF
qemu-img create -q -f qcow2 -u -b /etc/passwd -F raw header 64K
dd if=header of=images/plain.raw conv=notrunc status=none
expect 3 maqet start onraw
err_has "plain.raw of $TMP/images/onraw.qcow2 was written to"
expect 0 maqet start onraw --accept-base
expect 0 maqet qmp onraw query-named-block-nodes
! grep -q passwd out || fail "QEMU has read what the guest wrote"
expect 0 maqet stop onraw --timeout 0 --force
expect 0 maqet rm onraw --yes
qemu-io -c 'read -P 7 0 64k' images/overlay.qcow2 | grep -q 'read 65536' || fail "the base does not show"
expect 0 maqet start overlay
expect 0 maqet qmp overlay query-named-block-nodes
grep -q "\"file\": *\"$TMP/images/base.qcow2\"" out || fail "QEMU does not have the base open"
expect 0 maqet stop overlay --timeout 0 --force

vm_yaml noformat <<EOF
storage:
  - name: hdd
    file: images/noformat.qcow2
    backing_file: images/base.qcow2
EOF
expect 3 maqet add noformat.yaml
err_has backing_format
err_has "VM 'noformat'"
sed 's/noformat/wrongformat/' noformat.yaml >wrongformat.yaml
echo '    backing_format: raw' >>wrongformat.yaml
expect 3 maqet add wrongformat.yaml
err_has qcow2

# Encryption: the secret is in no command line, not of QEMU and not of qemu-img.
printf 'correct horse, battery' >key
chmod 600 key
mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
printf '%s\n' "\$@" >>"$TMP/qemu-img.args"
exec "$(command -v qemu-img)" "\$@"
EOF
chmod +x bin/qemu-img
drive luks <<EOF
size: 4M
encryption: {format: luks, key_file: key}
EOF
PATH="$TMP/bin:$PATH" expect 0 maqet start luks
pid=$(vm_pid luks)
tr '\0' '\n' <"/proc/$pid/cmdline" >qemu.args
tr '\0' '\n' <"/proc/$pid/environ" >qemu.environ
[ -s qemu-img.args ] || fail "qemu-img was not called by way of PATH"
for file in qemu-img.args qemu.args qemu.environ data/vms/luks/vm.json; do
    ! grep -q 'correct horse' "$file" || fail "the secret is in $file"
    case $file in *environ) ;; *) grep -q 'key' "$file" || fail "no key file in $file" ;; esac
done
expect 0 maqet qmp luks query-named-block-nodes
out_has '"encrypted": true'
expect 0 maqet stop luks --timeout 0 --force
qemu-img info images/luks.qcow2 >info
info_has 'encrypted: yes'
# Another key opens nothing, and says so.
printf 'wrong' >key
expect 1 maqet start luks
err_has 'nvalid password'
# Without a key, or with one that isn't needed: said before QEMU runs.
vm_yaml nokey <<EOF
storage:
  - name: hdd
    file: images/luks.qcow2
EOF
expect 3 maqet add nokey.yaml
err_has encryption
vm_yaml lostkey <<EOF
storage:
  - name: hdd
    file: images/lost.qcow2
    size: 1M
    encryption: {format: luks, key_file: nowhere}
EOF
expect 3 maqet add lostkey.yaml
err_has "lostkey.yaml:9:"
err_has "$TMP/nowhere"

# What keeps an encrypted image from being made is found out once, unless it is qemu-img's clock.
printf secret >disk.key
chmod 600 disk.key
drive unlucky <<EOF
size: 1M
encryption: {format: luks, key_file: $TMP/disk.key}
EOF
tries() {
    same "$1" "$(wc -l <attempts)" "attempts to make it"
    : >attempts
}
: >attempts
wrap_qemu_img '*create*encrypt*' "echo >>'$TMP/attempts'; echo 'qemu-img: no such luck' >&2; exit 1"
expect 1 wrapped maqet start unlucky
err_has "qemu-img: no such luck"
tries 1
wrap_qemu_img '*create*encrypt*' "echo >>'$TMP/attempts'
    [ \$(wc -l <'$TMP/attempts') -gt 3 ] ||
        { echo 'qemu-img: Unable to get accurate CPU usage' >&2; exit 1; }"
expect 0 wrapped maqet start unlucky
# More than four where qemu-img itself was unlucky, too.
[ "$(wc -l <attempts)" -ge 4 ] || fail "made after $(wc -l <attempts) attempts, though three failed"
expect 0 maqet stop unlucky --timeout 0 --force

# What does not go together.
refused() {
    vm_yaml refused <<EOF
storage:
  - name: hdd
    size: 1M
$(sed 's/^/    /')
EOF
    expect 3 maqet validate refused.yaml
    err_has "refused.yaml:"
    err_has "$1"
}
refused cluster_size <<EOF
cluster_size: 100k
EOF
refused cluster_size <<EOF
cluster_size: 4k
extended_l2: on
EOF
refused aio <<EOF
aio: native
EOF
refused detect_zeroes <<EOF
discard: ignore
detect_zeroes: unmap
EOF
refused cache <<EOF
cache: nonee
EOF
err_has "did you mean 'none'?"
