#!/bin/sh
# SPDX-License-Identifier: MIT
# Whoever looks which VMs need an image is not misled by one that is removed or renamed at that
# moment: the removed one needs nothing, and the renamed one still needs its base.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires strace qemu-img

made=$TMP/images/maqet-a-made.qcow2
machines() {
    vm_yaml a <<EOF
storage:
  - {name: made, size: 1M}
EOF
    vm_yaml b <<EOF
storage:
  - {name: top, size: 1M, file: images/top.qcow2}
EOF
    expect 0 maqet add a.yaml
    expect 0 maqet add b.yaml
    expect 0 maqet start a b
    expect 0 maqet stop a b --timeout 0 --force
}

# `rm a` is stopped when it looks for the definition of b for the nth time, and then goes on when
# the given command has run. Returns 1 if it does not look that often.
meanwhile() {
    nth=$1
    shift
    rm -f trace
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -P "$TMP/data/vms/b/vm.json" \
        -e 'trace=?access,?faccessat' -e "inject=?access,?faccessat:signal=STOP:when=$nth" \
        "$MAQET" rm a --delete-storage --yes >removed 2>&1 &
    tracer=$!
    eventually 60 stopped_or_ended
    if process_ended "$tracer"; then
        wait "$tracer" || fail "rm failed: $(cat removed)"
        return 1
    fi
    expect 0 maqet "$@"
    kill -CONT "$(pgrep -P "$tracer")"
    wait "$tracer" || fail "rm failed: $(cat removed)"
}
stopped_or_ended() {
    process_ended "$tracer" || grep -qs 'stopped by SIGSTOP' trace
}

times=0
for nth in 1 2 3 4 5 6; do
    machines
    meanwhile "$nth" rm b --delete-storage --yes || break
    times=$((times + 1))
    [ ! -e "$made" ] || fail "the image of a is kept: $(cat removed)"
done
[ "$times" -gt 0 ] || fail "b was never looked for"
maqet rm b --delete-storage --yes >/dev/null 2>&1 || true

for nth in $(seq "$times"); do
    machines
    qemu-img rebase -q -f qcow2 -u -F qcow2 -b "$made" images/top.qcow2
    sed -i 's/file: images.top.qcow2/&, backing_file: images\/maqet-a-made.qcow2, backing_format: qcow2/' b.yaml
    expect 0 maqet apply b b.yaml
    now=c
    meanwhile "$nth" rename b c || now=b
    [ -e "$made" ] || fail "the base of $now is gone: $(cat removed)"
    [ $now = c ] || [ "$nth" -gt 1 ] || fail "b was never looked for"
    expect 0 maqet rm $now --delete-storage --yes
    expect 0 maqet storage rm "$made" --yes
done
