#!/bin/sh
# SPDX-License-Identifier: MIT
# From an image to a login in two commands: a VM from an image that is built from the distribution's own
# packages like those that it offers for clouds. The guest boots by the image's boot loader, a real
# cloud-init reads what maqet tells it, and OpenSSH lets in who may, and nobody else.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required
requires bsdtar ssh ssh-keygen
HOME="$TMP/home"
export HOME
mkdir -m 700 home home/.ssh
mkdir src

# It takes some time to build, and serves all runs of this build folder.
cloud=${MAQET_TEST_CLOUD:-$abs_top_builddir/guest-cloud/cloud.qcow2}
if [ -z "${MAQET_TEST_CLOUD:-}" ]; then
    requires mke2fs unshare
    "$abs_top_srcdir/tests/guest/build-cloud" "${cloud%/*}" >&2 || skip "the cloud image can't be built"
fi

ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519"
echo 'from the host' >src/file
# The guest's user is the one to whom the share belongs.
[ "$(id -u)" != 0 ] || chown -R 1234 src
expect 0 maqet new web --image "$cloud" --user alice --size 3G --memory 512M --share src
# It is always emulated here, so that the result does not depend on the host.
expect 0 maqet apply web web.yaml --set accel=tcg
sum=$(sha256sum <"$cloud")
expect 0 maqet start web --wait-for ssh --timeout "$(patience 300)"

# inside WANTED COMMAND: what a command in the guest prints.
inside() {
    expect 0 maqet ssh web -- "$2"
    same "$1" "$(cat out)" "$2"
}
expect 0 maqet ssh web -- true
inside alice 'id -un'
inside 0 'sudo -n id -u'
inside web 'hostname'
uuid=$(maqet --format json status web | sed -n 's/^ *"uuid": "\(.*\)",$/\1/p')
inside "$uuid" 'cat /var/lib/cloud/data/instance-id'
# The file system has grown with the disk.
expect 0 maqet ssh web -- 'df --output=size -B1M / | tail -n 1'
[ "$(tr -d ' ' <out)" -gt 2500 ] || fail "the guest's file system has $(cat out) MiB of 3072"
# The share, with owners and modes as they are here.
if grep -q 'type: virtiofs' web.yaml; then
    inside 'from the host' 'cat /mnt/share/file'
    expect 0 maqet ssh web -- 'echo "from the guest" >/mnt/share/back && chmod 750 /mnt/share/back'
    same 'from the guest' "$(cat src/back)" "what the guest has written"
    same 750 "$(stat -c %a src/back)" "its mode"
fi

# Nobody gets in without the key.
expect 0 maqet --format plain qmp web human-monitor-command '{"command-line": "info usernet"}'
port=$(sed 's/\\r\\n/\n/g' out | awk '/HOST_FORWARD/ && $6 == 22 { print $4 }')
[ "$port" ] || fail "no port leads to the guest: $(cat out)"
ssh-keygen -q -t ed25519 -N '' -f other
if ssh -F none -i other -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -p "$port" alice@127.0.0.1 true 2>ssh.err; then
    fail "another key got in"
fi
grep -q 'Permission denied' ssh.err || fail "ssh failed otherwise: $(cat ssh.err)"

# The power button is enough to end it, and the image is as it was.
expect 0 maqet stop web --timeout "$(patience 120)"
same "$sum" "$(sha256sum <"$cloud")" "the image's checksum"
