#!/bin/sh
# SPDX-License-Identifier: MIT
# A limit to the size of files (ulimit -f) is an error that is told, and no sudden end: in
# maqet itself, and in programs that it runs.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

# limited CODE ARGUMENT...: no file may become larger than $limit blocks; what is said goes to
# `err`.
limit=0
limited() {
    wanted=$1
    shift
    got=0
    words=$(
        ulimit -f $limit
        exec "$MAQET" "$@" 2>&1
    ) || got=$?
    echo "$words" >err
    [ "$got" -eq "$wanted" ] || {
        cat err >&2
        fail "exit code $got instead of $wanted: $*"
    }
}

vm_yaml raw <<EOF
storage:
  - {name: hdd, type: raw, size: 1M, preallocation: off}
EOF
limited 1 add raw.yaml
err_has "File too large"
expect 0 maqet --format plain ls
same '' "$(cat out)" "machines"
expect 0 maqet add raw.yaml
limited 1 start raw
err_has "File too large"
same '' "$(ls -A images)" "images"
same created "$(vm_status raw)"

# What qemu-img does about it is its own business; that it failed is told. Files of maqet's own
# are small enough.
limit=16
vm_yaml image <<EOF
storage:
  - {name: hdd, size: 1M}
EOF
expect 0 maqet add image.yaml
limited 1 start image
err_has "qemu-img"
same '' "$(ls -A images)" "images"
expect 0 maqet start image
