# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # sourced by check.sh, whose words it uses
# What is refused before the cluster is asked, which is not there yet.

step "options that cannot be"
printf 'no key\n' >wrong.key
printf '[client.maqet]\n\tkey = AQDmxgRriBXyJBAA08XeyFlkyWkuNTp8iog4MQ==\n' >keyring
printf 'AQDmxgRriBXyJBAA08XeyFlkyWkuNTp8iog4MQ==' >maqet.key
refused "one name, without '/' and '@'" '{name: disk, type: rbd, image: rbd/disk}'
refused "one name, without '/' and '@'" '{name: disk, type: rbd, image: disk@one}'
refused "\`pool\` is empty" '{name: disk, type: rbd, image: disk, pool: ""}'
refused 'without "client."' '{name: disk, type: rbd, image: disk, user: client.maqet}'
refused "HOST:PORT" '{name: disk, type: rbd, image: disk, monitors: "127.0.0.1"}'
refused "HOST:PORT" '{name: disk, type: rbd, image: disk, monitors: "127.0.0.1:1, 127.0.0.1:2"}'
refused "HOST:PORT" '{name: disk, type: rbd, image: disk, monitors: "[::1:3300"}'
refused "the type 'rbd' is not for CD-ROM drives" '{name: disk, type: rbd, image: disk, media: cdrom, interface: sata}'
refused "the key file $scratch/none.key" '{name: disk, type: rbd, image: disk, key_file: none.key}'
refused "no regular file" '{name: disk, type: rbd, image: disk, key_file: plugins}'
refused "does not hold a key alone" '{name: disk, type: rbd, image: disk, key_file: wrong.key}'
# A program that gets a keyring for a key prints all of it.
refused "does not hold a key alone" '{name: disk, type: rbd, image: disk, key_file: keyring}'
! grep -q AQDmx err || fail "a key was shown"
machine vm "{name: disk, type: rbd, image: disk, size: 64M, $identity}"
expect 3 env CEPH_ARGS=--id=admin "$MAQET" validate vm.yaml
err_has "CEPH_ARGS is set"
# Neither does this ask the cluster.
maqet 0 validate vm.yaml
