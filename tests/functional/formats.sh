#!/bin/sh
# SPDX-License-Identifier: MIT
# A plugin's name is its own affair: its `format` is what QEMU calls the images, which is compared
# with what they are and is what hints for qemu-img name. Several plugins may have the same.
. "${srcdir:-.}/tests/functional/functions.sh"
: "${CC:=cc}"
requires "${CC%% *}" qemu-img
qemu_required
umask 022

mkdir plugins
source="$abs_top_srcdir/examples/plugins/vdi/vdi.c"
plugin() { # NAME
    sed "s/^    \.name = \"vdi\",/    .name = \"$1\",/
s/^    \.interface = \"virtio\",/    .format = \"vdi\",\n&/" "$source" >"$1.c"
    grep -q "\.name = \"$1\"" "$1.c" || fail "the plugin has no name"
    grep -q '\.format = "vdi"' "$1.c" || fail "the plugin has no format"
    expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" \
        -o "plugins/maqet-storage-$1.so" "$1.c"
}
plugin box-disk
plugin vbox
MAQET_PLUGIN_PATH="$TMP/plugins"
export MAQET_PLUGIN_PATH

vm_yaml vm <<END
storage:
  - {name: hdd, type: vbox, file: disk.vdi, size: 16M}
END
expect 0 maqet add vm.yaml
expect 0 maqet start vm
expect 0 maqet qmp vm query-named-block-nodes
out_has '"drv": "vdi"'
expect 0 maqet stop vm --timeout 0 --force

# What other types say of such an image.
vm_yaml other <<END
storage:
  - {name: hdd, type: raw, file: disk.vdi}
END
expect 3 maqet validate other.yaml
err_has "If you know that it was created as such an image: \`type: box-disk\` or \`type: vbox\`"
sed -i 's/raw/qcow2/' other.yaml
expect 3 maqet validate other.yaml
err_has "Say \`type: box-disk\` or \`type: vbox\`, or give another file"

# What qemu-img is told by hand is the format, not the name.
expect 3 maqet snapshot vm create hdd one
err_has "qemu-img convert -f vdi -O qcow2 "

# An image of another format is refused by the format's name.
expect 0 qemu-img create -q -f qcow2 disk.qcow2 16M
sed -i 's/"vdi");$/"qcow2");/' vbox.c
grep -q 'maqet_image_format(image, "qcow2")' vbox.c || fail "the plugin reports what it did"
expect 0 "${CC%% *}" -fPIC -shared -I"$abs_top_srcdir/include" -o plugins/maqet-storage-vbox.so vbox.c
expect 3 maqet start vm
err_has "disk.vdi is an image of the format 'qcow2', not 'vdi'"
err_has "Say \`type: qcow2\`, or give another file"
