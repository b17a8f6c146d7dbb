#!/bin/sh
# SPDX-License-Identifier: MIT
# How much comes from a guest: a copy that ends too early is none, and a guest does not fill a file
# system of the host. A program in the place of ssh answers for the guest.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires tar

vm_yaml vm <<EOF
ssh: {user: root}
arguments:
  - netdev: "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"
  - device: "virtio-net-pci,netdev=net"
EOF
mkdir bin home small
cat >bin/ssh <<EOF
#!/bin/sh
for last; do :; done
case \$last in
*k=folder*) cat "$TMP/look" ;;
*mktemp*) echo /tmp/packed ;;
*"'wc -c"*) cat "$TMP/count" ;;
*'exec cat'*) . "$TMP/data.sh" ;;
esac
EOF
chmod +x bin/ssh
PATH=$TMP/bin:$PATH
expect 0 maqet add vm.yaml
expect 0 maqet start vm

# says KIND SIZE PATH DATA: what the guest answers.
says() {
    printf '%s 644 %s\n%s\n' "$1" "$2" "$3" >look
    printf '%s\n' "$4" >data.sh
}

# A file that ends before its size, unless the guest says that there is no more of it (/sys).
echo before >home/x
says file 4096 /x 'echo part'
for count in 4096 '' 0; do
    echo "$count" >count
    expect 1 maqet cp vm:/x home/x
    err_has "The copy of /x ended after 5 of 4096 bytes"
    same before "$(cat home/x)" "the file that was there"
done
says file 4096 /x :
: >count
expect 1 maqet cp vm:/x home/x
err_has "ended after 0 of 4096 bytes"
says file 4096 /x 'echo part'
echo 5 >count
expect 0 maqet cp vm:/x home/x
same part "$(cat home/x)" "a file that said more than it has"
[ -z "$(find home -name '*maqet*')" ] || fail "left: $(ls -a home)"

# What is left of a file system stays: of a file, of a folder, and of a folder with many files.
if mount -t tmpfs -o size=16m,nr_inodes=200 tmpfs small 2>/dev/null; then
    cleanup_fn "umount '$TMP/small' 2>/dev/null"
    says file 1000000000 /x 'exec head -c 1000000000 /dev/zero'
    expect 1 maqet cp vm:/x small/x
    err_has "a guest gets none of the last 819.2KB"
    same "" "$(ls -A small)" "what is left of a file"
    head -c 16200000 /dev/zero >small/full
    says file 3 /x 'echo ok'
    expect 1 maqet cp vm:/x small/x
    err_has "819.2KB"
    rm small/full
    expect 0 maqet cp vm:/x small/x
    rm small/x

    mkdir big many
    head -c 20000000 /dev/zero >big/zero
    says folder 0 /big "exec tar -c -C '$TMP' ./big"
    expect 1 maqet cp -r vm:/big small
    err_has "819.2KB"
    same "" "$(ls -A small)" "what is left of a folder"
    (cd many && seq 1 4000 | xargs touch)
    says folder 0 /many "exec tar -c -C '$TMP' ./many"
    expect 1 maqet cp -r vm:/many small
    err_has "room for only"
    same "" "$(ls -A small)" "what is left of a folder of many files"
    umount small
fi
expect 0 maqet stop vm --timeout 0 --force
