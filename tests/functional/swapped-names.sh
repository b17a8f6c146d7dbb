#!/bin/sh
# SPDX-License-Identifier: MIT
# Another user changes what lies under an image's name while root starts the machine: QEMU
# never opens a file that was not looked at, and no start succeeds without its image. maqet
# is stopped at the very system calls between which the names change.
. "${srcdir:-.}/tests/functional/functions.sh"
. "${srcdir:-.}/tests/functional/image-functions.sh"
qemu_required
requires strace setpriv
[ "$(id -u)" -eq 0 ] || skip_always "needs root, to be another user"
other=65534
as_other() {
    setpriv --reuid "$other" --regid "$other" --clear-groups -- "$@"
}
chmod 711 "$TMP"
mkdir sticky open
chmod 1777 sticky
chmod 777 open
echo 'for root only' >secret
chmod 600 secret
truncate -s 1M secret

# stopping CALL:N ... -- ARGUMENT...: maqet in the background, stopped after the Nth of each
# of these calls. -P PATH among them: only calls about that path count.
stopping() {
    calls=
    set_options=
    while [ "$1" != -- ]; do
        case $1 in
        -P)
            set_options="$set_options -P $2"
            shift
            ;;
        *)
            calls="$calls,${1%:*}"
            set_options="$set_options -e inject=${1%:*}:signal=STOP:when=${1#*:}"
            ;;
        esac
        shift
    done
    shift
    : >trace
    stops=0
    # shellcheck disable=SC2086 # words
    ASAN_OPTIONS=detect_leaks=0 strace -o trace -e "trace=${calls#,}" $set_options \
        "$MAQET" "$@" >out 2>err &
    tracer=$!
}
stop_count() {
    grep -c -e '--- stopped by SIGSTOP' trace || :
}
# until_stopped, go_on: the next of these calls is over; maqet runs again.
is_stopped() {
    [ "$(stop_count)" -gt "$stops" ]
}
until_stopped() {
    eventually 60 is_stopped
    stops=$(stop_count)
}
go_on() {
    kill -CONT "$(cat "/proc/$tracer/task/$tracer/children")"
}
# ended CODE: with this exit code.
ended() {
    got=0
    wait "$tracer" || got=$?
    [ "$got" -eq "$1" ] || {
        cat out err >&2
        fail "exit code $got instead of $1"
    }
}

# machine NAME DRIVE-KEYS
machine() {
    vm_yaml "$1" <<END_OF_YAML
storage:
  - {name: hdd, type: raw, preallocation: off$2}
END_OF_YAML
    expect 0 maqet add "$1.yaml"
}
not_started() {
    same created "$(vm_status "$1")"
}

# A name in a folder such as /tmp that appears before the new image gets it, goes away again,
# and is a link to root's file as soon as maqet has seen that there is nothing.
MAQET_STORAGE_DIR=$TMP/sticky
image=sticky/maqet-gone-hdd.raw
machine gone ', size: 1M'
new=$TMP/sticky/.maqet-gone-hdd.raw.maqet-new
stopping -P "$TMP/sticky" -P "$new" fsync:1 renameat2:1 unlinkat:3 -- start gone
until_stopped
[ ! -e "$image" ] || fail "$image has its name already"
as_other touch "$image"
go_on
until_stopped
as_other rm "$image"
go_on
until_stopped
as_other ln -s "$TMP/secret" "$image"
go_on
ended 1
err_has "maqet-gone-hdd.raw appeared while it was being created, and is gone again"
not_started gone
same "for root only" "$(head -n 1 secret)"
rm "$image"
same '' "$(ls -A sticky)" "what is left in the folder"
expect 0 maqet start gone
expect 0 maqet stop gone --force

# The new image itself is moved away, where the folder's mode allows it.
machine moved ", size: 1M, file: open/moved.img"
stopping renameat2:1 -- start moved
until_stopped
as_other mv open/moved.img open/elsewhere.img
go_on
ended 1
err_has "$TMP/open/moved.img was just created, and is already gone"
not_started moved
machine replaced ", size: 1M, file: open/replaced.img"
stopping renameat2:1 -- start replaced
until_stopped
as_other mv open/replaced.img open/elsewhere.img
as_other ln -s "$TMP/secret" open/replaced.img
go_on
ended 1
err_has "$TMP/open/replaced.img, which was just created, was replaced by another file"
not_started replaced

# late NAME COMMAND...: runs the command as the other user when all has been looked at and
# QEMU is to be launched: the last that is written before is the mark of a first start.
late() {
    late_vm=$TMP/data/vms/$1
    stopping -P "$late_vm" fsync:1+ -- start "$1"
    shift
    until_stopped
    until [ -e "$late_vm/started" ]; do
        go_on
        until_stopped
    done
    as_other "$@"
    go_on
    # What is written after the failure.
    while kill -0 "$tracer" 2>/dev/null; do
        if is_stopped; then
            stops=$((stops + 1))
            go_on
        fi
        sleep 0.05
    done
}
truncate -s 1M open/late.img
machine late ", file: open/late.img"
late late ln -sf "$TMP/secret" open/late.img
ended 1
err_has "late.yaml:6:"
err_has "$TMP/open/late.img was replaced by another file after it was checked"
not_started late
rm open/late.img
truncate -s 1M open/late.img
late late rm -f open/late.img
ended 3
err_has "$TMP/open/late.img has disappeared since it was checked"
[ ! -e open/late.img ] || fail "an image was made in the place of the one that was there"

# A base, and a folder to share.
truncate -s 1M open/base.img
vm_yaml base <<END
storage:
  - {name: hdd, size: 1M, file: top.qcow2, backing_file: open/base.img, backing_format: raw}
END
expect 0 maqet add base.yaml
late base ln -sf "$TMP/secret" open/base.img
ended 1
err_has "$TMP/open/base.img was replaced by another file after it was checked"
not_started base
as_other mkdir open/share open/other
vm_yaml share <<END
storage:
  - {name: files, type: virtfs, path: open/share, security_model: none}
END
expect 0 maqet add share.yaml
late share sh -c 'mv open/share open/old && mv open/other open/share'
ended 1
err_has "$TMP/open/share was replaced by another file after it was checked"
not_started share
