#!/bin/bash
# SPDX-License-Identifier: MIT
# One of the processes that make several forks is killed, while it loads, while it waits for the others, and while
# it resumes guests. The command says what has become of each fork, and that is true without a further one.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${abs_top_srcdir:?}/tests/functional/image-functions.sh"
qemu_required
requires qemu-img

vm_yaml web <<END
ports: ["auto:22"]
storage:
- {name: hdd, type: qcow2, file: web.qcow2, size: 1M, snapshots: overlay}
END
qemu-img create -q -f qcow2 web.qcow2 1M
expect 0 maqet add web.yaml
expect 0 maqet start web
expect 0 maqet checkpoint web create ready
expect 0 maqet stop web --timeout 0 --force

count=8
runs() { maqet --format plain qmp "$1" query-status | grep -q '"running":true'; }
qemu_of() { pgrep -f "guest=$1[, ].*$TMP" || :; }
# Those of a command that are there, by what they run: not those that make images.
workers() {
    local pid
    for pid in $(pgrep -P "$fork"); do
        [ "$(readlink "/proc/$pid/exe")" != "$(readlink "/proc/$fork/exe")" ] || echo "$pid"
    done
}
all_work() { [ "$(workers | wc -l)" -ge 3 ]; }
# forks_of WORKER: those that it has in its hands.
forks_of() {
    # shellcheck disable=SC2012 # names of ours
    ls -l "/proc/$1/fd" 2>/dev/null | sed -n "s|.*$TMP/data/vms/\(new-[0-9]*\)/.*|\1|p" | sort -u
}
# Or it has ended, since the others have taken all of them.
has_one() { [ -n "$(forks_of "$1")" ] || ! kill -0 "$1" 2>/dev/null; }
# Whether it has loaded all that it may.
waits() {
    local fork
    [ -n "$(forks_of "$1")" ] || return 1
    for fork in $(forks_of "$1"); do grep -q '"phase": *"resume"' "data/vms/$fork/pending.json" || return 1; done
}
# Begins with all but one stopped, so that this one loads the most, and waits for them. None is stopped before it
# has a fork, as it may have a lock then that the others need. Again, if that was too late.
begin_alone() {
    local attempt turn pid
    for attempt in 1 2 3 4 5 6; do
        begin
        # shellcheck disable=SC2046 # words
        set -- $(workers)
        others="$1 $2" victim=$3
        cleanup_fn "kill -CONT $others 2>/dev/null"
        for pid in $others; do
            until has_one "$pid"; do :; done
            kill -STOP "$pid" || :
        done
        for turn in $(seq $((20 * attempt))); do
            ! waits "$victim" || return 0
            sleep 0.1
        done
        # shellcheck disable=SC2086 # words
        kill -CONT $others || :
        check
    done
    fail "$what: they were never stopped in time"
}
alone() { [ "$(workers)" = "$1" ]; }

begin() { # OPTION...
    rm -f out err
    "$MAQET" --format json fork web new --from ready --count $count "$@" >out 2>err </dev/null &
    fork=$!
    cleanup_fn "kill $fork 2>/dev/null"
    until all_work; do
        kill -0 "$fork" 2>/dev/null || fail "$what: it has ended: $(cat err)"
    done
}
# What is said is so: made counts those that run, lost the others.
check() {
    local name qemu
    code=0 made=0 lost=0
    wait $fork || code=$?
    cp err said
    for number in $(seq $count); do
        name=new-$number
        if [ -e "data/vms/$name" ]; then
            [ ! -e "data/vms/$name/pending.json" ] || fail "$what: a job of $name is left: $(cat err)"
            runs $name || fail "$what: $name does not run: $(cat err)"
            grep -q "\"name\": *\"$name\"" out || fail "$what: $name is not reported: $(cat out err)"
            ! grep -q "Fork '$name'" err || fail "$what: $name is reported as lost: $(cat err)"
            made=$((made + 1))
        else
            ! grep -q "\"name\": *\"$name\"" out || fail "$what: $name is gone, but reported: $(cat out err)"
            grep -q "Fork '$name'.*\(nothing is left of it\|It was not made\)" err ||
                fail "$what: it is not said that $name is gone: $(cat err)"
            qemu=$(qemu_of $name)
            [ -z "$qemu" ] || fail "$what: QEMU of $name is left: $qemu"
            lost=$((lost + 1))
        fi
    done
    same "$made" "$(grep -o '"pid": *[1-9]' out | wc -l)" "$what: processes that are reported"
    same "$made" "$(grep -o -- '-> 22"' out | wc -l)" "$what: ports that are reported"
    [ $lost -eq 0 ] || err_has "$made of $count forks run"
    [ $((code != 0)) = $((lost > 0)) ] || fail "$what: exit code $code: $(cat err)"
    for name in data/vms/new-*; do
        [ ! -e "$name" ] || expect 0 maqet rm "${name##*/}" --force --delete-storage --yes
    done
    same '' "$(ls -A | grep -E '^\.?new|maqet-new|maqet-lock')" "$what: what is left"
}

for options in '' --discard; do
    what="killed while it loads ($options)"
    # shellcheck disable=SC2086 # none, or one
    begin $options
    victim=$(workers | head -n 1)
    eventually 60 has_one "$victim"
    kill -9 "$victim" || :
    check
done

what='killed while it waits for the others'
begin_alone
held=$(forks_of "$victim" | wc -l)
kill -9 "$victim"
# shellcheck disable=SC2086 # words
kill -CONT $others
check
same "$held" $lost "$what: how many were lost"

what='killed while it resumes guests'
complete=0
for _ in 1 2 3; do
    begin_alone
    # The last one of its guests does not answer, so that the jobs of the others are not done either.
    slow=$(qemu_of "$(forks_of "$victim" | tail -n 1)")
    kill -STOP "$slow"
    # shellcheck disable=SC2086 # words
    kill -CONT $others
    # What they have resumed then, it has, too.
    eventually 60 alone "$victim"
    kill -9 "$victim"
    kill -CONT "$slow"
    check
    ! grep -q "was interrupted; it is complete" said || complete=$((complete + 1))
    [ $complete -eq 0 ] || break
done
[ $complete -gt 0 ] || fail "$what: none was complete: $(cat said)"
