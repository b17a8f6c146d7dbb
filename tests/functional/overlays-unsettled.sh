#!/bin/bash
# SPDX-License-Identifier: MIT
# A clone that is killed between its steps leaves no job in its source, but a tree that may not say yet which file
# QEMU writes to. Whatever command works on a drive of the source next, while that runs or when it has ended: it
# finds the drive as it is, with all that the guest has written.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img strace

vm_yaml web <<'END'
storage:
- {name: hdd, type: raw, file: web.raw, size: 1M, snapshots: overlay}
- {name: data, type: raw, file: data.raw, readonly: true}
END
truncate -s 1M data.raw
expect 0 maqet add web.yaml
expect 0 maqet start web
tree=web.raw.maqet/tree.json
number=0
# Each number in a place of its own.
put() {
    number=$((number + 1))
    expect 0 maqet qmp web human-monitor-command \
        "{\"command-line\": \"qemu-io -d /machine/peripheral/hdd/virtio-backend \\\"write -P $number $((number * 4))k 4k\\\"\"}"
    same '""' "$(cat out)" "$what: QEMU's answer"
    expect 0 maqet qmp web human-monitor-command \
        '{"command-line": "qemu-io -d /machine/peripheral/hdd/virtio-backend flush"}'
}
written() { # IMAGE FORMAT
    local i reads=()
    for ((i = 1; i <= number; i++)); do reads+=(-c "read -P $i $((i * 4))k 4k"); done
    qemu-io -r -U -f "$2" "${reads[@]}" "$1" >read.out 2>&1 || fail "$what: not all is in $1: $(cat read.out)"
    ! grep failed read.out || fail "$what: something is lost in $1"
}
field() { sed -n "s/^  \"$1\":\([0-9]*\),*\$/\1/p" $tree; }
settled() {
    [ "$(field prepared)" = 0 ] || fail "$what: the tree was not settled: $(cat $tree)"
    written "web.raw.maqet/$(field top).qcow2" qcow2
}
# QEMU writes to the new overlay, and the tree does not say so: that is left at one of these steps.
what='before'
put
cut_at() { # STEP
    what="killed at step $1"
    code=0
    traced rename "signal=KILL:when=$1" clone web new --linked >out 2>err || code=$?
    [ "$code" -eq 137 ] || fail "$what: exit code $code: $(cat err)"
    put
}
step=1
until cut_at $step
      [ -e $tree ] && [ "$(field prepared)" != 0 ] &&
          maqet qmp web query-block >out && grep -qF "web.raw.maqet/$(field prepared).qcow2" out; do
    step=$((step + 1))
done
# At the last of them.
cut_again() {
    cut_at $step
    [ "$(field prepared)" -gt 0 ] || fail "$what: the tree says already what QEMU writes to: $(cat $tree)"
}

# Whatever comes next.
rm -f copy.raw
expect 0 maqet export web hdd copy.raw --format raw
written copy.raw raw
settled
cut_again
expect 0 maqet backup web create backups
settled
backup=$(echo backups/web/*/hdd.*)
written "$backup" "${backup##*.}"
cut_again
expect 0 maqet resize web hdd 2M
settled
expect 0 maqet qmp web query-block
grep -q '"virtual-size": 2097152' out || fail "the guest does not see the new size: $(cat out)"
cut_again
# One that then refuses what it is told as well.
expect 3 maqet detach web other
settled
# A drive that cannot be settled is an error of those commands alone that work on it.
for state in running stopped; do
    cut_again
    [ $state = running ] || expect 0 maqet stop web --timeout 0 --force
    top=$(field top) prepared=$(field prepared)
    mv "web.raw.maqet/$top.qcow2" aside
    for command in "export web hdd not.raw --format raw" "resize web hdd 3M" "detach web hdd" "compact web hdd" \
        "backup web create backups" "move web hdd other"; do
        # When it is stopped, the definition alone changes.
        [ "$state $command" != 'stopped detach web hdd' ] || continue
        mkdir -p other
        code=0
        # shellcheck disable=SC2086 # words
        maqet $command >out 2>err || code=$?
        [ $code -ne 0 ] || fail "$state: $command was done with a drive that cannot be settled"
        err_has "VM 'web', drive 'hdd'"
        err_has "web.raw.maqet/$top.qcow2"
        same "$prepared" "$(field prepared)" "$state, $command: what the tree says"
        [ ! -e not.raw ] || fail "$state: something was exported"
    done
    rm -f copy.raw
    expect 0 maqet export web data copy.raw --format raw
    same 1048576 "$(stat -c %s copy.raw)" 'the size of the other drive'
    [ $state = running ] || expect 0 maqet detach web data
    # Others are worked on, and the one that is meant to repair it says what is wrong.
    code=0
    maqet recover web >out 2>err || code=$?
    [ $code -ne 0 ] || fail "$state: recover says that all is well"
    err_has "web.raw.maqet/$top.qcow2"
    mv aside "web.raw.maqet/$top.qcow2"
    rm -f copy.raw
    expect 0 maqet export web hdd copy.raw --format raw
    settled
    written copy.raw raw
done
expect 0 maqet start web
# Also when it has ended.
for command in "export web hdd later.raw --format raw" "resize web hdd 3M" "compact web hdd" "check web" \
    "move web hdd other"; do
    cut_again
    expect 0 maqet stop web --timeout 0 --force
    mkdir -p other
    # shellcheck disable=SC2086 # words
    expect 0 maqet $command
    what=$command
    [ ! -e other/web.raw ] || tree=other/$tree
    [ "$(field prepared)" = 0 ] || fail "$what: the tree was not settled: $(cat $tree)"
    written "${tree%/*}/$(field top).qcow2" qcow2
    expect 0 maqet start web
done
expect 0 maqet stop web --timeout 0 --force

# What another VM has open is that one's to settle: its QEMU knows which file it writes to.
sed -e 's/web/twin/' -e '/name: data/d' web.yaml >twin.yaml
sed -i "s|file: .*raw, size|file: $PWD/${tree%.maqet/*}, size|" twin.yaml
expect 0 maqet add twin.yaml
expect 0 maqet start twin
code=0
traced rename "signal=KILL:when=$step" clone twin new --linked >out 2>err || code=$?
[ "$code" -eq 137 ] || fail "a clone of the twin: exit code $code: $(cat err)"
prepared=$(field prepared)
[ "$prepared" -gt 0 ] || fail "nothing was left to be settled: $(cat "$tree")"
for command in "export web hdd seen.raw --format raw" "start web" "backup web create backups" \
    "snapshot web create hdd one" "resize web hdd 4M" "clone web other" "fork web other"; do
    code=0
    # shellcheck disable=SC2086 # words
    maqet $command >out 2>err || code=$?
    [ $code -ne 0 ] || fail "$command was done with a drive that another VM has open"
    same "$prepared" "$(field prepared)" "$command: the tree of a drive that another VM has open"
    [ ! -e seen.raw ] || fail 'something was exported'
done
expect 0 maqet snapshot twin list hdd
# Nor is a tree changed by others whose overlays are all settled.
expect 0 maqet snapshot twin create hdd its --live
sum=$(sha256sum "$tree")
for command in "clone web linked --linked" "snapshot web create hdd one" "snapshot web load hdd its --yes" \
    "flatten web hdd" "compact web hdd" "resize web hdd 4M" "move web hdd ." "snapshot web delete hdd its" "start web"; do
    code=0
    # shellcheck disable=SC2086 # words
    maqet $command >out 2>err || code=$?
    [ $code -ne 0 ] || fail "$command was done with a drive that another VM has open"
    same "$sum" "$(sha256sum "$tree")" "$command: the tree of another VM"
done
expect 0 maqet export twin hdd twins.raw --format raw
same 0 "$(field prepared)" 'the tree, when its own VM is worked on'
written twins.raw raw
expect 0 maqet stop twin --timeout 0 --force

# Two drives are left so, and one of them cannot be settled: the other one can be, and is copied.
vm_yaml two <<'END'
storage:
- {name: hdd, type: raw, file: two.raw, size: 1M, snapshots: overlay}
- {name: more, type: raw, file: more.raw, size: 1M, snapshots: overlay}
END
expect 0 maqet add two.yaml
expect 0 maqet start two
step=0
until [ -e two.raw.maqet/tree.json ] && [ -e more.raw.maqet/tree.json ] && grep -q '"prepared":[1-9]' two.raw.maqet/tree.json &&
    grep -q '"prepared":[1-9]' more.raw.maqet/tree.json; do
    step=$((step + 1))
    code=0
    traced rename "signal=KILL:when=$step" clone two copy --linked >out 2>err || code=$?
    [ "$code" -eq 137 ] || fail "a clone that is killed at step $step: exit code $code: $(cat err)"
done
expect 0 maqet stop two --timeout 0 --force
mv two.raw aside
expect 0 maqet backup two create backups --drive more
grep -q '"prepared":0' more.raw.maqet/tree.json || fail "the other drive was not settled: $(cat more.raw.maqet/tree.json)"
code=0
maqet backup two create backups --drive hdd >out 2>err || code=$?
[ $code -ne 0 ] || fail 'a drive without its image was copied'
mv aside two.raw
expect 0 maqet backup two create backups
grep -q '"prepared":0' two.raw.maqet/tree.json || fail "the drive was not settled: $(cat two.raw.maqet/tree.json)"
