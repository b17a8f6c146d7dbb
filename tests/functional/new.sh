#!/bin/sh
# SPDX-License-Identifier: MIT
# maqet new: what it writes, which images and keys it takes, and that nothing stays of one that fails.
# tests/functional/guest-new.sh boots such a VM.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires bsdtar ssh-keygen qemu-img
HOME="$TMP/home"
export HOME
mkdir home work images2
umask 022

# A disk of a cloud: it has a boot record, and no more.
printf '\125\252' | dd of=cloud.raw bs=1 seek=510 status=none
truncate -s 10M cloud.raw
qemu-img convert -f raw -O qcow2 -c cloud.raw images2/cloud.qcow2
cloud="$TMP/images2/cloud.qcow2"
cd work
nothing_left() {
    same '' "$(ls -A)" "what a failed command leaves"
    same '' "$(maqet --format plain ls)" "the VMs after a failed command"
}
refused() { # CODE MESSAGE OPTION...
    code=$1
    message=$2
    shift 2
    expect "$code" maqet new web "$@"
    err_has "$message"
    nothing_left
}

# Images that are none.
refused 3 '--image FILE is missing'
refused 3 "Cannot open the image $TMP/work/none: No such file" --image none
refused 3 "$TMP/home is not a disk image: it is a folder" --image "$TMP/home"
echo '<html>' >"$TMP/page"
refused 3 'it does not begin with a boot record' --image "$TMP/page"
for program in xz gzip zstd bzip2; do
    command -v "$program" >/dev/null || continue
    "$program" -c "$TMP/cloud.raw" >"$TMP/cloud.packed"
    refused 3 "is compressed with $program, so it is no disk image yet" --image "$TMP/cloud.packed"
    err_has "Unpack it, and use the result"
done
(cd "$TMP" && bsdtar --format iso9660 -cf disc.iso page)
refused 3 'is the image of a CD-ROM' --image "$TMP/disc.iso"
qemu-img create -q -f vmdk "$TMP/cloud.vmdk" 10M
refused 3 "is an image of the format 'vmdk', not 'qcow2'" --image "$TMP/cloud.vmdk"
err_has 'qemu-img convert'
# One that names another file could read any file of the host.
qemu-img create -q -f qcow2 -F raw -b "$TMP/page" "$TMP/hostile.qcow2" 10M
refused 3 "names the backing file '$TMP/page'" --image "$TMP/hostile.qcow2"

# Other mistakes.
refused 3 'The disk cannot be smaller than the image' --image "$cloud" --size 5M
err_has 'Say --size 10M, or more'
refused 3 "'big' is not a size" --image "$cloud" --size big
refused 3 'let nobody log in as root' --image "$cloud" --user root
refused 3 "'Ann Lee' is not the name of a user" --image "$cloud" --user 'Ann Lee'
refused 3 "Cannot share $TMP/page: only a folder can be shared" --image "$cloud" --share "$TMP/page"
refused 3 "'memory'" --image "$cloud" --memory 4
mkdir "$TMP/shared"
refused 3 "'memory'" --image "$cloud" --memory 4 --share "$TMP/shared"
err_lacks 'The folder is shared as'
refused 3 "'vcpus'" --image "$cloud" --vcpus none
refused 3 "Cannot read the key $TMP/work/key: No such file" --image "$cloud" --ssh-key key
echo '-----BEGIN OPENSSH PRIVATE KEY-----' >"$TMP/secret.pub"
refused 3 "$TMP/secret.pub is not a public key" --image "$cloud" --ssh-key "$TMP/secret.pub"
echo x >"$TMP/half"
refused 3 "The key $TMP/half has no public half" --image "$cloud" --ssh-key "$TMP/half"
expect 3 maqet new 'we b' --image "$cloud"
err_has "cannot be the name of a VM"
nothing_left
mkdir "$TMP/bin"
for tool in qemu-img qemu-system-x86_64; do ln -s "$(command -v $tool)" "$TMP/bin/$tool"; done
PATH="$TMP/bin" expect 1 maqet new web --image "$cloud"
err_has 'There is no SSH key in ~/.ssh, and none could be created'
err_has 'openssh-client'
nothing_left

# Without a key in ~/.ssh, it makes one. What it writes is what a person would write.
expect 0 maqet new web --image "$cloud" --user alice
out_has "Added VM 'web', which $TMP/work/web.yaml defines."
out_has "it has one of its own, $TMP/work/web.key"
out_has 'maqet start web --wait-for ssh'
same 'web.key web.key.pub web.yaml' "$(echo *)" "what it has written"
same 600 "$(stat -c %a web.key)" "the mode of the key"
cat >wanted <<END
# The VM 'web', as 'maqet new' created it. After a change: maqet apply web FILE
name: web
memory: 2G
vcpus: 2

network: user
ports:
  # A free port of this host leads to the guest's SSH server.
  - "auto:22"
ssh:
  user: alice
  key: web.key

storage:
  # What the guest writes goes to this file, which the first start creates.
  - name: system
    type: qcow2
    file: web.qcow2
    size: 20G
    # The image is only read; other VMs may use it, too.
    backing_file: $cloud
    backing_format: qcow2

cloud_init:
  # cloud-init in the guest does this when it boots for the first time.
  user_data: |
    #cloud-config
    users:
      - name: alice
        shell: /bin/bash
        sudo: ALL=(ALL) NOPASSWD:ALL
        ssh_authorized_keys:
          - "$(cat web.key.pub)"
END
diff -u wanted web.yaml || fail "web.yaml is not as it should be"
rm wanted
# The file alone defines the VM.
expect 0 maqet apply web web.yaml
out_has "unchanged"

# Nothing that exists is overwritten; what an interrupted one has written can be used.
cp web.yaml before
expect 3 maqet new web --image "$cloud"
err_has "There is a VM 'web' already"
expect 0 maqet rm web --yes
expect 3 maqet new web --image "$cloud"
err_has "$TMP/work/web.yaml exists already, and is not overwritten"
err_has "maqet add $TMP/work/web.yaml"
cmp before web.yaml || fail "web.yaml was changed"
rm web.yaml before
cp web.key.pub pub.before
expect 0 maqet new web --image "$cloud"
cmp pub.before web.key.pub || fail "the key was replaced"
rm pub.before
expect 0 maqet rm web --yes
rm web.*
: >web.qcow2
expect 3 maqet new web --image "$cloud"
err_has "$TMP/work/web.qcow2, which would be the VM's disk, exists already"
same web.qcow2 "$(echo *)" "what it leaves"
rm web.qcow2

# The user's own key; the folder of another file; an image beside it; all that can be chosen.
mkdir "$HOME/.ssh" "$TMP/vms" "$TMP/src dir"
ssh-keygen -q -t ecdsa -N '' -C "it's mine" -f "$HOME/.ssh/id_ecdsa"
ssh-keygen -q -t rsa -b 2048 -N '' -f "$HOME/.ssh/id_rsa"
cp "$TMP/cloud.raw" "$TMP/vms"
expect 0 maqet --format json new big --image "$TMP/vms/cloud.raw" --file "$TMP/vms/x.yaml" --size 1G \
    --memory 512M --vcpus 1 --share "$TMP/src dir"
out_has '"key_created": false'
for line in 'memory: 512M' 'vcpus: 1' "  key: $HOME/.ssh/id_ecdsa" '    file: big.qcow2' '    size: 1G' \
    '    backing_file: cloud.raw' '    backing_format: raw' "    path: \"$TMP/src dir\"" \
    "          - \"$(cat "$HOME/.ssh/id_ecdsa.pub")\""; do
    grep -qxF -- "$line" "$TMP/vms/x.yaml" || { cat "$TMP/vms/x.yaml"; fail "not written: $line"; }
done
if [ "$(id -u)" -ge 1000 ]; then
    grep -qxF "        uid: $(id -u)" "$TMP/vms/x.yaml" || fail "the guest's user has another id"
fi
grep -qF "[mkdir, -p, /mnt/share]" "$TMP/vms/x.yaml" || fail "the share is not mounted"
# Where virtiofsd could not run (here it gets no namespaces), the share is one that can be started.
mkdir "$TMP/refusing"
printf '#!/bin/sh\nexit 1\n' >"$TMP/refusing/unshare"
chmod +x "$TMP/refusing/unshare"
PATH="$TMP/refusing:$PATH" expect 0 maqet new shared --image "$cloud" --ssh-key "$HOME/.ssh/id_rsa.pub" \
    --share "$TMP/src dir"
err_has 'The folder is shared as `type: virtfs`, because `type: virtiofs` cannot be used: '
grep -qx '    type: virtfs' shared.yaml || { cat shared.yaml; fail "the share is one that cannot be started"; }
expect 0 maqet new third --image "$cloud" --ssh-key "$HOME/.ssh/id_rsa.pub"
grep -qxF "  key: $HOME/.ssh/id_rsa" third.yaml || fail "the private half of a public key is not found"
cp "$HOME/.ssh/id_rsa.pub" agent.pub
expect 0 maqet new fourth --image "$cloud" --ssh-key agent.pub
! grep -q '^  key:' fourth.yaml || fail "a key that only an agent has is named"

# Users of the system have their IDs in the guest already. Words of YAML can be names.
if [ "$(id -u)" = 0 ]; then
    for owner in 33 65534 1234; do
        chown $owner "$TMP/shared"
        expect 0 maqet new "of-$owner" --image "$cloud" --share "$TMP/shared"
    done
    ! grep -q '^        uid:' of-33.yaml of-65534.yaml || fail "the guest's user has the ID of another one"
    grep -qxF '        uid: 1234' of-1234.yaml || fail "the guest's user has another ID"
fi
expect 0 maqet new No --image "$cloud" --user on
grep -qxF 'name: "No"' No.yaml || fail "the name is no text"
grep -qxF '      - name: "on"' No.yaml || fail "the user's name is no text"

# Where virtiofs is not installed, the folder is shared by 9p, with modes and links as they are.
mkdir "$TMP/plugins"
cp "$abs_top_builddir"/.libs/maqet-*.so "$TMP/plugins"
rm "$TMP/plugins/maqet-storage-virtiofs.so"
expect 0 env MAQET_PLUGIN_PATH="$TMP/plugins" "$abs_top_builddir/maqet" new fifth --image "$cloud" --share "$TMP/shared"
err_has 'The folder is shared as `type: virtfs`, because `type: virtiofs` cannot be used'
for line in '    type: virtfs' '    security_model: none' \
    '      - [mount, -t, 9p, -o, "trans=virtio,version=9p2000.L,msize=262144", share, /mnt/share]'; do
    grep -qxF -- "$line" fifth.yaml || { cat fifth.yaml; fail "not written: $line"; }
done
expect 0 maqet apply fifth fifth.yaml --set accel=tcg --set memory=64M
expect 0 maqet start fifth
expect 0 maqet qmp fifth human-monitor-command '{"command-line": "info qtree"}'
out_has 'mount_tag = \"share\"'
expect 0 maqet stop fifth --timeout 0 --force

# It starts: the overlay is created then, and cloud-init gets what the file says.
expect 0 maqet apply third third.yaml --set accel=tcg --set memory=64M
expect 0 maqet start third
qemu-img info -U third.qcow2 >info
grep -q 'virtual size: 20 GiB' info && grep -qF "backing file: $cloud" info || fail "the overlay: $(cat info)"
bsdtar -xOf "$(find "$MAQET_DATA_DIR/vms/third/drives" -name seed.iso)" user-data | grep -qF "$(cat agent.pub)" ||
    fail "the guest does not get the key"
expect 0 maqet stop third --timeout 0 --force
