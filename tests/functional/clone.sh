#!/bin/bash
# SPDX-License-Identifier: MIT
# Clones: linked ones on frozen nodes, full ones, clones of clones, of a VM that runs, and of
# snapshots; what each shows is compared with what its source showed at that moment. And what a clone
# needs cannot be merged or deleted, not even if the clone is in another data folder.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace script

size=4194304
# What the guest of a stopped VM would see of a drive, as a raw file.
top_of() { # IMAGE
    local id=0
    if [ -e "$1.maqet/tree.json" ]; then
        id=$(sed -n 's/^  "top":\([0-9]*\),*$/\1/p' "$1.maqet/tree.json")
    fi
    if [ "$id" = 0 ]; then echo "$1"; else echo "$1.maqet/$id.qcow2"; fi
}
format_of() { case $1 in *.raw) echo raw ;; *) echo qcow2 ;; esac; }
content() { # IMAGE FILE
    local top
    top=$(top_of "$1")
    qemu-img convert -U -f "$(format_of "$top")" -O raw "$top" "$2" || fail "cannot read $top"
}
put() { # IMAGE DIGIT BLOCK
    local top
    top=$(top_of "$1")
    qemu-io -f "$(format_of "$top")" -c "write -P $2 $(($3 * 65536)) 65536" "$top" >out 2>&1 ||
        fail "$(cat out)"
}
put_live() { # VM DIGIT BLOCK
    maqet qmp "$1" human-monitor-command "{\"command-line\": \"qemu-io -d \
/machine/peripheral/hdd/virtio-backend \\\"write -P $2 $(($3 * 65536)) 65536\\\"\"}" >out 2>err
    [ "$(cat out)" = '""' ] || fail "QEMU does not write: $(cat out err)"
}
shows() { # IMAGE FILE
    content "$1" got.raw
    cmp -s got.raw "$2" || fail "$1 does not show what $2 has"
}
key() { maqet --format json status "$1" | sed -n "s/.*\"$2\": \"\([^\"]*\)\".*/\1/p" | head -n 1; }

vm_yaml web <<END
network: {type: user, mac: "52:54:00:aa:bb:cc"}
ports: ["127.0.0.1:42022:22", "auto:80"]
storage:
- {name: hdd, type: raw, file: web.raw, size: $size, snapshots: overlay}
- {name: data, type: qcow2, file: data.qcow2, size: $size, snapshots: overlay}
END
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet stop web --timeout 0 --force
put web.raw 1 0
put data.qcow2 2 0
content web.raw one.raw

# The session at the beginning of the documentation.
grep '^    maqet ' "$abs_top_srcdir/docs/clones.md" >session
while read -r line; do
    # shellcheck disable=SC2086 # words
    expect 0 $line </dev/null
done <session
expect 0 maqet stop web-test --timeout 0 --force
shows web-test.qcow2 one.raw
shows worker-3.qcow2 one.raw
expect 0 maqet rm web-test worker-1 worker-2 worker-3 --delete-storage --yes

# A stopped VM; nothing is copied.
expect 0 maqet clone web test
out_has "Cloned VM 'web' as 'test' (linked)"
out_has 'tcp 127.0.0.1:42022 -> 42023'
shows test.qcow2 one.raw
[ "$(stat -c %b test.qcow2)" -lt 2000 ] || fail 'a linked clone has copied something'
[ -e test-data.qcow2 ] || fail 'no image of the second drive'
[ "$(key web uuid)" != "$(key test uuid)" ] || fail 'both have the same UUID'
expect 0 maqet config test
out_lacks 'aa:bb:cc'
out_has '42023:22'

# Both go on for themselves.
put web.raw 3 1
put test.qcow2 4 2
content web.raw web-now.raw
content test.qcow2 test-now.raw
shows web.raw web-now.raw
cmp -s web-now.raw test-now.raw && fail 'the clone has what its source wrote later'
expect 0 maqet start web
expect 0 maqet start test

# Clones of clones, live; all that the guest had written is there.
put_live test 5 3
expect 0 maqet clone test deeper
out_has '(linked)'
put_live test 6 3
expect 0 maqet stop web test --timeout 0 --force
cp test-now.raw wanted.raw
head -c 65536 /dev/zero | tr '\0' '\005' | dd of=wanted.raw bs=65536 seek=3 conv=notrunc status=none
shows deeper.qcow2 wanted.raw
expect 0 maqet start deeper
expect 0 maqet stop deeper --timeout 0 --force

# Of snapshots; several at once, which share what is frozen.
expect 0 maqet snapshot web create --all good
put web.raw 7 4
expect 0 maqet clone web many --from good --count 3
for i in 1 2 3; do shows "many-$i.qcow2" web-now.raw; done
# Each has addresses and ports of its own, which its source has not either.
for vm in web many-1 many-2 many-3; do maqet args $vm; done >all.args
for what in 'mac=[0-9a-fA-F:]*' 'hostfwd=tcp:127.0.0.1:42[0-9]*'; do
    same 4 "$(grep -o "$what" all.args | wc -l)" "how many have $what"
    same 4 "$(grep -o "$what" all.args | sort -u | wc -l)" "how many different ones: $(grep -o "$what" all.args)"
done
expect 0 maqet clone web whole --from good --full
out_has '(full)'
shows whole.raw web-now.raw
[ ! -e whole.raw.maqet ] || fail 'a full clone has overlays'
[ -e whole-data.qcow2 ] || fail 'no image of the second drive'

# A copy shares its blocks with the source if the file system can do that; if not, progress is shown.
ASAN_OPTIONS=detect_leaks=0 TERM=vt100 script -qefc "strace -f -qq -o '$TMP/trace' -e trace=ioctl,copy_file_range \
    -e inject=copy_file_range:delay_enter=1100000:when=1 '$MAQET' clone whole again --full" screen >/dev/null
grep -q FICLONE trace || fail "nothing was shared: $(cat trace)"
grep -q 'FICLONE.* = 0$' trace || grep -qF "VM 'again', drive 'hdd': copying" screen || fail "no progress: $(cat screen)"
shows again.raw web-now.raw

# What they need stays. The refusal names them.
expect 3 maqet snapshot web delete --all good
err_has "VM 'many-1'"
err_has "VM 'many-2'"
err_has "VM 'many-3'"
expect 3 maqet snapshot web create --all good --overwrite
err_has "VM 'many-1'"
expect 0 maqet snapshot web load --all good --yes
shows web.raw web-now.raw
shows many-1.qcow2 web-now.raw
expect 0 maqet rm many-1 many-2 many-3 --delete-storage --yes
[ ! -e many-1.qcow2 ] || fail 'many-1.qcow2 is left'
expect 0 maqet snapshot web delete --all good
# The node that the clone 'test' stands on has no name, and is not merged.
for vm in test deeper; do
    expect 0 maqet start $vm
    expect 0 maqet stop $vm --timeout 0 --force
done

# A clone in another data folder counts as well.
mkdir -p other/vms
chmod 700 other other/vms
mv data/vms/deeper other/vms
expect 0 maqet --data-dir "$PWD/other" start deeper
expect 0 maqet --data-dir "$PWD/other" stop deeper --timeout 0 --force
expect 0 maqet clone test near
expect 0 maqet snapshot test create --all named
expect 0 maqet clone test there --from named
mv data/vms/there other/vms
expect 0 maqet --data-dir "$PWD/other" start there
expect 0 maqet --data-dir "$PWD/other" stop there --timeout 0 --force
expect 3 maqet snapshot test delete --all named
err_has "VM 'there', drive 'hdd' (data folder $PWD/other)"
expect 0 maqet --data-dir "$PWD/other" rm there --delete-storage --yes
expect 0 maqet snapshot test delete --all named
put test.qcow2 8 5
content test.qcow2 test-now.raw
expect 0 maqet snapshot test create --all later
expect 0 maqet snapshot test delete --all later
shows test.qcow2 test-now.raw
expect 0 maqet --data-dir "$PWD/other" start deeper
expect 0 maqet --data-dir "$PWD/other" stop deeper --timeout 0 --force
shows deeper.qcow2 wanted.raw
expect 0 maqet rm near --delete-storage --yes

# The source goes, and what its clones need stays.
expect 0 maqet rm web --delete-storage --yes
[ -e web.raw ] || fail 'the image that clones need is gone'
expect 0 maqet start test
expect 0 maqet stop test --timeout 0 --force

# Nothing is replaced.
echo precious >x.qcow2
expect 3 maqet clone whole x
err_has 'x.qcow2'
grep -qx precious x.qcow2 || fail 'a file was replaced'
expect 3 maqet clone whole test
err_has "already a VM 'test'"
expect 3 maqet clone whole a/b
expect 3 maqet clone whole new --from nothing

# An overlay that holds only zeroes is not an empty one.
vm_yaml wiped <<END
storage:
  - {name: hdd, type: qcow2, size: 1M, file: wiped.qcow2, snapshots: overlay}
END
expect 0 maqet add wiped.yaml
expect 0 maqet start wiped
expect 0 maqet stop wiped --timeout 0 --force
put wiped.qcow2 5 3
expect 0 maqet snapshot wiped create hdd before
qemu-io -f qcow2 -c 'write -z 0 1M' "$(top_of wiped.qcow2)" >/dev/null
expect 0 maqet clone wiped zeroed
content wiped.qcow2 wanted.raw
shows zeroed.qcow2 wanted.raw
