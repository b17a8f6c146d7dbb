#!/bin/sh
# SPDX-License-Identifier: MIT
# virtfs: its options as QEMU takes them, and what is wrong with a folder before QEMU runs.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

share() { # NAME, then lines of the share
    vm_yaml "$1" <<EOF
storage:
  - name: work
    type: virtfs
$(sed 's/^/    /')
EOF
}
refused() { # CODE MESSAGE
    share refused
    expect "$1" maqet validate refused.yaml
    err_has "$2"
    err_has "drive 'work' of VM 'refused'"
    err_has "refused.yaml:"
}

mkdir folder
touch file
share full <<EOF
path: folder
options:
  mount_tag: tag
  security_model: mapped-file
  multidevs: remap
  fmode: 0640
  dmode: 0750
EOF
expect 0 maqet add full.yaml
expect 0 maqet --format plain args full
out_has "local,id=work,path=$TMP/folder,security_model=mapped-file"
out_has 'fmode=0640'
out_has 'dmode=0750'
out_has 'multidevs=remap'
out_has '"mount_tag":"tag"'
expect 0 maqet start full
expect 0 maqet stop full --timeout 0 --force
share short <<EOF
path: folder
readonly: on
EOF
expect 0 maqet --format plain args short.yaml
out_has 'security_model=mapped-xattr'
out_has 'readonly=on'
out_has '"mount_tag":"work"'

refused 3 "path" <<EOF
mount_tag: x
EOF
refused 3 "$TMP/nowhere" <<EOF
path: nowhere
EOF
refused 3 "$TMP/file" <<EOF
path: file
EOF
refused 3 "the mount tag" <<EOF
path: folder
mount_tag: a-tag-that-is-longer-than-thirty-one-bytes
EOF
refused 3 "did you mean 'passthrough'?" <<EOF
path: folder
security_model: passtrough
EOF
refused 3 "fmode" <<EOF
path: folder
security_model: none
fmode: 0644
EOF
refused 3 "fmode" <<EOF
path: folder
fmode: 0999
EOF
# No file that the guest makes is another user's program on the host.
for mode in 'fmode: 04755' 'fmode: 02755' 'dmode: 02755' 'dmode: 01777'; do
    refused 3 "\`${mode%%:*}\` may be 0777 at most" <<EOF
path: folder
$mode
EOF
done
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups "$MAQET" --version >/dev/null 2>&1; then
    chmod 755 "$TMP"
    MAQET_DATA_DIR="$TMP/nobody/data" MAQET_RUNTIME_DIR="$TMP/nobody/run"
    mkdir nobody locked
    chmod 700 locked
    share refused <<EOF
path: folder
security_model: passthrough
EOF
    expect 4 setpriv --reuid 65534 --clear-groups "$MAQET" validate refused.yaml
    err_has passthrough
    err_has mapped
    sed -i 's/passthrough/none/; s/path: folder/path: locked/' refused.yaml
    expect 4 setpriv --reuid 65534 --clear-groups "$MAQET" validate refused.yaml
    err_has "$TMP/locked"
fi
