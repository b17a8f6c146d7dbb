#!/bin/bash
# SPDX-License-Identifier: MIT
# The host loses power while a fork is made. What is written for it goes to the disk all at once, just before its job
# is done, so until then files may be there without their content. With the next command, nothing is left of it.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-io qemu-img qemu-nbd strace

vm_yaml web <<END
ports: ["auto:22"]
cloud_init: {user_data: "#cloud-config"}
storage:
- {name: hdd, type: qcow2, file: web.qcow2, size: 1M, snapshots: overlay}
END
qemu-img create -q -f qcow2 web.qcow2 1M
fill web.qcow2 0x11
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet checkpoint web create ready
expect 0 maqet stop web --timeout 0 --force

fork=new
# Its QEMU, by what it was started with.
qemus() { pgrep -f "guest=$fork.*$TMP" || :; }
no_qemu() { [ -z "$(qemus)" ]; }

# lose_power FILE...: what runs ends, the run folder is as the others want it (RUNTIME is in memory, or on a disk), the
# host has started again, and the files are there, but empty.
lose_power() {
    local pid boot
    for pid in $(qemus); do kill -9 "$pid"; done
    eventually 30 no_qemu || fail "$what: a QEMU is left"
    # What outlives the command writes into the journal once more.
    eventually 30 command_ended || fail "$what: a process of the command is left"
    for file; do
        [ ! -f "$file" ] || : >"$file"
    done
    [ "$runtime" != memory ] || rm -rf "run/$fork"
    [ -e "data/vms/$fork/pending.json" ] || return 0
    # In place: a copy of the journal would be another file.
    boot=$(sed 's/"boot": *"[^"]*"/"boot":"00000000-0000-0000-0000-000000000000"/' "data/vms/$fork/pending.json")
    printf '%s\n' "$boot" >"data/vms/$fork/pending.json"
}
command_ended() {
    local pid
    for pid in $(pgrep -f 'fork web new --from ready'); do
        [ "$(readlink "/proc/$pid/cwd")" != "$(pwd -P)" ] || return 1
    done
}
# What was synced before the fork had its name, or its image had, is there.
unsynced() {
    find "data/vms/$fork" "run/$fork" -type f | grep -vE "/$fork/((vm|fork|pending|images|ended)\.json|owner)\$"
    echo "$fork.qcow2"
    # Created, but not written yet.
    [ -e "data/vms/$fork/images.json" ] || echo "data/vms/$fork/slots.json"
}
none_is_left() {
    [ ! -e "data/vms/$fork" ] || fail "$what: the VM is left: $(cat out err)"
    same '' "$(ls -A | grep -E "^\.?$fork|maqet-new|maqet-lock")" "$what: what is left"
    same '' "$(ls -A run | grep "^$fork")" "$what: what is left in the runtime folder"
}

undone=0
# at_every_step RUNTIME COMMAND OPTION...: the files are empty, and COMMAND is the next one.
at_every_step() {
    local command=$2 step=0 code
    runtime=$1
    shift 2
    while :; do
        step=$((step + 1))
        what="fork $* killed at rename $step, then $command, the run folder in $runtime"
        code=0
        traced rename "signal=KILL:when=$step" fork web new --from ready "$@" >out 2>err || code=$?
        if [ -e data/vms/new/pending.json ]; then
            undone=$((undone + 1))
            # shellcheck disable=SC2046 # one file a word
            lose_power $(unsynced)
            # Other commands are not in the way of it, nor it of them.
            expect 0 maqet ls
            expect 0 maqet status web
            case $command in
            rm) expect 0 maqet rm new --delete-storage --yes ;;
            start) ! maqet start new >out 2>err || fail "$what: an incomplete fork was started" ;;
            esac
        elif [ -e data/vms/new ]; then
            [ "$code" -eq 0 ] || fail "$what: the fork is there without its job"
            expect 0 maqet rm new --force --delete-storage --yes
        fi
        none_is_left
        [ "$code" -ne 0 ] || break
    done
}
at_every_step memory rm
at_every_step disk start
at_every_step memory start --discard
[ "$undone" -ge 12 ] || fail "hardly ever in the middle: $undone times"

# Once its job says that its guest is about to be resumed, all of it is on the disk, and it stays.
stays=0 step=0 code=137
while [ $code -ne 0 ]; do
    step=$((step + 1))
    what="fork killed at unlink $step"
    code=0
    traced unlink "signal=KILL:when=$step" fork web new --from ready >out 2>err || code=$?
    if grep -qs '"phase": *"resume"' data/vms/new/pending.json; then
        stays=$((stays + 1))
        lose_power
        expect 0 maqet recover new
        [ ! -e data/vms/new/pending.json ] || fail "$what: its job is left"
        holds new.qcow2 0x11
        expect 0 maqet start new
    fi
    [ ! -e data/vms/new ] || expect 0 maqet rm new --force --delete-storage --yes
    none_is_left
done
[ $stays -ge 1 ] || fail "never killed when it was ready"

# What is discarded is removed as well when its job was done, and so is a run.
for runtime in memory disk; do
    fork=new what="a fork that is discarded, the run folder in $runtime"
    expect 0 maqet fork web new --from ready --discard
    # shellcheck disable=SC2046 # one file a word
    lose_power $(unsynced)
    expect 0 maqet recover web
    none_is_left
    fork=web-run-1 what="a run, the run folder in $runtime"
    rm -f began
    "$MAQET" run web --from ready --discard -- sh -c ': >began; while [ -e began ]; do sleep 0.1; done' >out 2>err </dev/null &
    run=$!
    eventually 60 test -e began
    kill -9 $run
    wait $run || :
    rm -f began
    # shellcheck disable=SC2046 # one file a word
    lose_power $(unsynced)
    expect 0 maqet recover web
    none_is_left
done

# When the command says that forks run, all that belongs to them was synced, and the folders that it is in; of what is
# discarded, only what its removal needs.
traced_forks() { # VM OPTION...
    rm -f trace ended
    # The program itself, since what it executes is not traced: QEMU would be waited for.
    (ASAN_OPTIONS=detect_leaks=0 MAQET_PLUGIN_PATH=$abs_top_builddir/.libs strace -f -b execve -qq -y -s 500 -o trace -e trace=fsync,rename,unlink \
        "$abs_top_builddir/maqet" fork "$1" new --from ready --count 2 "${@:2}" >out 2>err && : >ended) &
    eventually 60 runs new-1 && eventually 60 runs new-2 || fail "the forks do not run: $(cat err)"
    eventually 30 no_pending || fail 'the jobs are not done'
    # run and lock have no content that matters, and the others are logs.
    files=$(find data/vms/new-? new-?.qcow2 -maxdepth 1 -type f 2>/dev/null | grep -vE '/(run|lock|events|console\.log)$')
    expect 0 maqet rm new-1 new-2 --force --delete-storage --yes
    wait
    [ -e ended ] || fail "the command failed: $(cat err)"
}
no_pending() { [ -z "$(ls data/vms/new-*/pending.json 2>/dev/null)" ]; }
runs() { maqet --format plain qmp "$1" query-status 2>/dev/null | grep -q '"running":true'; }
# A file may have had another name, or the folder in which it is.
synced() {
    grep -qE "fsync\\([0-9]+<$TMP${1:+/}$1>" trace ||
        grep -qE "fsync\\([0-9]+<$TMP/data/vms/($(basename "$(dirname "$1")")|\\.maqet-add\\.[^/]*)/\\.?$(basename "$1")(\\.maqet-[^/]*)?>" trace
}
traced_forks web
for file in $files data/vms/new-1 data/vms/new-2 data/vms ''; do
    synced "$file" || fail "'$file' was not synced"
done
# All of a fork before its job says that it stays, and that before the job is done.
mv trace all
for number in 1 2; do
    ready=$(grep -nE "rename\\(.*/new-$number/pending\\.json\"" all | tail -n 1 | cut -d : -f 1)
    ends=$(grep -nE "unlink\\(.*/new-$number/pending\\.json\"" all | tail -n 1 | cut -d : -f 1)
    head -n "$ready" all >trace
    grep -qE "fsync\\([0-9]+<$TMP/data/vms/new-$number/\\.pending\\.json\\.maqet-" trace ||
        fail "the record that fork $number is ready was not synced before it was renamed"
    for file in $(printf '%s\n' $files | grep "new-$number") "data/vms/new-$number" data/vms ''; do
        synced "$file" || fail "'$file' was not synced before its fork was ready"
    done
    sed -n "$ready,${ends}p" all >trace
    synced "data/vms/new-$number" || fail "fork $number was resumed before it was recorded that it stays"
done
traced_forks web --discard
for file in fork.json ended.json; do
    synced data/vms/new-1/$file || fail "a fork is discarded, and $file was not synced"
done
grep -qE "fsync\([0-9]+<$TMP/run/new-1/\.?owner" trace || fail 'the owner of the run folder was not synced'
for file in new-1.qcow2 data/vms/new-1/slots.json data/vms/new-1/generation; do
    ! synced "$file" || fail "a fork is discarded, but $file was synced"
done
# The records of images, without which a VM cannot be removed, even if it has no image.
vm_yaml served <<END
storage:
- {name: hdd, type: qcow2, file: served.qcow2, size: 1M}
END
expect 0 maqet add served.yaml
expect 0 maqet start served
expect 0 maqet checkpoint served create ready
traced_forks served --discard
synced data/vms/new-1/images.json || fail 'the records of images were not synced'
holds web.qcow2 0x11
