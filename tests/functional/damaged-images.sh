#!/bin/sh
# SPDX-License-Identifier: MIT
# Damaged images: found before they are used, told in a few lines, never in the way of what has
# nothing to do with them, and repaired when asked.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io
spoil="$abs_top_builddir/tests/images/spoil-qcow2"

machine() { # NAME IMAGE LINES...
    name=$1
    {
        printf 'storage:\n  - name: d\n    file: %s\n' "$2"
        shift 2
        for line; do printf '    %s\n' "$line"; done
    } >drive
    vm_yaml "$name" <drive
}
# add NAME IMAGE LINES...: the machine of an image that is sound by now.
add() {
    machine "$@"
    expect 0 maqet add "$name.yaml"
}
short() { # what the last command said is for people
    [ "$(wc -l <err)" -le 25 ] && [ "$(wc -c <err)" -le 6000 ] ||
        fail "$(wc -l <err) lines, $(wc -c <err) bytes were said"
}
nothing_pending() {
    [ ! -e "$MAQET_DATA_DIR/vms/$1/pending.json" ] || fail "something is pending"
}

# ---- refcounts that are all 0 ----

qemu-img create -q -f qcow2 -o cluster_size=512 big.qcow2 64M
qemu-io -f qcow2 -c 'write -q -P 1 0 8M' big.qcow2
cp big.qcow2 sound.qcow2
add big big.qcow2
"$spoil" refcounts big.qcow2
for command in 'start big' 'snapshot big create d q' 'validate big.yaml' 'resize big d 65M'; do
    # shellcheck disable=SC2086 # words
    expect 1 maqet $command
    short
    err_has "$TMP/big.qcow2 is damaged: its refcounts are wrong"
    err_has 'maqet check big d --repair'
    nothing_pending big
done
# What changes nothing goes on.
expect 0 maqet snapshot big list
expect 0 maqet --format json status big
grep -q 'damage.*' out
err_has 'big.qcow2 is damaged'

# The check tells what qemu-img finds, and where the details are.
expect 1 maqet --format json check big d
out_has '"status": "damaged"'
log=$MAQET_RUNTIME_DIR/big/tool.log
err_has "$log"
[ "$(wc -l <"$log")" -gt 10000 ] || fail "the log has $(wc -l <"$log") lines"
same 600 "$(stat -c %a "$log")" "the log's mode"
short
# Repairing asks; without a terminal, --yes must have said so.
expect 2 maqet check big d --repair </dev/null
err_has 'can lose data'
err_has "cp --sparse=always '$TMP/big.qcow2' '$TMP/big.qcow2.copy'"
expect 0 maqet check big d --repair --yes
out_has 'repaired'
sound big.qcow2
qemu-img compare -q big.qcow2 sound.qcow2 || fail "the content changed"
expect 0 maqet --format plain check big
same "big	d	clean	0	0	0	0	$TMP/big.qcow2" "$(cat out)"
expect 0 maqet start big
expect 3 maqet check big
err_has 'maqet stop big'
expect 0 maqet stop -f -t0 big

# ---- a failure halfway: damage that only qemu-img sees ----

qemu-img create -q -f qcow2 half.qcow2 64M
fill half.qcow2 1
add half half.qcow2
cp half.qcow2 before.qcow2
"$spoil" l2 half.qcow2
expect 1 maqet snapshot half create d s
short
nothing_pending half
same 0 "$(count_snapshots half.qcow2)"
# qemu-img has marked it as corrupt, so it is not started; all else goes on.
expect 1 maqet start half
err_has 'marked as corrupt'
expect 0 maqet snapshot half list
machine half half.qcow2 'readonly: on'
expect 0 maqet apply half half.yaml
expect 0 maqet rm -y half

# Neither does a tool that tells the same thing 20,000 times, and fails at tidying up too.
cp before.qcow2 half.qcow2
add half half.qcow2
wrap_qemu_img '*snapshot*|*check*' 'seq 20000 >&2; exit 1'
expect 1 wrapped maqet snapshot half create d s
short
err_has 20000
err_has 'maqet check half d'
err_has "$MAQET_RUNTIME_DIR/half/tool.log"
nothing_pending half
expect 0 maqet start half
expect 0 maqet stop -f -t0 half

# One that cannot be checked is not said to be damaged.
wrap_qemu_img '*check*' 'echo "cannot look at it" >&2; exit 1'
expect 1 wrapped maqet check half d
err_has "qemu-img failed: cannot look at it"
err_lacks "could not check all of it"
wrap_qemu_img '*check*' 'exit 1'
expect 1 wrapped maqet check half d
err_has "qemu-img failed with exit status 1"
wrap_qemu_img '*check*' 'seq 20000 >&2; exit 1'
expect 1 wrapped maqet check half d
short
err_has 20000

# Interrupted, and then tidying up fails: it does not keep the machine from starting.
wrap_qemu_img '*snapshot*' 'kill -KILL $PPID; exec sleep 1000'
expect 137 wrapped maqet snapshot half create d s
[ -e "$MAQET_DATA_DIR/vms/half/pending.json" ] || fail "nothing was interrupted"
wrap_qemu_img '*check*' 'seq 20000 >&2; exit 1'
expect 0 wrapped maqet start half
short
err_has 'maqet check half d'
nothing_pending half
expect 0 maqet stop -f -t0 half
expect 0 maqet rm -y half

# A load that was interrupted, and that a damaged image keeps from its end, keeps nobody from
# repairing the image.
cp before.qcow2 half.qcow2
add half half.qcow2
expect 0 maqet snapshot half create d s
wrap_qemu_img '*snapshot*-a*' 'kill -KILL $PPID; exec sleep 1000'
expect 137 wrapped maqet snapshot half load d s --yes
[ -e "$MAQET_DATA_DIR/vms/half/pending.json" ] || fail "nothing was interrupted"
# What the image was like then is recorded by a child, in its own time.
eventually 30 grep -q '"sealed": *true' "$MAQET_DATA_DIR/vms/half/pending.json"
"$spoil" refcounts half.qcow2
# What has changed since is left for the user to judge.
expect 3 maqet start half
err_has 'maqet recover half'
short
expect 1 maqet check half d
expect 0 maqet check half d --repair --yes
sound half.qcow2
expect 0 maqet rm -y -f half

# Whoever has an image is named, and nothing is checked or repaired meanwhile.
cp before.qcow2 half.qcow2
add half half.qcow2
machine other half.qcow2
expect 0 maqet add other.yaml
expect 0 maqet start other
expect 1 maqet check half d
err_has "in use by QEMU of VM 'other'"
expect 1 maqet check half d --repair --yes
err_has 'maqet stop other'
expect 0 maqet stop -f -t0 other
# A base that others read is checked all the same.
qemu-img create -q -f qcow2 -b "$TMP/half.qcow2" -F qcow2 top.qcow2
machine top top.qcow2 "backing_file: half.qcow2" 'backing_format: qcow2'
expect 0 maqet add top.yaml
machine top2 top2.qcow2 "backing_file: half.qcow2" 'backing_format: qcow2'
expect 0 maqet add top2.yaml
expect 0 maqet start top2
expect 0 maqet --format plain check top
same 2 "$(grep -c clean out)" 'clean files'
expect 0 maqet stop -f -t0 top2
expect 0 maqet rm -y half other top top2

# What QEMU says before it ends is told in a few lines, too.
cat >chatty <<'EOF'
#!/bin/sh
seq 30000 >&2
exit 1
EOF
chmod +x chatty
vm_yaml chatty <<EOF
EOF
runs_by "$TMP/chatty" chatty.yaml
expect 0 maqet add chatty.yaml
expect 1 maqet start chatty
short
err_has 30000
err_has "$MAQET_RUNTIME_DIR/chatty/qemu.log"

# ---- cut off ----

qemu-img create -q -f qcow2 whole.qcow2 64M
fill whole.qcow2 1
qemu-img snapshot -c s1 whole.qcow2
size=$(stat -c %s whole.qcow2)
cp whole.qcow2 cut.qcow2
add cut cut.qcow2
for length in 104 65536 150000 200000 262144 $((size - 70000)) $((size - 65536)); do
    cp whole.qcow2 cut.qcow2
    truncate -s "$length" cut.qcow2
    expect 1 maqet start cut
    err_has 'cut.qcow2 is damaged'
    expect 1 maqet validate cut.yaml
    expect 1 maqet check cut
    out_has damaged
    same "$length" "$(stat -c %s cut.qcow2)" 'size after looking'
done
# One that cannot be added is checked, and repaired, by its file.
expect 0 maqet rm -y cut
expect 1 maqet add cut.yaml
err_has "maqet check cut.yaml d"
cp whole.qcow2 cut.qcow2
"$spoil" corrupt cut.qcow2
expect 1 maqet add cut.yaml
err_has 'marked as corrupt'
expect 1 maqet check cut.yaml d
expect 0 maqet check cut.yaml d --repair --yes
expect 0 maqet add cut.yaml
holds cut.qcow2 1
# As a read-only drive it may be read, with a warning.
"$spoil" l1 cut.qcow2
machine cut cut.qcow2 'readonly: on'
for command in 'validate cut.yaml' 'apply cut cut.yaml' 'start cut' 'status cut'; do
    # shellcheck disable=SC2086 # words
    expect 0 maqet $command
    err_has 'cut.qcow2 is damaged'
    err_has 'maqet check'
done
expect 0 maqet stop -f -t0 cut

# ---- a base, and a read-only image ----

for mark in corrupt dirty; do
    qemu-img create -q -f qcow2 $mark.qcow2 16M
    "$spoil" $mark $mark.qcow2
    cat >drive <<EOF
storage:
- {name: d, file: $mark-top.qcow2, backing_file: $mark.qcow2, backing_format: qcow2}
- {name: e, file: $mark.qcow2, readonly: true}
EOF
    vm_yaml on-$mark <drive
    for command in "validate on-$mark.yaml" "add on-$mark.yaml" "start on-$mark" \
        "status on-$mark"; do
        # shellcheck disable=SC2086 # words
        expect 0 maqet $command
        same 2 "$(grep -c "$TMP/$mark.qcow2 is damaged" err)" "warnings of $command"
    done
    expect 0 maqet --format json status on-$mark
    same 2 "$(grep -c "qcow2 is damaged: it " out)" "damage in JSON"
    expect 0 maqet stop -f -t0 on-$mark
    expect 1 maqet check on-$mark
    expect 1 maqet check on-$mark --repair --yes
    same 3 "$(maqet --format plain check on-$mark | grep -c $mark)"
done
# A dirty image that is written is what a crash leaves: QEMU puts it right.
qemu-img create -q -f qcow2 -o lazy_refcounts=on crash.qcow2 16M
"$spoil" dirty crash.qcow2
add crash crash.qcow2
expect 0 maqet start crash
err_lacks damaged
expect 0 maqet stop -f -t0 crash

# ---- formats that cannot keep snapshots ----

qemu-img create -q -f qcow2 -o refcount_bits=1 narrow.qcow2 16M
fill narrow.qcow2 1
add narrow narrow.qcow2
expect 3 maqet snapshot narrow create d s
err_has '1-bit reference counts: no snapshots'
err_has 'qemu-img amend -f qcow2 -o refcount_bits=16'
err_lacks WARNING
nothing_pending narrow
expect 0 maqet start narrow
expect 3 maqet snapshot narrow create d s --live
err_has '1-bit reference counts: no snapshots'
nothing_pending narrow
cure=$(sed -n 's/.*widen them: //p' err)
expect 0 maqet stop -f -t0 narrow
eval "$cure"
expect 0 maqet snapshot narrow create d s

# ---- what is sound stays so ----

for options in cluster_size=512 cluster_size=2M extended_l2=on,cluster_size=128k compat=0.10 \
    preallocation=metadata preallocation=full lazy_refcounts=on refcount_bits=64; do
    rm -f images/ok.qcow2
    qemu-img create -q -f qcow2 -o "$options" images/ok.qcow2 48M
    vm_yaml ok <<EOF
storage:
- {name: d, file: images/ok.qcow2}
EOF
    expect 0 maqet validate ok.yaml
    qemu-io -f qcow2 -c 'write -q 47M 100k' -c 'write -q 3M 1k' images/ok.qcow2
    expect 0 maqet validate ok.yaml
    qemu-img snapshot -c a images/ok.qcow2
    qemu-img resize -q images/ok.qcow2 96M 2>/dev/null || qemu-img snapshot -d a images/ok.qcow2
    qemu-io -f qcow2 -c 'discard -q 0 32M' images/ok.qcow2
    expect 0 maqet validate ok.yaml
    expect 0 maqet check ok.yaml
done
qemu-img create -q -f qcow2 images/huge.qcow2 60T
vm_yaml huge <<EOF
storage:
- {name: d, file: images/huge.qcow2}
EOF
expect 0 maqet validate huge.yaml

# ---- what QEMU is writing ----

# Whether that is damaged shows when QEMU has ended: here it puts the header right.
guest_writes() { # VM PATTERN
    maqet qmp "$1" human-monitor-command "{\"command-line\":
        \"qemu-io -d /machine/peripheral/d/virtio-backend \\\"write -P $2 0 64k\\\"\"}" >hmp
    ! grep -qi 'error\|failed' hmp || fail "the guest could not write: $(cat hmp)"
}
qemu-img create -q -f qcow2 -o lazy_refcounts=on lazy.qcow2 8M
qemu-img create -q -f qcow2 eager.qcow2 8M
for vm in lazy eager; do
    add "$vm" "$vm.qcow2"
    expect 0 maqet start "$vm"
    guest_writes "$vm" 1
    expect 0 maqet snapshot "$vm" create d s --live
    guest_writes "$vm" 2
    "$spoil" corrupt "$vm.qcow2"
    expect 0 maqet validate "$vm.yaml"
done
expect 0 maqet snapshot lazy load d s --live --yes
expect 0 maqet stop -f -t0 lazy
sound lazy.qcow2
holds lazy.qcow2 1

# What is damaged then is not reverted, nor started again.
expect 1 maqet snapshot eager load d s --live --yes
err_has "$TMP/eager.qcow2 is damaged"
err_has 'maqet check eager d --repair'
err_has 'maqet start eager'
nothing_pending eager
same stopped "$(vm_status eager)" "the status"
expect 0 maqet check eager d --repair --yes
holds eager.qcow2 2
