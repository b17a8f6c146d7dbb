# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# functions.sh - what every functional test begins with. A test is a script that reads like
# prose: what it requires, what it does, what it expects. It runs the maqet of the build tree
# with folders of its own, and whatever it started is gone when it ends, however it ends.
#
# By `make check` these are set: MAQET (the program), top_srcdir, abs_top_builddir.

set -eu

: "${MAQET:?this test is run by make check}"
LC_ALL=C
export LC_ALL
unset DISPLAY WAYLAND_DISPLAY MAQET_STORAGE_DIR MAQET_DATA_DIR MAQET_RUNTIME_DIR 2>/dev/null

TEST_NAME=$(basename "$0" .sh)
TMP=$(mktemp -d "${TMPDIR:-/tmp}/maqet-$TEST_NAME.XXXXXX")
: "${SANITIZER_FLAGS:=}"
export MAQET_DATA_DIR="$TMP/data" MAQET_RUNTIME_DIR="$TMP/run" MAQET_STORAGE_DIR="$TMP/images"
export XDG_CONFIG_HOME="$TMP/config"
mkdir "$TMP/images"
cd "$TMP"
# What a test reads further is found from here too: make may have named it relative to there.
srcdir=${abs_top_srcdir:?}

cleanup_commands=
# Runs a command when the test ends; the last one first.
cleanup_fn() {
    cleanup_commands="$*
$cleanup_commands"
}

# kill [-SIGNAL] PID... in these commands: what has ended meanwhile may have left its PID to a process
# of another test. Ours have our folders in their environment, or work in them.
kill_own() {
    kill_own_signal=-TERM
    for kill_own_word; do
        case $kill_own_word in
        -*) kill_own_signal=$kill_own_word ;;
        *)
            ! { grep -qsaF "$TMP/" "/proc/$kill_own_word/environ" ||
                readlink "/proc/$kill_own_word/cwd" 2>/dev/null | grep -qF "$TMP"; } ||
                command kill "$kill_own_signal" "$kill_own_word"
            ;;
        esac
    done
}

finish() {
    status=$?
    kill() { kill_own "$@"; }
    trap - EXIT INT TERM HUP
    set +e
    for vm in "${MAQET_DATA_DIR:-$TMP/data}"/vms/*/; do
        [ -d "$vm" ] && "$MAQET" -q stop --timeout 0 --force "$(basename "$vm")"
    done
    eval "$cleanup_commands"
    cd /
    if [ "${MAQET_TEST_KEEP:-}" ]; then
        echo "kept: $TMP"
    else
        rm -rf "$TMP"
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Ends the test as skipped; as failed where everything is supposed to be there.
skip() {
    echo "SKIPPED: $*" >&2
    [ -z "${MAQET_TEST_REQUIRE:-}" ] || exit 1
    exit 77
}

# What the machine cannot offer whatever is installed (root, mounts) may always be skipped.
skip_always() {
    echo "SKIPPED: $*" >&2
    exit 77
}

requires() {
    for program; do
        command -v "$program" >/dev/null 2>&1 || skip "$program is not installed"
    done
}

# On a slow machine QEMU gets longer to start than a user would give it.
maqet() {
    if [ "${MAQET_TEST_SLOW:-1}" -gt 1 ]; then
        case "${1:-} $* " in
        *" --wait "* | *" --wait="* | *" -w "*) ;;
        "start "* | "restart "*)
            maqet_command=$1
            shift
            set -- "$maqet_command" --wait "$(patience 30)" "$@"
            ;;
        esac
    fi
    "$MAQET" "$@"
}

# What the test is at, for the program that ends it when it takes too long (tests/limit.c).
note_step() {
    [ -z "${MAQET_TEST_STEP:-}" ] || printf '%s\n' "$*" 2>/dev/null >"$MAQET_TEST_STEP" || :
}

# patience SECONDS: how long to wait, in seconds, for what should come: as many, times
# MAQET_TEST_SLOW. It is a bound, so that a test ends when something is broken; no test depends on
# how quick anything is.
patience() {
    echo "$(($1 * ${MAQET_TEST_SLOW:-1}))"
}

# expect CODE COMMAND...: the command's exit code; its outputs go to the files out and err.
expect() {
    wanted=$1
    shift
    note_step "$*"
    got=0
    "$@" >"$TMP/out" 2>"$TMP/err" || got=$?
    if [ "$got" -ne "$wanted" ]; then
        echo "exit code $got instead of $wanted: $*" >&2
        sed 's/^/  out: /' "$TMP/out" >&2
        sed 's/^/  err: /' "$TMP/err" >&2
        exit 1
    fi
}

# out_has TEXT, err_has TEXT: what the last `expect` printed contains the text.
out_has() {
    grep -qF -- "$1" "$TMP/out" || { cat "$TMP/out" >&2; fail "not printed: $1"; }
}
err_has() {
    grep -qF -- "$1" "$TMP/err" || { cat "$TMP/err" >&2; fail "not said: $1"; }
}
out_lacks() {
    ! grep -qF -- "$1" "$TMP/out" || { cat "$TMP/out" >&2; fail "printed: $1"; }
}
err_lacks() {
    ! grep -qF -- "$1" "$TMP/err" || { cat "$TMP/err" >&2; fail "said: $1"; }
}

# kept PATH REASON, removed PATH: what `rm` has said of a file, in one line.
kept() {
    grep -F "  kept     $1 (" "$TMP/out" | grep -qF -- "): $2" ||
        { cat "$TMP/out" >&2; fail "not said to be kept, since $2: $1"; }
}
removed() {
    grep -qF "  removed  $1 (" "$TMP/out" ||
        { cat "$TMP/out" >&2; fail "not said to be removed: $1"; }
}

# same WANTED GOT [WHAT]
same() {
    [ "$1" = "$2" ] || fail "${3:-value}: '$2' instead of '$1'"
}

# Seconds, on a clock that nobody sets.
uptime_seconds() {
    cut -d. -f1 /proc/uptime
}

# eventually SECONDS COMMAND...: the command succeeds sooner or later. After that many seconds, but
# not before a minute, each times MAQET_TEST_SLOW, the test fails.
eventually() {
    deadline=$1
    shift
    note_step "waiting until: $*"
    [ "$deadline" -ge 60 ] || deadline=60
    deadline=$(($(uptime_seconds) + $(patience "$deadline")))
    until "$@" >/dev/null 2>&1; do
        [ "$(uptime_seconds)" -lt "$deadline" ] || fail "never succeeded: $*"
        sleep 0.1
    done
}

# On a busy host, QEMU may take longer to answer than the second that ls waits.
vm_status() {
    vm_status_tries=$(patience 10)
    while :; do
        vm_status_word=$("$MAQET" --format plain ls |
            awk -F '\t' -v vm="$1" '$1 == vm { print $2 }')
        [ "$vm_status_word" = unresponsive ] && [ $((vm_status_tries -= 1)) -gt 0 ] || break
    done
    echo "$vm_status_word"
}
# has_status VM STATUS, for `eventually`.
has_status() { [ "$(vm_status "$1")" = "$2" ]; }
# process_ended PID: it is gone, or waits only for its parent.
process_ended() {
    [ ! -e "/proc/$1" ] || grep -qs '^State:.Z' "/proc/$1/status" || [ ! -e "/proc/$1" ]
}
vm_pid() {
    "$MAQET" --format plain ls | awk -F '\t' -v vm="$1" '$1 == vm { print $3 }'
}

# vm_yaml NAME: NAME.yaml, with the rest of it by stdin. Nothing boots in this VM: its firmware halts at
# once, where QEMU's would be busy for seconds. With arguments of its own, or after VM_BOOTS=yes,
# it has QEMU's.
VM_BOOTS=
vm_yaml() {
    vm_yaml_rest=$(cat)
    vm_yaml_first="arguments: [{bios: $abs_top_builddir/tests/fake/halt.bin}]"
    case $VM_BOOTS$vm_yaml_rest in
    yes* | *arguments:* | *binary:* | *firmware:*) vm_yaml_first='binary: qemu-system-x86_64' ;;
    esac
    cat >"$TMP/$1.yaml" <<EOF
name: $1
$vm_yaml_first
accel: tcg
memory: 64M
$vm_yaml_rest
EOF
}

# runs_by PROGRAM FILE...: the VMs of these files, which vm_yaml made, run by another program.
runs_by() {
    runs_by_program=$1
    shift
    sed -i -e "s|^arguments: .*halt.bin.*|binary: $runs_by_program|" -e "s|^binary: .*|binary: $runs_by_program|" "$@"
}

# Whether QEMU merges overlays upwards, too, while the guest runs: since 8.2.
merges_upwards() {
    qemu-system-x86_64 --version |
        awk -F '[ .]' '/ version / { exit !($4 > 8 || ($4 == 8 && $5 >= 2)) }'
}

# upwards_qemu FOLDER: $qemu is one that is asked for that, with `sandbox: $sandbox`. QEMU 7.2 is, by a program in
# FOLDER: it says that it is 8.2, and does the same, as long as the guest does not write meanwhile.
upwards_qemu() {
    qemu=$(command -v qemu-system-x86_64) sandbox=on
    merges_upwards && return
    case $("$qemu" --version) in
    *' version 7.2.'*) ;;
    *) skip_always "only QEMU 8.2 and later, and 7.2 as if it were, can be asked" ;;
    esac
    cp "$abs_top_builddir/tests/fake/newer-qemu.so" "$1"
    cat >"$1/newer-qemu" <<EOF
#!/bin/sh
case \$1 in --version) echo "QEMU emulator version 8.2.22"; exit ;; esac
LD_PRELOAD=$1/newer-qemu.so exec $qemu "\$@"
EOF
    chmod 755 "$1/newer-qemu" "$1/newer-qemu.so"
    qemu=$1/newer-qemu sandbox=off # in which it may not load that
}

# Whether precopy of a guest under TCG is sound with this QEMU.
precopy_sound() {
    [ "$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')" -ge 10 ]
}

# create_encrypted ARGUMENT...: `qemu-img create` measures how fast it can hash, and gives up now and
# then where the host is busy: "Unable to get accurate CPU usage".
create_encrypted() {
    for create_encrypted_try in 1 2 3 4 5 6 7 8 9 10; do
        ! qemu-img create -q "$@" || return 0
    done
    fail "qemu-img create $*"
}

qemu_required() {
    requires qemu-system-x86_64 qemu-img
}

# debugged VM: its QEMU stands still in the hands of a debugger, and can only be killed.
debugged() {
    debugged_pid=$(cat "$TMP/run/$1/run")
    "$abs_top_builddir/tests/fake/debugger" "$debugged_pid" "$(patience 600)" &
    cleanup_fn "kill $! 2>/dev/null"
    eventually 20 grep -q '^State:.t' "/proc/$debugged_pid/status"
}
