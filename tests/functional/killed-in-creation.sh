#!/bin/sh
# SPDX-License-Identifier: MIT
# kill -9 of maqet in the middle of making an image: never a half-made image under the real
# name, no helper that writes on, and the next start puts all right.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# A qemu-img that makes the image and then takes its time.
mkdir bin
cat >bin/qemu-img <<EOF
#!/bin/sh
"$(command -v qemu-img)" "\$@" || exit
echo \$\$ >"$TMP/helper"
exec sleep 600
EOF
chmod +x bin/qemu-img
vm_yaml killed <<EOF
storage:
  - name: hdd
    file: images/disk.qcow2
    size: 16M
EOF
expect 0 maqet add killed.yaml
PATH="$TMP/bin:$PATH" "$MAQET" start killed >/dev/null 2>&1 &
starter=$!
eventually 20 test -s helper
kill -9 "$starter"
wait "$starter" 2>/dev/null || true
helper=$(cat helper)
# The worker of `start` and its qemu-img go with it.
eventually 10 sh -c "[ ! -e /proc/$helper ] || grep -q '^State:.Z' /proc/$helper/status"
[ ! -e images/disk.qcow2 ] || fail "a half-made image has the real name"
same created "$(vm_status killed)"

expect 0 maqet start killed
err_has "Successfully created storage file: $TMP/images/disk.qcow2"
same disk.qcow2 "$(ls -A images)" "what is in the folder"
expect 0 maqet stop killed --timeout 0 --force
qemu-img check -q images/disk.qcow2

# Leftovers beside an image that is there by now are removed too.
touch images/.disk.qcow2.maqet-new images/.disk.qcow2.maqet-lock
expect 0 maqet start killed
same disk.qcow2 "$(ls -A images)" "what is in the folder"
