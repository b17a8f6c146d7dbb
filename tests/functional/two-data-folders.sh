#!/bin/sh
# SPDX-License-Identifier: MIT
# Machines of one name in two data folders that share a runtime folder are two machines, and so
# are one and its copy: none is seen, stopped, changed or removed in the place of the other.
. "${srcdir:-.}/tests/functional/functions.sh"
qemu_required

a() {
    maqet --data-dir "$TMP/a" "$@"
}
b() {
    maqet --data-dir "$TMP/b" "$@"
}
cleanup_fn 'for data in a b c moved restored; do
    [ -d "$data" ] && "$MAQET" -q --data-dir "$TMP/$data" stop web --timeout 0 --force
done'

status_in() { # DATA
    maqet --data-dir "$TMP/$1" --format plain ls | cut -f 2
}
pid_in() { # DATA
    maqet --data-dir "$TMP/$1" --format plain ls | cut -f 3
}

for data in a b; do
    vm_yaml web <<EOF
storage:
  - {name: hdd, size: 1M, file: images/$data.qcow2}
EOF
    expect 0 maqet --data-dir "$TMP/$data" add web.yaml
done
expect 0 a start web
pid=$(pid_in a)

# What runs is a's. b's was never started, and nothing of b's reaches a's.
same created "$(status_in b)" "status of the other one"
expect 0 b --format json status web
grep -q '"pid": *null' out || fail "the other one has a PID"
expect 3 b snapshot web create hdd one --live
err_has "is not running (status: created)"
expect 3 b qmp web query-status
err_has "is not running"
expect 0 b stop web --timeout 0 --force
out_has "was not running"
expect 3 b resize web hdd 2M
expect 3 b checkpoint web create now
expect 0 b check web
expect 3 b snapshot web create hdd one
expect 0 a snapshot web list hdd
out_has "No snapshots"
same "running $pid" "$(status_in a) $(pid_in a)" "the one that runs"

# Both run at the same time, and each has a folder.
expect 0 b start web
other=$(pid_in b)
[ "$other" != "$pid" ] || fail "one process is two machines"
same "running $pid" "$(status_in a) $(pid_in a)" "the first one"
same "$pid $other" "$(cat run/web/run run/web@2/run | tr '\n' ' ' | sed 's/ $//')" "PIDs"
expect 0 b snapshot web create hdd of-b --live
expect 0 a snapshot web list hdd
out_has "No snapshots"
expect 0 b qmp web query-name
expect 0 a status web
out_has "$TMP/images/a.qcow2"
expect 0 b status web
out_has "$TMP/images/b.qcow2"
expect 0 b rm web --force
same "running $pid" "$(status_in a) $(pid_in a)" "the first one"
[ -S run/web/qmp.sock ] || fail "the first one has lost its folder"
[ ! -e run/web@2 ] || fail "the other one's folder is left"
kill -0 "$pid" || fail "the wrong QEMU was ended"

# A crashed one is a's alone, too.
expect 0 b add web.yaml
kill -KILL "$pid"
has_crashed() {
    [ "$(status_in a)" = crashed ]
}
eventually 20 has_crashed
same created "$(status_in b)" "status of the other one"
expect 0 b start web
same crashed "$(status_in a)" "status of the first one"
expect 0 b stop web --timeout 0 --force
expect 0 a start web

# The images of a machine in another data folder are named with it, and the hint finds it.
sed -i 's/b.qcow2/a.qcow2/' web.yaml
expect 0 b apply web web.yaml
expect 1 b start web
err_has "in use by QEMU of VM 'web' in $TMP/a (PID $(pid_in a))"
err_has "maqet --data-dir '$TMP/a' stop web"
err_lacks "kill"
expect 0 b rm web --yes

# A copy of the data folder, which has the same UUIDs.
cp -a a c
pid=$(pid_in a)
same stopped "$(status_in c)" "status of the copy"
expect 0 maqet --data-dir "$TMP/c" stop web --timeout 0 --force
out_has "was not running"
expect 1 maqet --data-dir "$TMP/c" start web
err_has "in use by QEMU of VM 'web' in $TMP/a (PID $pid)"
expect 0 maqet --data-dir "$TMP/c" rm web --force --delete-storage
[ -f images/a.qcow2 ] || fail "the copy has deleted the image"
same "running $pid" "$(status_in a) $(pid_in a)" "the one that was copied"

# A data folder that is moved while it runs still has that machine.
mv a moved
same "running $pid" "$(status_in moved) $(pid_in moved)" "the one that was moved"
expect 0 maqet --data-dir "$TMP/moved" snapshot web create hdd moved --live
# So has it with another runtime folder: it is where it was started.
expect 0 maqet --data-dir "$TMP/moved" --runtime-dir "$TMP/elsewhere" qmp web query-status
expect 0 maqet --data-dir "$TMP/moved" --runtime-dir "$TMP/elsewhere" start web
out_has "is already running (PID $pid)"

# One that is moved to another file system, or comes back from a backup, has a run file of its
# own, and the machine all the same.
cp -a moved restored
same stopped "$(status_in restored)" "status of a copy"
rm -r moved
same "running $pid" "$(status_in restored) $(pid_in restored)" "the one that was restored"
expect 0 maqet --data-dir "$TMP/restored" snapshot web create hdd restored --live
expect 0 maqet --data-dir "$TMP/restored" start web
out_has "is already running (PID $pid)"
expect 3 maqet --data-dir "$TMP/restored" rm web --yes
expect 0 maqet --data-dir "$TMP/restored" --runtime-dir "$TMP/elsewhere" stop web --timeout 0 --force
same stopped "$(status_in restored)" "status of the one that was restored"
expect 0 maqet --data-dir "$TMP/restored" start web
[ -S run/web/qmp.sock ] || fail "it has not got its folder again"
expect 0 maqet --data-dir "$TMP/restored" rm web --force --delete-storage
same '' "$(ls -A run)" "what is left of all of them"
