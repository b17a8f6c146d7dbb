#!/bin/sh
# SPDX-License-Identifier: MIT
# `config` tells each key's value and origin; `diff` tells what `apply` would change, as diff(1)
# does.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml web <<'END'
storage:
- {name: hdd, size: 8M}
- {name: data, type: raw, size: 1M, file: data.raw, interface: sata}
arguments:
- smp: 2
END
cat >more.yaml <<'END'
# A comment.
sandbox:
  read: [/srv, /isos]
storage:
- name: data
  cache: none
END
expect 0 maqet add web.yaml more.yaml --set memory=80M --set storage.hdd.discard=ignore

# key KEY VALUE ORIGIN: what config says of it.
key() {
    same "$2	$3" "$(sed -n "s/^$1	//p" out)" "$1"
}
expect 0 maqet config web --format plain
key name web "$TMP/web.yaml:1"
key accel tcg "$TMP/web.yaml:3"
key memory 80M '--set memory=80M'
key sandbox.read '[/srv, /isos]' "$TMP/more.yaml:3"
key storage.data.file "$TMP/data.raw" "$TMP/web.yaml:7"
key storage.data.cache none "$TMP/more.yaml:6"
key storage.hdd.discard ignore '--set storage.hdd.discard=ignore'
key arguments.smp 2 "$TMP/web.yaml:9"
# What nobody has written, but holds: of the settings, of maqet, and of plugins.
key storage_dir "$TMP/images" default
key storage.hdd.type qcow2 default
key storage.hdd.interface virtio default
key storage.hdd.file "$TMP/images/maqet-web-hdd.qcow2" default
key storage.data.preallocation falloc default
mkdir -p config/maqet
echo 'accel: kvm' >config/maqet/maqet.conf
expect 0 maqet apply web web.yaml more.yaml --set accel=
expect 0 maqet config web --format plain
grep -q '^accel	kvm	default$' out || grep -q '^accel		' out || fail "no accel"
rm config/maqet/maqet.conf
expect 0 maqet config web --written --format plain
! grep -q '	default$' out || fail "defaults are shown"
expect 0 maqet config web
out_has 'ORIGIN'
expect 3 maqet config nobody

# Nothing differs from what was applied, in whatever order its keys are written.
expect 0 maqet apply web web.yaml more.yaml
expect 0 maqet diff web web.yaml more.yaml
[ ! -s out ] || fail "a difference: $(cat out)"
sed -n '/^storage/,$p' web.yaml >other.yaml
sed '/^storage/,$d' web.yaml >>other.yaml
expect 0 maqet diff web other.yaml more.yaml
[ ! -s out ] || fail "a difference: $(cat out)"

# The unified format is that of diff(1).
expect 1 maqet diff web web.yaml more.yaml --set memory=128M --set storage.data.cache=unsafe \
    --set arguments.device=e1000
grep -q '^--- web$' out && grep -q '^+++ web.yaml + more.yaml$' out || fail "no header"
grep -q '^@@ -[0-9,]* +[0-9,]* @@$' out || fail "no hunk"
same '-memory: 64M +memory: 128M -storage.data.cache: none +storage.data.cache: unsafe
+arguments.device: e1000' "$(grep '^[-+][a-z]' out | tr '\n' ' ' |
    sed 's/ +arguments/\n+arguments/; s/ $//')" "the changes"
expect 1 maqet diff web web.yaml more.yaml --set memory=128M --format plain
same 'memory	64M	128M' "$(cat out)" "the changes"
expect 1 maqet diff web web.yaml --format json
out_has '"before": "none"'

# It predicts what apply does; and an error is neither 0 nor 1.
expect 1 maqet diff web web.yaml
expect 0 maqet apply web web.yaml
out_has "Changed VM 'web'"
expect 0 maqet diff web web.yaml
expect 3 maqet diff web missing.yaml
err_has 'Cannot read missing.yaml'
expect 3 maqet diff nobody web.yaml
expect 3 maqet diff web web.yaml --set memory
echo '{}' >data/vms/web/vm.json
expect 2 maqet diff web web.yaml
