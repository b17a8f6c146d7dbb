#!/bin/sh
# SPDX-License-Identifier: MIT
# The runtime folder is removed while a machine runs, as at the end of a login session: the
# machine is known to run, is not changed behind QEMU's back, and can be stopped.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

vm_yaml web <<EOF
storage:
  - {name: hdd, size: 1M, file: images/web.qcow2}
EOF
expect 0 maqet add web.yaml
cleanup_fn '[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null'

lose() {
    expect 0 maqet start web
    pid=$(vm_pid web)
    kill -0 "$pid"
    rm -r run
}
runs() {
    kill -0 "$pid" || fail "QEMU was ended"
    same "running, runtime folder lost" "$(vm_status web)" status
    [ ! -e run/web ] || fail "a folder was made in the place of the one that is lost"
}
ended() {
    ! readlink "/proc/$pid/exe" >/dev/null || fail "QEMU runs on"
    pid=
    same stopped "$(vm_status web)" status
}
has_status() {
    [ "$(vm_status web)" = "$1" ]
}
refused() { # CODE COMMAND...
    expect "$@"
    err_has "is running (PID $pid), but its runtime folder is lost ($TMP/run/web)"
    err_has "maqet stop web"
    err_lacks "kill"
    runs
}

lose
runs
expect 0 maqet ls --status running
out_has "running, runtime folder lost"
expect 0 maqet status web
out_has "running, runtime folder lost"
out_has "$pid"
out_has "$TMP/images/web.qcow2"
err_has "its runtime folder is lost"
err_has "maqet stop web"
expect 0 maqet --format json status web
grep -q '"status": *"running, runtime folder lost"' out || fail "not in the JSON text"
grep -q '"runtime_folder_lost": *true' out || fail "not in the JSON text"

# It is not started beside what runs, nor forgotten.
expect 3 maqet start web
err_has "is already running (PID $pid), but its runtime folder is lost ($TMP/run/web)"
err_has "maqet stop web"
err_lacks "kill"
expect 3 maqet start web --foreground
err_has "is already running (PID $pid), but its runtime folder is lost"
expect 3 maqet start web --yes --from nothing
err_has "is already running (PID $pid), but its runtime folder is lost"
refused 3 maqet rm web --yes
refused 3 maqet rm web --yes --delete-storage
refused 3 maqet rm --all --yes
[ -f images/web.qcow2 ] || fail "the image went"

# Nor is anything done to it as if it were stopped; or as if QEMU could be told.
for way in '' --live --auto; do
    # shellcheck disable=SC2086
    refused 3 maqet snapshot web create hdd one $way
done
refused 3 maqet snapshot web create --all one
refused 3 maqet snapshot web load hdd one --live --yes
refused 3 maqet snapshot web export hdd one one.raw
refused 3 maqet snapshot web delete hdd one
refused 3 maqet resize web hdd 2M
refused 3 maqet checkpoint web create one
refused 3 maqet checkpoint web load one --yes
refused 3 maqet checkpoint web delete one
refused 125 maqet run web --from one --discard -- true
refused 3 maqet qmp web query-status
refused 3 maqet recover web
expect 3 maqet check web
err_has "is running, runtime folder lost (PID $pid)"
qemu-img snapshot -l -U images/web.qcow2 | grep -q one && fail "there is a snapshot"
# What only looks reads the images.
expect 0 maqet snapshot web list
err_has "its runtime folder is lost"
err_has "the images are read instead"
expect 0 maqet storage ls
expect 3 maqet storage rm "$TMP/images/web.qcow2" --yes
[ -f images/web.qcow2 ] || fail "the image went"
expect 0 maqet apply web web.yaml --set memory=65M
out_has "which is running"
runs

# The power button is pressed, by the descriptor that QEMU has of its monitor's socket; a guest
# that does not hear it is left running.
expect 2 maqet stop web --timeout 0
err_lacks "could not be pressed"
err_has "maqet stop web --force"
runs
# By force, QEMU is ended with a signal, at which it flushes its images.
expect 0 maqet stop web --timeout 0 --force
ended

# Without --force: a guest that has not run is not asked, but QEMU is told to quit.
vm_yaml web <<EOF
arguments:
  - S
  - no-shutdown
storage:
  - {name: hdd, size: 1M, file: images/web.qcow2}
EOF
expect 0 maqet apply web web.yaml
lose
expect 0 maqet stop web --timeout 60
ended

# Removed by force.
lose
expect 0 maqet rm web --force --delete-storage
! readlink "/proc/$pid/exe" >/dev/null || fail "QEMU runs on"
[ ! -e images/web.qcow2 ] || fail "the image is left"
expect 0 maqet add web.yaml

# Only the monitor's socket is lost, as by what cleans /tmp.
expect 0 maqet start web
pid=$(vm_pid web)
rm run/web/qmp.sock
same "running, runtime folder lost" "$(vm_status web)" status
expect 3 maqet snapshot web create hdd one --live
err_has "(PID $pid), but its monitor's socket is lost ($TMP/run/web/qmp.sock)"
expect 0 maqet stop web --timeout 60
ended

# Another machine of that name takes the place of the folder: it is not this one's.
lose
mkdir other
sed -i 's/web.qcow2/other.qcow2/' web.yaml
expect 0 maqet --data-dir "$TMP/other" add web.yaml
expect 0 maqet --data-dir "$TMP/other" start web
cleanup_fn '"$MAQET" -q --data-dir "$TMP/other" stop web --timeout 0 --force'
[ -S run/web/qmp.sock ] || fail "the other one has not got the folder"
same "running, runtime folder lost" "$(vm_status web)" status
expect 3 maqet qmp web query-status
err_has "its runtime folder is lost"
expect 0 maqet restart web
err_lacks WARNING
[ -S run/web@2/qmp.sock ] || fail "it has not got another folder"
same paused "$(vm_status web)" status
expect 0 maqet stop web --timeout 0 --force
expect 0 maqet --data-dir "$TMP/other" qmp web query-status

# In the foreground, what ends the command still reaches the guest.
rm -rf run/web@2
"$MAQET" start web --foreground 2>err &
foreground=$!
eventually 60 has_status paused
expect 0 maqet pause web # which waits for the end of the start
pid=$(vm_pid web)
rm -r run/web@2
kill -TERM "$foreground"
wait "$foreground" || { cat err >&2; fail "the command failed"; }
ended
