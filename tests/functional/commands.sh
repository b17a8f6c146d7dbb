#!/bin/sh
# SPDX-License-Identifier: MIT
# What people type: options anywhere, every format, several machines at once, the foreground.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

for vm in a b c; do
    vm_yaml $vm </dev/null
done
expect 0 maqet add a.yaml
expect 0 maqet add --name=bee b.yaml
expect 0 maqet add c.yaml --name cee --set memory=80M

# Several at once; the options after and between the operands.
expect 0 maqet start a --wait 60 bee -q cee
for vm in a bee cee; do
    same running "$(vm_status $vm)"
done
same 3 "$(maqet --format plain ls --status running | wc -l)" "machines that run"
same 0 "$(maqet ls --status stopped --format plain | wc -l)" "machines that are stopped"
expect 3 maqet ls --status runing
err_has "running"

# One of several fails: the others go on, and the exit code tells.
expect 0 maqet stop a --timeout 0 --force
expect 0 maqet start bee a
out_has "'bee' is already running"
same running "$(vm_status a)"
expect 3 maqet start bee nobody a
err_has "There is no VM 'nobody'"

for format in table json yaml plain; do
    for command in ls "status a" "args a" "qmp a query-status"; do
        # shellcheck disable=SC2086 # words
        expect 0 maqet $command --format $format
        [ -s out ] || fail "$command --format $format prints nothing"
        [ ! -s err ] || fail "$command --format $format says something"
    done
done
expect 0 maqet ls
out_has NAME
out_has UPTIME
maqet ls --format json >ls.json
grep -q '"name": *"bee"' ls.json || fail "no bee in JSON"
expect 3 maqet ls --format xml
expect 0 maqet stop a bee cee --timeout=0 --force
expect 0 maqet stop a bee cee

# The foreground: QEMU's end is ours, and SIGTERM is the power button first.
"$MAQET" start a --foreground >fg.out 2>fg.err &
foreground=$!
eventually 20 sh -c "'$MAQET' --format plain ls | grep -q '^a	running'"
expect 3 maqet start a --foreground
expect 0 maqet start a
expect 0 maqet stop a --timeout 0 --force
code=0
wait "$foreground" || code=$?
[ "$code" -le 1 ] || fail "start --foreground ended with $code"
"$MAQET" start a --foreground >fg.out 2>fg.err &
foreground=$!
eventually 20 sh -c "'$MAQET' --format plain ls | grep -q '^a	running'"
kill -TERM "$foreground"
# The firmware does not react, so it takes another one to end QEMU. Two that come too close
# together count as one.
eventually 20 sh -c "kill -TERM $foreground; ! kill -0 $foreground"
wait "$foreground" || true
same stopped "$(vm_status a)"

# Usage: what is wrong, and the next command.
expect 3 maqet strat a
err_has "start"
expect 3 maqet start
err_has "maqet start --help"
expect 3 maqet start a --nonsense
err_has "maqet start --help"
expect 3 maqet status a b
for command in add start stop restart status ls rm args validate apply qmp; do
    expect 0 maqet $command --help
    out_has "Usage: maqet $command"
done
expect 0 maqet --version
out_has maqet

# Nobody is asked for what cannot be answered. What keeps all images needs no answer; what
# deletes one is kept until somebody says so.
vm_yaml d <<EOF
storage:
  - {name: hdd, size: 1M, file: d.qcow2}
EOF
expect 0 maqet add d.yaml
expect 0 maqet start d
expect 0 maqet stop d --timeout 0 --force
expect 2 maqet rm d --delete-storage </dev/null
err_has "there is no terminal on which to ask"
err_has "--yes"
expect 2 maqet rm --all --delete-storage </dev/null
same 4 "$(maqet ls --format plain | wc -l)" "machines"
expect 0 maqet rm d </dev/null
kept "$TMP/d.qcow2" "created by maqet"
[ -e d.qcow2 ] || fail "rm deleted an image unasked"
same 3 "$(maqet ls --format plain | wc -l)" "machines"

# A default path in a folder that all can write: made by us alone.
(
    unset MAQET_STORAGE_DIR
    vm_yaml "temporary$$" <<EOF
storage:
  - {name: hdd, size: 1M}
  - {name: data, size: 1M}
  - {name: kept, size: 1M, file: images/kept.qcow2}
EOF
    expect 0 maqet add "temporary$$.yaml"
    cleanup="/tmp/maqet-temporary$$-hdd.qcow2"
    # Where files do not survive a reboot, one warning for all of them, at each start.
    maqet --format plain doctor --timeout 0.1 >doctor || :
    warnings=$(grep -c "^warning	storage_dir	" doctor || :)
    for start in first second; do
        expect 0 maqet start "temporary$$"
        [ $start = second ] || err_has "INFO: Creating qcow2 storage file: $cleanup (1M)"
        same "$warnings" "$(grep -c "WARNING: VM 'temporary$$': no \`file\`" err)" warnings
        [ "$warnings" = 0 ] || err_has "drives 'hdd', 'data', so their images are in /tmp, "
        [ "$warnings" = 0 ] || err_has storage_dir
        expect 0 maqet stop "temporary$$" --timeout 0 --force
    done
    same 600 "$(stat -c %a "$cleanup")" "mode"
    # A folder that somebody has named is not warned of.
    expect 0 maqet --quiet apply "temporary$$" "temporary$$.yaml" --set storage_dir=images
    expect 0 maqet start "temporary$$" --create-missing
    err_lacks WARNING
    expect 0 maqet stop "temporary$$" --timeout 0 --force
    expect 0 maqet apply "temporary$$" "temporary$$.yaml"
    expect 0 maqet start "temporary$$"
    expect 0 maqet rm "temporary$$" --force --delete-storage
    [ ! -e "$cleanup" ] || fail "$cleanup is left"
)

# Two machines whose default paths would be the same file.
vm_yaml x-y <<EOF
storage:
  - {name: z, size: 1M}
EOF
vm_yaml x <<EOF
storage:
  - {name: y-z, size: 1M}
EOF
expect 0 maqet add x-y.yaml
expect 3 maqet add x.yaml
err_has "maqet-x-y-z.qcow2"
err_has "'x-y'"

# What could not be said is a failure, whatever was done.
if [ -e /dev/full ]; then
    for command in ls "--format json ls" --help; do
        code=0
        # shellcheck disable=SC2086 # several words
        maqet $command >/dev/full 2>err || code=$?
        same 1 $code "the exit code of '$command' where nothing can be written"
        err_has "Cannot write to standard output: No space left on device"
    done
fi

# Whoever starts us may have SIGCHLD ignored; how a program ended is known all the same.
if command -v qemu-system-x86_64 >/dev/null && env --ignore-signal=CHLD true 2>/dev/null; then
    vm_yaml orphan <<EOF
storage:
  - {name: hdd, type: qcow2, size: 1M, file: images/orphan.qcow2}
EOF
    expect 0 maqet add orphan.yaml
    # The program itself: a shell does not hand on that it is ignored.
    expect 0 env --ignore-signal=CHLD MAQET_PLUGIN_PATH="$abs_top_builddir/.libs" \
        "$abs_top_builddir/maqet" start orphan
    expect 0 maqet stop orphan --timeout 0 --force
fi

# A full disk does not look like success, whether stdio holds what is written or not.
for arguments in --dump-man 'ls --help' --version; do
    code=0
    # shellcheck disable=SC2086 # options
    maqet $arguments >/dev/full 2>err || code=$?
    same 1 "$code" "the exit code of maqet $arguments with a full disk"
done

# Every help fits a terminal of 80 columns.
helps=0
narrow() { # COMMAND [ACTION]
    expect 0 maqet "$@" --help
    helps=$((helps + 1))
    [ "$(wc -L <out)" -le 80 ] || fail "$* --help is wider than 80 columns: $(grep -E '.{81}' out)"
}
for command in $(maqet --list-commands | cut -f 1); do
    narrow "$command"
    for action in $(sed -nE '/^Actions:/,/^$/s/^  (VM (DRIVE )?)?([a-z][a-z-]*)( .*)?$/\3/p' out); do
        narrow "$command" "$action"
    done
done
[ "$helps" -ge 60 ] || fail "only $helps helps"
