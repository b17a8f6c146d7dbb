# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by check.sh, whose words it uses
# Identities, making the image, its data, its size.

step "made at the first start, and only then"
machine vm "{name: disk, type: rbd, image: disk, size: 64M, $identity}"
maqet 0 add vm.yaml
same "" "$(rbd_admin ls)" "what is in the pool after add"
maqet 0 start vm
err_has "Creating rbd storage for drive 'disk' of VM 'vm'"
same disk "$(rbd_admin ls)" "what is in the pool"
same 67108864 "$(size vm)" "the size"
maqet 0 --format json status vm
out_has '"file": "disk"'
tr '\0' '\n' <"/proc/$(pid_of vm)/cmdline" >arguments
grep -qF maqet.key arguments || fail "QEMU got another key file"
! grep -qF "$key" arguments || fail "the key is among QEMU's arguments"
guest_io vm "write -P 7 0 8M"
halt
maqet 0 start vm
! grep -q Creating err || fail "it was made again"
guest_io vm "read -P 7 0 8M"

step "what the guest discards is given back to the cluster"
same 8388608 "$(used disk)" "what it takes"
guest_io vm "discard 0 8M"
same 0 "$(used disk)" "what it takes afterwards"
guest_io vm "write -P 8 0 4M"
halt
io disk "read -P 8 0 4M"
maqet 0 rm vm --yes --delete-storage
same disk "$(rbd_admin ls)" "what is in the pool after rm"
machine keeps "{name: disk, type: rbd, image: disk, discard: ignore, cache: none, $identity}"
maqet 0 add keeps.yaml
maqet 0 start keeps
tr '\0' '\n' <"/proc/$(pid_of keeps)/cmdline" | grep -qF '"cache":{"direct":true' ||
    fail "its cache mode did not arrive"
guest_io keeps "discard 0 4M"
same 4194304 "$(used disk)" "what it takes when discards are ignored"
halt keeps
maqet 0 rm keeps --yes

step "monitors without a configuration; a namespace; read-only"
rbd_admin namespace create rbd/tenant
port=$(sed -n 's/.*v1:127.0.0.1:\([0-9]*\).*/\1/p' "$CLUSTER/ceph.conf")
machine named "{name: disk, type: rbd, image: 'odd, =name', namespace: tenant, size: 1000000B,
    monitors: \"127.0.0.1:$port\", user: maqet, key_file: maqet.key}"
maqet 0 add named.yaml
maqet 0 start named
same 1000448 "$(size named)" "the size, in whole sectors"
same 'odd, =name' "$(rbd_admin ls rbd/tenant)" "what is in the namespace"
same disk "$(rbd_admin ls)" "what is beside it"
maqet 0 snapshot named create disk one --live
halt named
maqet 0 snapshot named create disk two
maqet 0 snapshot named load --yes disk one
maqet 0 snapshot named export disk two out.img --format raw
same 1000448 "$(stat -c %s out.img)" "the size of what was exported"
same "one two " "$(snapshots_of named disk)" "its snapshots"
maqet 0 rm named --yes
machine reader "{name: disk, type: rbd, image: none, readonly: on, $identity}"
maqet 0 add reader.yaml
maqet 3 start reader
err_has "the pool 'rbd' has no image 'none'"
machine reader "{name: disk, type: rbd, image: disk, readonly: on, $identity}"
maqet 0 apply reader reader.yaml
maqet 0 start reader
maqet 0 qmp reader query-block
out_has '"ro": true'
halt reader
maqet 0 rm reader --yes

step "what the cluster refuses"
machine poor "{name: disk, type: rbd, image: disk, pool: nowhere, size: 8M, $identity}"
maqet 0 add poor.yaml
maqet 1 start poor
err_has "error opening pool 'nowhere'"
machine poor "{name: disk, type: rbd, image: absent, $identity}"
maqet 0 apply poor poor.yaml
maqet 3 start poor
err_has "making it needs a \`size\`"
machine poor "{name: disk, type: rbd, image: disk, user: nobody, key_file: maqet.key, conf: c/ceph.conf}"
maqet 0 apply poor poor.yaml
maqet 1 start poor
err_has "couldn't connect to the cluster"
same disk "$(rbd_admin ls)" "what is in the pool"
maqet 0 rm poor --yes

step "two make the same image at once"
for vm in a b; do
    machine $vm "{name: disk, type: rbd, image: shared, size: 16M, $identity}"
    maqet 0 add $vm.yaml
done
"$MAQET" start a >a.out 2>a.err &
first=$!
"$MAQET" start b >b.out 2>b.err &
second=$!
won=0
! wait $first || won=$((won + 1))
! wait $second || won=$((won + 1))
[ $won -le 1 ] || fail "both run on one image"
! grep -qh 'already exists\|rbd failed' a.err b.err || fail "$(cat a.err b.err)"
same 16777216 "$(rbd_admin info --format json shared | sed 's/.*"size":\([0-9]*\).*/\1/')" "its size"
for vm in a b; do
    halt $vm
    maqet 0 rm $vm --yes
done

step "larger, at rest and while the guest looks"
machine vm "{name: disk, type: rbd, image: disk, size: 64M, $identity}"
maqet 0 add vm.yaml
maqet 0 resize vm disk 96M
maqet 0 start vm
err_has "has the size 96M and not 64M"
same 100663296 "$(size vm)" "the size after it grew at rest"
maqet 0 resize vm disk +32M
same 134217728 "$(size vm)" "the size after it grew"
maqet 3 resize vm disk 64M
err_has "128M, and 64M is less"
same 134217728 "$(rbd_admin info --format json disk | sed 's/.*"size":\([0-9]*\).*/\1/')" "the cluster's word"
guest_io vm "write -P 9 127M 1M"
halt
io disk "read -P 8 0 4M" "read -P 9 127M 1M"
gone

step "what every plugin must do"
maqet 0 plugin check "$scratch/plugins/maqet-storage-rbd.so" --set "conf=$CLUSTER/ceph.conf" \
    --set user=maqet --set "key_file=$scratch/maqet.key"
