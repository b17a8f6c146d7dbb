#!/bin/sh
# SPDX-License-Identifier: MIT
# What must not be touched is not: folders and images of others, whatever races and kills.
. "${srcdir:-.}/tests/functional/functions.sh"
VM_BOOTS=yes
qemu_required

# A folder that others can write is refused, not changed.
vm_yaml a </dev/null
expect 0 maqet add a.yaml
mkdir shared
chmod 1777 shared
expect 4 maqet --runtime-dir "$TMP/shared" start a
err_has "is writable by other users"
same 1777 "$(stat -c %a shared)" "mode of somebody's folder"
mkdir real
ln -s real link
expect 4 maqet --runtime-dir "$TMP/link" start a
err_has "is a link"

# rm removes what is maqet's, and nothing that lies beside it.
expect 0 maqet start a
expect 0 maqet stop a --timeout 0 --force
mkdir run/a/important
echo keep >run/a/important/file
expect 0 maqet rm a --yes
err_has "$TMP/run/a is kept"
[ -f run/a/important/file ] || fail "rm removed a stranger's file"
rm -r run/a
vm_yaml inside <<EOF
storage:
  - {name: hdd, file: images/inside.qcow2, size: 1M}
EOF
expect 0 maqet add inside.yaml
expect 0 maqet start inside
expect 0 maqet stop inside --timeout 0 --force
echo keep >data/vms/inside/notes
expect 3 maqet rm inside --yes --delete-storage
err_has "data/vms/inside/notes does not belong to maqet"
[ -f data/vms/inside/notes ] || fail "a stranger's file went with the machine's folder"
[ -f images/inside.qcow2 ] || fail "an image went, and its machine stayed"
rm data/vms/inside/notes
expect 0 maqet rm inside --yes --delete-storage
[ ! -e images/inside.qcow2 ] || fail "the image is left"
vm_yaml store <<EOF
storage:
  - {name: hdd, file: $TMP/data/vms/store/disk.qcow2, size: 1M}
EOF
expect 0 maqet add store.yaml
expect 4 maqet start store
err_has "where maqet stores its definitions"
# A drive that cannot be had is found before another one's image is made.
vm_yaml early <<EOF
storage:
  - {name: hdd, file: images/early.qcow2, size: 1M}
  - {name: cd, type: raw, file: images/none.iso, interface: sata, media: cdrom}
EOF
expect 0 maqet add early.yaml
expect 3 maqet start early
err_has "$TMP/images/none.iso does not exist"
err_lacks Creating
[ ! -e images/early.qcow2 ] || fail "an image was made for a machine that cannot start"
# Two drives on one image.
vm_yaml twice <<EOF
storage:
  - {name: one, file: images/twice.qcow2, size: 1M}
  - {name: two, file: images/twice.qcow2, size: 1M}
EOF
expect 3 maqet add twice.yaml
err_has "its image $TMP/images/twice.qcow2 is already used by the drive 'one'"
# The folder of all definitions may be a link of one's own.
mkdir disk
mv data/vms disk/
ln -s "$TMP/disk/vms" data/vms
vm_yaml linked </dev/null
expect 0 maqet add linked.yaml
rm data/vms
mv disk/vms data/

# Another machine names the image within an argument, or cannot be read at all.
user() { # NAME, then lines
    vm_yaml "$1" <<EOF
storage:
  - {name: hdd, file: images/$1.raw, type: raw, size: 1M}
EOF
    expect 0 maqet add "$1.yaml"
    expect 0 maqet start "$1"
    expect 0 maqet stop "$1" --timeout 0 --force
}
user g
vm_yaml h <<EOF
arguments:
  - drive: "file=$TMP/images/g.raw,format=raw,if=none,id=x"
EOF
expect 0 maqet add h.yaml
expect 0 maqet rm g --delete-storage --yes
kept "$TMP/images/g.raw" "VM 'h' uses it"
[ -f images/g.raw ] || fail "an image that an argument names is gone"
expect 0 maqet rm h --yes
user g2
expect 0 maqet add h.yaml
echo '{' >data/vms/h/vm.json
expect 0 maqet rm g2 --delete-storage --yes
kept "$TMP/images/g2.raw" "the definition of VM 'h', which may use it, cannot be read"
[ -f images/g2.raw ] || fail "an image that may be in use is gone"
rm -r data/vms/h

# An image that maqet was killed before it could say a word about is known all the same.
user r
grep -q 'images/r.raw' data/vms/r/images.json || fail "no record"
expect 0 maqet rm r --delete-storage --yes
[ ! -e images/r.raw ] || fail "the image is left"

# A start that is slow: stop waits for it, and rm --force ends it, however they meet.
mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
"$(command -v qemu-img)" "\$@" || exit
touch "$TMP/begun"
sleep 1
EOF
chmod +x bin/qemu-img
vm_yaml slow <<EOF
storage:
  - {name: hdd, file: images/slow.qcow2, size: 1M}
EOF
expect 0 maqet add slow.yaml
for command in 'stop slow --timeout 0 --force' 'rm slow --force'; do
    rm -f begun images/slow.qcow2
    PATH="$TMP/bin:$PATH" "$MAQET" start slow --create-missing >/dev/null 2>&1 &
    starter=$!
    eventually 20 test -e begun
    # shellcheck disable=SC2086 # words
    expect 0 maqet $command
    wait "$starter" || true
    qemu-img check -q images/slow.qcow2
    [ -z "$(vm_pid slow)" ] || [ "$(vm_pid slow)" = - ] || fail "$command: it still runs"
done

# Many applies at once agree.
vm_yaml many </dev/null
for i in 1 2 3 4 5 6; do
    (
        code=0
        maqet apply many many.yaml >"apply.$i" 2>&1 || code=$?
        echo "$code" >"applied.$i"
    ) &
done
wait
same 6 "$(cat applied.* | grep -cx 0)" "applies that succeeded"
same 1 "$(cat apply.[1-6] | grep -ci created)" "applies that created"

# A top-level key that an argument overrides is not dropped in silence.
expect 0 maqet apply many many.yaml --set arguments.m=80M
err_has "'memory' is ignored: \`arguments\` says -m"

# Sizes: an overlay below its base, and an image that is not as large as it says.
qemu-img create -q -f qcow2 images/base.qcow2 8M
vm_yaml cut <<EOF
storage:
  - {name: hdd, file: images/cut.qcow2, size: 1M, backing_file: images/base.qcow2, backing_format: qcow2}
EOF
expect 3 maqet add cut.yaml
err_has "is less than the 8388608 bytes of the base"
sed 's/name: cut/name: grown/; s/, backing_file.*/}/; s/size: 1M/size: 9M/; s|images/cut|images/base|' cut.yaml >grown.yaml
expect 0 maqet add grown.yaml
expect 0 maqet start grown
err_has "\`size\` is used only when an image is created"
expect 0 maqet stop grown --timeout 0 --force

# QEMU works in the folder of the YAML file, for the paths that are within a text.
mkdir elsewhere
truncate -s 1M elsewhere/text.raw
sed "s/^name: .*/name: text/" many.yaml >elsewhere/text.yaml
cat >>elsewhere/text.yaml <<EOF
arguments:
  - drive: "file=text.raw,format=raw,if=virtio"
EOF
expect 0 maqet add elsewhere/text.yaml
expect 0 maqet start text
same "$TMP/elsewhere" "$(readlink "/proc/$(vm_pid text)/cwd")" "QEMU's folder"
expect 0 maqet stop text --timeout 0 --force
