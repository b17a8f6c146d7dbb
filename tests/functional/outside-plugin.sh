#!/bin/sh
# SPDX-License-Identifier: MIT
# The example of a plugin, copied out of the tree and built against the header alone, which
# pkg-config finds in the build tree, makes a disk for a real QEMU, finds it again, and refuses
# what is no image of its format.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires make pkg-config qemu-io "${CC%% *}"
qemu_required
unset MAKEFLAGS MFLAGS MAKELEVEL
umask 022

mkdir vdi
for file in Makefile vdi.c vm.yaml; do
    cat "$abs_top_srcdir/examples/plugins/vdi/$file" >"vdi/$file"
done
expect 2 env PKG_CONFIG_LIBDIR="$TMP" make -C vdi CC="${CC%% *}"
err_has maqet
expect 0 env PKG_CONFIG_PATH="$abs_top_builddir/pkgconfig" \
    make -C vdi CC="${CC%% *}" CFLAGS="-Wall -Wextra -Werror"
expect 3 maqet validate vdi/vm.yaml
err_has "There is no storage plugin 'vdi'"
MAQET_PLUGIN_PATH="$TMP/vdi"
export MAQET_PLUGIN_PATH
expect 0 maqet validate vdi/vm.yaml

drive() { # VM, then lines of the drive
    vm_yaml "$1" <<END
storage:
  - name: hdd
    type: vdi
$(sed 's/^/    /')
END
}

# It is made at the first start, and QEMU has it open as what it is.
drive vm <<'END'
file: images/disk.vdi
size: 16M
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
err_has "Successfully created storage file: $TMP/images/disk.vdi"
expect 0 maqet qmp vm query-named-block-nodes
out_has '"drv": "vdi"'
expect 0 maqet stop vm --timeout 0 --force
expect 0 qemu-img info images/disk.vdi
out_has "file format: vdi"
out_has "(16777216 bytes)"
expect 0 maqet --format json status vm
out_has 16777216
same disk.vdi "$(ls -A images)" "what is in the folder"

# The second start uses the same file, with what is in it.
expect 0 qemu-io -f vdi -c 'write -P 7 0 64k' images/disk.vdi
before=$(stat -c %i images/disk.vdi)
expect 0 maqet start vm
err_lacks Creating
expect 0 maqet stop vm --timeout 0 --force
same "$before" "$(stat -c %i images/disk.vdi)" "the file"
expect 0 qemu-io -f vdi -c 'read -P 7 0 64k' images/disk.vdi
! grep -q 'verification failed' out || fail "what was written is gone"

# What cannot be.
refused() { # REASON; the drive's lines by stdin
    drive refused
    expect 3 maqet add refused.yaml
    err_has "refused.yaml:"
    err_has "$1"
}
truncate -s 1M images/raw.img
refused "$TMP/images/raw.img is no VDI image" <<'END'
file: images/raw.img
END
printf short >images/short.img
refused "$TMP/images/short.img is no VDI image" <<'END'
file: images/short.img
END
refused "making it needs a \`size\`" <<'END'
file: images/missing.vdi
END
refused "the type 'vdi' is not for CD-ROM drives" <<'END'
file: images/disk.vdi
media: cdrom
interface: sata
END
refused "it must be from 1M to" <<'END'
size: 600T
END
same short "$(cat images/short.img)" "what was refused"
[ ! -e images/missing.vdi ] || fail "an image without a size was made"

# The other way round: a plugin of maqet's own knows that it isn't raw.
vm_yaml raw <<'END'
storage:
  - name: hdd
    type: raw
    file: images/disk.vdi
END
expect 3 maqet add raw.yaml
err_has "begins like an image of the format 'vdi', and its type is raw"
err_has "\`type: vdi\`"

expect 0 maqet rm vm --yes --delete-storage
[ ! -e images/disk.vdi ] || fail "the image is still there"
